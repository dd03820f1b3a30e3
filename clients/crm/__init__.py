"""One module per CRM, all alike: to add one, copy the nearest and name it here."""

from collections.abc import Callable, Mapping

from clients.crm import attio, close, dynamics, generic, hubspot, pipedrive, salesforce, zoho
from clients.crm.entries import Read
from clients.models import Connection

CRMS: dict[str, Callable[[bytes, Mapping[str, str]], Read]] = {
    Connection.Party.HUBSPOT: hubspot.read,
    Connection.Party.SALESFORCE: salesforce.read,
    Connection.Party.PIPEDRIVE: pipedrive.read,
    Connection.Party.CLOSE: close.read,
    Connection.Party.ATTIO: attio.read,
    Connection.Party.ZOHO: zoho.read,
    Connection.Party.DYNAMICS: dynamics.read,
    Connection.Party.GENERIC: generic.read,
}
