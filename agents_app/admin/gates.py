"""What runs asked people. Questions are answered on their own page."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from agents_app.admin.reading import ReadOnly
from agents_app.models import Gate
from gtm.admin_site import link, pill


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("open", "Open"), *Gate.Decision.choices]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "open":
            return queryset.open()
        return queryset.filter(decision=self.value()) if self.value() else queryset


@admin.register(Gate)
class GateAdmin(ReadOnly):
    client_path = "step__run__client"
    related = ("step__run__client", "decided_by")
    list_display = ("question", "decision_state", "page", "client", "answer_page", "expires_at", "decided_by")
    list_filter = (StateFilter, "step__run__client")
    search_fields = ("question", "step__key", "step__run__request__company_domain")
    ordering = ("-asked_at", "-id")
    json_columns = ("shown", "answer")
    fields = (
        "answer_page", "question", "decision_state", "page", "client", "step", "asked_at", "expires_at", "goes_on",
        "decided_by", "decided_at", "comment", "shown_json", "answer_json",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="state", ordering="decision")
    def decision_state(self, gate: Gate) -> SafeString:
        if gate.decision:
            return pill(gate.get_decision_display(), gate.decision)
        return pill("Open", "waiting") if gate.step.run.awaits(gate) else pill("Never answered")

    @admin.display(description="run", ordering="step__run")
    def page(self, gate: Gate) -> SafeString:
        return link(gate.step.run, "run_page", gate.step.run_id)

    @admin.display(description="client", ordering="step__run__client__name")
    def client(self, gate: Gate) -> str:
        return str(gate.step.run.client)

    @admin.display(description="its page")
    def answer_page(self, gate: Gate) -> SafeString:
        return link("Open", "gate", gate.pk)
