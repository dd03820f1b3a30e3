"""Mappings in versions; what was in force once never changes."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

RECORDED = ("connection_id", "number", "note", "made_by_id", "made_at", "activated_by_id", "activated_at")
CHANGED = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in RECORDED)
GUARDS = f"""
CREATE TRIGGER clients_mapping_keeps AFTER UPDATE OF {", ".join(RECORDED)} ON clients_mapping
    FOR EACH ROW WHEN (OLD.activated_at IS NOT NULL AND ({CHANGED})) EXECUTE FUNCTION gtm_refuse_change();
CREATE TRIGGER clients_mapping_stays AFTER DELETE ON clients_mapping
    FOR EACH ROW EXECUTE FUNCTION gtm_refuse_change();
CREATE FUNCTION gtm_refuse_change_of_a_used_mapping() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM clients_mapping WHERE id IN (OLD.mapping_id, NEW.mapping_id) AND activated_at IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'a mapping that was in force never changes' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;
CREATE TRIGGER clients_mappingrow_keeps AFTER INSERT OR UPDATE OR DELETE ON clients_mappingrow
    FOR EACH ROW EXECUTE FUNCTION gtm_refuse_change_of_a_used_mapping();
"""
NO_GUARDS = """
DROP TRIGGER clients_mappingrow_keeps ON clients_mappingrow;
DROP FUNCTION gtm_refuse_change_of_a_used_mapping();
DROP TRIGGER clients_mapping_stays ON clients_mapping;
DROP TRIGGER clients_mapping_keeps ON clients_mapping;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('clients', '0012_reception'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Mapping',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('status', models.CharField(choices=[('draft', 'Draft'), ('active', 'In force'), ('retired', 'Earlier')], default='draft', max_length=10)),
                ('note', models.CharField(blank=True, help_text='Why it changes, in a few words.', max_length=200)),
                ('made_at', models.DateTimeField()),
                ('activated_at', models.DateTimeField(blank=True, null=True)),
                ('activated_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('connection', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='mappings', to='clients.connection')),
                ('made_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddField(
            model_name='delivery',
            name='mapping',
            field=models.ForeignKey(blank=True, db_index=False, help_text='The version that read it; none: what we read such calls by where no version is in force.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.mapping'),
        ),
        migrations.CreateModel(
            name='MappingRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('field', models.CharField(help_text='A field of a contact, or custom.NAME.', max_length=60)),
                ('path', models.CharField(max_length=500)),
                ('transforms', models.JSONField(blank=True, default=list)),
                ('on_blank', models.CharField(choices=[('ignore', 'Keep what we have'), ('clear', 'Clear the field')], default='ignore', max_length=10)),
                ('required', models.BooleanField(default=False)),
                ('rule', models.CharField(blank=True, choices=[('latest', 'The latest word'), ('priority', 'The first source that has a word'), ('priority_unless_older', 'The first source, unless its word is old'), ('manual', 'A person decides'), ('union', 'All of them together'), ('longest', 'The longest'), ('monotone', 'Once said, never taken back')], max_length=30)),
                ('direction', models.CharField(choices=[('in', 'From the CRM'), ('out', 'To the CRM'), ('both', 'Both ways'), ('none', 'Not at present')], default='in', max_length=10)),
                ('mapping', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rows', to='clients.mapping')),
            ],
            options={
                'ordering': ('position',),
            },
        ),
        migrations.AddConstraint(
            model_name='mapping',
            constraint=models.UniqueConstraint(fields=('connection', 'number'), name='one_mapping_a_number'),
        ),
        migrations.AddConstraint(
            model_name='mapping',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'draft')), fields=('connection',), name='one_draft_a_connection'),
        ),
        migrations.AddConstraint(
            model_name='mapping',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'active')), fields=('connection',), name='one_mapping_in_force'),
        ),
        migrations.AddConstraint(
            model_name='mappingrow',
            constraint=models.UniqueConstraint(fields=('mapping', 'field'), name='one_row_a_field_of_a_mapping'),
        ),
        migrations.RunSQL(GUARDS, NO_GUARDS),
    ]
