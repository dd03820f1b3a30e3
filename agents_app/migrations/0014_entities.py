"""Each client's own graph of what runs found out; its rows record, and erasure takes a person out whole."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from gtm.records import guard


FORGET = """
CREATE FUNCTION agents_app_forget_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.normalised := 'erased:' || NEW.id;
    IF NEW.kind = 'person' THEN
        NEW.name := '[erased]';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION agents_app_forget_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE agents_app_statement SET value = '[erased]' WHERE entity_id = NEW.id AND value <> '[erased]';
    UPDATE agents_app_entity SET name = '[erased]' WHERE name <> '[erased]' AND id IN (
        SELECT winner_id FROM agents_app_entitymerge WHERE loser_id = NEW.id AND undone_at IS NULL
        UNION ALL
        SELECT loser_id FROM agents_app_entitymerge WHERE winner_id = NEW.id AND undone_at IS NULL
    );
    RETURN NULL;
END $$;
CREATE TRIGGER agents_app_entity_forgets_name BEFORE UPDATE OF name, normalised ON agents_app_entity FOR EACH ROW
    WHEN ((OLD.name, OLD.normalised) IS DISTINCT FROM (NEW.name, NEW.normalised)
          AND current_setting('gtm.erasing', true) = 'on')
    EXECUTE FUNCTION agents_app_forget_name();
CREATE TRIGGER agents_app_entity_forgets_person AFTER UPDATE OF name, normalised ON agents_app_entity FOR EACH ROW
    WHEN (NEW.kind = 'person' AND OLD.name IS DISTINCT FROM NEW.name AND current_setting('gtm.erasing', true) = 'on')
    EXECUTE FUNCTION agents_app_forget_person();
