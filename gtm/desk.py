"""What lies on a person's desk: the rows behind the start page and the search, where the person may see them."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse

from agents_app import finding
from agents_app.models import Draft, FlowRun, Gate, Request, Send
from agents_app.research import SOURCES
from clients.access import scope, visible_clients
from clients.models import Client, Connection, Contact, Delivery
from experiments.models import OutcomeEvent, OutcomeKind, SettingProposal
from insights.models import Ticket

SHOWN = 6
WEEK = timedelta(days=7)
OFFER = "custom_fields.offer"


class Figure(NamedTuple):
    """A count of the last seven days, and of the seven before."""

    label: str
    now: int
    before: int


class Step(NamedTuple):
    """Of the first steps with the product: `says` and `address` lead on where it is not done."""

    label: str
    is_done: bool
    says: str
    address: str


class Desk(NamedTuple):
    """`steps` is empty once all of them are done."""

    steps: list[Step]
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
        steps=_steps(user, clients),
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
    """The clients with most waiting first, each with `waiting` (drafts), and whether a research source is connected,
    anybody is known there, anything was asked for, and a draft was decided: `has_source`, `has_people`, `is_asked`,
    `is_decided`; and the `proposals` that wait for all of them."""
    here, of_run = {"client": OuterRef("pk")}, {"run__client": OuterRef("pk"), "decided_by__isnull": False}
    drafts = Draft.objects.filter(run__client=OuterRef("pk"), status=Draft.Status.WAITING)
    count = drafts.order_by().values("run__client").annotate(n=Count("pk")).values("n")
    proposed = scope(SettingProposal.objects.filter(status=SettingProposal.Status.OPEN), user).order_by()
    every = proposed.values("status").annotate(n=Count("pk")).values("n")
    rows = visible_clients(user).select_related("industry")
    rows = rows.annotate(
        waiting=Coalesce(Subquery(count), 0),
        proposals=Coalesce(Subquery(every), 0),
        has_source=Exists(Connection.objects.filter(**here, is_active=True, party__in=list(SOURCES))),
        has_people=Exists(Contact.objects.filter(**here)),
        is_asked=Exists(Request.objects.in_earnest().filter(**here)),
        is_decided=Exists(Draft.objects.filter(**of_run)),
    )
    return rows.order_by("-waiting", "name")[: 2 * SHOWN]


def _steps(user: User, clients: Sequence[Any]) -> list[Step]:
    """From nothing to the first e-mail that somebody decided about. Costs no query beside those of the clients."""
    if not user.has_perms(["clients.add_client", "clients.add_contact", "agents_app.add_request"]):
        return []
    newest = max(clients, key=lambda client: client.pk, default=None)
    chosen = f"?client={newest.pk}" if newest else ""
    own = f"{reverse('admin:clients_client_change', args=[newest.pk])}#id_{OFFER.replace('.', '__')}" if newest else ""
    has_source = any(client.has_source for client in clients)
    steps = [
        Step(
            "Add a client",
            bool(clients),
            "A name and an industry are enough: the rest comes from the templates.",
            reverse("admin:clients_client_add"),
        ),
        Step(
            "Say what it offers and how it speaks",
            any(OFFER in client.settings for client in clients),
            "Its offer in one sentence, its tone, words to avoid. You see at once what the agents are told.",
            own,
        ),
        Step(
            "Bring in facts and people",
            has_source and any(client.has_people for client in clients),
            "Now somebody to write to: by hand, or from the CRM by a connection."
            if has_source
            else "First a connection to a research source, so that the agents find facts; then somebody to write to.",
            f"{reverse('admin:clients_contact_add' if has_source else 'admin:clients_connection_add')}{chosen}",
        ),
        Step(
            "Ask for the first e-mail",
            any(client.is_asked for client in clients),
            "The plan is shown before anything runs.",
            f"{reverse('plan')}{chosen}",
        ),
        Step(
            "Decide about the draft",
            any(client.is_decided for client in clients),
            "Nothing is sent before a person has approved it.",
            reverse("approvals"),
        ),
    ]
    return [] if all(step.is_done for step in steps) else steps


def _drafts(user: User) -> QuerySet[Draft]:
    rows = scope(Draft.objects.filter(status=Draft.Status.WAITING), user, "run__client")
    return rows.select_related("contact", "run__client").order_by("written_at", "pk")[:SHOWN]


def _questions(user: User) -> QuerySet[Gate]:
    rows = scope(Gate.objects.open(), user, "step__run__client")
    return rows.select_related("step__run__client").order_by("expires_at", "pk")[:SHOWN]


def _failed(user: User, at: datetime) -> QuerySet[FlowRun]:
    runs = FlowRun.objects.filter(request__trial_side="", status__in=FlowRun.WRONG, planned_at__gte=at - WEEK)
    rows = scope(runs, user)
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
    """Clients by name, contacts by address or name, runs and requests by number, for the search box."""
    text = text.replace("\0", "").strip()
    if not text:
        return []
    numbered = [*_found_runs(user, text), *_found_requests(user, text)]
    return [*numbered, *_found_clients(user, text), *_found_contacts(user, text)]


def outcomes_of(user: User, drafts: Sequence[Draft]) -> list[OutcomeEvent]:
    """What came back to these e-mails, the newest first; no query where none was sent."""
    sent = [draft.pk for draft in drafts if hasattr(draft, "send")]
    if not sent or not user.has_perm("experiments.view_outcomeevent"):
        return []
    rows = scope(OutcomeEvent.objects.filter(send__draft__in=sent).exclude(kind=OutcomeKind.SENT), user)
    return list(rows.select_related("send__draft").order_by("-occurred_at", "-pk")[: 2 * SHOWN])


def _found_runs(user: User, text: str) -> Iterator[Place]:
    number = finding.number_of(text)
    if number and user.has_perm("agents_app.view_flowrun"):
        for run in scope(FlowRun.objects.filter(pk=number), user).select_related("client"):
            yield Place(f"Run {run.pk}, {run.client}", "Run", reverse("run_page", args=[run.pk]))


def _found_requests(user: User, text: str) -> Iterator[Place]:
    number = finding.number_of(text)
    if number and user.has_perm("agents_app.view_flowrun"):
        for asked in scope(Request.objects.filter(pk=number), user).select_related("client"):
            yield Place(f"{asked}, {asked.client}", "Request", reverse("request_trace", args=[asked.pk]))


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
