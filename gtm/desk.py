"""What lies on a person's desk: the rows behind the start page and the search, where the person may see them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse

from agents_app.models import Draft, FlowRun, Gate, Send
from clients.access import scope, visible_clients
from clients.models import Client, Contact, Delivery
from experiments.models import OutcomeEvent, OutcomeKind, SettingProposal
from insights.models import Ticket

SHOWN = 6
WEEK = timedelta(days=7)


class Figure(NamedTuple):
    """A count of the last seven days, and of the seven before."""

    label: str
    now: int
    before: int


class Desk(NamedTuple):
    clients: list[Client]
    drafts: list[Draft]
    questions: list[Gate]
    failed: list[FlowRun]
    quarantine: list[Delivery]
    tickets: list[Ticket]
    proposals: int
    figures: list[Figure]


def of(user: User, *, at: datetime) -> Desk:
    clients = list(_clients(user))
    may_see = user.has_perm("experiments.view_settingproposal")
    return Desk(
        clients=clients,
        drafts=list(_drafts(user)),
        questions=list(_questions(user)) if user.has_perm("agents_app.view_gate") else [],
        failed=list(_failed(user, at)) if user.has_perm("agents_app.view_flowrun") else [],
        quarantine=list(_quarantine(user)) if user.has_perm("clients.view_delivery") else [],
        tickets=list(_tickets(user)),
        proposals=clients[0].proposals if clients and may_see else 0,  # type: ignore[attr-defined]
        figures=_figures(user, at),
    )


def _clients(user: User) -> QuerySet[Client]:
    """The clients with most waiting first, each with `waiting` (drafts), and `proposals` that wait for all of them."""
    drafts = Draft.objects.filter(run__client=OuterRef("pk"), status=Draft.Status.WAITING)
    count = drafts.order_by().values("run__client").annotate(n=Count("pk")).values("n")
    proposed = scope(SettingProposal.objects.filter(status=SettingProposal.Status.OPEN), user).order_by()
    every = proposed.values("status").annotate(n=Count("pk")).values("n")
    rows = visible_clients(user).select_related("industry")
    rows = rows.annotate(waiting=Coalesce(Subquery(count), 0), proposals=Coalesce(Subquery(every), 0))
    return rows.order_by("-waiting", "name")[: 2 * SHOWN]


def _drafts(user: User) -> QuerySet[Draft]:
    rows = scope(Draft.objects.filter(status=Draft.Status.WAITING), user, "run__client")
    return rows.select_related("contact", "run__client").order_by("written_at", "pk")[:SHOWN]


def _questions(user: User) -> QuerySet[Gate]:
    rows = scope(Gate.objects.open(), user, "step__run__client")
    return rows.select_related("step__run__client").order_by("expires_at", "pk")[:SHOWN]


def _failed(user: User, at: datetime) -> QuerySet[FlowRun]:
    rows = scope(FlowRun.objects.filter(status__in=FlowRun.WRONG, planned_at__gte=at - WEEK), user)
    return rows.select_related("client").order_by("-planned_at", "-pk")[:SHOWN]


def _quarantine(user: User) -> QuerySet[Delivery]:
    rows = scope(Delivery.objects.filter(status=Delivery.Status.QUARANTINED), user, "connection__client")
    return rows.select_related("connection__client").defer("body").order_by("-received_at", "-pk")[:SHOWN]


def _tickets(user: User) -> QuerySet[Ticket]:
    rows = scope(Ticket.objects.filter(status=Ticket.Status.OPEN), user)
    return rows.select_related("owner", "client").order_by("due_date", "pk")[:SHOWN]


def _figures(user: User, at: datetime) -> list[Figure]:
    sends = scope(Send.objects.filter(sent_at__gte=at - 2 * WEEK, sent_at__lt=at), user, "contact__client")
    outcomes = scope(OutcomeEvent.objects.filter(occurred_at__gte=at - 2 * WEEK, occurred_at__lt=at), user)
    sent = _counts(sends, "sent_at", {"sent": Q()}, at)
    came = _counts(
        outcomes,
        "occurred_at",
        {
            "replied": Q(kind=OutcomeKind.REPLIED),
            "met": Q(kind=OutcomeKind.MEETING_BOOKED),
            "left": Q(kind=OutcomeKind.UNSUBSCRIBED),
        },
        at,
    )
    return [
        Figure("E-mails sent", *sent["sent"]),
        Figure("Replies", *came["replied"]),
        Figure("Meetings booked", *came["met"]),
        Figure("Unsubscribed", *came["left"]),
    ]


def _counts(
    rows: "QuerySet[Send] | QuerySet[OutcomeEvent]", moment: str, kinds: dict[str, Q], at: datetime
) -> dict[str, tuple[int, int]]:
    """For each kind: how many in the last week and in the week before, in one query."""
    now = Q(**{f"{moment}__gte": at - WEEK})
    counted = {f"{name}_now": Count("pk", filter=kind & now) for name, kind in kinds.items()}
    counted |= {f"{name}_before": Count("pk", filter=kind & ~now) for name, kind in kinds.items()}
    found = rows.aggregate(**counted)
    return {name: (found[f"{name}_now"], found[f"{name}_before"]) for name in kinds}


class Place(NamedTuple):
    label: str
    kind: str
    url: str


def find(user: User, text: str) -> list[Place]:
    """Clients by name, contacts by address or name, runs by number, for the search box."""
    text = text.replace("\0", "").strip()
    if not text:
        return []
    return [*_found_runs(user, text), *_found_clients(user, text), *_found_contacts(user, text)]


def _found_runs(user: User, text: str) -> Iterator[Place]:
    number = text.removeprefix("#")
    if number.isdecimal() and len(number) < 18 and user.has_perm("agents_app.view_flowrun"):
        for run in scope(FlowRun.objects.filter(pk=int(number)), user).select_related("client"):
            yield Place(f"Run {run.pk}, {run.client}", "Run", reverse("run_page", args=[run.pk]))


def _found_clients(user: User, text: str) -> Iterator[Place]:
    if user.has_perm("clients.view_client"):
        rows = visible_clients(user).filter(Q(name__icontains=text) | Q(slug__icontains=text))
        for client in rows.order_by("name")[:SHOWN]:
            yield Place(client.name, "Client", reverse("admin:clients_client_change", args=[client.pk]))


def _found_contacts(user: User, text: str) -> Iterator[Place]:
    if user.has_perm("clients.view_contact"):
        fits = Q(email_normalised__startswith=text.casefold()) | Q(full_name__icontains=text)
        rows = scope(Contact.objects.filter(fits), user)
        for contact in rows.select_related("client").order_by("email_normalised", "pk")[:SHOWN]:
            label = f"{contact.full_name or contact.email}, {contact.company_name} (for {contact.client})"
            yield Place(label, "Contact", reverse("admin:clients_contact_change", args=[contact.pk]))
