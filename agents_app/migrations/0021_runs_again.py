"""Runs that are done again from a step, and what people think of runs."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from gtm.records import guard


class Migration(migrations.Migration):

    dependencies = [
        ('agents_app', '0020_rollouts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='request',
            name='trial_side',
            field=models.CharField(blank=True, choices=[('present', 'Trial: settings in force'), ('proposed', 'Trial: typed settings'), ('again', 'Run again from a step')], db_default='', default='', editable=False, max_length=8, verbose_name='trial'),
        ),
        migrations.CreateModel(
            name='Rerun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('changes', models.JSONField(blank=True, default=list)),
                ('edited', models.JSONField(blank=True, default=dict)),
                ('asks_sources', models.BooleanField(default=False)),
                ('breakpoints', models.JSONField(blank=True, default=list)),
                ('sha256', models.CharField(help_text='Of all that was wanted: the same is not begun twice at once.', max_length=64)),
                ('created_at', models.DateTimeField()),
                ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('original', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reruns', to='agents_app.flowrun')),
                ('request', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='rerun', to='agents_app.request')),
                ('step', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents_app.steprun')),
            ],
            options={
                'verbose_name': 'run again',
                'verbose_name_plural': 'runs again',
            },
        ),
        migrations.CreateModel(
            name='RunMark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verdict', models.CharField(choices=[('good', 'Good'), ('bad', 'Bad')], max_length=4)),
                ('note', models.CharField(blank=True, max_length=500)),
                ('at', models.DateTimeField()),
                ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='marks', to='agents_app.flowrun')),
                ('step', models.ForeignKey(blank=True, db_constraint=False, db_index=False, help_text='Empty: the run as a whole.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents_app.steprun')),
            ],
            options={
                'verbose_name': 'mark',
            },
        ),
        guard(
            "agents_app_rerun", "request_id", "original_id", "step_id", "changes", "edited", "asks_sources", "breakpoints", "sha256",
            "author_id", "created_at",
        ),
        guard("agents_app_runmark", "run_id", "step_id", "verdict", "note", "author_id", "at"),
    ]
