"""What the models of this app hold of a person (gtm/personal.py says what the words mean).

Settings and everything made of them speak of companies and of how we write, never of whom we write to.
"""

from gtm.personal import Personal

SETTINGS = ("settings", "locks", "touched", "secrets")

DECLARED = (
    Personal("clients.AgencySettings", free=SETTINGS),
    Personal("clients.SettingsTemplate", free=(*SETTINGS, "key", "name")),
    Personal("clients.Client", free=(*SETTINGS, "slug", "name", "website", "postal_address")),
    Personal("clients.ConfigKey", free=("name", "label", "kind", "help", "choices", "merge", "tightens", "agents")),
    Personal("clients.ConfigVersion", free=("document", "sha256", "reason")),
    Personal("clients.ProposedChange", free=("columns", "locks", "settings", "secrets")),
    Personal("clients.ChangeSet", free=("what", "reason")),
    Personal("clients.ClientChange", free=("paths", "left")),
    Personal(
        "clients.Connection",
        free=(
            "name",
            "endpoint_key_sha256",
            "endpoint_key_hint",
            "old_key_sha256",
            "old_key_hint",
            "credential",
            "credential_ref",
            "last_refused_why",
        ),
    ),
    Personal("clients.SigningSecret", free=("secret", "hint", "reference")),
    Personal(
        "clients.Contact",
        contact=("pk",),
        blank=(
            "first_name",
            "last_name",
            "title",
            "company_name",
            "company_domain",
            "other_emails",
            "phone",
            "linkedin_url",
            "country",
            "timezone",
            "lifecycle_stage",
            "owner",
            "tags",
            "do_not_contact",
            "custom",
        ),
        placeholders={
            "email": "erased-{pk}@erased.invalid",
            "email_normalised": "erased-{pk}@erased.invalid",
            "full_name": "Erased person",
        },
        free=("source",),
    ),
    Personal(
        "clients.Observation",
        contact=("record__contact",),
        record=("record",),
        placeholders={"value": ""},
        free=("field",),
    ),
    Personal("clients.FieldState", free=("field", "rule")),
    Personal("clients.FieldRule", free=("field", "sources")),
    Personal("clients.Suppression", free=("address_hmac",)),
    Personal("clients.RecordAddress", free=("address_hmac",)),
    Personal("clients.Erasure", free=("address_hmac", "sealed", "blanked")),
    Personal(
        "clients.SourceRecord",
        contact=("contact",),
        record=("pk",),
        client="client",
        blank=("addresses",),
        keys=("ext_id",),
        free=("source", "object_type"),
    ),
    Personal(
        "clients.Delivery",
        elsewhere=("body", "body_sha256", "error"),
        free=("headers", "sender_event_id"),
    ),
    Personal(
        "clients.Event",
        contact=("contact", "record__contact"),
        record=("record",),
        client="client",
        scan=True,
        blank=("payload",),
        keys=("event_key",),
        free=("origin", "source", "kind"),
    ),
)
