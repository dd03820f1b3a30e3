"""A body of each CRM as it sends them, short: what a connection's page prints as a call to try.

Attio and Zoho tell of a change without its values; what stands here for them is the answer they give when asked.
"""

from typing import Any

from clients.models import Connection

ADA = "ada.lee@northwind-bank.example"

EXAMPLES: dict[str, Any] = {
    Connection.Party.HUBSPOT: {
        "email": ADA,
        "firstname": "Ada",
        "lastname": "Lee",
        "company": "Northwind Bank",
        "jobtitle": "Chief Financial Officer",
    },
    Connection.Party.SALESFORCE: {
        "Email": ADA,
        "Name": "Ada Lee",
        "Account": {"Name": "Northwind Bank"},
        "Title": "Chief Financial Officer",
    },
    Connection.Party.PIPEDRIVE: {
        "meta": {
            "version": "2.0",
            "entity": "person",
            "entity_id": "1",
            "action": "change",
            "timestamp": "2026-11-16T08:30:00Z",
            "correlation_id": "example-1",
        },
        "data": {
            "id": 1,
            "name": "Ada Lee",
            "first_name": "Ada",
            "last_name": "Lee",
            "emails": [{"value": ADA, "label": "work", "primary": True}],
            "job_title": "Chief Financial Officer",
        },
        "previous": {"job_title": "Controller"},
    },
    Connection.Party.CLOSE: {
        "subscription_id": "whsub_example",
        "event": {
            "id": "ev_example",
            "object_type": "contact",
            "object_id": "cont_example",
            "action": "updated",
            "date_updated": "2026-11-16T08:30:00+00:00",
            "changed_fields": ["title"],
            "data": {
                "id": "cont_example",
                "name": "Ada Lee",
                "title": "Chief Financial Officer",
                "emails": [{"email": ADA, "type": "office"}],
            },
        },
    },
    Connection.Party.ATTIO: {
        "data": {
            "id": {"workspace_id": "example", "object_id": "people", "record_id": "example-1"},
            "values": {
                "name": [{"first_name": "Ada", "last_name": "Lee", "full_name": "Ada Lee"}],
                "email_addresses": [{"email_address": ADA}],
                "job_title": [{"value": "Chief Financial Officer"}],
            },
        }
    },
    Connection.Party.ZOHO: {
        "data": [
            {
                "id": "3652397000000000001",
                "Email": ADA,
                "First_Name": "Ada",
                "Last_Name": "Lee",
                "Account_Name": {"id": "3652397000000000002", "name": "Northwind Bank"},
                "Title": "Chief Financial Officer",
            }
        ]
    },
    Connection.Party.DYNAMICS: {
        "MessageName": "Update",
        "PrimaryEntityName": "contact",
        "PrimaryEntityId": "6d81597f-0f9f-e711-8122-000d3aa2331c",
        "OperationCreatedOn": "/Date(1794817800000)/",
        "InputParameters": [
            {
                "key": "Target",
                "value": {
                    "LogicalName": "contact",
                    "Attributes": [
                        {"key": "emailaddress1", "value": ADA},
                        {"key": "firstname", "value": "Ada"},
                        {"key": "lastname", "value": "Lee"},
                        {"key": "jobtitle", "value": "Chief Financial Officer"},
                    ],
                },
            }
        ],
    },
    Connection.Party.GENERIC: {
        "email": ADA,
        "first_name": "Ada",
        "last_name": "Lee",
        "company": "Northwind Bank",
        "title": "Chief Financial Officer",
    },
}
