"""HubSpot's batches: a hundred at most, all or nothing, unless each entry carries an `objectWriteTraceId`.

Then every entry has a fate of its own and the answer is a 207 where some failed.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from gtm.models import SandboxRecord
from gtm.sandbox import memory
from gtm.sandbox.asked import Answer
from gtm.sandbox.hubspot import contacts
from gtm.sandbox.hubspot.contacts import Refused, moment, shown
from gtm.sandbox.hubspot.journal import By
from gtm.sandbox.memory import Account

MOST = 100
NO_PARTIAL_UPSERT = "Partial upserts are not supported when using email as the idProperty"
NOT_FOUND = "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid."

Result = dict[str, Any]


def batch(account: Account, verb: str, body: Mapping[str, Any], *, at: datetime, by: By) -> Answer:
    """Raises Refused where the batch as a whole is not done."""
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise Refused(400, "VALIDATION_ERROR", "Invalid input JSON: inputs are missing")
    if len(inputs) > MOST:
        raise Refused(400, "VALIDATION_ERROR", f"Invalid input JSON: inputs size must be {MOST} or less")
    ids = [each.get("id") for each in inputs if each.get("id")]
    if len(ids) != len(set(ids)):
        raise Refused(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input")
    if verb == "read":
        return _read(account, body, inputs, at)
    return _write(account, verb, inputs, at=at, by=by)


def _read(account: Account, body: Mapping[str, Any], inputs: list[Mapping[str, Any]], at: datetime) -> Answer:
    ids = [str(each.get("id")) for each in inputs]
    by_address = body.get("idProperty") == "email"
    found = [contacts.of_address(account, each) if by_address else contacts.find(account, each) for each in ids]
    results = [shown(each, body.get("properties") or ()) for each in found if each]
    missing = [each for each, record in zip(ids, found, strict=True) if record is None]
    context = {"ids": missing}
    error = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": NOT_FOUND, "context": context}
    return _answer(200, results, [error] if missing else [], at)


def _write(account: Account, verb: str, inputs: list[Mapping[str, Any]], *, at: datetime, by: By) -> Answer:
    is_partial = all(each.get("objectWriteTraceId") for each in inputs)
    results: list[Result] = []
    errors: list[Result] = []
    with memory.writing(account):
        for each in inputs:
            try:
                with transaction.atomic():
                    results.append(_one(account, verb, each, at=at, by=by))
            except Refused as error:
                if not is_partial:
                    raise
                errors.append(_error(each, error))
    if verb == "archive":
        return Answer(204, None)
    return _answer(201 if verb == "create" else 200, results, errors, at)


def _one(account: Account, verb: str, asked: Mapping[str, Any], *, at: datetime, by: By) -> Result:
    properties = asked.get("properties") or {}
    record = _target(account, verb, asked)
    if verb == "archive":
        if record:
            contacts.delete(account, record, at=at, by=by)
        return {}
    if record is None and verb == "update":
        raise Refused(404, "OBJECT_NOT_FOUND", NOT_FOUND)
    is_new = record is None
    if record is None:
        named = {"email": asked.get("id")} if asked.get("idProperty") == "email" else {}
        record = contacts.create(account, {**named, **properties}, at=at, by=by)
    else:
        contacts.update(account, record, properties, at=at, by=by)
    result = shown(record, list(properties))
    trace = asked.get("objectWriteTraceId")
    return {
        **result,
        **({"objectWriteTraceId": trace} if trace else {}),
        **({"new": is_new} if verb == "upsert" else {}),
    }


def _target(account: Account, verb: str, asked: Mapping[str, Any]) -> SandboxRecord | None:
    if verb == "create":
        return None
    named, value = str(asked.get("idProperty") or "hs_object_id"), str(asked.get("id"))
    if named == "hs_object_id":
        return contacts.find(account, value)
    if named != "email":
        found = memory.records(account, "contact").filter(is_deleted=False)
        return found.filter(**{f"values__{named}": value}).first()
    record = contacts.of_address(account, value)
    if record and verb == "upsert":
        raise Refused(400, "VALIDATION_ERROR", NO_PARTIAL_UPSERT)
    return record


def _error(asked: Mapping[str, Any], error: Refused) -> Result:
    context = {"objectWriteTraceId": [asked["objectWriteTraceId"]]}
    if asked.get("id"):
        context["ids"] = [asked["id"]]
    return {"status": "error", "category": error.category, "message": error.message, "context": context}


def _answer(status: int, results: list[Result], errors: list[Result], at: datetime) -> Answer:
    body: Result = {"status": "COMPLETE", "results": results, "startedAt": moment(at), "completedAt": moment(at)}
    if errors:
        return Answer(207, {**body, "numErrors": len(errors), "errors": errors})
    return Answer(status, body)
