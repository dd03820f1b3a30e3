"""What every agent is: what it is asked, how its answer is shaped and checked, and what its confidence rests on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from typing import (
    Any,
    NotRequired,  # pydantic reads typing's own only from Python 3.12 on
)

from pydantic import BaseModel, ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from agents_app import confidence, contracts
from agents_app.confidence import Term
from agents_app.contracts import Check
from agents_app.prompts import Material

Terms = list[Term]
Config = dict[str, Any]  # the settings that the agent declares, in the shape of the effective document
CLOSED = with_config(ConfigDict(extra="forbid"))


@CLOSED
class Company(TypedDict):
    domain: str
    name: str


@CLOSED
class Person(TypedDict):
    first_name: str
    last_name: str
    full_name: str
    title: str


@CLOSED
class FactGiven(TypedDict):
    """`as_of` is an ISO date or empty; `fact_id` the row's, once it has one."""

    key: str
    attribute: str
    value: str
    confidence: float
    source: str
    as_of: str
    fact_id: NotRequired[int | None]


@CLOSED
class SaidGiven(TypedDict):
    text: str
    rests_on: list[str]


@CLOSED
class PersonaGiven(TypedDict):
    role: str
    pains: list[SaidGiven]
    angle: SaidGiven


@CLOSED
class MailBefore(TypedDict):
    """`sent_on` is an ISO date."""

    subject: str
    sent_on: str


@CLOSED
class Peer(TypedDict):
    key: str
    name: str
    domain: str
    industry: str
    headcount: str
    funding_total_usd: str


@dataclass(frozen=True)
class Agent:
    """`needs` is a dataclass: its fields are the parts of what a run knows that the agent is given, and no others;
    `settings` are dotted paths of the client's settings. `contexts` makes one context a question; most agents ask one.
    `text` is an answer as a person reads it, `sentences` what it claims.
    """

    key: str
    schema: type[BaseModel]
    needs: type[Any]
    settings: tuple[str, ...]
    contexts: Callable[[Any], list[dict[str, Any]]]
    check: Callable[[Any, Material], list[Check]]
    terms: Callable[[Any, Material, Sequence[Check]], Terms]
    text: Callable[[Any], str]
    sentences: Callable[[Any], Sequence[contracts.Sentence]]
    max_tokens: int = 2000

    def needed(self) -> tuple[str, ...]:
        return tuple(field.name for field in fields(self.needs))

    def given(self, parts: Mapping[str, Any]) -> Any:  # noqa: ANN401 each agent has a type of its own
        """The agent's needs, checked; a part that has a usual value may be left out. Raises pydantic's ValidationError
        where a part has another shape, KeyError where one is missing."""
        usual = {each.name for each in fields(self.needs) if each.default_factory is not MISSING}
        names = [name for name in self.needed() if name in parts or name not in usual]
        return self._adapter.validate_python({name: parts[name] for name in names})

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.needs)


def chosen(config: Mapping[str, Any], paths: Sequence[str], agent: str) -> Config:
    """The part of the effective document that these dotted paths name, with what the agency's own settings tell this
    agent, and with the agent's own prompt overrides."""
    document: Config = {"prompt_overrides": {}}
    for path in (*paths, *config.get("told", {}).get(agent, ())):
        *parents, name = path.split(".")
        source: Any = config
        target = document
        for parent in parents:
            source, target = source.get(parent, {}), target.setdefault(parent, {})
        if name in source:
            target[name] = source[name]
    if agent in config.get("prompt_overrides", {}):
        document["prompt_overrides"][agent] = config["prompt_overrides"][agent]
    return document


def start() -> Term:
    """Where every answer begins: odds of about one in eight, before any evidence."""
    return confidence.term("start", 1.0, -2.0, "Before any evidence.")


def fact_strength(facts: Sequence[Mapping[str, Any]], weight: float) -> Term:
    """The mean confidence of these facts, in which the agreement of their sources is already counted."""
    mean = sum(float(fact["confidence"]) for fact in facts) / len(facts) if facts else 0.0
    counted = "1 fact" if len(facts) == 1 else f"{len(facts)} facts"
    why = f"{counted}, {mean:.2f} sure on average." if facts else "It rests on no fact."
    return confidence.term("facts", round(mean, 4), weight, why)


def kept_promises(checks: Sequence[Check], weight: float) -> Term:
    """The share of the checks that passed, each as much as it weighs; those that nobody could judge do not count."""
    judged = [check for check in checks if check.judged]
    failed = [check for check in judged if not check.passed]
    whole = sum(check.weight for check in judged)
    share = 1 - sum(check.weight for check in failed) / whole if whole else 0.0
    names = ", ".join(check.check for check in failed)
    why = f"Broken: {names}." if failed else f"All {len(judged)} checks passed."
    return confidence.term("checks", round(share, 4), weight, why)


def cited(sentences: Sequence[contracts.Sentence], material: Material) -> list[Mapping[str, Any]]:
    """The facts these sentences rest on."""
    names = {name for sentence in sentences for name in sentence.rests_on}
    return [fact for fact in material.facts if fact["key"] in names]


def grounded(sentences: Sequence[contracts.Sentence], material: Material) -> list[Check]:
    """The two checks of every answer: what is said rests on something given, and says it."""
    return [contracts.rests_on_known(sentences, material), contracts.cited_values_stand(sentences, material)]
