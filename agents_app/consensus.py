"""Several independent answers → one, with the dissent kept. Pure; bounded: nobody argues, everybody votes once.

A vote weighs the log-odds of its voter's reliability, in nats: the weights under which a majority of independent
voters errs least (Nitzan & Paroush 1982, International Economic Review 23:289). That is for two options; for more of
them a voter is measured against blind choice among all (Ben-Yashar & Paroush 2001, Social Choice and Welfare 18:737).
Voting gives most of what debate gives, and more talk before a vote makes it worse (arXiv 2508.17536, 2502.19130): so
answers are made apart, checks come first, and one revision with the objections is all.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agents_app.confidence import log_odds

SURELY_WRONG, SURELY_RIGHT = 0.05, 0.95  # nobody is known better than that; one voter shall not outvote all others
CLOSE = 1 / 3  # below it the winner of two is wrong in more than a third of the cases: worth a person's minute
MOST_OBJECTIONS = 8
PRIOR_AGREED, PRIOR_SEEN = 6, 10  # see `reliability`
PLACES = 9  # of weights, so that a voter as good as blind choice weighs nothing, not 1e-17
UNSURE = 1e-10  # nats: less than any true lead, more than a sum of floats errs


class VoteImpossible(ValueError):
    """No election can be held on this: no option, an option twice, a choice that is none, counts that cannot be."""


@dataclass(frozen=True)
class Vote:
    """`reliability`: how often the voter is right, 0 to 1; `options`: among how many. The empty `choice` abstains."""

    voter: str
    choice: str
    reliability: float
    why: str
    options: int = 2

    @property
    def weight(self) -> float:
        """Nats, see `weight`."""
        return weight(self.reliability, self.options)

    def document(self) -> dict[str, Any]:
        said = {"voter": self.voter, "choice": self.choice, "why": self.why}
        return said | {"reliability": round(self.reliability, 4), "weight": round(self.weight, 4)}


@dataclass(frozen=True)
class Voter:
    """`ask` answers (choice, why); it may be slow or cost money, and is called once at most."""

    name: str
    reliability: float
    ask: Callable[[], tuple[str, str]]


@dataclass(frozen=True)
class Claim:
    """One value of the attribute in question. Claims of one `group` copy from each other; "": the source alone.

    Values are equal when their texts are; whoever asks makes “1,240” and “1240” one.
    """

    value: str
    source: str
    reliability: float
    group: str = ""
    why: str = ""


class CheckLike(Protocol):
    """A promise of `contracts` on one answer; `must` decides, the others are advice."""

    @property
    def passed(self) -> bool: ...

    @property
    def detail(self) -> str: ...

    @property
    def must(self) -> bool: ...


@dataclass(frozen=True)
class Election:
    """`totals` {option: nats}, in the order of the options; `not_asked` are voters who could change nothing any more.

    `margin`, 0 to 1: the probability that the winner is right less that of the second, by the votes that were cast. An
    option's probability is its share of the sum of e^total over all options (Bayes' rule, all alike beforehand). Of two
    options the winner is wrong with probability (1 - margin) / 2. A tie has 0, and the first option in order wins; a
    single option has 1.
    """

    winner: str
    margin: float
    totals: Mapping[str, float]
    votes: tuple[Vote, ...]
    not_asked: tuple[str, ...] = ()

    @property
    def is_close(self) -> bool:
        """A person decides."""
        return self.margin < CLOSE

    @property
    def dissent(self) -> tuple[Vote, ...]:
        """The votes for others than the winner, with their why."""
        return tuple(vote for vote in self.votes if vote.choice not in ("", self.winner))

    def document(self) -> dict[str, Any]:
        """JSON-ready, numbers to four places."""
        return {
            "winner": self.winner,
            "margin": round(self.margin, 4),
            "is_close": self.is_close,
            "totals": [{"option": option, "total": round(total, 4)} for option, total in self.totals.items()],
            "votes": [vote.document() for vote in self.votes],
            "dissent": [vote.document() for vote in self.dissent],
            "not_asked": list(self.not_asked),
        }


def elect(options: Sequence[str], voters: Iterable[Voter]) -> Election:
    """Asks one voter after the other, the heaviest first, until the votes to come cannot change the winner.

    Equally heavy ones in the order given. What a voter raises goes through. Raises VoteImpossible.
    """
    _check_options(options)
    left = sorted(voters, key=lambda voter: -abs(weight(voter.reliability, len(options))))
    votes: list[Vote] = []
    while left and not _is_settled(options, votes, left):
        voter = left.pop(0)
        choice, why = voter.ask()
        votes.append(Vote(voter.name, choice, voter.reliability, why, len(options)))
        _check_choice(votes[-1], options)
    return _counted(options, votes, [voter.name for voter in left])


def values(claims: Sequence[Claim], *, among: int = 2) -> Election:
    """Which of several values of one attribute holds. All votes are counted: they cost nothing, and all are shown.

    `among`: how many values are possible, where that is more than are claimed; a voter is measured against blind choice
    among all of them. A group votes once, for its most reliable claim (of equals the first); the rest of it stands in
    the vote's why. Options in the order of the claims; a value that no group votes for is none. Raises VoteImpossible.
    """
    groups: dict[str, list[Claim]] = {}
    for claim in claims:
        groups.setdefault(claim.group or claim.source, []).append(claim)
    chosen = [_spokesman(group) for group in groups.values()]
    options = [value for value in dict.fromkeys(claim.value for claim in claims) if value in {c.value for c in chosen}]
    _check_options(options)
    votes = [
        Vote(best.source, best.value, best.reliability, _why(best, group), max(among, len(options)))
        for best, group in zip(chosen, groups.values(), strict=True)
    ]
    return _counted(options, votes, [])


def weight(reliability: float, options: int = 2) -> float:
    """Nats: the log-odds of the reliability, cut to 5 % and 95 %, plus log(options - 1).

    A voter who is right as often as blind choice weighs nothing (between two options: half of the time), a worse one
    counts against its choice. Without the second part three voters who are right in 45 of 100 cases among three
    options would make their common choice lose, though it is right in two cases of three.
    """
    if not 0 <= reliability <= 1:
        raise VoteImpossible(f"A reliability of {reliability} cannot be: it is a share of answers, from 0 to 1.")
    nats = log_odds(min(SURELY_RIGHT, max(SURELY_WRONG, reliability))) + math.log(max(options, 2) - 1)
    return round(nats, PLACES)


def reliability(agreed: int, seen: int) -> float:
    """How often a voter is right, from `seen` decisions of people, `agreed` of which were the voter's choice.

    The posterior mean under a Beta(6, 4) prior: as if each voter had been right in six of ten cases before. Between two
    options a new one then weighs 0.41 nats, little but not nothing (from a prior of one half no vote would count until
    decisions came in). It takes three disagreements in a row to turn its votes around, not one; after ten decisions
    the evidence counts as much as the prior.
    """
    if not 0 <= agreed <= seen:
        raise VoteImpossible(f"{agreed} agreements in {seen} decisions cannot be: count both from the same decisions.")
    return (PRIOR_AGREED + agreed) / (PRIOR_SEEN + seen)


def objections(proposals: Iterable[Iterable[CheckLike]]) -> list[str]:
    """What the one revision has to mend: broken promises that decide, each once, those of most proposals first.

    At most 8, which is more than one revision mends.
    """
    broken = ({check.detail: None for check in checks if check.must and not check.passed} for checks in proposals)
    counted = Counter(detail for details in broken for detail in details)
    return [detail for detail, _ in counted.most_common(MOST_OBJECTIONS)]


def _spokesman(group: Sequence[Claim]) -> Claim:
    return max(group, key=lambda claim: claim.reliability)


def _why(best: Claim, group: Sequence[Claim]) -> str:
    others = [claim for claim in group if claim is not best]
    said = [best.why, *(f"{claim.source} says {claim.value} and is counted with it." for claim in others)]
    return " ".join(filter(None, said))


def _is_settled(options: Sequence[str], votes: Iterable[Vote], left: Iterable[Voter]) -> bool:
    """A vote to come takes its weight at most from the lead: for a rival, or for the leader where it counts against."""
    to_come = math.fsum(abs(weight(voter.reliability, len(options))) for voter in left)
    first, second = _two_best(_totals(options, votes).values())
    return to_come == 0 or first - second > to_come + UNSURE


def _counted(options: Sequence[str], votes: Sequence[Vote], not_asked: Sequence[str]) -> Election:
    totals = _totals(options, votes)
    winner = max(options, key=lambda option: totals[option])  # of equals the first
    return Election(winner, _margin(totals.values()), totals, tuple(votes), tuple(not_asked))


def _totals(options: Sequence[str], votes: Iterable[Vote]) -> dict[str, float]:
    """Exact sums, rounded once (fsum): the order of the votes can make no difference."""
    cast = list(votes)
    return {option: math.fsum(vote.weight for vote in cast if vote.choice == option) for option in options}


def _margin(totals: Collection[float]) -> float:
    first, second = _two_best(totals)
    return (1 - math.exp(second - first)) / math.fsum(math.exp(total - first) for total in totals)


def _two_best(totals: Collection[float]) -> tuple[float, float]:
    """The second of one is beyond reach."""
    first, second = sorted([*totals, -math.inf], reverse=True)[:2]
    return first, second


def _check_options(options: Collection[str]) -> None:
    if not options:
        raise VoteImpossible("There is nothing to choose from. Hold a vote over one option or more.")
    if len(set(options)) < len(options) or "" in options:
        raise VoteImpossible(f"Options need names of their own: {', '.join(options)}. Name each once; none is empty.")


def _check_choice(vote: Vote, options: Collection[str]) -> None:
    if vote.choice not in ("", *options):
        names = ", ".join(options)
        raise VoteImpossible(f"{vote.voter} chose “{vote.choice}”, which is no option. Choose one of: {names}.")
