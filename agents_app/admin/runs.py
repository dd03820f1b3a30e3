"""Runs, their steps, how their plans changed, and what steps were given."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agents_app import explaining, timeline
from agents_app.admin import drawing
from agents_app.admin.reading import OfRun, Readable, ReadOnly, TrialFilter, dollars, listed, marked, narrowed
from agents_app.models import FlowRun, FlowTemplate, FlowVersion, PlanRevision, SourceRecord, StepContext, StepRun
from clients import access
from clients.scoped_admin import ScopedStackedInline
from gtm.admin_site import RecordAdmin, link, pretty

STEP_JSON = ("output", "confidence_terms", "checks", "votes", "attempts", "decisions")
STEP_FIELDS = (
    "state", "kind", "who", "contact", "confidence", "prompt_version", "generator", "cost", "uncertain",
    "started_at", "finished_at", "error", "given", "output_json", "confidence_terms_json", "checks_json", "votes_json",
)  # fmt: skip
SET_ASIDE = dollars("reserved_usd", "set aside", note=" for calls under way")


class Step(Readable):
    """What a step's own page and the steps on a run's page show alike."""

    json_columns = (*STEP_JSON, "spans")
    cost = dollars("cost_usd", "cost", ordering="cost_usd")
    uncertain = dollars("uncertain_usd", "perhaps billed", note=", the worst case of calls whose answer never came")

    @admin.display(description="agent or tool")
    def who(self, step: StepRun) -> str:
        name = step.get_agent_display() if step.agent else step.tool
        place = f", contact {step.map_index} of the map" if step.map_index else ""
        return f"{name or 'Neither'}{place}"

    @admin.display(description="what it was given")
    def given(self, step: StepRun) -> SafeString | str:
        return pretty(step.input) if step.context_id else "Nothing."


class StepInline(Step, ScopedStackedInline):
    model = StepRun
    fields = STEP_FIELDS
    readonly_fields = STEP_FIELDS
    classes = ("collapse",)
    ordering = ("stage", "key", "map_index", "attempt")
    can_delete = False
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("prompt_version", "context", "contact")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class TemplateFilter(admin.SimpleListFilter):
    title = "flow template"
    parameter_name = "template"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return FlowTemplate.objects.order_by("name").values_list("key", "name")

    def queryset(self, request: HttpRequest, queryset: QuerySet[FlowRun]) -> QuerySet[FlowRun]:
        return queryset.filter(template_version__key=self.value()) if self.value() else queryset


class RunTrialFilter(TrialFilter):
    column = "request__trial_side"


@admin.register(FlowRun)
class FlowRunAdmin(ReadOnly):
    client_path = "client"
    related = (
        "client",
        "request__contact",
        "request__campaign",
        "deployment",
        "template_version",
        "rules_version",
        "cancel_asked_by",
    )
    list_display = ("page", "client", "whom", "flow", "state", "cost", "changes", "planned_at")
    list_display_links = None
    list_filter = ("status", TemplateFilter, "route", "request__purpose", RunTrialFilter, "client")
    search_fields = ("request__company_domain", "request__contact__email_normalised", "request__contact__full_name")
    ordering = ("-planned_at", "-id")
    inlines = (StepInline,)
    json_columns = ("hints", "variants", "config", "config_sources")
    fields = (
        "page", "state", "client", "ran_on", "request_link", "error", "route", "reason", "flow", "rules",
        "code_revision", "plan", "left_out", "changes", "budget", "spent", "set_aside", "lent", "planned_at",
        "started_at", "finished_at", "recoveries", "cancelled", "hints_json", "variants_json", "config_json",
        "config_sources_json", "config_sha256",
    )  # fmt: skip
    readonly_fields = fields
    cost = dollars("total_usd", "cost")
    spent = dollars("spent_usd", "spent of it", note=", the worst case of calls without an answer included")
    set_aside = SET_ASIDE

    class Media:
        css = {"all": ("gtm/flows.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).annotate(total_usd=Sum("steps__cost_usd"))
        return rows.defer(*(f"deployment__{name}" for name in ("config", "prompts", "rollouts", "connections")))

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """The page of a prompt version lists its runs."""
        return lookup == "prompts__version__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="client ran on")
    def ran_on(self, run: FlowRun) -> SafeString | str:
        if run.deployment is None:
            return "Not known: it was planned before deployments were kept."
        page, number = reverse("client_deployments", args=[run.client.slug]), run.deployment.number
        return format_html('<a href="{0}?right={1}">{2}@{1}</a>', page, number, run.client.slug)

    @admin.display(description="run", ordering="pk")
    def page(self, run: FlowRun) -> SafeString:
        return marked(link(run, "run_page", run.pk), run.request)

    @admin.display(description="request")
    def request_link(self, run: FlowRun) -> SafeString:
        return link(run.request, "request_trace", run.request_id)

    @admin.display(description="for whom")
    def whom(self, run: FlowRun) -> str:
        return str(run.request.contact or run.request.company_name or run.request.company_domain)

    @admin.display(description="flow", ordering="template_version__key")
    def flow(self, run: FlowRun) -> SafeString | str:
        return _version(run.template_version, "{0.document[name]}, v{0.number}")

    @admin.display(description="routing rules")
    def rules(self, run: FlowRun) -> SafeString | str:
        return _version(run.rules_version, "Version {0.number}")

    @admin.display(description="plan as it began")
    def plan(self, run: FlowRun) -> SafeString | str:
        return drawing.plan(run.nodes) if run.nodes else "No step: the request could not be met."

    @admin.display(description="left out")
    def left_out(self, run: FlowRun) -> SafeString | str:
        items = format_html_join("", "<li>{}: {}</li>", ((each["key"], each["reason"]) for each in run.skipped))
        return format_html('<ul class="plain">{}</ul>', items) if items else "Nothing."

    @admin.display(description="plan changed", ordering="revised")
    def changes(self, run: FlowRun) -> SafeString | str:
        if not run.revised:
            return "None"
        return listed(run.revised, "change", "agents_app_planrevision", run__id__exact=run.pk)

    @admin.display(description="budget")
    def budget(self, run: FlowRun) -> str:
        return f"${run.budget_usd:.2f} and {run.time_budget_s} seconds"

    @admin.display(description="lent by the client's day")
    def lent(self, run: FlowRun) -> str:
        if run.lent_date is None:
            return "Nothing"
        untold = f"${run.untold_usd:.4f} of it are spent, and the day was not told yet"
        return f"${run.lent_usd:.4f}, on {run.lent_date:%-d %B %Y}; {untold}"

    @admin.display(description="cancel")
    def cancelled(self, run: FlowRun) -> str:
        if run.cancel_asked_at is None:
            return "Nobody asked."
        return f"Asked at {run.cancel_asked_at:%d %B %Y, %H:%M} by {run.cancel_asked_by or 'the system'}"


def _version(version: FlowVersion | None, words: str) -> SafeString | str:
    """`words` is a format of the version."""
    return link(words.format(version), "admin:agents_app_flowversion_change", version.pk) if version else "None"


@admin.register(StepRun)
class StepRunAdmin(Step, OfRun):
    related = ("run__client", "prompt_version", "contact")
    list_display = (
        "step", "state", "page", "client", "sure", "cost", "prompt_version", "error", "started_at",
    )  # fmt: skip
    list_filter = ("agent", "kind", "status", "error_class", "run__client")
    ordering = ("-id",)
    fields = (
        "page", "wrote", "client", "key", "attempt", "stage", *STEP_FIELDS, "context_link", "input_sha256",
        "prompt_sent", "provider_request_id", "why", "in_time", "decisions_json", "attempts_json", "spans_json",
        "set_aside", "tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write",
        "tokens_cache_write_1h", "error_class",
    )  # fmt: skip
    readonly_fields = fields
    set_aside = SET_ASIDE

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Without what only the page of one step shows: lists would carry megabytes."""
        return super().get_queryset(request).defer("prompt_sent", *STEP_JSON)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        step = super().get_object(request, object_id, from_field)
        if step is not None:
            step.refresh_from_db(fields=["prompt_sent", *STEP_JSON])
        return step

    @admin.display(description="step", ordering="key")
    def step(self, step: StepRun) -> str:
        place = f" {step.map_index}" if step.map_index else ""
        return f"{step.key}{place}" + (f", attempt {step.attempt}" if step.attempt > 1 else "")

    @admin.display(description="what wrote it")
    def wrote(self, step: StepRun) -> SafeString:
        return link("Prompt, settings and model", "written_by", step.pk)

    @admin.display(description="confidence", ordering="confidence")
    def sure(self, step: StepRun) -> str:
        return "None" if step.confidence is None else f"{step.confidence:.2f}"

    @admin.display(description="why it came out like this")
    def why(self, step: StepRun) -> SafeString:
        told = {"why": explaining.explain(step), "step": step, "is_unfolded": True}
        return render_to_string("agents_app/decided.html", told)

    @admin.display(description="in time")
    def in_time(self, step: StepRun) -> SafeString:
        asked = SourceRecord.objects.filter(step=step).defer("payload").order_by("pk")
        return render_to_string("agents_app/waterfall.html", {"waterfall": timeline.of_step(step, list(asked))})

    @admin.display(description="kept as")
    def context_link(self, step: StepRun) -> SafeString | str:
        if not step.context_id:
            return "Nothing was given."
        return link(step.context_id[:12], "admin:agents_app_stepcontext_change", step.context_id)


