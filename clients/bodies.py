"""The bytes of a webhook call as entries, or in words why they cannot be read."""

import json
import re
from collections.abc import Mapping
from typing import Any

from clients.canonical import Unusable

ENTRIES_AT_MOST = 1000
HIDDEN = "(hidden)"
ERASED = {"erased": True}  # what stands where an entry was of somebody who asked to be forgotten
SECRET = frozenset(
    {"secret_key", "secret", "token", "signature", "password", "authorization", "api_key", "apikey", "access_token",
     "refresh_token", "client_secret", "sessionid"}
)  # fmt: skip
_SECRET_IN_TEXT = re.compile(
    rf"""(\b(?:{"|".join(sorted(SECRET))})\b["'\\]*\s*[:=>]\s*["'\\]*)[^"'\\&<,}}\s]+""", re.IGNORECASE
)


def entries(body: bytes) -> list[Any]:
    """The objects in the body: one, or a list of them. Raises Unusable."""
    found = _json(_text(body))
    if isinstance(found, Mapping):
        return [found]
    if not isinstance(found, list):
        raise Unusable(f"The body is {_name(found)}. Send a JSON object, or a list of them.")
    if not found:
        raise Unusable("The body is an empty list. Send at least one object in it.")
    if len(found) > ENTRIES_AT_MOST:
        raise Unusable(f"The list has {len(found):,} entries. Send at most {ENTRIES_AT_MOST:,} in one call.")
    return [entry for entry in found if entry != ERASED]


def checked(entry: object) -> Mapping[str, Any]:
    """The entry, if it is an object whose texts can be stored. Raises Unusable."""
    if not isinstance(entry, Mapping):
        raise Unusable(f"It is {_name(entry)}. Send a JSON object.")
    waiting: list[object] = [entry]
    while waiting:
        here = waiting.pop()
        if isinstance(here, Mapping):
            waiting += [*here.keys(), *here.values()]
        elif isinstance(here, list):
            waiting += here
        elif isinstance(here, str):
            _refuse_unwritable(here)
    return entry


def shown(body: bytes) -> object:
    """The parsed body for reading, the text itself where it is no JSON. What a sender proves itself with is hidden."""
    text = body.decode(errors="replace")
    try:
        return _without_secrets(json.loads(text))
    except (ValueError, RecursionError):
        return _SECRET_IN_TEXT.sub(rf"\1{HIDDEN}", text)[:20_000]


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
            f"The body is not UTF-8 text (byte {error.start + 1} does not fit). Set the sender's encoding to UTF-8."
        ) from None


def _json(text: str) -> object:
    if not text.strip():
        raise Unusable("The body is empty. Send a JSON object, and its length in the header Content-Length.")
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Unusable(f"The body is not JSON: {error.msg}, {place}. Send a JSON object.") from None
    except RecursionError:
        raise Unusable("The body is nested too deeply to be read. Send the fields in a flat object.") from None
    except ValueError:
        raise Unusable("A number in the body has thousands of digits. Send such values as text.") from None


def _no_constant(name: str) -> None:
    raise Unusable(f"The body holds {name}, which JSON does not have. Send null, or leave the field out.")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise Unusable(f"The number {digits[:40]} is too large. Send such values as text.")
    return number


def _refuse_unwritable(text: str) -> None:
    if "\x00" in text:
        raise Unusable("A text in it holds the character NUL, which cannot be stored. Remove it at the sender.")
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise Unusable("A text in it holds half a character (a lone surrogate). Check how the sender cuts its texts.")


def _name(value: object) -> str:
    names = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
