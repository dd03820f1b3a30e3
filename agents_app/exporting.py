"""Spans of runs that ended → the operator's collector, each run once, a bounded number at a time.

A mark says up to where; it moves when the collector has taken a batch. What it does not take waits for the next tick;
but a run that it refuses by itself is passed over, or nothing behind it would ever be told.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Prefetch, QuerySet

from agents_app import finished, spans
from agents_app.models import FlowRun, JobProgress, PlannedPrompt, SourceRecord, StepRun
from agents_app.spans import Asked, Span
from gtm import telemetry

JOB = "export_spans"
BEGIN = timedelta(days=1)  # what ended that long before the export was switched on is told too
MOST_RUNS, MOST_SPANS = 100, 2_000  # of one tick, and of one request
HEAVY = ("output", "prompt_sent", "checks", "votes", "confidence_terms", "decisions")
RUN_HEAVY = ("config", "config_sources", "hints", "facts_routed")

Batch = list[tuple[FlowRun, list[Span]]]

logger = logging.getLogger(__name__)


def export(*, at: datetime) -> int:
    """How many runs were told. Nothing is read where no collector is configured."""
    if not telemetry.is_on():
        return 0
    mark, told = finished.mark(JOB, begin=at - BEGIN), 0
    try:
        for batch in _batches(_whole(finished.after(mark, at=at)[:MOST_RUNS])):
            for last, count in _sent(batch):
                told += count
                finished.advance(mark, last)
    except telemetry.NotDelivered as error:
        logger.warning("%s They are sent again with the next tick.", error)
    return told


def _sent(batch: Batch) -> Iterator[tuple[FlowRun, int]]:
    """(the last run of what was sent, how many were told with it). What is refused is halved, down to the run that is
    the cause. Raises NotDelivered where waiting may help."""
    last, _ = batch[-1]
    try:
        telemetry.send([span for _, found in batch for span in found])
    except telemetry.NotDelivered as error:
        if not error.is_refused:
            raise
        if len(batch) > 1:
            half = len(batch) // 2
            yield from _sent(batch[:half])
            yield from _sent(batch[half:])
            return
        logger.error("run %s is passed over, its spans are not told: %s", last.pk, error)
        yield last, 0
        return
    yield last, len(batch)


def waiting_since(*, at: datetime) -> datetime | None:
    """When the earliest run ended that the collector has not taken; None where nothing waits or nobody is told."""
    mark = JobProgress.objects.filter(job=JOB).first() if telemetry.is_on() else None
    first = finished.after(mark, at=at).first() if mark else None
    return first.finished_at if first else None


def of_request(request_id: int) -> list[Span]:
    """Every span of every run of a request, ended or not."""
    return [span for run in _whole(FlowRun.objects.filter(request=request_id).order_by("pk")) for span in of_run(run)]


def of_run(run: FlowRun) -> list[Span]:
    """The run's own span, then each attempt of each step with what it asked. Steps that were taken over from a run
    that is done again were told with that one."""
    steps = [step for step in run.steps.all() if not step.is_taken_over]
    told = spans.Run(
        id=run.pk,
        request=run.request_id,
        flow=run.template_version.key if run.template_version else run.route,
        status=run.status,
        planned_at=run.planned_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        attributes=_attributes(run, steps),
    )
    versions = {planned.version_id: planned.version.semver for planned in run.prompts.all()}
    asked = list(run.source_records.all())
    found = [spans.of_run(told)]
    for step in steps:
        place = replace(told.place, prompt=_version(step, versions))
        found += spans.of_step(step, place, asked_by(step, asked))
    return found


def _version(step: StepRun, versions: Mapping[int, str]) -> str:
    return versions.get(step.prompt_version_id, "") if step.prompt_version_id else ""


def _attributes(run: FlowRun, steps: Iterable[StepRun]) -> dict[str, Any]:
    return {
        "gtm.client": run.client.slug,
        "gtm.purpose": run.request.purpose,
        "gtm.depth": run.request.depth,
        "gtm.trial": run.request.trial_side,
        "gtm.rule": run.route,
        "gtm.config_sha256": run.config_sha256,
        "gtm.config_version": run.config_version,
        "gtm.deployment": run.deployment.number if run.deployment else None,
        "gtm.code_revision": run.code_revision,
        "gtm.revisions": run.revised,
        "gtm.recoveries": run.recoveries,
        "gtm.cost_usd": float(sum((step.cost_usd for step in steps), Decimal(0))),
    }


def asked_by(step: StepRun, records: Iterable[SourceRecord]) -> Iterator[Asked]:
    """When each question was put stands in the search that put it; tools put theirs as they begin."""
    own = [record for record in records if record.step_id == step.pk]
    actions = step.input.get("search", {}).get("actions", []) if own else []
    begun = {action["question"]: float(action["at_s"]) for action in actions}
    for record in own:
        yield Asked(
            source=record.source,
            status=record.status,
            ms=record.elapsed_ms,
            after_s=begun.get(record.question, 0.0),
            http_status=record.http_status,
            calls=record.calls,
            credits=record.credits,
            is_reused=record.same_as_id is not None,
            is_sandbox=record.is_sandbox,
        )


def _whole(runs: QuerySet[FlowRun]) -> QuerySet[FlowRun]:
    """With all that spans are made of, in a constant number of queries."""
    steps = StepRun.objects.select_related("context").defer(*HEAVY).order_by("stage", "pk")
    named = runs.select_related("client", "request", "template_version", "deployment")
    return named.defer(*RUN_HEAVY, "deployment__config", "deployment__connections").prefetch_related(
        Prefetch("steps", steps),
        Prefetch("prompts", PlannedPrompt.objects.select_related("version")),
        Prefetch("source_records", SourceRecord.objects.defer("payload").order_by("pk")),
    )


def _batches(runs: Iterable[FlowRun]) -> Iterator[Batch]:
    """Whole runs, at least one, up to MOST_SPANS. One whose rows cannot be told is passed over, or it would be met for
    ever."""
    batch: Batch = []
    size = 0
    for run in runs:
        found = _told(run)
        if batch and size + len(found) > MOST_SPANS:
            yield batch
            batch, size = [], 0
        batch.append((run, found))
        size += len(found)
    if batch:
        yield batch


def _told(run: FlowRun) -> list[Span]:
    try:
        return of_run(run)
    except (KeyError, TypeError, ValueError, AttributeError):
        logger.exception("run %s cannot be told as spans", run.pk)
        return []
