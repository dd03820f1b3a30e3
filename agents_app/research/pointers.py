"""Where in a stored payload a value stands.

A pointer is an RFC 6901 JSON pointer. Where it ends in a page of text, or in the headers that came with one, a `#` and
the name of a view may follow, and from there it goes on inside what that view makes of it:
`/home/html#json_ld/0/foundingDate`, `/home/headers#technology/Fastly`. Views are pure functions, so that a pointer
leads to the same value at any later time.
"""

import math
from collections.abc import Callable, Mapping

from agents_app.research import fingerprints, markup

VIEWS: Mapping[str, Callable[[str], object]] = {
    "json_ld": markup.json_ld,
    "meta": markup.meta,
    "scripts": markup.scripts,
    "technology": fingerprints.on_page,
    "title": markup.title,
}
VIEWS_OF_HEADERS: Mapping[str, Callable[[Mapping[str, object]], object]] = {"technology": fingerprints.in_headers}


def escaped(key: str) -> str:
    """A key of an object as one part of a pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def resolve(document: object, pointer: str) -> object:
    """None when nothing is there."""
    place, _, inner = pointer.partition("#")
    found = _walk(document, place)
    if not inner:
        return found
    view, _, rest = inner.partition("/")
    return _walk(_viewed(found, view), f"/{rest}" if rest else "")


def _viewed(found: object, view: str) -> object:
    if isinstance(found, str) and view in VIEWS:
        return VIEWS[view](found)
    if isinstance(found, Mapping) and view in VIEWS_OF_HEADERS:
        return VIEWS_OF_HEADERS[view](found)
    return None


def items(document: object, pointer: str) -> list[str]:
    """Pointers to what is in the list that stands there; none where no list does."""
    found = resolve(document, pointer)
    return [f"{pointer}/{number}" for number in range(len(found))] if isinstance(found, list) else []


def _walk(document: object, pointer: str) -> object:
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, Mapping):
            document = document.get(key)
        elif isinstance(document, list) and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        else:
            return None
    return document


def storable(value: object) -> object:
    """The payload without what a PostgreSQL JSON column refuses: NUL, lone surrogates, infinite numbers."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [storable(each) for each in value]
    if isinstance(value, dict):
        return {storable(key): storable(each) for key, each in value.items()}
    return value
