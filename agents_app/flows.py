"""Flow templates and routing rules: what an operator edits becomes a version, and runs are planned from versions alone.

A desk that cannot be walked to its end (a circle, an unknown agent, a condition that cannot be read) is refused in
words and no version is written.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Max, OuterRef, QuerySet

from agents_app import conditions, first_flows, graph, routing
from agents_app.agents import AGENTS
from agents_app.graph import Problem
from agents_app.models import FlowTemplate, FlowVersion, RoutingRule, StepKind, TemplateStep
from clients.keys import ATTRIBUTES

TOOLS: Mapping[str, str] = {
    "deepen": "Asks sources again that failed, or that may answer better now that more is known.",
    "adjudicate": "Weighs sources that disagree about an attribute.",
    "brief": "Keeps the sentences of research and comparison that stand on what they cite.",
}
RULES_KEY = "rules"
STEP_COLUMNS = (
    "key", "kind", "agent", "tool", "after", "condition", "reason", "otherwise", "deadline_s", "retry", "budget_share",
    "is_optional", "proposals", "wants", "question", "expires_hours", "goes_on",
)  # fmt: skip

Kind = FlowVersion.Kind


class FlowRefused(Exception):
    """The drawing or a rule cannot be used; `problems` are sentences that say what to mend."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(self.problems))


@dataclass(frozen=True)
class InForce:
    """The newest versions: the rules in their order and the templates they name, with the rows to point at."""

    rules: list[routing.Rule]
    rules_version: FlowVersion
    templates: dict[str, routing.Template]
    versions: dict[str, FlowVersion]

    def name_of(self, template: str) -> str:
        """What the template with this key is called; empty where none of it is in force."""
        return self.templates[template].name if template in self.templates else ""

    @property
    def asked(self) -> frozenset[str]:
        """The names that any of their conditions uses."""
        texts = [rule.condition for rule in self.rules]
        texts += [node.condition for template in self.templates.values() for node in template.nodes]
        return frozenset(name for text in texts for name in conditions.parse(text, routing.KNOWN_NAMES).names)


def in_force(*, at: datetime) -> InForce:
    """A new installation gets the flows of `first_flows` here."""
    found = _newest()
    if (Kind.RULES, RULES_KEY) not in found:
        install(at=at)
        found = _newest()
    versions = {key: version for (kind, key), version in found.items() if kind == Kind.TEMPLATE}
    rules = found[Kind.RULES, RULES_KEY]
    templates = {key: routing.template_of(version.document) for key, version in versions.items()}
    return InForce(routing.rules_of(rules.document), rules, templates, versions)


@transaction.atomic
def install(*, at: datetime) -> None:
    """The first flows and rules, where there are none yet; rows that exist are left as they are."""
    _lock()
    for document in first_flows.TEMPLATES:
        columns = {name: document[name] for name in ("name", "description", "goal")}
        columns["allows_planner"] = document.get("allows_planner", False)
        template, is_new = FlowTemplate.objects.get_or_create(key=document["key"], defaults=columns)
        if is_new:
            steps = enumerate(document["steps"], start=1)
            TemplateStep.objects.bulk_create(
                TemplateStep(template=template, position=number, **step) for number, step in steps
            )
        publish(template, by=None, at=at)
    for row in first_flows.RULES:
        columns = row | {"template": FlowTemplate.objects.get(key=row["template"])}
        RoutingRule.objects.get_or_create(key=columns.pop("key"), defaults=columns)
    publish_rules(by=None, at=at)


def publish_row(row: FlowTemplate | RoutingRule, *, by: User | None, at: datetime) -> FlowVersion:
    """What stands on the desk after this row was edited, as the version that holds it. Raises FlowRefused."""
    return publish(row, by=by, at=at) if isinstance(row, FlowTemplate) else publish_rules(by=by, at=at)


@transaction.atomic
def publish(template: FlowTemplate, *, by: User | None, at: datetime) -> FlowVersion:
    """The template's rows as its newest version, a new one only where they changed. Raises FlowRefused."""
    _lock()
    document = _document(template)
    if found := [problem.says for problem in problems(document)]:
        raise FlowRefused(found)
    return _written(Kind.TEMPLATE, template.key, document, by, at)


@transaction.atomic
def publish_rules(*, by: User | None, at: datetime) -> FlowVersion:
    """The active rules in their order as their newest version. Raises FlowRefused."""
    _lock()
    rows = list(RoutingRule.objects.filter(is_active=True).select_related("template"))
    if found := list(_rule_problems(rows)):
        raise FlowRefused(found)
    rules = [
        {"key": row.key, "condition": row.condition, "template": row.template.key, "reason": row.reason} for row in rows
    ]
    return _written(Kind.RULES, RULES_KEY, {"rules": rules}, by, at)


