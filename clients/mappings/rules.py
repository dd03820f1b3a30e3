"""The rules that a mapping's rows ask for, as the client's rules of fields."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User

from clients.mapping import Row
from clients.models import Connection, FieldRule

Rule = FieldRule.Rule
ORDERED = (Rule.PRIORITY, Rule.PRIORITY_UNLESS_OLDER)
USUAL_DAYS = 90


def wanted(rows: Sequence[Row]) -> dict[str, str]:
    return {row.field: row.rule for row in rows if row.rule}


def write(connection: Connection, rows: Sequence[Row], *, by: User, at: datetime) -> None:
    """The client's rules become what the rows ask for; where a row asks for none, they stay. Call it in a transaction.

    Where the first source counts, the connection's party is put first, before the sources that were named already.
    """
    asked = wanted(rows)
    standing = {each.field: each for each in connection.client.field_rules.select_for_update().filter(field__in=asked)}
    for field, rule in asked.items():
        held = standing.get(field) or FieldRule(client=connection.client, field=field)
        before = (held.pk is None, held.rule, held.sources, held.days)
        held.rule = rule
        held.sources = _sources(held.sources, connection.party) if rule in ORDERED else []
        held.days = (held.days or USUAL_DAYS) if rule == Rule.PRIORITY_UNLESS_OLDER else None
        if before != (False, held.rule, held.sources, held.days):
            held._history_user, held._history_date = by, at  # type: ignore[attr-defined]
            held.save()


def _sources(named: Sequence[str], party: str) -> list[str]:
    return list(dict.fromkeys([party, *named]))
