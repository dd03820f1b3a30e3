"""Trials: a client's settings as they are typed, on one contact, beside those in force; nothing is saved on the client.

Each side is a request like any other, planned and executed by the same engine and paid from the same day. Nothing of it
can be approved or sent, and it counts nowhere. Both sides rest on the same facts: those of the client's newest research
of the company, or those that the side of the settings in force finds first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from agents_app import estimates, flow, graph, llm, names, requests, routing, versions
from agents_app.estimates import Estimate
from agents_app.flow import budget, knowledge
from agents_app.graph import Node
from agents_app.models import BudgetDay, Depth, FlowRun, PromptVersion, Purpose, Request, StepRun, Trial
from clients import hold, typed
from clients.models import Client, Contact
from clients.typed import Typed

FRESH = timedelta(days=180)  # research as old as this is still written on, as follow-ups have it (first_flows)
OFFERED = 50  # contacts to choose from, the newest; others are found by what is typed
LOOKED_AT = 20  # newest runs that may have written the same already
Side = Request.Side


class TrialRefused(Exception):
    """What is typed cannot be tried; the text says what to mend."""


@dataclass(frozen=True)
class Cost:
    """What one side would do. `reused` is the run that wrote it already; then there is nothing to do and to pay.
    `most_usd` is never exceeded, in US dollars; `problem` says why it cannot end."""

    reused: FlowRun | None = None
    steps: int = 0
    estimate: Estimate | None = None
    most_usd: Decimal = Decimal(0)
    problem: str = ""


@dataclass(frozen=True)
class Quote:
    """What a trial would cost and take, in US dollars and seconds; None where neither the past nor prices say anything.
    `left_usd` of `cap_usd` are what the client may still spend today. `problem` says why it cannot be tried."""

    present: Cost
    proposed: Cost
    usd: Decimal | None
    usd_high: Decimal | None
    seconds: float | None
    most_usd: Decimal
    left_usd: Decimal
    cap_usd: Decimal
    problem: str = ""


@dataclass(frozen=True)
class _Prepared:
    """Both requests as they would be written. `reused` wrote the present side already."""

    present: Request
    proposed: Request
    reused: FlowRun | None


def people(client: Client, text: str = "") -> list[Contact]:
    """The client's contacts that may be written to and whose name or address holds `text`, newest first."""
    text = text.strip().casefold().replace("\0", "")
    fits = Q(email_normalised__icontains=text) | Q(full_name__icontains=text)
    newest = list(Contact.objects.filter(fits, client=client).order_by("-created_at", "-pk")[: 2 * OFFERED])
    for each in newest:
        each.client = client
    return hold.reachable(client, newest)[:OFFERED]


def quote(wanted: Typed, contact: Contact, *, hints: Sequence[str], at: datetime) -> Quote:
    """Asks nobody for anything. Raises TrialRefused and RequestRefused. `hints` are those of a run planned now."""
    return _quote(wanted, _prepare(wanted, contact, hints, at), at)


@transaction.atomic
def ask(wanted: Typed, contact: Contact, *, by: User, hints: Sequence[str], at: datetime) -> Trial:
    """Write the trial and its requests; where the very same is under way, that one. Raises as `quote`, and where the
    client's day is spent."""
    Client.objects.select_for_update(no_key=True).get(pk=contact.client_id)  # of two clicks, the second finds the trial
    if same := _under_way(wanted, contact):
        return same
    found = _prepare(wanted, contact, hints, at)
    if problem := _quote(wanted, found, at).problem:
        raise TrialRefused(problem)
    for asked in (found.present, found.proposed):
        if asked._state.adding:
            asked.asked_by, asked.asked_at = by, at
            asked.reason = f"{asked.get_trial_side_display()}, nothing can be sent"
            asked.save()
    return Trial.objects.create(
        client=contact.client,
        contact=contact,
        settings=wanted.client.settings,
        columns=typed.columns_of(wanted.client),
        base=wanted.base,
        differences=[asdict(change) for change in wanted.changes],
        present=found.present,
        proposed=found.proposed,
        author=by,
        created_at=at,
    )


def unplanned(trial: Trial) -> list[int]:
    """Its requests that have no run yet."""
    own = Request.objects.filter(pk__in=[trial.present_id, trial.proposed_id], runs__isnull=True)
    return list(own.order_by("pk").values_list("pk", flat=True))


def may_start(request_id: int) -> bool:
    """Whether the request can be planned. The typed side of a trial waits until the facts of the other side are there,
    and is given them."""
    sides = Trial.objects.select_related("present").filter(proposed=request_id, proposed__follows=None)
    trial = sides.first()
    if trial is None or trial.is_reused:
        return True
    run = FlowRun.objects.filter(request=trial.present_id).first()
    if run is None or run.status in (FlowRun.Status.PLANNED, FlowRun.Status.RUNNING):
        return False
    has_facts = run.facts.exists()
    if has_facts:
        Request.objects.filter(pk=request_id).update(follows=run)
    return has_facts or run.status not in FlowRun.OPEN


def behind(run: FlowRun) -> list[int]:
    """The requests that wait for this run's facts."""
    if run.request.trial_side != Side.PRESENT:
        return []
    waiting = Trial.objects.filter(present=run.request_id, proposed__runs__isnull=True)
    return list(waiting.order_by("pk").values_list("proposed_id", flat=True))


def as_typed(request: Request) -> Request:
    """The request, of the typed side of a trial with its client as it was typed: an unsaved copy."""
    if request.trial_side == Side.PROPOSED:
        request.client = typed.as_typed(request.client, request.trial.settings, request.trial.columns)
    return request


