"""A rehearsal is written down: which versions, which cases, how often, and what it may cost."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from agents_app import llm, prices, promising, versions
from agents_app.flow import means
from agents_app.models import Depth, GoldenCase, PromptVersion, Rehearsal, RehearsalAnswer
from agents_app.rehearsals import spending

REPEATS = 3  # with a model, whose answers differ; the offline composer's do not
CALLS = 3  # that an answer may take at the most: once, corrected once, and what a model is asked about it
BEYOND = 8_000  # bytes of a prompt beside its text and its material
MOST_CASES = 200
AT_ONCE = 4  # answers that are asked for side by side


class RehearsalRefused(Exception):
    """A rehearsal that cannot be, and how to mend it."""


@dataclass(frozen=True)
class Quote:
    """`most_usd` is never exceeded: what all answers cost at the worst, or the budget, whichever is less. `left_usd` is
    what all rehearsals together may still spend this month."""

    candidate: PromptVersion
    against: PromptVersion
    cases: int
    repeats: int
    answers: int
    worst_usd: Decimal
    most_usd: Decimal
    left_usd: Decimal

    @property
    def is_too_much(self) -> bool:
        return self.most_usd > self.left_usd


def quote(candidate: PromptVersion, *, against: PromptVersion | None = None, at: datetime) -> Quote:
    """What it would take; against the live version unless another is given. Raises RehearsalRefused."""
    other = against or versions.live(at=at)[candidate.agent]
    cases = _cases(candidate, other)
    repeats = 1 if llm.is_offline() else REPEATS
    worst = sum(
        (repeats * (worst_of(candidate, case, at) + worst_of(other, case, at)) for case in cases), start=Decimal(0)
    )
    most = min(worst, settings.REHEARSAL_BUDGET_USD)
    left = spending.left_of_month(at)
    return Quote(candidate, other, len(cases), repeats, 2 * repeats * len(cases), worst, most, left)


@transaction.atomic
def ask(candidate: PromptVersion, *, by: User | None, at: datetime, against: PromptVersion | None = None) -> Rehearsal:
    """One that is under way between the two is answered in place of a new one. Raises RehearsalRefused, also where this
    month's money is not enough."""
    PromptVersion.objects.select_for_update(no_key=True).get(pk=candidate.pk)  # of two clicks, the second finds it
    spending.hold_month()
    found = quote(candidate, against=against, at=at)
    both = {"candidate": candidate, "against": found.against}
    if there := Rehearsal.objects.filter(**both, status__in=Rehearsal.OPEN).first():
        return there
    if found.is_too_much:
        raise RehearsalRefused(_beyond_month(found))
    rehearsal = Rehearsal.objects.create(
        **both,
        agent=candidate.agent,
        repeats=found.repeats,
        promises=promising.of_agent(candidate.agent),
        budget_usd=min(settings.REHEARSAL_BUDGET_USD, found.left_usd),
        author=by,
        asked_at=at,
    )
    RehearsalAnswer.objects.bulk_create(_answers(rehearsal, _cases(candidate, found.against)))
    return rehearsal


def _beyond_month(found: Quote) -> str:
    month, left = settings.REHEARSAL_MONTH_USD, found.left_usd
    return (
        f"This rehearsal may cost ${found.most_usd:.2f}. Of the ${month:.2f} that all rehearsals of a month may cost, "
        f"${left:.2f} are neither spent nor kept for those under way. Wait until those are over or the next month "
        "begins (UTC), switch off some test cases, or raise GTM_REHEARSAL_MONTH_USD."
    )


def _answers(rehearsal: Rehearsal, cases: Sequence[GoldenCase]) -> Iterator[RehearsalAnswer]:
    """Some of the other version, then the same of the candidate, whose text is compared with them."""
    asked = [(case, repeat) for case in cases for repeat in range(1, rehearsal.repeats + 1)]
    for start in range(0, len(asked), AT_ONCE):
        for side in (RehearsalAnswer.Side.OLD, RehearsalAnswer.Side.NEW):
            for case, repeat in asked[start : start + AT_ONCE]:
                yield RehearsalAnswer(rehearsal=rehearsal, case=case, side=side, repeat=repeat)


def worst_of(version: PromptVersion, case: GoldenCase, at: datetime) -> Decimal:
    """US dollars that one answer cannot exceed; 0 offline. Raises RehearsalRefused where no price is known."""
    if llm.is_offline():
        return Decimal(0)
    material = json.dumps([case.config, case.facts, case.context], ensure_ascii=False)
    size = len(version.text.encode()) + len(material.encode()) + BEYOND
    asked_with = means.of(version, version.agent, case.config, Depth.STANDARD)
    worst = prices.load().worst(asked_with.model, size, asked_with.max_tokens, at.date())
    if worst is None:
        raise RehearsalRefused(f"No price of {asked_with.model} is known for today. Add one under Model prices.")
    return CALLS * worst


def _cases(candidate: PromptVersion, other: PromptVersion) -> list[GoldenCase]:
    if candidate.agent != other.agent:
        raise RehearsalRefused(f"{candidate} and {other} belong to different agents, so nothing can be compared.")
    if candidate.pk == other.pk:
        raise RehearsalRefused(
            f"{candidate} cannot be rehearsed beside itself. Open the version that should take its place."
        )
    cases = list(
        GoldenCase.objects.filter(agent=candidate.agent, is_active=True)
        .exclude(context={})
        .order_by("-pk")[:MOST_CASES]
    )
    if not cases:
        raise RehearsalRefused(
            f"{candidate.get_agent_display()} has no active test case. Open a finished step on a run's page and choose "
            "“Copy as test case”."
        )
    return cases
