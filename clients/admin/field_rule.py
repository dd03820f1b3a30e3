"""Which source's word holds for a client's contacts where several differ."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from clients.contact_fields import label
from clients.models import Connection, FieldRule
from clients.rule_forms import PLACES, FieldRuleForm
from clients.scoped_admin import ScopedHistoryAdmin
from gtm import loop


@admin.register(FieldRule)
class FieldRuleAdmin(ScopedHistoryAdmin):
    empty_hint = "Without a rule the latest word holds. Add one where a source is to be trusted before the others."
    form = FieldRuleForm
    list_display = ("called", "client", "rule", "in_order", "days")
    list_filter = ("client", "rule")
    list_select_related = ("client",)
    search_fields = ("field", "client__name")
    ordering = ("client__name", "field")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        sources = tuple(f"source_{place}" for place in PLACES)
        return (
            (None, {"fields": ("client", "field", "custom", "rule")}),
            ("Where the first source counts", {"fields": (*sources, "days")}),
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **{**kwargs, "fields": FieldRuleForm.Meta.fields})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("client",) if obj else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"rule": FieldRule.Rule.PRIORITY, **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: FieldRule, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        loop.later(loop.decide_again, obj.client_id)

    def delete_model(self, request: HttpRequest, obj: FieldRule) -> None:
        super().delete_model(request, obj)
        loop.later(loop.decide_again, obj.client_id)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[FieldRule]) -> None:
        clients = sorted(set(queryset.values_list("client_id", flat=True)))
        super().delete_queryset(request, queryset)
        for client_id in clients:
            loop.later(loop.decide_again, client_id)

    @admin.display(description="Field", ordering="field")
    def called(self, rule: FieldRule) -> str:
        return label(rule.field)

    @admin.display(description="Sources")
    def in_order(self, rule: FieldRule) -> str:
        names = {**dict(Connection.Party.choices), "person": "a person"}
        return ", then ".join(str(names.get(source, source)) for source in rule.sources) or "any"
