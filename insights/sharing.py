"""What each client's campaigns say of each pattern, and what may leave it: rounded sentences of a closed list."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.utils import timezone

from agents_app.models import Fact, Send
from clients.models import Client
from experiments.models import OutcomeKind
from gtm.stats.discoveries import discoveries
from insights import patterns, privacy
from insights.metrics import REPLY_DAYS, answered, sends
from insights.models import ClientPattern, SharedInsight
from insights.patterns import Contrast, Email, Outcome

FRESH = timedelta(weeks=13)  # an older release is no hint any more
MOST_HINTS = 3
_FIGURES = ("campaigns", "on_contacts", "on_replies", "off_contacts", "off_replies", "effect", "vote", "computed_at")


@transaction.atomic
def compute_client_patterns(at: datetime) -> list[ClientPattern]:
    """Each client's contrasts from its own e-mails alone, of those old enough to have been answered."""
    found = [
        _row(client_id, contrast, at)
        for client_id in Client.objects.order_by("pk").values_list("pk", flat=True)
        for contrast in patterns.contrasts(_outcomes(client_id, at))
    ]
    saved = ClientPattern.objects.bulk_create(
        found, update_conflicts=True, unique_fields=["client", "pattern"], update_fields=_FIGURES
    )
    _forget_others(saved)
    return saved


@transaction.atomic
def release(week: date, *, at: datetime) -> list[SharedInsight]:
    """Publish what enough clients support and what enough of them changed since it was last published."""
    votes = _votes()
    agreed = {key: found for key, rows in votes.items() if (found := privacy.agreement(_voices(rows)))}
    kept = discoveries({key: found.p for key, found in agreed.items()})
    taken = set(SharedInsight.objects.filter(week=week).values_list("pattern", flat=True))
    return [
        _publish(votes[key], agreed[key], week=week, at=at) for key in sorted(kept - taken) if _is_news(key, votes[key])
    ]


def hints_for(client: Client, *, at: datetime) -> list[str]:
    """Released sentences that still stand, the largest effect first. Never a figure of another client."""
    newest = SharedInsight.objects.filter(released_at__lte=at, released_at__gt=at - FRESH)
    insights = {row.pattern: row for row in newest.order_by("released_at", "pk")}
    shown = supported() - _found_otherwise(client, insights)
    standing = [row for key, row in insights.items() if key in shown]
    ordered = sorted(standing, key=lambda row: (-abs(row.effect_rounded), row.pattern))
    return [row.sentence for row in ordered[:MOST_HINTS]]


def supported() -> set[str]:
    """The patterns that enough clients support at present; a released one that fell out of here is not shown."""
    return {key for key, rows in _votes().items() if privacy.agreement(_voices(rows))}


def sharing_clients() -> int:
    """How many clients' campaigns count for at least one pattern."""
    return len({row.client_id for rows in _votes().values() for row in rows})


def _row(client_id: int, contrast: Contrast, at: datetime) -> ClientPattern:
    figures = {name: getattr(contrast, name) for name in _FIGURES if name != "computed_at"}
    return ClientPattern(client_id=client_id, pattern=contrast.pattern, computed_at=at, **figures)


def _forget_others(found: Iterable[ClientPattern]) -> None:
    """A pattern that no e-mail of a client shows any more counts for nothing."""
    nothing = dict.fromkeys(("vote", "campaigns", "on_contacts", "on_replies", "off_contacts", "off_replies"), 0)
    ClientPattern.objects.exclude(pk__in=[row.pk for row in found]).update(**nothing, effect=None)


def _votes() -> dict[str, list[ClientPattern]]:
    """{pattern: the rows that count}: clients that share, with enough campaigns and contacts."""
    rows = defaultdict(list)
    for row in ClientPattern.objects.filter(client__shares_patterns=True, effect__isnull=False).order_by("client_id"):
        if privacy.counts(campaigns=row.campaigns, on=row.on_contacts, off=row.off_contacts):
            rows[row.pattern].append(row)
    return {key: rows[key] for key in patterns.BY_KEY if key in rows}


