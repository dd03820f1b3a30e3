"""Where errors are written down, read into groups: failed steps, sources, deliveries, drafts and runs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from agents_app.models import StepRun
from insights import metrics
from insights.error_groups import Group, Occurrence, grouped
from insights.weeks import Span


@dataclass(frozen=True)
class Place:
    """A metric whose hits are errors, and the columns that hold the message and the segment."""

    metric: str
    message: str
    segment: str = ""
    keep: Q = field(default_factory=Q)


_ITS_STEP_SAYS_WHY = Exists(StepRun.objects.filter(run=OuterRef("pk"), status=StepRun.Status.FAILED))
PLACES = (
    Place("failed_steps", "error", "agent"),
    Place("source_failures", "reason", "source"),
    Place("quarantined", "error", "connection__party"),
    Place("refused_drafts", "refusal"),
    Place("unfinished_runs", "error", keep=~Q(_ITS_STEP_SAYS_WHY)),
)


def groups(span: Span, *, at: datetime) -> list[Group]:
    """The groups of the span's errors, the commonest first, as known at `at`. One query a place."""
    return grouped(occurrence for place in PLACES for occurrence in _occurrences(place, span, at))


def _occurrences(place: Place, span: Span, at: datetime) -> Iterator[Occurrence]:
    client = metrics.METRICS[place.metric].client
    columns = ("pk", place.message, "at", client, *([place.segment] if place.segment else []))
    found = metrics.rows(place.metric, span, at=at).filter(place.keep, hit=True)
    for pk, message, moment, client_id, *segment in found.values_list(*columns).iterator():
        yield Occurrence(":".join([place.metric, *segment]), pk, message, moment, client_id)
