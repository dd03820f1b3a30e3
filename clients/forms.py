"""Forms whose words are an account manager's."""

from collections.abc import Sequence
from typing import Any, Self

from django import forms
from django.conf import settings
from django.contrib.admin.widgets import AdminTextareaWidget
from django.core.exceptions import ValidationError

from clients import config, contacts
from clients.config import shown
from clients.config.layers import joined
from clients.models import AgencySettings, AgentKey, Client, Connection, Contact, IndustryTemplate, Suppression

TERM_LENGTH, TERMS = 60, 100
PROOF_LENGTH, PROOFS = 200, 20

WIDE: dict[str, forms.Widget] = {
    "offer": AdminTextareaWidget(attrs={"rows": 3}),
    "call_to_action": AdminTextareaWidget(attrs={"rows": 2}),
    "postal_address": AdminTextareaWidget(attrs={"rows": 2}),
}


class Lines(forms.CharField):
    """A list, one entry a line. Blank lines and repetitions go."""

    widget = forms.Textarea(attrs={"rows": 4})

    def __init__(self, *, longest: int, most: int, **options: Any) -> None:
        super().__init__(required=False, **options)
        self.longest, self.most = longest, most

    def prepare_value(self, value: object) -> object:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: object) -> list[str]:  # type: ignore[override]
        lines = [" ".join(line.split()) for line in (super().to_python(value) or "").splitlines()]
        for number, line in enumerate(lines, start=1):
            if len(line) > self.longest:
                raise ValidationError(
                    f"Line {number} is longer than {self.longest} characters. Split it or shorten it."
                )
        found = joined([[line for line in lines if line]])
        if len(found) > self.most:
            raise ValidationError(f"There are {len(found)} lines. Keep the {self.most} most important ones.")
        return found

    def has_changed(self, initial: object, data: object) -> bool:
        return (initial or []) != self.to_python(data)


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """Any layer's settings. Empty means: as the layer below says."""

    avoid_terms = Lines(
        longest=TERM_LENGTH,
        most=TERMS,
        label="Words to avoid",
        help_text="One a line. Words of the layers below are avoided as well.",
    )
    proof_points = Lines(
        longest=PROOF_LENGTH, most=PROOFS, help_text="One a line: facts about the client that an e-mail may state."
    )
    enabled_agents = forms.MultipleChoiceField(
        choices=AgentKey.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Tick none to inherit.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        below, names = self.below()
        for name, field in self.fields.items():
            self._say_what_is_inherited(field, shown.hint(below, name, names) if below else "")

    def below(self) -> tuple[config.Effective | None, dict[str, str]]:
        """What holds where this layer says nothing, and the names of the layers; None where nothing lies below."""
        return None, {}

    def _say_what_is_inherited(self, field: forms.Field, words: str) -> None:
        if not words:
            return
        if isinstance(field.widget, forms.CheckboxSelectMultiple | forms.NumberInput):
            field.help_text = f"{field.help_text} {words[0].upper()}{words[1:]}."
        elif isinstance(field, forms.TypedChoiceField):
            field.choices = [("", words), *((key, label) for key, label in field.choices if key)]  # type: ignore[misc,union-attr]
        else:
            field.widget.attrs["placeholder"] = words


class AgencySettingsForm(SettingsForm):
    class Meta:
        model = AgencySettings
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets choose
        widgets = WIDE


class IndustryTemplateForm(SettingsForm):
    class Meta:
        model = IndustryTemplate
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets choose
        widgets = WIDE

    def below(self) -> tuple[config.Effective | None, dict[str, str]]:
        return config.agency(), {"built in": "Built in", "agency": "Agency"}


class ClientForm(SettingsForm):
    class Meta:
        model = Client
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets choose
        widgets = WIDE

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if budget := self.fields.get("daily_budget_usd"):
            budget.widget.attrs["placeholder"] = f"inherited: {settings.CLIENT_DAY_BUDGET_USD:.2f}"

    def below(self) -> tuple[config.Effective | None, dict[str, str]]:
        outline = getattr(self.instance, "outline", None) or config.outline(self.instance)
        return outline.inherited, shown.layer_names(self.instance)


class NewClientForm(forms.ModelForm):  # type: ignore[type-arg]
    """As little as a client needs to begin; the rest is inherited from the industry template."""

    class Meta:
        model = Client
        fields = ("name", "slug", "industry")


class ConnectionForm(forms.ModelForm):  # type: ignore[type-arg]
    secret = forms.CharField(
        label="Credential",
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="What we present to the party, for example its API key. Kept encrypted and never shown again; "
        "leave empty to keep the present one.",
    )

    class Meta:
        model = Connection
        fields = ("client", "party", "name", "mode", "is_active")


class NewContactForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Contact
        fields = ("client", "email", "first_name", "last_name", "title", "company_name", "company_domain")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        client, email = cleaned.get("client"), cleaned.get("email")
        if client and email:
            self._refuse_known(client, email)
        return cleaned

    def _refuse_known(self, client: Client, email: str) -> None:
        try:
            normalised = contacts.normalise_email(email)
        except contacts.InvalidEmail as invalid:
            self.add_error("email", str(invalid))
            return
        if client.contacts.filter(email_normalised=normalised).exists():
            self.add_error("email", f"{client} already has a contact at this address. Search for it in the list.")


class ContactForm(forms.ModelForm):  # type: ignore[type-arg]
    """Corrections by hand. They are observations like any other, so a later one from a CRM may win again."""

    class Meta:
        model = Contact
        fields = ("first_name", "last_name", "full_name", "title", "company_name", "company_domain")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        for name in _blanked(self.changed_data, cleaned):
            self.add_error(name, "A field cannot be emptied: it holds what a source said. Write the right value.")
        return cleaned


def _blanked(changed: Sequence[str], cleaned: dict[str, Any]) -> list[str]:
    return [name for name in changed if name in cleaned and not cleaned[name]]


class SuppressionForm(forms.ModelForm):  # type: ignore[type-arg]
    email = forms.CharField(label="E-mail address", max_length=254, help_text="Only a keyed hash of it is kept.")

    class Meta:
        model = Suppression
        fields = ("client",)


class ImportForm(forms.Form):
    text = forms.CharField(
        label="Settings as JSON", required=False, max_length=200_000, strip=False,
        widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "false"}),
    )  # fmt: skip
    file = forms.FileField(label="or a file", required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if upload := cleaned.get("file"):
            cleaned["text"] = _text_of(upload.read())
        if not (cleaned.get("text") or "").strip():
            raise ValidationError("Paste the settings, or choose a file.")
        return cleaned

    def kept(self) -> Self:
        """The same form with the settings as text: a chosen file cannot be sent again by itself."""
        return type(self)({**{name: self.data[name] for name in self.data}, "text": self.cleaned_data["text"]})


class NewClientImportForm(ImportForm):
    name = forms.CharField(max_length=120)
    slug = forms.SlugField(max_length=60, label="Short name", help_text="Small letters, numbers and hyphens.")
    field_order = ("name", "slug", "text", "file")


def _text_of(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValidationError("The file is not UTF-8 text. Save it in UTF-8.") from None
