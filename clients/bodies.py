"""The bytes of a webhook call as entries, or in words why they cannot be read."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

from clients.canonical import Unusable
from clients.troubles import Trouble

ENTRIES_AT_MOST = 1000
DIGITS_AT_MOST = 1000  # of a whole number
HIDDEN = "(hidden)"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
FORM_LIKE = re.compile(rb"\s*[A-Za-z0-9_.%+\[\]-]+=[^\s<{]*\s*\Z")
ERASED = {"erased": True}  # what stands where an entry was of somebody who asked to be forgotten
SECRET = frozenset(
    {"secret_key", "secret", "token", "signature", "password", "authorization", "api_key", "apikey", "access_token",
     "refresh_token", "client_secret", "sessionid"}
)  # fmt: skip
_SECRET_IN_TEXT = re.compile(
    rf"""(\b(?:{"|".join(sorted(SECRET))})\b["'\\]*\s*[:=>]\s*["'\\]*)[^"'\\&<,}}\s]+""", re.IGNORECASE
)


@dataclass(frozen=True)
class _Refused:
    """Stands for a value that cannot be kept, so that only the entry it is in is refused."""

    why: str


@dataclass(frozen=True)
class Parsed:
    """`tree` is a JSON value, or {name: text} of a form. `repeated` are names that stood twice in one object with
    different values: the last counts, which the sender may not know."""

    tree: object
    repeated: tuple[str, ...] = ()


def parsed(body: bytes, headers: Mapping[str, str]) -> Parsed:
    """JSON, or a form where the sender says so or its text looks like nothing else. Raises Unusable."""
    kind = headers.get("content-type", "").partition(";")[0].strip().casefold()
    if kind == FORM or (kind != JSON and FORM_LIKE.match(body)):
        return Parsed(form_encoded(body))
    repeated: list[str] = []
    tree = _json(_text(body), repeated)
    return Parsed(tree, tuple(dict.fromkeys(repeated)))


def form_encoded(body: bytes) -> dict[str, str | list[str]]:
    """The fields of a form; several of one name are a list. Raises Unusable."""
    try:
        pairs = parse_qsl(
            _text(body).strip(), keep_blank_values=True, strict_parsing=True, errors="strict",
            max_num_fields=ENTRIES_AT_MOST,
        )  # fmt: skip
    except UnicodeDecodeError:
        raise Unusable(
            "A field of the form is not UTF-8 text. Set the sender's encoding to UTF-8.", Trouble.ENCODING
        ) from None
    except ValueError:
        raise Unusable(
            f"The body is no form of at most {ENTRIES_AT_MOST:,} fields. Send name=value&name=value, or JSON.",
            Trouble.NOT_JSON,
        ) from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in fields.items()}


def xml(body: bytes) -> ET.Element:
    """The root of an XML document in UTF-8. One that declares a type is refused: a declaration can name files and grow
    without end when it is read. Raises Unusable."""
    text = _text(body)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Unusable(
            "The XML declares a document type (DOCTYPE), which is refused. Send it without.", Trouble.NOT_JSON
        )
    try:
        parser = ET.XMLParser(encoding="utf-8")  # noqa: S314 - declarations are refused above
        parser.feed(text.encode())
        return parser.close()
    except (ET.ParseError, ValueError) as error:
        raise Unusable(
            f"The body is not XML: {error}. Send the sender's own message, unchanged.", Trouble.NOT_JSON
        ) from None


def entries(body: bytes) -> list[Any]:
    """The objects in the body: one, or a list of them. Raises Unusable."""
    return listed(_json(_text(body), []))


def listed(found: object) -> list[Any]:
    """One object, or a list of them, as a list. Raises Unusable."""
    if isinstance(found, Mapping):
        return [found]
    if not isinstance(found, list):
        raise Unusable(f"The body is {_name(found)}. Send a JSON object, or a list of them.", Trouble.SHAPE)
    if not found:
        raise Unusable("The body is an empty list. Send at least one object in it.", Trouble.EMPTY)
    if len(found) > ENTRIES_AT_MOST:
        raise Unusable(
            f"The list has {len(found):,} entries. Send at most {ENTRIES_AT_MOST:,} in one call.", Trouble.TOO_MANY
        )
    return [entry for entry in found if entry != ERASED]


def checked(entry: object) -> Mapping[str, Any]:
    """The entry, if it is an object whose texts can be stored. Raises Unusable."""
    if not isinstance(entry, Mapping):
        raise Unusable(f"It is {_name(entry)}. Send a JSON object.", Trouble.SHAPE)
    waiting: list[object] = [entry]
    while waiting:
        here = waiting.pop()
        if isinstance(here, Mapping):
            waiting += [*here.keys(), *here.values()]
        elif isinstance(here, list):
            waiting += here
        elif isinstance(here, str):
            _refuse_unwritable(here)
        elif isinstance(here, _Refused):
            raise Unusable(here.why)
    return entry


def shown(body: bytes) -> object:
    """The parsed body for reading, the text itself where it is no JSON. What a sender proves itself with is hidden."""
    text = body.decode(errors="replace")
    try:
        return _without_secrets(json.loads(text))
    except (ValueError, RecursionError):
        return _SECRET_IN_TEXT.sub(rf"\1{HIDDEN}", text)[:20_000]


def unhidden(edited: object, original: object) -> object:
    """What a person made of a shown body, with what was hidden in it as it came: by its place, where that still is."""
    if edited == HIDDEN and isinstance(original, str | int | float):
        return original
    if isinstance(edited, dict) and isinstance(original, dict):
        return {name: unhidden(value, original.get(name)) for name, value in edited.items()}
    if isinstance(edited, list) and isinstance(original, list) and len(edited) == len(original):
        return [unhidden(one, was) for one, was in zip(edited, original, strict=True)]
    return edited


def _without_secrets(value: object) -> object:
    if isinstance(value, list):
        return [_without_secrets(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: HIDDEN if name.casefold() in SECRET and said else _without_secrets(said) for name, said in value.items()
    }


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unusable(
            f"The body is not UTF-8 text (byte {error.start + 1} does not fit). Set the sender's encoding to UTF-8.",
            Trouble.ENCODING,
        ) from None


def _json(text: str, repeated: list[str]) -> object:
    """The value; names that stood twice in one object with different values are put into `repeated`."""
    if not text.strip():
        raise Unusable(
            "The body is empty. Send a JSON object, and its length in the header Content-Length.", Trouble.EMPTY
        )

    def together(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            repeated.extend(name for name, value in pairs if not _same(value, found[name]))
        return found

    try:
        return json.loads(
            text, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole, object_pairs_hook=together
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Unusable(f"The body is not JSON: {error.msg}, {place}. Send a JSON object.", Trouble.NOT_JSON) from None
    except RecursionError:
        raise Unusable(
            "The body is nested too deeply to be read. Send the fields in a flat object.", Trouble.NOT_JSON
        ) from None


def _same(one: object, other: object) -> bool:
    """Whether two values read from JSON are one; those nested too deeply to compare are not."""
    try:
        return type(one) is type(other) and one == other
    except RecursionError:
        return False


def _no_constant(name: str) -> _Refused:
    return _Refused(f"It holds {name}, which JSON does not have. Send null, or leave the field out.")


def _finite(digits: str) -> float | _Refused:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        return _Refused(f"The number {digits[:40]} is too large. Send such values as text.")
    return number


def _whole(digits: str) -> int | _Refused:
    if len(digits) > DIGITS_AT_MOST:
        return _Refused("A number in it has thousands of digits. Send such values as text.")
    return int(digits)


def _refuse_unwritable(text: str) -> None:
    if "\x00" in text:
        raise Unusable(
            "A text in it holds the character NUL, which cannot be stored. Remove it at the sender.", Trouble.UNWRITABLE
        )
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise Unusable(
            "A text in it holds half a character (a lone surrogate). Check how the sender cuts its texts.",
            Trouble.UNWRITABLE,
        )


def _name(value: object) -> str:
    names = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
