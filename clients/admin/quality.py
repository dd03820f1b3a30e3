"""What a client wants of the quality rules."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from clients import quality, scores
from clients.models import QualityRule
from clients.scoped_admin import ScopedHistoryAdmin
from gtm.admin_site import pill

TONES = {quality.BLOCK: "bad", quality.WARN: "warn", quality.FIX: "info"}


class QualityRuleForm(forms.ModelForm):
    class Meta:
        model = QualityRule
        fields = ("client", "rule", "severity", "is_on", "days", "fine")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        rule = quality.RULES.get(cleaned.get("rule", ""))
        if rule and cleaned.get("severity") == quality.FIX and not rule.fixes:
            self.add_error("severity", "This rule knows no better value, so it cannot fix. Choose to block or to warn.")
        return cleaned


@admin.register(QualityRule)
class QualityRuleAdmin(ScopedHistoryAdmin):
    form = QualityRuleForm
    empty_hint = "Every client has the rules as the page Contact quality shows them. Add one to change it for a client."
    list_display = ("rule", "client", "does", "is_on", "fine")
    list_filter = ("client", "rule")
    list_select_related = ("client",)
    autocomplete_fields = ("client",)
    ordering = ("client__name", "rule")

    @admin.display(description="What it does", ordering="severity")
    def does(self, row: QualityRule) -> SafeString:
        return pill(row.get_severity_display().split(":")[0], TONES[row.severity])

    def save_model(self, request: HttpRequest, obj: QualityRule, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        scores.look_anew(obj.client)

    def delete_model(self, request: HttpRequest, obj: QualityRule) -> None:
        super().delete_model(request, obj)
        scores.look_anew(obj.client)
