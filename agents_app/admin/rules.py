"""Routing rules in their order, and which of them answers a handful of sample requests."""

from copy import copy
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents_app import flows, routing, samples
from agents_app.admin.desk import DeskAdmin, refuse
from agents_app.models import FlowTemplate, FlowVersion, RoutingRule
from clients.access import user_of
from gtm.admin_site import pill

Kind = FlowVersion.Kind


class RuleForm(forms.ModelForm):
    """Refused here, with everything typed kept, where `flows.publish_rules` would refuse the table."""

    class Meta:
        model = RoutingRule
        fields = ("key", "priority", "condition", "template", "reason", "is_active")
        help_texts = {
            "key": "Its name on runs: letters, numbers, - and _.",
            "condition": "Empty: every request that no rule above has answered. The names it may use stand above.",
            "reason": "Why this flow, in a sentence that a person reads on the run. {earlier_run} and other names in "
            "braces are filled in.",
            "is_active": "A rule that is switched off stays here and is not asked.",
        }

    def clean_condition(self) -> str:
        text: str = self.cleaned_data["condition"]
        if problems := list(flows.condition_problems(text, routing.EARLY)):
            raise ValidationError(problems)
        return text

    def clean_template(self) -> FlowTemplate:
        template: FlowTemplate = self.cleaned_data["template"]
        if not flows.versions_of(Kind.TEMPLATE, template.key).exists():
            raise ValidationError(f"“{template}” has no version to plan with. Open it, save it, then choose it here.")
        return template

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if not self.errors:
            for problem in flows.refusals(copy(self.instance).save, at=timezone.now()):
                self.add_error(None, problem)


@admin.register(RoutingRule)
class RoutingRuleAdmin(DeskAdmin):
    form = RuleForm
    list_display = ("priority", "key", "asks", "template", "reason", "state", "version")
    list_display_links = ("key",)
    list_select_related = ("template",)
    search_fields = ("key", "condition", "reason")
    ordering = ("priority", "key")
    actions = ("switch_on", "switch_off")
    history_list_display = ("condition",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        number = Subquery(flows.versions_of(Kind.RULES, flows.RULES_KEY).values("number")[:1])
        rows: QuerySet[Any] = super().get_queryset(request).annotate(live_number=number)
        return rows

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("key",) if obj else ()  # runs know the rule by its key

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"priority": flows.next_priority(), **super().get_changeform_initial_data(request)}

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: Any) -> Any:
        """A template is chosen among those there are; it is drawn on a page of its own."""
        if db_field.name == "template":
            return db_field.formfield(queryset=FlowTemplate.objects.order_by("name"))
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        found = flows.in_force(at=timezone.now())
        context = {"tried": list(samples.tried(found)), "live": found.rules_version}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        context["names"] = [("What a rule may ask", routing.EARLY)]
        return super().render_change_form(request, context, *args, **kwargs)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        self.publish(request, obj)

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[RoutingRule]) -> None:
        self._switch(request, queryset, is_active=True)

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[RoutingRule]) -> None:
        self._switch(request, queryset, is_active=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[RoutingRule], *, is_active: bool) -> None:
        at = timezone.now()
        try:
            version = flows.switch(queryset, is_active=is_active, by=user_of(request), at=at)
        except flows.FlowRefused as refused:
            refuse(request, refused)
        else:
            self.tell(request, version, at=at)

    @admin.display(description="condition", ordering="condition")
    def asks(self, rule: RoutingRule) -> SafeString | str:
        return format_html("<code>{}</code>", rule.condition) if rule.condition else "always"

    @admin.display(description="state", ordering="is_active")
    def state(self, rule: RoutingRule) -> SafeString:
        return pill("Active", "ok") if rule.is_active else pill("Switched off")

    @admin.display(description="version in force")
    def version(self, rule: Any) -> str:
        return f"Version {rule.live_number}" if rule.is_active and rule.live_number else "Not asked"
