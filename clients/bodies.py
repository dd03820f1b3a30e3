"""The bytes of a webhook call as entries, or in words why they cannot be read."""

import json
import re
from collections.abc import Mapping
from typing import Any

from clients.canonical import Unusable
from clients.troubles import Trouble

ENTRIES_AT_MOST = 1000
HIDDEN = "(hidden)"
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
        raise Unusable(f"The body is {_name(found)}. Send a JSON object, or a list of them.", Trouble.SHAPE)
    if not found:
        raise Unusable("The body is an empty list. Send at least one object in it.", Trouble.EMPTY)
    if len(found) > ENTRIES_AT_MOST:
        raise Unusable(
            f"The list has {len(found):,} entries. Send at most {ENTRIES_AT_MOST:,} in one call.", Trouble.TOO_MANY
        )
    return found


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


def _json(text: str) -> object:
    if not text.strip():
        raise Unusable(
            "The body is empty. Send a JSON object, and its length in the header Content-Length.", Trouble.EMPTY
        )
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Unusable(f"The body is not JSON: {error.msg}, {place}. Send a JSON object.", Trouble.NOT_JSON) from None
    except RecursionError:
        raise Unusable(
            "The body is nested too deeply to be read. Send the fields in a flat object.", Trouble.NOT_JSON
        ) from None
    except ValueError:
        raise Unusable(
            "A number in the body has thousands of digits. Send such values as text.", Trouble.NOT_JSON
        ) from None


def _no_constant(name: str) -> None:
    raise Unusable(
        f"The body holds {name}, which JSON does not have. Send null, or leave the field out.", Trouble.NOT_JSON
    )


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise Unusable(f"The number {digits[:40]} is too large. Send such values as text.", Trouble.NOT_JSON)
    return number


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
