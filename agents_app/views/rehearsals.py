"""Rehearsals: what one would take, how far it is, what it says, and both versions side by side."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from agents_app import llm, rehearsals, wording
from agents_app.models import PromptVersion, Rehearsal, RehearsalAnswer
from clients.access import scope, user_of
from gtm import loop

PAGE = 10  # cases of a page
FOUND = Rehearsal.objects.select_related("candidate", "against", "author", "approved_by")
DELTAS = {"words": "Words", "cost_usd": "Cost (US dollars)", "ms": "Time (milliseconds)"}
Answers = Sequence[RehearsalAnswer]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def rehearse(request: HttpRequest, version_id: int) -> HttpResponseBase:
    """What it would take to try this version beside another (`against`; usually the live one); POST begins."""
    version = get_object_or_404(PromptVersion, pk=version_id)
    others = list(PromptVersion.objects.filter(agent=version.agent).exclude(pk=version.pk).order_by("-number")[:50])
    chosen = (request.POST if request.method == "POST" else request.GET).get("against", "")
    against = next((each for each in others if str(each.pk) == chosen), None)
    context: dict[str, Any] = {"version": version, "others": others, "is_offline": llm.is_offline()}
    try:
        if request.method == "POST":
            return redirect("rehearsal", _asked(request, version, against))
        context["quote"] = rehearsals.quote(version, against=against, at=timezone.now())
    except rehearsals.RehearsalRefused as refusal:
        context["refusal"] = str(refusal)
    context["earlier"] = FOUND.filter(candidate=version).order_by("-pk")[:20]
    return render(request, "agents_app/rehearse.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def rehearsal(request: HttpRequest, rehearsal_id: int) -> HttpResponseBase:
    """Progress, report, and both answers to each case that the user may see; POST lets a candidate pass."""
    found = get_object_or_404(FOUND, pk=rehearsal_id)
    if request.method == "POST":
        return _approved(request, found)
    context = {"rehearsal": found, "progress": _progress(found), **_report(found)}
    if request.htmx:  # type: ignore[attr-defined]
        response = render(request, "agents_app/rehearsal_progress.html", context)
    else:
        response = render(request, "agents_app/rehearsal.html", context | _cases(request, found))
    patch_vary_headers(response, ["HX-Request"])
    return response


def _asked(request: HttpRequest, version: PromptVersion, against: PromptVersion | None) -> int:
    with transaction.atomic():
        made = rehearsals.ask(version, by=user_of(request), at=timezone.now(), against=against)
        loop.later(loop.rehearse, made.pk)
    return made.pk


def _approved(request: HttpRequest, found: Rehearsal) -> HttpResponse:
    user = user_of(request)
    if not user.has_perm("agents_app.approve_rehearsal"):
        raise PermissionDenied("Rehearsals are let pass by operators and admins.")
    try:
        rehearsals.approve(found, by=user, at=timezone.now(), reason=request.POST.get("reason", ""))
        messages.success(request, f"{found.candidate} may go live.")
    except rehearsals.RehearsalRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("rehearsal", found.pk)


def _progress(found: Rehearsal) -> Mapping[str, Any]:
    over = Q(status__in=[RehearsalAnswer.Status.DONE, RehearsalAnswer.Status.FAILED])
    money = {name: Sum(name, default=Decimal(0)) for name in ("cost_usd", "uncertain_usd", "set_aside_usd")}
    return found.answers.aggregate(all=Count("pk"), over=Count("pk", filter=over), **money)


def _report(found: Rehearsal) -> dict[str, Any]:
    if not found.report:
        return {}
    flips = sorted(found.report["flips"], key=lambda each: (not each["worsened"], not each["mended"], each["contract"]))
    deltas = [{**each, "label": DELTAS[each["name"]]} for each in found.report["deltas"]]
    return {"report": found.report, "flips": flips, "deltas": deltas}


def _cases(request: HttpRequest, found: Rehearsal) -> dict[str, Any]:
    """Those that changed for the worse first, then for the better; of clients that the user may see."""
    flips = found.report.get("flips", [])
    order = _order(flips)
    visible = scope(RehearsalAnswer.objects.filter(rehearsal=found), request.user, "case__client")
    cases = sorted(set(visible.values_list("case", flat=True)), key=lambda case: (order.get(case, 2), case))
    page = Paginator(cases, PAGE).get_page(request.GET.get("page"))
    rows = visible.filter(case__in=list(page)).select_related("case__client").order_by("repeat", "pk")
    by_case: dict[int, list[RehearsalAnswer]] = {case: [] for case in page}
    for row in rows:
        by_case[row.case_id].append(row)
    return {"page": page, "cases": [_case(answers, flips) for answers in by_case.values()]}


def _order(flips: Iterable[Mapping[str, Any]]) -> dict[int, int]:
    mended = {case: 1 for each in flips for case in each["mended"]}
    return mended | {case: 0 for each in flips for case in each["worsened"]}


def _case(answers: Answers, flips: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The first answer of each side with its words marked that the other has not, and what all of the side cost."""
    case = answers[0].case
    olds, news = ([each for each in answers if each.side == side] for side in ("old", "new"))
    old, new = next(iter(olds), None), next(iter(news), None)
    compared = wording.compare(old.text, new.text) if old and new and old.text and new.text else None
    return {
        "case": case,
        "worsened": [each["contract"] for each in flips if case.pk in each["worsened"]],
        "mended": [each["contract"] for each in flips if case.pk in each["mended"]],
        "sides": [_side(olds, compared.left if compared else None), _side(news, compared.right if compared else None)],
        "repeats": max(each.repeat for each in answers),
    }


def _side(answers: Answers, pieces: Sequence[wording.Piece] | None) -> dict[str, Any]:
    answer = next(iter(answers), None)
    text = answer.text if answer else ""
    checks = answer.checks if answer else []
    return {
        "answer": answer,
        "subject": (answer.output or {}).get("subject", "") if answer else "",
        "pieces": pieces if pieces is not None else [wording.Piece(text, is_changed=False)],
        "broken": [check for check in checks if not check["passed"]],
        "unjudged": [check for check in checks if not check.get("judged", True)],
        "cost_usd": sum(each.cost_usd for each in answers),
        "uncertain_usd": sum(each.uncertain_usd for each in answers),
        "kept": sum(bool(check["passed"] and check.get("judged", True)) for check in checks),
    }