"""
REMEMBER = """
DROP TRIGGER agents_app_entity_forgets_name ON agents_app_entity;
DROP TRIGGER agents_app_entity_forgets_person ON agents_app_entity;
DROP FUNCTION agents_app_forget_name;
DROP FUNCTION agents_app_forget_person;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('agents_app', '0013_source_accounts'),
        ('clients', '0018_sources_of_research'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Entity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('company', 'Company'), ('person', 'Person'), ('technology', 'Technology'), ('industry', 'Industry')], max_length=12)),
                ('name', models.CharField(help_text='As the newest run has it.', max_length=300)),
                ('normalised', models.CharField(help_text='Small letters without accents, signs and legal form: how names are compared.', max_length=300)),
                ('created_at', models.DateTimeField()),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='entities', to='clients.client')),
                ('within', models.ForeignKey(blank=True, db_index=False, help_text='Of which company it was named, where only its name is known.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='named_here', to='agents_app.entity', verbose_name='known through')),
            ],
            options={
                'verbose_name_plural': 'entities',
            },
        ),
        migrations.CreateModel(
            name='Edge',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('valid_at', models.DateTimeField(blank=True, help_text='In the world; empty: nobody says since when.', null=True, verbose_name='holds since')),
                ('invalid_at', models.DateTimeField(blank=True, help_text='In the world; empty: it holds, or nobody says until when.', null=True, verbose_name='held until')),
                ('created_at', models.DateTimeField(verbose_name='known since')),
                ('expired_at', models.DateTimeField(blank=True, help_text='When a newer word took its place; empty: it is held.', null=True, verbose_name='replaced')),
                ('relation', models.CharField(choices=[('parent_of', 'owns'), ('works_at', 'works at'), ('uses', 'uses'), ('mails_with', 'has its mail with'), ('in_industry', 'is in the industry')], max_length=20)),
                ('claims', models.ManyToManyField(related_name='+', to='agents_app.claim', verbose_name='evidence')),
                ('object', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='edges_to', to='agents_app.entity')),
                ('subject', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='edges_from', to='agents_app.entity')),
            ],
        ),
        migrations.CreateModel(
            name='EntityId',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scheme', models.CharField(choices=[('domain', 'Domain'), ('cik', "SEC's number (CIK)"), ('lei', 'Legal entity identifier'), ('wikidata_id', "Wikidata's item"), ('crunchbase_id', "Crunchbase's permalink"), ('linkedin_id', "LinkedIn's number"), ('apollo_id', "Apollo's number"), ('github_org', 'GitHub organisation')], max_length=20)),
                ('value', models.CharField(max_length=300)),
                ('created_at', models.DateTimeField()),
                ('claim', models.ForeignKey(blank=True, help_text='Who says so; nobody of the domain that was asked about.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents_app.claim')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.client')),
                ('entity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='ids', to='agents_app.entity')),
            ],
            options={
                'verbose_name': 'id of an entity',
                'verbose_name_plural': 'ids of entities',
            },
        ),
        migrations.CreateModel(
            name='EntityMerge',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scheme', models.CharField(blank=True, choices=[('domain', 'Domain'), ('cik', "SEC's number (CIK)"), ('lei', 'Legal entity identifier'), ('wikidata_id', "Wikidata's item"), ('crunchbase_id', "Crunchbase's permalink"), ('linkedin_id', "LinkedIn's number"), ('apollo_id', "Apollo's number"), ('github_org', 'GitHub organisation')], max_length=20, verbose_name='shared id')),
                ('value', models.CharField(blank=True, max_length=300)),
                ('at', models.DateTimeField()),
                ('undone_at', models.DateTimeField(blank=True, null=True)),
                ('by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('claims', models.ManyToManyField(blank=True, related_name='+', to='agents_app.claim', verbose_name='evidence')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.client')),
                ('loser', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='merges_into', to='agents_app.entity')),
                ('undone_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('winner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='merges_from', to='agents_app.entity')),
            ],
            options={
                'verbose_name': 'merge of entities',
                'verbose_name_plural': 'merges of entities',
            },
        ),
        migrations.CreateModel(
            name='MergeProposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('score', models.FloatField(verbose_name='likeness of the names')),
                ('why', models.CharField(max_length=300)),
                ('at', models.DateTimeField(verbose_name='proposed')),
                ('status', models.CharField(choices=[('open', 'Open'), ('merged', 'Merged'), ('refused', 'Not the same')], default='open', max_length=10)),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided')),
                ('by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='decided by')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.client')),
                ('one', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents_app.entity')),
                ('other', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents_app.entity')),
            ],
            options={
                'verbose_name': 'proposal to merge',
                'verbose_name_plural': 'proposals to merge',
            },
        ),
        migrations.CreateModel(
            name='Statement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('valid_at', models.DateTimeField(blank=True, help_text='In the world; empty: nobody says since when.', null=True, verbose_name='holds since')),
                ('invalid_at', models.DateTimeField(blank=True, help_text='In the world; empty: it holds, or nobody says until when.', null=True, verbose_name='held until')),
                ('created_at', models.DateTimeField(verbose_name='known since')),
                ('expired_at', models.DateTimeField(blank=True, help_text='When a newer word took its place; empty: it is held.', null=True, verbose_name='replaced')),
                ('attribute', models.CharField(max_length=40)),
                ('value', models.CharField(max_length=300)),
                ('unit', models.CharField(blank=True, max_length=20)),
                ('confidence', models.FloatField()),
                ('entity', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='statements', to='agents_app.entity')),
                ('fact', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='statements', to='agents_app.fact')),
            ],
        ),
        migrations.AddIndex(
            model_name='entity',
            index=models.Index(fields=['client', 'kind', 'normalised'], name='entities_by_name'),
        ),
        migrations.AddConstraint(
            model_name='entity',
            constraint=models.UniqueConstraint(condition=models.Q(('within__isnull', False)), fields=('within', 'kind', 'normalised'), name='one_entity_a_name_within_a_company'),
        ),
        migrations.AddConstraint(
            model_name='entity',
            constraint=models.UniqueConstraint(condition=models.Q(('kind__in', ['technology', 'industry'])), fields=('client', 'kind', 'normalised'), name='one_technology_or_industry_a_name'),
        ),
        migrations.AddIndex(
            model_name='edge',
            index=models.Index(fields=['subject', '-id'], name='edges_from_an_entity'),
        ),
        migrations.AddIndex(
            model_name='edge',
            index=models.Index(fields=['object', '-id'], name='edges_to_an_entity'),
        ),
        migrations.AddConstraint(
            model_name='edge',
            constraint=models.CheckConstraint(condition=models.Q(('expired_at__isnull', True), ('expired_at__gte', models.F('created_at')), _connector='OR'), name='edge_expires_once_known'),
        ),
        migrations.AddConstraint(
            model_name='edge',
            constraint=models.CheckConstraint(condition=models.Q(('invalid_at__isnull', True), ('valid_at__isnull', True), ('invalid_at__gte', models.F('valid_at')), _connector='OR'), name='edge_ends_once_begun'),
        ),
        migrations.AddConstraint(
            model_name='edge',
            constraint=models.UniqueConstraint(fields=('subject', 'relation', 'object', 'created_at'), name='one_edge_a_pair_and_moment'),
        ),
        migrations.AddConstraint(
            model_name='entityid',
            constraint=models.UniqueConstraint(fields=('client', 'scheme', 'value'), name='one_entity_an_id'),
        ),
        migrations.AddIndex(
            model_name='entitymerge',
            index=models.Index(fields=['client', '-at'], name='merges_of_a_client'),
        ),
        migrations.AddConstraint(
            model_name='entitymerge',
            constraint=models.CheckConstraint(condition=models.Q(('loser', models.F('winner')), _negated=True), name='merge_is_of_two'),
        ),
        migrations.AddConstraint(
            model_name='entitymerge',
            constraint=models.UniqueConstraint(condition=models.Q(('undone_at__isnull', True)), fields=('loser', 'winner'), name='merged_once_at_a_time'),
        ),
        migrations.AddIndex(
            model_name='mergeproposal',
            index=models.Index(fields=['client', 'status', '-at'], name='proposals_of_a_client'),
        ),
        migrations.AddConstraint(
            model_name='mergeproposal',
            constraint=models.UniqueConstraint(fields=('one', 'other', 'why'), name='proposed_once'),
        ),
        migrations.AddConstraint(
            model_name='mergeproposal',
            constraint=models.CheckConstraint(condition=models.Q(('one__lt', models.F('other'))), name='proposal_names_the_older_first'),
        ),
        migrations.AddIndex(
            model_name='statement',
            index=models.Index(fields=['entity', 'attribute', '-created_at'], name='statements_of_an_attribute'),
        ),
        migrations.AddConstraint(
            model_name='statement',
            constraint=models.CheckConstraint(condition=models.Q(('expired_at__isnull', True), ('expired_at__gte', models.F('created_at')), _connector='OR'), name='statement_expires_once_known'),
        ),
        migrations.AddConstraint(
            model_name='statement',
            constraint=models.CheckConstraint(condition=models.Q(('invalid_at__isnull', True), ('valid_at__isnull', True), ('invalid_at__gte', models.F('valid_at')), _connector='OR'), name='statement_ends_once_begun'),
        ),
        migrations.AddConstraint(
            model_name='statement',
            constraint=models.UniqueConstraint(fields=('fact', 'entity', 'attribute'), name='one_statement_a_fact'),
        ),
        guard("agents_app_entity", "client_id", "kind", "within_id", "created_at"),
        guard("agents_app_entityid", "client_id", "entity_id", "scheme", "value", "claim_id", "created_at"),
        guard("agents_app_edge", "subject_id", "relation", "object_id", "valid_at", "created_at"),
        guard("agents_app_statement", "entity_id", "attribute", "value", "unit", "confidence", "fact_id", "valid_at", "created_at"),
        guard("agents_app_entitymerge", "client_id", "loser_id", "winner_id", "scheme", "value", "by_id", "at"),
        guard("agents_app_mergeproposal", "client_id", "one_id", "other_id", "score", "why", "at"),
        migrations.RunSQL(FORGET, REMEMBER),
    ]
