"""The changelog: each time that a prompt version went live, what changed with it and how to go back."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agents_app.admin.version_page import CHANGE_URL
from agents_app.models import PromptVersion, Release
from clients.access import visible_clients
from gtm.admin_site import RecordAdmin, link, pill


@admin.register(Release)
class ReleaseAdmin(RecordAdmin):
    list_display = ("released_at", "went_live", "in_place_of", "change", "author", "reason")
    list_filter = ("version__agent", "level")
    list_select_related = ("version", "replaced", "author")
    search_fields = ("reason", "version__note")
    ordering = ("-released_at", "-id")
    fields = (
        "released_at", "went_live", "in_place_of", "change", "changes_told", "note", "stays_told", "back", "author",
        "reason",
    )  # fmt: skip
    readonly_fields = fields

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """With the clients that the user may see: of others, no name is told."""
        release: Any = super().get_object(request, object_id, from_field)
        if release is not None:
            release.seen = set(visible_clients(request.user).values_list("pk", flat=True))
        return release

    @admin.display(description="went live", ordering="version")
    def went_live(self, release: Release) -> SafeString:
        return link(release.version.title, CHANGE_URL, release.version_id)

    @admin.display(description="in place of")
    def in_place_of(self, release: Release) -> SafeString | str:
        return link(release.replaced.title, CHANGE_URL, release.replaced_id) if release.replaced else "Nothing"

    @admin.display(description="change", ordering="level")
    def change(self, release: Release) -> SafeString:
        return pill(release.get_level_display(), release.level)

    @admin.display(description="what changed")
    def changes_told(self, release: Release) -> SafeString | str:
        if release.level == PromptVersion.Level.FIRST:
            return "It was the first one that went live."
        return render_to_string("agents_app/change_reasons.html", {"changes": release.changes})

    @admin.display(description="note")
    def note(self, release: Release) -> str:
        return release.version.note or "None"

    @admin.display(description="who stayed with another version")
    def stays_told(self, release: Any) -> SafeString | str:
        rows = ((each["name"], each["number"]) for each in release.stays if each["client"] in release.seen)
        items = format_html_join("", "<li>{} with v{}, pinned for it</li>", rows)
        return format_html('<ul class="plain">{}</ul>', items) if items else "No client that you see."

    @admin.display(description="how to go back")
    def back(self, release: Release) -> SafeString:
        items = format_html_join("", "<li>{}</li>", ((sentence,) for sentence in release.going_back))
        return format_html('<ul class="plain">{}</ul>', items)
