"""The planner's answer: changes that the state asks for by plain rules, and none where it asks for none. Pure."""

from typing import Any

from gtm.sandbox.composer.given import Given

MOST_EDITS = 3
TIME_TO_ASK_S = 5


def compose(given: Given) -> dict[str, Any]:
    edits = [edit for rule in (_deepen, _adjudicate, _skip) for edit in rule(given)]
    return {"edits": edits[:MOST_EDITS]}


def _deepen(given: Given) -> list[dict[str, str]]:
    weak = [str(name) for name in given.context.get("required") or [] if name not in _sure(given)]
    again = [str(name) for name in given.context.get("again") or []]
    if not weak or not again or int(given.context.get("seconds_left") or 0) < TIME_TO_ASK_S:
        return []
    reason = f"Not sure enough: {', '.join(weak)}. Worth asking again: {', '.join(again)}."
    return [_edit("insert", reason, tool="deepen")]


def _sure(given: Given) -> set[str]:
    """The attributes that are known surely enough; a planner is not told their values."""
    return {fact.attribute for fact in given.all_facts if fact.confidence >= given.floor}


def _adjudicate(given: Given) -> list[dict[str, str]]:
    conflicts = [str(name) for name in given.context.get("conflicts") or []]
    return [_edit("insert", f"Sources disagree about {', '.join(conflicts)}.", tool="adjudicate")] if conflicts else []


def _skip(given: Given) -> list[dict[str, str]]:
    """A comparison needs an industry to compare within."""
    to_come = [
        each["step"] for each in given.context.get("plan") or [] if each["optional"] and each["state"] == "to come"
    ]
    if "competitive" not in to_come or "industry" in _sure(given):
        return []
    return [_edit("skip", "No industry is known, so there is nothing to compare within.", step="competitive")]


def _edit(action: str, reason: str, *, step: str = "", tool: str = "") -> dict[str, str]:
    return {"action": action, "step": step, "tool": tool, "model": "", "reason": reason[:300]}
