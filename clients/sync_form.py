"""How a connection is written to, as a person sets it."""

from django import forms

from clients.models import SyncSettings


class SyncForm(forms.ModelForm):  # type: ignore[type-arg]
    daily_writes = forms.IntegerField(
        label="Writes a day",
        min_value=1,
        max_value=1_000_000,
        help_text=SyncSettings._meta.get_field("daily_writes").help_text,
    )

    class Meta:
        model = SyncSettings
        fields = ("is_dry_run", "daily_writes", "own_id")
