"""PostgreSQL refuses to change what only records (gtm/records.py)."""

from django.db import migrations

from gtm.records import guard


class Migration(migrations.Migration):
    dependencies = [("experiments", "0001_initial"), ("gtm", "0002_refuse_change")]
    operations = [
        guard("experiments_assignment", "experiment_id", "contact_id", "variant_id", "bucket", "assigned_at"),
        guard("experiments_outcomeevent", "client_id", "contact_id", "send_id", "kind", "occurred_at", "received_at", "source", "event_key"),
        guard("experiments_analysissnapshot", "experiment_id", "as_of", "result"),
        guard("experiments_decision", "experiment_id", "snapshot_id", "outcome", "winner_id", "reason", "decided_at"),
    ]
