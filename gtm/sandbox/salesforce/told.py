"""What Salesforce tells of changes, in three forms: Change Data Capture, outbound message, a Flow's callout."""

import json
from xml.sax.saxutils import escape, quoteattr

from gtm.models import SandboxRecord
from gtm.sandbox import memory
from gtm.sandbox.memory import Account
from gtm.sandbox.salesforce.organisations import id_of, organisation_id
from gtm.sandbox.salesforce.sobjects import reader, shown

MOST_IN_A_MESSAGE = 100
IN_MESSAGE = (
    "CreatedDate",
    "Email",
    "FirstName",
    "LastModifiedById",
    "LastModifiedDate",
    "LastName",
    "Name",
    "Phone",
    "Title",
)
IN_FLOW = (*IN_MESSAGE, "Id")
ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
    '<notifications xmlns="http://soap.sforce.com/2005/09/outbound">{head}{notifications}</notifications>'
    "</soapenv:Body></soapenv:Envelope>"
)


def captured(event: SandboxRecord) -> bytes:
    """One change event (Change Data Capture) as relays post it."""
    said = event.values
    header = {
        "entityName": said["kind"],
        "recordIds": [said["id"]],
        "changeType": said["change"],
        "changeOrigin": f"com/salesforce/api/rest/60.0;client={said['client']}" if said["client"] else "",
        "transactionKey": f"{event.pk:08x}-0000-4000-8000-000000000000",
        "sequenceNumber": 1,
        "commitTimestamp": said["at_ms"],
        "commitNumber": event.pk,
        "commitUser": said["user_id"],
        "changedFields": sorted(said["fields"]) if said["change"] == "UPDATE" else [],
        "nulledFields": sorted(name for name, value in said["fields"].items() if value is None),
        "diffFields": [],
    }
    plain = {name: value for name, value in said["fields"].items() if "." not in name}
    body = {"schema": "sandbox", "payload": {"ChangeEventHeader": header, **plain}, "event": {"replayId": event.pk}}
    return json.dumps(body).encode()


def messages(of: Account, events: list[SandboxRecord]) -> list[bytes]:
    """Outbound messages. They carry the record's state of now, whatever it was when the change happened, and nothing of
    deleted records."""
    found = [(event, memory.find(of, event.values["kind"], event.values["id"])) for event in events]
    living = [(event, record) for event, record in found if record and not record.is_deleted]
    starts = range(0, len(living), MOST_IN_A_MESSAGE)
    return [_message(of, living[start : start + MOST_IN_A_MESSAGE]) for start in starts]


def called_out(of: Account, record: SandboxRecord) -> bytes:
    """The JSON that a Flow's callout usually carries."""
    company = {"Name": record.values.get("Account.Name")} if record.values.get("Account.Name") else None
    more = {"Account": company} if record.object_type == "Contact" else {"Company": record.values.get("Company")}
    told = {name: value for name, value in shown(of, record, IN_FLOW).items() if name != "attributes"}
    return json.dumps({**told, **more}).encode()


def _message(of: Account, living: list[tuple[SandboxRecord, SandboxRecord]]) -> bytes:
    host = f"https://{of.key}"
    head = (
        f"<OrganizationId>{organisation_id(of)}</OrganizationId><ActionId>04k000000000001AAA</ActionId>"
        f'<SessionId xsi:nil="true"/><EnterpriseUrl>{host}/services/Soap/c/60.0</EnterpriseUrl>'
        f"<PartnerUrl>{host}/services/Soap/u/60.0</PartnerUrl>"
    )
    return ENVELOPE.format(head=head, notifications="".join(_notification(of, *each) for each in living)).encode()


def _notification(of: Account, event: SandboxRecord, record: SandboxRecord) -> str:
    """Its id is the same however often it is sent."""
    fields = "".join(_element(name, value) for name, value in shown(of, record, IN_MESSAGE).items())
    kind = quoteattr(f"sf:{record.object_type}")
    return (
        f"<Notification><Id>04l{id_of('Contact', event.pk)[3:]}</Id>"
        f'<sObject xsi:type={kind} xmlns:sf="urn:sobject.enterprise.soap.sforce.com">'
        f"<sf:Id>{reader(of, record)('Id')}</sf:Id>{fields}</sObject></Notification>"
    )


def _element(name: str, value: object) -> str:
    """What is empty is left out."""
    if name == "attributes" or value is None or isinstance(value, dict):
        return ""
    return f"<sf:{name}>{escape(str(value).lower() if isinstance(value, bool) else str(value))}</sf:{name}>"
