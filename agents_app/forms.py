"""What people type about drafts and runs. The rules of what may go out stand in `agents_app.drafts`."""

from django import forms
from django.utils import timezone

from agents_app import drafts
from agents_app.models import Draft, FlowRun
from clients import contacts
from clients.models import Contact


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
        try:
            address = contacts.normalise_email(self.cleaned_data["email"])
        except contacts.InvalidEmail as error:
            raise forms.ValidationError(str(error)) from error
        contact = Contact.objects.filter(client=self.run.client_id, email_normalised=address).first()
        if contact is None:
            raise forms.ValidationError(
                f"{self.run.client} has no contact with this address. Add the person under Contacts, then come back."
            )
        return contact
