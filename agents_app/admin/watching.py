"""What was unusual about runs, to be worked through."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agents_app import anomalies
from agents_app.admin.reading import OfRun
from agents_app.anomalies.seen import spoken
from agents_app.models import Anomaly
from clients import access
from gtm.admin_site import link


@admin.register(Anomaly)
class AnomalyAdmin(OfRun):
    client_path = "client"
    related = ("client", "run", "first_run", "settled_by")
    list_display = ("kind", "told", "client", "page", "before", "state", "found_at")
    list_filter = ("status", "kind", "tier", "agent", "client")
    search_fields = ("words", "run__request__company_domain")
    ordering = ("-found_at", "-id")
    actions = ("settle",)
    fields = (
        "words", "kind", "tier", "client", "agent", "page", "step_page", "metric", "usual", "seen", "since", "before",
        "found_at", "state", "settled_by", "settled_at",
    )  # fmt: skip
    readonly_fields = fields
    empty_hint = "Runs are looked at a minute after they end; nothing about them was unusual so far."

    def has_settle_permission(self, request: HttpRequest) -> bool:
        """An account manager settles those of the own clients: others are not in the list."""
        return request.user.has_perm("agents_app.change_anomaly")

    @admin.action(description="Settled: looked at", permissions=["settle"])
    def settle(self, request: HttpRequest, queryset: QuerySet[Anomaly]) -> None:
        by, now = access.user_of(request), timezone.now()
        count = sum(anomalies.settle(row, by=by, at=now) for row in queryset.order_by("pk"))
        messages.success(request, f"Settled: {count}.")

    @admin.display(description="what was found", ordering="words")
    def told(self, row: Anomaly) -> str:
        return row.words

    @admin.display(description="run", ordering="run")
    def page(self, row: Anomaly) -> SafeString:
        return link(row.run, "run_page", row.run_id)

    @admin.display(description="step")
    def step_page(self, row: Anomaly) -> SafeString | str:
        return link(row.step, "admin:agents_app_steprun_change", row.step_id) if row.step else "The run as a whole"

    @admin.display(description="since run", ordering="first_run")
    def since(self, row: Anomaly) -> SafeString:
        return link(row.first_run, "run_page", row.first_run_id)

    @admin.display(description="what was changed before")
    def before(self, row: Anomaly) -> SafeString | str:
        words = format_html_join("", "<li>{}</li>", ((each,) for each in row.change.get("words", [])))
        return format_html('<ul class="plain">{}</ul>', words) if words else "Nothing of ours."

    @admin.display(description="what is usual", ordering="baseline")
    def usual(self, row: Anomaly) -> str:
        return "–" if row.baseline is None else spoken(row.metric, row.baseline)  # noqa: RUF001 a dash for nothing

    @admin.display(description="what was seen", ordering="value")
    def seen(self, row: Anomaly) -> str:
        return "–" if row.value is None else spoken(row.metric, row.value)  # noqa: RUF001 a dash for nothing

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).select_related("step")
        return rows.defer("run__config", "first_run__config")
