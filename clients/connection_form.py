"""The form of a connection: what we present to the party, and how the party's calls are signed."""

from typing import Any

from django import forms
from django.utils import timezone

from clients import signatures, signing
from clients.models import Connection
from clients.secret_form import SecretForm

UNSIGNED = ("", "not signed: whoever knows the address may call")
NOTHING_TO_CHECK_WITH = "Enter the secret that the calls are signed with, or have one made."
MAKES_ITS_OWN = "{label} makes the secret itself and takes none from us. Copy it from there into the field above."


class ConnectionForm(SecretForm):
    places = (("secret", "credential_ref"), ("signing_secret", "signing_ref"))

    signing_secret = forms.CharField(
        label="New signing secret",
        required=False,
        max_length=2000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Copy it from the sender's settings (of SendGrid, its public key). Kept encrypted and never shown "
        "again. The present one stays valid for 24 more hours; leave empty to keep it.",
    )
    signing_ref = forms.CharField(
        label="or where it stands",
        required=False,
        max_length=200,
        help_text="env:GTM_SECRET_… or file:…, as for the credential.",
    )
    make_signing_secret = forms.BooleanField(
        label="Make a new one",
        required=False,
        help_text="For senders that take the secret from us. It is shown once, after saving.",
    )
    end_old_secrets = forms.BooleanField(
        label="End the old at once",
        required=False,
        help_text="If somebody else may know the present one. Calls fail until the sender signs with the new one.",
    )

    class Meta:
        model = Connection
        fields = (
            "client", "party", "name", "mode", "is_active", "credential_ref", "signing_scheme", "external_account",
            "takes_unsigned",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "signing_scheme" in self.fields:
            names = {*signatures.offered(self.instance.party), self.instance.signing_scheme}
            offered = [choice for choice in signatures.CHOICES if choice[0] in names]
            self.fields["signing_scheme"] = forms.ChoiceField(
                label="Signed as", choices=[UNSIGNED, *offered], required=False,
                help_text="A call that is not signed so is refused and not kept.",
            )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("takes_unsigned") and not cleaned.get("external_account"):
            self.add_error("takes_unsigned", "Such calls are known by the account alone: enter its number above.")
        if "signing_scheme" not in self.fields or "signing_scheme" in self.errors:
            return cleaned
        scheme = cleaned.get("signing_scheme", "")
        secret = cleaned["signing_secret"] = cleaned.get("signing_secret") or cleaned.get("signing_ref", "")
        if scheme:
            self._check_secret(scheme, secret, makes=cleaned["make_signing_secret"])
        elif secret or cleaned["make_signing_secret"]:
            self.add_error("signing_scheme", "Choose how the calls are signed; a secret alone protects nothing.")
        return cleaned

    def _check_secret(self, scheme: str, secret: str, *, makes: bool) -> None:
        rule = signatures.SCHEMES[scheme]
        if signing.is_reference(secret) and not makes:
            return
        if secret and makes:
            self.add_error("make_signing_secret", "Enter a secret or have one made, not both.")
        elif secret:
            problem = signatures.secret_problem(rule, secret)
            self.add_error("signing_secret", problem) if problem else None
        elif makes and not rule.ours:
            self.add_error("make_signing_secret", MAKES_ITS_OWN.format(label=rule.label))
        elif not makes and self.cleaned_data["end_old_secrets"]:
            self.add_error("end_old_secrets", "Enter the secret that takes its place, or have one made.")
        elif not makes and not signing.is_set_up(self.instance, scheme, at=timezone.now()):
            self.add_error("signing_secret", NOTHING_TO_CHECK_WITH)
