"""Salesforce's REST API with OAuth's client credentials at the customer's My Domain: read, query and write contacts and
leads.

Addresses and shapes: developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest. A collection takes 200 records,
each with a result of its own. What we write carries `client=gtm` (Sforce-Call-Options), by which Change Data Capture
names it when it comes back.
"""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from clients.canonical import part
from clients.crm.asking import Answered, Door, Fate, Identity, Manners, Page, Write, ask, batches, fate_of
from gtm import http, retries
from gtm.buckets import Published

CLIENT = "gtm"
DATA = "/services/data/v60.0"
BATCH = 200
OVERLAP = timedelta(minutes=10)  # a transaction that was open at `until` is stamped with its beginning
KINDS = {"contact": "Contact", "lead": "Lead"}
ALWAYS = ("Id", "Email", "IsDeleted", "LastModifiedById", "LastModifiedDate", "MasterRecordId", "SystemModstamp")
OF_LEADS = ("ConvertedContactId",)
UNKNOWN = re.compile(r"No such column '([\w.]+)'|Didn't understand relationship '(\w+)'")
MOST_UNKNOWN = 20  # fields of a mapping that the object has not, left out one by one
FIELD = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*){0,4}", re.ASCII)
ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")
DUPLICATE = frozenset({"DUPLICATES_DETECTED", "DUPLICATE_VALUE"})
GONE = frozenset({"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND"})
USAGE = re.compile(r"api-usage=([0-9]{1,9})/([0-9]{1,9})")


@dataclass(frozen=True)
class _Answer:
    """What a call of ours says it did for one record of a collection."""

    is_done: bool
    ext_id: str
    code: str
    why: str


def read_batch(object_type: str) -> int:
    return BATCH if object_type in KINDS else 0


def read(door: Door, ids: Sequence[str], names: Sequence[str], object_type: str = "contact") -> Answered:
    """Deleted and merged records too, as they say of themselves (IsDeleted, MasterRecordId)."""
    wanted = [each for each in ids[:BATCH] if ID.fullmatch(each)]
    where = "Id IN ({})".format(", ".join(f"'{each}'" for each in wanted))
    reply = _query(door, names, object_type, where) if wanted else None
    known = {str(part(each, "Id"))[:15] for each in _records(reply.json)} if reply else set()
    missing = tuple(each for each in ids[:BATCH] if each[:15] not in known)
    return Answered(reply.body if reply else b"", missing, calls=1 if reply else 0)


def changed_since(
    door: Door, since: datetime, until: datetime, cursor: str, names: Sequence[str], object_type: str = "contact"
) -> Page:
    """A cursor is a page of Salesforce's own; one that it no longer knows begins the window anew."""
    if cursor:
        try:
            return _page(_ask(door, "GET", cursor))
        except http.Refused as error:
            if "INVALID_QUERY_LOCATOR" not in retries.codes_of(error.json):
                raise
    low, high = (each.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for each in (since - OVERLAP, until + SECOND))
    window = f"SystemModstamp >= {low} AND SystemModstamp < {high} ORDER BY SystemModstamp, Id"
    return _page(_query(door, names, object_type, window))


SECOND = timedelta(seconds=1)  # a moment in a query has whole seconds


def push(door: Door, writes: Sequence[Write]) -> list[Fate]:
    fates: dict[str, Fate] = {}
    for method in ("PATCH", "POST"):
        for chunk in batches([each for each in writes if bool(each.ext_id) == (method == "PATCH")], BATCH):
            fates |= _written(door, method, chunk)
    return [fates[each.key] for each in writes]


def identify(door: Door) -> Identity:
    reply = _ask(door, "GET", "/services/oauth2/userinfo")
    organisation, user = str(part(reply.json, "organization_id") or ""), str(part(reply.json, "user_id") or "")
    return Identity(organisation, (user, CLIENT), str(part(reply.json, "name") or ""))


# --- writing


