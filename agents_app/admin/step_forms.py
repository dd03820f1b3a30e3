"""The steps of a flow template as forms. The whole graph is checked at once; an error stands at the step to blame."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import CharField, Value
from django.db.models.functions import Concat

from agents_app import flows
from agents_app.models import StepKind, TemplateStep
from clients.keys import ATTRIBUTES

# What counts for some kinds only, and what stands there for the others.
OF_KIND: dict[str, tuple[tuple[str, ...], Any]] = {
    "agent": ((StepKind.AGENT, StepKind.MAP), ""),
    "proposals": ((StepKind.AGENT, StepKind.MAP), 1),
    "wants": ((StepKind.AGENT,), []),
    "tool": ((StepKind.TOOL,), ""),
    "question": ((StepKind.GATE,), ""),
    "expires_hours": ((StepKind.GATE,), 72),
    "goes_on": ((StepKind.GATE,), False),
}


class Keys(forms.CharField):
    """Keys of steps with commas, spaces or line breaks between them; repetitions go."""

    def prepare_value(self, value: object) -> object:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: object) -> list[str]:  # type: ignore[override]
        said = ", ".join(value) if isinstance(value, list) else str(super().to_python(value) or "")
        return list(dict.fromkeys(said.replace(",", " ").split()))

    def has_changed(self, initial: object, data: object) -> bool:
        return (initial or []) != self.to_python(data)


class StepForm(forms.ModelForm):
    after = Keys(
        label="Waits for",
        required=False,
        help_text="Keys of the steps before it, with commas. Empty: it begins at once. A person decides about the one "
        "step named here; a join waits for two or more.",
    )
    tool = forms.ChoiceField(
        choices=[("", "---------"), *((key, f"{key}: {meaning}") for key, meaning in flows.TOOLS.items())],
        required=False,
        help_text="For the kind Tool only.",
    )

    wants = forms.MultipleChoiceField(
        label="Finds out",
        choices=list(ATTRIBUTES.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Of a company, beside what the purpose and the client's settings name. For the research agent only.",
    )

    class Meta:
        model = TemplateStep
        fields = ("position", *flows.STEP_COLUMNS)
        labels = {
            "otherwise": "Said when it is left out",
            "reason": "Why it is in the plan",
            "proposals": "Answers to choose from",
            "expires_hours": "Hours until it expires",
        }
        help_texts = {
            "key": "Its name in this flow: letters, numbers and _. By it other steps wait for it, and conditions ask "
            "about it.",
            "position": "The order on this page; what waits for what decides when it runs.",
            "kind": "Decides what counts below: the agent, the tool, or what a person is asked. A join needs none of "
            "them. What belongs to another kind is emptied when you save.",
            "agent": "For the two kinds of agent only.",
            "condition": "Empty: always. The names it may use stand above the steps.",
            "otherwise": "A sentence for when the condition does not hold. Empty: the values that decided are told.",
            "reason": "A sentence that a person reads on the run.",
            "proposals": "Agents only, in comprehensive runs: independent answers, of which a vote picks one.",
            "question": "What the person is asked. They answer by approving, editing or rejecting.",
            "expires_hours": "How long the run waits for an answer.",
            "goes_on": "Ticked: as if approved. Otherwise nothing behind it is done.",
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name, (kinds, empty) in OF_KIND.items():
            if name in data and data.get("kind") not in kinds:
                data[name] = empty
        return data


class StepFormSet(forms.BaseInlineFormSet):
    def add_fields(self, form: Any, index: int | None) -> None:
        """A new step stands last until somebody says otherwise."""
        super().add_fields(form, index)
        if "position" in form.fields and form.instance.pk is None:
            form.fields["position"].initial = self.initial_form_count() + 1

    def clean(self) -> None:
        """In place of Django's check for repeated keys, which the drawing's own says better."""
        if any(self.errors):
            return
        rows = [form for form in self.forms if form.has_changed() or form.instance.pk]
        rows = [form for form in rows if not form.cleaned_data.get("DELETE")]
        by_key = {form.cleaned_data["key"]: form for form in reversed(rows)}  # of two of one key, the first is blamed
        nobodys = []
        for problem in flows.problems({"steps": [_columns(form) for form in rows], "goal": self.instance.goal}):
            if problem.step in by_key:
                by_key[problem.step].add_error(problem.field, problem.says)
            else:
                nobodys.append(problem.says)
        if nobodys:
            raise ValidationError(nobodys)

    def save(self, commit: bool = True) -> Any:
        """Keys may change hands in one save: those that change or go are given up before any is taken."""
        if commit:
            gone = self.deleted_forms
            moving = [form.instance.pk for form in self.initial_forms if form in gone or "key" in form.changed_data]
            away = Concat(Value("~"), "pk", output_field=CharField())
            self.instance.steps.filter(pk__in=moving).update(key=away)
        return super().save(commit)


def _columns(form: Any) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in flows.STEP_COLUMNS}
