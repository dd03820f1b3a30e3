"""The rhythm of a week: on Monday the review and new contacts, then drafts, decisions, e-mails and what they bring."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import count
from random import Random

from django.contrib.auth.models import User
from django.utils import timezone

from agents_app import campaigns, drafts, flow, requests
from agents_app.models import Depth, Draft, FlowRun, Gate, Purpose, Request, Send
from clients import inbox
from clients.models import Contact
from experiments import lifecycle, outcomes
from experiments.models import Decision
from gtm import loop
from gtm.demo import agency, answers
from gtm.demo.agency import Account, Agency
from insights import changes, tickets
from insights.models import Ticket, WeeklyReport

Told = list[tuple[Send, str, datetime]]
REJECTIONS = (Draft.Rejection.TEXT, Draft.Rejection.TEXT, Draft.Rejection.PERSON, Draft.Rejection.TIMING)
TESTED, TESTED_NEXT = "acme-fintech", "ledgerline"  # the clients whose experiment ends, and still runs
SIGNED_OFF_ANEW = {"stackpilot": ("Cheers,", "Best,")}  # a habit of the account manager, whatever the draft
SENDING_HOURS = (9, 14, 11, 16)  # mornings and afternoons in turn
REVIEWED_FROM = 9  # the week of the first review that is kept


@dataclass
class Weeks:
    """The state of the fill. `coming` holds, a client each, what its mail service has not told yet."""

    agency: Agency
    rng: Random
    start: date
    first_mails: int
    coming: dict[str, Told] = field(default_factory=lambda: defaultdict(list))

    def at(self, week: int, weekday: int, hour: int, minute: int = 0) -> datetime:
        return moment(self.start + timedelta(days=7 * week + weekday), hour, minute)


def moment(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), timezone.get_current_timezone())


def live_through(weeks: Weeks, week: int) -> None:
    """One whole week."""
    monday(weeks, week)
    for weekday in range(1, 5):
        for hour in sorted(SENDING_HOURS):
            loop.send_due_drafts(at=weeks.at(week, weekday, hour, 30))
        react(weeks, since=weeks.at(week, weekday, 0))
        bring_in_what_happened(weeks, weeks.at(week, weekday, 18))
    bring_in_what_happened(weeks, weeks.at(week, 6, 20))
    answers.clients_speak(weeks.agency, week=week, at=weeks.at(week, 2, 11))
    loop.decide_experiments(at=weeks.at(week, 6, 21))


def monday(weeks: Weeks, week: int) -> None:
    """Review of the week before, what it leads to, and the work of the new week."""
    if week >= REVIEWED_FROM:
        loop.share_patterns(at=weeks.at(week, 0, 5, 30))
        loop.propose_settings(at=weeks.at(week, 0, 5, 45))
    if week >= REVIEWED_FROM:
        loop.measure_tickets(at=weeks.at(week, 0, 5))
        hold_review(weeks, week, loop.build_review(at=weeks.at(week, 0, 6)))
    experiment_with(weeks, week)
    for slug, account in weeks.agency.accounts.items():
        meet_people(weeks, account, week)
        asked = ask_for_mails(weeks, account, week, size=weeks.first_mails * (4 if slug == TESTED else 1))
        work(weeks, asked, weeks.at(week, 0, 10))
    work(
        weeks,
        campaigns.due_follow_ups(weeks.at(week, 0, 11), stopped=outcomes.silent_stop(weeks.at(week, 0, 11))),
        weeks.at(week, 0, 11),
    )


def meet_people(weeks: Weeks, account: Account, week: int) -> None:
    """A part of the client's contacts arrives from its CRM: most in one batch, the last by itself, once garbled."""
    at = weeks.at(week, 0, 8)
    share = -(-len(account.to_meet) // max(12 - week, 1))
    arriving, account.to_meet = account.to_meet[:share], account.to_meet[share:]
    bodies = [agency.as_crm(account.crm.party, people) for people in (arriving[:-1], arriving[-1:]) if people]
    if week == 11 and account.client.slug == TESTED_NEXT:
        bodies.append(b'{"Email": "not an address", "Name": "Test Record"}')
    for body in bodies:
        stored = inbox.store(account.crm, headers={"Content-Type": "application/json"}, body=body, at=at)
        inbox.apply(stored.delivery.pk, at=at + timedelta(minutes=5))


def ask_for_mails(weeks: Weeks, account: Account, week: int, *, size: int) -> list[Request]:
    """The campaigns take in a few new contacts each week; now and then somebody wants deep research on a company."""
    at, asked = weeks.at(week, 0, 9), []
    fresh = Contact.objects.filter(client=account.client, campaigns__isnull=True).order_by("created_at", "pk")[:size]
    for number, contact in enumerate(list(fresh)):
        campaigns.add_contacts(account.campaigns[(number + week) % len(account.campaigns)], [contact], at=at)
    for campaign in account.campaigns:
        if campaign.members.exists():
            asked += campaigns.launch(campaign, by=weeks.agency.users["manager"], at=at)
    if week == 8:
        known = Contact.objects.filter(client=account.client).order_by("pk")[:20]
        asked.append(ask_for_research(weeks, account, weeks.rng.choice(list(known)), at))
    return asked


def ask_for_research(weeks: Weeks, account: Account, contact: Contact, at: datetime) -> Request:
    return requests.ask(
        account.client,
        company_domain=contact.company_domain,
        company_name=contact.company_name,
        purpose=Purpose.DEEP_RESEARCH,
        depth=Depth.COMPREHENSIVE,
        reason="Preparing the quarter",
        by=weeks.agency.users["manager"],
        at=at,
    )


def work(weeks: Weeks, asked: list[Request], at: datetime) -> None:
    """Plan and execute the runs, then decide on their drafts, unless this is the week that lies open."""
    for number, request in enumerate(asked):
        run = flow.execute(loop.plan_run(request.pk, at=at).pk, clock=ticking(at), in_step=True)
        if run.status == FlowRun.Status.WAITING and not lies_open(weeks, at):
            answer_questions(weeks, run, at + timedelta(hours=1))
        loop.absorb_run(run.pk, at=at)
        for draft in Draft.objects.filter(run=run).select_related("run__client", "contact__client"):
            decide(weeks, draft, number, at)


def lies_open(weeks: Weeks, at: datetime) -> bool:
    """The last Monday's work is left for whoever looks at the demo."""
    return at.date() >= weeks.start + timedelta(weeks=12)


def answer_questions(weeks: Weeks, run: FlowRun, at: datetime) -> None:
    """The manager takes what the run proposes, and it goes on."""
    for gate in Gate.objects.open().filter(step__run=run):
        flow.answer(gate, Gate.Decision.APPROVED, by=weeks.agency.users["manager"], at=at)
    flow.execute(run.pk, clock=ticking(at), in_step=True)


def ticking(at: datetime) -> Callable[[], datetime]:
    """A clock that goes on by a third of a second each time somebody looks."""
    looks = count()
    return lambda: at + timedelta(milliseconds=330) * next(looks)


def decide(weeks: Weeks, draft: Draft, number: int, at: datetime) -> None:
    """Most drafts are approved as they stand; some are edited, a few rejected. On the last Monday they wait."""
    if lies_open(weeks, at):
        return
    manager, luck, then = weeks.agency.users["manager"], weeks.rng.random(), at + timedelta(hours=2)
    if luck < 0.1:
        drafts.reject(draft, by=manager, at=then, rejection=weeks.rng.choice(REJECTIONS))
        return
    day, hour = (
        at + timedelta(days=weeks.rng.randint(1, 4)),
        SENDING_HOURS[(number + at.toordinal() // 7) % len(SENDING_HOURS)],
    )
    body = draft.body.replace("Kind regards", "Best wishes") if luck < 0.2 else draft.body
    body = body.replace(*SIGNED_OFF_ANEW.get(draft.run.client.slug, ("", "")))
    send_at = day.replace(hour=hour, minute=weeks.rng.randrange(30))
    drafts.approve(draft, by=manager, at=then, body=body if body != draft.body else None, send_at=send_at)


def react(weeks: Weeks, *, since: datetime) -> None:
    """The contacts make up their minds about what was sent since; their mail services will tell."""
    sends = Send.objects.filter(sent_at__gte=since).select_related("draft__run__client").order_by("sent_at", "pk")
    for send in sends:
        weeks.coming[send.draft.run.client.slug] += [(send, kind, when) for kind, when in answers.of(send, weeks.rng)]


def bring_in_what_happened(weeks: Weeks, at: datetime) -> None:
    for slug, account in weeks.agency.accounts.items():
        told = sorted((row for row in weeks.coming[slug] if row[2] <= at), key=lambda row: (row[2], row[0].pk, row[1]))
        weeks.coming[slug] = [row for row in weeks.coming[slug] if row[2] > at]
        if told:
            answers.bring_in(account.events, told, at=at)


def experiment_with(weeks: Weeks, week: int) -> None:
    """One experiment from the first week, another from the sixth; when a winner stands, a person makes it live."""
    accounts, operator, at = weeks.agency.accounts, weeks.agency.users["operator"], weeks.at(week, 0, 7)
    if week == 0:
        agency.start_experiment(accounts[TESTED], agency.SHORT, by=operator, at=at)
    if week == 6:
        agency.start_experiment(accounts[TESTED_NEXT], agency.PROOF_TWICE, by=operator, at=at)
    for decision in lifecycle.waiting_for_promotion():
        asked = Ticket.objects.filter(status=Ticket.Status.OPEN, suggestion__rule="rejections_agree").order_by("pk")
        if ticket := asked.first():
            answer_with_winner(ticket, decision, by=operator, at=at)
        else:
            lifecycle.promote(decision, by=operator, at=at)


def answer_with_winner(ticket: Ticket, decision: Decision, *, by: User, at: datetime) -> None:
    """The ticket asked for better texts: the version that won goes live on its account."""
    assert decision.winner is not None
    loop.apply_ticket(ticket, change=changes.PromptGoesLive(decision.winner.prompt_version_id), by=by, at=at)


def hold_review(weeks: Weeks, week: int, report: WeeklyReport) -> None:
    """The team takes the first suggestion as a ticket. The newest one is left for whoever looks at the demo."""
    operator, at = weeks.agency.users["operator"], weeks.at(week, 0, 9, 30)
    open_ones = report.suggestions.filter(status="open").exclude(rule="winner_waits")  # that was done at seven
    suggestion = open_ones.order_by("rank").first()
    if suggestion is not None and week < 12:
        due = weeks.start + timedelta(weeks=week + 1)
        tickets.accept(suggestion, owner=weeks.agency.users["manager"], due_date=due, by=operator, at=at)
