"""What people type about a run: how to do it again, what they think of it, what makes a step a test case."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms

from agents_app import cases, reruns, versions
from agents_app.graph import Node
from agents_app.models import Deployment, Gate, PromptVersion, RunMark, StepKind, StepRun
from agents_app.names import in_words
from agents_app.reruns import Wanted
from clients.keys import EFFORTS
from clients.models import AgentKey

OFFERED = 20  # deployments to choose from, the newest
LONGEST_INPUT = 200_000  # characters


class DocumentField(forms.CharField):
    """A JSON object as text."""

    def __init__(self, **options: Any) -> None:
        rows = forms.Textarea(attrs={"rows": 16, "spellcheck": "false", "class": "mono"})
        super().__init__(max_length=LONGEST_INPUT, widget=rows, **options)

    def prepare_value(self, value: object) -> object:
        return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)

    def clean(self, value: Any) -> Any:  # noqa: ANN401 the signature is Django's
        text = super().clean(value)
        if not text:
            return {}
        try:
            document = json.loads(text)
        except ValueError as wrong:
            line, column = getattr(wrong, "lineno", 1), getattr(wrong, "colno", 1)
            raise forms.ValidationError(
                f"This is no JSON at line {line}, character {column}. Look for a comma, bracket or quotation mark."
            ) from None
        if not isinstance(document, dict):
            raise forms.ValidationError("Write an object in braces, with the parts by their names.")
        return document


class RerunForm(forms.Form):
    """What is to differ from the original; left as it is, nothing does."""

    version = forms.ChoiceField(label="Prompt", required=False)
    settings = forms.ChoiceField(label="Settings", required=False)
    effort = forms.ChoiceField(label="Effort", required=False, choices=[("", "As then"), *EFFORTS.items()])
    model = forms.ChoiceField(label="Model", required=False)
    asks_sources = forms.BooleanField(
        label="Ask the research sources again",
        required=False,
        help_text="Otherwise the facts of then are given, and no source is asked or paid.",
    )
    breakpoints = forms.MultipleChoiceField(
        label="Pause before",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="The run asks you there: you see what the step would be given, edit it, and go on or stop.",
    )
    given = DocumentField(
        label="What the step is given",
        required=False,
        help_text="What you change here holds for this step and those behind it.",
    )

    def __init__(self, step: StepRun, data: Any = None) -> None:  # noqa: ANN401 what was posted
        self.step, self.was_given = step, reruns.given(step)
        super().__init__(data, initial={"given": self.was_given})
        self._offer_versions()
        kept = Deployment.objects.filter(client=step.run.client_id).order_by("-number")
        numbers = list(kept.values_list("number", flat=True)[:OFFERED])
        self._offer("settings", [(reruns.NOW, "In force now"), *((str(n), f"Of deployment @{n}") for n in numbers)])
        self._offer("breakpoints", [(node.key, _step_name(node)) for node in reruns.pauses(step)], first=())
        self._offer("model", [(name, name) for name in versions.models()])
        if not self.was_given:
            del self.fields["given"]
        if step.agent != "research_agent":
            del self.fields["asks_sources"]

    def selects(self) -> list[forms.BoundField]:
        """The lists to choose from that there are."""
        return [self[name] for name in ("version", "settings", "effort", "model") if name in self.fields]

    def clean_given(self) -> Mapping[str, Any]:
        """What is left empty stays as it was; who empties the object itself takes all parts out, and is told."""
        said: Mapping[str, Any] = self.cleaned_data["given"]
        if not self.data.get("given", "").strip():
            return self.was_given
        if gone := [name for name in self.was_given if name not in said]:
            parts = ", ".join(self.was_given)
            raise forms.ValidationError(
                f"{', '.join(gone)} is missing. Keep all parts of what the step is given: {parts}."
            )
        return said

    def wanted(self) -> Wanted:
        said = self.cleaned_data
        given: Mapping[str, Any] = said.get("given", self.was_given)
        version = said.get("version")
        return Wanted(
            version=PromptVersion.objects.get(pk=version) if version else None,
            settings=said["settings"],
            effort=said["effort"],
            model=said.get("model", ""),
            edited={name: value for name, value in given.items() if self.was_given.get(name, ...) != value},
            asks_sources=said.get("asks_sources", False),
            breakpoints=said.get("breakpoints", ()),
        )

    def _offer_versions(self) -> None:
        if not self.step.agent:
            del self.fields["version"]
            return
        known = PromptVersion.objects.filter(agent=self.step.agent).defer("text").order_by("-number")
        self._offer("version", [(str(each.pk), _called(each)) for each in known])

    def _offer(
        self, name: str, choices: list[tuple[str, str]], first: tuple[tuple[str, str], ...] = (("", "As then"),)
    ) -> None:
        field: Any = self.fields[name]
        field.choices = [*first, *choices]
        if not choices:
            del self.fields[name]


class GivenForm(forms.Form):
    """What a step would be given, at the pause before it; read as `forms.AnswerForm` is."""

    is_choice, is_pause = False, True
    given = DocumentField(label="What it is given")
    comment = forms.CharField(label="Why, in your words", max_length=300, required=False)

    def __init__(self, gate: Gate, data: Any = None) -> None:  # noqa: ANN401 what was posted
        super().__init__(data, initial={"given": gate.shown})

    def sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        return [("What the step is given", [self["given"]])]

    def edited(self) -> dict[str, Any]:
        return dict(self.cleaned_data["given"])


class MarkForm(forms.Form):
    verdict = forms.ChoiceField(label="What you think of it", choices=RunMark.Verdict.choices, widget=forms.RadioSelect)
    note = forms.CharField(label="Why", max_length=500, required=False)


class CaseForm(forms.Form):
    title = forms.CharField(max_length=cases.LONGEST_TITLE, required=False, help_text="Empty: a name is made for it.")
    note = forms.CharField(
        label="What a good answer has", required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 4})
    )


def _step_name(node: Node) -> str:
    """As its agent is called, or else by its key; with its key where that says more."""
    if not node.agent:
        return in_words(node.key)
    agent = AgentKey(node.agent).label
    name = agent if in_words(node.key) in (agent, "Email") else f"{agent} ({in_words(node.key).lower()})"
    return f"{name}, for all its contacts" if node.kind == StepKind.MAP else name


def _called(version: PromptVersion) -> str:
    note = f": {version.note}" if version.note else ""
    return f"{version} ({version.get_label_display().lower()}){note}"[:90]
