"""HubSpot: the flat form, and a workflow's body with its values below `properties`.

v3 event notifications (an array of {"subscriptionType", "objectId", …}) tell ids, not people. They cannot be used
alone, so they stay in quarantine with their raw body until the connection can ask HubSpot for the contact.
"""

from collections.abc import Mapping
from typing import Any

from clients.canonical import CONTACT_CHANGED, Incoming, Unusable, domain, moment, part, text
from clients.models import ContactField

FIELDS = {
    "firstname": ContactField.FIRST_NAME,
    "lastname": ContactField.LAST_NAME,
    "jobtitle": ContactField.TITLE,
    "company": ContactField.COMPANY_NAME,
}


def parse(entry: Mapping[str, Any]) -> Incoming:
    """Raises Unusable."""
    email = text(_value(entry, "email"))
    if not email:
        raise Unusable(_without_address(entry))
    payload = {field.value: text(_value(entry, name)) for name, field in FIELDS.items()}
    payload[ContactField.COMPANY_DOMAIN.value] = domain(_value(entry, "website"))
    changed_at = moment(_value(entry, "lastmodifieddate"))
    said = {name: value for name, value in {"email": email, **payload}.items() if value}
    return Incoming(CONTACT_CHANGED, said, occurred_at=changed_at)


def _value(entry: Mapping[str, Any], name: str) -> object:
    """Flat, or properties.NAME, or properties.NAME.value."""
    if name in entry:
        return part(entry, name)
    nested = part(entry, "properties", name)
    return part(nested, "value") if isinstance(nested, Mapping) else nested


def _without_address(entry: Mapping[str, Any]) -> str:
    if "subscriptionType" in entry:
        kind = text(entry["subscriptionType"])[:60]
        return (
            f"The notification “{kind}” names an object by its id only, without an e-mail address. "
            "Send the contact's fields from a HubSpot workflow instead: email, firstname, lastname, company, jobtitle."
        )
    return "There is no e-mail address in it, and a contact is known by it. Add the field email to what HubSpot sends."