@admin.register(PlanRevision)
class PlanRevisionAdmin(OfRun):
    list_display = ("number", "page", "client", "rule", "trigger", "reason", "at")
    list_filter = ("rule", "run__client")
    search_fields = ("trigger", "reason", "run__request__company_domain")
    ordering = ("-at", "-id")
    fields = ("number", "page", "client", "rule", "trigger", "reason", "at", "plan", "changed")
    readonly_fields = fields

    class Media:
        css = {"all": ("gtm/flows.css",)}

    @admin.display(description="plan from then on")
    def plan(self, row: PlanRevision) -> SafeString:
        return drawing.plan(row.nodes)

    @admin.display(description="what changed")
    def changed(self, row: PlanRevision) -> SafeString:
        before = PlanRevision.objects.filter(run=row.run, number__lt=row.number).order_by("-number").first()
        old = before.nodes if before else row.run.nodes
        return drawing.difference(drawing.plan_lines(old), drawing.plan_lines(row.nodes))


@admin.register(StepContext)
class StepContextAdmin(RecordAdmin):
    """What steps were given. Equal contexts of several clients are one row, so only who runs the system reads it."""

    list_display = ("sha256",)
    search_fields = ("^sha256",)
    ordering = ("sha256",)
    fields = ("sha256", "used", "document_text")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("document")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.sees_all(request.user) and request.user.has_perm("agents_app.change_stepcontext")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    @admin.display(description="given to")
    def used(self, context: StepContext) -> SafeString:
        words = "The steps that were given this"
        return narrowed(words, "agents_app_steprun", context__sha256__exact=context.pk)

    @admin.display(description="what it says")
    def document_text(self, context: StepContext) -> SafeString:
        return pretty(context.document)
