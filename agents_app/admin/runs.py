"""Runs, their steps, what was found out about companies, and what the model costs."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.utils.safestring import SafeString

from agents_app.admin.reading import Readable, ReadOnly
from agents_app.models import Brief, Claim, Fact, FlowRun, ModelPrice, Persona, SourceRecord, StepRun
from clients.scoped_admin import ScopedStackedInline
from gtm.admin_site import ModelAdmin, link

STEP_JSON = ("output", "confidence_terms", "checks", "input")
STEP_FIELDS = (
    "state", "stage", "confidence", "prompt_version", "generator", "cost_usd", "started_at", "finished_at", "error",
    "output_json", "confidence_terms_json", "checks_json", "input_json",
)  # fmt: skip


class StepInline(Readable, ScopedStackedInline):
    model = StepRun
    json_columns = STEP_JSON
    fields = STEP_FIELDS
    readonly_fields = STEP_FIELDS
    classes = ("collapse",)
    ordering = ("stage", "key", "attempt")
    can_delete = False
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("prompt_version")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(FlowRun)
class FlowRunAdmin(ReadOnly):
    client_path = "client"
    related = ("client", "request__contact", "request__campaign")
    list_display = ("page", "client", "whom", "purpose", "route", "state", "cost", "planned_at")
    list_display_links = None
    list_filter = ("status", "route", "client")
    search_fields = ("request__company_domain", "request__contact__email_normalised", "request__contact__full_name")
    ordering = ("-planned_at", "-id")
    inlines = (StepInline,)
    json_columns = ("stages", "skipped", "hints", "variants", "config", "config_sources")
    fields = (
        "page", "state", "client", "request_link", "route", "stages_json", "skipped_json", "error", "planned_at",
        "started_at", "finished_at", "recoveries", "hints_json", "variants_json", "config_json", "config_sources_json",
        "config_sha256",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).annotate(total_usd=Sum("steps__cost_usd"))
        return rows

    @admin.display(description="run", ordering="pk")
    def page(self, run: FlowRun) -> SafeString:
        return link(run, "run_page", run.pk)

    @admin.display(description="request")
    def request_link(self, run: FlowRun) -> SafeString:
        return link(run.request, "request_trace", run.request_id)

    @admin.display(description="for whom")
    def whom(self, run: FlowRun) -> str:
        return str(run.request.contact or run.request.company_name or run.request.company_domain)

    @admin.display(description="purpose", ordering="request__purpose")
    def purpose(self, run: FlowRun) -> str:
        return run.request.get_purpose_display()

    @admin.display(description="cost")
    def cost(self, run: Any) -> str:
        return f"${run.total_usd or 0:.4f}"


class OfRun(ReadOnly):
    """Rows that a run made; they link back to its page."""

    related: ClassVar[tuple[str, ...]] = ("run__client",)
    search_fields: ClassVar[tuple[str, ...]] = ("run__request__company_domain",)
    ordering: ClassVar[tuple[str, ...]] = ("-id",)

    @admin.display(description="run", ordering="run")
    def page(self, row: Any) -> SafeString:
        return link(row.run, "run_page", row.run_id)

    @admin.display(description="client", ordering="run__client__name")
    def client(self, row: Any) -> str:
        return str(row.run.client)


@admin.register(StepRun)
class StepRunAdmin(OfRun):
    related = ("run__client", "prompt_version")
    list_display = (
        "agent",
        "attempt",
        "state",
        "page",
        "client",
        "confidence",
        "cost_usd",
        "prompt_version",
        "error",
        "started_at",
    )
    list_filter = ("agent", "status", "error_class", "run__client")
    ordering = ("-started_at", "-id")
    json_columns = (*STEP_JSON, "attempts")
    fields = (
        "page", "client", "agent", "attempt", *STEP_FIELDS, "input_sha256", "prompt_sent", "provider_request_id",
        "attempts_json", "tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write", "error_class",
    )  # fmt: skip
    readonly_fields = fields


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
    json_columns = ("payload",)
    fields = (
        "source", "company_domain", "state", "reason", "page", "client", "request_key", "http_status", "elapsed_ms",
        "is_sandbox", "fetched_at", "payload_json", "payload_sha256",
    )  # fmt: skip
    readonly_fields = fields


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


@admin.register(ModelPrice)
class ModelPriceAdmin(ModelAdmin):
    list_display = ("model", "valid_from", "prompt_band_max", "input", "output", "cache_read", "cache_write")
    list_filter = ("model",)
    ordering = ("model", "-valid_from", "prompt_band_max")
