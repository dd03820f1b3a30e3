"""A handful of sample requests, and what the rules in force make of each: how a change of the rules is tried."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agents_app import flows, routing
from agents_app.routing import Facts

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
    """Each sample under the rules in force. Nothing is run."""
    for words, facts in SAMPLES.items():
        try:
            route = routing.route(facts, found.rules, found.templates)
        except routing.RouteImpossible as impossible:
            flow = found.name_of(impossible.template)
            yield Tried(words, impossible.rule, flow, impossible.reason, "", str(impossible))
        else:
            steps = " → ".join(", ".join(node.key for node in stage) for stage in route.stages)
            yield Tried(words, route.rule, found.name_of(route.template), route.reason, steps)
