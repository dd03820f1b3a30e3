"""Flow templates: a graph of steps that an operator edits, and the versions that runs are planned from."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextareaWidget
from django.db.models import Count, OuterRef, QuerySet, Subquery, TextField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from agents_app import flows, routing
from agents_app.admin import drawing
from agents_app.admin.desk import DeskAdmin
from agents_app.admin.reading import narrowed
from agents_app.admin.step_forms import StepForm, StepFormSet
from agents_app.models import FlowRun, FlowTemplate, FlowVersion, StepKind, TemplateStep
from clients.access import scope
from gtm.admin_site import StackedInline, link

Kind = FlowVersion.Kind
RECENT = timedelta(days=30)
SHORT_TEXT: Any = {TextField: {"widget": AdminTextareaWidget(attrs={"rows": 3})}}

NAMES = (
    ("When the request is planned", routing.EARLY),
    ("While the run goes on; a star stands for the key of a step", routing.LATE),
)


class StepInline(StackedInline):
    model = TemplateStep
    form = StepForm
    formset = StepFormSet
    verbose_name, verbose_name_plural = "step", "Steps"
    extra = 1
    fieldsets = (
        (
            None,
            {"fields": ("key", "position", "kind", "after", "agent", "tool", "condition", "otherwise", "reason")},
        ),
        (
            "Time, tries and money",
            {
                "classes": ("collapse",),
                "fields": ("deadline_s", "budget_share", "retry", "proposals", "is_optional"),
            },
        ),
        ("What research finds out", {"classes": ("collapse",), "fields": ("wants",)}),
        (
            "Where a person decides (a gate)",
            {"classes": ("collapse",), "fields": ("question", "expires_hours", "goes_on")},
        ),
    )

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A planner is never drawn: it joins by itself where the flow allows it."""
        if db_field.name == "kind":
            kwargs["choices"] = [choice for choice in StepKind.choices if choice[0] != StepKind.PLANNER]
        return super().formfield_for_choice_field(db_field, request, **kwargs)


@admin.register(FlowTemplate)
class FlowTemplateAdmin(DeskAdmin):
    list_display = ("name", "goal", "step_count", "live", "named_by", "recent_runs")
    search_fields = ("key", "name", "description")
    ordering = ("name",)
    fields = ("name", "key", "description", "goal", "allows_planner")
    formfield_overrides = SHORT_TEXT
    inlines = (StepInline,)
    history_list_display = ("goal",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).prefetch_related("rules")
        recent = FlowRun.objects.filter(
            request__trial_side="",
            template_version__kind=Kind.TEMPLATE,
            template_version__key=OuterRef("key"),
            planned_at__gte=timezone.now() - RECENT,
        )
        counted = scope(recent, request.user).order_by().values("template_version__key").annotate(n=Count("pk"))
        newest = flows.versions_of(Kind.TEMPLATE, OuterRef("key"))[:1]
        annotated: QuerySet[Any] = rows.annotate(
            steps_drawn=Count("steps"),
            live_number=Subquery(newest.values("number")),
            live_id=Subquery(newest.values("pk")),
            runs_planned=Subquery(counted.values("n")),
        )
        return annotated

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("key",) if obj else ()  # versions, and through them runs, know the template by its key

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return {} if obj else {"key": ("name",)}

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        obj: FlowTemplate | None = kwargs.get("obj")
        live = flows.versions_of(Kind.TEMPLATE, obj.key).first() if obj else None
        context |= {
            "live": live,
            "drawn": drawing.plan(live.document["steps"]) if live else "",
            "names": NAMES,
            "show_delete": obj is not None and not flows.why_kept(obj),
            "show_save_and_continue": False,
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        template = self.get_object(request, object_id)
        if template and self.has_delete_permission(request, template) and (reason := flows.why_kept(template)):
            messages.error(request, f"“{template}” stays. {reason}")
            return HttpResponseRedirect(self.address("change", template.pk))
        return super().delete_view(request, object_id, extra_context)

    def after_saving(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Back to its page, where the new drawing stands."""
        return HttpResponseRedirect(self.address("change", obj.pk))

    @admin.display(description="steps", ordering="steps_drawn")
    def step_count(self, template: Any) -> str:
        return f"{template.steps_drawn:,}"

    @admin.display(description="live version", ordering="live_number")
    def live(self, template: Any) -> SafeString | str:
        if not template.live_id:
            return "None: save it once"
        return link(f"Version {template.live_number}", "admin:agents_app_flowversion_change", template.live_id)

    @admin.display(description="rules that choose it")
    def named_by(self, template: FlowTemplate) -> SafeString | str:
        named = ((rule.key, "" if rule.is_active else " (switched off)") for rule in template.rules.all())
        return format_html_join(", ", "{}{}", named) or "None: nothing is planned with it"

    @admin.display(description="runs in 30 days", ordering="runs_planned")
    def recent_runs(self, template: Any) -> SafeString | str:
        if not template.runs_planned:
            return "None"
        return narrowed(f"{template.runs_planned:,}", "agents_app_flowrun", template=template.key)
