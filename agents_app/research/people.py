"""What all sources of people have in common: few are asked for, and little of them is kept.

A vendor sends addresses, numbers and birthdays along with a name. None of that is stored: whoever works at a company is
known here by name and title, until somebody decides to write to them.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, TypeVar

from agents_app.research import pointers
from agents_app.research.source import ClaimValue, Wire, claim
from gtm import http

MOST = 5  # people of one answer: each costs a credit
NOT_INCLUDED = (402, 403)
Found = TypeVar("Found")


def kept(records: object, fields: Iterable[str]) -> list[dict[str, Any]]:
    """Of each record these fields alone."""
    if not isinstance(records, list):
        return []
    return [{name: each.get(name) for name in fields} for each in records if isinstance(each, dict)][:MOST]


def beside(wire: Wire, ask: Callable[[], Found]) -> Found | None:
    """What `ask` finds. A key without access to people, a limit or a failure leaves the rest of the answer standing:
    then, and where nobody is known, it is None."""
    try:
        return ask()
    except http.Unavailable as error:
        wire.lacks(f"Who works there is missing: {error.reason.rstrip('.')}.")
    except http.Refused as refused:
        if refused.status != 404:
            why = " The plan or scope of the key does not include it." if refused.status in NOT_INCLUDED else ""
            wire.lacks(f"Who works there is missing: {refused.reason.rstrip('.')}.{why}")
    return None


def spent(said: object, otherwise: float) -> float:
    """Credits as the source counts them in a header or a field; `otherwise` where it says no number."""
    try:
        return max(0.0, float(str(said)))
    except ValueError:
        return otherwise


def claims(payload: object, place: str, seen_on: Callable[[Mapping[str, Any]], date | None]) -> list[ClaimValue]:
    """Those in the list at `place` who have a name and a title, each as of the day `seen_on` reads from the record."""
    said: list[ClaimValue] = []
    for pointer in pointers.items(payload, place):
        record = pointers.resolve(payload, pointer)
        if isinstance(record, dict):
            said += claim(payload, "person", pointer, as_of_date=seen_on(record))
    return said
