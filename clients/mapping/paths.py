"""Where a mapping looks in an entry: paths, parsed and followed.

properties.jobtitle.value | properties.jobtitle   the first that gives a text
FirstName + LastName                              both, a space between them
emails[0].value                                   the first of a list; [-1] the last
emails[?primary=true].value                       of the first entry of the list whose `primary` is true
Attributes{key=emailaddress1}                     the `value` beside that key, short for [?key=emailaddress1].value
"custom.field".name                               a key with dots or spaces around it; "" in it stands for "
="Germany"                                        always this text
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

LONGEST = 500  # characters
MOST_LOOKED_AT = 1000  # entries of a list in which one is picked
_BARE = re.compile(r'[^.\[\]{}|+="]+')
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_INDEX = re.compile(r"\s*(-?\d{1,4})\s*\]")
_UNTIL = {"]": re.compile(r'[^\]"]*'), "}": re.compile(r'[^}"]*')}
_SPACES = re.compile(r"\s*")


class PathError(ValueError):
    """A path that cannot be read; the message says what is wrong and at which character."""


class Missing:
    """Nothing stands there: the sender did not speak of it."""


MISSING: Final = Missing()


@dataclass(frozen=True)
class Key:
    name: str


@dataclass(frozen=True)
class Index:
    number: int


@dataclass(frozen=True)
class Pick:
    """The first entry of a list whose member `name` says `wanted`."""

    name: str
    wanted: str


@dataclass(frozen=True)
class Constant:
    text: str


Step = Key | Index | Pick
Way = tuple[Step, ...]


@dataclass(frozen=True)
class Place:
    """One alternative of a path: a constant or a way, or several to be joined. `text` is how it was written."""

    terms: tuple[Constant | Way, ...]
    text: str


def text(value: object) -> str | None:
    """A value as text with single spaces; "" where it is null or blank, None where it cannot be a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, int) and value.bit_length() < 10_000:
        return str(value)
    if isinstance(value, float) and abs(value) < float("inf"):
        return str(value)
    return None


def is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})


@lru_cache(maxsize=4096)
def parse(path: str) -> tuple[Place, ...]:
    """The places that a path names, in their order. Raises PathError."""
    if len(path) > LONGEST:
        raise PathError(f"The path has {len(path):,} characters. Write at most {LONGEST}.")
    reading, places = _Reading(path), []
    while True:
        start = reading.at
        terms = [_term(reading)]
        while reading.takes("+"):
            terms.append(_term(reading))
        places.append(Place(tuple(terms), path[start : reading.at].strip()))
        if reading.is_done():
            return tuple(places)
        if not reading.takes("|"):
            raise reading.error("Write a dot, “[”, “{”, “ | ” or “ + ” here")


def follow(way: Way, fields: Mapping[str, object]) -> object:
    """The value at the end of the way, MISSING where it ends earlier."""
    here: object = fields
    for step in way:
        here = _next(step, here)
        if here is MISSING:
            break
    return here


def names_in(path: str) -> list[str]:
    """The names along the first way of a path, a table's keys among them; none where it cannot be read."""
    try:
        first = parse(path)[0].terms[0]
    except PathError:
        return []
    steps = () if isinstance(first, Constant) else first
    found = (step.name if isinstance(step, Key) else step.wanted for step in steps if not isinstance(step, Index))
    return list(found)


def written(way: Way) -> str:
    """The way as a path that `parse` reads back to it."""
    found = ""
    for number, step in enumerate(way):
        if isinstance(step, Key):
            found += ("." if number else "") + _spelt(step.name)
        elif isinstance(step, Index):
            found += f"[{step.number}]"
        elif way[number + 1 : number + 2] == (Key("value"),):
            return f"{found}{{{_spelt(step.name)}={_spelt(step.wanted)}}}" + _rest(way[number + 2 :])
        else:
            found += f"[?{_spelt(step.name)}={_spelt(step.wanted)}]"
    return found


def _rest(way: Way) -> str:
    return ("." if way and isinstance(way[0], Key) else "") + written(way)


def _spelt(name: str) -> str:
    is_bare = bool(_BARE.fullmatch(name)) and name == " ".join(name.split())
    return name if is_bare else '"{}"'.format(name.replace('"', '""'))


def _next(step: Step, here: object) -> object:
    if isinstance(step, Key):
        return here.get(step.name, MISSING) if isinstance(here, Mapping) else MISSING
    if not isinstance(here, list):
        return MISSING
    if isinstance(step, Index):
        return here[step.number] if -len(here) <= step.number < len(here) else MISSING
    found = (one for one in here[:MOST_LOOKED_AT] if isinstance(one, Mapping) and step.name in one)
    return next((one for one in found if text(one[step.name]) == step.wanted), MISSING)


class _Reading:
    """A path and how far it is read."""

    def __init__(self, path: str) -> None:
        self.path, self.at = path, 0

    def takes(self, sign: str) -> bool:
        self.match(_SPACES)
        if not self.path.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True

    def match(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self.path, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[found.re.groups and 1]

    def is_done(self) -> bool:
        self.match(_SPACES)
        return self.at == len(self.path)

    def error(self, words: str) -> PathError:
        here = self.path[self.at : self.at + 20]
        return PathError(f"{words}: {f'character {self.at + 1}, before “{here}”' if here else 'at the end'}.")


def _term(reading: _Reading) -> Constant | Way:
    if reading.takes("="):
        return Constant(_quoted(reading))
    way: list[Step] = [_key(reading)]
    while True:
        if reading.takes("."):
            way.append(_key(reading))
        elif reading.takes("[?"):
            way.append(_pick(reading, "]"))
        elif reading.takes("["):
            way.append(_index(reading))
        elif reading.takes("{"):
            way += [_pick(reading, "}"), Key("value")]
        else:
            return tuple(way)


def _quoted(reading: _Reading) -> str:
    reading.match(_SPACES)
    found = reading.match(_QUOTED)
    if found is None:
        raise reading.error('A text that is always the same stands in quotes, like ="Germany"')
    return found.replace('""', '"')


def _key(reading: _Reading) -> Key:
    reading.match(_SPACES)
    if reading.path.startswith('"', reading.at):
        return Key(_closed(reading))
    name = (reading.match(_BARE) or "").strip()
    if not name:
        raise reading.error("The name of a field is missing")
    return Key(name)


def _closed(reading: _Reading) -> str:
    found = reading.match(_QUOTED)
    if found is None:
        raise reading.error("The closing quote is missing")
    return found.replace('""', '"')


def _index(reading: _Reading) -> Index:
    number = reading.match(_INDEX)
    if number is None:
        raise reading.error("Write a place in the list, like [0], or what to pick, like [?primary=true]")
    return Index(int(number))


def _pick(reading: _Reading, end: str) -> Pick:
    name = _key(reading).name
    if not reading.takes("="):
        raise reading.error(f"Write what “{name}” has to be, like {name}=work")
    reading.match(_SPACES)
    is_quoted = reading.path.startswith('"', reading.at)
    wanted = _closed(reading) if is_quoted else (reading.match(_UNTIL[end]) or "").strip()
    if not wanted or not reading.takes(end):
        raise reading.error(f"Close the bracket with “{end}”" if wanted else f"Write what “{name}” has to be")
    return Pick(name, " ".join(wanted.split()))
