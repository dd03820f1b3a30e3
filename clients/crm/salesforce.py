"""Salesforce: the JSON that a Flow or Apex callout posts for a Contact or a Lead."""

from collections.abc import Mapping
from typing import Any

from clients.canonical import CONTACT_CHANGED, Incoming, Unusable, domain, moment, part, text
from clients.models import ContactField


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
