"""The promises of a run held against an answer: those of its text while it is written, the others when it is there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents_app.contracts import Check
from agents_app.promises.kinds import KINDS, parameters_of
from agents_app.promises.said import Said

RUBRIC = "rubric"


@dataclass(frozen=True)
class Promise:
    """A contract as a run fixed it. `client_id` is None where it is everybody's."""

    name: str
    agent: str
    kind: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    must: bool = False
    weight: float = 1.0
    client_id: int | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Promise":
        return cls(**document)


def of_agent(documents: Iterable[Mapping[str, Any]], agent: str) -> tuple[Promise, ...]:
    """Those that a run fixed for one agent, in their order."""
    return tuple(Promise.of(each) for each in documents if each["agent"] == agent)


def about_text(promises: Iterable[Promise], said: Said) -> list[Check]:
    """Of what lies in the text alone, so that a replay comes to the same. An answer that says nothing but what is
    missing promises nothing."""
    return [_check(each, said) for each in promises if KINDS[each.kind].may_stop] if said.sentences else []


def measured(promises: Iterable[Promise], said: Said) -> list[Check]:
    """Of what lies beside the text: cost, time, likeness. Rubrics are not among them: a model is asked."""
    beside = [each for each in promises if not KINDS[each.kind].may_stop and each.kind != RUBRIC]
    return [_check(each, said) for each in beside] if said.sentences else []


def not_judged(promise: Promise, why: str) -> Check:
    return Check(
        promise.name, passed=True, detail=f"Not judged: {why}", must=promise.must, weight=promise.weight, judged=False
    )


def _check(promise: Promise, said: Said) -> Check:
    kind = KINDS[promise.kind]
    if kind.check is None:
        raise ValueError(f"{promise.kind} is judged by a model, not here.")
    verdict = kind.check(said, parameters_of(promise.kind, promise.parameters))
    if verdict.passed is None:
        return not_judged(promise, verdict.detail)
    return Check(promise.name, verdict.passed, verdict.detail, promise.must, promise.weight)
