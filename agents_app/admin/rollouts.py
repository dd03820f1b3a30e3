"""Rollouts, to be found; their pages show them."""

from django.contrib import admin
from django.utils.safestring import SafeString

from agents_app.models import Rollout
from gtm.admin_site import RecordAdmin, link, pill

TONES = {"rolled_back": "bad", "finished": "ok", "held": "warn", "running": "info"}


@admin.register(Rollout)
class RolloutAdmin(RecordAdmin):
    list_display = ("page", "agent", "state", "percent", "author", "started_at", "ended_at")
    list_display_links = None
    list_filter = ("agent", "status")
    list_select_related = ("candidate", "author")
    search_fields = ("reason", "candidate__note")
    ordering = ("-pk",)
    fields = ("page", "agent", "state", "percent", "reason", "author", "started_at", "ended_at", "ended_by")
    readonly_fields = fields

    @admin.display(description="rollout", ordering="pk")
    def page(self, rollout: Rollout) -> SafeString:
        return link(rollout, "rollout", rollout.pk)

    @admin.display(description="state", ordering="status")
    def state(self, rollout: Rollout) -> SafeString:
        return pill(rollout.get_status_display(), TONES.get(rollout.status, "quiet"))

    @admin.display(description="share", ordering="share")
    def percent(self, rollout: Rollout) -> str:
        return f"{rollout.share} %"
