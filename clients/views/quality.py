"""How sound contacts are: by client, source, week and rule, and the contacts behind a figure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Avg, Count, Max, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from clients import quality, scores
from clients.access import scope, visible_clients
from clients.models import Client, Contact, ContactQuality, QualityWeek
from gtm.admin_site import CappedPaginator

WEEKS = 12
WIDTH, HEIGHT = 120, 28  # of the line beside a client's name
TONES = {quality.BLOCK: "bad", quality.WARN: "warn", quality.FIX: "info"}


class Line(NamedTuple):
    """A course of scores over weeks: `points` for an SVG polyline of WIDTH by HEIGHT, and the same in words."""

    points: str
    words: str


class ByClient(NamedTuple):
    """`faulty`: contacts with something wrong; `at`: when the newest was looked at."""

    client: Client
    contacts: int
    score: float
    held: int
    faulty: int
    at: datetime
    line: Line


class Figures(NamedTuple):
    contacts: int
    score: float
    held: int
    at: datetime | None


class ByRule(NamedTuple):
    key: str
    label: str
    severity: str
    tone: str
    is_on: bool
    contacts: int


@require_safe
def contact_quality(request: HttpRequest) -> HttpResponse:
    """All clients of the user, or one (`client`); the contacts that a rule found something of (`rule`)."""
    clients = {client.slug: client for client in visible_clients(request.user).order_by("name")}
    client, rule = clients.get(request.GET.get("client", "")), request.GET.get("rule", "")
    rule = rule if rule in quality.RULES else ""
    rows = scope(ContactQuality.objects.filter(contact__in=scores.standing()), request.user)
    rows = rows.filter(client=client) if client else rows
    weeks = _weeks(request, client)
    by_client, by_rule = _by_client(rows, list(clients.values()), weeks), _by_rule(rows, client)
    counts = {row.key: row.contacts for row in by_rule}
    kept = {name: value for name, value in (("client", client.slug if client else ""), ("rule", rule)) if value}
    context = {
        "clients": list(clients.values()),
        "client": client,
        "rule": rule,
        "rule_label": quality.RULES[rule].label if rule else "",
        "figures": _figures(by_client),
        "by_client": by_client,
        "by_rule": by_rule,
        "sources": _by_source(weeks) if client else [],
        "page": _contacts(request, rows, rule, count=counts[rule] if rule else sum(row.faulty for row in by_client)),
        "kept": urlencode(kept),
        "width": WIDTH,
        "height": HEIGHT,
    }
    context["people"] = _with_findings(context["page"].object_list)
    return render(request, "clients/quality.html", context)


def _weeks(request: HttpRequest, client: Client | None) -> list[QualityWeek]:
    since = timezone.localdate() - timedelta(weeks=WEEKS)
    rows = scope(QualityWeek.objects.filter(week__gt=since), request.user)
    rows = rows.filter(client=client) if client else rows
    return list(rows.order_by("week", "source"))


def _by_client(
    rows: QuerySet[ContactQuality], clients: Sequence[Client], weeks: Sequence[QualityWeek]
) -> list[ByClient]:
    """The lowest score first."""
    by_id, courses = {client.pk: client for client in clients}, defaultdict(list)
    for week in weeks:
        courses[week.client_id].append(week)
    figures = (
        rows.order_by()
        .values("client")
        .annotate(
            n=Count("pk"),
            mean=Avg("score"),
            held=Count("pk", filter=Q(is_held=True)),
            faulty=Count("pk", filter=~Q(found={})),
            at=Max("checked_at"),
        )
    )
    return [
        ByClient(
            by_id[row["client"]],
            row["n"],
            row["mean"],
            row["held"],
            row["faulty"],
            row["at"],
            _line(courses[row["client"]]),
        )
        for row in figures.order_by("mean", "client")
    ]


def _line(weeks: Sequence[QualityWeek]) -> Line:
    means = _means(weeks)
    if not means:
        return Line("", "no week yet")
    scores_ = list(means.values())
    step = WIDTH / max(1, len(scores_) - 1)
    edge = 3  # so that the line's own width stays inside
    points = " ".join(
        f"{number * step:.1f},{edge + (HEIGHT - 2 * edge) * (1 - score / 100):.1f}"
        for number, score in enumerate(scores_)
    )
    if len(scores_) == 1:
        return Line("", "one week so far")
    return Line(points, f"{scores_[0]:.0f} to {scores_[-1]:.0f} in {len(scores_)} weeks")


def _means(weeks: Sequence[QualityWeek]) -> Mapping[date, float]:
    """Each week's mean score over all sources, every contact weighing the same."""
    points: dict[date, float] = defaultdict(float)
    people: dict[date, int] = defaultdict(int)
    for week in weeks:
        points[week.week] += week.score * week.contacts
        people[week.week] += week.contacts
    return {week: points[week] / people[week] for week in sorted(points) if people[week]}


def _by_source(weeks: Sequence[QualityWeek]) -> list[tuple[QualityWeek, Line]]:
    """The newest week of each source, with its course."""
    courses = defaultdict(list)
    for week in weeks:
        courses[week.source].append(week)
    return [(course[-1], _line(course)) for _, course in sorted(courses.items())]


def _by_rule(rows: QuerySet[ContactQuality], client: Client | None) -> list[ByRule]:
    own = scores.settings_of([client.pk])[client.pk] if client else {}
    counts = scores.by_rule(rows)
    found = []
    for key, rule in quality.RULES.items():
        wanted = quality.setting(key, own)
        label = dict(quality.SEVERITIES)[wanted.severity].split(":")[0]
        found.append(ByRule(key, rule.label, label, TONES[wanted.severity], wanted.is_on, counts.get(key, 0)))
    return sorted(found, key=lambda row: -row.contacts)


def _contacts(request: HttpRequest, rows: QuerySet[ContactQuality], rule: str, *, count: int) -> Any:  # noqa: ANN401 - Django's page
    rows = rows.filter(found__has_key=rule) if rule else rows.exclude(found={})
    rows = rows.select_related("contact", "client").order_by("score", "-contact")
    paginator = CappedPaginator(rows, 25)
    paginator.count = count  # known already
    return paginator.get_page(request.GET.get("page"))


def _figures(by_client: Sequence[ByClient]) -> Figures:
    people = sum(row.contacts for row in by_client)
    points = sum(row.score * row.contacts for row in by_client)
    newest = max((row.at for row in by_client), default=None)
    return Figures(people, points / people if people else 0, sum(row.held for row in by_client), newest)


def _with_findings(
    rows: Sequence[ContactQuality],
) -> list[tuple[ContactQuality, list[tuple[quality.Finding, str, str]]]]:
    """Each with what is wrong as it stands now, in words, with a label and a tone for the severity."""
    people: list[Contact] = [row.contact for row in rows]
    found = scores.findings_of(people, at=timezone.now()) if people else {}
    return [
        (row, [(each, quality.RULES[each.rule].label, TONES[each.severity]) for each in found[row.contact_id]])
        for row in rows
    ]
