"""What a form does with a credential: typed and kept encrypted, or named by where it stands; never shown again."""

from collections.abc import Mapping
from typing import Any, Protocol

from django import forms

from clients import credentials


class KeepsSecret(Protocol):
    credential: bytes | memoryview
    credential_ref: str


class SecretForm(forms.ModelForm):  # type: ignore[type-arg]
    """`places` are pairs of fields: a secret to type, and the place to name instead."""

    may_name_places = False  # the admin says so of its user
    places: tuple[tuple[str, str], ...] = (("secret", "credential_ref"),)

    secret = forms.CharField(
        label="Credential",
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="What we present to the party, for example its API key. Kept encrypted and never shown again; "
        "leave empty to keep the present one.",
    )
    credential_ref = forms.CharField(
        label="or where it stands",
        required=False,
        max_length=200,
        help_text="Instead of keeping it here: env:GTM_SECRET_… names a variable of the server, file:… a file in its "
        "folder of secrets. Only those who see every client may name one. A new credential takes its place.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self._check_places(cleaned)
        return cleaned

    def _check_places(self, cleaned: dict[str, Any]) -> None:
        """A place that may be named and is empty yet is taken: its page and doctor say so until it is filled."""
        for secret, place in self.places:
            typed, named = cleaned.get(secret), cleaned.get(place, "")
            if typed and named and place in self.changed_data:
                self.add_error(place, "Enter the secret, or name where it stands, not both.")
            elif not named:
                continue
            elif place in self.changed_data and not self.may_name_places:
                self.add_error(place, "Only people who see every client may name a place. Ask an operator.")
            else:
                self._refuse_place(place, named)

    def _refuse_place(self, field: str, reference: str) -> None:
        try:
            credentials.referred(reference)
        except credentials.PlaceNotAllowed as refused:
            self.add_error(field, str(refused))
        except credentials.CredentialUnreadable:
            return


def keep(row: KeepsSecret, typed: Mapping[str, Any]) -> None:
    """The credential that was typed, or none beside a place: one is enough. `typed` is a SecretForm's cleaned data."""
    if secret := typed.get("secret"):
        row.credential, row.credential_ref = credentials.encrypt(secret), ""
    elif row.credential_ref:
        row.credential = b""