def left_of_day(client: Client, at: datetime) -> tuple[Decimal, Decimal]:
    """(what is left, the cap): US dollars of the client's day, in UTC."""
    cap = budget.cap_of(client)
    day = BudgetDay.objects.filter(client=client, day=at.astimezone(UTC).date()).first()
    gone = day.spent_usd + day.reserved_usd if day else Decimal(0)
    return max(cap - gone, Decimal(0)), cap


# --- what would be asked


def _prepare(wanted: Typed, contact: Contact, hints: Sequence[str], at: datetime) -> _Prepared:
    if wrong := [*wanted.refused, *wanted.contradictions]:
        raise TrialRefused(f"What is typed cannot be saved, so it is not tried. {' '.join(wrong)}")
    if wanted.now.sha256 == wanted.after.sha256:
        raise TrialRefused("What is typed changes nothing that is in force, so both e-mails would be the same.")
    asked = {"contact": contact, "purpose": Purpose.OUTREACH, "depth": Depth.STANDARD}
    present = requests.prepare(contact.client, trial_side=Side.PRESENT, **asked)  # type: ignore[arg-type]
    reused = _written_before(present, wanted.now.sha256, hints, at)
    basis = knowledge.source_of(reused) if reused else _researched(present, at)
    present.follows = basis
    proposed = requests.prepare(wanted.client, trial_side=Side.PROPOSED, follows=basis, **asked)  # type: ignore[arg-type]
    return _Prepared(reused.request if reused else present, proposed, reused)


def _researched(present: Request, at: datetime) -> FlowRun | None:
    """The newest run with facts on the company that is over and not too old."""
    runs = knowledge.about(present, present.company_domain).filter(planned_at__gte=at - FRESH)
    return runs.exclude(status__in=FlowRun.OPEN).order_by("-pk").first()


def _written_before(present: Request, sha256: str, hints: Sequence[str], at: datetime) -> FlowRun | None:
    """A run which wrote to this contact with the same settings, prompt versions, hints and kind of model."""
    runs = FlowRun.objects.filter(
        client=present.client,
        request__contact=present.contact,
        request__purpose=present.purpose,
        request__depth=present.depth,
        request__campaign=None,
        config_sha256=sha256,
        status=FlowRun.Status.SUCCEEDED,
        planned_at__gte=at - FRESH,
    )
    live = versions.live(present.client, at=at)
    newest = runs.select_related("request").prefetch_related("prompts").order_by("-pk")[:LOOKED_AT]
    return next((run for run in newest if _is_as_now(run, live, hints)), None)


def _is_as_now(run: FlowRun, live: Mapping[str, PromptVersion], hints: Sequence[str]) -> bool:
    if list(run.hints) != list(hints) or any(live[each.agent].pk != each.version_id for each in run.prompts.all()):
        return False
    written = run.steps.filter(agent=routing.EMAIL, status=StepRun.Status.DONE).order_by("-pk").first()
    return written is not None and names.is_composer(written.generator) == llm.is_offline()


def _under_way(wanted: Typed, contact: Contact) -> Trial | None:
    same = Trial.objects.filter(
        client=contact.client,
        contact=contact,
        settings=wanted.client.settings,
        columns=typed.columns_of(wanted.client),
    )
    open_ones = Q(proposed__runs__isnull=True) | Q(proposed__runs__status__in=FlowRun.OPEN)
    return same.filter(open_ones).order_by("-pk").first()


# --- what it would cost


def _quote(wanted: Typed, found: _Prepared, at: datetime) -> Quote:
    present, nodes = (Cost(reused=found.reused), []) if found.reused else _cost(found.present, wanted, at)
    shares = any(node.agent == routing.RESEARCH for node in nodes)
    proposed, _ = _cost(found.proposed, wanted, at, is_researched=shares)
    both = [each.estimate for each in (present, proposed) if each.estimate is not None]
    left, cap = left_of_day(found.present.client, at)
    quoted = Quote(
        present,
        proposed,
        usd=_sum([each.usd for each in both]),
        usd_high=_sum([each.usd_high for each in both]),
        seconds=_time([each.seconds for each in both], side_by_side=not shares),
        most_usd=present.most_usd + proposed.most_usd,
        left_usd=left,
        cap_usd=cap,
    )
    return replace(quoted, problem=_problem(quoted, found.present.client))


def _cost(request: Request, wanted: Typed, at: datetime, *, is_researched: bool = False) -> tuple[Cost, list[Node]]:
    """`is_researched`: the other side finds the facts."""
    config = wanted.after if request.trial_side == Side.PROPOSED else wanted.now
    preview = flow.preview(request, config=config, at=at)
    nodes = list(preview.route.nodes)
    for node in preview.route.nodes:
        if is_researched and node.agent == routing.RESEARCH:
            nodes = list(graph.without(nodes, node.key))
    most = Decimal(0) if llm.is_offline() or preview.problem else flow.budget_of(request, config)
    estimate = None if preview.problem else estimates.of(nodes, request.depth, at=at)
    return Cost(None, len(nodes), estimate, most, preview.problem), nodes


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [each for each in amounts if each is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None


def _time(seconds: Sequence[float | None], *, side_by_side: bool) -> float | None:
    known = [each for each in seconds if each is not None]
    if len(known) < len(seconds):
        return None
    return max(known, default=0.0) if side_by_side else sum(known)


def _problem(quoted: Quote, client: Client) -> str:
    if quoted.proposed.problem:
        return f"With these settings no e-mail can be written. {quoted.proposed.problem}"
    if not llm.is_offline() and quoted.left_usd <= 0:
        return (
            f"{client} has spent its ${quoted.cap_usd:.2f} of today. Try it tomorrow, or let somebody raise the daily "
            "budget on the client's page."
        )
    return ""
