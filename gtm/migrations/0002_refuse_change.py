"""The function behind every guard (gtm/records.py)."""

from django.db import migrations

from gtm.records import REFUSE


class Migration(migrations.Migration):
    dependencies = [("gtm", "0001_initial")]
    operations = [migrations.RunSQL(REFUSE, "DROP FUNCTION gtm_refuse_change();")]
