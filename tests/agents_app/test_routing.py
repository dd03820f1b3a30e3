"""Which steps a request takes: the first rule that holds chooses the flow, and every step of it is kept or left out for a reason."""

from dataclasses import replace

import pytest

from agents_app import first_flows, flows, graph, routing
from agents_app.graph import Node
from agents_app.models import Depth, Purpose
from agents_app.routing import COMPETITIVE, EMAIL, PERSONA, RESEARCH, Facts, LeftOut, RouteImpossible, Rule, Template
from clients.models import AgentKey

ALL = frozenset(routing.EVERY_AGENT)
DOCUMENTS = {each["key"]: {"allows_planner": False} | each for each in first_flows.TEMPLATES}
TEMPLATES = {key: routing.template_of(document) for key, document in DOCUMENTS.items()}
NOT_ENABLED = "It is not among the agents that work for this client (client settings, enabled agents)."
NO_COMPANY = "There is no company domain to research: add it to the contact or to the request."
NO_CONTACT = "The client has no contact at this company that may be written to. Add one under Contacts."


def rules_in_order(*, switched_on=()):
    """The first rules as a new installation has them; those named in `switched_on` are active as well."""
    rows = sorted(first_flows.RULES, key=lambda row: row["priority"])
    active = [row for row in rows if row.get("is_active", True) or row["key"] in switched_on]
    return [Rule(row["key"], row["condition"], row["template"], row["reason"]) for row in active]


RULES = rules_in_order()
WITH_CHECK = rules_in_order(switched_on={"checked"})


def route(facts, rules=RULES, templates=TEMPLATES):
    return routing.route(facts, rules, templates)


def keys(found):
    return [[node.key for node in stage] for stage in found.stages]


def left_out(found):
    return sorted(each.key for each in found.skipped)


# --- labelled requests: what was asked, what is known → the rule, the steps by stage, the steps left out

MAIL = [["research"], ["persona"], ["email"]]
SHORT_MAIL = [["persona"], ["email"]]
BRIEF = [["research"], ["competitive", "persona"], ["brief"]]
DEEP_BRIEF = [["research"], ["planner"], ["competitive", "persona"], ["brief"]]
CHECKED = [["research"], ["check_research"], ["persona"], ["email"]]

