"""What a person says to deliveries in quarantine."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from clients.quarantine import LONGEST_EDIT, PACES


class MendForm(forms.Form):
    body = forms.CharField(
        label="The body as it should have been", strip=False, max_length=LONGEST_EDIT,
        widget=forms.Textarea(attrs={"rows": 16, "spellcheck": "false", "class": "mono"}),
        help_text="What is “(hidden)” is put back as it came. The first one stays as it is.",
    )  # fmt: skip


class DiscardForm(forms.Form):
    why = forms.CharField(label="Why", max_length=250, help_text="A few words, for whoever asks later.")


class SpanForm(forms.Form):
    """Of which days, both included; without them of all."""

    first = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and last < first:
            raise ValidationError("The last day is before the first. Turn them round.")
        cleaned["since"] = _midnight(first) if first else None
        cleaned["until"] = _midnight(last + timedelta(days=1)) if last else None
        return cleaned


class ReplayForm(SpanForm):
    per_minute = forms.TypedChoiceField(
        label="How many a minute", coerce=int, initial=PACES[1], choices=[(pace, f"{pace:,}") for pace in PACES]
    )


class DiscardAllForm(SpanForm):
    why = forms.CharField(label="Why", max_length=250, help_text="A few words, for whoever asks later.")


def _midnight(day: Any) -> datetime:  # noqa: ANN401 - a form's cleaned value
    return timezone.make_aware(datetime.combine(day, time.min))
