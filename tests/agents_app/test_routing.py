"""Which agents work on a request, and the reason each was chosen or skipped."""

import pytest

from agents_app import routing
from agents_app.models import Purpose
from agents_app.routing import COMPETITIVE, EMAIL, PERSONA, RESEARCH, Facts, RouteImpossible, route
from clients.models import AgentKey

ALL = frozenset(routing.EVERY_AGENT)

CASES = [
    ("a first e-mail", Facts("outreach"), "default", [[RESEARCH], [PERSONA], [EMAIL]]),
    (
        "a first e-mail without a person",
        Facts("outreach", has_contact=False),
        "default",
        [[RESEARCH], [PERSONA], [EMAIL]],
    ),
    (
        "a company known already is researched again",
        Facts("outreach", earlier_run=4),
        "default",
        [[RESEARCH], [PERSONA], [EMAIL]],
    ),
    ("a contact without a company", Facts("outreach", has_company=False), "default", [[PERSONA], [EMAIL]]),
    ("no persona agent", Facts("outreach", ALL - {PERSONA}), "default", [[RESEARCH], [EMAIL]]),
    ("no research agent", Facts("outreach", ALL - {RESEARCH}), "default", [[PERSONA], [EMAIL]]),
    ("no competitive agent", Facts("outreach", ALL - {COMPETITIVE}), "default", [[RESEARCH], [PERSONA], [EMAIL]]),
    ("the e-mail agent alone", Facts("outreach", frozenset({EMAIL})), "default", [[EMAIL]]),
    ("deep research", Facts("deep_research"), "deep_research", [[RESEARCH], [COMPETITIVE, PERSONA]]),
    (
        "deep research without a person",
        Facts("deep_research", has_contact=False),
        "deep_research",
        [[RESEARCH], [COMPETITIVE, PERSONA]],
    ),
    (
        "deep research without comparison",
        Facts("deep_research", ALL - {COMPETITIVE}),
        "deep_research",
        [[RESEARCH], [PERSONA]],
    ),
    (
        "deep research without personas",
        Facts("deep_research", ALL - {PERSONA}),
        "deep_research",
        [[RESEARCH], [COMPETITIVE]],
    ),
    ("deep research by research alone", Facts("deep_research", frozenset({RESEARCH})), "deep_research", [[RESEARCH]]),
    (
        "deep research needs no e-mail agent",
        Facts("deep_research", ALL - {EMAIL}),
        "deep_research",
        [[RESEARCH], [COMPETITIVE, PERSONA]],
    ),
    (
        "deep research of a brief's company",
        Facts("deep_research", continues_run=7),
        "deep_research",
        [[RESEARCH], [COMPETITIVE, PERSONA]],
    ),
    ("a follow-up", Facts("follow_up", earlier_run=4), "follow_up", [[PERSONA], [EMAIL]]),
    ("a follow-up with nothing known", Facts("follow_up"), "follow_up", [[PERSONA], [EMAIL]]),
    ("a follow-up without the research agent", Facts("follow_up", ALL - {RESEARCH}), "follow_up", [[PERSONA], [EMAIL]]),
    ("a follow-up without the persona agent", Facts("follow_up", ALL - {PERSONA}), "follow_up", [[EMAIL]]),
    ("a follow-up to a brief's mail", Facts("follow_up", continues_run=7), "follow_up", [[PERSONA], [EMAIL]]),
    (
        "a first e-mail on a brief",
        Facts("outreach", earlier_run=7, continues_run=7),
        "continues_brief",
        [[PERSONA], [EMAIL]],
    ),
]


@pytest.mark.parametrize(("facts", "rule", "stages"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_request_takes_its_route(facts, rule, stages):
    found = route(facts)

    assert (found.rule, [[choice.agent for choice in stage] for stage in found.stages]) == (rule, stages)


@pytest.mark.parametrize("facts", [case[1] for case in CASES], ids=[case[0] for case in CASES])
def test_every_agent_is_chosen_or_skipped_once_with_a_reason(facts):
    found = route(facts)

    chosen = [choice for stage in found.stages for choice in stage]
    assert sorted(choice.agent for choice in [*chosen, *found.skipped]) == sorted(routing.EVERY_AGENT)
    assert all(choice.reason.endswith(".") for choice in [*chosen, *found.skipped])


def test_an_agent_that_may_not_work_for_the_client_is_skipped_for_that_reason():
    found = route(Facts("deep_research", ALL - {COMPETITIVE}))

    reason = next(choice.reason for choice in found.skipped if choice.agent == COMPETITIVE)
    assert reason == "It is not among the agents that work for this client (client settings, enabled agents)."


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (Facts("outreach", ALL - {EMAIL}), "Without the e-mail agent this request cannot end with an e-mail. It is not among the agents that work for this client (client settings, enabled agents). Switch it on and ask again."),
        (Facts("follow_up", ALL - {EMAIL}), "Without the e-mail agent this request cannot end with an e-mail. It is not among the agents that work for this client (client settings, enabled agents). Switch it on and ask again."),
        (Facts("deep_research", ALL - {RESEARCH}), "Without the research agent this request cannot end with a brief. It is not among the agents that work for this client (client settings, enabled agents). Switch it on and ask again."),
        (Facts("deep_research", has_company=False), "Without the research agent this request cannot end with a brief. There is no company domain to research: add it to the contact or to the request. Then ask again."),
        (Facts("outreach", frozenset()), "Without the e-mail agent this request cannot end with an e-mail. It is not among the agents that work for this client (client settings, enabled agents). Switch it on and ask again."),
    ],
)  # fmt: skip
def test_a_route_that_cannot_end_says_what_to_mend(facts, words):
    with pytest.raises(RouteImpossible) as impossible:
        route(facts)

    assert str(impossible.value) == words
    assert {choice.agent for choice in impossible.value.skipped} >= ALL - facts.enabled


def test_a_follow_up_says_which_run_it_leans_on():
    found = route(Facts("follow_up", earlier_run=4))

    assert found.skipped[0] == routing.Choice(RESEARCH, "Run 4 already researched this company for this client.")


def test_every_rule_has_its_reason():
    assert {rule.__name__ for rule in routing.RULES} == set(routing.REASONS)


def test_routing_uses_the_words_of_the_models():
    assert set(routing.EVERY_AGENT) == set(AgentKey.values)
    assert set(Purpose.values) == {"outreach", "follow_up", "deep_research"}