CASES = [
    ("a first e-mail", Facts("outreach"), "default", MAIL, "competitive"),
    ("a quick first e-mail", Facts("outreach", depth="quick"), "default", MAIL, "competitive"),
    ("a comprehensive first e-mail", Facts("outreach", depth="comprehensive"), "default", MAIL, "competitive"),
    ("a first e-mail without a person", Facts("outreach", has_contact=False), "default", MAIL, "competitive"),
    ("a first e-mail in a campaign", Facts("outreach", in_campaign=True), "default", MAIL, "competitive"),
    ("a second mail of a sequence", Facts("outreach", sequence_step=2, mails_sent=1), "default", MAIL, "competitive"),
    ("a company known already is researched again", Facts("outreach", earlier_run=4, research_age_days=1), "default", MAIL, "competitive"),
    ("a contact without a company", Facts("outreach", has_company=False), "default", SHORT_MAIL, "competitive research"),
    ("no persona agent", Facts("outreach", ALL - {PERSONA}), "default", [["research"], ["email"]], "competitive persona"),
    ("no research agent", Facts("outreach", ALL - {RESEARCH}), "default", SHORT_MAIL, "competitive research"),
    ("no competitive agent", Facts("outreach", ALL - {COMPETITIVE}), "default", MAIL, "competitive"),
    ("the e-mail agent alone", Facts("outreach", frozenset({EMAIL})), "default", [["email"]], "competitive persona research"),
    ("a client of another industry and size", Facts("outreach", industry="retail", company_size="501+", tone="casual"), "default", MAIL, "competitive"),
    ("a client who wants surer facts", Facts("outreach", confidence_floor=0.9, missing=("news",)), "default", MAIL, "competitive"),
    ("a first e-mail on a brief", Facts("outreach", earlier_run=7, continues_run=7), "continues_brief", SHORT_MAIL, "competitive research"),
    ("a quick e-mail on a brief", Facts("outreach", depth="quick", earlier_run=7, continues_run=7), "continues_brief", SHORT_MAIL, "competitive research"),
    ("a follow-up", Facts("follow_up", earlier_run=4, research_age_days=30), "follow_up", SHORT_MAIL, "competitive research"),
    ("a follow-up on the last day of the research", Facts("follow_up", earlier_run=4, research_age_days=180), "follow_up", SHORT_MAIL, "competitive research"),
    ("a follow-up on old research", Facts("follow_up", earlier_run=4, research_age_days=181), "follow_up", MAIL, "competitive"),
    ("a follow-up with nothing known", Facts("follow_up"), "follow_up", MAIL, "competitive"),
    ("a follow-up with nothing known and no company", Facts("follow_up", has_company=False), "follow_up", SHORT_MAIL, "competitive research"),
    ("a follow-up without the research agent", Facts("follow_up", ALL - {RESEARCH}), "follow_up", SHORT_MAIL, "competitive research"),
    ("a follow-up without the persona agent", Facts("follow_up", ALL - {PERSONA}, earlier_run=4, research_age_days=1), "follow_up", [["email"]], "competitive persona research"),
    ("a follow-up to a brief's mail", Facts("follow_up", earlier_run=7, continues_run=7, research_age_days=2), "follow_up", SHORT_MAIL, "competitive research"),
    ("the third mail in a campaign", Facts("follow_up", sequence_step=3, in_campaign=True, mails_sent=2, earlier_run=4, research_age_days=9), "follow_up", SHORT_MAIL, "competitive research"),
    ("deep research", Facts("deep_research"), "deep_research", BRIEF, "email"),
    ("quick deep research", Facts("deep_research", depth="quick"), "deep_research", BRIEF, "email"),
    ("comprehensive deep research", Facts("deep_research", depth="comprehensive"), "deep_research", DEEP_BRIEF, "email"),
    ("deep research without a person", Facts("deep_research", has_contact=False), "deep_research", BRIEF, "email"),
    ("deep research without comparison", Facts("deep_research", ALL - {COMPETITIVE}), "deep_research", [["research"], ["persona"], ["brief"]], "competitive email"),
    ("deep research without personas", Facts("deep_research", ALL - {PERSONA}), "deep_research", [["research"], ["competitive"], ["brief"]], "email persona"),
    ("deep research by research alone", Facts("deep_research", frozenset({RESEARCH})), "deep_research", [["research"], ["brief"]], "competitive email persona"),
    ("comprehensive deep research by research alone", Facts("deep_research", frozenset({RESEARCH}), depth="comprehensive"), "deep_research", [["research"], ["planner"], ["brief"]], "competitive email persona"),
    ("deep research needs no e-mail agent", Facts("deep_research", ALL - {EMAIL}), "deep_research", BRIEF, "email"),
    ("deep research of a brief's company", Facts("deep_research", continues_run=7), "deep_research", BRIEF, "email"),
    ("deep research of a known company", Facts("deep_research", earlier_run=4, research_age_days=3, known=("industry",)), "deep_research", BRIEF, "email"),
    ("an account", Facts("account", contacts=(3, 5, 8)), "account", MAIL, "competitive"),
    ("an account of one", Facts("account", contacts=(3,)), "account", MAIL, "competitive"),
    ("a quick account", Facts("account", depth="quick", contacts=(3, 5)), "account", MAIL, "competitive"),
    ("an account without the persona agent", Facts("account", ALL - {PERSONA}, contacts=(3, 5)), "account", [["research"], ["email"]], "competitive persona"),
    ("an account without the research agent", Facts("account", ALL - {RESEARCH}, contacts=(3, 5)), "account", SHORT_MAIL, "competitive research"),
]  # fmt: skip
named = pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])


@named
def test_a_request_takes_its_route(case):
    _, facts, rule, stages, skipped = case

    found = route(facts)

    assert (found.rule, keys(found), left_out(found)) == (rule, stages, skipped.split())


@named
def test_every_step_of_the_flow_is_chosen_or_left_out_once_with_a_reason(case):
    found = route(case[1])

    chosen = [node for node in found.nodes if node.kind != "planner"]
    drawn = [step["key"] for step in DOCUMENTS[found.template]["steps"]]
    assert sorted([*(node.key for node in chosen), *left_out(found)]) == sorted(drawn)
    reasons = [found.reason, *(node.reason for node in found.nodes), *(each.reason for each in found.skipped)]
    assert [reason for reason in reasons if not reason.endswith(".") or "{" in reason or "not known" in reason] == []


@named
def test_what_is_left_of_a_flow_can_be_walked_to_its_end(case):
    found = route(case[1])

    tools, agents = tuple(flows.TOOLS), routing.EVERY_AGENT
    assert graph.problems(found.nodes, agents=agents, tools=tools) == []
    assert sum(len(stage) for stage in found.stages) == len(found.nodes)


