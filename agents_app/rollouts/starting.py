"""A rollout begins: with what is expected of the candidate, and how the live version was before."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from agents_app import rehearsals, versions
from agents_app.models import PromptVersion, Rehearsal, RehearsalAnswer, Rollout, RolloutDecision
from agents_app.rehearsals.deciding import pairs
from agents_app.rehearsals.gate import Answer
from agents_app.rollout_rules import SHARES
from agents_app.rollouts import impact, proxies

LOOKED_AT = 50  # earlier rollouts


class RolloutRefused(Exception):
    """A rollout that cannot begin or end like this, and how to mend it."""


@transaction.atomic
def start(candidate: PromptVersion, *, by: User | None, at: datetime, reason: str = "") -> Rollout:
    """The candidate gets a tenth of the units at once. Raises RolloutRefused; without a rehearsal that passed, a reason
    is needed, and may not be enough (`rehearsals.must_pass`)."""
    control = PromptVersion.objects.select_for_update(no_key=True).filter(
        agent=candidate.agent, label=PromptVersion.Label.LIVE
    )
    live = control.first()
    if live is None or live.pk == candidate.pk:
        raise RolloutRefused(f"{candidate} has nothing to be compared with: another version has to be live.")
    if there := Rollout.objects.filter(agent=candidate.agent, status__in=Rollout.OPEN).first():
        raise RolloutRefused(f"{there} is under way. Two candidates of one agent cannot be told apart: stop it first.")
    if (warning := rehearsals.warning(candidate)) and (not reason.strip() or rehearsals.must_pass()):
        mend = "Rehearse it first." if rehearsals.must_pass() else "Rehearse it, or say why it is rolled out without."
        raise RolloutRefused(f"{warning} {mend}")
    versions.try_out(candidate, by=by, at=at, reason="Rolled out step by step")
    found = proxies.past(live, at=at)
    rollout = Rollout.objects.create(
        candidate=candidate,
        control=live,
        agent=candidate.agent,
        seed=secrets.token_hex(16),
        past={"rates": dict(found.rates), "caps": dict(found.caps)},
        expected=expected_of(candidate).document(),
        reason=reason.strip()[:300],
        author=by,
        started_at=at,
        share=SHARES[0],
    )
    step, said = RolloutDecision.Step.GO_ON, [reason.strip() or "Its rehearsal passed."]
    RolloutDecision.objects.create(rollout=rollout, step=step, share=SHARES[0], reasons=said, at=at)
    return rollout


def expected_of(candidate: PromptVersion) -> impact.Expected:
    """By its newest rehearsal beside the live version, and by what earlier rollouts of such changes did."""
    rehearsed, on, cost_usd = _rehearsed(candidate)
    seen = _seen(candidate)
    usual = impact.usual(seen)
    kind = candidate.get_level_display().lower()
    known = {
        on: rehearsed,
        f"{len(seen)} earlier rollouts of {kind} changes": usual,
    }
    basis = " and ".join(words for words, each in known.items() if each)
    return impact.expected(basis, [each for each in known.values() if each], cost_usd=cost_usd)


def _rehearsed(candidate: PromptVersion) -> tuple[impact.Estimate | None, str, float | None]:
    """(what its newest rehearsal says, which that is, the change of an answer's cost)."""
    found = rehearsals.newest(candidate)
    if found is None or found.status != Rehearsal.Status.DONE:
        return None, "", None
    rows = RehearsalAnswer.objects.filter(rehearsal=found).order_by("case", "side", "repeat")
    both = [(_kept(pair.old), _kept(pair.new)) for pair in pairs(rows)]
    said = impact.rehearsed(
        worsened=sum(old and not new for old, new in both),
        mended=sum(new and not old for old, new in both),
        cases=len(both),
    )
    costs = [delta["change"] for delta in found.report["deltas"] if delta["name"] == "cost_usd"]
    name = f"Rehearsal {found.pk}, on {len(both)} test case{'' if len(both) == 1 else 's'}"
    return said, name, costs[0] if costs else None


def _seen(candidate: PromptVersion) -> list[dict[str, float]]:
    """What the newest rollouts that came to an end by themselves did, of changes as large as this one."""
    over = Rollout.objects.filter(status__in=(Rollout.Status.FINISHED, Rollout.Status.ROLLED_BACK))
    alike = over.filter(candidate__level=candidate.level).exclude(observed={}).order_by("-pk")
    return list(alike.values_list("observed", flat=True)[:LOOKED_AT])


def _kept(answers: Sequence[Answer]) -> bool:
    return all(
        not each.failed and each.wrote and all(check["passed"] for check in each.checks if check.get("judged", True))
        for each in answers
    )
