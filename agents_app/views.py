"""The pages of a run, of a request and of the drafts that wait for a person. They read rows and call one function."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from agents_app import drafts, evidence, requests, routing, sending, waterfall
from agents_app.forms import EditForm, PersonForm, RejectForm
from agents_app.models import Draft, Fact, FlowRun, Request, StepRun
from agents_app.prompts import Material
from clients.access import scope, visible_clients
from clients.models import AgentKey, Contact, Event
from experiments.models import OutcomeEvent, OutcomeKind
from gtm import loop
from gtm.admin_site import CappedPaginator

STEP_TONES = {"running": "info", "done": "ok", "failed": "bad", "lost": "bad"}
STATES = {
    "waiting": ("Waiting", [Draft.Status.WAITING]),
    "approved": ("Approved", [Draft.Status.APPROVED]),
    "stuck": ("Not sent", [Draft.Status.REFUSED, Draft.Status.SENDING]),
    "rejected": ("Rejected", [Draft.Status.REJECTED]),
    "sent": ("Sent", [Draft.Status.SENT]),
}
STEPS = StepRun.objects.select_related("prompt_version", "draft__contact", "draft__decided_by", "draft__send")


@require_http_methods(["GET", "HEAD", "POST"])
def run_page(request: HttpRequest, run_id: int) -> HttpResponseBase:
    """Why a run did what it did. A POST starts the next request on its basis."""
    runs = FlowRun.objects.select_related(
        "client", "request__contact", "request__campaign", "request__follows", "brief"
    )
    run = get_object_or_404(scope(runs, request.user), pk=run_id)
    form = PersonForm(run, request.POST or None)
    if request.method == "POST" and form.is_valid() and (asked := _ask_next(request, run, form)):
        return redirect("request_trace", asked.pk)
    return render(request, "agents_app/run.html", _run_context(run) | {"form": form})


@require_safe
def request_trace(request: HttpRequest, request_id: int) -> HttpResponse:
    """What became of a request, from whoever asked to whatever came back."""
    wanted = Request.objects.select_related("client", "contact", "campaign", "asked_by", "follows")
    asked = get_object_or_404(scope(wanted, request.user), pk=request_id)
    runs = list(asked.runs.order_by("planned_at", "pk"))
    steps = list(STEPS.filter(run__in=runs).order_by("run_id", "stage", "key", "attempt"))
    draft = _draft_of(steps)
    context = {
        "asked": asked,
        "runs": [{"run": run, "steps": [step for step in steps if step.run_id == run.pk]} for run in runs],
        "draft": draft,
        "outcomes": _outcomes(draft),
        "event": _event_before(asked),
        "cost": sum(step.cost_usd for step in steps),
    }
    return render(request, "agents_app/request_trace.html", context)


@require_safe
def approvals(request: HttpRequest) -> HttpResponse:
    """The queue with its first draft opened."""
    return _queue(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
def approval(request: HttpRequest, draft_id: int) -> HttpResponseBase:
    """One draft beside the queue. A POST decides: `action` is a key of DECISIONS."""
    draft = get_object_or_404(_visible_drafts(request), pk=draft_id)
    if request.method != "POST":
        return _queue(request, draft)
    decide = DECISIONS.get(request.POST.get("action", ""))
    return decide(request, draft) if decide else _queue(request, draft)


# --- the run page


def _run_context(run: FlowRun) -> dict[str, Any]:
    steps = list(STEPS.filter(run=run).order_by("stage", "key", "attempt"))
    draft, facts = _draft_of(steps), _facts(run)
    return {
        "run": run,
        "steps": [_step(step, run) for step in steps],
        "waterfall": waterfall.draw([_span(step) for step in steps], until=run.finished_at or timezone.now()),
        "stages": _stages(run, steps),
        "route": routing.REASONS.get(run.route, run.route),
        "skipped": [_named(choice) for choice in run.skipped],
        "sources": list(run.source_records.order_by("source", "pk")),
        "facts": facts,
        "brief": _brief(run, facts),
        "draft": draft,
        "outcomes": _outcomes(draft),
        "event": _event_before(run.request),
        **_summary(run, steps),
        **_next_steps(run),
    }


def _summary(run: FlowRun, steps: Sequence[StepRun]) -> dict[str, Any]:
    return {
        "cost": sum(step.cost_usd for step in steps),
        "seconds": (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None,
        "generators": sorted({step.generator for step in steps if step.generator}),
        "is_offline": any(step.generator.startswith(sending.COMPOSER) for step in steps),
    }


def _next_steps(run: FlowRun) -> dict[str, Any]:
    """A run that has nobody to write to is a basis for the next request."""
    if run.request.contact_id or run.status != FlowRun.Status.SUCCEEDED:
        return {"is_basis": False}
    people = Contact.objects.filter(client=run.client_id, company_domain=run.request.company_domain)
    return {
        "is_basis": True,
        "people": list(people.order_by("full_name", "pk")[:50]),
        "next_requests": list(run.followed_by.select_related("contact").order_by("pk")[:50]),
    }


def _step(step: StepRun, run: FlowRun) -> dict[str, Any]:
    given = evidence.materials(step.input, run.config)
    return {
        "step": step,
        "answers": evidence.answers(step.output, given),
        "facts": step.input.get("facts") or [],
        "withheld": step.input.get("withheld") or [],
        "facts_from": _elsewhere(step.input.get("facts_from"), run),
        "seconds": (step.finished_at - step.started_at).total_seconds() if step.finished_at else None,
        "broken": [check for check in step.checks if not check["passed"]],
        "variant": run.variants.get(step.agent),
    }


def _elsewhere(origin: Mapping[str, Any] | None, run: FlowRun) -> Mapping[str, Any] | None:
    return origin if origin and origin.get("run") != run.pk else None


def _span(step: StepRun) -> waterfall.Span:
    again = f" ({step.attempt})" if step.attempt > 1 else ""
    label = f"{step.get_agent_display()}{again}"
    return waterfall.Span(label, STEP_TONES[step.status], step.started_at, step.finished_at)


def _stages(run: FlowRun, steps: Sequence[StepRun]) -> list[list[dict[str, Any]]]:
    """The planned agents with their reasons, and what became of each."""
    begun = {step.agent: step for step in steps}
    return [[_named(choice) | {"step": begun.get(choice["agent"])} for choice in stage] for stage in run.stages]


def _named(choice: Mapping[str, str]) -> dict[str, Any]:
    return {
        **choice,
        "name": AgentKey(choice["agent"]).label if choice["agent"] in AgentKey.values else choice["agent"],
    }


def _facts(run: FlowRun) -> list[dict[str, Any]]:
    """Each fact with the claims it rests on, in one query."""
    links = Fact.claims.through.objects.filter(fact__run=run).select_related("fact", "claim__source_record")
    found: dict[int, dict[str, Any]] = {}
    for link in links.order_by("fact_id", "claim_id"):
        found.setdefault(link.fact_id, {"fact": link.fact, "claims": []})["claims"].append(link.claim)
    return list(found.values())


def _brief(run: FlowRun, facts: Sequence[Mapping[str, Any]]) -> list[evidence.Explained]:
    if not hasattr(run, "brief"):
        return []
    columns = ("key", "attribute", "value", "confidence")
    given = [{name: getattr(each["fact"], name) for name in columns} | {"fact_id": each["fact"].pk} for each in facts]
    return evidence.explain(run.brief.sentences, Material(run.config, given, {}))


def _ask_next(request: HttpRequest, run: FlowRun, form: PersonForm) -> Request | None:
    try:
        with transaction.atomic():
            asked = requests.ask(
                run.client,
                contact=form.cleaned_data["email"],
                company_domain=run.request.company_domain,
                company_name=run.request.company_name,
                follows=run,
                reason=f"Started from the result of run {run.pk}",
                by=_user(request),
                at=timezone.now(),
            )
            loop.later(loop.start_run, asked.pk)
    except requests.RequestRefused as refusal:
        form.add_error("email", str(refusal))
        return None
    messages.success(request, f"Request {asked.pk} is made. Its run starts within seconds.")
    return asked


# --- what pages share


def _draft_of(steps: Sequence[StepRun]) -> Draft | None:
    return next((step.draft for step in reversed(steps) if hasattr(step, "draft")), None)


def _outcomes(draft: Draft | None) -> list[OutcomeEvent]:
    """What came back to the e-mail, its sending apart; nothing, and no query, before it is sent."""
    if draft is None or not hasattr(draft, "send"):
        return []
    found = OutcomeEvent.objects.filter(send=draft.send).exclude(kind=OutcomeKind.SENT)
    return list(found.order_by("occurred_at", "pk"))


def _event_before(asked: Request) -> Event | None:
    """The last word from outside about the contact before the request was made."""
    if asked.contact_id is None:
        return None
    events = Event.objects.filter(contact=asked.contact_id, delivery__received_at__lte=asked.asked_at)
    return events.select_related("delivery__connection").order_by("-delivery__received_at", "-pk").first()


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)  # the page guard lets nobody in who is not signed in


# --- the approval queue


def _visible_drafts(request: HttpRequest) -> QuerySet[Draft]:
    drafts_of_all = Draft.objects.select_related(
        "contact", "decided_by", "send", "step__prompt_version", "run__client__industry", "run__request__campaign"
    )
    return scope(drafts_of_all, request.user, "run__client")


def _queue(request: HttpRequest, draft: Draft | None, **forms: Any) -> HttpResponse:
    """The list left and one draft right; `forms` are those that were refused, with what was typed in them."""
    state = _state(request, draft)
    listed = scope(Draft.objects.filter(status__in=STATES[state][1]), request.user, "run__client")
    if client := request.GET.get("client", ""):
        listed = listed.filter(run__client__slug=client)
    order = ("written_at", "pk") if state == "waiting" else ("-written_at", "-pk")
    rows = listed.select_related("contact", "run__client", "run__request").order_by(*order)
    page = CappedPaginator(rows, 50).get_page(request.GET.get("page"))
    opened = draft or (get_object_or_404(_visible_drafts(request), pk=page[0].pk) if len(page) else None)
    context = {
        "page": page,
        "state": state,
        "states": [(key, label) for key, (label, _) in STATES.items()],
        "client": client,
        "clients": list(visible_clients(request.user).order_by("name")),
        "kept": urlencode({key: value for key, value in (("state", state), ("client", client)) if value}),
        "decided": _just_decided(request),
        **(_opened(opened, forms) if opened else {}),
    }
    return render(request, "agents_app/approvals.html", context)


def _state(request: HttpRequest, draft: Draft | None) -> str:
    asked = request.GET.get("state", "")
    if asked in STATES:
        return asked
    return next((key for key, (_, states) in STATES.items() if draft and draft.status in states), "waiting")


def _opened(draft: Draft, forms: Mapping[str, Any]) -> dict[str, Any]:
    given = evidence.materials(draft.step.input, draft.run.config)[0]
    is_open = draft.status in drafts.OPEN
    return {
        "draft": draft,
        "is_open": is_open,
        "explained": evidence.explain(draft.sentences, given),
        "hindrance": sending.refusal_of(draft) if is_open else "",
        "is_offline": draft.generator.startswith(sending.COMPOSER),
        "is_stuck": draft.status == Draft.Status.SENDING and draft.pk in sending.unconfirmed(timezone.now()),
        "edit_form": EditForm.of(draft),
        "reject_form": RejectForm(),
        **forms,
    }


def _just_decided(request: HttpRequest) -> Draft | None:
    """The draft decided a moment ago, for the button that takes it back."""
    decided = request.GET.get("decided", "")
    return _visible_drafts(request).filter(pk=decided).first() if decided.isdigit() else None


def _approve(request: HttpRequest, draft: Draft) -> HttpResponseBase:
    try:
        drafts.approve(draft, by=_user(request), at=timezone.now())
    except drafts.DecisionRefused as refusal:
        return _refused(request, draft, refusal)
    return _decided(request, draft)


def _approve_edited(request: HttpRequest, draft: Draft) -> HttpResponseBase:
    form = EditForm(request.POST)
    if not form.is_valid():
        return _queue(request, draft, edit_form=form)
    try:
        drafts.approve(draft, by=_user(request), at=timezone.now(), **form.cleaned_data)
    except drafts.DecisionRefused as refusal:
        form.add_error(None, list(refusal.problems))
        return _queue(request, draft, edit_form=form)
    return _decided(request, draft)


def _reject(request: HttpRequest, draft: Draft) -> HttpResponseBase:
    form = RejectForm(request.POST)
    if not form.is_valid():
        return _queue(request, draft, reject_form=form)
    try:
        drafts.reject(draft, by=_user(request), at=timezone.now(), **form.cleaned_data)
    except drafts.DecisionRefused as refusal:
        form.add_error(None, list(refusal.problems))
        return _queue(request, draft, reject_form=form)
    return _decided(request, draft)


def _undo(request: HttpRequest, draft: Draft) -> HttpResponseBase:
    try:
        drafts.undo(draft, by=_user(request), at=timezone.now())
    except drafts.DecisionRefused as refusal:
        return _refused(request, draft, refusal)
    messages.success(request, f"“{draft}” waits for a decision again.")
    return redirect("approval", draft.pk)


def _settle(*, went_out: bool) -> Callable[[HttpRequest, Draft], HttpResponseBase]:
    def settle(request: HttpRequest, draft: Draft) -> HttpResponseBase:
        try:
            sending.settle(draft, went_out=went_out, at=timezone.now())
        except sending.NotUnconfirmed as refusal:
            messages.error(request, str(refusal))
        return redirect("approval", draft.pk)

    return settle


def _refused(request: HttpRequest, draft: Draft, refusal: drafts.DecisionRefused) -> HttpResponse:
    draft = get_object_or_404(_visible_drafts(request), pk=draft.pk)  # as it stands now: somebody else may have decided
    return _queue(request, draft, problems=refusal.problems)


def _decided(request: HttpRequest, draft: Draft) -> HttpResponseBase:
    kept = {key: request.GET[key] for key in ("state", "client") if request.GET.get(key)}
    return redirect(f"{reverse('approvals')}?{urlencode(kept | {'decided': str(draft.pk)})}")


DECISIONS: dict[str, Callable[[HttpRequest, Draft], HttpResponseBase]] = {
    "approve": _approve,
    "edit": _approve_edited,
    "reject": _reject,
    "undo": _undo,
    "went_out": _settle(went_out=True),
    "send_again": _settle(went_out=False),
}
