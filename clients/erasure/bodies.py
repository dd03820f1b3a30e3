"""Raw bodies without a person's entries: siblings of the same call stay as they were.

Every body of the client is read, whether it was applied, waits, was quarantined or was mended: a call that was repeated
made no event of its own, so no key leads to it.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from django.db.models import QuerySet
from django.utils import timezone

from clients import spool, suppression
from clients.bodies import ERASED
from clients.erasure.people import Person
from clients.erasure.rows import allowed
from clients.erasure.words import texts
from clients.models import Connection, Delivery

ADDRESS = re.compile(r"[^\s<>\"'(),;:&=?\\]+@[^\s<>\"'(),;:&=?\\]+")
SOAP = re.compile(r"<((?:\w+:)?)Notification\b.*?</\1Notification\s*>", re.DOTALL)
BATCHES = ("results", "records", "events", "entries", "items", "notifications", "data", "value", "inputs", "contacts")
IDS = frozenset(
    {"id", "vid", "objectid", "recordid", "recordids", "contactid", "leadid", "personid", "entityid", "hsobjectid",
     "primaryobjectid", "mergedobjectids", "newobjectid", "fromobjectid", "toobjectid", "masterrecordid"}
)  # fmt: skip
NOTE = "What was in it was about a person who asked to be forgotten, and was erased."
AT_ONCE = 200


@dataclass(frozen=True)
class Judge:
    """Whether something speaks of a person: by words, by the party's id of them, or by an address's hash. To hash every
    address of every body takes long, so `by_hash` is for what is known to be theirs, and for who has no words."""

    person: Person
    ids: frozenset[str]
    by_hash: bool

    def knows(self, value: object) -> bool:
        return (
            self.person.words.speak_in(value)
            or (bool(self.ids) and any(each in self.ids for each in ids_in(value)))
            or (self.by_hash and any(self._is_theirs(text) for text in texts(value)))
        )

    def _is_theirs(self, text: str) -> bool:
        return any(not self.person.hashes.isdisjoint(_hashes(each)) for each in ADDRESS.findall(text))


def scrub(person: Person) -> int:
    """How many bodies of the client were changed; `person` may stand for several (`people.together`)."""
    rows = Delivery.objects.filter(connection__client=person.client).order_by("pk")
    if not person.words.sure and not person.is_unnamed:
        rows = rows.filter(pk__in=person.deliveries)
    changed = 0
    for pk, connection_id, body, error in _read(rows):
        judge = Judge(
            person, frozenset(person.ids.get(connection_id, ())), by_hash=person.is_unnamed or pk in person.deliveries
        )
        fresh = without(bytes(body), judge)
        said = person.words.taken_out(error, own=False)
        if fresh != bytes(body) or said != error:
            changed += _write(pk, fresh, said, is_whole=fresh == _whole())
    return changed


def scrub_spool(person: Person) -> int:
    """The same for the calls that wait on the disk, and for damaged pieces, of which nobody knows whose they are."""
    if not person.words.sure and not person.is_unnamed:
        return 0
    own = set(Connection.objects.filter(client=person.client).values_list("pk", flat=True))

    def left(connection_id: int | None, body: bytes) -> bytes:
        if connection_id is not None and connection_id not in own:
            return body
        ids = frozenset(person.ids.get(connection_id or 0, ()))
        return without(body, Judge(person, ids, by_hash=person.is_unnamed))

    return spool.scrub(left)


def _read(rows: "QuerySet[Delivery]") -> Iterator[tuple[int, int, bytes | memoryview, str]]:
    """A page at a time, each after the last one's key: what is written meanwhile disturbs no cursor."""
    last = 0
    while page := list(rows.filter(pk__gt=last).values_list("pk", "connection_id", "body", "error")[:AT_ONCE]):
        yield from page
        last = page[-1][0]


def without(body: bytes, judge: Judge) -> bytes:
    """The body with ERASED in the place of the person's entries; all of it, where entries cannot be told apart."""
    text = _text(body)
    if text is None:
        return _whole() if judge.knows(body.decode("latin-1")) else body
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return _without_json(body, text, judge)
    if not judge.knows(tree):
        return _whole() if judge.knows(text) else body  # said twice under one name: only the last is in the tree
    left = _sifted(tree, judge)
    return _whole() if left is None or judge.knows(left) else json.dumps(left, ensure_ascii=False).encode()


def ids_in(value: object) -> Iterator[str]:
    """What stands under names such as id, objectId, recordIds."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        name, here = waiting.pop()
        if isinstance(here, dict):
            waiting += [(str(key), each) for key, each in here.items()]
        elif isinstance(here, list):
            waiting += [(name, each) for each in here]
        elif _names_an_id(name) and isinstance(here, str | int):
            yield str(here)


def _names_an_id(name: str) -> bool:
    return name.replace("_", "").casefold() in IDS


def _sifted(tree: object, judge: Judge) -> object | None:
    """The batch with ERASED for the person's entries; None where the body is no batch."""
    if isinstance(tree, list):
        return [ERASED if judge.knows(each) else each for each in tree]
    if not isinstance(tree, dict):
        return None
    for name in BATCHES:
        inner = tree.get(name)
        if isinstance(inner, list) and inner and all(isinstance(each, dict) for each in inner):
            return {**tree, name: _sifted(inner, judge)}
    return None


def _without_json(body: bytes, text: str, judge: Judge) -> bytes:
    """A SOAP batch is sifted by its notifications; of anything else (a form, half a body) nothing is left."""
    if not SOAP.search(text):
        return _whole() if judge.knows(text) or judge.knows(unquote_plus(text)) else body

    def sift(part: re.Match[str]) -> str:
        ids = re.findall(r"<(?:\w+:)?Id>\s*([^<\s]+)\s*<", part[0])
        is_theirs = judge.knows(part[0]) or not judge.ids.isdisjoint(ids)
        return (
            f"<{part[1]}Notification><{part[1]}Id>erased</{part[1]}Id></{part[1]}Notification>"
            if is_theirs
            else part[0]
        )

    left = SOAP.sub(sift, text)
    return _whole() if judge.knows(left) else (body if left == text else left.encode())


def _text(body: bytes) -> str | None:
    for encoding in ("utf-16",) if body[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig",):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _whole() -> bytes:
    return json.dumps(ERASED).encode()


def _hashes(address: str) -> frozenset[str]:
    return frozenset(suppression.hashes(address))


def _write(pk: int, body: bytes, error: str, *, is_whole: bool) -> int:
    """A body of which nothing is left is read: it waits no more, and stands in no quarantine."""
    values: dict[str, Any] = {"body": body, "body_sha256": hashlib.sha256(body).hexdigest(), "error": error}
    with allowed():
        row = Delivery.objects.select_for_update().only("status", "applied_at").get(pk=pk)
        if is_whole:
            values |= {"status": Delivery.Status.APPLIED, "applied_at": row.applied_at or timezone.now(), "error": NOTE}
        return Delivery.objects.filter(pk=pk).update(**values)
