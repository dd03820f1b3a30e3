"""What only debugging needs of runs that ended long ago goes: recorded answers, prompts as they were sent, the words of
what steps were given. Figures, hashes, decisions with all that they rest on, facts, sources and the texts that were
written stay.

Of a run of which an e-mail was sent only the recorded answers go: what the e-mail rests on can be looked up for good.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q

from agents_app import explaining, finished
from agents_app.evidence import EMPTIED, is_emptied
from agents_app.models import FlowRun, Send, StepContext, StepRun
from clients.erasure.rows import allowed

JOB = "forget_calls"
BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
MOST_RUNS = 1000  # of one tick; who is given the same has to be looked for in all steps, once a tick
BATCH = 200  # contexts that are held at once
DECIDED_ON = ("withheld", "facts_from", "search")  # parts of what a step was given that hold no words of others
OF_FACT = ("key", "attribute", "fact_id")
WITHOUT_ANSWERS = """
UPDATE agents_app_steprun SET attempts = (
    SELECT coalesce(jsonb_agg(CASE WHEN jsonb_typeof(call) = 'object' THEN call - 'response' ELSE call END), '[]')
    FROM jsonb_array_elements(attempts) AS call
) WHERE run_id = ANY(%s) AND attempts <> '[]'
"""


def forget(*, at: datetime) -> int:
    """How many runs that was. None, where everything is to be kept."""
    if settings.KEEP_CALLS_DAYS == 0:
        return 0
    mark = finished.mark(JOB, begin=BEGIN)
    due = finished.after(mark, at=at - timedelta(days=settings.KEEP_CALLS_DAYS))
    runs = list(due.only("pk", "finished_at")[:MOST_RUNS])
    if runs:
        _forget([run.pk for run in runs], at)
        finished.advance(mark, runs[-1])
    return len(runs)


def _forget(runs: Collection[int], at: datetime) -> None:
    sent = set(Send.objects.filter(draft__run__in=runs).values_list("draft__run", flat=True))
    unsent = [run for run in runs if run not in sent]
    with allowed():
        with connection.cursor() as cursor:
            cursor.execute(WITHOUT_ANSWERS, [list(runs)])
        StepRun.objects.filter(run__in=unsent).exclude(prompt_sent="").update(prompt_sent="")
        _empty(sorted(_given_to_them_alone(unsent)))
        FlowRun.objects.filter(pk__in=runs).update(calls_removed_at=at)


def _empty(hashes: Sequence[str]) -> None:
    """What erasure has emptied before stays as it is."""
    for begin in range(0, len(hashes), BATCH):
        found = StepContext.objects.filter(pk__in=hashes[begin : begin + BATCH])
        rows = [row for row in found if row.document and not is_emptied(row.document)]
        for row in rows:
            row.document = without_words(row.document)
        StepContext.objects.bulk_update(rows, ["document"])


def without_words(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a decision rests on: how the search went, which facts there were, by key, row and hash, and which were
    withheld."""
    kept = {name: document[name] for name in DECIDED_ON if name in document}
    if "facts" in document:
        kept["facts"] = [_fact(each) for each in document["facts"] or []]
    return {EMPTIED: True, **kept}


def _fact(fact: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fact[name] for name in OF_FACT if name in fact} | {"sha256": explaining.hash_of(fact)}


def _given_to_them_alone(runs: Collection[int]) -> set[str]:
    """Equal contexts are one row, which another run may still show."""
    given = _hashes(Q(run__in=runs))
    elsewhere = Q(context__in=given) | Q(planned_sha256__in=given)
    return given - _hashes(elsewhere & ~Q(run__in=runs)) if given else given


def _hashes(steps: Q) -> set[str]:
    rows = StepRun.objects.filter(steps).values_list("context_id", "planned_sha256")
    return {sha256 for row in rows for sha256 in row if sha256}
