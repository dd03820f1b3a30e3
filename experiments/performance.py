"""How each prompt version fared: what people did with its drafts, and what became of its e-mails.

A version is counted wherever a run used it, for whatever agent. Versions live in different weeks and with different
clients, so these rows describe; only an experiment compares.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, ExpressionWrapper, OuterRef, Q, QuerySet
from django.db.models.fields import DateTimeField

from agents_app.models import Draft, PlannedPrompt, PromptVersion
from clients.models import Client
from experiments.models import OutcomeEvent, OutcomeKind
from gtm.stats.proportions import Interval, wilson

WINDOW = timedelta(days=14)  # answers that come later are rare, and an e-mail younger than this is not judged


@dataclass(frozen=True)
class Rate:
    """`part` of `whole`, with the interval of the rate; `rate` is None when there is nothing to count."""

    part: int
    whole: int

    @property
    def rate(self) -> float | None:
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> Interval:
        return wilson(self.part, self.whole)


@dataclass(frozen=True)
class VersionPerformance:
    """One version in one period. `mature`: e-mails old enough to judge; `decided`: drafts that a person decided on."""

    version: PromptVersion
    drafts: int
    approved_unchanged: int
    edited: int
    rejected: int
    sent: int
    mature: int
    replies: int
    meetings: int
    unsubscribes: int

    @property
    def decided(self) -> int:
        return self.approved_unchanged + self.edited + self.rejected

    @property
    def unchanged(self) -> Rate:
        return Rate(self.approved_unchanged, self.decided)

    @property
    def replied(self) -> Rate:
        return Rate(self.replies, self.mature)

    @property
    def met(self) -> Rate:
        return Rate(self.meetings, self.mature)

    @property
    def unsubscribed(self) -> Rate:
        return Rate(self.unsubscribes, self.mature)


def by_version(
    *, since: datetime | None = None, until: datetime, clients: Iterable[Client] | None = None
) -> list[VersionPerformance]:
    """Every version with drafts written or e-mails sent in [since, until), newest first within its agent.

    `clients` narrows to the runs of those clients; None counts all. Three queries, whatever the row count.
    """
    used = PlannedPrompt.objects.all() if clients is None else PlannedPrompt.objects.filter(run__client__in=clients)
    drafts = {row["version"]: row for row in _drafts(used, since, until)}
    sends = {row["version"]: row for row in _sends(used, since, until)}
    versions = PromptVersion.objects.filter(pk__in=drafts.keys() | sends.keys()).order_by("agent", "-number")
    return [_row(version, {**drafts.get(version.pk, {}), **sends.get(version.pk, {})}) for version in versions]


def _drafts(used: QuerySet[PlannedPrompt], since: datetime | None, until: datetime) -> Iterable[Mapping[str, Any]]:
    approved = ~Q(run__drafts__status__in=[Draft.Status.WAITING, Draft.Status.REJECTED])
    written = used.filter(_between("run__drafts__written_at", since, until))
    return written.values("version").annotate(
        drafts=Count("run__drafts"),
        approved_unchanged=Count("run__drafts", filter=approved & Q(run__drafts__was_edited=False)),
        edited=Count("run__drafts", filter=approved & Q(run__drafts__was_edited=True)),
        rejected=Count("run__drafts", filter=Q(run__drafts__status=Draft.Status.REJECTED)),
    )


def _sends(used: QuerySet[PlannedPrompt], since: datetime | None, until: datetime) -> Iterable[Mapping[str, Any]]:
    mature = Q(run__drafts__send__sent_at__lte=until - WINDOW)
    sent = used.filter(_between("run__drafts__send__sent_at", since, until)).annotate(
        has_reply=Exists(_answers(until).filter(kind=OutcomeKind.REPLIED)),
        has_meeting=Exists(_answers(until).filter(kind=OutcomeKind.MEETING_BOOKED)),
        has_left=Exists(_answers(until).filter(kind__in=[OutcomeKind.UNSUBSCRIBED, OutcomeKind.COMPLAINED])),
    )
    return sent.values("version").annotate(
        sent=Count("run__drafts__send"),
        mature=Count("run__drafts__send", filter=mature),
        replies=Count("run__drafts__send", filter=mature & Q(has_reply=True)),
        meetings=Count("run__drafts__send", filter=mature & Q(has_meeting=True)),
        unsubscribes=Count("run__drafts__send", filter=mature & Q(has_left=True)),
    )


def _answers(until: datetime) -> QuerySet[OutcomeEvent]:
    """What became of a send within the window, as far as it was known at `until`."""
    end = ExpressionWrapper(OuterRef("run__drafts__send__sent_at") + WINDOW, output_field=DateTimeField())
    return OutcomeEvent.objects.filter(send=OuterRef("run__drafts__send"), occurred_at__lte=end, received_at__lte=until)


def _between(field: str, since: datetime | None, until: datetime) -> Q:
    after = Q() if since is None else Q((f"{field}__gte", since))
    return after & Q((f"{field}__lt", until))


def _row(version: PromptVersion, counts: Mapping[str, Any]) -> VersionPerformance:
    names = (
        "drafts",
        "approved_unchanged",
        "edited",
        "rejected",
        "sent",
        "mature",
        "replies",
        "meetings",
        "unsubscribes",
    )
    return VersionPerformance(version, **{name: counts.get(name, 0) for name in names})
