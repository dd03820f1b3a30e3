"""What an approved proposal brought: its metric in equal spans before and after, with the interval of the difference.

The span before ends where the proposal's evidence begins, because what was noticed for being bad gets better by itself.
Where too little was done then, it is the weeks just before the approval, and the sentence says what that means.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from experiments import proposals, reading, tuning
from experiments.figures import METRICS, Count
from experiments.models import ProposalEffect, SettingProposal
from experiments.performance import WINDOW
from gtm.stats.proportions import newcombe

SPAN = timedelta(days=28)
DECIDED_WITHIN = timedelta(days=7)  # drafts younger than this may still wait for somebody
ANSWERED_WITHIN = WINDOW + timedelta(days=7)  # an e-mail leaves some days after its run was planned
MIN_COMPARED = 20
BETTER, WORSE, NOT_YET, NOT_HELD = "Better", "Worse", "Not yet to tell", "Not measured"


def due(proposal: SettingProposal) -> datetime | None:
    """When the last row of the span after is old enough; None where nobody approved it."""
    if proposal.decided_at is None:
        return None
    metric = proposal.expected["metric"]
    return proposal.decided_at + SPAN + (ANSWERED_WITHIN if metric == "replied" else DECIDED_WITHIN)


def measure_due(*, at: datetime) -> list[ProposalEffect]:
    """Every approved proposal whose time has come, once."""
    waiting = SettingProposal.objects.filter(status=SettingProposal.Status.APPROVED, effect__isnull=True)
    found = [measure(each, at=at) for each in waiting.select_related("client").order_by("pk")]
    return [effect for effect in found if effect]


def measure(proposal: SettingProposal, *, at: datetime) -> ProposalEffect | None:
    """None while it is too early. A second measuring gives the first one's row."""
    ready = due(proposal)
    if ready is None or at < ready:
        return None
    result = _result(proposal, at)
    with transaction.atomic():
        return ProposalEffect.objects.get_or_create(proposal=proposal, defaults={"as_of": at, "result": result})[0]


def _result(proposal: SettingProposal, at: datetime) -> dict[str, Any]:
    changed, name = proposal.decided_at, proposal.expected["metric"]
    assert changed is not None
    if moved := proposals.moved_since(proposal):
        metric = METRICS[name]
        sentence = f"{NOT_HELD}. {moved} So what followed is not what this proposal brought."
        return {"metric": name, "label": metric.label, "verdict": NOT_HELD, "sentence": sentence}
    first = datetime.fromisoformat(proposal.evidence["since"])
    after = _counted(proposal, name, changed, at)
    before, is_apart = _counted(proposal, name, first - SPAN, at), True
    if before.whole < MIN_COMPARED:
        before, is_apart = _counted(proposal, name, changed - SPAN, at), False
    return judged(before, after, name=name, is_apart=is_apart)


def _counted(proposal: SettingProposal, name: str, since: datetime, at: datetime) -> Count:
    return METRICS[name].counted(reading.read(proposal.client, since=since, until=since + SPAN, at=at))


def judged(before: Count, after: Count, *, name: str, is_apart: bool) -> dict[str, Any]:
    """The effect's `result`: counts, difference (after minus before) with its interval, verdict, sentence.

    `is_apart`: the span before lies before the evidence.
    """
    metric, difference = METRICS[name], newcombe(*before, *after)
    verdict = _verdict(before, after, metric.better)
    return {
        "metric": name,
        "label": metric.label,
        "before": before.document(),
        "after": after.document(),
        "difference": difference and round(difference.difference, 4),
        "low": difference and round(difference.low, 4),
        "high": difference and round(difference.high, 4),
        "is_apart": is_apart,
        "verdict": verdict,
        "sentence": f"{verdict}. {metric.heading}: {_rates(before, after)}. {_why(verdict, before, after)}"
        + ("" if is_apart else _SAME_WEEKS),
    }


_SAME_WEEKS = (
    " The weeks before are among those that the proposal rests on: part of a gain may be a return to the usual."
)


def _verdict(before: Count, after: Count, better: int) -> str:
    difference = newcombe(*before, *after)
    if difference is None or min(before.whole, after.whole) < MIN_COMPARED or difference.low <= 0 <= difference.high:
        return NOT_YET
    return BETTER if difference.difference * better > 0 else WORSE


def _rates(before: Count, after: Count) -> str:
    return " against ".join(
        f"{count.part} of {count.whole} ({100 * count.rate:.0f}%) {when}" if count.rate is not None else f"none {when}"
        for count, when in ((after, "in the four weeks after"), (before, "in four weeks before"))
    )


def _why(verdict: str, before: Count, after: Count) -> str:
    difference = newcombe(*before, *after)
    if difference is None or min(before.whole, after.whole) < MIN_COMPARED:
        return f"A judgement takes {MIN_COMPARED} on each side."
    points = tuning.points(difference)
    return f"The difference is {points}{'; it may be chance' if verdict == NOT_YET else ''}."
