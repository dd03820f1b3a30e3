"""The forms of the review and of a ticket: what people type, made into the arguments of one public function."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import User

from agents_app.models import PromptVersion
from clients import access
from clients.access import scope, visible_clients
from clients.models import AgentKey, Client
from experiments.models import Experiment
from insights.changes import Change, ExperimentStarts, PromptGoesLive, SettingChanges
from insights.models import Suggestion, Ticket

DAYS_TO_DO_IT = 7
Choices = Sequence[tuple[int, str]]


def owners() -> list[tuple[int, str]]:
    """Everybody who may sign in to do something."""
    people = User.objects.filter(is_active=True, is_staff=True).order_by("first_name", "username")
    return [(person.pk, access.called(person)) for person in people]


class AcceptForm(forms.Form):
    """One suggestion → a ticket. Its fields' ids carry the suggestion's number, as several stand on one page."""

    owner = forms.TypedChoiceField(coerce=int, label="Owner")
    due_date = forms.DateField(label="Due", widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    description = forms.CharField(
        label="What to do", widget=forms.Textarea(attrs={"rows": 4}), max_length=2000, required=False
    )

    def __init__(self, suggestion: Suggestion, people: Choices, today: date, data: Any = None, user: int = 0) -> None:  # noqa: ANN401 - as Django's forms
        initial = {"owner": user, "due_date": today + timedelta(days=DAYS_TO_DO_IT), "description": suggestion.text}
        super().__init__(data, prefix=f"accept-{suggestion.pk}", initial=initial)
        choice = self.fields["owner"]
        assert isinstance(choice, forms.TypedChoiceField)
        choice.choices = people


class ReasonForm(forms.Form):
    """Why a suggestion is not followed, or a ticket given up."""

    reason = forms.CharField(
        label="Why", max_length=300, required=False, help_text="A few words, for whoever reads this later."
    )


SETTINGS = {
    "tone": "text",
    "confidence_floor": "number",
    "enabled_agents": "list",
    "custom_fields.emphasis": "text",
    "custom_fields.avoid_terms": "list",
    "custom_fields.offer": "text",
    "custom_fields.proof_points": "list",
    "custom_fields.call_to_action": "text",
    "custom_fields.max_words": "whole number",
    **{f"prompt_overrides.{agent}": "text" for agent in AgentKey.values},
}


class PromptForm(forms.Form):
    """A prompt version goes live."""

    version = forms.ModelChoiceField(PromptVersion.objects.none(), label="Version")

    def __init__(self, user: User, ticket: Ticket, data: Any = None) -> None:  # noqa: ANN401 - as Django's forms
        super().__init__(data, prefix="prompt")
        rows = PromptVersion.objects.exclude(label=PromptVersion.Label.LIVE).order_by("agent", "-number")
        _offer(self, "version", rows)

    @property
    def change(self) -> Change:
        return PromptGoesLive(self.cleaned_data["version"].pk)


class SettingForm(forms.Form):
    """A client's own setting gets another value."""

    client = forms.ModelChoiceField(Client.objects.none(), label="Client")
    field = forms.ChoiceField(choices=[(path, path) for path in SETTINGS], label="Setting")
    value = forms.CharField(
        label="New value",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Lists: one a line. Empty: as the industry's template says.",
    )

    def __init__(self, user: User, ticket: Ticket, data: Any = None) -> None:  # noqa: ANN401 - as Django's forms
        super().__init__(data, prefix="setting")
        own = visible_clients(user).order_by("name")
        _offer(self, "client", own.filter(pk=ticket.client_id) if ticket.client_id else own)

    def clean(self) -> None:
        text, kind = (
            self.cleaned_data.get("value", "").strip(),
            SETTINGS.get(self.cleaned_data.get("field", ""), "text"),
        )
        try:
            self.cleaned_data["value"] = _typed(text, kind)
        except ValueError:
            self.add_error("value", f"“{text}” is not a {kind}. Write it in digits, for example 120 or 0.6.")

    @property
    def change(self) -> Change:
        given = self.cleaned_data
        return SettingChanges(given["client"].pk, given["field"], given["value"])


class ExperimentForm(forms.Form):
    """A planned experiment starts."""

    experiment = forms.ModelChoiceField(Experiment.objects.none(), label="Experiment")

    def __init__(self, user: User, ticket: Ticket, data: Any = None) -> None:  # noqa: ANN401 - as Django's forms
        super().__init__(data, prefix="experiment")
        _offer(
            self, "experiment", scope(Experiment.objects.filter(status=Experiment.Status.DRAFT), user).order_by("name")
        )

    @property
    def change(self) -> Change:
        return ExperimentStarts(self.cleaned_data["experiment"].pk)


def _offer(form: forms.Form, name: str, rows: Any) -> None:  # noqa: ANN401 - a queryset of any model
    choice = form.fields[name]
    assert isinstance(choice, forms.ModelChoiceField)
    choice.queryset = rows


def _typed(text: str, kind: str) -> object:
    """Raises ValueError."""
    if kind == "list":
        return [line.strip() for line in text.splitlines() if line.strip()] or None
    if not text:
        return None
    return {"number": float, "whole number": int}.get(kind, str)(text)
