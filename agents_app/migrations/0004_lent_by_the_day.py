"""What a client's day lends to a run, so that a turn need not ask the day each time."""

from decimal import Decimal

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents_app', '0003_prices'),
    ]

    operations = [
        migrations.AddField(
            model_name='flowrun',
            name='lent_date',
            field=models.DateField(blank=True, help_text='Which day, in UTC.', null=True),
        ),
        migrations.AddField(
            model_name='flowrun',
            name='lent_usd',
            field=models.DecimalField(decimal_places=7, default=Decimal('0'), help_text="Set aside on its client's day: what the run sets aside itself, and what it has not told yet.", max_digits=12),
        ),
        migrations.AddField(
            model_name='flowrun',
            name='untold_usd',
            field=models.DecimalField(decimal_places=7, default=Decimal('0'), help_text="Spent since the client's day was last told.", max_digits=12),
        ),
        # runs are found by their whole key, never by how it begins
        migrations.RunSQL(
            """
            DO $$ DECLARE found text; BEGIN
                SELECT indexname INTO found FROM pg_indexes
                WHERE tablename = 'agents_app_flowrun' AND indexname LIKE '%like';
                IF found IS NOT NULL THEN EXECUTE 'DROP INDEX ' || quote_ident(found); END IF;
            END $$;
            """,
            migrations.RunSQL.noop,
        ),
    ]

