"""What would hold of a contact if an entry said something now: the words that sources have on it, and this one among
them, by the same rules that decide in earnest. Nothing is written."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from clients import contact_fields, deciding, merge
from clients.mapping import Row
from clients.mappings import rules
from clients.models import Connection, Contact, ContactField, Observation

FULL, PARTS = ContactField.FULL_NAME.value, (ContactField.FIRST_NAME.value, ContactField.LAST_NAME.value)
THIS = 0  # the id of the word that is only tried


@dataclass(frozen=True)
class Outcome:
    """`value` is what would hold; `by` says in words whose word that is, and by which rule. `is_this`: the entry's own;
    `is_disputed`: a person would be asked."""

    value: str
    by: str
    is_this: bool
    is_disputed: bool = False


def outcomes(
    connection: Connection, contact: Contact | None, said: Mapping[str, str], rows: Sequence[Row], *, at: datetime
) -> dict[str, Outcome]:
    """field -> what would hold, for each field that is said, with the rules that the rows ask for."""
    fields = {*said, *((FULL, *PARTS) if {FULL, *PARTS} & said.keys() else ())}
    words = _words(contact, fields)
    for name, value in said.items():
        cut = contact_fields.cut(name, value)
        words[name].append(merge.Seen(THIS, cut, at, "", connection.party, connection.pk))
    asked = _rules(connection, rows)
    verdicts = {name: merge.resolve(each, merge.rule_of(name, asked)) for name, each in words.items()}
    if FULL in said:
        verdicts[FULL] = merge.full_name(*(verdicts.get(name) for name in (FULL, *PARTS)))
    locked = _locked(contact)
    found = {name: verdict for name in said if (verdict := verdicts.get(name)) is not None}
    return {name: locked.get(name) or _outcome(verdict) for name, verdict in found.items()}


def _words(contact: Contact | None, fields: set[str]) -> dict[str, list[merge.Seen]]:
    found: dict[str, list[merge.Seen]] = defaultdict(list)
    if contact is None or contact.pk is None:
        return found
    rows = Observation.objects.filter(record__contact=contact, field__in=fields).select_related("event", "record")
    for row in rows:
        key, record = row.event.event_key if row.event else "", row.record
        seen = merge.Seen(row.pk, row.value, row.occurred_at, key, record.source, record.connection_id or 0)
        found[row.field].append(seen)
    return found


def _rules(connection: Connection, rows: Sequence[Row]) -> dict[str, merge.Rule]:
    """The client's, and above them those that the rows would set."""
    found = dict(deciding.rules_of(connection.client))
    for field, name in rules.wanted(rows).items():
        held = found.get(field, merge.Rule())
        sources = rules.sources_for(name, held.sources, connection.party)
        found[field] = merge.Rule(name, tuple(sources), rules.days_for(name, held.days) or 0)
    return found


def _locked(contact: Contact | None) -> dict[str, Outcome]:
    """Fields that a person locked stay as they are."""
    if contact is None or contact.pk is None:
        return {}
    states = contact.field_states.filter(locked_by__isnull=False).select_related("locked_by")
    held = {state.field: (contact_fields.value_of(contact, state.field), state.locked_by) for state in states}
    return {field: Outcome(value, f"locked by {by}", is_this=False) for field, (value, by) in held.items()}


def _outcome(verdict: merge.Verdict) -> Outcome:
    is_this = verdict.rests_on.id == THIS
    whose = "this entry" if is_this else f"{_called(verdict.rests_on.source)}, {_day(verdict.rests_on.occurred_at)}"
    rule = verdict.rule.replace(verdict.rests_on.source, _called(verdict.rests_on.source), 1)
    return Outcome(verdict.value, f"{whose} ({rule})", is_this, bool(verdict.disputed))


def _called(source: str) -> str:
    return "a person" if source == merge.PERSON else str(dict(Connection.Party.choices).get(source, source))


def _day(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%d %b %Y")
