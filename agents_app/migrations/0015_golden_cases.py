"""Test cases: questions of real runs, frozen, on which prompts are tried."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from gtm.records import guard


class Migration(migrations.Migration):

    dependencies = [
        ('agents_app', '0014_entities'),
        ('clients', '0018_sources_of_research'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='GoldenCase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('agent', models.CharField(choices=[('research_agent', 'Research'), ('competitive_agent', 'Competitive'), ('persona_agent', 'Persona'), ('email_agent', 'E-mail')], max_length=40)),
                ('config', models.JSONField(default=dict)),
                ('facts', models.JSONField(default=list)),
                ('context', models.JSONField(default=dict)),
                ('title', models.CharField(max_length=160)),
                ('created_at', models.DateTimeField()),
                ('is_active', models.BooleanField(default=True, help_text='Whether prompts are tried on it. Switch it off in place of deleting it.', verbose_name='active')),
                ('note', models.TextField(blank=True, help_text='What a good answer has, and what it must not say.')),
                ('author', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='golden_cases', to='clients.client')),
                ('step', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cases', to='agents_app.steprun')),
            ],
            options={
                'verbose_name': 'test case',
                'indexes': [models.Index(condition=models.Q(('is_active', True)), fields=['agent'], name='active_cases_of_an_agent')],
            },
        ),
        guard(
            "agents_app_goldencase", "agent", "client_id", "step_id", "config", "facts", "context", "title", "author_id", "created_at",
        ),
    ]
