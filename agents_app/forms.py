"""What people type about drafts, requests and questions. The rules stand in `drafts`, `requests` and `flow`."""

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from agents_app import drafts, gate_texts, requests
from agents_app.models import Campaign, Depth, Draft, FlowRun, Gate, Purpose, Request
from clients import config, contacts, fields
from clients.access import visible_clients
from clients.config import Effective, shown
from clients.keys import BUILT_IN, by_path
from clients.models import Client, Contact
from clients.settings_forms import SettingsForm


class EditForm(forms.Form):
    subject = forms.CharField(max_length=200, strip=True)
    body = forms.CharField(
        label="Text", max_length=drafts.LONGEST_BODY, widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "true"})
    )
    send_at = forms.DateTimeField(
        label="Send at",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="Empty: as soon as it is approved.",
    )

    @classmethod
    def of(cls, draft: Draft) -> "EditForm":
        later = draft.send_at if draft.send_at and draft.send_at > timezone.now() else None
        return cls(initial={"subject": draft.final_subject, "body": draft.final_body, "send_at": later})


class CampaignForm(SettingsForm):
    """A campaign with its layer of settings; below it stands all that is in force for its client."""

    class Meta:
        model = Campaign
        fields = ("client", "name", "goal")

    @classmethod
    def inherits(cls, layer: Any) -> tuple[Effective, Mapping[str, str]]:  # noqa: ANN401 - as in every settings form
        if not layer.client_id:
            return super().inherits(layer)
        found = config.stand_of(layer)
        return found.effective(layer.client), shown.layer_names(layer.client, found.below(layer.client))


class RejectForm(forms.Form):
    rejection = forms.ChoiceField(label="Why", choices=[("", "Choose a reason"), *Draft.Rejection.choices])
    comment = forms.CharField(label="In your words", max_length=300, required=False)


