"""Not even while somebody is erased can a published version get other words: names may go out of its texts, and nothing
else happens to them. Its table, what was released and what runs were planned with are never emptied."""

from django.db import migrations

from gtm.records import ONLY_ERASED, only_erased, stays_full


class Migration(migrations.Migration):
    dependencies = [("agents_app", "0025_rollout_stand")]
    operations = [
        migrations.RunSQL(ONLY_ERASED, "DROP FUNCTION gtm_only_erased(text, text, integer);"),
        only_erased("agents_app_promptversion", text=None, note=300, change_reasons=None),
        only_erased("agents_app_release", changes=None, reason=200),
        stays_full("agents_app_promptversion"),
        stays_full("agents_app_release"),
        stays_full("agents_app_plannedprompt"),
    ]
