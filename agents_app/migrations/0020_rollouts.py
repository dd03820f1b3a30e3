"""Rollouts: a candidate gets a growing share of an agent's work beside the live version."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from gtm.records import guard


class Migration(migrations.Migration):

    dependencies = [
        ('agents_app', '0019_rehearsals'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Rollout',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('agent', models.CharField(choices=[('research_agent', 'Research'), ('competitive_agent', 'Competitive'), ('persona_agent', 'Persona'), ('email_agent', 'E-mail')], max_length=40)),
                ('seed', models.CharField(max_length=40)),
                ('past', models.JSONField(default=dict)),
                ('expected', models.JSONField(default=dict)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('started_at', models.DateTimeField()),
                ('status', models.CharField(choices=[('running', 'Running'), ('held', 'Held: its share does not grow'), ('rolled_back', 'Rolled back'), ('finished', 'Finished: the candidate is live'), ('stopped', 'Stopped by a person')], default='running', max_length=12)),
                ('share', models.PositiveSmallIntegerField(default=10, help_text='Per cent of the units that get the candidate.')),
                ('looked_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('observed', models.JSONField(blank=True, default=dict)),
                ('scores', models.JSONField(blank=True, default=dict)),
                ('author', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('candidate', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rollouts', to='agents_app.promptversion')),
                ('control', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents_app.promptversion')),
                ('ended_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='RolloutDecision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('step', models.CharField(choices=[('go_on', 'Its share grows'), ('wait', 'Waits for outcomes'), ('hold', 'Held'), ('roll_back', 'Rolled back'), ('finish', 'Went live'), ('stop', 'Stopped')], max_length=10)),
                ('share', models.PositiveSmallIntegerField(help_text='Per cent afterwards.')),
                ('reasons', models.JSONField(default=list)),
                ('found', models.JSONField(default=list, help_text='[{"guard", "wealth", "needed", "control", "candidate", "seen"}]')),
                ('at', models.DateTimeField()),
                ('rollout', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='agents_app.rollout')),
            ],
        ),
        migrations.CreateModel(
            name='RolloutDraw',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('unit', models.CharField(help_text='contact:NUMBER, or company:CLIENT:DOMAIN where nobody is known.', max_length=300)),
                ('is_candidate', models.BooleanField()),
                ('share', models.PositiveSmallIntegerField(help_text='Per cent when it was planned: which stage it belongs to.')),
                ('rollout', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='draws', to='agents_app.rollout')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents_app.flowrun')),
            ],
        ),
        migrations.AddConstraint(
            model_name='rollout',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['running', 'held'])), fields=('agent',), name='one_open_rollout_an_agent'),
        ),
        migrations.AddIndex(
            model_name='rolloutdecision',
            index=models.Index(fields=['rollout', '-id'], name='agents_app__rollout_427aad_idx'),
        ),
        migrations.AddConstraint(
            model_name='rolloutdraw',
            constraint=models.UniqueConstraint(fields=('run', 'rollout'), name='one_draw_a_run_and_rollout'),
        ),
        guard("agents_app_rollout", "candidate_id", "control_id", "agent", "seed", "past", "expected", "reason", "author_id", "started_at"),
        guard("agents_app_rolloutdraw", "rollout_id", "run_id", "unit", "is_candidate", "share"),
        guard("agents_app_rolloutdecision", "rollout_id", "step", "share", "reasons", "found", "at"),
    ]
