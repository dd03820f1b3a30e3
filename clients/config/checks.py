"""What is odd about a layer's settings, in the words of the domain: what contradicts itself is refused, what is only
unusual is asked about once. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clients import wording
from clients.config.layers import BUILT_IN_LAYER, Effective, at, is_set, joined, words_of
from clients.keys import AGENTS, LEAVE_OUT, PROMPTS, TONES, words_to

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


def errors(said: Mapping[str, Any], below: Effective, names: Mapping[str, str] | None = None) -> list[str]:
    """What contradicts itself, each with where it stands and how to mend it; `names` are those of the layers below."""
    return [*_avoided(said, below), *_avoided_below(said, below, names or {}), *_window(said, below)]


def warnings(said: Mapping[str, Any], peers: Peers, prompts: Prompts | None = None) -> list[str]:
    """What may be meant so, and is asked about."""
    return [*_replaced(said, prompts or {}), *_tone(said, peers)]


def _avoided(said: Mapping[str, Any], below: Effective) -> Iterator[str]:
    for where, text in _texts(said):
        yield from _standing(where, text, _terms(said, below))


def _avoided_below(said: Mapping[str, Any], below: Effective, names: Mapping[str, str]) -> Iterator[str]:
    """What is inherited and holds here, against the words that this layer adds to those to avoid."""
    inherited = {term.casefold() for term in at(below.document, AVOID) or []}
    added = [term for term in words_of(said.get(AVOID))[2] or [] if term.casefold() not in inherited]
    for where, layer, text in [*_values_below(said, below), *_words_below(said, below)] if added else []:
        name = names.get(layer, layer).replace("Agency", "agency")
        yield from _standing(where.format(f"the {name}"), text, added)


def _standing(where: str, text: str, terms: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        for term in wording.avoided(line, terms):
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
            if not _forbids(word["text"]):
                yield words_to(agent).replace("What", "what", 1), word["text"]


def _values_below(said: Mapping[str, Any], below: Effective) -> Iterator[tuple[str, str, str]]:
    """(where it stands, with a place for its layer's name; the layer; the text) of what this layer inherits."""
    for path, name in SAYS.items():
        unset, removed, own = words_of(said.get(path))
        value, origin = at(below.document, path), below.origins[path]
        gone = {entry.casefold() for entry in removed}
        if unset or (is_set(own) and isinstance(own, str)):
            continue
        for text in value if isinstance(value, list) else [value]:
            if text and text.casefold() not in gone:
                layer = origin.entries.get(text) or next(iter(origin.sources), BUILT_IN_LAYER)
                yield f"{name} of {{}}", layer, text


def _words_below(said: Mapping[str, Any], below: Effective) -> Iterator[tuple[str, str, str]]:
    """The same of the words to the agents: without those that this layer leaves out or replaces."""
    for agent, label in AGENTS.items():
        own = said.get(f"{PROMPTS}{agent}", ())
        left_out = any(word["mode"] == LEAVE_OUT for word in own)
        inherited = () if left_out else below.document["prompt_overrides"].get(agent, ())
        for word in _in_force([*inherited, *own]):
            if "layer" in word and not _forbids(word["text"]):
                yield f"what {{}} says to the {label.lower()} agent", word["layer"], word["text"]


def _in_force(words: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Without those that a later one replaces."""
    held: list[Mapping[str, str]] = []
    for word in words:
        slot = word.get("slot", "")
        if word["mode"] == "replace":
            held = [each for each in held if slot and each.get("slot", "") != slot]
        held.append(word)
    return held


def _forbids(text: str) -> bool:
    return bool(FORBIDS & set(text.casefold().split()))


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
