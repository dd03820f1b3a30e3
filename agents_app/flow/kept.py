"""Answers of earlier runs that are used again instead of asking: looked up by the driver, before a step begins."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import Q

from agents_app import research
from agents_app.flow import results
from agents_app.models import SourceRecord
from agents_app.research import reuse


def answers(
    accesses: Sequence[research.SourceAccess], company: research.Company, *, at: datetime
) -> list[research.SourceAnswer]:
    """What need not be asked about the company, in the order of `accesses`."""
    question = research.Question(company, at)
    questions = {each.key: research.SOURCES[each.key].key_of(question) for each in accesses}
    found = kept(accesses, questions, at)
    again = [reuse.again(found[questions[each.key]]) for each in accesses if questions[each.key] in found]
    return [answer for answer in again if answer is not None]


def kept(
    accesses: Sequence[research.SourceAccess], questions: Mapping[str, str], at: datetime
) -> dict[str, SourceRecord]:
    """{question key: the newest answer to it, where that is still fresh}. `questions` are {source: question key}.

    Only what was asked with the same key counts, and in the same world. An answer of which words were taken out since
    is not what the source said."""
    wanted = Q(pk__in=[])
    for each in accesses:
        since = at - research.SOURCES[each.key].keeps
        wanted |= Q(
            question=questions[each.key], asked_with=each.asked_with, is_sandbox=each.sandbox, fetched_at__gt=since
        )
    answered = SourceRecord.objects.filter(wanted, status__in=reuse.ANSWERED, same_as=None, fetched_at__lte=at)
    newest = answered.order_by("question", "-fetched_at", "-pk").distinct("question")
    return {each.question: each for each in newest if reuse.is_fresh(each, at=at) and _is_whole(each)}


def _is_whole(record: SourceRecord) -> bool:
    return record.payload is None or results.digest(record.payload) == record.payload_sha256
