"""One module per CRM, all alike: to add one, copy the nearest and name it here."""

from collections.abc import Callable, Mapping
from typing import Any

from clients.canonical import Incoming
from clients.crm import hubspot, salesforce
from clients.models import Connection

CRMS: dict[str, Callable[[Mapping[str, Any]], Incoming]] = {
    Connection.Party.HUBSPOT: hubspot.parse,
    Connection.Party.SALESFORCE: salesforce.parse,
}
