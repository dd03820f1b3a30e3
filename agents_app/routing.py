"""Which steps a request takes, and why: rules in order choose a template; its steps are kept or left out. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agents_app import conditions, graph
from agents_app.graph import Node

RESEARCH = "research_agent"
COMPETITIVE = "competitive_agent"
PERSONA = "persona_agent"
EMAIL = "email_agent"
EVERY_AGENT = (RESEARCH, COMPETITIVE, PERSONA, EMAIL)
GOALS = {"draft": (EMAIL, "the e-mail agent", "an e-mail"), "brief": (RESEARCH, "the research agent", "a brief")}

# What a condition may ask when a request is planned, and while its run goes on.
EARLY: Mapping[str, str] = {
    "purpose": "outreach, follow_up, deep_research or account",
    "depth": "quick, standard or comprehensive",
    "has_contact": "whether a person is named",
    "has_company": "whether the company's domain is known",
    "sequence_step": "which mail of the sequence this is, from 1",
    "in_campaign": "whether a campaign asked",
    "contacts": "how many contacts at the company may be written to",
    "industry": "the client's industry, for example fintech",
    "company_size": "the client's size: 1-50, 51-500 or 501+",
    "tone": "the client's tone",
    "confidence_floor": "below which confidence the client's texts leave facts out",
    "enabled_agents": "the agents that work for the client",
    "mails_sent": "how many e-mails the contact got so far",
    "earlier_run": "number of the client's newest run with facts on the company",
    "continues_run": "number of the run whose brief the request starts from",
    "research_age_days": "days since that research",
    "known": "attributes known from it, surely enough",
    "missing": "wanted attributes not known from it",
}
LATE: Mapping[str, str] = {
    "run.found": "attributes this run has found, surely enough",
    "run.missing": "wanted attributes it has not",
    "run.conflicts": "attributes on which sources disagree",
    "run.seconds_left": "seconds left of its time",
    "run.budget_left_usd": "US dollars left of its budget",
    "step.*.status": "done, skipped, failed, rejected or waiting",
    "step.*.confidence": "how sure the step's answer is, 0 to 1",
    "step.*.decision": "what a person answered: approved, edited, rejected or expired",
}
KNOWN_NAMES: Mapping[str, str] = {**EARLY, **LATE}


@dataclass(frozen=True)
class Facts:
    """What routing may look at: the request, the client, the history with both, and the state of research.

    `contacts` are ids of the contacts at the company that may be written to; `earlier_run` is the newest run of this
    client with facts on the company, `known` and `missing` say which attributes of it are sure enough
    (None: no condition in force asks, so nobody looked). `shared_research` is the run whose facts a trial rests on; no
    condition may ask for it, so that a trial takes the same way as a request in earnest.
    """

    purpose: str
    enabled: frozenset[str] = frozenset(EVERY_AGENT)
    depth: str = "standard"
    has_contact: bool = True
    has_company: bool = True
    sequence_step: int = 1
    in_campaign: bool = False
    contacts: tuple[int, ...] = ()
    industry: str = ""
    company_size: str = ""
    tone: str = ""
    confidence_floor: float = 0.5
    mails_sent: int = 0
    earlier_run: int | None = None
    continues_run: int | None = None
    research_age_days: int | None = None
    known: tuple[str, ...] | None = None
    missing: tuple[str, ...] | None = None
    shared_research: int | None = None

    def values(self) -> dict[str, Any]:
        """By the names of EARLY."""
        found = {name: getattr(self, name) for name in EARLY if name not in ("contacts", "enabled_agents")}
        return found | {"contacts": len(self.contacts), "enabled_agents": tuple(sorted(self.enabled))}


@dataclass(frozen=True)
class Rule:
    key: str
    condition: str
    template: str
    reason: str


@dataclass(frozen=True)
class Template:
    """`goal`: "draft", "brief" or "any"."""

    key: str
    name: str
    goal: str
    allows_planner: bool
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class LeftOut:
    key: str
    agent: str
    reason: str


@dataclass(frozen=True)
class Route:
    rule: str
    reason: str
    template: str
    nodes: tuple[Node, ...]
    skipped: tuple[LeftOut, ...]

    @property
    def stages(self) -> list[list[Node]]:
        return graph.levels(self.nodes)


class RouteImpossible(Exception):
    """The steps that are left cannot end the request. `rule` answered; `skipped` says what is missing and why."""

    def __init__(self, message: str, *, rule: str, reason: str, template: str, skipped: tuple[LeftOut, ...]) -> None:
        super().__init__(message)
        self.rule = rule
        self.reason = reason
        self.template = template
        self.skipped = skipped


def template_of(document: Mapping[str, Any]) -> Template:
    """From the document of a `FlowVersion`."""
    return Template(
        key=document["key"],
        name=document["name"],
        goal=document["goal"],
        allows_planner=document["allows_planner"],
        nodes=tuple(graph.nodes_of(document["steps"])),
    )


def rules_of(document: Mapping[str, Any]) -> list[Rule]:
    return [Rule(**each) for each in document["rules"]]


def route(facts: Facts, rules: Sequence[Rule], templates: Mapping[str, Template]) -> Route:
    """Raises RouteImpossible with a sentence that says what to switch on or add."""
    values = facts.values()
    rule = _first(rules, values)
    reason = conditions.fill(rule.reason, values)
    template = templates.get(rule.template)
    if template is None:
        raise RouteImpossible(_unsaved(rule), rule=rule.key, reason=reason, template=rule.template, skipped=())
    kept, skipped = _sorted_out(template.nodes, facts)
    if left := _lacks(template, kept, skipped, facts):
        raise RouteImpossible(left, rule=rule.key, reason=reason, template=template.key, skipped=tuple(skipped))
    nodes = tuple(replace(node, reason=conditions.fill(node.reason, values)) for node in kept)
    return Route(rule.key, reason, template.key, _fitted(nodes, facts, template), tuple(skipped))


def is_late(condition: str) -> bool:
    """Whether it asks for something that only the run itself can tell."""
    return any(name.startswith(("run.", "step.")) for name in conditions.parse(condition, KNOWN_NAMES).names)


def _first(rules: Iterable[Rule], values: Mapping[str, Any]) -> Rule:
    answering = (rule for rule in rules if conditions.holds(conditions.parse(rule.condition, EARLY), values))
    found = next(answering, None)
    if found is None:
        message = "No routing rule answers this request. Add one without a condition as the last, under Routing rules."
        raise RouteImpossible(message, rule="", reason="", template="", skipped=())
    return found


def _sorted_out(nodes: Sequence[Node], facts: Facts) -> tuple[list[Node], list[LeftOut]]:
    """The steps to do, joined where one between them is left out; and those left out, with the reason."""
    kept, skipped = list(nodes), []
    for node in nodes:
        reason = _refused(node, facts) or _unwanted(node, facts) or _pointless(node, kept)
        if reason:
            kept = graph.without(kept, node.key)
            skipped.append(LeftOut(node.key, node.agent, reason))
    return kept, skipped


def _refused(node: Node, facts: Facts) -> str:
    if node.agent and node.agent not in facts.enabled:
        return "It is not among the agents that work for this client (client settings, enabled agents)."
    if node.agent == RESEARCH and facts.shared_research:
        return f"Both sides of a trial rest on the same facts: those of run {facts.shared_research}."
    if node.agent == RESEARCH and not facts.has_company:
        return "There is no company domain to research: add it to the contact or to the request."
    if node.kind == "map" and not facts.contacts:
        return "The client has no contact at this company that may be written to. Add one under Contacts."
    return ""


def _unwanted(node: Node, facts: Facts) -> str:
    if not node.condition or is_late(node.condition):
        return ""
    condition, values = conditions.parse(node.condition, EARLY), facts.values()
    if conditions.holds(condition, values):
        return ""
    return conditions.fill(node.otherwise, values) or f"Left out because {conditions.explain(condition, values)}."


def _pointless(node: Node, kept: Sequence[Node]) -> str:
    """A gate decides about one step; when that is left out, there is nothing to decide."""
    if node.kind == "gate" and not set(node.after) <= {each.key for each in kept}:
        return "There is nothing to decide: the step before it is left out."
    return ""


def _fitted(nodes: Sequence[Node], facts: Facts, template: Template) -> tuple[Node, ...]:
    """With what only this request decides: whom a map goes over, how many proposals, whether a planner looks on."""
    is_deep = facts.depth == "comprehensive"
    fitted = [
        replace(
            node,
            condition=node.condition if node.condition and is_late(node.condition) else "",
            proposals=node.proposals if is_deep else 1,
            items=facts.contacts if node.kind == "map" else (),
        )
        for node in nodes
    ]
    if template.allows_planner and is_deep:
        return tuple(_with_planner(fitted))
    return tuple(fitted)


def _with_planner(nodes: Sequence[Node]) -> list[Node]:
    research = next((node for node in nodes if node.agent == RESEARCH), None)
    if research is None or any(node.key == "planner" for node in nodes):
        return list(nodes)
    waiting = [node.key for node in nodes if research.key in node.after]
    reason = "Comprehensive runs of this flow let a model look at the research and propose changes of the plan."
    planner = Node(
        "planner",
        kind="planner",
        after=(research.key,),
        is_optional=True,
        retry="never",  # the run goes on without it
        budget_share=10,
        reason=reason,
    )
    return graph.inserted(nodes, planner, before=waiting)


def _unsaved(rule: Rule) -> str:
    return (
        f"The routing rule {rule.key} chooses the flow {rule.template}, of which no version was ever saved. Save that "
        "flow, or let the rule choose another."
    )


def _lacks(template: Template, kept: Sequence[Node], skipped: Sequence[LeftOut], facts: Facts) -> str:
    """Why the goal cannot be reached, in a sentence; empty when it can."""
    if template.goal not in GOALS:
        return "" if kept else _empty(template, skipped)
    agent, who, end = GOALS[template.goal]
    if any(node.agent == agent for node in kept):
        return ""
    why = next((each.reason for each in skipped if each.agent == agent), "This flow has no such step.")
    mend = "Then ask again." if agent in facts.enabled else "Switch it on and ask again."
    return f"Without {who} this request cannot end with {end}. {why} {mend}"


def _empty(template: Template, skipped: Sequence[LeftOut]) -> str:
    reasons = " ".join(dict.fromkeys(each.reason for each in skipped))
    return (
        f"Nothing is left to do of the flow “{template.name}”. {reasons} Change the request, or the flow's conditions."
    )
