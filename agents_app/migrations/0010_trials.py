"""Trials: a client's unsaved settings on one contact, and requests that say which side of a trial they are."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from gtm.records import guard


class Migration(migrations.Migration):

    dependencies = [
        ('agents_app', '0009_runs_by_deployment'),
        ('clients', '0004_changes_that_wait'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='request',
            name='trial_side',
            field=models.CharField(blank=True, choices=[('present', 'Trial: settings in force'), ('proposed', 'Trial: typed settings')], db_default='', default='', editable=False, max_length=8, verbose_name='trial'),
        ),
        migrations.CreateModel(
            name='Trial',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('settings', models.JSONField(default=dict)),
                ('columns', models.JSONField(default=dict)),
                ('base', models.JSONField(default=dict)),
                ('differences', models.JSONField(default=list)),
                ('created_at', models.DateTimeField()),
                ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='trials', to='clients.client')),
                ('contact', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.contact')),
                ('present', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='beside_trials', to='agents_app.request')),
                ('proposed', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='trial', to='agents_app.request')),
            ],
            options={
                'indexes': [models.Index(fields=['client', '-created_at'], name='trials_of_a_client')],
            },
        ),
        guard(
            "agents_app_trial", "client_id", "contact_id", "settings", "columns", "base", "differences", "present_id", "proposed_id",
            "author_id", "created_at",
        ),
    ]
