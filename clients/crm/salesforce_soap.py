"""Salesforce's outbound messages: SOAP 1.1, one to a hundred notifications, each with one record.

<notifications><OrganizationId/><SessionId/><Notification><Id/><sObject xsi:type="sf:Contact"><sf:Id/><sf:Email/>…
Tags are known by their last part: prefixes differ, and some clients leave xsi:type out. The answer has to be `ack()` to
the letter. SessionId opens the client's Salesforce, so `without_session` takes it out before a body is kept.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from clients import bodies
from clients.canonical import Entry, Unusable
from clients.crm.entries import Read, fated
from clients.troubles import Trouble

NOTIFICATIONS_AT_MOST = 100
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be")
IN_TAGS = re.compile(
    r"(<(?P<tag>(?:[\w.-]+:)?sessionid)"
    r"(?:\s(?:[^<>\"']++|\"[^\"]{0,200}\"|'[^']{0,200}'){0,50}+)?(?<!/)>)"  # bounded: hostile bodies take no longer
    r"(?P<value>.*?)(?=</(?P=tag)\s*>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
IN_JSON = re.compile(r"(\"sessionid\"\s*:\s*\")(?:[^\"\\]|\\.)*", re.IGNORECASE | re.DOTALL)
NO_SESSION = re.compile(rb"<(?:[\w.-]+:)?sessionid[^<>]{0,500}/>", re.IGNORECASE)
SIGNS = (b"sforce", b"otification", b"nvelope")  # of an outbound message, should some of its bytes be spoilt
RECORDS = re.compile(rb"<(?:[\w.-]+:)?Notification\b")
PLAIN_TAG = re.compile(rb"</?[\w:.-]{1,60}>")
NO_NOTIFICATIONS = "The SOAP message holds no notifications. Point an outbound message of Salesforce at this address."


def is_one(body: bytes) -> bool:
    return body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def ack() -> bytes:
    return (
        b'<?xml version="1.0" encoding="UTF-8"?>'
        b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
        b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
        b"</soapenv:Body></soapenv:Envelope>"
    )


def without_session(body: bytes) -> bytes:
    """The body with every SessionId emptied, in tags and in JSON, and not one other byte changed.

    Of a message that is no XML any more, and whose SessionId therefore cannot be found, nothing is kept before its
    notifications but plain tags.
    """
    kept = body
    for encoding in ENCODINGS:
        mark = "sessionid".encode(encoding)
        if mark in kept.lower():
            kept = _emptied(kept, encoding)
    return _spoilt(kept) if kept == body and _may_hide_one(body) else kept


def _may_hide_one(body: bytes) -> bool:
    if not is_one(body) or not any(sign in body for sign in SIGNS) or NO_SESSION.search(body):
        return False
    try:
        bodies.xml(body)
    except Unusable:
        return True
    return False


def _spoilt(body: bytes) -> bytes:
    found = RECORDS.search(body)
    head = body[: found.start()] if found else body
    return b"".join(PLAIN_TAG.findall(head)) + body[len(head) :]


def _emptied(body: bytes, encoding: str) -> bytes:
    """Surrogates stand for bytes that are no text in this encoding, so that they come out as they went in."""
    errors = "surrogateescape" if encoding == "utf-8" else "surrogatepass"
    try:
        text = body.decode(encoding, errors)
    except UnicodeDecodeError:  # an odd number of bytes: the last one belongs to nothing
        return _emptied(body[:-1], encoding) + body[-1:]
    return IN_JSON.sub(r"\1", IN_TAGS.sub(r"\1", text)).encode(encoding, errors)


def read(body: bytes, of_record: Callable[..., Iterable[Entry]]) -> Read:
    """The changes that `of_record` finds in each notification's record. Raises Unusable."""
    root = bodies.xml(body)
    found = [each for each in root.iter() if _name(each) == "Notification"]
    if not found:
        raise Unusable(NO_NOTIFICATIONS, Trouble.SHAPE)
    if len(found) > NOTIFICATIONS_AT_MOST:
        raise Unusable(
            f"It has {len(found):,} notifications; Salesforce sends at most {NOTIFICATIONS_AT_MOST}.", Trouble.TOO_MANY
        )
    told: Read = []
    for each in found:
        told += _read_one(each, _organization(root), of_record)
    return told


def organization(body: bytes) -> str:
    """Raises Unusable."""
    return _organization(bodies.xml(body))


def _organization(root: Element) -> str:
    return next((_text(each) for each in root.iter() if _name(each) == "OrganizationId"), "")


def _read_one(notification: Element, organization: str, of_record: Callable[..., Iterable[Entry]]) -> Read:
    number, record = (_child(notification, name) for name in ("Id", "sObject"))
    if number is None or not _text(number) or record is None:
        words = "The notification has no Id or no sObject. Send Salesforce's message unchanged."
        return [Unusable(words, Trouble.MISSING)]
    fields, named = _fields(record), record.get(f"{XSI}type", "").rpartition(":")[2]
    event_id = f"{organization}:{_text(number)}"
    return fated(lambda: of_record(bodies.checked(fields), event_id=event_id, named=named))


def _fields(record: Element) -> Mapping[str, Any]:
    """{name: text}, None where it is nil or named in fieldsToNull; a related record is a mapping of its own."""
    nulled = {_text(each): None for each in record if _name(each) == "fieldsToNull"}
    return nulled | {_name(each): _value(each) for each in record if _name(each) != "fieldsToNull"}


def _value(element: Element) -> object:
    if element.get(f"{XSI}nil") in ("true", "1"):
        return None
    return {_name(each): _text(each) for each in element} if len(element) else _text(element)


def _child(element: Element, name: str) -> Element | None:
    return next((each for each in element if _name(each) == name), None)


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _text(element: Element) -> str:
    return (element.text or "").strip()
