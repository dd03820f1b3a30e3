"""PostgreSQL refuses to change what only records (gtm/records.py)."""

from django.db import migrations

from gtm.records import guard


class Migration(migrations.Migration):
    dependencies = [("clients", "0001_initial"), ("gtm", "0002_refuse_change")]
    operations = [
        guard("clients_observation", "contact_id", "source", "field", "value", "occurred_at", "event_id"),
        guard("clients_suppression", "client_id", "address_hmac", "reason", "created_at"),
        guard("clients_delivery", "connection_id", "received_at", "headers", "body", "body_sha256", "sender_event_id"),
        guard("clients_configversion", "client_id", "number", "document", "sha256", "author_id", "reason", "created_at"),
        guard("clients_event", "client_id", "delivery_id", "source", "event_key", "kind", "occurred_at", "payload"),
    ]
