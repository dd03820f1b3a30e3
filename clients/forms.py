"""Forms whose words are an account manager's."""

from collections.abc import Sequence
from typing import Any, Self

from django import forms
from django.core.exceptions import ValidationError

from clients import contacts
from clients.models import Client, Contact, Erasure, Suppression


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
        if contacts.at(client, normalised) is not None:
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


class ErasureForm(forms.ModelForm):  # type: ignore[type-arg]
    """For somebody who may be no contact: what else was sent of them is found by the address."""

    address = forms.CharField(
        label="E-mail address of the person",
        max_length=254,
        help_text="Whatever stands of this person is blanked, for good, and what comes in later as well. "
        "The address itself is kept, encrypted, until that is done.",
    )

    class Meta:
        model = Erasure
        fields = ("client",)

    def clean_address(self) -> str:
        try:
            return contacts.normalise_email(self.cleaned_data["address"])
        except contacts.InvalidEmail as invalid:
            raise ValidationError(str(invalid)) from None


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

    def kept(self, **more: str) -> Self:
        """The same form with the settings as text: a chosen file cannot be sent again by itself."""
        return type(self)({**{name: self.data[name] for name in self.data}, "text": self.cleaned_data["text"], **more})


class ClientImportForm(ImportForm):
    """Of a client that is there already; `seen` is the mark of what the person looked at."""

    reason = forms.CharField(
        label="Why", max_length=200, required=False, help_text="A few words, needed where the client is active."
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)


class NewClientImportForm(ImportForm):
    name = forms.CharField(max_length=120)
    slug = forms.SlugField(max_length=60, label="Short name", help_text="Small letters, numbers and hyphens.")
    field_order = ("name", "slug", "text", "file")


class BackForm(forms.Form):
    """Why an earlier version holds again."""

    reason = forms.CharField(label="Why", max_length=180, required=False)
    is_active = False

    def clean_reason(self) -> str:
        reason = str(self.cleaned_data["reason"])
        if self.is_active and not reason:
            raise ValidationError("This client is active. Say in a few words why its settings change.")
        return reason


class CloneForm(forms.Form):
    """What a copy of a client is called; everything else about it is its settings."""

    name = forms.CharField(max_length=120)
    slug = forms.SlugField(max_length=60, label="Short name", help_text="Small letters, numbers and hyphens.")


def _text_of(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValidationError("The file is not UTF-8 text. Save it in UTF-8.") from None
