"""The two lower layers of settings."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget
from django.db.models import Count, QuerySet, TextField
from django.http import HttpRequest

from clients import forms
from clients.models import AgencyPromptOverride, AgencySettings, IndustryPromptOverride, IndustryTemplate
from gtm.admin_site import HistoryAdmin, StackedInline

WRITING: tuple[Any, ...] = (
    ("How we write", {"fields": ("tone", "emphasis", "avoid_terms", "max_words")}),
    ("What we say", {"fields": ("offer", "proof_points", "call_to_action")}),
    ("Who signs", {"fields": (("sender_name", "sender_title"),)}),
    ("Agents", {"fields": ("enabled_agents", "confidence_floor")}),
)

SHORT_TEXT: Any = {TextField: {"widget": AdminTextareaWidget(attrs={"rows": 4})}}


class AgencyOverrides(StackedInline):
    model = AgencyPromptOverride
    formfield_overrides = SHORT_TEXT
    verbose_name, verbose_name_plural = "word to an agent", "What the agency says to the agents"


class IndustryOverrides(StackedInline):
    model = IndustryPromptOverride
    formfield_overrides = SHORT_TEXT
    verbose_name, verbose_name_plural = "word to an agent", "What this template says to the agents"


@admin.register(AgencySettings)
class AgencySettingsAdmin(HistoryAdmin):
    form = forms.AgencySettingsForm
    fieldsets = WRITING
    inlines = (AgencyOverrides,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a migration made the one row

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(IndustryTemplate)
class IndustryTemplateAdmin(HistoryAdmin):
    form = forms.IndustryTemplateForm
    fieldsets = ((None, {"fields": (("name", "key"), "used_by")}), *WRITING)
    readonly_fields = ("used_by",)
    inlines = (IndustryOverrides,)
    list_display = ("name", "key", "tone", "emphasis", "used_by")
    search_fields = ("name", "key")
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[IndustryTemplate]:
        whole: QuerySet[IndustryTemplate] = super().get_queryset(request)
        return whole.annotate(client_count=Count("clients"))

    @admin.display(description="Clients that inherit from it", ordering="client_count")
    def used_by(self, template: IndustryTemplate) -> str:
        return str(getattr(template, "client_count", 0))
