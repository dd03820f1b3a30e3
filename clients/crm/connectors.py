"""The CRMs that we can ask and push to, by the party of a connection."""

from collections.abc import Mapping

from clients.crm import hubspot_api, salesforce_api
from clients.crm.asking import Connector
from clients.models import Connection

CONNECTORS: Mapping[str, Connector] = {
    Connection.Party.HUBSPOT: hubspot_api,
    Connection.Party.SALESFORCE: salesforce_api,
}
