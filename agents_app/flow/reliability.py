"""How often voters were right: what they chose, beside what people decided about the draft that came of the vote."""

from datetime import datetime

from agents_app import consensus
from agents_app.models import Draft, StepRun

LOOKED_AT = 200  # newest decided drafts that came of a vote
Counts = dict[str, tuple[int, int]]


def of_voters(agent: str, at: datetime) -> dict[str, float]:
    """{voter: reliability}. It was right when its choice won and was approved unedited, or lost to one that was not."""
    decided = Draft.objects.filter(
        step__agent=agent,
        decided_at__lt=at,
        status__in=[Draft.Status.APPROVED, Draft.Status.SENDING, Draft.Status.SENT, Draft.Status.REJECTED],
    ).exclude(step__votes={})
    counts: Counts = {}
    for draft in decided.select_related("step").order_by("-decided_at", "-pk")[:LOOKED_AT]:
        _count(counts, draft.step, is_good=draft.status != Draft.Status.REJECTED and not draft.was_edited)
    return {voter: consensus.reliability(right, seen) for voter, (right, seen) in sorted(counts.items())}


def _count(counts: Counts, step: StepRun, *, is_good: bool) -> None:
    for vote in step.votes.get("votes", []):
        if not vote["choice"]:
            continue
        right, seen = counts.get(vote["voter"], (0, 0))
        chose_winner = vote["choice"] == step.votes["winner"]
        counts[vote["voter"]] = (right + (chose_winner == is_good), seen + 1)
