"""What a sentence rests on, in words for a person. Pure: plain values in, plain values out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents_app import contracts
from agents_app.prompts import Material

PLACES = {"config": "Setting", "context": "Given"}
EMPTIED = "emptied"  # the key of what a step was given whose words were removed (retention.py)
GONE = "no longer kept with the step"
READING_ORDER = ("subject", "greeting", "sentences", "closing", "role", "angle", "pains", "summary", "missing")


@dataclass(frozen=True)
class Source:
    """One name of `rests_on`, explained. `is_known` is False where the agent was given nothing of that name."""

    name: str
    label: str
    value: str
    detail: str = ""
    fact_id: int | None = None
    is_known: bool = True


@dataclass(frozen=True)
class Explained:
    text: str
    sources: list[Source]


def explain(sentences: Iterable[Mapping[str, Any]], material: Material) -> list[Explained]:
    """`sentences` is [{"text", "rests_on"}]; `material` is what the step that wrote them was given."""
    facts = {str(fact["key"]): fact for fact in material.facts}
    return [
        Explained(str(each["text"]), [source_of(name, facts, material) for name in each.get("rests_on", [])])
        for each in sentences
    ]


def source_of(name: str, facts: Mapping[str, Mapping[str, Any]], material: Material) -> Source:
    if name in facts:
        return _fact(name, facts[name])
    given = contracts.resolve(name, material)
    root, _, path = name.partition(".")
    label = f"{PLACES[root]}: {_words(path)}" if root in PLACES else _words(name)
    if given is None and is_emptied(material.context):
        return Source(name, label, "", GONE)
    if given is None:
        return Source(name, label, "nothing of this name was given", is_known=False)
    return Source(name, label, _said(given))


def materials(step_input: Mapping[str, Any], config: Mapping[str, Any]) -> list[Material]:
    """What a step was given, one a question; a step that was asked several questions has a list of contexts."""
    contexts = step_input.get("context") or ({EMPTIED: True} if is_emptied(step_input) else {})
    facts: Sequence[Mapping[str, Any]] = step_input.get("facts") or []
    return [Material(config, facts, each) for each in (contexts if isinstance(contexts, list) else [contexts])]


def is_emptied(given: Mapping[str, Any]) -> bool:
    """Whether only what a decision rests on is left of it, without its words."""
    return EMPTIED in given


def _fact(name: str, fact: Mapping[str, Any]) -> Source:
    sure = f"{float(fact['confidence']):.0%} sure" if fact.get("confidence") is not None else ""
    origin = f"from {_words(str(fact['source']))}" if fact.get("source") else ""
    as_of = f"as of {fact['as_of']}" if fact.get("as_of") else ""
    detail = ", ".join(part for part in (sure, origin, as_of) if part)
    value = str(fact.get("value", GONE))
    return Source(name, f"Fact: {_words(str(fact['attribute']))}", value, detail, fact.get("fact_id"))


def _said(given: object) -> str:
    """The words of a value; of a sentence or a mail its text or subject."""
    if isinstance(given, Mapping):
        given = next((given[key] for key in ("text", "value", "name", "subject") if given.get(key)), "")
    if isinstance(given, Sequence) and not isinstance(given, str):
        return "; ".join(_said(each) for each in given)
    return str(given)


def _words(path: str) -> str:
    """`custom_fields.proof_points.0` → "proof points 1": people count from one."""
    parts = path.removeprefix("custom_fields.").replace("_", " ").split(".")
    return " ".join(str(int(part) + 1) if part.isdigit() else part for part in parts)


@dataclass(frozen=True)
class Part:
    """One field of an answer: sentences with their sources, or plain words."""

    name: str
    sentences: list[Explained]
    words: list[str]


def answers(output: Mapping[str, Any] | None, given: Sequence[Material]) -> list[list[Part]]:
    """A step's output for reading, one list a question it was asked; fields that are empty are left out."""
    if not output:
        return []
    found = output.get("answers") or [output]
    return [_parts(answer, given[min(at, len(given) - 1)]) for at, answer in enumerate(found)]


def place(name: str) -> int:
    """Of an answer's field, as one reads it; what is not known comes last."""
    return READING_ORDER.index(name) if name in READING_ORDER else len(READING_ORDER)


def _parts(answer: Mapping[str, Any], material: Material) -> list[Part]:
    parts = [_part(name, answer[name], material) for name in sorted(answer, key=place)]
    return [part for part in parts if part.sentences or part.words]


def _part(name: str, value: object, material: Material) -> Part:
    values = value if isinstance(value, list) else [value]
    sentences = [each for each in values if isinstance(each, Mapping) and each.get("text")]
    plain = [str(each) for each in values if each and not isinstance(each, Mapping)]
    return Part(_words(name).capitalize(), explain(sentences, material), plain)