def test_there_are_enough_labelled_requests():
    assert len(CASES) >= 30
    assert {case[1].purpose for case in CASES} == set(Purpose.values)
    assert {case[1].depth for case in CASES} == set(Depth.values)


# --- the reasons


def test_an_agent_that_may_not_work_for_the_client_is_left_out_for_that_reason():
    found = route(Facts("deep_research", ALL - {COMPETITIVE}))

    assert LeftOut("competitive", COMPETITIVE, NOT_ENABLED) in found.skipped


def test_a_follow_up_says_which_run_it_leans_on():
    found = route(Facts("follow_up", earlier_run=4, research_age_days=30))

    assert found.skipped[0] == LeftOut("research", RESEARCH, "Run 4 already researched this company for this client.")


def test_a_mail_on_a_brief_says_whose_research_it_uses():
    found = route(Facts("outreach", continues_run=7))

    assert found.skipped[0] == LeftOut("research", RESEARCH, "Run 7 researched this company for its brief.")


def test_an_agent_that_is_switched_off_is_not_explained_by_the_condition_of_its_step():
    found = route(Facts("follow_up", ALL - {RESEARCH}, earlier_run=4, research_age_days=1))

    assert found.skipped[0].reason == NOT_ENABLED


def test_a_condition_without_words_of_its_own_is_explained_by_the_values_that_decided():
    steps = (
        Node("email", agent=EMAIL, condition="mails_sent < 3 and tone != 'formal'"),
        Node("persona", agent=PERSONA),
    )
    flow = Template("one", "One", "any", allows_planner=False, nodes=steps)

    found = route(Facts("outreach", mails_sent=3), [Rule("all", "", "one", "Because.")], {"one": flow})

    assert [each.reason for each in found.skipped] == ["Left out because mails_sent is 3."]


def test_the_reason_of_a_rule_may_tell_the_values_it_looked_at():
    rule = Rule(
        "old",
        "research_age_days > 90",
        "first_mail",
        "The research of run {earlier_run} is {research_age_days} days old.",
    )

    found = route(Facts("outreach", earlier_run=4, research_age_days=120), [rule, *RULES])

    assert (found.rule, found.reason) == ("old", "The research of run 4 is 120 days old.")


# --- the order of rules, and what they may ask


def test_of_several_rules_that_hold_the_first_in_order_answers():
    both = Facts("follow_up", continues_run=7)

    assert route(both).rule == "follow_up"
    assert route(both, list(reversed(RULES))).rule == "default"


def test_a_rule_that_is_switched_on_is_asked_in_its_place():
    deep = Facts("outreach", depth="comprehensive")

    assert (route(deep, WITH_CHECK).rule, keys(route(deep, WITH_CHECK))) == ("checked", CHECKED)
    assert route(replace(deep, depth="standard"), WITH_CHECK).rule == "default"
    assert route(replace(deep, continues_run=7), WITH_CHECK).rule == "continues_brief"
    assert route(replace(deep, purpose="account", contacts=(1,)), WITH_CHECK).rule == "account"


@pytest.mark.parametrize(
    ("condition", "facts", "others"),
    [
        ('purpose == "follow_up"', {"purpose": "follow_up"}, {}),
        ('depth in ("standard", "comprehensive")', {"depth": "comprehensive"}, {"depth": "quick"}),
        ("not has_contact", {"has_contact": False}, {}),
        ("not has_company", {"has_company": False}, {}),
        ("sequence_step >= 3", {"sequence_step": 3}, {"sequence_step": 2}),
        ("in_campaign", {"in_campaign": True}, {}),
        ("contacts > 2", {"contacts": (4, 5, 6)}, {"contacts": (4, 5)}),
        ('industry == "fintech"', {"industry": "fintech"}, {"industry": "retail"}),
        ('company_size in ("51-500", "501+")', {"company_size": "501+"}, {"company_size": "1-50"}),
        ('tone == "formal"', {"tone": "formal"}, {}),
        ("0.4 <= confidence_floor < 0.6", {"confidence_floor": 0.4}, {"confidence_floor": 0.6}),
        ('"competitive_agent" in enabled_agents', {}, {"enabled": frozenset({EMAIL, RESEARCH})}),
        ("mails_sent > 0", {"mails_sent": 1}, {"mails_sent": 0}),
        ("earlier_run", {"earlier_run": 4}, {}),
        ("continues_run", {"continues_run": 7}, {}),
        ("research_age_days < 30", {"research_age_days": 29}, {"research_age_days": 30}),
        ("research_age_days < 30", {"research_age_days": 0}, {"research_age_days": None}),
        ('"headcount" in known', {"known": ("headcount",)}, {"known": ("news",)}),
        ('"news" in missing and not in_campaign', {"missing": ("news",)}, {"missing": ("news",), "in_campaign": True}),
    ],
)
def test_a_rule_may_ask_about_request_client_history_and_research(condition, facts, others):
    rules = [Rule("asked", condition, "first_mail", "It holds."), *RULES]

    assert route(Facts(**{"purpose": "outreach"} | facts), rules).rule == "asked"
    assert route(Facts(**{"purpose": "outreach"} | others), rules).rule != "asked"


