"""Persona: what is on the desk of the person (or role) to write to, and the angle that follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from agents_app import confidence, contracts
from agents_app.agents import agent, playbook
from agents_app.confidence import Term
from agents_app.contracts import Check, Name, Sentence
from agents_app.prompts import Material

PERSONAS_OF_A_BRIEF = 3


@dataclass(frozen=True)
class Needs:
    company: agent.Company
    contact: agent.Person | None
    purpose: str
    config: agent.Config
    facts: list[agent.FactGiven]


class Angle(BaseModel):
    """Empty when nothing given leads to one."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(max_length=600)]
    rests_on: Annotated[list[Name], Field(max_length=12)]


class PersonaAnswer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Annotated[str, Field(max_length=160)]
    pains: Annotated[list[Sentence], Field(max_length=6)]
    angle: Angle
    missing: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=12)]


def contexts(known: Needs) -> list[dict[str, Any]]:
    """One question for a mail; for a brief one a department, so that its personas are different people."""
    title = known.contact["title"] if known.contact else ""
    if known.purpose == "deep_research":
        chosen = playbook.ranked(title, _signals(known))[:PERSONAS_OF_A_BRIEF]
        return [_context(known, [each], _if_theirs(known, each)) for each in chosen]
    own = [each for each in playbook.ranked(title, _signals(known)) if each.fits(title)]
    return [_context(known, own[:1] or playbook.ranked(title, _signals(known))[:3], known.contact)]


def check(answer: PersonaAnswer, material: Material) -> list[Check]:
    said = sentences(answer)
    return [*agent.grounded(said, material), contracts.no_placeholders(text(answer)), _role_given(answer, material)]


def terms(answer: PersonaAnswer, material: Material, checks: Sequence[Check]) -> agent.Terms:
    return [
        agent.start(),
        _person(material),
        agent.fact_strength(agent.cited(sentences(answer), material), weight=1.5),
        agent.kept_promises(checks, weight=1.0),
    ]


def text(answer: PersonaAnswer) -> str:
    return " ".join([answer.role, *(sentence.text for sentence in sentences(answer))])


def sentences(answer: PersonaAnswer) -> list[Sentence]:
    angle = [Sentence(text=answer.angle.text, rests_on=answer.angle.rests_on)] if answer.angle.text else []
    return [*answer.pains, *angle]


def _context(known: Needs, chosen: Sequence[playbook.Department], contact: object) -> dict[str, Any]:
    entries = [each.as_context() for each in chosen]
    return {"company": known.company, "contact": contact, "purpose": known.purpose, "playbook": entries}


def _if_theirs(known: Needs, department: playbook.Department) -> object:
    return known.contact if known.contact and department.fits(known.contact["title"]) else None


def _signals(known: Needs) -> str:
    """Everything that says which departments matter at this company and to this client."""
    overrides = known.config.get("prompt_overrides", {}).get("persona_agent", [])
    emphasis = str(known.config.get("custom_fields", {}).get("emphasis", ""))
    industry = [str(fact["value"]) for fact in known.facts if fact["attribute"] == "industry"]
    return " ".join([*(each["text"] for each in overrides), emphasis, str(known.config.get("industry", "")), *industry])


def _role_given(answer: PersonaAnswer, material: Material) -> Check:
    """The role is the contact's own title or one of the playbook's, not one that sounds well."""
    given = [title for entry in material.context["playbook"] for title in [*entry["titles"], entry["department"]]]
    given += [str((material.context["contact"] or {}).get("title", ""))]
    known = any(title and title.casefold() in answer.role.casefold() for title in given)
    return Check("role_given", known or not answer.role, f"“{answer.role}” among the titles given.", must=False)


def _person(material: Material) -> Term:
    """1 for a title that the playbook knows, 0.5 for another title or a role of its own, 0 for neither."""
    title = str((material.context["contact"] or {}).get("title", ""))
    if title and playbook.departments(title):
        return confidence.term("person", 1.0, 2.0, f"“{title}” is a title that the playbook knows.")
    if title:
        return confidence.term("person", 0.5, 2.0, f"“{title}” is not in the playbook; the nearest roles are used.")
    if len(material.context["playbook"]) == 1:
        return confidence.term("person", 0.5, 2.0, "A role, not yet a person.")
    return confidence.term("person", 0.0, 2.0, "The person's title is not known.")


AGENT = agent.Agent(
    key="persona_agent",
    schema=PersonaAnswer,
    contexts=contexts,
    check=check,
    terms=terms,
    text=text,
    sentences=sentences,
    needs=Needs,
    settings=(
        "client_name",
        "industry",
        "confidence_floor",
        "custom_fields.emphasis",
        "custom_fields.avoid_terms",
        "custom_fields.offer",
    ),
)
