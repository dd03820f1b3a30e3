"""What is odd about a layer's settings, in the words of the domain: what contradicts itself is refused, what is only
unusual is asked about once. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clients.config.layers import Effective, at, is_set, joined, words_of
from clients.keys import AGENTS, PROMPTS, TONES, words_to

AVOID = "custom_fields.avoid_terms"
SAYS = {
    "custom_fields.offer": "the offer",
    "custom_fields.call_to_action": "the call to action",
    "custom_fields.proof_points": "the proof points",
}
CITES = "rests_on"  # what every prompt of ours says about sources
FEW = 5  # other clients; of fewer nothing is usual


Prompts = Mapping[str, Mapping[str, str]]
"""{agent: {component: text}} of the prompts that are live."""


@dataclass(frozen=True)
class Peers:
    """The other clients of the same industry: its name, and how many of them have each tone."""

    industry: str = ""
    tones: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(self.tones.values())


def errors(said: Mapping[str, Any], below: Effective) -> list[str]:
    """What contradicts itself, each with where it stands and how to mend it."""
    return [*_avoided(said, below), *_window(said, below)]


def warnings(said: Mapping[str, Any], peers: Peers, prompts: Prompts | None = None) -> list[str]:
    """What may be meant so, and is asked about."""
    return [*_replaced(said, prompts or {}), *_tone(said, peers)]


def _avoided(said: Mapping[str, Any], below: Effective) -> Iterator[str]:
    for where, text in _texts(said):
        for number, line in enumerate(text.splitlines(), start=1):
            for term in _terms(said, below):
                if term.casefold() in line.casefold():
                    place = f"{where}, line {number}" if "\n" in text else where
                    yield f"“{term}” is among the words to avoid, and stands in {place}. Take it out of one of them."


def _terms(said: Mapping[str, Any], below: Effective) -> list[str]:
    unset, removed, own = words_of(said.get(AVOID))
    gone = {name.casefold() for name in removed}
    inherited = [] if unset else [term for term in at(below.document, AVOID) or [] if term.casefold() not in gone]
    return joined([inherited, own or []])


def _texts(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(where it stands, the text) of what people wrote in this layer. A word to an agent that forbids something may
    name it: only what it tells to bring out counts, which nobody can tell, so those that say “never” are left out."""
    for path, name in SAYS.items():
        _, _, own = words_of(said.get(path))
        for text in own if isinstance(own, list) else [own]:
            if isinstance(text, str):
                yield name, text
    for agent in AGENTS:
        for word in said.get(f"{PROMPTS}{agent}", ()):
            if not FORBIDS & set(word["text"].casefold().split()):
                yield words_to(agent).replace("What", "what", 1), word["text"]


FORBIDS = {"never", "avoid", "not", "no", "without", "instead"}


def _window(said: Mapping[str, Any], below: Effective) -> Iterator[str]:
    begins, ends = (_value(said, below, f"send_window.{name}") for name in ("from_hour", "to_hour"))
    if begins is not None and ends is not None and begins >= ends:
        yield f"E-mails would leave from {begins} o'clock until {ends} o'clock, which is never. Set one of the hours."


def _value(said: Mapping[str, Any], below: Effective, path: str) -> Any:  # noqa: ANN401 a setting of any type
    own = said.get(path)
    return own if is_set(own) and not isinstance(own, dict) else at(below.document, path)


def _replaced(said: Mapping[str, Any], prompts: Prompts) -> Iterator[str]:
    for agent, label in AGENTS.items():
        for word in said.get(f"{PROMPTS}{agent}", ()):
            yield from _of_word(word, f"the prompt of the {label.lower()} agent", prompts.get(agent, {}))


def _of_word(word: Mapping[str, str], prompt: str, parts: Mapping[str, str]) -> Iterator[str]:
    slot = word.get("slot", "")
    component = f"the component “{slot.replace('_', ' ')}”"
    if slot and parts and slot not in parts:
        yield f"{prompt[0].upper()}{prompt[1:]} has no {component[4:]} now, so what is said to it is added at the end."
    elif word["mode"] == "replace" and (not slot or slot in parts):
        place = f"{component} of {prompt}" if slot else f"the whole of {prompt}"
        cites = not slot or CITES in parts[slot]
        rule = (
            " It also drops the rule that every claim names its source." if cites and CITES not in word["text"] else ""
        )
        yield f"This replaces {place}: improvements of it no longer reach this layer.{rule}"


def _tone(said: Mapping[str, Any], peers: Peers) -> Iterator[str]:
    tone = said.get("tone")
    if isinstance(tone, str) and peers.count >= FEW and not peers.tones.get(tone):
        yield f"Tone “{TONES.get(tone, tone)}” is unusual for {peers.industry}: 0 of {peers.count} clients use it."


def peers_of(industry: str, tones: Sequence[str]) -> Peers:
    return Peers(industry, {tone: tones.count(tone) for tone in tones})
