"""Proposals to change a client's setting, and what approved ones brought."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from gtm.records import guard


class Migration(migrations.Migration):

    dependencies = [
        ('clients', '0004_changes_that_wait'),
        ('experiments', '0002_guards'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SettingProposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rule', models.CharField(max_length=20)),
                ('path', models.CharField(max_length=80)),
                ('own', models.JSONField(null=True)),
                ('in_force', models.JSONField()),
                ('proposed', models.JSONField()),
                ('evidence', models.JSONField()),
                ('expected', models.JSONField()),
                ('risk', models.CharField(max_length=300)),
                ('made_at', models.DateTimeField()),
                ('status', models.CharField(choices=[('open', 'Open'), ('approved', 'Approved'), ('dismissed', 'Dismissed'), ('rolled_back', 'Rolled back'), ('stale', 'Out of date')], default='open', max_length=12)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('reason', models.CharField(blank=True, help_text='Why it was decided so, or is out of date.', max_length=300)),
                ('written', models.JSONField(blank=True, null=True)),
                ('version', models.PositiveIntegerField(blank=True, null=True)),
                ('undone_at', models.DateTimeField(blank=True, null=True)),
                ('undone_reason', models.CharField(blank=True, max_length=300)),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='clients.client')),
                ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('undone_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='ProposalEffect',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('as_of', models.DateTimeField()),
                ('result', models.JSONField()),
                ('proposal', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='effect', to='experiments.settingproposal')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddIndex(
            model_name='settingproposal',
            index=models.Index(fields=['-made_at', '-id'], name='experiments_made_at_ea2a0d_idx'),
        ),
        migrations.AddIndex(
            model_name='settingproposal',
            index=models.Index(fields=['client', 'path', '-made_at'], name='experiments_client__489cc8_idx'),
        ),
        migrations.AddConstraint(
            model_name='settingproposal',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'open')), fields=('client', 'path'), name='one_open_proposal_a_setting'),
        ),
        guard("experiments_settingproposal", "client_id", "rule", "path", "own", "in_force", "proposed", "evidence", "expected", "risk", "made_at"),
        guard("experiments_proposaleffect", "proposal_id", "as_of", "result"),
    ]
