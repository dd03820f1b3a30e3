from django.db import models
from simple_history.models import HistoricalRecords

from clients import signatures


class Connection(models.Model):
    """A client's credentials and settings for one outside party.

    `endpoint_key` is shown once, when it is made; we keep its SHA-256 (hex) to look it up and its last four
    characters to tell keys apart; null: the connection receives nothing. The key before it is good until
    `old_key_until`. What we present to the party is `credential`, encrypted, or stands where `credential_ref` says
    (`clients/credentials.py`). With a `signing_scheme`, calls have to be signed too, with one of the
    connection's `SigningSecret`s; the last call that was refused for it is told in `last_refused_*`.
    `external_account` is the party's own number of the client's account (HubSpot's portal id, Salesforce's organization
    id): calls of another account are refused.
    """

    class Party(models.TextChoices):
        HUBSPOT = "hubspot", "HubSpot"
        SALESFORCE = "salesforce", "Salesforce"
        PIPEDRIVE = "pipedrive", "Pipedrive"
        CLOSE = "close", "Close"
        ATTIO = "attio", "Attio"
        ZOHO = "zoho", "Zoho CRM"
        DYNAMICS = "dynamics", "Microsoft Dynamics 365"
        GENERIC = "generic", "Any other sender"
        OUTCOMES = "outcomes", "Mail and calendar events"
        SENDGRID = "sendgrid", "SendGrid"
        POSTMARK = "postmark", "Postmark"
        MAILGUN = "mailgun", "Mailgun"
        SES = "ses", "Amazon SES (through SNS)"
        SMARTLEAD = "smartlead", "Smartlead"
        INSTANTLY = "instantly", "Instantly"
        OUTREACH = "outreach", "Outreach"
        SALESLOFT = "salesloft", "Salesloft"
        CALENDLY = "calendly", "Calendly"
        CALCOM = "calcom", "Cal.com"
        PEOPLE_DATA_LABS = "people_data_labs", "People Data Labs (funding and people)"
        NEWSAPI = "newsapi", "NewsAPI"
        NEWSCATCHER = "newscatcher", "NewsCatcher"
        GDELT = "gdelt", "GDELT (news, no key needed)"
        CRUNCHBASE = "crunchbase", "Crunchbase"
        APOLLO = "apollo", "Apollo"
        LINKEDIN = "linkedin", "LinkedIn (organisations)"
        BUILTWITH = "builtwith", "BuiltWith"
        WAPPALYZER = "wappalyzer", "Wappalyzer"
        SEC_EDGAR = "sec_edgar", "SEC EDGAR (no key needed)"
        WIKIDATA = "wikidata", "Wikidata (no key needed)"
        GITHUB = "github", "GitHub (no key needed)"
        WEBSITE = "website", "The company's own site (no key needed)"
        MAIL_HOST = "mail_host", "Mail host by DNS (no key needed)"

    class Mode(models.TextChoices):
        SANDBOX = "sandbox", "Sandbox: a stand-in answers"
        LIVE = "live", "Live"

    client = models.ForeignKey("clients.Client", on_delete=models.PROTECT, related_name="connections")
    party = models.CharField(max_length=30, choices=Party)
    name = models.CharField(max_length=80)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.SANDBOX)
    is_active = models.BooleanField(default=True)
    endpoint_key_sha256 = models.CharField(max_length=64, unique=True, null=True, blank=True, editable=False)
    endpoint_key_hint = models.CharField(max_length=4, blank=True, editable=False)
    old_key_sha256 = models.CharField(max_length=64, unique=True, null=True, blank=True, editable=False)
    old_key_hint = models.CharField(max_length=4, blank=True, editable=False)
    old_key_until = models.DateTimeField(null=True, blank=True, editable=False)
    credential = models.BinaryField(default=b"", blank=True, editable=False)
    credential_ref = models.CharField(max_length=200, blank=True)
    signing_scheme = models.CharField(
        "signed as", max_length=30, choices=signatures.CHOICES, blank=True, help_text="How the party signs its calls."
    )
    external_account = models.CharField(
        "account at the party",
        max_length=64,
        blank=True,
        help_text="HubSpot's portal id (Hub ID) or Salesforce's organization id. Calls of another account are refused.",
    )
    takes_unsigned = models.BooleanField(
        "takes calls without key and signature",
        default=False,
        help_text="Old integrations only: whoever knows the account's number can write contacts of this client.",
    )
    refused_calls = models.PositiveIntegerField(default=0, editable=False)
    last_refused_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_refused_why = models.CharField(max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField()
    history = HistoricalRecords(
        excluded_fields=[
            "credential",
            "endpoint_key_sha256",
            "old_key_sha256",
            "refused_calls",
            "last_refused_at",
            "last_refused_why",
        ]
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "party", "name"], name="one_connection_a_name")]

    def __str__(self) -> str:
        return f"{self.client}: {self.name}"
