"""The form that plans an experiment, which refuses what `lifecycle` refuses, beside the field at fault; and those that
decide about a proposed setting."""

from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone

from agents_app import versions as prompt_versions
from agents_app.models import PromptVersion
from clients import fields
from clients.keys import Key
from experiments import lifecycle
from experiments.models import Experiment, SettingProposal


class VersionField(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: PromptVersion) -> str:
        note = f": {obj.note[:60]}" if obj.note else ""
        return f"{obj.title}, {obj.get_label_display().lower()}{note}"


class PlanForm(forms.ModelForm):  # type: ignore[type-arg]
    control = VersionField(
        queryset=PromptVersion.objects.none(),
        help_text="What the challenger has to beat: as a rule what the client uses, the live version or a pinned one.",
    )
    challenger = VersionField(queryset=PromptVersion.objects.none(), help_text="The version that is to be better.")

    class Meta:
        model = Experiment
        fields = ("client", "name", "hypothesis", "agent", "metric", "base_rate", "smallest_lift", "window_days")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        versions = PromptVersion.objects.order_by("agent", "-number")
        for name in ("control", "challenger"):
            self.fields[name].queryset = versions  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                setup = self.setup(by=None, at=timezone.now())
                setup["pinned"] = prompt_versions.pinned_for(cleaned["client"], setup["agent"])
                lifecycle.planned_per_variant(**setup)
            except lifecycle.ExperimentRefused as refusal:
                self.add_error(refusal.field or None, str(refusal))
        return cleaned

    def setup(self, *, by: User | None, at: datetime) -> lifecycle.Setup:
        """What `lifecycle` takes, without the client."""
        chosen = {name: value for name, value in self.cleaned_data.items() if name != "client"}
        return cast(lifecycle.Setup, {**chosen, "by": by, "at": at})


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=200, required=False, label="Why", help_text="A few words, for whoever meets the next one like it."
    )


class EditProposalForm(ReasonForm):
    """The proposed value to be changed before it is approved. After it is found valid, `said` is the layer's word."""

    def __init__(self, proposal: SettingProposal, key: Key, data: Any = None) -> None:  # noqa: ANN401 a request's POST
        first = fields.initial_of(key, proposal.proposed)
        super().__init__(data, initial=first, auto_id="edit-%s")
        self.key, self.removed = key, first[f"{key.field}__out"]
        field = fields.field_of(key)
        if isinstance(field, forms.TypedChoiceField):
            field.choices = [(value, label) for value, label in field.choices if value]  # type: ignore[misc,union-attr]
        self.fields = {key.field: field, "reason": self.fields["reason"]}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        self.said = fields.said_in(self.key, {**cleaned, f"{self.key.field}__out": self.removed})
        if self.said is None and not self.errors:
            self.add_error(self.key.field, "Say what it is to be, or dismiss the proposal.")
        return cleaned
