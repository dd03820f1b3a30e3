"""The agency's own accounts at sources: what clients spend on them in a month, and when one is spent."""

from collections.abc import Iterable
from datetime import UTC, datetime, time

from django.db.models import Sum

from agents_app.models import SourceAccount, SourceRecord
from clients.models import Connection

SANDBOX = Connection.Mode.SANDBOX


def spent(accounts: Iterable[SourceAccount], *, at: datetime) -> dict[int, float]:
    """{account id: credits, as its source counts, since the first of the month in UTC}; those of a stand-in only where
    the account is in the sandbox itself."""
    by_name = {each.asked_with: each for each in accounts}
    if not by_name:
        return {}
    paid = SourceRecord.objects.filter(asked_with__in=by_name, credits__gt=0, fetched_at__gte=first_of_month(at))
    rows = paid.filter(fetched_at__lte=at).values_list("asked_with", "is_sandbox").annotate(Sum("credits"))
    found = ((by_name[name], is_sandbox, credits) for name, is_sandbox, credits in rows)
    return {each.pk: credits for each, is_sandbox, credits in found if is_sandbox == (each.mode == SANDBOX)}


def why_closed(account: SourceAccount, credits: float) -> str:
    """Why the source is not asked with it any more this month, once so many credits are spent; empty where it is."""
    limit = account.credits_a_month
    if limit is None or credits < limit:
        return ""
    return f"The agency's account at {account.get_source_display()} has spent this month's {limit:,} credits."


def first_of_month(at: datetime) -> datetime:
    """In UTC."""
    return datetime.combine(at.astimezone(UTC).date().replace(day=1), time(), tzinfo=UTC)
