"""Runs keep which version of their client's settings they were planned with, as a column that never changes."""

from django.db import migrations, models

from gtm.records import guard

RECORDED = (
    "request_id", "client_id", "idempotency_key", "route", "reason", "template_version_id", "rules_version_id", "code_revision", "facts_routed", "nodes", "skipped", "config", "config_sources", "config_sha256", "hints", "variants", "budget_usd", "time_budget_s", "planned_at",
)
BEFORE = guard("agents_app_flowrun", *RECORDED)


class Migration(migrations.Migration):
    dependencies = [("agents_app", "0006_settings_of_campaigns_and_requests")]
    operations = [
        migrations.AddField(
            model_name="flowrun",
            name="config_version",
            field=models.PositiveIntegerField(
                blank=True, help_text="The client's own part of it, by the number of its version.", null=True
            ),
        ),
        migrations.RunSQL(BEFORE.reverse_sql, BEFORE.sql),
        guard("agents_app_flowrun", *RECORDED, "config_version"),
    ]
