"""Contracts as rows, with the first of them, which the code promised before; each run keeps those it was planned with."""

from datetime import datetime, timezone

import django.core.validators
import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models

from gtm.records import guard

RECORDED = (
    "request_id", "client_id", "idempotency_key", "route", "reason", "template_version_id", "rules_version_id", "code_revision", "facts_routed", "nodes", "skipped", "config", "config_sources", "config_sha256", "hints", "variants", "budget_usd", "time_budget_s", "planned_at", "config_version", "deployment_id",
)
BEFORE = guard("agents_app_flowrun", *RECORDED)
FIRST = (
    ("asks_once", "call_to_action", {"at_least": 0, "at_most": 1}),
    ("in_english", "language", {"language": "en"}),
    ("subject_fits", "schema", {"part": "subject", "at_least": 8, "at_most": 78}),
)


def write(apps, schema_editor):
    contract = apps.get_model("agents_app", "Contract")
    for name, kind, parameters in FIRST:
        contract.objects.get_or_create(
            agent="email_agent", name=name, client=None,
            defaults={"kind": kind, "parameters": parameters, "created_at": datetime(2026, 11, 29, tzinfo=timezone.utc)},
        )


class Migration(migrations.Migration):

    dependencies = [
        ('agents_app', '0017_golden_cases'),
        ('clients', '0018_sources_of_research'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='flowrun',
            name='promises',
            field=models.JSONField(blank=True, default=list, help_text='The contracts that stood when it was planned.'),
        ),
        migrations.AlterField(
            model_name='steprun',
            name='checks',
            field=models.JSONField(blank=True, default=list, help_text='[{"check", "passed", "detail", "must"}]'),
        ),
        migrations.CreateModel(
            name='HistoricalContract',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('agent', models.CharField(choices=[('research_agent', 'Research'), ('competitive_agent', 'Competitive'), ('persona_agent', 'Persona'), ('email_agent', 'E-mail')], max_length=40)),
                ('name', models.CharField(help_text='A short name, as it stands beside answers: asks_once.', max_length=40, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*$', 'Small letters, numbers and _, beginning with a letter.')])),
                ('kind', models.CharField(choices=[('schema', 'Size of a part'), ('words', 'Number of words'), ('must_include', 'Says'), ('must_not_include', 'Does not say'), ('no_placeholder', 'Nothing left unfilled'), ('cited_facts', 'Cites what is there'), ('avoid_terms', "Avoids the client's words"), ('call_to_action', 'Calls to action'), ('language', 'Language'), ('cost', 'Cost'), ('latency', 'Time'), ('similarity', 'Like the version before'), ('rubric', 'Asked of a model')], max_length=20)),
                ('parameters', models.JSONField(blank=True, default=dict)),
                ('severity', models.CharField(choices=[('must', 'Must: an answer that breaks it goes no further'), ('should', 'Should: it is shown beside the answer')], default='should', max_length=6)),
                ('weight', models.FloatField(default=1.0, help_text="How much it counts among an answer's promises when its confidence is computed: 0.1 to 10.", validators=[django.core.validators.MinValueValidator(0.1), django.core.validators.MaxValueValidator(10)])),
                ('is_active', models.BooleanField(default=True, verbose_name='in force')),
                ('created_at', models.DateTimeField(editable=False)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('author', models.ForeignKey(blank=True, db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('client', models.ForeignKey(blank=True, db_constraint=False, help_text="Empty: everybody. One of a client speaks in the place of everybody's of the same name.", null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='clients.client')),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical contract',
                'verbose_name_plural': 'historical contracts',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='Contract',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('agent', models.CharField(choices=[('research_agent', 'Research'), ('competitive_agent', 'Competitive'), ('persona_agent', 'Persona'), ('email_agent', 'E-mail')], max_length=40)),
                ('name', models.CharField(help_text='A short name, as it stands beside answers: asks_once.', max_length=40, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*$', 'Small letters, numbers and _, beginning with a letter.')])),
                ('kind', models.CharField(choices=[('schema', 'Size of a part'), ('words', 'Number of words'), ('must_include', 'Says'), ('must_not_include', 'Does not say'), ('no_placeholder', 'Nothing left unfilled'), ('cited_facts', 'Cites what is there'), ('avoid_terms', "Avoids the client's words"), ('call_to_action', 'Calls to action'), ('language', 'Language'), ('cost', 'Cost'), ('latency', 'Time'), ('similarity', 'Like the version before'), ('rubric', 'Asked of a model')], max_length=20)),
                ('parameters', models.JSONField(blank=True, default=dict)),
                ('severity', models.CharField(choices=[('must', 'Must: an answer that breaks it goes no further'), ('should', 'Should: it is shown beside the answer')], default='should', max_length=6)),
                ('weight', models.FloatField(default=1.0, help_text="How much it counts among an answer's promises when its confidence is computed: 0.1 to 10.", validators=[django.core.validators.MinValueValidator(0.1), django.core.validators.MaxValueValidator(10)])),
                ('is_active', models.BooleanField(default=True, verbose_name='in force')),
                ('created_at', models.DateTimeField(editable=False)),
                ('author', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('client', models.ForeignKey(blank=True, help_text="Empty: everybody. One of a client speaks in the place of everybody's of the same name.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='contracts', to='clients.client')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('agent', 'name', 'client'), name='one_contract_a_name', nulls_distinct=False, violation_error_message='There is one of this name for this agent and scope already. Change that one, or choose another name.')],
            },
        ),
        migrations.RunSQL(BEFORE.reverse_sql, BEFORE.sql),
        guard("agents_app_flowrun", *RECORDED, "promises"),
        migrations.RunPython(write, migrations.RunPython.noop, elidable=False),
    ]
