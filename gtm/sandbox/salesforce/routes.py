"""Salesforce's addresses: signing in, queries and their pages, single records, collections, composite, who we are."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.db import transaction
from django.utils import timezone

from gtm.models import SandboxRecord
from gtm.sandbox import memory
from gtm.sandbox.asked import Answer, Asked
from gtm.sandbox.memory import Account
from gtm.sandbox.salesforce import organisations, sobjects, soql
from gtm.sandbox.salesforce.organisations import DATA
from gtm.sandbox.salesforce.sobjects import KINDS, By, Refused

CALLS_A_DAY = 100_000
PAGE = 2000
MOST_IN_A_COLLECTION = 200
MOST_IN_A_COMPOSITE = 25


@dataclass(frozen=True)
class Visit:
    """One signed-in call: whose records, what was asked, and the parts of its path."""

    account: Account
    asked: Asked
    at: datetime
    parts: Mapping[str, str]

    @property
    def body(self) -> dict[str, Any]:
        """Raises Refused."""
        found = self.asked.json_object()
        if found is None:
            raise Refused(
                400, "JSON_PARSER_ERROR", "The HTTP entity body is required, but this request has no entity body."
            )
        return found

    @property
    def by(self) -> By:
        options = self.asked.headers.get("sforce-call-options", "")
        found = re.search(r"client=([^,;\s]+)", options)
        return sobjects.the_app(self.account, found.group(1) if found else "")


Route = Callable[[Visit], Answer]


def answer(asked: Asked) -> Answer:
    of = organisations.account(asked.host)
    if (asked.method, asked.path) == ("POST", "/services/oauth2/token"):
        return _sign_in(of, asked)
    token = asked.headers.get("authorization", "").removeprefix("Bearer ")
    if not organisations.is_signed_in(of, token):
        return _refusal(Refused(401, "INVALID_SESSION_ID", "Session expired or invalid"))
    at = timezone.now()
    used = memory.count_call(of, at=at)
    if used > CALLS_A_DAY:
        return _refusal(Refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))
    said = _routed(of, asked, at)
    return Answer(said.status, said.body, {"Sforce-Limit-Info": f"api-usage={used}/{CALLS_A_DAY}", **said.headers})


def _routed(of: Account, asked: Asked, at: datetime) -> Answer:
    for method, pattern, route in ROUTES:
        found = re.fullmatch(pattern, asked.path)
        if found and method == asked.method:
            try:
                return route(Visit(of, asked, at, found.groupdict()))
            except Refused as error:
                return _refusal(error)
    return _refusal(Refused(404, "NOT_FOUND", "The requested resource does not exist"))


def _refusal(error: Refused) -> Answer:
    fields = {"fields": error.fields} if error.fields else {}
    return Answer(error.status, [{"message": error.message, "errorCode": error.code, **fields}])


def _sign_in(of: Account, asked: Asked) -> Answer:
    form = dict(parse_qsl(asked.body.decode("utf-8", "replace")))
    if form.get("grant_type") != "client_credentials":
        return Answer(400, {"error": "unsupported_grant_type", "error_description": "grant type not supported"})
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    token = organisations.sign_in(of, client_id, secret) if client_id and secret else ""
    if not token:
        return Answer(400, {"error": "invalid_client", "error_description": "invalid client credentials"})
    organisation, user = organisations.organisation_id(of), organisations.app_user_id(of)
    body = {
        "access_token": token,
        "signature": "c2FuZGJveA==",
        "instance_url": f"https://{asked.host}",
        "id": f"https://login.salesforce.com/id/{organisation}/{user}",
        "token_type": "Bearer",
        "issued_at": str(int(timezone.now().timestamp() * 1000)),
    }
    return Answer(200, body)


def _user_info(visit: Visit) -> Answer:
    of = visit.account
    user, organisation = organisations.app_user_id(of), organisations.organisation_id(of)
    return Answer(200, {"user_id": user, "organization_id": organisation, "name": "Integration user"})


# --- queries


def _query(visit: Visit) -> Answer:
    try:
        query = soql.parsed(visit.asked.params.get("q", ""))
    except soql.Malformed as error:
        raise Refused(400, "MALFORMED_QUERY", str(error)) from None
    if query.kind not in KINDS:
        raise Refused(400, "INVALID_TYPE", f"sObject type '{query.kind}' is not supported.")
    named = [*query.fields, *(each.field for each in query.conditions), *(name for name, _ in query.order)]
    sobjects.check_fields(query.kind, named)
    ids = _found(visit, query)
    if len(ids) <= PAGE:
        return _page(visit, query, ids, 0, locator="")
    values = {"q": visit.asked.params["q"], "ids": ids}
    made = memory.add(visit.account, "locator", values, at=visit.at, named=lambda number: f"01g{number:015d}")
    return _page(visit, query, ids, 0, locator=made.ext_id)


def _found(visit: Visit, query: soql.Query) -> list[str]:
    rows = memory.records(visit.account, query.kind)
    if visit.parts["verb"] == "query":
        rows = rows.filter(is_deleted=False)
    read = [(sobjects.reader(visit.account, row), row.ext_id) for row in rows]
    full = replace(query, conditions=tuple(_with_full_ids(each) for each in query.conditions))
    fitting = [each for each in read if full.fits(each[0])]
    for name, descending in reversed(query.order or (("Id", False),)):
        fitting.sort(key=partial(_ordered, name=name), reverse=descending)
    return [ext_id for _, ext_id in fitting[: query.limit]]


def _with_full_ids(condition: soql.Condition) -> soql.Condition:
    """Ids may be asked for by their first 15 signs."""
    if condition.field != "Id":
        return condition
    told = condition.value if isinstance(condition.value, list) else [condition.value]
    full = [organisations.with_check(each) if isinstance(each, str) and len(each) == 15 else each for each in told]
    return replace(condition, value=full if isinstance(condition.value, list) else full[0])


def _ordered(each: tuple[Callable[[str], Any], str], name: str) -> tuple[bool, Any]:
    value = each[0](name)
    return value is not None, "" if value is None else value


def _more(visit: Visit) -> Answer:
    kept = memory.find(visit.account, "locator", visit.parts["locator"])
    if kept is None:
        raise Refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    query = soql.parsed(kept.values["q"])
    return _page(visit, query, kept.values["ids"], int(visit.parts["start"]), locator=kept.ext_id)


def _page(visit: Visit, query: soql.Query, ids: list[str], start: int, *, locator: str) -> Answer:
    wanted = ids[start : start + PAGE]
    rows = {row.ext_id: row for row in memory.records(visit.account, query.kind).filter(ext_id__in=wanted)}
    shown = [sobjects.shown(visit.account, rows[each], query.fields) for each in wanted if each in rows]
    is_done = start + PAGE >= len(ids)
    more = {} if is_done else {"nextRecordsUrl": f"{DATA}/{visit.parts['verb']}/{locator}-{start + PAGE}"}
    return Answer(200, {"totalSize": len(ids), "done": is_done, **more, "records": shown})


# --- records


def _get(visit: Visit) -> Answer:
    record = sobjects.living(visit.account, visit.parts["kind"], visit.parts["id"])
    asked = [each for each in visit.asked.params.get("fields", "").split(",") if each]
    fields = asked or ["Id", "FirstName", "LastName", "Name", "Email", "Title", "LastModifiedDate", "SystemModstamp"]
    sobjects.check_fields(record.object_type, fields)
    return Answer(200, sobjects.shown(visit.account, record, fields))


def _create(visit: Visit) -> Answer:
    with memory.writing(visit.account):
        made = sobjects.create(visit.account, visit.parts["kind"], visit.body, at=visit.at, by=visit.by)
    return Answer(201, {"id": made.ext_id, "success": True, "errors": []})


def _update(visit: Visit) -> Answer:
    with memory.writing(visit.account):
        record = sobjects.living(visit.account, visit.parts["kind"], visit.parts["id"])
        sobjects.update(visit.account, record, visit.body, at=visit.at, by=visit.by)
    return Answer(204, None)


def _upsert(visit: Visit) -> Answer:
    """By a field that is unique at the party."""
    kind, field, value = (visit.parts[name] for name in ("kind", "field", "value"))
    with memory.writing(visit.account):
        known = memory.records(visit.account, kind).filter(is_deleted=False, **{f"values__{field}": value}).first()
        if known is None:
            made = sobjects.create(visit.account, kind, {**visit.body, field: value}, at=visit.at, by=visit.by)
            return Answer(201, {"id": made.ext_id, "success": True, "errors": [], "created": True})
        sobjects.update(visit.account, known, visit.body, at=visit.at, by=visit.by)
    return Answer(200, {"id": known.ext_id, "success": True, "errors": [], "created": False})


def _delete(visit: Visit) -> Answer:
    with memory.writing(visit.account):
        record = sobjects.living(visit.account, visit.parts["kind"], visit.parts["id"])
        sobjects.delete(visit.account, record, at=visit.at, by=visit.by)
    return Answer(204, None)


def _collection(visit: Visit) -> Answer:
    """Up to 200 records; each has its own fate, unless allOrNone."""
    asked = visit.body.get("records")
    if not isinstance(asked, list) or not 0 < len(asked) <= MOST_IN_A_COLLECTION:
        message = f"The number of records must be between 1 and {MOST_IN_A_COLLECTION}"
        raise Refused(400, "INVALID_INPUT", message)
    with memory.writing(visit.account):
        results = [_one(visit, each) for each in asked]
        if visit.body.get("allOrNone") and not all(each["success"] for each in results):
            transaction.set_rollback(True)
            results = [each if not each["success"] else _rolled_back() for each in results]
    return Answer(200, results)


def _one(visit: Visit, values: Mapping[str, Any]) -> dict[str, Any]:
    kind = str((values.get("attributes") or {}).get("type"))
    ext_id = str(values.get("Id") or values.get("id") or "")
    try:
        if kind not in KINDS:
            raise Refused(400, "INVALID_TYPE", f"sObject type '{kind}' is not supported.")
        with transaction.atomic():
            if visit.asked.method == "POST":
                ext_id = sobjects.create(visit.account, kind, values, at=visit.at, by=visit.by).ext_id
            else:
                given = {name: value for name, value in values.items() if name != "id"}
                sobjects.update(visit.account, _known(visit, kind, ext_id), given, at=visit.at, by=visit.by)
    except Refused as error:
        said = {"statusCode": error.code, "message": error.message, "fields": error.fields}
        return {**({"id": ext_id} if ext_id else {}), "success": False, "errors": [said]}
    return {"id": ext_id, "success": True, "errors": []}


def _known(visit: Visit, kind: str, ext_id: str) -> SandboxRecord:
    try:
        return sobjects.living(visit.account, kind, ext_id)
    except Refused as error:
        code = "INVALID_CROSS_REFERENCE_KEY" if error.code == "NOT_FOUND" else error.code
        raise Refused(400, code, "invalid cross reference id" if error.code == "NOT_FOUND" else error.message) from None


def _rolled_back() -> dict[str, Any]:
    message = "Record rolled back because not all records were valid and the request was using AllOrNone header"
    return {
        "success": False,
        "errors": [{"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": message, "fields": []}],
    }


def _composite(visit: Visit) -> Answer:
    asked = visit.body.get("compositeRequest")
    if not isinstance(asked, list) or not 0 < len(asked) <= MOST_IN_A_COMPOSITE:
        raise Refused(400, "INVALID_INPUT", f"Between 1 and {MOST_IN_A_COMPOSITE} subrequests are allowed")
    made = []
    for each in asked:
        address = urlsplit(str(each.get("url")))
        body = json.dumps(each.get("body")).encode() if each.get("body") is not None else b""
        inner = Asked(
            str(each.get("method")),
            address.path,
            dict(parse_qsl(address.query)),
            visit.asked.headers,
            visit.asked.host,
            body,
        )
        said = _routed(visit.account, inner, visit.at)
        made.append({
            "body": said.body, "httpHeaders": {}, "httpStatusCode": said.status, "referenceId": each.get("referenceId"),
        })  # fmt: skip
    return Answer(200, {"compositeResponse": made})


KIND = f"(?P<kind>{'|'.join(KINDS)})"
ROUTES: tuple[tuple[str, str, Route], ...] = (
    ("GET", f"{DATA}/(?P<verb>query|queryAll)/?", _query),
    ("GET", f"{DATA}/(?P<verb>query|queryAll)/(?P<locator>01g[0-9]+)-(?P<start>[0-9]+)", _more),
    ("PATCH", f"{DATA}/composite/sobjects", _collection),
    ("POST", f"{DATA}/composite/sobjects", _collection),
    ("POST", f"{DATA}/composite", _composite),
    ("POST", f"{DATA}/sobjects/{KIND}/?", _create),
    ("GET", f"{DATA}/sobjects/{KIND}/(?P<id>[^/]+)", _get),
    ("PATCH", f"{DATA}/sobjects/{KIND}/(?P<id>[^/]+)", _update),
    ("DELETE", f"{DATA}/sobjects/{KIND}/(?P<id>[^/]+)", _delete),
    ("PATCH", rf"{DATA}/sobjects/{KIND}/(?P<field>\w+__c)/(?P<value>[^/]+)", _upsert),
    ("GET", "/services/oauth2/userinfo", _user_info),
)