def test_every_name_that_a_condition_may_ask_early_has_a_value():
    assert set(Facts("outreach").values()) == set(routing.EARLY)


@pytest.mark.parametrize(
    "condition", ["step.research.confidence < 0.5", "run.missing", "not run.conflicts and has_contact"]
)
def test_a_condition_that_only_the_run_can_answer_is_left_to_the_run(condition):
    assert routing.is_late(condition)
    steps = (Node("email", agent=EMAIL, condition=condition, reason="Asked for."),)
    flow = Template("one", "One", "any", allows_planner=False, nodes=steps)

    found = route(Facts("outreach"), [Rule("all", "", "one", "Because.")], {"one": flow})

    assert [(node.key, node.condition) for node in found.nodes] == [("email", condition)]


def test_a_steps_reason_is_told_with_the_values_of_the_request():
    flow = Template(
        "one", "One", "draft", allows_planner=False, nodes=(Node("email", agent=EMAIL, reason="For {depth}."),)
    )

    found = route(Facts("outreach", depth="quick"), [Rule("all", "", "one", "A {purpose}.")], {"one": flow})

    assert (found.reason, [node.reason for node in found.nodes]) == ("A outreach.", ["For quick."])


def test_a_condition_that_was_answered_is_not_asked_again_in_the_run():
    found = route(Facts("follow_up"))

    assert [node.condition for node in found.nodes] == ["", "", ""]


# --- what only this request decides


@pytest.mark.parametrize(("depth", "proposals"), [("quick", 1), ("standard", 1), ("comprehensive", 3)])
def test_several_proposals_are_written_in_comprehensive_runs_only(depth, proposals):
    email = next(node for node in route(Facts("outreach", depth=depth)).nodes if node.key == "email")

    assert email.proposals == proposals


def test_a_map_goes_over_the_contacts_and_no_other_step_does():
    found = route(Facts("account", contacts=(3, 5, 8)))

    assert {node.key: node.items for node in found.nodes} == {"research": (), "persona": (3, 5, 8), "email": (3, 5, 8)}


def test_a_planner_looks_on_where_flow_and_depth_allow_it():
    deep = route(Facts("deep_research", depth="comprehensive"))

    planner = next(node for node in deep.nodes if node.kind == "planner")
    assert (planner.after, planner.is_optional, planner.budget_share) == (("research",), True, 10)
    others = [
        Facts("deep_research"),
        Facts("outreach", depth="comprehensive"),
        Facts("account", depth="comprehensive", contacts=(1,)),
    ]
    assert [node.kind for facts in others for node in route(facts).nodes if node.kind == "planner"] == []


def test_a_flow_with_a_step_called_planner_gets_no_second_step_of_that_name():
    nodes = (Node("research", agent=RESEARCH), Node("planner", agent=PERSONA, after=("research",)))
    flow = Template("one", "One", "brief", allows_planner=True, nodes=nodes)

    found = route(Facts("outreach", depth="comprehensive"), [Rule("all", "", "one", "Because.")], {"one": flow})

    assert [(node.key, node.kind) for node in found.nodes] == [("research", "agent"), ("planner", "agent")]


def test_a_gate_with_nothing_to_decide_is_left_out_and_the_steps_behind_it_go_on():
    facts = Facts("outreach", ALL - {RESEARCH}, depth="comprehensive")

    found = route(facts, WITH_CHECK)

    assert keys(found) == SHORT_MAIL
    assert LeftOut("check_research", "", "There is nothing to decide: the step before it is left out.") in found.skipped


