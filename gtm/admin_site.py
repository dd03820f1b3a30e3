"""Our admin: Django's own, with a thin skin. Every model registers through `ModelAdmin` here, so a theme is one class away."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class AdminSite(admin.AdminSite):
    site_header = site_title = "GTM"
    index_title = "Everything"
    site_url = None
    enable_nav_sidebar = False


class ModelAdmin(admin.ModelAdmin):
    list_per_page = 50
    show_full_result_count = False
    save_on_top = False


class RecordAdmin(ModelAdmin):
    """For rows that only record: they can be read, never added, changed or deleted by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class TabularInline(admin.TabularInline):
    extra = 0


class StackedInline(admin.StackedInline):
    extra = 0
