"""THE STORY: every background job, in the order of the data.

A job loads by id, calls one public function of each app it needs, and queues the next. The rows are the truth and a
queued task only rings a bell: any job may run twice, late, or after its worker died, and `gtm/caretaking.py` rings
again for whatever was left behind.
"""

import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from random import SystemRandom
from typing import Any

from django.contrib.auth.models import User
from django.db import DataError, IntegrityError, ProgrammingError, transaction
from django.utils import timezone
from django_q.tasks import async_task

from agents_app import (
    anomalies,
    campaigns,
    deployments,
    entities,
    exporting,
    finding,
    flow,
    forgetting,
    requests,
    rollouts,
    sending,
    trials,
    versions,
)
from agents_app.models import FlowRun, Request, Send
from agents_app.rehearsals import answer_some, unfinished
from clients import (
    config,
    erasure,
    inbox,
    outbox,
    pushing,
    quarantine,
    reception,
    reviews,
    ruling,
    scores,
    spool,
    sync,
)
from clients.models import Event, ReviewItem
from clients.troubles import Trouble
from experiments import analysis, assign, effects, evolution, outcomes, proposals
from experiments.models import Decision, Experiment, SettingProposal
from gtm import logs, standing
from insights import changes, impact, review, sharing, tickets
from insights.models import ChangeLink, SharedInsight, Ticket, WeeklyReport

RULES_OF_LATE = timedelta(days=2)
NAMELESS = timedelta(hours=1)  # how far back records are looked at that no address belongs to
MOST_BATCHES, MOST_PAGES = 50, 500  # of one job; the rest waits for the next bell
RNG = SystemRandom()


def later(job: Callable[..., Any], *args: Any) -> None:
    """Queue a job of this file. Inside a transaction the task is kept or rolled back with it."""
    async_task(job, *args, cluster="runs" if job in LONG else "ingest")


def drain_spool() -> int:
    """What was kept on the disk while the database was away → deliveries, each once, with its own moment."""
    return spool.drain(_keep_spooled)


def _keep_spooled(calls: Sequence[spool.Spooled]) -> None:
    try:
        with transaction.atomic():
            for delivery in reception.from_disk(calls):
                later(process_delivery, delivery.pk)
    except (DataError, IntegrityError, ProgrammingError) as error:
        raise spool.Unstorable from error


def process_delivery(delivery_id: int) -> None:
    """Webhook → contact, and the requests its changes ask for; or webhook → what became of an e-mail.

    What waits with it is applied along; its own bell then finds nothing to do. An edge: whatever goes wrong is counted
    on the delivery, so that no fault of ours is met again for ever. After an outage the bell of the spool stands behind
    those of all deliveries that came since; so each looks there too.
    """
    at = timezone.now()
    try:
        _apply_deliveries(delivery_id, alone=False, at=at)
    except Exception:  # noqa: BLE001 - alone, it tells what went wrong
        _apply_alone(delivery_id, at=at)
    if spool.waits():
        drain_spool()


def _apply_alone(delivery_id: int, *, at: datetime) -> None:
    """Without those that waited with it: one of them may be at fault."""
    try:
        _apply_deliveries(delivery_id, alone=True, at=at)
    except Exception:
        inbox.note_fault(delivery_id)
        raise


def _apply_deliveries(delivery_id: int, *, alone: bool, at: datetime) -> None:
    with transaction.atomic():
        together = [delivery_id] if alone else inbox.with_waiting(delivery_id)
        if not together:
            return
        applied = inbox.apply(*together, at=at)
        reviews.look(applied.changes, inbox.told_of(*together), at=at)
        for request in requests.triggered_by(applied.changes, at=at):
            later(start_run, request.pk)
        outbox.note(applied.changes, at=at)
        for event in applied.outcomes:
            later(record_outcome, event.pk)
        if erasure.is_asked_at(at):
            later(erase_people)


def decide_again(client_id: int, after: int = 0) -> None:
    """A client's rules of fields changed → its contacts, some hundred records at a time."""
    with transaction.atomic():
        last = ruling.decide_again(client_id, after=after, at=timezone.now())
        if last is not None:
            later(decide_again, client_id, last)


def keep_to_rules(*, at: datetime | None = None) -> None:
    """Once more for whoever's rules changed of late, should a worker have died on the way."""
    for client_id in ruling.changed_since((at or timezone.now()) - RULES_OF_LATE):
        later(decide_again, client_id)


def replay_quarantined(*, at: datetime | None = None) -> None:
    """Deliveries that somebody, or another mapping, wants tried again → the queue, so many a minute."""
    at = at or timezone.now()
    with transaction.atomic():
        quarantine.after_mappings(at)
        for delivery_id in quarantine.step(at):
            later(process_delivery, delivery_id)


