"""Each observation belongs to a record of its source, and no longer to the contact that the record is of at present."""

import django.db.models.deletion
from django.db import migrations, models

from gtm.records import guard

TO_RECORDS = """
INSERT INTO clients_sourcerecord (client_id, connection_id, source, object_type, ext_id, contact_id, created_at)
SELECT DISTINCT ON (c.client_id, d.connection_id, o.contact_id)
    c.client_id, d.connection_id, o.source, 'contact',
    CASE WHEN d.connection_id IS NULL THEN 'contact:' || c.id ELSE 'address:' || c.email_normalised END,
    c.id, c.created_at
FROM clients_observation o
JOIN clients_contact c ON c.id = o.contact_id
LEFT JOIN clients_event e ON e.id = o.event_id
LEFT JOIN clients_delivery d ON d.id = e.delivery_id
ORDER BY c.client_id, d.connection_id, o.contact_id, o.id;
UPDATE clients_observation o SET record_id = r.id
FROM clients_observation same
LEFT JOIN clients_event e ON e.id = same.event_id
LEFT JOIN clients_delivery d ON d.id = e.delivery_id
JOIN clients_sourcerecord r ON r.connection_id IS NOT DISTINCT FROM d.connection_id
WHERE same.id = o.id AND r.contact_id = o.contact_id;
SET CONSTRAINTS ALL IMMEDIATE;
"""
BACK = """
UPDATE clients_observation o SET contact_id = r.contact_id, source = r.source
FROM clients_sourcerecord r WHERE r.id = o.record_id;
SET CONSTRAINTS ALL IMMEDIATE;
"""
CONTACT = models.ForeignKey(
    null=True, on_delete=django.db.models.deletion.PROTECT, related_name="observations", to="clients.contact"
)
RECORD = models.ForeignKey(
    on_delete=django.db.models.deletion.PROTECT, related_name="observations", to="clients.sourcerecord"
)
CALL = ("connection_id", "received_at", "headers", "body", "body_sha256", "sender_event_id")
EVENT = ("client_id", "delivery_id", "source", "event_key", "kind", "occurred_at", "payload")


def instead(table: str, old: tuple[str, ...], *more: str) -> tuple[migrations.RunSQL, migrations.RunSQL]:
    """The guard of `table` with `more` columns."""
    before = guard(table, *old)
    return migrations.RunSQL(before.reverse_sql, before.sql), guard(table, *old, *more)


class Migration(migrations.Migration):
    dependencies = [("clients", "0009_sources")]
    operations = [
        migrations.RunSQL(TO_RECORDS, migrations.RunSQL.noop),
        migrations.AlterField("observation", "contact", CONTACT),
        migrations.AlterField("observation", "source", models.CharField(max_length=30, default="")),
        migrations.RunSQL(migrations.RunSQL.noop, BACK),
        migrations.RemoveConstraint("observation", "one_observation_an_event_and_field"),
        migrations.RemoveIndex("observation", "clients_obs_contact_a048af_idx"),
        migrations.RemoveField("observation", "contact"),
        migrations.RemoveField("observation", "source"),
        migrations.AlterField("observation", "record", RECORD),
        migrations.AddIndex(
            "observation",
            models.Index(fields=["record", "field", "-occurred_at"], name="clients_obs_record__0443a2_idx"),
        ),
        migrations.AddConstraint(
            "observation",
            models.UniqueConstraint(fields=("record", "event", "field"), name="one_observation_an_event_and_field"),
        ),
        guard("clients_observation", "record_id", "field", "value", "occurred_at", "event_id"),
        guard("clients_sameperson", "one_id", "other_id", "since"),
        *instead("clients_delivery", CALL, "way", "original_id"),
        *instead("clients_event", EVENT, "origin"),
    ]
