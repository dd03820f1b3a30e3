"""Answers of earlier runs that are used again instead of asking: looked up by the driver, before a step begins."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from agents_app import research
from agents_app.flow import results
from agents_app.models import SourceRecord
from agents_app.research import reuse


def answers(
    accesses: Sequence[research.SourceAccess], company: research.Company, *, at: datetime
) -> list[research.SourceAnswer]:
    """Every answer about the company that need not be asked for: the newest to each question, where it is fresh.

    Only what was asked with the same key counts, and in the same world. An answer of which words were taken out since
    is not what the source said."""
    wanted = Q(pk__in=[])
    for each in accesses:
        since = at - research.SOURCES[each.key].keeps
        wanted |= Q(source=each.key, asked_with=each.asked_with, is_sandbox=each.sandbox, fetched_at__gt=since)
    answered = SourceRecord.objects.filter(wanted, company_domain=company.domain, status__in=reuse.ANSWERED)
    answered = answered.filter(same_as=None, fetched_at__lte=at).exclude(question="")
    newest = answered.order_by("question", "-fetched_at", "-pk").distinct("question")
    again = [reuse.again(each) for each in newest if reuse.is_fresh(each, at=at) and _is_whole(each)]
    return [answer for answer in again if answer is not None]


def _is_whole(record: SourceRecord) -> bool:
    return record.payload is None or results.digest(record.payload) == record.payload_sha256
