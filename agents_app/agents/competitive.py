"""Competitive: the company beside others of its industry that this client's earlier runs know."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from agents_app import confidence, contracts
from agents_app.agents import agent
from agents_app.confidence import Term
from agents_app.contracts import Check, Sentence
from agents_app.prompts import Material

ENOUGH_PEERS = 3  # with fewer, a comparison says little


@dataclass(frozen=True)
class Needs:
    """`peers` are companies of the same industry that this client's earlier runs know."""

    company: agent.Company
    config: agent.Config
    facts: list[agent.FactGiven]
    peers: list[agent.Peer]


class CompetitiveAnswer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    comparisons: Annotated[list[Sentence], Field(max_length=6)]
    positioning: Annotated[list[Sentence], Field(max_length=6)]
    missing: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=12)]


def contexts(known: Needs) -> list[dict[str, Any]]:
    return [{"company": known.company, "peers": list(known.peers)}]


def check(answer: CompetitiveAnswer, material: Material) -> list[Check]:
    said = sentences(answer)
    return [*agent.grounded(said, material), contracts.no_placeholders(text(answer)), _names_peers(answer, material)]


def terms(answer: CompetitiveAnswer, material: Material, checks: Sequence[Check]) -> agent.Terms:
    facts = agent.cited(sentences(answer), material)
    return [
        agent.start(),
        _peers(material),
        agent.fact_strength(facts, weight=1.0),
        agent.kept_promises(checks, weight=1.0),
    ]


def sentences(answer: CompetitiveAnswer) -> list[Sentence]:
    return [*answer.comparisons, *answer.positioning]


def text(answer: CompetitiveAnswer) -> str:
    return " ".join(sentence.text for sentence in sentences(answer))


def _names_peers(answer: CompetitiveAnswer, material: Material) -> Check:
    keys = {str(peer["key"]) for peer in material.context["peers"]}
    alone = [each.text for each in answer.comparisons if not keys & set(each.rests_on)]
    detail = f"Compares with nobody: “{alone[0]}”." if alone else "Every comparison names whom it compares with."
    return Check("names_peers", not alone, detail, must=False)


def _peers(material: Material) -> Term:
    count = len(material.context["peers"])
    why = f"{count} companies of the same industry are known; {ENOUGH_PEERS} make a comparison."
    return confidence.term("peers", round(min(count / ENOUGH_PEERS, 1.0), 4), 3.0, why)


AGENT = agent.Agent(
    key="competitive_agent",
    schema=CompetitiveAnswer,
    contexts=contexts,
    check=check,
    terms=terms,
    text=text,
    sentences=sentences,
    needs=Needs,
    settings=("client_name", "industry", "confidence_floor", "custom_fields.emphasis", "custom_fields.avoid_terms"),
)
