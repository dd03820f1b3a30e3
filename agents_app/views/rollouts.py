"""Rollouts: what is expected of a candidate before it begins, how it stands, and the way back."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from agents_app import rehearsals, rollout_rules, rollouts, versions
from agents_app.models import PromptVersion, Rollout
from clients.access import user_of

FOUND = Rollout.objects.select_related("candidate", "control", "author", "ended_by")
TONES = {"rolled_back": "bad", "finished": "ok", "held": "warn", "running": "info"}
SCORED = 50  # newest rollouts that say how good expectations were


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def roll_out(request: HttpRequest, version_id: int) -> HttpResponseBase:
    """What it would do and what is expected of it; POST begins."""
    version = get_object_or_404(PromptVersion, pk=version_id)
    refusal = ""
    if request.method == "POST":
        _may_move(request)
        try:
            reason = request.POST.get("reason", "")
            return redirect(
                "rollout", rollouts.start(version, by=user_of(request), at=timezone.now(), reason=reason).pk
            )
        except rollouts.RolloutRefused as refused:
            refusal = str(refused)
    live = versions.live_of(version.agent)
    context = {
        "version": version,
        "live": live,
        "refusal": refusal,
        "warning": rehearsals.warning(version),
        "must_pass": rehearsals.must_pass(),
        "expected": rollouts.expected_of(version).document(),
        "stages": [(share, rollout_rules.LEAST.get(share)) for share in rollout_rules.SHARES],
        "guards": rollout_rules.GUARDS,
        "open": FOUND.filter(agent=version.agent, status__in=Rollout.OPEN).first(),
    }
    return render(request, "agents_app/roll_out.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def rollout(request: HttpRequest, rollout_id: int) -> HttpResponseBase:
    """Its share, what the guards stand at, each decision with its reasons; POST takes the candidate back."""
    found = get_object_or_404(FOUND, pk=rollout_id)
    if request.method == "POST":
        _may_move(request)
        try:
            rollouts.stop(found, by=user_of(request), at=timezone.now(), reason=request.POST.get("reason", ""))
            messages.success(request, f"{found.candidate} is taken back. {_from_now_on(found)}")
        except rollouts.RolloutRefused as refused:
            messages.error(request, str(refused))
        return redirect("rollout", found.pk)
    decisions = list(found.decisions.order_by("-pk")[:100])
    context: dict[str, Any] = {
        "rollout": found,
        "tone": TONES.get(found.status, "quiet"),
        "decisions": decisions,
        "reasons": found.stand["reasons"] if found.is_open and found.stand else decisions[0].reasons,
        "guards": found.stand.get("found", []),
        "stages": rollout_rules.SHARES,
        "drawn": _drawn(found),
        "past_scores": _past_scores(),
    }
    return render(request, "agents_app/rollout.html", context)


def _from_now_on(found: Rollout) -> str:
    live = versions.live_of(found.agent)
    return f"Runs planned from now on use {live}." if live else "No version is live."


def _may_move(request: HttpRequest) -> None:
    if not request.user.has_perm("agents_app.move_label"):
        raise PermissionDenied("Prompt versions are rolled out by operators and admins.")


def _drawn(found: Rollout) -> dict[str, int]:
    counts: dict[str, int] = found.draws.aggregate(
        control=Count("unit", distinct=True, filter=Q(is_candidate=False)),
        candidate=Count("unit", distinct=True, filter=Q(is_candidate=True)),
        runs=Count("pk"),
    )
    return counts


def _past_scores() -> dict[str, Any]:
    """How good the expectations of the newest rollouts were; {} where none was scored."""
    scored = Rollout.objects.exclude(scores={}).order_by("-pk").values_list("scores", flat=True)[:SCORED]
    rows = list(scored)
    if not rows:
        return {}
    covered = [row["covered"] for row in rows if "covered" in row]
    return {
        "count": len(rows),
        "brier": sum(row["brier"] for row in rows) / len(rows),
        "covered": sum(covered) / len(covered) if covered else None,
    }
