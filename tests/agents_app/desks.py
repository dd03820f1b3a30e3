"""What the pages of flow templates and routing rules are sent, and what they say."""

import re
from html import unescape
from typing import Any

from django.urls import reverse

from agents_app import flows
from agents_app.models import FlowTemplate, FlowVersion, RoutingRule
from clients.keys import ATTRIBUTES

COLUMNS = ("position", *flows.STEP_COLUMNS)
NEW_STEP = {
    "position": 9, "key": "new", "kind": "agent", "agent": "", "tool": "", "after": "", "condition": "", "otherwise": "",
    "reason": "It was wanted.", "deadline_s": 120, "retry": "standard", "budget_share": 100, "proposals": 1, "question": "",
    "expires_hours": 72,
}  # fmt: skip


def url(model: str, page: str, *args: Any) -> str:
    return reverse(f"admin:agents_app_{model}_{page}", args=args)


def first_mail() -> FlowTemplate:
    return FlowTemplate.objects.get(key="first_mail")


def form_of(template: FlowTemplate, *new: dict[str, Any], **changes: dict[str, Any]) -> dict[str, Any]:
    """What the change page sends, with `changes` of steps by their keys and `new` steps below."""
    rows = [
        {name: getattr(row, name) for name in COLUMNS} | {"id": row.pk} | changes.get(row.key, {})
        for row in template.steps.all()
    ]
    form = {"name": template.name, "description": template.description, "goal": template.goal}
    if template.allows_planner:
        form["allows_planner"] = "on"
    sent = [*rows, *(NEW_STEP | step for step in new)]
    form |= {"steps-TOTAL_FORMS": len(sent), "steps-INITIAL_FORMS": len(rows)}
    for number, row in enumerate(sent):
        form |= {
            f"steps-{number}-{name}": typed(value)
            for name, value in row.items()
            if value is not False and value is not None and (name != "wants" or value)
        }
        form[f"steps-{number}-template"] = template.pk
    return form


def typed(value: Any) -> Any:
    """As a browser sends it; `wants` are boxes to tick, of which each sends its own value."""
    if isinstance(value, list):
        return value if set(value) <= set(ATTRIBUTES) and value else ", ".join(value)
    return "on" if value is True else value


def numbers(key: str = "first_mail") -> list[int]:
    return list(FlowVersion.objects.filter(key=key).order_by("number").values_list("number", flat=True))


def said(answer: Any) -> str:
    """The page's text without its markup, one space between words."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def errors_of(answer: Any) -> tuple[list[dict[str, list[str]]], list[str]]:
    """Errors by step, and those of no step."""
    formset = answer.context["inline_admin_formsets"][0].formset
    return [dict(errors) for errors in formset.errors], list(formset.non_form_errors())


def rule_form(rule: RoutingRule | None = None, **changes: Any) -> dict[str, Any]:
    names = ("key", "priority", "condition", "reason")
    basis = {name: getattr(rule, name) for name in names} | {"template": rule.template_id} if rule else {}
    if rule is None or rule.is_active:
        basis["is_active"] = "on"
    return {name: value for name, value in {**basis, **changes}.items() if value is not None}
