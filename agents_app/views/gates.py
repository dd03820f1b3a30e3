"""What runs ask people: the open questions, and one of them with the output it is about."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from agents_app import evidence, flow, graph
from agents_app.forms import AnswerForm, CommentForm
from agents_app.models import FlowRun, Gate, StepRun
from agents_app.run_forms import GivenForm
from agents_app.views.reading import facts_of, name_of, votes_of
from clients.access import scope, user_of
from gtm import loop
from gtm.admin_site import CappedPaginator

CLIENT = "step__run__client"
GATES = Gate.objects.select_related(
    "step__run__client", "step__run__request__contact", "step__run__cancel_asked_by", "decided_by"
)
APPROVE, EDIT, REJECT = "approve", "edit", "reject"


@require_safe
def questions(request: HttpRequest) -> HttpResponse:
    """Those that are open, the most urgent first."""
    asked = GATES.filter(pk__in=scope(Gate.objects.open(), request.user, CLIENT).values("pk"))
    page = CappedPaginator(asked.order_by("expires_at", "pk"), 50).get_page(request.GET.get("page"))
    return render(request, "agents_app/questions.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
def gate(request: HttpRequest, gate_id: int) -> HttpResponseBase:
    """One question. A POST answers it: `action` is approve, edit or reject."""
    asked = get_object_or_404(scope(GATES, request.user, CLIENT), pk=gate_id)
    forms: dict[str, Any] = {}
    if request.method == "POST" and (act := ACTIONS.get(request.POST.get("action", ""))):
        forms = act(request, asked)
        if not forms:
            return redirect("run_page", asked.step.run_id)
        asked = get_object_or_404(GATES, pk=gate_id)  # as it stands now: somebody else may have answered
    return render(request, "agents_app/gate.html", {**_shown(asked), **forms})


def _approve(request: HttpRequest, asked: Gate) -> dict[str, Any]:
    refusal = _answer(request, asked, Gate.Decision.APPROVED)
    return {"problem": refusal} if refusal else {}


def _edit(request: HttpRequest, asked: Gate) -> dict[str, Any]:
    form = _form_of(asked)(asked, request.POST)
    if not form.is_valid():
        return {"form": form}
    refusal = _answer(request, asked, Gate.Decision.APPROVED, form.edited(), form.cleaned_data["comment"])
    return {"problem": refusal, "form": form} if refusal else {}


def _reject(request: HttpRequest, asked: Gate) -> dict[str, Any]:
    form = CommentForm(request.POST)
    if not form.is_valid():
        return {"reject_form": form}
    refusal = _answer(request, asked, Gate.Decision.REJECTED, comment=form.cleaned_data["comment"])
    return {"problem": refusal, "reject_form": form} if refusal else {}


ACTIONS = {APPROVE: _approve, EDIT: _edit, REJECT: _reject}


def _answer(
    request: HttpRequest, asked: Gate, decision: str, edited: Mapping[str, Any] | None = None, comment: str = ""
) -> str:
    """Why it was not taken, in words; empty when it was."""
    try:
        with transaction.atomic():
            flow.answer(asked, decision, by=user_of(request), at=timezone.now(), edited=edited, comment=comment)
            loop.later(loop.execute_run, asked.step.run_id)
    except flow.AnswerRefused as refusal:
        return str(refusal)
    messages.success(request, f"{asked.get_decision_display()}. {asked.step.run} is taken up again within seconds.")
    return ""


def _shown(asked: Gate) -> dict[str, Any]:
    run, plan = asked.step.run, asked.step.run.plan_now
    own = next((node for node in plan if node.key == asked.step.key), None)
    guards = own.guards if own else ""
    before = _before(run, own.after if own and not guards else ())
    return {
        "gate": asked,
        "run": run,
        "why": own.reason if own else "",
        "parts": [] if guards else _parts(asked, before),
        "facts": [] if guards else _facts(asked, run),
        "votes": [vote for step in before for vote in votes_of(step)],
        "behind": [name_of(node.agent or node.tool, node.key) for node in graph.behind(plan, {asked.step.key})],
        "is_open": _is_open(asked, run),
        "form": _form_of(asked)(asked),
        "reject_form": CommentForm(),
    }


def _form_of(asked: Gate) -> type[AnswerForm] | type[GivenForm]:
    """At a pause everything that the step would be given can be edited, elsewhere the texts of what was written."""
    return GivenForm if flow.guarded_by(asked, asked.step.run) else AnswerForm


def _is_open(asked: Gate, run: FlowRun) -> bool:
    return run.awaits(asked) and asked.expires_at > timezone.now()


def _before(run: FlowRun, keys: Sequence[str]) -> list[StepRun]:
    """The done steps that the question is about, of a map one for each contact."""
    rows = run.steps.filter(key__in=keys, status=StepRun.Status.DONE).select_related("context", "contact")
    return list(rows.order_by("map_index", "pk"))


def _parts(asked: Gate, before: Sequence[StepRun]) -> list[dict[str, Any]]:
    """What was written, one block an answer, each sentence with what it rests on; facts have a table of their own."""
    said = {name: value for name, value in asked.shown.items() if name not in ("facts", "options", "close")}
    config = asked.step.run.config
    if len(before) > 1:  # a map: each contact's step was given something else
        found = [evidence.answers(each, evidence.materials(row.input, config)) for each, row in _pairs(said, before)]
        answers = [answer for each in found for answer in each]
    else:
        given = evidence.materials(before[0].input if before else {}, config)
        answers = evidence.answers(said, given)
    names = [str(row.contact) if row.contact else "" for row in before]
    return [
        {"name": names[number] if len(names) == len(answers) else "", "parts": answer}
        for number, answer in enumerate(answers)
    ]


def _pairs(said: Mapping[str, Any], before: Sequence[StepRun]) -> list[tuple[Mapping[str, Any], StepRun]]:
    return list(zip(said.get("answers") or [], before, strict=False))


def _facts(asked: Gate, run: FlowRun) -> list[dict[str, Any]]:
    """The facts that are decided about, each with its row and sources where this run found it."""
    shown = asked.shown.get("facts") or []
    known = {each["fact"]["key"]: each for each in facts_of(run)} if shown else {}
    unknown: dict[str, Any] = {"fact": None, "claims": []}
    return [
        {**each, **known.get(each["key"], unknown), "attribute": each["attribute"].replace("_", " ")} for each in shown
    ]
