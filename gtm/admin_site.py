"""Our admin: Django's own, with a thin skin. Models register through the classes here: a theme is one class away."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.admin.widgets import AdminSplitDateTime
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.forms import BaseInlineFormSet, ModelForm, SplitDateTimeField
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from simple_history.admin import SimpleHistoryAdmin

from gtm import menu

COUNTED_AT_MOST = 10_000


class AdminSite(admin.AdminSite):
    site_header = site_title = "GTM"
    index_title = "Everything"
    site_url = None
    enable_nav_sidebar = False

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The models by job, as the navigation has them; within one app, Django's own list."""
        apps = super().get_app_list(request, app_label)
        if app_label:
            return apps
        by_job: dict[str, list[Any]] = {section.key: [] for section in menu.SECTIONS}
        for app in apps:
            for model in app["models"]:
                label = f"{app['app_label']}.{model['object_name'].lower()}"
                by_job[menu.section_of(label).key].append(model)
        return [_job(section, by_job[section.key]) for section in menu.SECTIONS if by_job[section.key]]


def _job(section: menu.Section, found: list[Any]) -> dict[str, Any]:
    return {
        "name": section.name,
        "app_label": section.key,
        "app_url": reverse("admin:index"),
        "has_module_perms": True,
        "models": sorted(found, key=lambda model: str(model["name"]).casefold()),
    }


class LabelledDateTime(AdminSplitDateTime):
    """Django's two inputs for date and time, each with a name of its own for those who do not see them."""

    def get_context(self, name: str, value: object, attrs: dict[str, object] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        words = name.rsplit("-", 1)[-1].removesuffix("_at").replace("_", " ").capitalize()
        for widget, part in zip(context["widget"]["subwidgets"], ("date", "time"), strict=True):
            widget["attrs"]["aria-label"] = f"{words}: {part}"
        return context


class AtLeast(int):
    """A count that stopped counting, and says so."""

    def __str__(self) -> str:
        return f"more than {int(self) - 1:,}"


class CappedPaginator(Paginator):
    """Counts COUNTED_AT_MOST rows and no further, because counting a big table costs more than showing a page of it."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list[: COUNTED_AT_MOST + 1]
        found = rows.count() if isinstance(rows, models.QuerySet) else len(rows)
        return AtLeast(found) if found > COUNTED_AT_MOST else found


# For the model admins and inlines below, and those of Django's that are used as they are.
WIDGETS: "Mapping[type[models.Field[Any, Any]], Mapping[str, Any]]" = {
    models.DateTimeField: {"form_class": SplitDateTimeField, "widget": LabelledDateTime}
}


class ModelAdmin(admin.ModelAdmin):
    formfield_overrides = WIDGETS
    list_per_page = 50
    show_full_result_count = False
    paginator = CappedPaginator
    save_on_top = False


class HistoryAdmin(ModelAdmin, SimpleHistoryAdmin):
    """For models that keep their history: who changed what when, and the way back."""

    history_list_per_page = 50

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponseBase:
        """Going back to what a row was changes it; simple-history itself asks only who may look."""
        if request.method == "POST" and not self.has_change_permission(request):
            raise PermissionDenied("Only who may change it can bring back what it was.")
        answer: HttpResponseBase = super().history_form_view(request, object_id, version_id, extra_context)
        return answer


class RecordAdmin(ModelAdmin):
    """For rows that only record: they can be read, never added, changed or deleted by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class LabelledFormSet(BaseInlineFormSet):
    """Names each input: in a table the column's heading is a label only for those who see it."""

    def add_fields(self, form: ModelForm, index: int | None) -> None:
        super().add_fields(form, index)
        for name, field in form.fields.items():
            widget: Any = getattr(field.widget, "widget", field.widget)
            widget.attrs.setdefault("aria-label", str(field.label or name.replace("_", " ").capitalize()))


class TabularInline(admin.TabularInline):
    formset = LabelledFormSet
    formfield_overrides = WIDGETS
    extra = 0


class StackedInline(admin.StackedInline):
    formfield_overrides = WIDGETS
    extra = 0


def pretty(value: object) -> SafeString:
    """JSON made readable, as a block that scrolls by itself."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return format_html('<pre class="json" tabindex="0">{}</pre>', text)


TONES = {
    "ok": (
        "active", "applied", "approved", "done", "edited", "finished", "helped", "live", "measured", "ok", "sent",
        "solved", "succeeded", "winner",
    ),
    "warn": ("candidate", "expired", "major", "needs_input", "no_match", "paused", "refused", "waiting", "warn"),
    "bad": ("bad", "dead", "fail", "failed", "harmed", "invalid", "lost", "quarantined", "rejected"),
    "info": ("accepted", "info", "minor", "open", "planned", "received", "retry", "running"),
    "quiet": ("cancelled", "discarded", "skipped"),
}  # fmt: skip
_TONE_OF = {state: tone for tone, states in TONES.items() for state in states}


def pill(label: object, state: str = "") -> SafeString:
    """A state as words in a tinted pill; `state` (a status, or one of ok, warn, bad, info) chooses the tint."""
    return format_html('<span class="pill {}">{}</span>', _TONE_OF.get(state, "quiet"), label)


def link(label: object, url_name: str, *args: object) -> SafeString:
    """A link to the page `url_name`."""
    return format_html('<a href="{}">{}</a>', reverse(url_name, args=args), label)
