"""The page of a run, its progress while it goes on, and a request's story. They read rows and call one function."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from itertools import pairwise
from typing import Any

from django.contrib import messages
from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from agents_app import evidence, explaining, flow, lanes, names, progress, requests, timeline, trace
from agents_app.forms import PersonForm
from agents_app.graph import Node, nodes_of
from agents_app.models import Anomaly, BudgetDay, FlowRun, PlanRevision, Request, Rerun, RunMark, StepContext, StepRun
from agents_app.progress import Progress
from agents_app.prompts import Material
from agents_app.views.reading import (
    NAMES,
    draft_of,
    event_before,
    facts_of,
    lasted,
    name_of,
    outcomes_of,
    said_by,
    trials_of,
    votes_of,
)
from clients.access import scope, user_of
from clients.models import AgentKey, Contact
from gtm import loop

STEPS = StepRun.objects.select_related(
    "context", "contact", "prompt_version", "draft__contact", "draft__decided_by", "draft__send", "gate__decided_by"
).defer(*(f"prompt_version__{name}" for name in ("text", "output_schema", "interface", "change_reasons")))
FOLDED = StepRun.objects.select_related("contact", "draft__contact", "draft__decided_by", "draft__send", "gate").defer(
    "prompt_sent", "attempts", "confidence_terms", "output", "votes", "decisions", "draft__body", "draft__sentences"
)
RUNS = FlowRun.objects.select_related(
    "client", "request__contact", "request__campaign", "request__follows", "brief", "template_version", "rules_version",
    "cancel_asked_by", "deployment",
).defer("deployment__config", "deployment__connections", "deployment__rollouts")  # fmt: skip
BESIDE = {
    "marked": ArraySubquery(
        RunMark.objects.filter(run=OuterRef("pk"))
        .order_by("-at", "-pk")
        .values(one=JSONObject(verdict="verdict", note="note", step="step", author="author__username"))[:5]
    ),
    "again": ArraySubquery(
        FlowRun.objects.filter(request__rerun__original=OuterRef("pk"))
        .order_by("-pk")
        .values(one=JSONObject(run="pk"))[:5]
    ),
    "next": ArraySubquery(
        Request.objects.filter(follows=OuterRef("pk"))
        .order_by("pk")
        .values(one=JSONObject(request="pk", name="contact__full_name", email="contact__email"))[:50]
    ),
    "rerun": Subquery(
        Rerun.objects.filter(request=OuterRef("request")).values(
            one=JSONObject(original_id="original", changes="changes", from_step="step__key")
        )
    ),
    "unusual": ArraySubquery(
        Anomaly.objects.filter(run=OuterRef("pk"))
        .order_by("pk")
        .values(one=JSONObject(kind="kind", words="words", status="status", first_run="first_run_id", change="change"))
    ),
}
"""What stands beside a run, read with it: marks, runs that do it again, requests that follow it, what it does again
itself, what is unusual."""
MOST_WHOLE_STEPS = 15  # of a run with more, a step comes whole when somebody opens it: the page would weigh megabytes


@require_http_methods(["GET", "HEAD", "POST"])
def run_page(request: HttpRequest, run_id: int) -> HttpResponseBase:
    """Why a run did what it did. A POST starts the next request on its basis, or cancels the run."""
    run = get_object_or_404(scope(RUNS.annotate(**BESIDE), request.user), pk=run_id)
    if request.method == "POST" and request.POST.get("action") == "cancel":
        return _cancel(request, run)
    form = PersonForm(run, request.POST or None)
    if request.method == "POST" and form.is_valid() and (asked := _ask_next(request, run, form)):
        return redirect("request_trace", asked.pk)
    return render(request, "agents_app/run.html", _run_context(run) | {"form": form})


@require_safe
def run_step(request: HttpRequest, run_id: int, step_id: int) -> HttpResponse:
    """What one step did; for a fold of the run's page, as a piece of it."""
    runs = scope(FlowRun.objects.select_related("client", "rules_version"), request.user)
    step = get_object_or_404(STEPS.filter(run__in=runs.filter(pk=run_id)), pk=step_id)
    step.run = runs.get(pk=run_id)
    sources = list(trace.ANSWERS.filter(run=run_id).order_by("source", "pk"))
    known = explaining.Around(step.run, list(step.run.revisions.order_by("number")), sources)
    drawn = {"each": _step(step, known), "waterfall": timeline.of_step(step, sources)}
    name = "step_piece" if request.htmx else "run_step"  # type: ignore[attr-defined]
    return render(request, f"agents_app/{name}.html", {"run": step.run, **drawn})


