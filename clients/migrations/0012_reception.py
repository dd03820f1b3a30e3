"""What a call is stored by, which account a connection is of, and the calls that were refused."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('clients', '0011_crm_parties'),
    ]

    operations = [
        migrations.AddField(
            model_name='connection',
            name='external_account',
            field=models.CharField(blank=True, help_text="HubSpot's portal id (Hub ID) or Salesforce's organization id. Calls of another account are refused.", max_length=64, verbose_name='account at the party'),
        ),
        migrations.AddField(
            model_name='connection',
            name='takes_unsigned',
            field=models.BooleanField(default=False, help_text="Old integrations only: whoever knows the account's number can write contacts of this client.", verbose_name='takes calls without key and signature'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='receipt',
            field=models.UUIDField(editable=False, help_text='Our own number of the call, given before it was stored: whatever way it takes, it is stored once.', null=True, unique=True),
        ),
        migrations.AddField(
            model_name='historicalconnection',
            name='external_account',
            field=models.CharField(blank=True, help_text="HubSpot's portal id (Hub ID) or Salesforce's organization id. Calls of another account are refused.", max_length=64, verbose_name='account at the party'),
        ),
        migrations.AddField(
            model_name='historicalconnection',
            name='takes_unsigned',
            field=models.BooleanField(default=False, help_text="Old integrations only: whoever knows the account's number can write contacts of this client.", verbose_name='takes calls without key and signature'),
        ),
        migrations.AlterField(
            model_name='connection',
            name='signing_scheme',
            field=models.CharField(blank=True, choices=[('hubspot_v3', 'HubSpot, version 3'), ('hubspot_v2', 'HubSpot, version 2 (workflows)'), ('hubspot_v1', 'HubSpot, version 1 (private apps)'), ('standard', 'Standard Webhooks'), ('svix', 'Svix'), ('hmac_sha256', 'HMAC-SHA256 of the body, in X-Signature'), ('hub_sha256', 'HMAC-SHA256 of the body, in X-Hub-Signature-256'), ('close', 'Close'), ('attio', 'Attio'), ('outreach', 'Outreach'), ('salesloft', 'Salesloft'), ('calendly', 'Calendly'), ('calcom', 'Cal.com'), ('sendgrid', 'SendGrid'), ('sns', 'Amazon SNS (the secret is the ARN of the topic)'), ('header_secret', 'A secret in a header'), ('basic', 'Name and password (HTTP Basic)'), ('code', 'A secret in the address, as ?code= (Dynamics 365 WebhookKey)'), ('smartlead', 'Smartlead (secret_key in the body)'), ('zoho', 'Zoho (channel_id and token in the body)')], help_text='How the party signs its calls.', max_length=30, verbose_name='signed as'),
        ),
        migrations.AlterField(
            model_name='historicalconnection',
            name='signing_scheme',
            field=models.CharField(blank=True, choices=[('hubspot_v3', 'HubSpot, version 3'), ('hubspot_v2', 'HubSpot, version 2 (workflows)'), ('hubspot_v1', 'HubSpot, version 1 (private apps)'), ('standard', 'Standard Webhooks'), ('svix', 'Svix'), ('hmac_sha256', 'HMAC-SHA256 of the body, in X-Signature'), ('hub_sha256', 'HMAC-SHA256 of the body, in X-Hub-Signature-256'), ('close', 'Close'), ('attio', 'Attio'), ('outreach', 'Outreach'), ('salesloft', 'Salesloft'), ('calendly', 'Calendly'), ('calcom', 'Cal.com'), ('sendgrid', 'SendGrid'), ('sns', 'Amazon SNS (the secret is the ARN of the topic)'), ('header_secret', 'A secret in a header'), ('basic', 'Name and password (HTTP Basic)'), ('code', 'A secret in the address, as ?code= (Dynamics 365 WebhookKey)'), ('smartlead', 'Smartlead (secret_key in the body)'), ('zoho', 'Zoho (channel_id and token in the body)')], help_text='How the party signs its calls.', max_length=30, verbose_name='signed as'),
        ),
        migrations.CreateModel(
            name='RejectedCall',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('why', models.CharField(max_length=300)),
                ('address', models.CharField(blank=True, max_length=64, verbose_name='called from')),
                ('headers', models.JSONField(default=dict)),
                ('body', models.TextField(blank=True)),
                ('connection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rejected_calls', to='clients.connection')),
            ],
            options={
                'ordering': ('-at', '-pk'),
                'indexes': [models.Index(fields=['connection', '-at'], name='clients_rej_connect_dac6c8_idx'), models.Index(fields=['at'], name='clients_rej_at_6f6f72_idx')],
            },
        ),
    ]
