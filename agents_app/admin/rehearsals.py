"""Rehearsals, to be found; their pages show them."""

from django.contrib import admin
from django.utils.safestring import SafeString

from agents_app.models import Rehearsal
from gtm.admin_site import RecordAdmin, link, pill


@admin.register(Rehearsal)
class RehearsalAdmin(RecordAdmin):
    list_display = ("page", "agent", "verdict_pill", "repeats", "author", "asked_at", "finished_at")
    list_display_links = None
    list_filter = ("agent", "status", "verdict")
    list_select_related = ("candidate", "against", "author")
    search_fields = ("candidate__note",)
    ordering = ("-pk",)
    fields = (
        "page", "agent", "verdict_pill", "error", "repeats", "budget_usd", "author", "asked_at", "finished_at",
        "approved_by", "approved_at", "approved_because",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="rehearsal", ordering="pk")
    def page(self, rehearsal: Rehearsal) -> SafeString:
        return link(rehearsal, "rehearsal", rehearsal.pk)

    @admin.display(description="verdict", ordering="verdict")
    def verdict_pill(self, rehearsal: Rehearsal) -> SafeString:
        words = rehearsal.get_verdict_display() or rehearsal.get_status_display()
        return pill(words, "ok" if rehearsal.has_passed else rehearsal.status if rehearsal.is_open else "warn")
