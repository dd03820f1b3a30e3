"""What a client runs on, as a record with a number; each run keeps the one it was planned with, as a column that never changes."""

import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models

from gtm.records import guard

RECORDED = (
    "request_id", "client_id", "idempotency_key", "route", "reason", "template_version_id", "rules_version_id", "code_revision", "facts_routed", "nodes", "skipped", "config", "config_sources", "config_sha256", "hints", "variants", "budget_usd", "time_budget_s", "planned_at", "config_version",
)
BEFORE = guard("agents_app_flowrun", *RECORDED)


class Migration(migrations.Migration):

    dependencies = [
        ('agents_app', '0007_version_of_the_settings'),
        ('clients', '0004_changes_that_wait'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='HistoricalClientPrompt',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('agent', models.CharField(choices=[('research_agent', 'Research'), ('competitive_agent', 'Competitive'), ('persona_agent', 'Persona'), ('email_agent', 'E-mail')], max_length=40)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
            ],
            options={
                'verbose_name': 'historical pinned prompt',
                'verbose_name_plural': 'historical pinned prompts',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='ClientPrompt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('agent', models.CharField(choices=[('research_agent', 'Research'), ('competitive_agent', 'Competitive'), ('persona_agent', 'Persona'), ('email_agent', 'E-mail')], max_length=40)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pinned_prompts', to='clients.client')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pins', to='agents_app.promptversion')),
            ],
            options={
                'verbose_name': 'pinned prompt',
            },
        ),
        migrations.CreateModel(
            name='Deployment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('config', models.JSONField()),
                ('config_sha256', models.CharField(max_length=64)),
                ('prompts', models.JSONField()),
                ('rollouts', models.JSONField(blank=True, default=list)),
                ('connections', models.JSONField(blank=True, default=list)),
                ('sha256', models.CharField(max_length=64)),
                ('cause', models.TextField(help_text='What changed against the one before, in words.')),
                ('created_at', models.DateTimeField()),
                ('author', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deployments', to='clients.client')),
                ('config_version', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.configversion')),
            ],
            options={
                'permissions': [('return_deployment', 'Returns a client to an earlier deployment, and pins prompts for it')],
            },
        ),
        migrations.AddField(
            model_name='flowrun',
            name='deployment',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, help_text='What the client ran on when it was planned.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='agents_app.deployment'),
        ),
        migrations.AddField(
            model_name='historicalclientprompt',
            name='client',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='clients.client'),
        ),
        migrations.AddField(
            model_name='historicalclientprompt',
            name='history_user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalclientprompt',
            name='version',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='agents_app.promptversion'),
        ),
        migrations.AddConstraint(
            model_name='clientprompt',
            constraint=models.UniqueConstraint(fields=('client', 'agent'), name='one_pinned_prompt_a_client_and_agent'),
        ),
        migrations.AddConstraint(
            model_name='deployment',
            constraint=models.UniqueConstraint(fields=('client', 'number'), name='one_deployment_a_number'),
        ),
        guard("agents_app_deployment", "client_id", "number", "config_version_id", "config", "config_sha256", "prompts", "rollouts", "connections", "sha256", "cause", "author_id", "created_at"),
        migrations.RunSQL(BEFORE.reverse_sql, BEFORE.sql),
        guard("agents_app_flowrun", *RECORDED, "deployment_id"),
    ]
