"""E-mail: one message that a person could send as it stands, each sentence resting on something given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from agents_app import confidence, contracts
from agents_app.agents import agent
from agents_app.confidence import Term
from agents_app.contracts import Check, Sentence
from agents_app.prompts import Material

WRITTEN_WITH = (
    "emphasis", "avoid_terms", "offer", "proof_points", "call_to_action", "sender_name", "sender_title", "max_words",
)  # fmt: skip


@dataclass(frozen=True)
class Needs:
    """`hints` are sentences on what worked for other clients."""

    company: agent.Company
    contact: agent.Person | None
    purpose: str
    sequence_step: int
    goal: str
    config: agent.Config
    facts: list[agent.FactGiven]
    persona: agent.PersonaGiven | None
    previous: agent.MailBefore | None
    hints: list[str]


class Line(Sentence):
    paragraph: Annotated[int, Field(ge=0, le=12)]


class EmailAnswer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    subject: Annotated[str, Field(max_length=200)]
    greeting: Annotated[str, Field(max_length=260)]
    sentences: Annotated[list[Line], Field(max_length=14)]
    closing: Annotated[str, Field(max_length=240)]
    missing: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=12)]


def contexts(known: Needs) -> list[dict[str, Any]]:
    return [
        {
            "company": known.company,
            "contact": known.contact,
            "purpose": known.purpose,
            "sequence_step": known.sequence_step,
            "goal": known.goal,
            "persona": known.persona,
            "previous": known.previous,
            "hints": known.hints,
        }
    ]


def body(answer: EmailAnswer) -> str:
    """The message as it would be read: greeting, paragraphs, closing."""
    paragraphs: dict[int, list[str]] = {}
    for line in answer.sentences:
        paragraphs.setdefault(line.paragraph, []).append(line.text.strip())
    texts = [" ".join(paragraphs[number]) for number in sorted(paragraphs)]
    return "\n\n".join(part for part in [answer.greeting.strip(), *texts, answer.closing.strip()] if part)


def check(answer: EmailAnswer, material: Material) -> list[Check]:
    """An answer that says what is missing instead of writing keeps its promises by that."""
    if not answer.sentences:
        named = Check(
            "says_what_is_missing", bool(answer.missing), "; ".join(answer.missing) or "It says nothing at all."
        )
        return [named]
    text = body(answer)
    whole = f"{answer.subject}\n{text}"
    return [
        *agent.grounded(answer.sentences, material),
        _bare_lines_state_nothing(answer, material),
        contracts.no_avoided_words(whole, material),
        contracts.no_placeholders(whole),
        contracts.no_strange_addresses(whole, material),
        contracts.greets_the_contact(answer.greeting, material),
        contracts.short_enough(text, int(material.config["custom_fields"]["max_words"])),
        _subject_is_a_line(answer.subject),
    ]


def terms(answer: EmailAnswer, material: Material, checks: Sequence[Check]) -> agent.Terms:
    return [
        agent.start(),
        agent.fact_strength(agent.cited(answer.sentences, material), weight=2.0),
        _person(material),
        agent.kept_promises(checks, weight=1.5),
    ]


def _bare_lines_state_nothing(answer: EmailAnswer, material: Material) -> Check:
    """A line that rests on nothing may be polite; a figure or the company's name makes it a claim."""
    name = str(material.context["company"]["name"]).casefold()
    bare = [line.text for line in answer.sentences if not line.rests_on]
    claims = [text for text in bare if any(map(str.isdigit, text)) or (name and name in text.casefold())]
    detail = f"Claims something and rests on nothing: “{claims[0]}”." if claims else "No claim stands without a source."
    return Check("claims_have_sources", not claims, detail)


def _subject_is_a_line(subject: str) -> Check:
    """A line break in a subject would begin another header of the e-mail."""
    fits = "\n" not in subject and "\r" not in subject
    detail = "The subject is one line." if fits else "The subject has a line break."
    return Check("subject_is_a_line", fits, detail)


def _person(material: Material) -> Term:
    contact, persona = material.context["contact"] or {}, material.context["persona"] or {}
    parts = {
        "a first name": contact.get("first_name") or contact.get("full_name"),
        "a title": contact.get("title"),
        "an angle": (persona.get("angle") or {}).get("text"),
    }
    known = [name for name, value in parts.items() if value]
    why = f"Known of the person: {', '.join(known)}." if known else "Neither name, title nor angle is known."
    return confidence.term("person", round(len(known) / len(parts), 4), 1.5, why)


AGENT = agent.Agent(
    key="email_agent",
    schema=EmailAnswer,
    contexts=contexts,
    check=check,
    terms=terms,
    text=body,
    sentences=lambda answer: answer.sentences,
    needs=Needs,
    settings=(
        "client_name",
        "industry",
        "tone",
        "confidence_floor",
        "call_to_action_style",
        *(f"custom_fields.{name}" for name in WRITTEN_WITH),
    ),
)
