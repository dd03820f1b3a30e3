"""Promises that an answer must keep, each a small check with words a person can act on.

A check that says `must` decides: an e-mail that breaks it never becomes a draft. The others are shown beside the draft.
What stands here guards safety and is always on; what people may choose are contracts (`agents_app/promises/`).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from agents_app.prompts import Material
from clients import wording

ENGLISH = frozenset(
    re.findall(
        r"\w+",
        "a about an and are as at be by can for from have how if in into is it its more not of on one or our so than "
        "that the their them there they this to we what when which who will with would you your",
    )
)
PLACEHOLDERS = re.compile(
    r"\{\{|\}\}|\{[a-z_ ]{2,30}\}|\[[a-z][^\]\n]{0,40}\]|<[a-z][a-z_ ]{1,30}>|\blorem ipsum\b|\bTBD\b|\bXXX+\b"
    r"|\b(?:hi|hello|dear)\s+(?:none|null|undefined|nan)\b|\b(?:hi|hello|dear)\s+,",
    re.IGNORECASE,
)
ADDRESS = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\b(?:https?://|www\.|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}/)[^\s<>()\[\]\"']+",
    re.IGNORECASE,
)
COURTESY = frozenset({"afternoon", "all", "day", "evening", "everyone", "madam", "morning", "sir", "team", "there"})
NUMBER = re.compile(r"(\d[\d,]*(?:\.\d+)?)\s*(thousand|million|billion|k|mn|m|bn|b)?(?![\w])", re.IGNORECASE)
SIZE = re.compile(r"(?:[\d\s,.+$€£\u2013-]|thousand|million|billion|k|mn|m|bn|b)*\d[\w\s,.+]*", re.IGNORECASE)
SCALE = {"k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9}
WORD = re.compile(r"[^\W\d_]+")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

Name = Annotated[str, Field(min_length=1, max_length=120)]


class Sentence(BaseModel):
    """One sentence with the names of what it rests on: fact, peer or playbook keys, or config and context paths."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Annotated[str, Field(min_length=1, max_length=600)]
    rests_on: Annotated[list[Name], Field(max_length=12)]


@dataclass(frozen=True)
class Check:
    """`weight` is how much it counts among the promises of an answer. One that nobody could judge (`judged`) counts
    neither as kept nor as broken; `passed` is True then."""

    check: str
    passed: bool
    detail: str
    must: bool = True
    weight: float = 1.0
    judged: bool = True


# --- what sentences rest on


def resolve(name: str, material: Material) -> object:
    """What a name in `rests_on` stands for; None when nothing of that name was given to the agent."""
    if name in _keyed(material):
        return _keyed(material)[name]
    root, _, path = name.partition(".")
    if root == "config":
        return _walk(material.config, path)
    if root == "context":
        return _walk(material.context, path)
    return name if name in _inherited(material) else None


def rests_on_known(sentences: Iterable[Sentence], material: Material) -> Check:
    unknown = sorted({name for each in sentences for name in each.rests_on if resolve(name, material) is None})
    detail = f"Nothing of this name was given: {', '.join(unknown)}." if unknown else "Every name exists."
    return Check("rests_on_known", not unknown, detail)


def cited_values_stand(sentences: Iterable[Sentence], material: Material) -> Check:
    absent = [f"{name} says “{value}”" for each in sentences for name, value in _unsaid(each, material)]
    detail = f"Cited but not said in the sentence: {'; '.join(absent[:5])}." if absent else "Every cited value is said."
    return Check("cited_values_stand", not absent, detail)


def sound(sentence: Sentence, material: Material) -> bool:
    """May this sentence stand alone: does it rest on something given, and say it?"""
    return bool(sentence.rests_on) and all(
        check([sentence], material).passed for check in (rests_on_known, cited_values_stand)
    )


def _unsaid(sentence: Sentence, material: Material) -> Iterator[tuple[str, str]]:
    for name in sentence.rests_on:
        given = _keyed(material).get(name)
        value = str(given.get("value") or given.get("name") or "") if isinstance(given, Mapping) else ""
        if value and not stands(value, sentence.text):
            yield name, value


def _keyed(material: Material) -> dict[str, Any]:
    """Facts, peers and playbook entries by their keys."""
    keyed: dict[str, Any] = {str(fact["key"]): fact for fact in material.facts}
    keyed |= {str(peer["key"]): peer for peer in material.context.get("peers") or []}
    for entry in material.context.get("playbook") or []:
        keyed[str(entry["key"])] = entry["department"]
        keyed |= {str(concern["key"]): concern["text"] for concern in entry["concerns"]}
    return keyed


def _inherited(material: Material) -> set[str]:
    """Names that the persona, written by the step before, rests on."""
    persona = material.context.get("persona") or {}
    said = [*persona.get("pains", []), persona.get("angle") or {}]
    return {str(name) for each in said for name in each.get("rests_on", [])}


