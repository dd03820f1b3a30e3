"""Research: from the facts about a company, what is worth knowing, and what is missing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from agents_app import confidence, contracts
from agents_app.agents import agent
from agents_app.confidence import Term
from agents_app.contracts import Check, Sentence
from agents_app.prompts import Material

WANTED = {
    "deep_research": (
        "industry", "headcount", "founded_year", "location", "funding_total_usd", "last_funding_stage", "news",
    ),
    "outreach": ("industry", "headcount", "news"),
}  # fmt: skip


@dataclass(frozen=True)
class Needs:
    """`facts` is empty when the step begins: it goes and gets them. `required` are the attributes that are wanted, and
    where it is empty, those of the purpose."""

    company: agent.Company
    purpose: str
    config: agent.Config
    required: list[str] = field(default_factory=list)
    facts: list[agent.FactGiven] = field(default_factory=list)


class ResearchAnswer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    summary: Annotated[list[Sentence], Field(max_length=10)]
    missing: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=12)]


def wanted(purpose: str, *more: Iterable[str]) -> tuple[str, ...]:
    """The attributes that a request of this purpose needs, then those that others ask for, each once."""
    return tuple(dict.fromkeys(chain(WANTED.get(purpose, WANTED["outreach"]), *more)))


def contexts(known: Needs) -> list[dict[str, Any]]:
    required = known.required or list(wanted(known.purpose))
    return [{"company": known.company, "purpose": known.purpose, "required": required}]


def check(answer: ResearchAnswer, material: Material) -> list[Check]:
    return [
        *agent.grounded(answer.summary, material),
        contracts.no_placeholders(text(answer)),
        _gaps_named(answer, material),
    ]


def text(answer: ResearchAnswer) -> str:
    return " ".join(sentence.text for sentence in answer.summary)


def terms(answer: ResearchAnswer, material: Material, checks: Sequence[Check]) -> agent.Terms:
    return [
        agent.start(),
        _coverage(material),
        agent.fact_strength(_best(material), weight=1.5),
        agent.kept_promises(checks, weight=1.0),
    ]


def _gaps_named(answer: ResearchAnswer, material: Material) -> Check:
    silent = [name for name in _gaps(material) if not any(name in missing for missing in answer.missing)]
    detail = f"Not found and not said to be missing: {', '.join(silent)}." if silent else "Every gap is named."
    return Check("gaps_named", not silent, detail, must=False)


def _coverage(material: Material) -> Term:
    required, gaps = material.context["required"], _gaps(material)
    found = len(required) - len(gaps)
    why = f"{found} of {len(required)} wanted attributes found" + (f"; missing: {', '.join(gaps)}." if gaps else ".")
    return confidence.term("coverage", round(found / len(required), 4), 2.5, why)


def _gaps(material: Material) -> list[str]:
    known = {fact["attribute"] for fact in material.facts}
    return [name for name in material.context["required"] if name not in known]


def _best(material: Material) -> list[Any]:
    """The surest fact of each wanted attribute."""
    best: dict[str, Any] = {}
    for fact in sorted(material.facts, key=lambda fact: float(fact["confidence"])):
        if fact["attribute"] in material.context["required"]:
            best[fact["attribute"]] = fact
    return list(best.values())


AGENT = agent.Agent(
    key="research_agent",
    schema=ResearchAnswer,
    contexts=contexts,
    check=check,
    terms=terms,
    text=text,
    sentences=lambda answer: answer.summary,
    needs=Needs,
    settings=("client_name", "industry", "confidence_floor", "custom_fields.emphasis", "custom_fields.avoid_terms"),
)