def score_contacts(*, at: datetime | None = None) -> None:
    """Contacts that changed, or were not looked at for long → who may be there twice, their score, and how the clients
    stand this week."""
    at = at or timezone.now()
    due = list(scores.due(at)[: scores.LOOKED_AT_ONCE])
    reviews.look_for_twins(due, at=at)
    reviews.look_at_nameless(since=at - NAMELESS, at=at)
    scores.keep(due, at=at)
    scores.roll_up(at)


def close_reviews(*, at: datetime | None = None) -> None:
    """Questions about contacts that solved themselves → closed, so that nobody is asked."""
    reviews.close_solved(ReviewItem.objects.all(), at=at or timezone.now())


def push_changes(*, at: datetime | None = None) -> None:
    """Changed contact → the CRMs that hold a record of it, as soon as each may be written to."""
    at = at or timezone.now()
    pushing.take_back(at=at, rng=RNG)
    for connection_id in pushing.due(at):
        later(push_to, connection_id)


def learn_own_id(connection_id: int) -> None:
    """Who we are at the CRM, once we write there: so that what we changed is known when it comes back."""
    pushing.learn_own_id(connection_id)


def push_to(connection_id: int) -> None:
    """What waits for one CRM, batch after batch."""
    for _ in range(MOST_BATCHES):
        if not pushing.send(connection_id, rng=RNG).may_go_on:
            return


def look_up_records(*, at: datetime | None = None) -> None:
    """An event that only named a record → what the CRM says of it."""
    for connection_id in sync.to_look_up(at or timezone.now()):
        later(look_up, connection_id)


def look_up(connection_id: int) -> None:
    for _ in range(MOST_BATCHES):
        found = sync.look_up(connection_id, rng=RNG)
        for delivery_id in found:
            later(process_delivery, delivery_id)
        if not found:
            return


def compare_daily(*, at: datetime | None = None) -> None:
    """Once a day: all that changed in each CRM, so that what its calls did not tell is known all the same."""
    sync.start_due(at or timezone.now())


def compare_on(*, at: datetime | None = None) -> None:
    """Comparisons that were started, or wait for their time, go on."""
    for reconciliation_id in sync.going_on(at or timezone.now()):
        later(compare, reconciliation_id)


def compare(reconciliation_id: int) -> None:
    """A CRM's changes → deliveries that we asked for, page by page; then how much of it no call had told."""
    for _ in range(MOST_PAGES):
        turned = sync.turn(reconciliation_id, rng=RNG)
        if turned.delivery_id:
            process_delivery(turned.delivery_id)
        if not turned.goes_on:
            return
        time.sleep(turned.wait_s)
    later(compare, reconciliation_id)


def start_run(request_id: int) -> None:
    """Request → planned run. The typed side of a trial may wait for the other one's facts, and is rung again then."""
    with transaction.atomic():
        if not requests.is_forgotten(request_id) and trials.may_start(request_id):
            later(execute_run, plan_run(request_id).pk)


def plan_run(request_id: int, *, at: datetime | None = None) -> FlowRun:
    """Fix everything the run needs: config, prompt versions, variants, hints and the route; and keep what the client
    ran on as a whole."""
    at = at or timezone.now()
    request = Request.objects.select_related("contact", "campaign").get(pk=request_id)
    if request.is_trial:
        return _plan_trial(request, at=at)
    before = deployments.newest(request.client_id)
    client = request.client = deployments.read(request.client_id)
    found, live, running = config.stand(), versions.live(client), assign.running(client.pk)
    assigned = assign.prompts_for(client, request.contact, live=live, experiments=running, at=at)
    settings = requests.settings_of(request, found)
    chosen = rollouts.prompts_for(request, assigned.prompts, tested=assigned.variants, config=settings.document)
    return flow.plan(
        request,
        config=settings,
        prompts=chosen.prompts,
        draws=chosen.draws,
        variants=assigned.variants,
        hints=sharing.hints_for(client, at=at),
        deployment=deployments.keep(client, standing.state(client, found, live, running), before=before, at=at),
        at=at,
    )


def _plan_trial(stored: Request, *, at: datetime) -> FlowRun:
    """It draws nobody into an experiment, and no deployment is kept of it; its typed side is planned with the client as
    it was typed."""
    request = trials.as_typed(stored)
    hints = sharing.hints_for(request.client, at=at)
    live = versions.live(request.client)
    return flow.plan(request, config=requests.settings_of(request), prompts=live, variants={}, hints=hints, at=at)


def execute_run(run_id: int) -> None:
    """Planned run → steps → facts, personas, draft. Then a person decides. What had to be given up gets a ticket."""
    with logs.bound(run=run_id):
        run = flow.execute(run_id)
    for request_id in trials.behind(run):
        later(start_run, request_id)
    if run.status == FlowRun.Status.DEAD:
        tickets.for_dead_run(run, at=timezone.now())
    if not run.is_open:
        later(absorb_run, run_id)


def absorb_run(run_id: int, *, at: datetime | None = None) -> None:
    """What the run said → what search looks through; what it found out → the client's graph of companies and people."""
    run = FlowRun.objects.select_related("request", "client").get(pk=run_id)
    finding.keep(run)
    entities.absorb(run, at=at or timezone.now())


