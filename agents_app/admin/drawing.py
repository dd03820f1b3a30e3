"""Plans for reading: a graph of steps as lanes, a version of a flow or of the rules as lines, two of them compared."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agents_app import flows, graph, lanes, wording
from agents_app.graph import Node
from agents_app.models import Goal, RetryClass
from agents_app.names import KINDS
from clients.models import AgentKey

WORDS = {
    "after": "waits for",
    "condition": "only if",
    "reason": "why",
    "otherwise": "left out because",
    "deadline_s": "deadline in seconds",
    "retry": "tries",
    "budget_share": "share of the budget in per cent",
    "is_optional": "may be left out",
    "proposals": "independent answers",
    "items": "contacts",
    "model": "model",
    "question": "asks",
    "expires_hours": "waits at most, in hours",
    "goes_on": "goes on when nobody answers",
    "may_edit": "may be edited",
}
WORKERS: Mapping[str, str] = {**dict(AgentKey.choices), **flows.TOOLS}


def plan(steps: Iterable[Mapping[str, Any]]) -> SafeString:
    """The steps (documents of `graph.Node`) as the other pages draw them, each by its key."""
    drawn = lanes.draw_by_keys(graph.nodes_of(steps), WORKERS)
    return render_to_string("agents_app/lanes.html", {"lanes": drawn})


def lines(document: Mapping[str, Any]) -> list[str]:
    """The document of a FlowVersion, a line for each thing it says."""
    if "rules" in document:
        return [line for number, rule in enumerate(document["rules"], start=1) for line in _rule_lines(number, rule)]
    head = [
        f"Name: {document['name']}",
        f"Ends with: {Goal(document['goal']).label}",
        f"A planner may propose changes: {_said(document['allows_planner'])}",
    ]
    return [*head, *plan_lines(document["steps"])]


def plan_lines(steps: Iterable[Mapping[str, Any]]) -> list[str]:
    return [line for node in graph.nodes_of(steps) for line in _step_lines(node)]


def block(said: Iterable[str]) -> SafeString:
    return format_html('<pre tabindex="0">{}</pre>', "\n".join(said))


def difference(old: Sequence[str], new: Sequence[str]) -> SafeString:
    """What went and what came, marked; the signs say the same as the colours."""
    changed = wording.difference("\n".join(old), "\n".join(new))
    if not changed:
        return format_html('<p class="quiet">{}</p>', "Nothing.")
    marked = format_html_join("\n", "{}", ((_marked(line),) for line in changed if not line.startswith("@@")))
    return format_html('<pre tabindex="0">{}</pre>', marked)


def _marked(line: str) -> SafeString:
    tag = {"+": "<ins>{}</ins>", "-": "<del>{}</del>"}.get(line[:1], "{}")
    return format_html(tag, line)


def _step_lines(node: Node) -> Iterator[str]:
    worker = node.agent or node.tool
    who = f", {WORKERS.get(worker, worker)}" if worker else ""
    yield f"Step {node.key}: {KINDS.get(node.kind, node.kind)}{who}"
    told = ((name, value) for name, value in node.document().items() if name in WORDS and value not in ("", []))
    yield from (f"    {WORDS[name]}: {_said(value)}" for name, value in told)


def _rule_lines(number: int, rule: Mapping[str, Any]) -> Iterator[str]:
    yield f"{number}. {rule['key']} → {rule['template']}"
    yield f"    {WORDS['condition']}: {rule['condition'] or 'nothing above has answered'}"
    yield f"    {WORDS['reason']}: {rule['reason']}"


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return str(dict(RetryClass.choices).get(value, value))
