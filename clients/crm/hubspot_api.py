"""HubSpot's CRM API, version 3, with the token of a private app: read, search and write contacts, read meetings.

Addresses and shapes: developers.hubspot.com/docs/api/crm/contacts, …/crm/search, …/crm/meetings. A batch takes 100
records. Writes carry `objectWriteTraceId`, so that HubSpot answers for each of them (207) and a change that comes back
can be told from others.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from clients.canonical import part
from clients.crm.asking import Answered, Door, Fate, Identity, Manners, Page, Write, ask, batches, fate_of
from gtm import http
from gtm.buckets import Published
from gtm.limits import Seen

BASE_URL = "https://api.hubapi.com"
PATHS = {"contact": "/crm/v3/objects/contacts", "meeting": "/crm/v3/objects/meetings"}
BATCH = 100
SEARCH_PAGE = 200
OVERLAP = timedelta(minutes=10)  # search finds a change some seconds to minutes after it was made
ALWAYS = ("email", "hs_additional_emails", "hs_merged_object_ids", "lastmodifieddate")
MEETING = ("hs_createdate", "hs_meeting_start_time", "hs_meeting_end_time", "hs_meeting_outcome", "hs_meeting_title")
SEARCHES = {"search": Published(calls=5, seconds=1, a_day=250_000)}
FORWARD_ONLY = "lifecyclestage"
KINDS = {
    "CONFLICT": "conflict",
    "RATE_LIMITS": "transient",
    "INTERNAL_ERROR": "transient",
    "MISSING_SCOPES": "auth",
    "INVALID_AUTHENTICATION": "auth",
}


def read_batch(object_type: str) -> int:
    """A meeting is read alone, because only so HubSpot tells whom it was with."""
    return {"contact": BATCH, "meeting": 1}.get(object_type, 0)


def read(door: Door, ids: Sequence[str], names: Sequence[str], object_type: str = "contact") -> Answered:
    if object_type == "meeting":
        return _read_meeting(door, ids[0])
    properties = sorted({*names, *ALWAYS})
    reply = _post(door, "batch/read", {"properties": properties, "inputs": [{"id": each} for each in ids[:BATCH]]})
    known = {str(part(each, "id")) for each in _records(reply.json, "results")}
    return Answered(reply.body, tuple(each for each in ids[:BATCH] if each not in known))


def _read_meeting(door: Door, ext_id: str) -> Answered:
    params = {"properties": ",".join(MEETING), "associations": "contacts"}
    try:
        reply = _ask(door, "GET", f"{PATHS['meeting']}/{quote(ext_id, safe='')}", params=params)
    except http.Refused as error:
        if error.status != 404:
            raise
        return Answered(b"", (ext_id,))
    return Answered(reply.body)


def changed_since(
    door: Door, since: datetime, until: datetime, cursor: str, names: Sequence[str], object_type: str = "contact"
) -> Page:
    """First what lives, by search, then what was deleted, from the list of archived contacts.

    A search answers 10,000 records at most. So each page is a search of its own, for ids above the last one seen: no
    window is too wide, not even after an import that gave all contacts one moment.
    """
    if object_type != "contact":
        raise http.Refused(0, "HubSpot tells of meetings by webhook; they are read one by one")
    if cursor.startswith("archived:"):
        return _archived(door, since - OVERLAP, until, cursor.removeprefix("archived:"), names)
    wanted = [
        _between("lastmodifieddate", since - OVERLAP, until),
        {"propertyName": "hs_object_id", "operator": "GT", "value": cursor or "0"},
    ]
    question = {
        "filterGroups": [{"filters": wanted}],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": sorted({*names, *ALWAYS}),
        "limit": SEARCH_PAGE,
    }
    reply = _post(door, "search", question)
    found = _records(reply.json, "results")
    is_last = len(found) < SEARCH_PAGE
    return Page(reply.body if found else b"", "archived:" if is_last else str(part(found[-1], "id")), len(found))


def _archived(door: Door, since: datetime, until: datetime, after: str, names: Sequence[str]) -> Page:
    """The list cannot be asked for a span of time: a page of which nothing lies in it is left out."""
    params = {"archived": "true", "limit": "100", "properties": ",".join(sorted({*names, *ALWAYS}))}
    reply = _ask(door, "GET", PATHS["contact"], params=params | ({"after": after} if after else {}))
    found = [each for each in _records(reply.json, "results") if since <= _moment(part(each, "archivedAt")) <= until]
    following = str(part(reply.json, "paging", "next", "after") or "")
    return Page(reply.body if found else b"", f"archived:{following}" if following else "", len(found))


def push(door: Door, writes: Sequence[Write]) -> list[Fate]:
    fates = {each.key: Fate(each.key, "permanent", ONLY_CONTACTS, ext_id=each.ext_id) for each in writes}
    written = [each for each in writes if each.object_type == "contact"]
    for verb in ("update", "create"):
        for chunk in batches([each for each in written if bool(each.ext_id) == (verb == "update")], BATCH):
            fates |= _written(door, verb, chunk)
    return [fates[each.key] for each in writes]


def identify(door: Door) -> Identity:
    reply = _ask(door, "POST", "/oauth/v2/private-apps/get/access-token-info", json={"tokenKey": door.credential})
    app, portal = part(reply.json, "appId"), part(reply.json, "hubId")
    return Identity(str(portal or ""), tuple(str(each) for each in (app,) if each), f"portal {portal}")


# --- writing


def _written(door: Door, verb: str, chunk: list[Write]) -> dict[str, Fate]:
    """One refusal of a whole batch does not take the good ones along: the halves are tried apart."""
    inputs = [_input(each) for each in chunk]
    try:
        reply = _post(door, f"batch/{verb}", {"inputs": inputs})
    except http.Refused as error:
        if error.kind == "auth":
            return {each.key: fate_of(each, error) for each in chunk}
        if len(chunk) == 1:
            return {chunk[0].key: _alone(door, chunk[0], error)}
        half = len(chunk) // 2
        return _written(door, verb, chunk[:half]) | _written(door, verb, chunk[half:])
    except http.Unavailable as error:
        return {each.key: fate_of(each, error) for each in chunk}
    return {each.key: _fate(door, each, reply.json) for each in chunk}


def _input(write: Write) -> dict[str, Any]:
    named = {"id": write.ext_id} if write.ext_id else {}
    return {**named, "properties": dict(write.fields), "objectWriteTraceId": write.key}


def _alone(door: Door, write: Write, error: http.Refused) -> Fate:
    if error.kind == "conflict" and not write.ext_id:
        return _instead(door, write, error.reason)
    if error.status == 404:
        return Fate(write.key, "permanent", GONE, ext_id=write.ext_id)
    return fate_of(write, error)


def _fate(door: Door, write: Write, answer: object) -> Fate:
    for each in _records(answer, "results"):
        if _is_of(write, each):
            return _kept(write, each)
    for each in _records(answer, "errors"):
        if _named(each, "ids", "id", "objectWriteTraceId") & {write.ext_id or write.key, write.key}:
            return _failed(door, write, each)
    return Fate(write.key, "transient", "HubSpot did not say what became of it", ext_id=write.ext_id)


def _is_of(write: Write, result: Mapping[str, Any]) -> bool:
    if write.ext_id and str(part(result, "id")) == write.ext_id:
        return True
    if part(result, "objectWriteTraceId") == write.key:
        return True
    address = str(write.fields.get("email", "")).casefold()
    return not write.ext_id and bool(address) and str(part(result, "properties", "email")).casefold() == address


def _kept(write: Write, result: Mapping[str, Any]) -> Fate:
    """Done, unless HubSpot accepted the call and kept its own value."""
    ext_id = str(part(result, "id") or write.ext_id)
    wanted, stands = write.fields.get(FORWARD_ONLY, ""), part(result, "properties", FORWARD_ONLY)
    if wanted and stands and stands != wanted:
        return Fate(write.key, "permanent", FORWARD.format(stands), ext_id=ext_id)
    return Fate(write.key, "done", ext_id=ext_id)


def _failed(door: Door, write: Write, error: Mapping[str, Any]) -> Fate:
    category, why = str(part(error, "category")), str(part(error, "message") or "HubSpot refused it")[:300]
    kind = KINDS.get(category, "permanent")
    if kind == "conflict" and not write.ext_id:
        return _instead(door, write, why)
    if category == "OBJECT_NOT_FOUND":
        why = GONE
    return Fate(write.key, kind, why, ext_id=write.ext_id)  # type: ignore[arg-type]


ONLY_CONTACTS = "Of HubSpot only contacts are written"
GONE = "HubSpot no longer has this contact"
FORWARD = "HubSpot keeps the lifecycle stage “{}”: it only moves forward. To go back, clear it in HubSpot first."


def _instead(door: Door, write: Write, why: str) -> Fate:
    """There is a contact of this address already: that one is looked up and changed."""
    try:
        ext_id = _named_in(why) or _id_of(door, write.fields.get("email", ""))
    except (http.Refused, http.Unavailable) as error:
        return fate_of(write, error)
    if not ext_id:
        return Fate(write.key, "conflict", why)
    known = Write(write.key, ext_id, write.fields, write.object_type)
    return _written(door, "update", [known])[write.key]


def _named_in(why: str) -> str:
    """Contact already exists. Existing ID: 51"""
    found = re.search(r"Existing ID: ([0-9]+)", why)
    return found.group(1) if found else ""


def _id_of(door: Door, address: str) -> str:
    if not address:
        return ""
    reply = _post(door, "batch/read", {"properties": ["email"], "idProperty": "email", "inputs": [{"id": address}]})
    return next((str(part(each, "id")) for each in _records(reply.json, "results")), "")


# --- the wire


def _post(door: Door, path: str, body: Mapping[str, Any]) -> http.Reply:
    return _ask(door, "POST", f"{PATHS['contact']}/{path}", json=body)


def _ask(
    door: Door, method: http.Method, path: str, *, json: object = None, params: Mapping[str, str] | None = None
) -> http.Reply:
    headers = {"Authorization": f"Bearer {door.credential}"}
    call = http.Call(method, (door.base_url or BASE_URL) + path, params, headers, json)
    return ask(door, call, MANNERS, narrower=SEARCHES if path.endswith("/search") else None)


def _records(answer: object, name: str) -> list[Mapping[str, Any]]:
    found = answer.get(name) if isinstance(answer, Mapping) else None
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _named(error: Mapping[str, Any], *names: str) -> set[str]:
    """The ids that an error of a batch speaks of."""
    found = [part(error, "context", name) for name in names]
    return {str(each) for listed in found if listed for each in (listed if isinstance(listed, list) else [listed])}


def _between(name: str, since: datetime, until: datetime) -> dict[str, str]:
    """Both ends included, in milliseconds since 1970."""
    low, high = (str(int(each.timestamp() * 1000)) for each in (since, until))
    return {"propertyName": name, "operator": "BETWEEN", "value": low, "highValue": high}


def _moment(value: object) -> datetime:
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _seen(headers: Mapping[str, str], at: datetime) -> Seen:
    left = _number(headers, "x-hubspot-ratelimit-remaining")
    span = _number(headers, "x-hubspot-ratelimit-interval-milliseconds")
    return Seen(left, at + timedelta(milliseconds=min(span or 10_000, 600_000))) if left is not None else Seen()


def _day(headers: Mapping[str, str]) -> tuple[int, int] | None:
    of, left = (_number(headers, f"x-hubspot-ratelimit-daily{end}") for end in ("", "-remaining"))
    return None if of is None or left is None else (of - left, of)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


MANNERS = Manners(Published(calls=100, seconds=10, a_day=250_000), retry_after_in="ms", seen=_seen, day=_day)