@require_safe
@never_cache
def run_progress(request: HttpRequest, run_id: int) -> HttpResponseBase:
    """What happened since the change that `after` names, as pieces of the page; as JSON for whoever asks for JSON."""
    run = get_object_or_404(scope(FlowRun.objects.all(), request.user), pk=run_id)
    after = request.GET.get("after", "")
    found = progress.after(run, int(after) if after.isdecimal() and len(after) < 10 else 0)
    if not request.accepts("text/html"):
        return JsonResponse(progress.document(found))
    return render(request, "agents_app/progress_pieces.html", {"run": run, **_progress(run, found)})


@require_safe
def request_trace(request: HttpRequest, request_id: int) -> HttpResponse:
    """What became of a request, from whoever asked to whatever came back."""
    wanted = Request.objects.select_related("client", "contact", "campaign", "asked_by", "follows", "rerun__original")
    asked = get_object_or_404(scope(wanted, request.user), pk=request_id)
    tagged = asked.runs.select_related("deployment").defer("deployment__config", "deployment__connections")
    runs = list(tagged.order_by("planned_at", "pk"))
    steps = list(STEPS.filter(run__in=runs).order_by("run_id", "stage", "key", "map_index", "attempt"))
    drafts = [step.draft for step in steps if hasattr(step, "draft")]
    outcomes = outcomes_of(drafts)
    context = {
        "asked": asked,
        "runs": [{"run": run, "steps": [step for step in steps if step.run_id == run.pk]} for run in runs],
        "fates": [{"draft": draft, "outcomes": outcomes.get(draft.pk, [])} for draft in drafts],
        "draft": draft_of(steps),
        "event": event_before(asked),
        "trials": trials_of(asked),
        "again": list(_done_again(runs)),
        "cost": sum(step.cost_usd for step in steps),
        "uncertain": sum(step.uncertain_usd for step in steps),
    }
    return render(request, "agents_app/request_trace.html", context)


def _done_again(runs: Sequence[FlowRun]) -> QuerySet[FlowRun]:
    """Runs that do one of these again, the first ones."""
    return FlowRun.objects.filter(request__rerun__original__in=runs).select_related("request").order_by("pk")[:50]


def _run_context(run: FlowRun) -> dict[str, Any]:
    is_long = _planned_steps(run) > MOST_WHOLE_STEPS
    steps = list((FOLDED if is_long else STEPS).filter(run=run).order_by("stage", "key", "map_index", "attempt"))
    revisions = list(run.revisions.order_by("number"))
    drafts, facts = [step.draft for step in steps if hasattr(step, "draft")], facts_of(run)
    outcomes = outcomes_of(drafts)
    sources = list(trace.ANSWERS.filter(run=run).order_by("source", "pk"))
    is_long = is_long or len(steps) > MOST_WHOLE_STEPS
    known = explaining.Around(run, revisions, sources)
    return {
        "run": run,
        "steps": [_folded(step) if is_long else _step(step, known) for step in steps],
        "is_long": is_long,
        "revisions": _revisions(run, revisions),
        "gates": [step.gate for step in steps if hasattr(step, "gate")],
        "budget": _budget(run),
        "waterfall": timeline.of_run(run, steps, sources, is_long=is_long),
        "skipped": [{**each, "name": name_of(each["agent"], each["key"])} for each in run.skipped],
        "sources": sources,
        "facts": facts,
        "brief": _brief(run, facts, steps),
        "draft": draft_of(steps),
        "fates": [{"draft": each, "outcomes": outcomes.get(each.pk, [])} for each in drafts],
        "event": event_before(run.request),
        **_progress(run, progress.of(run, steps, revisions)),
        **_summary(run, steps),
        **_next_steps(run),
        "trials": trials_of(run.request),
        "anomalies": [{**each, "kind": names.ANOMALIES[each["kind"]]} for each in run.unusual],  # type: ignore[attr-defined]
    }


def _planned_steps(run: FlowRun) -> int:
    """How many steps the plan began with, of a map one for each contact."""
    return sum(max(1, len(node.items)) for node in nodes_of(run.nodes))


def _cancel(request: HttpRequest, run: FlowRun) -> HttpResponseBase:
    try:
        with transaction.atomic():
            flow.cancel(run, by=user_of(request), at=timezone.now())
            loop.later(loop.execute_run, run.pk)
    except flow.CancelRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(
            request, f"{run} is being cancelled. Steps under way end by themselves; nothing more is begun."
        )
    return redirect("run_page", run.pk)


