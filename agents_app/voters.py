"""Who votes on several proposals of one text that all keep their promises. Pure.

Each voter looks at one thing that can be checked, names its choice and says why. How much its vote weighs is how often
it was right: whether people approved as it stood what it chose (`flow/reliability.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import BaseModel

from agents_app import consensus, contracts
from agents_app.confidence import Term, confidence
from agents_app.consensus import Voter
from agents_app.contracts import Check
from agents_app.prompts import Material

STARTING = consensus.reliability(0, 0)  # before people have decided on anything that it voted on


@dataclass(frozen=True)
class Candidate:
    """A proposal as voters see it: its words, the facts it cites with their confidence, what it broke, how sure."""

    text: str
    cited: Mapping[str, float]
    broken: int
    sure: float
    angle: str

    @classmethod
    def of(cls, answer: BaseModel, material: Material, checks: Sequence[Check], terms: Sequence[Term]) -> "Candidate":
        sure = {str(fact["key"]): float(fact["confidence"]) for fact in material.facts}
        sentences = getattr(answer, "sentences", None) or getattr(answer, "summary", None) or []
        names = {name for sentence in sentences for name in sentence.rests_on}
        persona = material.context.get("persona") or {}
        return cls(
            text=" ".join(sentence.text for sentence in sentences),
            cited={name: sure[name] for name in sorted(names) if name in sure},
            broken=sum(not check.passed for check in checks),
            sure=confidence(terms),
            angle=str((persona.get("angle") or {}).get("text", "")),
        )


Candidates = Mapping[str, Candidate]


def of(candidates: Candidates, reliabilities: Mapping[str, float]) -> list[Voter]:
    return [Voter(name, reliabilities.get(name, STARTING), partial(vote, candidates)) for name, vote in VOTES.items()]


def _facts(candidates: Candidates) -> tuple[str, str]:
    """The facts that it cites, added up by how sure each is."""
    best = _best(candidates, lambda each: sum(each.cited.values()))
    cited = candidates[best].cited
    facts = "1 fact" if len(cited) == 1 else f"{len(cited)} facts"
    return best, f"It cites {facts}, {sum(cited.values()):.2f} sure in all."


def _promises(candidates: Candidates) -> tuple[str, str]:
    best = _best(candidates, lambda each: -each.broken)
    return best, f"{candidates[best].broken} of its lesser promises are broken."


def _brevity(candidates: Candidates) -> tuple[str, str]:
    best = _best(candidates, lambda each: -contracts.words(each.text))
    return best, f"It says it in {contracts.words(candidates[best].text)} words."


def _angle(candidates: Candidates) -> tuple[str, str]:
    """Whether it speaks of what the persona found on the reader's desk."""
    best = _best(candidates, lambda each: contracts.overlap(each.angle, each.text))
    share = contracts.overlap(candidates[best].angle, candidates[best].text)
    return best, f"It takes up {share:.0%} of the angle's words."


def _confidence(candidates: Candidates) -> tuple[str, str]:
    best = _best(candidates, lambda each: each.sure)
    return best, f"Its own evidence makes it {candidates[best].sure:.0%} sure."


def _best(candidates: Candidates, worth: Callable[[Candidate], float]) -> str:
    return max(candidates, key=lambda name: (worth(candidates[name]), -list(candidates).index(name)))


VOTES: Mapping[str, Callable[[Candidates], tuple[str, str]]] = {
    "facts": _facts,
    "promises": _promises,
    "angle": _angle,
    "confidence": _confidence,
    "brevity": _brevity,
}
