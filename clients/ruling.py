"""A client's rules of fields changed: what was decided by the old ones is decided anew."""

from datetime import datetime

from django.db import transaction

from clients import contacts, deciding
from clients.models import Client, FieldRule, SourceRecord

AT_ONCE = 200  # records whose people are decided in one transaction


@transaction.atomic
def decide_again(client_id: int, *, after: int, at: datetime) -> int | None:
    """The people of the next AT_ONCE records behind `after`. Answers where to go on; None: these were the last."""
    client = Client.objects.get(pk=client_id)
    contacts.lock(client)
    records = list(SourceRecord.objects.filter(client=client, pk__gt=after).order_by("pk")[:AT_ONCE])
    deciding.recompute(client, records, at=at)
    return records[-1].pk if len(records) == AT_ONCE else None


def changed_since(moment: datetime) -> list[int]:
    """The clients a rule of which was made, changed or taken away since then."""
    rows = FieldRule.history.filter(history_date__gte=moment).order_by("client_id")
    return list(rows.values_list("client_id", flat=True).distinct())