def _voices(rows: Iterable[ClientPattern]) -> list[privacy.Voice]:
    return [privacy.Voice(row.vote, row.effect or 0.0) for row in rows]


def _is_news(key: str, rows: Iterable[ClientPattern]) -> bool:
    earlier = ClientPattern.objects.filter(pattern=key).values_list("client_id", "released_vote")
    before = {client: vote for client, vote in earlier if vote is not None}
    now = {row.client_id: row.vote for row in rows}
    return not before or privacy.changed(before, now) >= privacy.MIN_CHANGED


def _publish(rows: list[ClientPattern], agreed: privacy.Agreement, *, week: date, at: datetime) -> SharedInsight:
    key, effect = rows[0].pattern, privacy.rounded_effect(agreed.effect)
    clients = privacy.rounded_clients(agreed.clients)
    ClientPattern.objects.filter(pattern=key).update(released_vote=None)
    ClientPattern.objects.filter(pk__in=[row.pk for row in rows]).update(released_vote=F("vote"))
    return SharedInsight.objects.create(
        pattern=key,
        week=week,
        clients_rounded=clients,
        effect_rounded=effect,
        supporting_share=round(agreed.share, 1),
        sentence=patterns.sentence(key, clients=clients, effect=effect),
        released_at=at,
    )


def _found_otherwise(client: Client, insights: Mapping[str, SharedInsight]) -> set[str]:
    """Patterns that this client's own campaigns speak against: its own evidence comes first."""
    own = ClientPattern.objects.filter(client=client, pattern__in=insights).values_list("pattern", "vote")
    return {key for key, vote in own if vote * insights[key].effect_rounded < 0}


def _outcomes(client_id: int, at: datetime) -> Iterator[Outcome]:
    attributes = _attributes(client_id)
    mature = sends(at).filter(contact__client=client_id, sent_at__lte=at - timedelta(days=REPLY_DAYS))
    for row in _mails(mature, at):
        yield Outcome(_email(row, attributes.get(row["run"], {})), row["campaign"], row["replied"])


def _mails(mature: QuerySet[Send], at: datetime) -> Iterator[Mapping[str, Any]]:
    earlier = Send.objects.filter(
        contact=OuterRef("contact"),
        draft__run__request__campaign=OuterRef("draft__run__request__campaign"),
        draft__sequence_step=OuterRef("draft__sequence_step") - 1,
    )
    in_campaigns = mature.filter(draft__run__request__campaign__isnull=False).order_by("pk")
    rows = in_campaigns.annotate(
        replied=answered(OutcomeKind.REPLIED, REPLY_DAYS, at), previous=Subquery(earlier.values("sent_at")[:1])
    ).values(
        "replied",
        "previous",
        "sent_at",
        run=F("draft__run"),
        campaign=F("draft__run__request__campaign"),
        subject=F("draft__final_subject"),
        body=F("draft__final_body"),
        sentences=F("draft__sentences"),
        step=F("draft__sequence_step"),
        company=F("contact__company_name"),
    )
    yield from rows.iterator()


def _attributes(client_id: int) -> dict[int, dict[str, str]]:
    """{run: {fact key: attribute}} of the client's runs that ended in an e-mail."""
    facts: dict[int, dict[str, str]] = defaultdict(dict)
    rows = Fact.objects.filter(run__client=client_id, run__drafts__send__isnull=False)
    for run, key, attribute in rows.values_list("run", "key", "attribute").iterator():
        facts[run][key] = attribute
    return facts


def _email(row: Mapping[str, Any], attributes: Mapping[str, str]) -> Email:
    """Only sentences that a person left in the text count."""
    kept = [sentence for sentence in row["sentences"] if sentence["text"] in row["body"]]
    return Email(
        subject=row["subject"],
        body=row["body"],
        sent_at=timezone.localtime(row["sent_at"]),
        company=row["company"],
        rests_on=tuple(frozenset(attributes.get(key, key) for key in sentence["rests_on"]) for sentence in kept),
        sequence_step=row["step"],
        previous_sent_at=timezone.localtime(row["previous"]) if row["previous"] else None,
    )
