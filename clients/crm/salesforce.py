"""Salesforce: the JSON that a Flow or Apex callout posts for a Contact or a Lead."""

import re
from collections.abc import Mapping
from typing import Any

from clients.canonical import CONTACT_CHANGED, Incoming, Unusable, domain, moment, part, text
from clients.models import ContactField

SESSION = re.compile(rb"(<(?:[\w.-]+:)?SessionId\b[^>]*>)[^<]*", re.IGNORECASE)
ORGANIZATION = re.compile(rb"<(?:[\w.-]+:)?OrganizationId\b[^>]*>\s*([A-Za-z0-9]{15,18})\s*<")
ACK = b"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>\
<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>\
</soapenv:Body></soapenv:Envelope>"""


def is_soap(body: bytes) -> bool:
    """Whether it is an outbound message, or wants to be one."""
    return body.lstrip()[:1] == b"<"


def organization(body: bytes) -> str:
    """The OrganizationId of an outbound message; "" of anything else."""
    found = ORGANIZATION.search(body) if is_soap(body) else None
    return found[1].decode() if found else ""


def without_session(body: bytes) -> bytes:
    """An outbound message without the session id that it carries; anything else as it is."""
    return SESSION.sub(rb"\1", body) if is_soap(body) else body


def ack() -> bytes:
    """The one answer after which Salesforce does not send an outbound message again."""
    return ACK


def parse(entry: Mapping[str, Any]) -> Incoming:
    """Raises Unusable."""
    email = text(part(entry, "Email"))
    if not email:
        raise Unusable(
            "There is no e-mail address in it, and a contact is known by it. Add the field Email to the callout's body."
        )
    payload = {
        ContactField.FIRST_NAME.value: text(part(entry, "FirstName")),
        ContactField.LAST_NAME.value: text(part(entry, "LastName")),
        ContactField.FULL_NAME.value: text(part(entry, "Name")),
        ContactField.TITLE.value: text(part(entry, "Title")),
        ContactField.COMPANY_NAME.value: _company(entry),
        ContactField.COMPANY_DOMAIN.value: domain(part(entry, "Account", "Website") or part(entry, "Website")),
    }
    said = {name: value for name, value in {"email": email, **payload}.items() if value}
    return Incoming(CONTACT_CHANGED, said, occurred_at=moment(part(entry, "LastModifiedDate")))


def _company(entry: Mapping[str, Any]) -> str:
    """Account.Name of a Contact, whose Account may be null or a plain name; Company of a Lead."""
    account = part(entry, "Account")
    return text(part(entry, "Account", "Name")) or text(account) or text(part(entry, "Company"))
