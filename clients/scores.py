"""Contacts under their client's quality rules: what is wrong, the score, and how clients stand week by week."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, F, Func, Max, Q, QuerySet
from django.utils import timezone

from clients import contact_fields, quality
from clients.models import (
    Client,
    Contact,
    ContactField,
    ContactQuality,
    Observation,
    QualityRule,
    QualityWeek,
    ReviewItem,
)
from clients.quality import Finding
from clients.quality_rules import Facts, Setting

LOOKED_AT_ONCE = 2000
LOOK_AGAIN = timedelta(days=7)  # nothing came, and yet time passes: contacts grow stale
NEEDS_HEARD, NEEDS_TWIN = "stale", "duplicate"
TWINS = (ReviewItem.Kind.SIMILAR, ReviewItem.Kind.TWO_RECORDS)

Settings = Mapping[str, Setting]


class _Key(Func):
    function = "jsonb_object_keys"
    set_returning = True


def settings_of(clients: Iterable[int]) -> Mapping[int, Settings]:
    """What each client wants of the rules, by its id; one query."""
    found: dict[int, dict[str, Setting]] = defaultdict(dict)
    for row in QualityRule.objects.filter(client__in=set(clients)):
        fine = frozenset(word.strip().casefold() for word in row.fine.split(",") if word.strip())
        found[row.client_id][row.rule] = Setting(row.severity, row.is_on, row.days, fine)
    return defaultdict(dict, found)


def findings_of(contacts: Sequence[Contact], *, at: datetime) -> dict[int, list[Finding]]:
    """What is wrong with each contact, by its id; three queries."""
    wanted = settings_of(contact.client_id for contact in contacts)
    return _look(contacts, wanted, at, heard=_heard(contacts), twins=_twins(contacts))


def why_held(contact: Contact) -> str:
    """Why a rule keeps everybody from writing to the contact; "" where none does."""
    return held([contact]).get(contact.pk, "")


def held(contacts: Sequence[Contact]) -> dict[int, str]:
    """Those that a rule keeps everybody from writing to, by id, and why.

    What only the database knows is asked for only where a rule that needs it blocks, so mostly it is one query.
    """
    wanted, at = settings_of(contact.client_id for contact in contacts), timezone.now()
    blocks = {key for own in wanted.values() for key, said in own.items() if said.severity == quality.BLOCK}
    heard = _heard(contacts) if NEEDS_HEARD in blocks else {}
    twins = _twins(contacts) if NEEDS_TWIN in blocks else {}
    found = _look(contacts, wanted, at, heard=heard, twins=twins)
    return {pk: why for pk, findings in found.items() if (why := quality.why_held(findings))}


def as_written(contact: Contact) -> dict[str, str]:
    """The contact's fields as they are shown and written about: what a rule fixes is fixed."""
    wanted, values = settings_of([contact.client_id])[contact.client_id], _values(contact)
    return values | quality.better(quality.look(_facts(contact, timezone.now()), wanted))


def keep(contacts: Sequence[Contact], *, at: datetime) -> None:
    """Look at the contacts and write down what was found."""
    found = findings_of(contacts, at=at)
    ContactQuality.objects.bulk_create(
        [_row(contact, found[contact.pk], at) for contact in contacts],
        update_conflicts=True,
        unique_fields=["contact"],
        update_fields=["score", "is_held", "found", "checked_at"],
    )


def due(at: datetime) -> QuerySet[Contact]:
    """Contacts that changed since they were looked at, or were not looked at for long, the newest change first."""
    old = Q(quality=None) | Q(quality__checked_at__lt=F("updated_at")) | Q(quality__checked_at__lt=at - LOOK_AGAIN)
    return standing().filter(old).order_by("-updated_at", "pk")


def standing() -> QuerySet[Contact]:
    """Contacts that are people at present: neither merged into another one, nor deleted, nor erased."""
    return Contact.objects.filter(merged_into=None, deleted_at=None, erased_at=None)


def look_anew(client: Client) -> None:
    """The client's rules changed: every contact is due."""
    ContactQuality.objects.filter(client=client).update(checked_at=F("checked_at") - 2 * LOOK_AGAIN)


def roll_up(at: datetime) -> None:
    """How every client's contacts stand, by source, as the row of the week that `at` lies in."""
    day = timezone.localtime(at).date()
    week = day - timedelta(days=day.weekday())
    rows = ContactQuality.objects.filter(contact__in=standing()).order_by()
    per_rule: dict[tuple[int, str], dict[str, int]] = defaultdict(dict)
    for client, source, rule, count in (
        rows.annotate(rule=_Key("found")).values_list("client", "contact__source", "rule").annotate(n=Count("pk"))
    ):
        per_rule[client, source][rule] = count
    figures = rows.values("client", "contact__source").annotate(
        n=Count("pk"), mean=Avg("score"), held=Count("pk", filter=Q(is_held=True))
    )
    _write_week(week, figures, per_rule, at)


def by_rule(rows: QuerySet[ContactQuality]) -> dict[str, int]:
    """How many of `rows` each rule found something of."""
    keys = rows.order_by().annotate(rule=_Key("found"))
    return dict(keys.values_list("rule").annotate(n=Count("pk")))


def _write_week(week: date, figures: Iterable[Any], per_rule: Mapping[Any, dict[str, int]], at: datetime) -> None:
    QualityWeek.objects.bulk_create(
        [
            QualityWeek(
                client_id=row["client"],
                source=row["contact__source"],
                week=week,
                contacts=row["n"],
                score=row["mean"],
                held=row["held"],
                found=per_rule.get((row["client"], row["contact__source"]), {}),
                made_at=at,
            )
            for row in figures
        ],
        update_conflicts=True,
        unique_fields=["client", "source", "week"],
        update_fields=["contacts", "score", "held", "found", "made_at"],
    )


def _row(contact: Contact, found: list[Finding], at: datetime) -> ContactQuality:
    return ContactQuality(
        contact=contact,
        client_id=contact.client_id,
        score=quality.score(found),
        is_held=bool(quality.why_held(found)),
        found=quality.worst(found),
        checked_at=at,
    )


def _look(
    contacts: Sequence[Contact],
    wanted: Mapping[int, Settings],
    at: datetime,
    *,
    heard: Mapping[int, datetime],
    twins: Mapping[int, str],
) -> dict[int, list[Finding]]:
    return {
        each.pk: quality.look(_facts(each, at, heard.get(each.pk), twins.get(each.pk, "")), wanted[each.client_id])
        for each in contacts
    }


def _facts(contact: Contact, at: datetime, heard: datetime | None = None, twin: str = "") -> Facts:
    return Facts(_values(contact), at, contact_fields.LIMITS, heard, twin)


def _values(contact: Contact) -> dict[str, str]:
    own = {f"custom.{name}": str(value) for name, value in contact.custom.items()}
    return {name: getattr(contact, name) for name in ContactField.values} | own


def _heard(contacts: Sequence[Contact]) -> dict[int, datetime]:
    """When any source last said anything of each contact."""
    rows = Observation.objects.filter(record__contact__in=[contact.pk for contact in contacts]).order_by()
    return dict(rows.values_list("record__contact").annotate(newest=Max("occurred_at")))


def _twins(contacts: Sequence[Contact]) -> dict[int, str]:
    """Whom each contact may be twice, as an open review asks."""
    open_ones = ReviewItem.objects.filter(
        contact__in=[contact.pk for contact in contacts], kind__in=TWINS, state=ReviewItem.State.OPEN
    )
    return {item.contact_id: str(item.record) for item in open_ones.select_related("record")}
