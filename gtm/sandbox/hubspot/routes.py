"""HubSpot's addresses: single contacts, batches, search, merge, meetings, the journal, whose token it is."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from gtm.models import SandboxRecord
from gtm.sandbox import memory
from gtm.sandbox.asked import Answer, Asked
from gtm.sandbox.hubspot import contacts, journal, search
from gtm.sandbox.hubspot.accounts import account, app_id, token_of
from gtm.sandbox.hubspot.batches import batch
from gtm.sandbox.hubspot.contacts import Refused
from gtm.sandbox.memory import Account

CORRELATION = "00000000-0000-4000-8000-000000000000"
CALLS_A_DAY = 250_000


@dataclass(frozen=True)
class Visit:
    """One authenticated call: whose records, what was asked, and the parts of its path."""

    account: Account
    asked: Asked
    at: datetime
    parts: Mapping[str, str]

    @property
    def body(self) -> dict[str, Any]:
        """Raises Refused."""
        found = self.asked.json_object()
        if found is None:
            raise Refused(400, "VALIDATION_ERROR", "Invalid input JSON")
        return found

    @property
    def names(self) -> list[str]:
        return [each for each in self.asked.params.get("properties", "").split(",") if each]


Route = Callable[[Visit], Answer]


def answer(asked: Asked) -> Answer:
    token = token_of(asked)
    if not token:
        return refusal(Refused(401, "INVALID_AUTHENTICATION", "Authentication credentials not found."))
    for method, pattern, route in ROUTES:
        found = re.fullmatch(pattern, asked.path)
        if found and method == asked.method:
            return _visited(route, Visit(account(token), asked, timezone.now(), found.groupdict()))
    return refusal(Refused(404, "OBJECT_NOT_FOUND", "The requested path does not exist"))


def _visited(route: Route, visit: Visit) -> Answer:
    used = memory.count_call(visit.account, at=visit.at)
    try:
        if used > CALLS_A_DAY:
            raise Refused(429, "RATE_LIMITS", "You have reached your daily limit.")
        said = route(visit)
    except Refused as error:
        return refusal(error)
    limits = {} if visit.asked.path.endswith("/search") else _limits(used)
    return Answer(said.status, said.body, {**limits, **said.headers})


def _limits(used: int) -> dict[str, str]:
    """A search says nothing of limits."""
    return {
        "X-HubSpot-RateLimit-Daily": str(CALLS_A_DAY),
        "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, CALLS_A_DAY - used)),
        "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
        "X-HubSpot-RateLimit-Max": "100",
        "X-HubSpot-RateLimit-Remaining": "99",
    }


def refusal(error: Refused) -> Answer:
    body = {
        "status": "error",
        "message": error.message,
        "correlationId": CORRELATION,
        "category": error.category,
        **({"policyName": "DAILY", "errorType": "RATE_LIMIT"} if error.status == 429 else {}),
    }
    return Answer(error.status, body)


def _get(visit: Visit) -> Answer:
    if visit.asked.params.get("idProperty") == "email":
        record = contacts.of_address(visit.account, visit.parts["id"])
    else:
        record = contacts.survivor(visit.account, visit.parts["id"])
    wants_archived = visit.asked.params.get("archived") == "true"
    if record is None or record.is_deleted != wants_archived:
        raise Refused(404, "OBJECT_NOT_FOUND", "resource not found")
    return Answer(200, contacts.shown(record, visit.names))


def _list(visit: Visit) -> Answer:
    """Ids ascending; `after` is the last one seen."""
    limit, after = int(visit.asked.params.get("limit", "10")), int(visit.asked.params.get("after", "0"))
    is_archived = visit.asked.params.get("archived") == "true"
    if not 0 < limit <= 100:
        raise Refused(400, "VALIDATION_ERROR", "limit must be between 1 and 100")
    rows = memory.records(visit.account, "contact").filter(is_deleted=is_archived, merged_into="", pk__gt=after)
    found = list(rows.order_by("pk")[: limit + 1])
    page = [contacts.shown(each, visit.names) for each in found[:limit]]
    more = {"paging": {"next": {"after": str(found[limit - 1].pk)}}} if len(found) > limit else {}
    return Answer(200, {"results": page, **more})


def _create(visit: Visit) -> Answer:
    with memory.writing(visit.account):
        made = contacts.create(visit.account, visit.body.get("properties", {}), at=visit.at, by=_by(visit))
    return Answer(201, contacts.shown(made, list(made.values)))


def _update(visit: Visit) -> Answer:
    with memory.writing(visit.account):
        record = _living(visit, visit.parts["id"])
        contacts.update(visit.account, record, visit.body.get("properties", {}), at=visit.at, by=_by(visit))
    return Answer(200, contacts.shown(record, list(visit.body.get("properties", {}))))


def _delete(visit: Visit) -> Answer:
    with memory.writing(visit.account):
        record = contacts.find(visit.account, visit.parts["id"])
        if record:
            contacts.delete(visit.account, record, at=visit.at, by=_by(visit))
    return Answer(204, None)


def _batch(visit: Visit) -> Answer:
    return batch(visit.account, visit.parts["verb"], visit.body, at=visit.at, by=_by(visit))


def _search(visit: Visit) -> Answer:
    return Answer(200, search.search(visit.account, visit.body))


def _merge(visit: Visit) -> Answer:
    with memory.writing(visit.account):
        pair = [_living(visit, str(visit.body.get(name))) for name in ("primaryObjectId", "objectIdToMerge")]
        made = contacts.merge(visit.account, pair[0], pair[1], at=visit.at, by=_by(visit))
    return Answer(200, contacts.shown(made, ()))


def _meeting(visit: Visit) -> Answer:
    record = memory.find(visit.account, "meeting", visit.parts["id"])
    if record is None or record.is_deleted:
        raise Refused(404, "OBJECT_NOT_FOUND", "resource not found")
    body = contacts.shown(record, visit.names)
    if visit.asked.params.get("associations") == "contacts":
        linked = [{"id": each, "type": "meeting_event_to_contact"} for each in record.links.get("contacts", [])]
        body["associations"] = {"contacts": {"results": linked}}
    return Answer(200, body)


def _journal(visit: Visit) -> Answer:
    """An entry of the journal names a file; its own offset leads on. 204: nothing newer."""
    kept = memory.records(visit.account, "journal").filter(created_at__gt=visit.at - journal.KEPT).order_by("pk")
    place, offset = visit.parts.get("place"), int(visit.parts.get("offset") or 0)
    row = kept.last() if place == "latest" else kept.filter(pk__gt=offset).first()
    if row is None:
        return Answer(204, None)
    address = f"https://{visit.asked.host}/webhooks-journal/files/{row.pk}"
    return Answer(200, {"url": address, "currentOffset": str(row.pk), "expiresAt": contacts.moment(visit.at)})


def _file(visit: Visit) -> Answer:
    row = memory.find(visit.account, "journal", visit.parts["offset"])
    if row is None:
        raise Refused(404, "OBJECT_NOT_FOUND", "resource not found")
    return Answer(200, {"offset": row.pk, "journalEvents": [journal.as_listed(row.values)]})


def _token_info(visit: Visit) -> Answer:
    scopes = ["crm.objects.contacts.read", "crm.objects.contacts.write"]
    known = {"userId": 51430432, "hubId": visit.account.number, "appId": app_id(visit.account), "scopes": scopes}
    return Answer(200, known)


def _living(visit: Visit, ext_id: str) -> SandboxRecord:
    record = contacts.find(visit.account, ext_id)
    if record is None:
        raise Refused(404, "OBJECT_NOT_FOUND", "resource not found")
    return record


def _by(visit: Visit) -> journal.By:
    return journal.the_app(visit.account)


CONTACTS = "/crm/v3/objects/contacts"
JOURNAL = "/webhooks-journal/journal-local/2026-03"
ROUTES: tuple[tuple[str, str, Route], ...] = (
    ("POST", f"{CONTACTS}/batch/(?P<verb>read|create|update|upsert|archive)", _batch),
    ("POST", f"{CONTACTS}/search", _search),
    ("POST", f"{CONTACTS}/merge", _merge),
    ("GET", CONTACTS, _list),
    ("POST", CONTACTS, _create),
    ("GET", f"{CONTACTS}/(?P<id>[^/]+)", _get),
    ("PATCH", f"{CONTACTS}/(?P<id>[^/]+)", _update),
    ("DELETE", f"{CONTACTS}/(?P<id>[^/]+)", _delete),
    ("GET", "/crm/v3/objects/(?:meetings|0-47)/(?P<id>[^/]+)", _meeting),
    ("GET", f"{JOURNAL}/(?P<place>earliest|latest)", _journal),
    ("GET", f"{JOURNAL}/offset/(?P<offset>[0-9]+)/next", _journal),
    ("GET", "/webhooks-journal/files/(?P<offset>[0-9]+)", _file),
    ("POST", "/oauth/v2/private-apps/get/access-token-info", _token_info),
)
