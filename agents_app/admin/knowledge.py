"""What was found out about companies: answers of sources, claims, facts, personas and briefs."""

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString

from agents_app.admin.reading import OfRun, ReadOnly
from agents_app.models import Brief, Claim, Correction, Fact, Persona, SourceRecord
from gtm.admin_site import pretty


@admin.register(SourceRecord)
class SourceRecordAdmin(OfRun):
    list_display = (
        "source",
        "company_domain",
        "state",
        "reason",
        "page",
        "client",
        "elapsed_ms",
        "is_sandbox",
        "fetched_at",
    )
    list_filter = ("source", "status", "is_sandbox", "run__client")
    search_fields = ("company_domain",)
    ordering = ("-fetched_at", "-id")
    fields = (
        "source", "company_domain", "state", "reason", "page", "client", "request_key", "http_status", "elapsed_ms",
        "calls", "credits", "asked_with", "is_sandbox", "fetched_at", "used_again", "payload_json", "payload_sha256",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="used again")
    def used_again(self, record: SourceRecord) -> str:
        """Without a link: the run it came from may be another client's."""
        if record.same_as is None:
            return "No: the source was asked."
        return f"The answer of {timezone.localtime(record.same_as.fetched_at):%d %B %Y, %H:%M}; nobody was asked."

    @admin.display(description="payload")
    def payload_json(self, record: SourceRecord) -> SafeString:
        return pretty(record.original.payload)


@admin.register(Claim)
class ClaimAdmin(ReadOnly):
    client_path = "source_record__run__client"
    related = ("source_record__run__client",)
    list_display = ("attribute", "value", "source_record", "pointer", "as_of_date")
    list_filter = ("attribute", "source_record__source")
    search_fields = ("value", "source_record__company_domain")
    ordering = ("-id",)


@admin.register(Fact)
class FactAdmin(OfRun):
    list_display = ("key", "attribute", "value", "confidence", "page", "client")
    list_filter = ("attribute", "run__client")
    search_fields = ("value", "run__request__company_domain")
    fields = ("key", "attribute", "value", "confidence", "page", "client", "confidence_terms_json", "rests_on")
    json_columns = ("confidence_terms",)
    readonly_fields = fields

    @admin.display(description="claims it rests on")
    def rests_on(self, fact: Fact) -> str:
        claims = fact.claims.select_related("source_record").order_by("pk")
        return "; ".join(f"{claim.source_record.source} at {claim.pointer}: {claim.value}" for claim in claims)


@admin.register(Correction)
class CorrectionAdmin(ReadOnly):
    """They are made on the company's own page."""

    client_path = "client"
    related = ("client", "author")
    list_display = ("company_domain", "attribute", "value", "client", "author", "at", "withdrawn_at")
    list_filter = ("attribute", "client")
    search_fields = ("company_domain", "value")
    ordering = ("-at", "-id")


@admin.register(Persona)
class PersonaAdmin(OfRun):
    list_display = ("role", "page", "client", "angle")
    list_filter = ("run__client",)
    search_fields = ("role", "run__request__company_domain")
    fields = ("role", "page", "client", "pains_json", "angle", "rests_on_json")
    json_columns = ("pains", "rests_on")
    readonly_fields = fields


@admin.register(Brief)
class BriefAdmin(OfRun):
    list_display = ("page", "client")
    list_display_links = None
    list_filter = ("run__client",)
    fields = ("page", "client", "sentences_json")
    json_columns = ("sentences",)
    readonly_fields = fields
