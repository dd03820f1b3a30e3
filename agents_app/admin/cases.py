"""Test cases, to be read, annotated and switched off. They are made on the page of the run they come from."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from agents_app.admin.reading import ReadOnly
from agents_app.models import GoldenCase
from gtm.admin_site import link


@admin.register(GoldenCase)
class GoldenCaseAdmin(ReadOnly):
    client_path = "client"
    related = ("client", "author", "step__run")
    json_columns = ("config", "facts", "context")
    empty_hint = "On a run's page, open a finished step and choose “Copy as test case”."
    list_display = ("title", "agent", "client", "is_active", "page", "author", "created_at")
    list_filter = ("agent", "is_active", "client")
    search_fields = ("title", "note")
    ordering = ("-created_at", "-id")
    fields = (
        "is_active", "note", "title", "agent", "client", "page", "author", "created_at", "context_json", "facts_json",
        "config_json",
    )  # fmt: skip
    readonly_fields = fields[2:]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("agents_app.change_goldencase"))

    @admin.display(description="comes from", ordering="step__run")
    def page(self, case: GoldenCase) -> SafeString:
        return link(case.step.run, "run_page", case.step.run_id)