@transaction.atomic
def switch(rules: Iterable[RoutingRule], *, is_active: bool, by: User | None, at: datetime) -> FlowVersion:
    """On or off, all of them or none. Raises FlowRefused."""
    for rule in rules:
        rule.is_active = is_active
        rule.save()
    return publish_rules(by=by, at=at)


def refusals(change: Callable[[], object], *, at: datetime) -> tuple[str, ...]:
    """What stands against the table of rules as it would be after `change`, which is undone."""
    with transaction.atomic():
        try:
            change()
            publish_rules(by=None, at=at)
        except FlowRefused as refused:
            return refused.problems
        finally:
            transaction.set_rollback(True)
    return ()


def next_priority() -> int:
    """Behind the other rules that ask something, and so before the one that answers everything."""
    last = RoutingRule.objects.exclude(condition="").aggregate(last=Max("priority"))["last"] or 0
    return int(last) + 10


def versions_of(kind: str | OuterRef, key: str | OuterRef) -> QuerySet[FlowVersion]:
    """Of a template, or of the rules (RULES_KEY), the newest first."""
    return FlowVersion.objects.filter(kind=kind, key=key).order_by("-number")


def why_kept(template: FlowTemplate) -> str:
    """Why it cannot be deleted, with what to do instead; empty where it can."""
    if rules := ", ".join(rule.key for rule in template.rules.all()):
        return f"Routing rules choose it: {rules}. Let them choose another flow first."
    if versions_of(Kind.TEMPLATE, template.key).exists():
        return "Runs may have been planned with it, and its versions tell how. No rule chooses it, so no new ones are."
    return ""


def problems(document: Mapping[str, Any]) -> Iterable[Problem]:
    """What is wrong with a template's document."""
    nodes = graph.nodes_of(document["steps"])
    yield from graph.problems(nodes, agents=tuple(AGENTS), tools=tuple(TOOLS))
    for node in nodes:
        if node.kind == StepKind.PLANNER:
            says = "the planner joins by itself where the flow allows it. Choose another kind."
            yield graph.blamed(node, "kind", says)
        if node.wants and node.agent != routing.RESEARCH:
            yield graph.blamed(node, "wants", "only research finds something out. Choose nothing here.")
        if unknown := [name for name in node.wants if name not in ATTRIBUTES]:
            says = f"research knows no attribute “{unknown[0]}”. Choose among: {', '.join(ATTRIBUTES)}."
            yield graph.blamed(node, "wants", says)
        for says in condition_problems(node.condition, routing.KNOWN_NAMES):
            yield graph.blamed(node, "condition", says)
    if goal := routing.GOALS.get(document["goal"]):
        agent, who, end = goal
        if not any(node.agent == agent for node in nodes):
            yield Problem(f"It has to end with {end}, and no step is {who}. Add one, or choose another goal.")


def condition_problems(text: str, names: Mapping[str, str]) -> Iterable[str]:
    try:
        conditions.parse(text, names)
    except conditions.ConditionInvalid as invalid:
        yield str(invalid)


def _document(template: FlowTemplate) -> dict[str, Any]:
    rows = template.steps.order_by("position", "pk").values(*STEP_COLUMNS)
    return {
        "key": template.key,
        "name": template.name,
        "goal": template.goal,
        "allows_planner": template.allows_planner,
        "steps": [node.document() for node in graph.nodes_of(rows)],
    }


def _rule_problems(rows: Sequence[RoutingRule]) -> Iterable[str]:
    for row in rows:
        yield from (f"Rule {row.key}: {problem}" for problem in condition_problems(row.condition, routing.EARLY))
        if not versions_of(Kind.TEMPLATE, row.template.key).exists():
            yield f"Rule {row.key}: the flow {row.template} was never saved without faults. Open it, mend it, save it."
    if not any(not row.condition for row in rows):
        yield "Some requests would meet no rule. Keep one active rule without a condition, as the last."
    for row in rows[:-1]:
        if not row.condition:
            yield f"Rule {row.key} answers everything, so no rule after it is asked. Give it the largest priority."


def _newest() -> dict[tuple[str, str], FlowVersion]:
    rows = FlowVersion.objects.order_by("kind", "key", "-number").distinct("kind", "key")
    return {(row.kind, row.key): row for row in rows}


def _written(
    kind: FlowVersion.Kind, key: str, document: Mapping[str, Any], by: User | None, at: datetime
) -> FlowVersion:
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    last = versions_of(kind, key).first()
    if last is not None and last.sha256 == sha256:
        return last
    number = last.number + 1 if last else 1
    return FlowVersion.objects.create(
        kind=kind, key=key, number=number, document=document, sha256=sha256, author=by, created_at=at
    )


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('flow templates and routing rules'))")