def look_at_runs(*, at: datetime | None = None) -> None:
    """Run that ended → what is unusual about it, for a person to settle; and its spans, at the operator's collector."""
    at = at or timezone.now()
    anomalies.look(at=at)
    exporting.export(at=at)


def rehearse(rehearsal_id: int | None = None) -> None:
    """A prompt version on its agent's test cases, beside another one; by the clock, all that nobody works on."""
    for each in [rehearsal_id] if rehearsal_id else unfinished(timezone.now()):
        if rehearsal_id is None or answer_some(each):
            later(rehearse, each)


def watch_rollouts(*, at: datetime | None = None) -> None:
    """What came of a candidate beside the live version → its share grows, waits or is taken back, and a ticket."""
    at = at or timezone.now()
    rollouts.look_at_all(outcomes.bounced, at=at)
    for decision in tickets.rollouts_without():
        tickets.for_rollout(decision, at=at)


def send_due_drafts(*, at: datetime | None = None) -> None:
    """Approved draft → sent, at its hour, once."""
    at = at or timezone.now()
    for draft_id in sending.due(at):
        sending.send(draft_id, at=at)
    for send in outcomes.sends_not_recorded():
        record_send(send)


def record_send(send: Send) -> None:
    with transaction.atomic():
        assign.expose(send)
        outcomes.record_send(send)
        finding.keep_mail(send.draft)


def record_outcome(event_id: int) -> None:
    """Opened, replied, meeting booked, unsubscribed."""
    event = Event.objects.select_related("client", "delivery").get(pk=event_id)
    try:
        outcomes.record_event(event)
    except outcomes.OutcomeRefused as refusal:
        inbox.quarantine(event.delivery, str(refusal), Trouble.OUTCOME)


def erase_people(*, at: datetime | None = None) -> None:
    """Asked to be forgotten → work for them ends → nothing of them is left, but that they are never written to."""
    at = at or timezone.now()
    for client_id in erasure.clients_waiting():
        people = erasure.contacts_of(client_id)
        for run_id in forgetting.stop(people, at=at):
            later(execute_run, run_id)
        erasure.run(client_id, at=at, at_work=forgetting.is_at_work(people, at=at))


def continue_campaigns(*, at: datetime | None = None) -> None:
    """Silence after a mail → the request for the next one."""
    at = at or timezone.now()
    with transaction.atomic():
        for request in campaigns.due_follow_ups(at, stopped=outcomes.silent_stop(at)):
            later(start_run, request.pk)


def decide_experiments(*, at: datetime | None = None) -> list[Decision]:
    """Outcomes → result → decision, once an experiment has what it planned. A person makes the winner live."""
    at = at or timezone.now()
    running = Experiment.objects.filter(status=Experiment.Status.RUNNING).order_by("pk")
    return [decision for experiment in running if (decision := analysis.decide(experiment, at=at))]


def share_patterns(*, at: datetime | None = None) -> list[SharedInsight]:
    """Outcomes of each client → patterns → what enough clients support."""
    at = at or timezone.now()
    sharing.compute_client_patterns(at)
    return sharing.release(monday(at), at=at)


def propose_settings(*, at: datetime | None = None) -> list[SettingProposal]:
    """What people did with drafts, and what e-mails brought → proposals to change a client's settings. A person
    decides; nothing changes by itself."""
    return evolution.propose(at=at or timezone.now())


def build_review(*, at: datetime | None = None) -> WeeklyReport:
    """Everything → the review of the week that ended last Sunday."""
    at = at or timezone.now()
    return review.build(monday(at) - timedelta(days=7), at=at)


def apply_ticket(ticket: Ticket, *, change: changes.Change, by: User, at: datetime | None = None) -> ChangeLink:
    """Ticket → change: a person presses the button, so this runs at once."""
    return changes.apply(ticket, change=change, by=by, at=at or timezone.now())


def measure_tickets(*, at: datetime | None = None) -> None:
    """Change → measured effect, once enough time has passed. Back to the top."""
    at = at or timezone.now()
    for ticket in Ticket.objects.filter(status=Ticket.Status.APPLIED).order_by("pk"):
        impact.measure(ticket, at=at)


def measure_proposals(*, at: datetime | None = None) -> None:
    """Approved proposal → measured effect; a proposal whose setting moved → out of date."""
    at = at or timezone.now()
    proposals.withdraw_moved(at=at)
    effects.measure_due(at=at)


def monday(at: datetime) -> date:
    """The Monday of the week that `at` lies in, in the agency's time zone."""
    day = timezone.localtime(at).date()
    return day - timedelta(days=day.weekday())


LONG = frozenset(
    {execute_run, build_review, share_patterns, propose_settings, measure_proposals, push_to, look_up, compare}
) | {rehearse}  # these run on their own cluster, so that no webhook waits for them
