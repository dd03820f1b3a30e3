"""Rehearsals, to be found; their pages show them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.utils.safestring import SafeString

from agents_app.models import Rehearsal
from gtm.admin_site import RecordAdmin, link, pill


@admin.register(Rehearsal)
class RehearsalAdmin(RecordAdmin):
    list_display = ("page", "agent", "verdict_pill", "repeats", "cost", "author", "asked_at", "finished_at")
    list_display_links = None
    list_filter = ("agent", "status", "verdict")
    list_select_related = ("candidate", "against", "author")
    search_fields = ("candidate__note",)
    ordering = ("-pk",)
    fields = (
        "page", "agent", "verdict_pill", "error", "repeats", "cost", "author", "asked_at", "finished_at",
        "approved_by", "approved_at", "approved_because",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        money = {"cost_usd": Sum("answers__cost_usd"), "uncertain_usd": Sum("answers__uncertain_usd")}
        rows: QuerySet[Any] = super().get_queryset(request).annotate(**money)
        return rows

    @admin.display(description="cost", ordering="cost_usd")
    def cost(self, rehearsal: Any) -> str:
        perhaps = f", perhaps ${rehearsal.uncertain_usd:.4f} more" if rehearsal.uncertain_usd else ""
        return f"${rehearsal.cost_usd or 0:.4f} of ${rehearsal.budget_usd:.2f}{perhaps}"

    @admin.display(description="rehearsal", ordering="pk")
    def page(self, rehearsal: Rehearsal) -> SafeString:
        return link(rehearsal, "rehearsal", rehearsal.pk)

    @admin.display(description="verdict", ordering="verdict")
    def verdict_pill(self, rehearsal: Rehearsal) -> SafeString:
        words = rehearsal.get_verdict_display() or rehearsal.get_status_display()
        return pill(words, "ok" if rehearsal.has_passed else rehearsal.status if rehearsal.is_open else "warn")
