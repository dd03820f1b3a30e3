"""A figure's address: which rows it counts. The page that lists them counts them again, from the same query."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from insights import errors, metrics
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