def _written(door: Door, method: http.Method, chunk: list[Write]) -> dict[str, Fate]:
    unfit = {each.key: Fate(each.key, "permanent", why, ext_id=each.ext_id) for each in chunk if (why := _unfit(each))}
    fit = [each for each in chunk if each.key not in unfit]
    if not fit:
        return unfit
    try:
        body = {"allOrNone": False, "records": [_record(each) for each in fit]}
        reply = _ask(door, method, f"{DATA}/composite/sobjects", json=body)
    except (http.Refused, http.Unavailable) as error:
        return unfit | {each.key: fate_of(each, error) for each in fit}
    said = reply.json if isinstance(reply.json, list) else []
    answers = [_answer(each) for each in said] + [None] * (len(fit) - len(said))
    return unfit | {each.key: _fate(door, each, told) for each, told in zip(fit, answers, strict=False)}


def _unfit(write: Write) -> str:
    """What no call could write, so that none is made for it."""
    if write.object_type not in KINDS:
        return f"Salesforce has no object “{write.object_type}” that we write"
    if write.ext_id and not ID.fullmatch(write.ext_id):
        return f"“{write.ext_id[:40]}” is no id of Salesforce"
    foreign = sorted(name for name in write.fields if "." in name or not FIELD.fullmatch(name))
    return f"{', '.join(foreign)[:200]} cannot be written: it is a field of another object" if foreign else ""


def _record(write: Write) -> dict[str, Any]:
    named = {"Id": write.ext_id} if write.ext_id else {}
    fields = {name: value if value != "" else None for name, value in write.fields.items()}
    return {"attributes": {"type": KINDS[write.object_type]}, **named, **fields}


def _answer(said: object) -> _Answer:
    errors = part(said, "errors") if isinstance(said, Mapping) else None
    first = errors[0] if isinstance(errors, list) and errors else {}
    ext_id = str(part(said, "id") or "") if isinstance(said, Mapping) else ""
    is_done = isinstance(said, Mapping) and said.get("success") is True
    return _Answer(is_done, ext_id, str(part(first, "statusCode") or ""), str(part(first, "message") or "")[:300])


def _fate(door: Door, write: Write, told: _Answer | None) -> Fate:
    if told is None or not (told.is_done or told.code):
        return Fate(write.key, "transient", "Salesforce did not say what became of it", ext_id=write.ext_id)
    ext_id = told.ext_id or write.ext_id
    if told.is_done:
        return Fate(write.key, "done", ext_id=ext_id)
    if told.code in DUPLICATE:
        return (
            _instead(door, write, told.why) if not write.ext_id else Fate(write.key, "conflict", told.why, None, ext_id)
        )
    if told.code in GONE:
        return Fate(write.key, "permanent", f"Salesforce no longer has this {write.object_type}", ext_id=ext_id)
    kind = retries.kind_of(400, {"errorCode": told.code})
    return Fate(write.key, kind, f"{told.why} ({told.code})", ext_id=ext_id)


def _instead(door: Door, write: Write, why: str) -> Fate:
    """There is a record of this address already: that one is looked up and changed. Of several, none is guessed."""
    address = write.fields.get("Email", "")
    if not address:
        return Fate(write.key, "conflict", why)
    try:
        where = f"Email = '{_quoted(address)}' AND IsDeleted = false LIMIT 2"
        found = [str(part(each, "Id")) for each in _records(_query(door, (), write.object_type, where).json)]
    except (http.Refused, http.Unavailable) as error:
        return fate_of(write, error)
    if len(found) != 1:
        return Fate(write.key, "conflict", why)
    known = Write(write.key, found[0], write.fields, write.object_type)
    return _written(door, "PATCH", [known])[write.key]


# --- the wire


def _query(door: Door, names: Sequence[str], object_type: str, where: str) -> http.Reply:
    """queryAll finds what was deleted too. Salesforce refuses a whole query for one field that the object has not (a
    mapping may name fields of leads and of contacts): that one is left out, from then on."""
    kind = _kind(object_type)
    unknown = _unknown.setdefault((door.base_url, kind), set())
    for _ in range(MOST_UNKNOWN):
        soql = " ".join(("SELECT", _fields(names, kind, unknown), "FROM", kind, "WHERE", where))
        try:
            return _ask(door, "GET", f"{DATA}/queryAll", params={"q": soql})
        except http.Refused as error:
            named = UNKNOWN.search(str(error.json))
            if not named:
                raise
            unknown.add((named.group(1) or named.group(2)).casefold())
    raise http.Refused(400, f"More than {MOST_UNKNOWN} fields of the mapping are not known to Salesforce's {kind}")


