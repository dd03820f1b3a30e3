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
        guard("agents_app_fact", "run_id", "step_id", "key", "attribute", "value", "confidence", "confidence_terms"),
        guard("agents_app_persona", "run_id", "contact_id", "role", "pains", "angle", "rests_on"),
        guard("agents_app_brief", "run_id", "sentences"),
        guard("agents_app_promptversion", "agent", "number", "text", "sha256", "note", "author_id", "created_at"),
        guard("agents_app_flowrun", "request_id", "client_id", "idempotency_key", "route", "reason", "template_version_id", "rules_version_id", "code_revision", "facts_routed", "nodes", "skipped", "config", "config_sources", "config_sha256", "hints", "variants", "budget_usd", "time_budget_s", "planned_at"),
        guard("agents_app_planrevision", "run_id", "number", "trigger", "rule", "reason", "nodes", "seq", "at"),
        guard("agents_app_stepcontext", "document"),
        guard("agents_app_flowversion", "kind", "key", "number", "document", "sha256", "author_id", "created_at"),
        # contexts are found by their whole hash, never by how it begins
        migrations.RunSQL(
            """
            DO $$ DECLARE found text; BEGIN
                SELECT indexname INTO found FROM pg_indexes
                WHERE tablename = 'agents_app_stepcontext' AND indexname LIKE '%like';
                IF found IS NOT NULL THEN EXECUTE 'DROP INDEX ' || quote_ident(found); END IF;
            END $$;
            """,
            migrations.RunSQL.noop,
        ),
        # rows that are written again while a run goes on find room in their own page
        migrations.RunSQL(
            "ALTER TABLE agents_app_flowrun SET (fillfactor = 70); ALTER TABLE agents_app_steprun SET (fillfactor = 60);"
            "ALTER TABLE agents_app_budgetday SET (fillfactor = 50);",
            "ALTER TABLE agents_app_flowrun RESET (fillfactor); ALTER TABLE agents_app_steprun RESET (fillfactor);"
            "ALTER TABLE agents_app_budgetday RESET (fillfactor);",
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER agents_app_steprun_keeps AFTER UPDATE ON agents_app_steprun FOR EACH ROW
                WHEN (OLD.status NOT IN ('running', 'waiting')) EXECUTE FUNCTION gtm_refuse_change();
            CREATE TRIGGER agents_app_steprun_stays AFTER DELETE ON agents_app_steprun FOR EACH ROW
                EXECUTE FUNCTION gtm_refuse_change();
            """,
            "DROP TRIGGER agents_app_steprun_keeps ON agents_app_steprun; DROP TRIGGER agents_app_steprun_stays ON agents_app_steprun;",
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER agents_app_gate_keeps AFTER UPDATE ON agents_app_gate FOR EACH ROW
                WHEN (OLD.decision <> '') EXECUTE FUNCTION gtm_refuse_change();
            CREATE TRIGGER agents_app_gate_stays AFTER DELETE ON agents_app_gate FOR EACH ROW
                EXECUTE FUNCTION gtm_refuse_change();
            """,
            "DROP TRIGGER agents_app_gate_keeps ON agents_app_gate; DROP TRIGGER agents_app_gate_stays ON agents_app_gate;",
        ),
    ]
