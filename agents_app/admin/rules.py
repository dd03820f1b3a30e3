"""Routing rules in their order, and which of them answers a handful of sample requests."""

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Max, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents_app import flows, routing
from agents_app.admin.desk import DeskAdmin, install_first, refuse
from agents_app.admin.flows import versions_of
from agents_app.admin.reading import user_of
from agents_app.models import FlowTemplate, FlowVersion, RoutingRule
from agents_app.routing import Facts
from gtm.admin_site import pill

EVERY_AGENT_BUT_EMAIL = frozenset(routing.EVERY_AGENT) - {routing.EMAIL}
SAMPLES: Mapping[str, Facts] = {
    "A first e-mail to a contact": Facts("outreach"),
    "The same, comprehensive": Facts("outreach", depth="comprehensive"),
    "A follow-up, 20 days after the research": Facts(
        "follow_up", sequence_step=2, mails_sent=1, earlier_run=1, research_age_days=20
    ),
    "A follow-up about a company nobody researched": Facts("follow_up", sequence_step=2, mails_sent=1),
    "A first e-mail that starts from a brief": Facts("outreach", earlier_run=1, continues_run=1, research_age_days=1),
    "Deep research into a company": Facts("deep_research", depth="comprehensive", has_contact=False),
    "An account with three contacts": Facts("account", has_contact=False, contacts=(1, 2, 3)),
    "An account without contacts": Facts("account", has_contact=False),
    "A first e-mail, the e-mail agent switched off": Facts("outreach", enabled=EVERY_AGENT_BUT_EMAIL),
}


@dataclass(frozen=True)
class Tried:
    """`problem` says why such a request cannot be met; empty where it can."""

    request: str
    rule: str
    flow: str
    reason: str
    steps: str
    problem: str = ""


def tried(found: flows.InForce) -> Iterator[Tried]:
    """What the rules in force make of each sample."""
    for words, facts in SAMPLES.items():
        try:
            route = routing.route(facts, found.rules, found.templates)
        except routing.RouteImpossible as impossible:
            flow = _name(found, impossible.template)
            yield Tried(words, impossible.rule, flow, impossible.reason, "", str(impossible))
        else:
            steps = " → ".join(", ".join(node.key for node in stage) for stage in route.stages)
            yield Tried(words, route.rule, _name(found, route.template), route.reason, steps)


def _name(found: flows.InForce, key: str) -> str:
    return found.templates[key].name if key in found.templates else ""


def refusals(change: Callable[[], object]) -> tuple[str, ...]:
    """What stands against the table of rules as it would be after `change`, which is undone."""
    with transaction.atomic():
        try:
            change()
            flows.publish_rules(by=None, at=timezone.now())
        except flows.FlowRefused as refused:
            return refused.problems
        finally:
            transaction.set_rollback(True)
    return ()


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
        if not versions_of(template.key).exists():
            raise ValidationError(f"“{template}” has no version to plan with. Open it, save it, then choose it here.")
        return template

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if not self.errors:
            for problem in refusals(copy(self.instance).save):
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
        newest = FlowVersion.objects.filter(kind=FlowVersion.Kind.RULES, key=flows.RULES_KEY).order_by("-number")
        number = Subquery(newest.values("number")[:1])
        rows: QuerySet[Any] = super().get_queryset(request).annotate(live_number=number)
        return rows

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("key",) if obj else ()  # runs know the rule by its key

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Behind the other rules that ask something, and so before the one that answers everything."""
        last = RoutingRule.objects.exclude(condition="").aggregate(last=Max("priority"))["last"] or 0
        return {"priority": last + 10, **super().get_changeform_initial_data(request)}

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: Any) -> Any:
        """A template is chosen among those there are; it is drawn on a page of its own."""
        if db_field.name == "template":
            return db_field.formfield(queryset=FlowTemplate.objects.order_by("name"))
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        install_first()
        found = flows.in_force(at=timezone.now())
        context = {"tried": list(tried(found)), "live": found.rules_version}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        context["names"] = [("What a rule may ask", routing.EARLY)]
        return super().render_change_form(request, context, *args, **kwargs)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        self.publish(request, obj, at=timezone.now())

    def publish(self, request: HttpRequest, obj: Any, *, at: datetime) -> None:
        self.tell(request, flows.publish_rules(by=user_of(request), at=at), "the routing rules", at=at)

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[RoutingRule]) -> None:
        self._switch(request, queryset, is_active=True)

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[RoutingRule]) -> None:
        self._switch(request, queryset, is_active=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[RoutingRule], *, is_active: bool) -> None:
        """All of them, or none."""
        at = timezone.now()
        try:
            with transaction.atomic():
                for rule in queryset:
                    rule.is_active = is_active
                    rule.save()
                version = flows.publish_rules(by=user_of(request), at=at)
        except flows.FlowRefused as refused:
            refuse(request, refused)
        else:
            self.tell(request, version, "the routing rules", at=at)

    @admin.display(description="condition", ordering="condition")
    def asks(self, rule: RoutingRule) -> SafeString | str:
        return format_html("<code>{}</code>", rule.condition) if rule.condition else "always"

    @admin.display(description="state", ordering="is_active")
    def state(self, rule: RoutingRule) -> SafeString:
        return pill("Active", "ok") if rule.is_active else pill("Switched off")

    @admin.display(description="version in force")
    def version(self, rule: Any) -> str:
        return f"Version {rule.live_number}" if rule.is_active and rule.live_number else "Not asked"