_unknown: dict[tuple[str, str], set[str]] = {}  # of this process: fields that an organisation's object has not


def _fields(names: Sequence[str], kind: str, unknown: Collection[str]) -> str:
    """What is no name of a field is left out, because it would become part of the query."""
    fit = {each for each in names if FIELD.fullmatch(each)}
    wanted = {*fit, *ALWAYS, *(OF_LEADS if kind == "Lead" else ())}
    return ", ".join(sorted(each for each in wanted if not _is_among(unknown, each.casefold())))


def _is_among(unknown: Collection[str], name: str) -> bool:
    return name in unknown or name.partition(".")[0] in unknown


def _page(reply: http.Reply) -> Page:
    found = _records(reply.json)
    following = part(reply.json, "nextRecordsUrl")
    return Page(reply.body if found else b"", str(following) if _is_ours(following) else "", len(found))


def _is_ours(path: object) -> bool:
    """The party names a path of its own; it is asked at the address that a person entered, with their token."""
    return isinstance(path, str) and path.startswith("/services/data/")


def _ask(
    door: Door, method: http.Method, path: str, *, json: object = None, params: Mapping[str, str] | None = None
) -> http.Reply:
    """A token that has run out is renewed once."""
    for is_last in (False, True):
        token = _token(door, fresh=is_last)
        headers = {"Authorization": f"Bearer {token}", "Sforce-Call-Options": f"client={CLIENT}"}
        try:
            return ask(door, http.Call(method, _address(door, path), params, headers, json), MANNERS)
        except http.Refused as error:
            if error.status != 401 or is_last:
                raise
    raise AssertionError("the second round returns or raises")


_tokens: dict[str, str] = {}  # of this process, by a hash of where and with what they were got


def _token(door: Door, *, fresh: bool) -> str:
    place = hashlib.sha256(f"{door.base_url} {door.credential}".encode()).hexdigest()
    if fresh or place not in _tokens:
        _tokens.pop(place, None)
        _tokens[place] = _signed_in(door)
    return _tokens[place]


def _signed_in(door: Door) -> str:
    key, _, secret = door.credential.partition(" ")
    if not (door.base_url and key and secret):
        raise http.Refused(401, NEEDS)
    form = {"grant_type": "client_credentials", "client_id": key, "client_secret": secret.strip()}
    reply = ask(door, http.Call("POST", _address(door, "/services/oauth2/token"), form=form), MANNERS)
    token = part(reply.json, "access_token")
    if not isinstance(token, str) or not token:
        raise http.Unavailable("Salesforce signed us in without a token")
    return token


NEEDS = (
    "Salesforce needs three words as its credential: the My Domain address (https://….my.salesforce.com), the consumer "
    "key and the consumer secret of the app"
)


def _address(door: Door, path: str) -> str:
    return door.base_url.rstrip("/") + path


def _kind(object_type: str) -> str:
    if object_type not in KINDS:
        raise http.Refused(0, f"Salesforce has no object “{object_type}” that we read")
    return KINDS[object_type]


def _quoted(text: str) -> str:
    """The text as it stands between quotes in a query."""
    return re.sub(r"([\\'])", r"\\\1", re.sub(r"[\x00-\x1f]", "", text))


def _records(answer: object) -> list[Mapping[str, Any]]:
    found = answer.get("records") if isinstance(answer, Mapping) else None
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _day(headers: Mapping[str, str]) -> tuple[int, int] | None:
    """Sforce-Limit-Info: api-usage=18/15000"""
    found = USAGE.search(headers.get("sforce-limit-info", ""))
    return (int(found.group(1)), int(found.group(2))) if found else None


# Salesforce publishes calls of a day only; a hundred in ten seconds is what we allow ourselves.
MANNERS = Manners(Published(calls=100, seconds=10, a_day=100_000), day=_day)