def _progress(run: FlowRun, found: Progress) -> dict[str, Any]:
    ended = run.finished_at or timezone.now()
    return {
        "progress": found,
        "lanes": lanes.draw_run(found.plan, NAMES, found.tries, is_open=found.is_open),
        "is_linked": not found.is_open,  # while it goes on, the cards of its steps come later
        "may_be_cancelled": found.is_open and run.cancel_asked_at is None,
        "left_usd": run.left_usd,
        "duration": lasted((ended - run.started_at).total_seconds()) if run.started_at else "",
    }


def _budget(run: FlowRun) -> dict[str, Any]:
    """The client's budget of the day on which the run began."""
    day = (run.started_at or run.planned_at).astimezone(UTC).date()
    row = BudgetDay.objects.filter(client=run.client_id, day=day).first()
    return {
        "on": day,
        "day": row,
        "day_left_usd": row.left_usd if row else None,
    }


def _summary(run: FlowRun, steps: Sequence[StepRun]) -> dict[str, Any]:
    own = [step for step in steps if not step.is_taken_over]
    return {
        "cost": sum(step.cost_usd for step in steps),
        "uncertain": sum(step.uncertain_usd for step in steps),
        "tokens": {
            "given": sum(step.tokens_in for step in own),
            "read": sum(step.tokens_cache_read for step in own),
            "written": sum(step.tokens_cache_written for step in own),
            "answered": sum(step.tokens_output for step in own),
        },
        "generators": sorted({step.generator for step in steps if step.generator}),
        "is_offline": any(names.is_composer(step.generator) for step in steps),
    }


def _next_steps(run: FlowRun) -> dict[str, Any]:
    """A run that has nobody to write to is a basis for the next request."""
    if run.request.contact_id or run.request.is_again or run.status != FlowRun.Status.SUCCEEDED:
        return {"is_basis": False}
    people = Contact.objects.filter(client=run.client_id, company_domain=run.request.company_domain)
    return {"is_basis": True, "people": list(people.order_by("full_name", "pk")[:50])}


def _folded(step: StepRun) -> dict[str, Any]:
    return {
        "step": step,
        "seconds": (step.finished_at - step.started_at).total_seconds() if step.finished_at else None,
        "broken": [check for check in step.checks if not check["passed"]],
    }


def _step(step: StepRun, known: explaining.Around) -> dict[str, Any]:
    said, run = said_by(step), known.run
    return {
        **_folded(step),
        "answers": evidence.answers(said["answer"], evidence.materials(step.input, run.config)),
        "tool_facts": said["facts"],
        "remarks": said["remarks"],
        "withheld": step.input.get("withheld") or [],
        "facts_from": _elsewhere(step.input.get("facts_from"), run),
        "unjudged": [check for check in step.checks if not check.get("judged", True)],
        "variant": run.variants.get(step.agent),
        "votes": votes_of(step),
        "why": explaining.explain(step, known),
    }


def _elsewhere(origin: Mapping[str, Any] | None, run: FlowRun) -> Mapping[str, Any] | None:
    return origin if origin and origin.get("run") != run.pk else None


def _revisions(run: FlowRun, revisions: Sequence[PlanRevision]) -> list[dict[str, Any]]:
    """Each change of the plan with what it did to the one before."""
    plans: list[list[Node]] = [nodes_of(run.nodes), *(nodes_of(revision.nodes) for revision in revisions)]
    return [
        {"revision": revision, "changes": lanes.changes(before, after)}
        for revision, (before, after) in zip(revisions, pairwise(plans), strict=True)
    ]


def _brief(run: FlowRun, facts: Sequence[Mapping[str, Any]], steps: Sequence[StepRun]) -> list[evidence.Explained]:
    """Its sentences with what they rest on: facts, and the companies that they are compared with."""
    if not hasattr(run, "brief"):
        return []
    given = [{**each["fact"], "fact_id": each["fact"]["pk"]} for each in facts]
    compared = [step.context_id for step in steps if step.agent == AgentKey.COMPETITIVE]
    documents = StepContext.objects.filter(pk__in=compared).values_list("document", flat=True)
    peers = [peer for document in documents for peer in document.get("peers") or []]
    return evidence.explain(run.brief.sentences, Material(run.config, given, {"peers": peers}))


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
                by=user_of(request),
                at=timezone.now(),
            )
            loop.later(loop.start_run, asked.pk)
    except requests.RequestRefused as refusal:
        form.add_error("email", str(refusal))
        return None
    messages.success(request, f"Request {asked.pk} is made. Its run starts within seconds.")
    return asked
