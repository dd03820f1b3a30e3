"""The steps of a run as they are drawn on a line of time, each with its calls to the model and the sources it asked."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from django.utils import timezone

from agents_app import exporting, names, spans, waterfall
from agents_app.models import FlowRun, SourceRecord, StepRun
from agents_app.research import SOURCES
from agents_app.waterfall import Span, Waterfall

TONES = {
    "running": "info", "waiting": "warn", "done": "ok", "skipped": "quiet", "rejected": "bad", "failed": "bad",
    "lost": "bad",
}  # fmt: skip
REPAIR = "repair"  # a call that asks the model to mend its answer


def of_run(run: FlowRun, steps: Iterable[StepRun], records: Sequence[SourceRecord], *, is_long: bool) -> Waterfall:
    """What the run did itself; of a long one, whose calls are on pages of their own, the steps alone."""
    own = [step for step in steps if not step.is_taken_over]
    drawn = [_step(step, () if is_long else _parts(run, step, records)) for step in own]
    return waterfall.draw(drawn, until=run.finished_at or timezone.now())


def of_step(step: StepRun, records: Sequence[SourceRecord]) -> Waterfall:
    """One step by itself."""
    return waterfall.draw([_step(step, _parts(step.run, step, records))], until=step.finished_at or timezone.now())


def _step(step: StepRun, parts: Iterable[Span]) -> Span:
    again = f" ({step.attempt})" if step.attempt > 1 else ""
    told = tuple(sorted(parts, key=lambda part: part.started_at))
    return Span(f"{step.label}{again}", TONES[step.status], step.started_at, step.finished_at, told)


def _parts(run: FlowRun, step: StepRun, records: Iterable[SourceRecord]) -> Iterator[Span]:
    place = spans.place(run.pk, run.planned_at, request=run.request_id)
    for span in spans.of_step(step, place, exporting.asked_by(step, records))[1:]:
        began, ended = (spans.EPOCH + timedelta(microseconds=ns // 1000) for ns in (span.start_ns, span.end_ns))
        yield Span(_label(span), "bad" if span.status == "ERROR" else "ok", began, ended)


def _label(span: spans.Span) -> str:
    said = span.attributes
    if source := said.get("gen_ai.data_source.id"):
        name = SOURCES[source].name if source in SOURCES else names.in_words(source)
        return f"{name}, used again" if said["gtm.reused"] else name
    model = said.get("gen_ai.request.model", "model")
    return f"{model}, {REPAIR}" if said.get("gtm.call") == REPAIR else model
