"""The two lower kinds of layers, and the settings of an agency's own."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from agents_app import versions
from clients import config, settings_forms
from clients import keys as known
from clients.models import AgencySettings, ConfigKey, SettingsTemplate
from clients.settings_admin import SettingsPage
from gtm.admin_site import HistoryAdmin


class LayerPage(SettingsPage):
    def slots(self) -> dict[str, list[str]]:
        return versions.components()


@admin.register(AgencySettings)
class AgencySettingsAdmin(LayerPage, HistoryAdmin):
    form = settings_forms.AgencySettingsForm

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a migration made the one row

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(SettingsTemplate)
class SettingsTemplateAdmin(LayerPage, HistoryAdmin):
    form = settings_forms.SettingsTemplateForm
    columns = ((None, {"fields": (("name", "key"), ("kind", "parent"), "used_by")}),)
    readonly_fields = ("used_by",)
    list_display = ("name", "kind", "key", "parent", "sets", "used_by")
    list_filter = ("kind",)
    list_select_related = ("parent",)
    search_fields = ("name", "key")
    ordering = ("kind", "name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SettingsTemplate]:
        whole: QuerySet[SettingsTemplate] = super().get_queryset(request)
        return whole.annotate(client_count=Count("clients"))

    @admin.display(description="Sets")
    def sets(self, template: SettingsTemplate) -> str:
        keys = known.by_path(config.known_keys() if template.settings.keys() - _built_in() else known.BUILT_IN)
        return ", ".join(keys[path].label for path in template.settings if path in keys)

    @admin.display(description="Clients that inherit from it", ordering="client_count")
    def used_by(self, template: SettingsTemplate) -> str:
        return str(getattr(template, "client_count", 0))


def _built_in() -> set[str]:
    words = {f"prompt_overrides.{agent}" for agent in known.AGENTS}
    return words | set(known.by_path(known.BUILT_IN))


@admin.register(ConfigKey)
class ConfigKeyAdmin(HistoryAdmin):
    form = settings_forms.ConfigKeyForm
    list_display = ("label", "name", "kind", "merge", "lockable", "sensitive")
    search_fields = ("label", "name")
    ordering = ("label",)
    fieldsets = (
        (None, {"fields": (("label", "name"), "help", "kind", "choices", ("least", "most"), "longest")}),
        ("How layers of it come together", {"fields": ("merge", ("lockable", "tightens"))}),
        ("Who is told", {"fields": ("agents", "sensitive")}),
    )
