"""PostgreSQL refuses to change what only records (gtm/records.py)."""

from django.db import migrations

from gtm.records import guard


class Migration(migrations.Migration):
    dependencies = [("insights", "0001_initial"), ("gtm", "0002_refuse_change")]
    operations = [
        guard("insights_sharedinsight", "pattern", "week", "clients_rounded", "effect_rounded", "supporting_share", "sentence", "released_at"),
        guard("insights_weeklyreport", "week", "version", "payload", "charts", "sha256", "built_at"),
        guard("insights_suggestion", "report_id", "rule", "rank", "title", "text", "evidence", "client_id", "metric", "baseline"),
        guard("insights_changelink", "ticket_id", "content_type_id", "object_id", "description", "before", "after", "applied_by_id", "applied_at"),
        guard("insights_outcomeevaluation", "ticket_id", "result", "measured_at"),
    ]
