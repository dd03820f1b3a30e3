"""How much of what changed at a party its calls did not tell us: what only comparing brought."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection

from clients.models import Reconciliation

IN_FLIGHT = timedelta(minutes=5)  # a call about so fresh a change may still be on its way


@dataclass(frozen=True)
class Found:
    """Records that changed in the span of a comparison, and those of them of which it told something new."""

    seen: int
    lost: int


# A record whose call came and only named it waits to be looked up: that call was not lost.
COUNT = """
    SELECT count(DISTINCT mine.record_id), count(DISTINCT mine.record_id) FILTER (
        WHERE record.look_up_at IS NULL
        AND CASE WHEN before.value IS NULL THEN mine.value <> ''
            ELSE before.value <> mine.value AND before.occurred_at <= mine.occurred_at END
    )
    FROM clients_observation mine
    JOIN clients_event event ON event.id = mine.event_id
    JOIN clients_delivery answer ON answer.id = event.delivery_id
    JOIN clients_reconciliation_answers asked ON asked.delivery_id = answer.id
    JOIN clients_sourcerecord record ON record.id = mine.record_id
    LEFT JOIN LATERAL (
        SELECT o.value, o.occurred_at FROM clients_observation o
        JOIN clients_event e ON e.id = o.event_id
        JOIN clients_delivery d ON d.id = e.delivery_id
        WHERE o.record_id = mine.record_id AND o.field = mine.field AND d.received_at <= answer.received_at
        AND NOT EXISTS (
            SELECT FROM clients_reconciliation_answers own
            WHERE own.reconciliation_id = asked.reconciliation_id AND own.delivery_id = d.id
        )
        ORDER BY o.occurred_at DESC, o.id DESC LIMIT 1
    ) before ON true
    WHERE asked.reconciliation_id = %s AND mine.occurred_at <= %s
"""


def count(run: Reconciliation) -> Found:
    """Of what the run's answers said, once they are applied."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [run.pk, run.until_at - IN_FLIGHT])
        return Found(*cursor.fetchone())


def in_words(run: Reconciliation) -> str:
    """What the comparison says of the party's calls, as a sentence."""
    if run.ended_at is None:
        return f"Goes on. {run.error}".strip()
    if run.error:
        return f"Ended early: {run.error}"
    if not run.records_seen:
        return "Nothing had changed there."
    changed = f"{run.records_seen:,} {'record' if run.records_seen == 1 else 'records'} had changed there"
    if not run.found_only_here:
        return f"{changed}, and its webhooks had told us of all of it. None was lost."
    share = 100 * run.found_only_here / run.records_seen
    return (
        f"{changed}. Of {run.found_only_here:,} of them ({share:.0f} %) no webhook had told us all; comparing did. "
        "See that the party calls this connection for every kind of change."
    )
