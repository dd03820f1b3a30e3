"""The form of a client's rule for a field: which source's word holds where several differ."""

from typing import Any

from django import forms

from clients.contact_fields import CUSTOM, is_known, label
from clients.mappings.rules import ORDERED
from clients.models import Connection, ContactField, FieldRule

Rule = FieldRule.Rule
OWN = "custom"
PLACES = range(1, 5)
LONGEST = 3650  # days
SOURCES = (("", "none"), ("person", "A person's own word"), *Connection.Party.choices)
ALWAYS = "Once anybody said that a person is not to be contacted, it stays. No rule changes that."


class FieldRuleForm(forms.ModelForm):  # type: ignore[type-arg]
    field = forms.ChoiceField(choices=[("", "Choose a field"), *ContactField.choices, (OWN, "A field of our own …")])
    custom = forms.CharField(
        label="Name of our own field",
        required=False,
        max_length=50,
        help_text="Only for a field of our own, like lead_score.",
    )
    days = forms.IntegerField(
        label="How old a word may be, in days", required=False, min_value=1, max_value=LONGEST,
        help_text="Only for “The first source, unless its word is old”: older than this against the newest word.",
    )  # fmt: skip

    class Meta:
        model = FieldRule
        fields = ("client", "field", "custom", "rule", "days")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = self.instance
        if held.pk and held.field.startswith(CUSTOM):
            self.initial.update(field=OWN, custom=held.field.removeprefix(CUSTOM))
        for place in PLACES:
            first = held.sources[place - 1] if len(held.sources) >= place else ""
            self.fields[f"source_{place}"] = forms.ChoiceField(
                label=f"Source {place}", choices=_choices(first), required=False, initial=first,
                help_text="What is not named comes after these." if place == 1 else "",
            )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self._name_field(cleaned)
        rule, sources = cleaned.get("rule"), self._sources(cleaned)
        if rule in ORDERED and not sources:
            self.add_error("source_1", "Name the source whose word counts first.")
        if rule == Rule.PRIORITY_UNLESS_OLDER and "days" not in self.errors and not cleaned.get("days"):
            self.add_error("days", "Say after how many days a word is too old.")
        self.instance.sources = sources if rule in ORDERED else []
        if rule != Rule.PRIORITY_UNLESS_OLDER:
            cleaned["days"] = None
        return cleaned

    def _name_field(self, cleaned: dict[str, Any]) -> None:
        """The field as it is kept: a ContactField, or custom.NAME."""
        field = cleaned.get("field")
        if field == OWN:
            cleaned["field"] = field = f"{CUSTOM}{str(cleaned.get('custom', '')).strip().lower().replace(' ', '_')}"
            if not is_known(field):
                self.add_error("custom", "Write its name with small letters, digits and _, like lead_score.")
        if field == ContactField.DO_NOT_CONTACT and cleaned.get("rule") != Rule.MONOTONE:
            self.add_error("rule", ALWAYS)
        self._refuse_twice(cleaned)

    def _refuse_twice(self, cleaned: dict[str, Any]) -> None:
        client, field = cleaned.get("client") or self.instance.client_id, cleaned.get("field")
        if client and field:
            others = FieldRule.objects.filter(client=client, field=field).exclude(pk=self.instance.pk)
            if others.exists():
                self.add_error("field", f"There is a rule for {label(field)} already. Change that one.")

    def _sources(self, cleaned: dict[str, Any]) -> list[str]:
        named = [cleaned.get(f"source_{place}") or "" for place in PLACES]
        for place, source in enumerate(named, start=1):
            if source and source in named[: place - 1]:
                self.add_error(f"source_{place}", "This source stands above already.")
        return [source for source in named if source]


def _choices(held: str) -> list[tuple[str, str]]:
    known = {value for value, _ in SOURCES}
    return [*SOURCES, *([(held, held)] if held not in known else [])]
