"""Where errors are written down, read into groups: failed steps, sources, deliveries, drafts and runs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from agents_app.models import StepRun
from insights import metrics
from insights.error_groups import Group, Occurrence, grouped
from insights.weeks import Span


@dataclass(frozen=True)
class Place:
    """A metric whose hits are errors, and the columns that hold the message and the segment.

    `request` is the way to the request that names a company and a person: their names differ from case to case.
    """

    metric: str
    message: str
    segment: str = ""
    request: str = ""
    keep: Q = field(default_factory=Q)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{self.request}__{name}" for name in _NAMES) if self.request else ()


_NAMES = ("company_name", "contact__company_name", "contact__full_name")
_ITS_STEP_SAYS_WHY = Exists(StepRun.objects.filter(run=OuterRef("pk"), status=StepRun.Status.FAILED))
PLACES = (
    Place("failed_steps", "error", "agent", "run__request"),
    Place("source_failures", "reason", "source", "run__request"),
    Place("quarantined", "error", "connection__party"),
    Place("refused_drafts", "refusal", request="run__request"),
    Place("unfinished_runs", "error", request="request", keep=~Q(_ITS_STEP_SAYS_WHY)),
)


def groups(span: Span, *, at: datetime) -> list[Group]:
    """The groups of the span's errors, the commonest first, as known at `at`. One query a place."""
    return grouped(occurrence for place in PLACES for occurrence in _occurrences(place, span, at))


def _occurrences(place: Place, span: Span, at: datetime) -> Iterator[Occurrence]:
    client = metrics.METRICS[place.metric].client
    found = metrics.rows(place.metric, span, at=at).filter(place.keep, hit=True)
    for row in found.values("pk", "at", client, place.message, *place.names, *filter(None, [place.segment])).iterator():
        where = f"{place.metric}:{row[place.segment]}" if place.segment else place.metric
        message = _without_names(row[place.message], [row[name] for name in place.names])
        yield Occurrence(where, row["pk"], message, row["at"], row[client])


def _without_names(message: str, names: Iterable[str | None]) -> str:
    """Longer names first, so that no half of one is left."""
    for name in sorted(filter(None, names), key=len, reverse=True):
        message = message.replace(name, "<name>")
    return message
