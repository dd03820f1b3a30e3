"""The steps of a run as they are drawn on a line of time, each with its calls to the model and the sources it asked."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from django.utils import timezone

from agents_app import names, spans, waterfall
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
    for span in spans.of_step(step, place, _asked(step, records))[1:]:
        began, ended = (spans.EPOCH + timedelta(microseconds=ns // 1000) for ns in (span.start_ns, span.end_ns))
        yield Span(_label(span), "bad" if span.status == "ERROR" else "ok", began, ended)


def _asked(step: StepRun, records: Iterable[SourceRecord]) -> Iterator[spans.Asked]:
    """When each question was put stands in the search that put it; tools put theirs as they begin."""
    own = [record for record in records if record.step_id == step.pk]
    actions = step.input.get("search", {}).get("actions", []) if own else []
    begun = {action["question"]: float(action["at_s"]) for action in actions}
    for record in own:
        is_reused, after_s = record.same_as_id is not None, begun.get(record.question, 0.0)
        yield spans.Asked(record.source, record.status, record.elapsed_ms, after_s, is_reused=is_reused)


def _label(span: spans.Span) -> str:
    said = span.attributes
    if source := said.get("gen_ai.data_source.id"):
        name = SOURCES[source].name if source in SOURCES else names.in_words(source)
        return f"{name}, used again" if said["gtm.reused"] else name
    model = said.get("gen_ai.request.model", "model")
    return f"{model}, {REPAIR}" if said.get("gtm.call") == REPAIR else model
