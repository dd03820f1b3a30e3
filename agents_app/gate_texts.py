"""The output that a gate is about, as texts a person can edit, and back. Pure.

Only words are edited: names of what a sentence rests on, keys of facts and attributes stay as they are.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agents_app import evidence
from agents_app.names import in_words

FIXED = frozenset({"key", "attribute", "rests_on", "close", "options"})  # parts of what is shown that are no text
LAST = ("facts",)  # sections that stand behind what was written


@dataclass(frozen=True)
class Place:
    """A text in the output. `path` are keys and list positions, `name` its form field; `section` and `label` are words.

    `options` are the values that sources give, where the question is which of them is right.
    """

    path: tuple[str | int, ...]
    text: str
    section: str
    label: str
    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "text_" + "_".join(map(str, self.path))


def places(shown: Mapping[str, Any]) -> list[Place]:
    """In the order in which they are read: what was written, then the facts."""
    found = list(_walk(shown, ()))
    return [Place(path, text, *_named(path, shown), _options(path, shown)) for path, text in found]


def filled(shown: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """The output with these texts, by the names of their places; the others as they were."""
    whole = copy.deepcopy(dict(shown))
    for place in places(shown):
        if place.name in texts:
            target: Any = whole
            for part in place.path[:-1]:
                target = target[part]
            target[place.path[-1]] = texts[place.name].strip()
    return whole


def _walk(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str) and value:
        yield path, value
    elif isinstance(value, Mapping):
        for name in sorted(value, key=_order):
            if name not in FIXED:
                yield from _walk(value[name], (*path, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _walk(each, (*path, number))


def _order(name: str) -> tuple[bool, int]:
    return name in LAST, evidence.place(name)


def _named(path: tuple[str | int, ...], shown: Mapping[str, Any]) -> tuple[str, str]:
    """(section, label): (“Summary”, “Sentence 1”), (“Facts”, “Headcount”), (“Finance director: angle”, “Text”)."""
    if path[0] == "answers" and len(path) > 2 and isinstance(path[1], int):
        answer = shown["answers"][path[1]]
        section, label = _named(path[2:], answer)
        whose = str(answer.get("role") or answer.get("subject") or f"Answer {path[1] + 1}")
        return f"{whose}: {section.lower()}", label
    section = in_words(str(path[0]))
    if path[0] == "facts" and len(path) > 1 and isinstance(path[1], int):
        return section, in_words(str(shown["facts"][path[1]].get("attribute", "")))
    number = next((part for part in path if isinstance(part, int)), None)
    return section, section if number is None else f"Sentence {number + 1}"


def _options(path: tuple[str | int, ...], shown: Mapping[str, Any]) -> tuple[str, ...]:
    if path[0] != "facts" or len(path) < 2 or not isinstance(path[1], int):
        return ()
    attribute = shown["facts"][path[1]].get("attribute", "")
    return tuple(map(str, (shown.get("options") or {}).get(attribute, ())))
