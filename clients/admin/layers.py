"""The pages on which a layer's settings are edited, and the two lower kinds of layers."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agents_app import versions
from clients import access, config, settings_forms
from clients import keys as known
from clients.config import Author, shown
from clients.models import AgencySettings, ConfigKey, SettingsTemplate
from clients.settings_forms import SettingsForm
from gtm.admin_site import HistoryAdmin


class SettingsPage:
    """A change page with a field for each key, in their groups, for `HistoryAdmin`s of layers."""

    form: Any
    columns: Sequence[Any] = ()
    last: Sequence[Any] = ()

    def settings_form(self, obj: Any) -> type[SettingsForm]:
        """Made once a page, with the keys and the components of the prompts as they are now."""
        if not hasattr(obj, "form_of_page"):
            obj.form_of_page = settings_forms.made_from(self.form, config.stand_of(obj).keys, versions.components())
        form: type[SettingsForm] = obj.form_of_page
        return form

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Django asks for every name in the fieldsets; those of settings are no columns of the model."""
        fields = [name for name in _flat(self.columns) if name not in self.get_readonly_fields(request, obj)]
        own = {"form": self.settings_form(obj or self.model()), "fields": fields}  # type: ignore[attr-defined]
        return super().get_form(request, obj, change=change, **{**kwargs, **own})  # type: ignore[misc]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):  # type: ignore[attr-defined]
            return (*self.columns, ("Its settings", {"fields": ("settings_shown",)}))
        obj = obj or self.model()  # type: ignore[attr-defined]
        return (*self.columns, *settings_forms.fieldsets(self.settings_form(obj), obj), *self.last)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_readonly_fields(request, obj), "settings_shown")  # type: ignore[misc]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        author = Author(access.user_of(request), form.cleaned_data.get("reason") or "", timezone.now())
        config.put(obj, form.said, author, locks=form.locked)
        config.put_secrets(obj, form.secrets, author)
        config.save(obj, author)

    @admin.display(description="Set here")
    def settings_shown(self, layer: Any) -> SafeString:
        """For those who may read only."""
        keys = known.by_path(config.stand_of(layer).keys)
        own = {path: said for path, said in layer.settings.items() if path in keys}
        rows = [(keys[path].label, shown.said(keys[path], said)) for path, said in own.items()]
        words = [(path, each["text"]) for path, said in layer.settings.items() if path not in keys for each in said]
        items = format_html_join("", "<li><strong>{}</strong>: {}</li>", [*rows, *words])
        return format_html('<ul class="plain">{}</ul>', items) if items else SafeString("Nothing: all is inherited.")


def _flat(fieldsets: Sequence[Any]) -> list[str]:
    rows = [row for _, options in fieldsets for row in options["fields"]]
    return [name for row in rows for name in ([row] if isinstance(row, str) else row)]


@admin.register(AgencySettings)
class AgencySettingsAdmin(SettingsPage, HistoryAdmin):
    form = settings_forms.AgencySettingsForm

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a migration made the one row

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(SettingsTemplate)
class SettingsTemplateAdmin(SettingsPage, HistoryAdmin):
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
