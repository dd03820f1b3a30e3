"""What one does with a run to understand it: do it again from a step, say what one thinks of it, keep a step as a test
case, take all of it along as JSON."""

import json
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from agents_app import cases, llm, marks, reruns, trace
from agents_app.models import FlowRun, GoldenCase, RunMark, StepRun
from agents_app.run_forms import CaseForm, MarkForm, RerunForm
from agents_app.views.reading import name_of, outcomes_of
from clients.access import scope, user_of
from gtm import loop

STEPS = StepRun.objects.select_related(
    "context", "prompt_version", "contact", "run__client", "run__request__contact", "run__request__campaign"
)


@require_http_methods(["GET", "HEAD", "POST"])
def run_again(request: HttpRequest, run_id: int, step_id: int) -> HttpResponseBase:
    """What is to differ, and what it may cost. A POST begins it."""
    step = _step(request, run_id, step_id)
    form = RerunForm(step, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and (made := _begin(request, step, form)):
        return redirect("run_page", made.pk)
    context = {
        "step": step,
        "run": step.run,
        "form": form,
        "refusal": reruns.refusal(step),
        "ahead": [name_of(node.agent or node.tool, node.key) for node in reruns.ahead(step)],
        "estimate": None if reruns.refusal(step) else reruns.estimate(step, at=timezone.now()),
        "is_offline": llm.is_offline(),
    }
    return render(request, "agents_app/run_again.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def run_marks(request: HttpRequest, run_id: int) -> HttpResponseBase:
    """What people think of a run and its steps. A POST adds to it; `step` names one of them."""
    run = get_object_or_404(scope(FlowRun.objects.select_related("client"), request.user), pk=run_id)
    number = request.POST.get("step") or request.GET.get("step") or ""
    step = run.steps.filter(pk=number).first() if number.isdecimal() and len(number) < 18 else None
    form = MarkForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and _mark(request, run, step, form):
        return redirect("run_page", run.pk)
    rows = RunMark.objects.filter(run=run).select_related("author", "step").order_by("-at", "-pk")
    return render(request, "agents_app/run_marks.html", {"run": run, "step": step, "form": form, "marks": rows[:100]})


@require_http_methods(["GET", "HEAD", "POST"])
def step_case(request: HttpRequest, run_id: int, step_id: int) -> HttpResponseBase:
    """The step's question as a test case. A POST keeps it."""
    step = _step(request, run_id, step_id)
    form = CaseForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and (made := _case(request, step, form)):
        return redirect("admin:agents_app_goldencase_change", made[0].pk)
    there = GoldenCase.objects.filter(step=step, is_active=True).order_by("pk")
    return render(
        request, "agents_app/step_case.html", {"step": step, "run": step.run, "form": form, "there": list(there)}
    )


@require_safe
def run_document(request: HttpRequest, run_id: int) -> HttpResponse:
    """Everything of the run, to be kept as a file."""
    run = get_object_or_404(trace.whole(scope(FlowRun.objects.all(), request.user)), pk=run_id)
    text = json.dumps(trace.document(trace.of_run(run, outcomes_of)), indent=2, ensure_ascii=False)
    name = f'attachment; filename="run-{run.pk}.json"'
    return HttpResponse(text, content_type="application/json", headers={"Content-Disposition": name})


def _step(request: HttpRequest, run_id: int, step_id: int) -> StepRun:
    step: StepRun = get_object_or_404(scope(STEPS.filter(run=run_id), request.user, "run__client"), pk=step_id)
    return step


def _begin(request: HttpRequest, step: StepRun, form: RerunForm) -> FlowRun | None:
    try:
        with transaction.atomic():
            made = reruns.ask(step, form.wanted(), by=user_of(request), at=timezone.now())
            loop.later(loop.execute_run, made.pk)
    except reruns.RerunRefused as refusal:
        form.add_error(None, str(refusal))
        return None
    messages.success(request, f"{made} does {step.run} again, from {step.label}. It starts within seconds.")
    return made


def _mark(request: HttpRequest, run: FlowRun, step: StepRun | None, form: MarkForm) -> RunMark | None:
    said: dict[str, Any] = form.cleaned_data
    try:
        made = marks.mark(run, said["verdict"], by=user_of(request), at=timezone.now(), step=step, note=said["note"])
    except marks.MarkRefused as refusal:
        form.add_error(None, str(refusal))
        return None
    messages.success(request, f"Marked as {made.get_verdict_display().lower()}.")
    return made


def _case(request: HttpRequest, step: StepRun, form: CaseForm) -> list[GoldenCase]:
    said: dict[str, Any] = form.cleaned_data
    try:
        made = cases.copy(step, by=user_of(request), at=timezone.now(), title=said["title"], note=said["note"])
    except cases.CaseRefused as refusal:
        form.add_error(None, str(refusal))
        return []
    messages.success(request, "It is a test case now. Switch it off where it is not wanted any more.")
    return made