def _walk(value: object, path: str) -> object:
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, Sequence) and not isinstance(value, str) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value or None


# --- is a value said in a text


def stands(value: str, text: str) -> bool:
    """Is `value` said in `text`?

    Numbers count by size (1240 is "1,240"; 24000000 is "$24 million", within 5 % where a scale word rounds it), dates
    by their month and year or as written, places by their first part, other values by two in five of their content
    words.
    """
    if wording.plain(value) in wording.plain(text):
        return True
    if re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", value):
        return MONTHS[int(value[5:7]) - 1] in wording.plain(text) and value[:4] in text
    if SIZE.fullmatch(value):
        return all(_said(number, text) for number, _ in _numbers(value))
    if "," in value and words(value) <= 4 and wording.plain(value.split(",")[0]) in wording.plain(text):
        return True
    wanted = _content(value)
    return bool(wanted) and len(wanted & _content(text)) >= 0.4 * len(wanted)


def _said(number: float, text: str) -> bool:
    return any(abs(number - said) <= (0.05 * number if is_rounded else 0) for said, is_rounded in _numbers(text))


def _numbers(text: str) -> Iterator[tuple[float, bool]]:
    """Each number with its scale worked in, and whether a scale word stood there."""
    for digits, scale in NUMBER.findall(text):
        yield float(digits.replace(",", "")) * SCALE.get(scale.lower(), 1), bool(scale)


def _content(text: str) -> set[str]:
    """The content words, cut to four letters so that "opens" and "opening" are one."""
    return {word[:4] for word in re.findall(r"[^\W_]+", wording.plain(text)) if word not in ENGLISH}


# --- wording


def placeholders(text: str) -> list[str]:
    """What a template left unfilled."""
    return [match.group(0).strip() for match in PLACEHOLDERS.finditer(text)]


def words(text: str) -> int:
    return len(text.split())


def no_avoided_words(text: str, material: Material) -> Check:
    found = wording.avoided(text, material.config.get("custom_fields", {}).get("avoid_terms", []))
    detail = (
        f"Contains {', '.join(f'“{term}”' for term in found)}." if found else "None of the words to avoid stands in it."
    )
    return Check("no_avoided_words", not found, detail)


def no_placeholders(text: str) -> Check:
    found = placeholders(text)
    detail = f"Unfilled: {', '.join(found)}." if found else "Nothing is left unfilled."
    return Check("no_placeholders", not found, detail)


def no_strange_addresses(text: str, material: Material) -> Check:
    """An address may come from the client's own settings only: one that an outsider wrote would catch the answers."""
    own = wording.plain(json.dumps(material.config, ensure_ascii=False, default=str).replace("\\n", " "))
    found = [match.group(0).rstrip(".,;:!?") for match in ADDRESS.finditer(text)]
    strange = [each for each in dict.fromkeys(found) if not _is_among(own, each)]
    detail = f"Not among the client's settings: {', '.join(strange)}." if strange else "It names no strange address."
    return Check("no_strange_addresses", not strange, detail)


def _is_among(own: str, address: str) -> bool:
    """As a whole: not an address that begins or ends like one of theirs."""
    bare = re.sub(r"^(?:https?://)?(?:www\.)?", "", wording.plain(address))
    return re.search(rf"(?<![\w@+-])(?<!\w\.){re.escape(bare)}(?![\w-]|\.\w)", own) is not None


def greets_the_contact(greeting: str, material: Material) -> Check:
    """A greeting that names somebody names the contact, where the contact's name is known; one without a name is
    polite too."""
    contact = material.context.get("contact") or {}
    known = _names(" ".join(str(contact.get(name) or "") for name in ("first_name", "last_name", "full_name")))
    capitals = [word for word in WORD.findall(PLACEHOLDERS.sub(" ", greeting))[1:] if word[0].isupper()]
    names = [word for word in capitals if word.casefold() not in COURTESY]
    is_theirs = not known or not names or bool(known & _names(" ".join(names)))
    detail = "It greets the contact." if is_theirs else f"It greets {' '.join(names)}, who is not the contact."
    return Check("greets_the_contact", is_theirs, detail)


def _names(text: str) -> set[str]:
    return set(WORD.findall(wording.plain(text)))


def short_enough(text: str, most: int) -> Check:
    return Check("short_enough", words(text) <= most, f"{words(text)} words; at most {most} are allowed.")


def broken(checks: Iterable[Check]) -> list[Check]:
    """The failed checks that decide."""
    return [check for check in checks if check.must and not check.passed]


def overlap(wanted: str, text: str) -> float:
    """The share of the content words of `wanted` that stand in `text`, 0 to 1."""
    words_wanted = _content(wanted)
    return len(words_wanted & _content(text)) / len(words_wanted) if words_wanted else 0.0
