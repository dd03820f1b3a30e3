"""Not even while somebody is erased can a published version get other words: names go out of its texts where an erasure
was asked for, and nothing else happens to them. Its table, what was released and what runs were planned with are never emptied."""

from django.db import migrations

from gtm.records import ONLY_ERASED, only_erased, stays_full


WAITS = """
CREATE FUNCTION agents_app_erasure_waits() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM clients_erasure WHERE done_at IS NULL)
$$;
"""
waits = "agents_app_erasure_waits()"


class Migration(migrations.Migration):
    dependencies = [("agents_app", "0025_rollout_stand"), ("clients", "0018_sources_of_research")]
    operations = [
        migrations.RunSQL(ONLY_ERASED, "DROP FUNCTION gtm_only_erased(text, text, integer);"),
        migrations.RunSQL(WAITS, f"DROP FUNCTION {waits};"),
        only_erased("agents_app_promptversion", waits, text=None, note=300, change_reasons=None),
        only_erased("agents_app_release", waits, changes=None, reason=200),
        stays_full("agents_app_promptversion"),
        stays_full("agents_app_release"),
        stays_full("agents_app_plannedprompt"),
    ]
