"""PostgreSQL refuses to change what only records (gtm/records.py)."""

from django.db import migrations

from gtm.records import guard


class Migration(migrations.Migration):
    dependencies = [("agents_app", "0001_initial"), ("gtm", "0002_refuse_change")]
    operations = [
        guard("agents_app_draft", "run_id", "step_id", "contact_id", "sequence_step", "subject", "body", "sentences", "generator", "written_at"),
        guard("agents_app_send", "draft_id", "contact_id", "message_id", "sent_at", "generator", "address_is_reserved"),
        guard("agents_app_sourcerecord", "run_id", "source", "company_domain", "request_key", "status", "reason", "http_status", "payload", "payload_sha256", "fetched_at"),
        guard("agents_app_claim", "source_record_id", "attribute", "value", "pointer", "as_of_date"),
        guard("agents_app_fact", "run_id", "key", "attribute", "value", "confidence", "confidence_terms"),
        guard("agents_app_persona", "run_id", "role", "pains", "angle", "rests_on"),
        guard("agents_app_brief", "run_id", "sentences"),
        guard("agents_app_promptversion", "agent", "number", "text", "sha256", "note", "author_id", "created_at"),
        guard("agents_app_flowrun", "request_id", "client_id", "idempotency_key", "route", "stages", "skipped", "config", "config_sources", "config_sha256", "hints", "variants", "planned_at"),
        migrations.RunSQL(
            """
            CREATE TRIGGER agents_app_steprun_keeps BEFORE UPDATE ON agents_app_steprun FOR EACH ROW
                WHEN (OLD.status <> 'running') EXECUTE FUNCTION gtm_refuse_change();
            CREATE TRIGGER agents_app_steprun_stays BEFORE DELETE ON agents_app_steprun FOR EACH ROW
                EXECUTE FUNCTION gtm_refuse_change();
            """,
            "DROP TRIGGER agents_app_steprun_keeps ON agents_app_steprun; DROP TRIGGER agents_app_steprun_stays ON agents_app_steprun;",
        ),
    ]
