"""Two runs side by side, and the choice of the other one. They read rows."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from agents_app import comparisons, finding
from agents_app.comparing import NOTHING, Delta, Difference, Pair
from agents_app.models import FlowRun
from agents_app.names import in_words
from clients.access import scope

SHOWN = 60  # differences of one step; a page of thousands is read by nobody
WORD_BY_WORD = 100  # steps; of two longer runs each text stands beside the other as it is
PARTS = {
    "input": "What it was given", "search": "How its sources were asked",
    "prompt_sent": "The prompt as it was sent", "output": "What it answered",
    "checks": "Its checks", "error": "What went wrong", "config": "Settings", "hints": "Hints",
    "plan": "The plan as it began", "variants": "Experiments",
}  # fmt: skip
MONEY = {"Cost"}


@require_safe
def run_compare(request: HttpRequest, run_id: int) -> HttpResponseBase:
    """Which run to compare with: some are offered, any can be named by its number (`with`)."""
    seen = scope(FlowRun.objects.all(), request.user)
    run = get_object_or_404(scope(comparisons.RUNS, request.user), pk=run_id)
    wanted = request.GET.get("with", "").strip().removeprefix("#")
    if wanted:
        other = seen.filter(pk=finding.number_of(wanted)).first()
        if other is not None:
            return redirect("runs_compared", run.pk, other.pk)
        messages.error(request, f"There is no run {wanted} among those you may see. A run's number is on its page.")
    context = {"run": run, "offers": comparisons.offers(run, seen), "wanted": wanted}
    return render(request, "agents_app/compare.html", context)


@require_safe
def runs_compared(request: HttpRequest, run_id: int, other_id: int) -> HttpResponse:
    """What differs, step by step; what is the same is folded."""
    runs = scope(comparisons.RUNS, request.user)
    left, right = get_object_or_404(runs, pk=run_id), get_object_or_404(runs, pk=other_id)
    found = comparisons.of(left, right)
    context = {
        "left": left,
        "right": right,
        "sides": [left, right],
        "comparison": found,
        "deltas": _deltas(found.deltas),
        "parts": _parts(found.differences, is_long=False),
        "changed": [_pair(pair, is_long=len(found.changed) > WORD_BY_WORD) for pair in found.changed],
        "same": [pair for pair in found.pairs if pair.is_same],
    }
    return render(request, "agents_app/compared.html", context)


def _pair(pair: Pair, *, is_long: bool) -> dict[str, Any]:
    return {
        "pair": pair,
        "deltas": _deltas(pair.deltas),
        "parts": _parts(pair.differences[:SHOWN], is_long=is_long),
        "left_out": max(0, len(pair.differences) - SHOWN),
    }


def _parts(differences: Sequence[Difference], *, is_long: bool) -> list[dict[str, Any]]:
    """By the part of the step that they stand in, each with its name for people."""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in differences:
        name, rest = _split(each.path)
        row = {"path": each.path, "place": rest, "left": _shown(each.left), "right": _shown(each.right)}
        found.setdefault(PARTS.get(name, in_words(name)), []).append(row | {"words": None if is_long else each.words})
    order = [*PARTS.values(), *found]
    return [{"name": name, "differences": found[name]} for name in sorted(found, key=order.index)]


def _split(path: str) -> tuple[str, str]:
    """“output.sentences[2].text” → (“output”, “sentences[2].text”)."""
    at = next((place for place, letter in enumerate(path) if letter in ".["), len(path))
    return path[:at], path[at:].removeprefix(".")


def _shown(value: object) -> dict[str, object]:
    """A word is read as it is, what has parts as JSON, and nothing as nothing."""
    return {"is_there": value is not NOTHING, "has_parts": isinstance(value, dict | list), "value": value}


def _deltas(deltas: Sequence[Delta]) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "left": _figure(each.name, each.left),
            "right": _figure(each.name, each.right),
            "change": _change(each),
        }
        for each in deltas
    ]


def _figure(name: str, value: object) -> str:
    if value is None or value == "":
        return "–"  # noqa: RUF001 a dash for nothing
    if name in MONEY:
        return f"${Decimal(str(value)):.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _change(delta: Delta) -> str:
    """“+$0.0012”; empty where there is no more and less."""
    if delta.change is None or delta.name == "Version of the settings":
        return ""
    sign = "+" if delta.change > 0 else "−"  # noqa: RUF001 a minus sign
    size = abs(float(delta.change))
    return f"{sign}${size:.4f}" if delta.name in MONEY else f"{sign}{round(size, 4):,g}"
