"""Runs done again, marks of people and texts for search, to be read. They are made elsewhere."""

from django.contrib import admin
from django.utils.safestring import SafeString

from agents_app.admin.reading import OfRun, ReadOnly
from agents_app.models import Rerun, RunMark, SearchText
from gtm.admin_site import link


@admin.register(Rerun)
class RerunAdmin(ReadOnly):
    client_path = "request__client"
    related = ("request__client", "original", "step", "author")
    json_columns = ("changes", "edited", "breakpoints")
    empty_hint = "On a run's page, open a step and choose “Run again from here”."
    list_display = ("story", "client", "first", "what", "author", "created_at")
    list_display_links = None
    list_filter = ("request__client",)
    ordering = ("-created_at", "-id")
    fields = (
        "story", "client", "first", "step", "what", "author", "created_at", "changes_json", "edited_json",
        "breakpoints_json", "asks_sources",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="run again", ordering="pk")
    def story(self, rerun: Rerun) -> SafeString:
        return link(rerun.request, "request_trace", rerun.request_id)

    @admin.display(description="original", ordering="original")
    def first(self, rerun: Rerun) -> SafeString:
        return link(rerun.original, "run_page", rerun.original_id)

    @admin.display(description="client", ordering="request__client__name")
    def client(self, rerun: Rerun) -> str:
        return str(rerun.request.client)

    @admin.display(description="what was changed")
    def what(self, rerun: Rerun) -> str:
        return ", ".join(each["label"] for each in rerun.changes) or "nothing"


@admin.register(RunMark)
class RunMarkAdmin(OfRun):
    related = ("run__client", "author")
    list_display = ("verdict", "page", "client", "note", "author", "at")
    list_filter = ("verdict", "run__client")
    search_fields = ("note", "run__request__company_domain")
    ordering = ("-at", "-id")
    fields = ("verdict", "note", "page", "client", "author", "at")
    readonly_fields = fields


@admin.register(SearchText)
class SearchTextAdmin(OfRun):
    """The search page looks through them; here one sees what it has."""

    related = ("run__client", "step")
    list_display = ("kind", "page", "client", "step")
    list_display_links = ("kind",)
    list_filter = ("kind", "run__client")
    fields = ("kind", "page", "client", "step", "text")
    readonly_fields = fields
