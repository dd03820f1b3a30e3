"""A figure's address: which rows it counts. The page that lists them counts them again, from the same query."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Model, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from agents_app.models import Draft, FlowRun, Send, SourceRecord, StepRun
from clients.models import Delivery
from insights import errors, metrics
from insights.models import SatisfactionScore
from insights.weeks import Span, spoken


class QuestionRefused(ValueError):
    """An address that names no figure, and what is wrong with it."""


@dataclass(frozen=True)
class Question:
    """A metric over a span, of one client or all; `error` narrows to one group of errors."""

    metric: str
    span: Span
    client_id: int | None = None
    error: str = ""

    @property
    def url(self) -> str:
        parts: dict[str, Any] = {"metric": self.metric, "from": self.span.first, "to": self.span.last}
        if self.client_id is not None:
            parts["client"] = self.client_id
        if self.error:
            parts["error"] = self.error
        return f"{reverse('review_rows')}?{urlencode(parts)}"

    @property
    def title(self) -> str:
        name = metrics.label(self.metric)
        return f"{name[0].upper()}{name[1:]}, {spoken(self.span.first)} to {spoken(self.span.last)}"

    def rows(self, *, at: datetime, clients: Collection[int] | None) -> QuerySet[Any]:
        """The denominator as known at `at`, `hit` marked; only the errors of the group where one is named.

        `clients` are those the reader may see, None for all.
        """
        wanted = clients if self.client_id is None else [self.client_id]
        if clients is not None and self.client_id is not None and self.client_id not in clients:
            wanted = []
        found = metrics.rows(self.metric, self.span, at=at, clients=wanted)
        return found.filter(pk__in=self._group(at)) if self.error else found

    def _group(self, at: datetime) -> list[int]:
        found = {group.fingerprint: group for group in errors.groups(self.span, at=at)}
        return [row.row for row in found[self.error].occurrences] if self.error in found else []


def parse(query: Mapping[str, str]) -> Question:
    """The question an address asks. Raises QuestionRefused."""
    try:
        metrics.find(query.get("metric", ""))
        first, last = date.fromisoformat(query.get("from", "")), date.fromisoformat(query.get("to", ""))
        client = int(query["client"]) if query.get("client") else None
    except (metrics.UnknownMetric, ValueError) as refusal:
        raise QuestionRefused(
            f"This address names no figure: {refusal} It needs metric, from and to (days as 2026-11-16). "
            "Follow a link of a review."
        ) from refusal
    if not 0 <= (last - first).days <= 366:
        raise QuestionRefused(
            "The address asks for days that do not follow each other within a year. Follow a link of a review."
        )
    return Question(query["metric"], Span(first, last, timezone.get_default_timezone()), client, query.get("error", ""))


@dataclass(frozen=True)
class Line:
    """One row of a figure, for people: what it is, whose, where to read on. `hit`: it counts in the numerator."""

    at: datetime
    hit: bool
    text: str
    client: str
    url: str


@dataclass(frozen=True)
class Kind:
    """How rows of one model are shown: what to join, the words, the client and the page."""

    joins: tuple[str, ...]
    text: Callable[[Any], str]
    client: Callable[[Any], Any]
    page: Callable[[Any], tuple[str, int]]


KINDS: dict[type[Model], Kind] = {
    Send: Kind(
        ("contact__client", "draft"),
        lambda row: f"“{row.draft.final_subject}” to {row.contact}",
        lambda row: row.contact.client,
        lambda row: ("run_page", row.draft.run_id),
    ),
    StepRun: Kind(
        ("run__client",),
        lambda row: f"{row.label}: {row.error or _confidence(row.confidence)}",
        lambda row: row.run.client,
        lambda row: ("run_page", row.run_id),
    ),
    FlowRun: Kind(
        ("client",),
        lambda row: f"{row}: {row.error or row.get_status_display()}",
        lambda row: row.client,
        lambda row: ("run_page", row.pk),
    ),
    SourceRecord: Kind(
        ("run__client",),
        lambda row: f"{row.company_domain}: {row.reason or row.get_status_display()}",
        lambda row: row.run.client,
        lambda row: ("run_page", row.run_id),
    ),
    Draft: Kind(
        ("run__client",),
        lambda row: f"“{row.final_subject}”: {row.refusal or row.get_rejection_display() or row.get_status_display()}",
        lambda row: row.run.client,
        lambda row: ("approval", row.pk),
    ),
    Delivery: Kind(
        ("connection__client",),
        lambda row: f"{row.connection.name}: {row.error or row.get_status_display()}",
        lambda row: row.connection.client,
        lambda row: ("admin:clients_delivery_change", row.pk),
    ),
    SatisfactionScore: Kind(
        ("client",),
        lambda row: f"{row.score} out of 10 {row.comment}".strip(),
        lambda row: row.client,
        lambda row: ("admin:insights_satisfactionscore_change", row.pk),
    ),
}


def joined(rows: QuerySet[Any]) -> QuerySet[Any]:
    """With all that `line` reads."""
    return rows.select_related(*KINDS[rows.model].joins)


def line(row: Any) -> Line:  # noqa: ANN401 - a row of any model in KINDS
    kind = KINDS[type(row)]
    name, pk = kind.page(row)
    return Line(row.at, bool(row.hit), kind.text(row), str(kind.client(row)), reverse(name, args=[pk]))


def _confidence(value: float | None) -> str:
    return "no confidence yet" if value is None else f"confidence {value:.2f}"