# --- routes that cannot end


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (Facts("outreach", ALL - {EMAIL}), f"Without the e-mail agent this request cannot end with an e-mail. {NOT_ENABLED} Switch it on and ask again."),
        (Facts("follow_up", ALL - {EMAIL}), f"Without the e-mail agent this request cannot end with an e-mail. {NOT_ENABLED} Switch it on and ask again."),
        (Facts("account", ALL - {EMAIL}, contacts=(3,)), f"Without the e-mail agent this request cannot end with an e-mail. {NOT_ENABLED} Switch it on and ask again."),
        (Facts("account"), f"Without the e-mail agent this request cannot end with an e-mail. {NO_CONTACT} Then ask again."),
        (Facts("deep_research", ALL - {RESEARCH}), f"Without the research agent this request cannot end with a brief. {NOT_ENABLED} Switch it on and ask again."),
        (Facts("deep_research", has_company=False), f"Without the research agent this request cannot end with a brief. {NO_COMPANY} Then ask again."),
        (Facts("outreach", frozenset()), f"Without the e-mail agent this request cannot end with an e-mail. {NOT_ENABLED} Switch it on and ask again."),
    ],
)  # fmt: skip
def test_a_route_that_cannot_end_says_what_to_mend(facts, words):
    with pytest.raises(RouteImpossible) as impossible:
        route(facts)

    assert str(impossible.value) == words
    assert {each.agent for each in impossible.value.skipped} >= ALL - facts.enabled
    assert impossible.value.rule == impossible.value.template.replace("first_mail", "default")
    assert impossible.value.reason.endswith(".")


def impossible_with(node, goal):
    """What is said where the only flow has this one step, which is left out when nobody is named; and nobody is."""
    flow = Template("one", "One", goal, allows_planner=False, nodes=(node,))
    with pytest.raises(RouteImpossible) as impossible:
        route(Facts("outreach", has_contact=False), [Rule("all", "", "one", "Because.")], {"one": flow})
    return str(impossible.value)


def test_a_flow_whose_goal_step_is_left_out_by_its_condition_says_so():
    email = Node("email", agent=EMAIL, condition="has_contact", otherwise="Nobody is named.")

    assert impossible_with(email, "draft") == (
        "Without the e-mail agent this request cannot end with an e-mail. Nobody is named. Then ask again."
    )


def test_a_flow_without_the_step_it_has_to_end_with_says_so():
    assert impossible_with(Node("email", agent=EMAIL), "brief") == (
        "Without the research agent this request cannot end with a brief. This flow has no such step. Then ask again."
    )


def test_a_reason_for_several_steps_is_said_once():
    nodes = tuple(Node(key, agent=COMPETITIVE) for key in ("one", "two"))
    flow = Template("two", "Two", "any", allows_planner=False, nodes=nodes)

    with pytest.raises(RouteImpossible) as impossible:
        route(Facts("outreach", ALL - {COMPETITIVE}), [Rule("all", "", "two", "Because.")], {"two": flow})

    assert str(impossible.value) == (
        f"Nothing is left to do of the flow “Two”. {NOT_ENABLED} Change the request, or the flow's conditions."
    )


def test_a_flow_that_leaves_nothing_to_do_is_refused():
    persona = Node("persona", agent=PERSONA, condition="has_contact", otherwise="Nobody is named.")

    assert impossible_with(persona, "any") == (
        "Nothing is left to do of the flow “One”. Nobody is named. Change the request, or the flow's conditions."
    )


def test_a_request_that_no_rule_answers_is_refused_in_words():
    with pytest.raises(RouteImpossible) as impossible:
        route(Facts("outreach"), [rule for rule in RULES if rule.condition])

    assert str(impossible.value) == (
        "No routing rule answers this request. Add one without a condition as the last, under Routing rules."
    )
    assert (impossible.value.rule, impossible.value.template, impossible.value.skipped) == ("", "", ())


def test_a_rule_whose_flow_was_never_saved_is_refused_in_words():
    with pytest.raises(RouteImpossible) as impossible:
        route(Facts("outreach"), [Rule("odd", "", "nowhere", "Because.")])

    assert str(impossible.value) == (
        "The routing rule odd chooses the flow nowhere, of which no version was ever saved. Save that flow, or let the rule choose another."
    )
    assert (impossible.value.rule, impossible.value.template) == ("odd", "nowhere")


def test_routing_uses_the_words_of_the_models():
    assert set(routing.EVERY_AGENT) == set(AgentKey.values)
    assert {rule.template for rule in WITH_CHECK} == set(TEMPLATES)
    assert [rule.key for rule in WITH_CHECK if not rule.condition] == ["default"]
