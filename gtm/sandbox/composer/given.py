"""What a request gives the composer: the tagged JSON of the user's text and the directives of the system text. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gtm.sandbox.composer import directives, wording
from gtm.sandbox.composer.directives import Directives

Json = Any  # what json.loads gives
TAGS = ("config", "facts", "context")
BRACKETS = re.compile(r"[\[\]{}<>?“”]")
TONES = ("formal", "friendly", "direct", "casual")


class NotGiven(ValueError):
    """The request lacks a block that the composer needs; the message names it."""


@dataclass(frozen=True)
class Fact:
    key: str
    attribute: str
    value: str
    confidence: float
    as_of: str


@dataclass(frozen=True)
class Sentence:
    """A finished sentence and what it rests on."""

    text: str
    rests_on: tuple[str, ...] = ()

    def as_answer(self) -> dict[str, Any]:
        return {"text": self.text, "rests_on": list(self.rests_on)}


@dataclass(frozen=True)
class Given:
    title: str
    system: str
    config: Mapping[str, Any]
    all_facts: Sequence[Fact]
    context: Mapping[str, Any]
    variation: int

    @cached_property
    def directives(self) -> Directives:
        return directives.read(self.system, [str(hint) for hint in self.context.get("hints") or []])

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        found = self.config.get("custom_fields")
        return found if isinstance(found, Mapping) else {}

    def setting(self, name: str) -> str:
        return wording.bare(str(self.settings.get(name) or ""))

    @property
    def tone(self) -> str:
        tone = str(self.config.get("tone") or "")
        return tone if tone in TONES else "friendly"

    @property
    def client(self) -> str:
        return wording.bare(str(self.config.get("client_name") or ""))

    @property
    def emphasis(self) -> str:
        return wording.spoken(str(self.settings.get("emphasis") or ""))

    @property
    def step(self) -> int:
        """Which mail of the sequence this is, from 1."""
        told = self.context.get("sequence_step")
        return told if isinstance(told, int) and told > 0 else 1

    @cached_property
    def avoid(self) -> tuple[str, ...]:
        return tuple(str(term) for term in self.settings.get("avoid_terms") or [])

    @property
    def floor(self) -> float:
        return float(self.config.get("confidence_floor") or 0.0)

    @cached_property
    def facts(self) -> list[Fact]:
        """Sure enough, free of words to avoid, and safe to quote."""
        return [fact for fact in self.all_facts if fact.confidence >= self.floor and self.is_clean(fact.value)]

    def fact(self, attribute: str) -> Fact | None:
        return next((fact for fact in self.facts if fact.attribute == attribute), None)

    def is_clean(self, text: str) -> bool:
        return bool(text) and not BRACKETS.search(text) and not wording.avoided(text, self.avoid)

    @property
    def asks(self) -> str:
        """How the one request is put: as the client's settings say, else the prompt."""
        own = {"question": "question", "time": "offer a time", "material": "send material"}
        return own.get(str(self.config.get("call_to_action_style") or ""), self.directives.ask)

    @cached_property
    def company(self) -> str:
        """The name given, else the name found, else the domain's words."""
        told = self.context.get("company") or {}
        name, domain = str(told.get("name") or "").strip(), str(told.get("domain") or "")
        if name and name != domain:
            return name
        found = next((fact.value for fact in self.all_facts if fact.attribute == "name"), "")
        return found or domain.partition(".")[0].replace("-", " ").title() or "the company"

    @cached_property
    def _seed(self) -> tuple[str, ...]:
        told, contact = self.context.get("company") or {}, self.context.get("contact") or {}
        step = self.context.get("sequence_step", 1)
        who = str(contact.get("full_name") or contact.get("first_name") or "")
        return (self.title, self.client, str(told.get("domain") or self.company), who, str(step), str(self.variation))

    def seed(self, slot: str) -> tuple[str, ...]:
        return (*self._seed, slot)

    def say(self, slot: str, options: Sequence[str]) -> str:
        """One of the phrasings without a word to avoid; an empty text when none is left."""
        clean = [each for each in options if each and not wording.avoided(each, self.avoid)]
        if not clean:
            return ""
        if self.directives.is_short:
            return min(clean, key=lambda each: (wording.words(each), each))
        return wording.pick(clean, *self.seed(slot))

    def by_focus(self, facts: Sequence[Fact]) -> list[Fact]:
        """Those first that speak of what the prompt focuses on or the client emphasises; else in the order given."""
        stems = [*self.directives.focus, *(directives.stem(word) for word in self.emphasis.split())]
        return sorted(facts, key=lambda fact: -directives.touches(fact.value, stems))


def parse(title: str, system: str, user: str) -> Given:
    """Raises NotGiven, naming the block that is missing or broken."""
    places = {"config": f"{user}\n{system}"}  # the settings are part of what is alike for all contacts of a client
    blocks = {tag: _block(tag, places.get(tag, user)) for tag in TAGS}
    if not isinstance(blocks["facts"], list) or not all(isinstance(each, dict) for each in blocks["facts"]):
        raise NotGiven("the block <facts> holds no list of facts")
    if not isinstance(blocks["config"], dict) or not isinstance(blocks["context"], dict):
        raise NotGiven("the blocks <config> and <context> hold objects")
    variation = re.search(r"<variation>(\d+)</variation>", user)
    return Given(
        title=title,
        system=system,
        config=blocks["config"],
        all_facts=[_fact(each) for each in blocks["facts"]],
        context=blocks["context"],
        variation=int(variation[1]) if variation else 0,
    )


def _block(tag: str, text: str) -> Json:
    """The last of them: what people write, and may name a tag in, stands before the material."""
    *_, found = re.split(rf'<{tag}(?: untrusted="true")?>', text)
    content, end, _ = found.partition(f"</{tag}>")
    if not end or found == text:
        raise NotGiven(f"the block <{tag}> is missing")
    try:
        return json.loads(content)
    except ValueError:
        raise NotGiven(f"the block <{tag}> is not JSON") from None


def _fact(told: Mapping[str, Any]) -> Fact:
    return Fact(
        key=str(told.get("key", "")),
        attribute=str(told.get("attribute", "")),
        value=" ".join(str(told.get("value", "")).split()),
        confidence=float(told.get("confidence") or 0.0),
        as_of=str(told.get("as_of") or ""),
    )