class PersonForm(forms.Form):
    """Whom to write to on the basis of a finished run."""

    email = forms.CharField(
        label="E-mail address of the person",
        max_length=254,
        widget=forms.TextInput(attrs={"list": "people", "autocomplete": "off"}),
    )

    def __init__(self, run: FlowRun, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.run = run

    def clean_email(self) -> Contact:
        return contact_of(self.run.client, self.cleaned_data["email"])


def contact_of(client: Client, email: str) -> Contact:
    """Raises forms.ValidationError where the client knows nobody of this address."""
    try:
        address = contacts.normalise_email(email)
    except contacts.InvalidEmail as error:
        raise forms.ValidationError(str(error)) from error
    contact = contacts.at(client, address)
    if contact is None:
        raise forms.ValidationError(
            f"{client} has no contact with this address. Add the person under Contacts, then come back."
        )
    return contact


FOR_ONE_RUN = [
    by_path(BUILT_IN)[path]
    for path in (
        "tone", "custom_fields.max_words", "call_to_action_style", "model_tier", "effort", "run_budget_usd",
    )
]  # fmt: skip


class AskForm(forms.Form):
    """What a person asks for; refused here, with everything typed kept, where `requests.ask` would refuse it."""

    client = forms.ChoiceField()
    email = forms.CharField(
        label="E-mail address of the contact",
        max_length=254,
        required=False,
        widget=forms.TextInput(attrs={"list": "people", "autocomplete": "off"}),
        help_text="Empty: the company as a whole is looked at.",
    )
    company_domain = forms.CharField(
        label="Company's domain",
        max_length=253,
        required=False,
        help_text="For example northwind-bank.example. Empty: as the contact says.",
    )
    company_name = forms.CharField(
        label="Company's name", max_length=160, required=False, help_text="Empty: as the contact or the research says."
    )
    purpose = forms.ChoiceField(choices=Purpose.choices)
    depth = forms.ChoiceField(initial=Depth.STANDARD)
    reason = forms.CharField(
        label="Why", max_length=300, required=False, help_text="A note for whoever reads the request later."
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        visible = visible_clients(user).select_related("industry").order_by("name", "pk")
        self.clients = {str(client.pk): client for client in visible}  # one query, to choose from and to go on with
        names = [(key, client.name) for key, client in self.clients.items()]
        cast(forms.ChoiceField, self.fields["client"]).choices = [("", "Choose a client"), *names]
        cast(forms.ChoiceField, self.fields["depth"]).choices = [(each.value, _bounds(each)) for each in Depth]
        self.fields |= {key.field: fields.field_of(key) for key in FOR_ONE_RUN}
        self.asked = Request()

    @property
    def for_this_run(self) -> list[forms.BoundField]:
        """The settings that may hold for this run alone."""
        return [self[key.field] for key in FOR_ONE_RUN]

    @property
    def sets_something(self) -> bool:
        return any(self.data.get(key.field) for key in FOR_ONE_RUN)

    def clean_client(self) -> Client:
        return self.clients[self.cleaned_data["client"]]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        said = {key.path: fields.said_in(key, data) for key in FOR_ONE_RUN}
        data = {name: value for name, value in data.items() if name not in {key.field for key in FOR_ONE_RUN}}
        data["settings"] = {path: value for path, value in said.items() if value is not None}
        data["contact"] = self._contact(data["client"], data.pop("email"))
        if self.errors:
            return data
        wanted = {name: value for name, value in data.items() if name not in ("client", "reason")}
        try:
            self.asked = requests.prepare(data["client"], **wanted)
        except requests.RequestRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return data

    def _contact(self, client: Client, email: str) -> Contact | None:
        if not email:
            return None
        try:
            return contact_of(client, email)
        except forms.ValidationError as error:
            self.add_error("email", error)
            return None


def _bounds(depth: Depth) -> str:
    """“Standard: 30 s, at most $0.25”."""
    return f"{depth.label}: {settings.RUN_SECONDS[depth]} s, at most ${settings.RUN_BUDGET_USD[depth]:.2f}"


class AnswerForm(forms.Form):
    """The texts of a gate's output, each as a field in words; a choice where sources give several values."""

    comment = forms.CharField(label="Why, in your words", max_length=300, required=False)

    def __init__(self, gate: Gate, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.gate = gate
        self.places = gate_texts.places(gate.shown) if gate.may_edit else []
        for place in self.places:
            self.fields |= _choice_of(place) if place.options else {place.name: _text_of(place)}

    @property
    def is_choice(self) -> bool:
        """Whether the question is which value is right."""
        return any(place.options for place in self.places)

    def sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        """(heading, its fields), the comment apart."""
        found: dict[str, list[forms.BoundField]] = {}
        for place in self.places:
            names = (place.name, _other(place)) if place.options else (place.name,)
            found.setdefault(place.section, []).extend(self[name] for name in names)
        return list(found.items())

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for place in self.places:
            if place.options and data.get(place.name) == OTHER:
                data[place.name] = data.get(_other(place), "")
                if not data[place.name]:
                    self.add_error(_other(place), "Write the value that is right, or choose one of those above.")
        return data

    def edited(self) -> dict[str, Any]:
        """The output with the texts as they were typed."""
        return gate_texts.filled(self.gate.shown, {place.name: self.cleaned_data[place.name] for place in self.places})


class CommentForm(forms.Form):
    """Why something is rejected."""

    comment = forms.CharField(label="Why, in your words", max_length=300, required=False)


OTHER = "another value"
LONGEST_TEXT, LONGEST_FACT = 2000, 300
EMPTY = "This cannot be left empty. Put other words here, or reject the whole."


def _text_of(place: gate_texts.Place) -> forms.CharField:
    most = LONGEST_FACT if place.path[0] == "facts" else LONGEST_TEXT
    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "true"}) if len(place.text) > 70 else forms.TextInput()
    errors = {"required": EMPTY}
    return forms.CharField(label=place.label, initial=place.text, max_length=most, widget=widget, error_messages=errors)


def _choice_of(place: gate_texts.Place) -> dict[str, forms.Field]:
    """The values of the sources, and a place for another one."""
    values = list(dict.fromkeys([*place.options, place.text]))
    choices = [*((value, value) for value in values), (OTHER, "Another value")]
    return {
        place.name: forms.ChoiceField(label=place.label, choices=choices, initial=place.text, widget=forms.RadioSelect),
        _other(place): forms.CharField(
            label="Another value", max_length=LONGEST_FACT, required=False, help_text="Where you chose another value."
        ),
    }


def _other(place: gate_texts.Place) -> str:
    return f"{place.name}_other"
