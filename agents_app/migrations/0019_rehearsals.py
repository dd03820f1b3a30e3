"""Rehearsals: prompt versions tried on test cases beside another version."""

import django.db.models.deletion
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models

from gtm.records import guard


class Migration(migrations.Migration):

    dependencies = [
        ('agents_app', '0018_contracts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Rehearsal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('agent', models.CharField(choices=[('research_agent', 'Research'), ('competitive_agent', 'Competitive'), ('persona_agent', 'Persona'), ('email_agent', 'E-mail')], max_length=40)),
                ('repeats', models.PositiveSmallIntegerField(default=1)),
                ('promises', models.JSONField(default=list)),
                ('budget_usd', models.DecimalField(decimal_places=7, max_digits=12, verbose_name='budget')),
                ('asked_at', models.DateTimeField()),
                ('status', models.CharField(choices=[('planned', 'Planned'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Stopped')], default='planned', max_length=10)),
                ('fence', models.PositiveIntegerField(default=0, help_text='Grows with every claim; an old owner writes nothing.')),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('report', models.JSONField(blank=True, default=dict)),
                ('verdict', models.CharField(blank=True, choices=[('passed', 'Passed'), ('too_few', 'Too few cases to tell'), ('worse', 'Keeps fewer of the lesser contracts'), ('failed', 'Breaks what the other keeps')], max_length=10)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('approved_at', models.DateTimeField(blank=True, null=True)),
                ('approved_because', models.CharField(blank=True, max_length=300)),
                ('against', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents_app.promptversion')),
                ('approved_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('author', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('candidate', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rehearsals', to='agents_app.promptversion')),
            ],
            options={
                'permissions': [('approve_rehearsal', 'Lets a prompt version pass that keeps fewer of the lesser contracts')],
            },
        ),
        migrations.CreateModel(
            name='RehearsalAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('side', models.CharField(choices=[('old', 'The other version'), ('new', 'The candidate')], max_length=3)),
                ('repeat', models.PositiveSmallIntegerField(default=1)),
                ('status', models.CharField(choices=[('planned', 'Planned'), ('running', 'Running'), ('done', 'Answered'), ('failed', 'No answer')], default='planned', max_length=10)),
                ('set_aside_usd', models.DecimalField(decimal_places=7, default=Decimal('0'), max_digits=12)),
                ('cost_usd', models.DecimalField(decimal_places=7, default=Decimal('0'), max_digits=12)),
                ('uncertain_usd', models.DecimalField(decimal_places=7, default=Decimal('0'), max_digits=12)),
                ('ms', models.PositiveIntegerField(default=0, help_text='What its calls to the model took.')),
                ('words', models.PositiveIntegerField(default=0)),
                ('text', models.TextField(blank=True)),
                ('output', models.JSONField(blank=True, default=dict)),
                ('checks', models.JSONField(blank=True, default=list)),
                ('generator', models.CharField(blank=True, max_length=80)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='answers', to='agents_app.goldencase')),
                ('rehearsal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='answers', to='agents_app.rehearsal')),
            ],
        ),
        migrations.AddConstraint(
            model_name='rehearsal',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['planned', 'running'])), fields=('candidate', 'against'), name='one_open_rehearsal_of_two_versions'),
        ),
        migrations.AddConstraint(
            model_name='rehearsalanswer',
            constraint=models.UniqueConstraint(fields=('rehearsal', 'case', 'side', 'repeat'), name='one_answer_a_case_and_side'),
        ),
        guard("agents_app_rehearsal", "candidate_id", "against_id", "agent", "repeats", "promises", "budget_usd", "author_id", "asked_at"),
    ]
