"""What a run may change of its own plan: each rule fires on one thing and on nothing else, and no change breaks the plan."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents_app import adapting, graph
from agents_app.adapting import MOST_REVISIONS, CloseCall, Edit, State, changes, proposed
from agents_app.graph import Node

calm = settings(deadline=None, database=None, max_examples=300)  # a busy machine is no reason to fail

RESEARCH = Node("research", agent="research_agent")
PERSONA = Node("persona", agent="persona_agent", after=("research",))
EMAIL = Node("email", agent="email_agent", after=("persona",), proposals=3)
MAIL = (RESEARCH, PERSONA, EMAIL)
COMPARISON = Node("competitive", agent="competitive_agent", after=("research",), is_optional=True)
BRIEF = Node("brief", kind="tool", tool="brief", after=("research", "competitive", "persona"))
STUDY = (RESEARCH, COMPARISON, PERSONA, BRIEF)
SURE = {"industry": 0.9, "headcount": 0.8, "news": 0.7}


def state(nodes=MAIL, **values):
    """After research: everything wanted is found, sources agree, and there is time and money."""
    basis = {"states": {"research": "done"}, "ended": "research", "required": tuple(SURE), "found": SURE}
    plenty = {"seconds_left": 20.0, "budget_usd": 0.6, "budget_left_usd": 0.5}
    return State(nodes=nodes, **basis | plenty | values)


def weak(nodes=MAIL, **values):
    """News were not found, and NewsAPI is worth asking again."""
    return state(nodes, **{"found": {**SURE, "news": 0.0}, "again": ("newsapi",)} | values)


def rules_of(made):
    return [change.rule for change in made]


def after(nodes, key):
    return next(node.after for node in nodes if node.key == key)


# --- each rule fires on its own condition, and on nothing less

INVALID = {"states": {"research": "done", "persona": "failed"}, "ended": "persona", "invalid": {"persona": "too long"}}
WEIGHED = Node("adjudicate", kind="tool", tool="adjudicate", after=("research",))
WEIGHED_MAIL = (RESEARCH, WEIGHED, replace(PERSONA, after=("research", "adjudicate")), EMAIL)
CLOSE = {
    "nodes": WEIGHED_MAIL,
    "states": {"research": "done", "adjudicate": "done"},
    "ended": "adjudicate",
    "close": {"adjudicate": CloseCall.on_facts(["headcount"])},
    "asks_people": True,
}
POOR = {"budget_usd": 0.6, "budget_left_usd": 0.12}
CHEAP = (RESEARCH, replace(PERSONA, model="cheaper"), replace(EMAIL, model="cheaper", proposals=1))
DEEPENED = (RESEARCH, Node("deepen", kind="tool", tool="deepen", after=("research",)), PERSONA, EMAIL)

TABLE = [
    ("all is well", state(), []),
    # deepen
    ("a wanted attribute is missing and a source is worth asking", weak(), ["deepen"]),
    ("a wanted attribute is not sure enough", weak(found={**SURE, "news": 0.49}), ["deepen"]),
    ("it is just sure enough", weak(found={**SURE, "news": 0.5}), []),
    ("nothing at all was found", weak(found={}), ["deepen"]),
    ("no source is worth asking", weak(again=()), []),
    ("two seconds are left", weak(seconds_left=2.0), ["deepen"]),
    ("less than two seconds are left", weak(seconds_left=1.9), []),
    ("a source is worth asking but nothing is missing", state(again=("newsapi",)), []),
    ("another step ended", weak(states={"research": "done", "persona": "done"}, ended="persona"), []),
    ("the plan asks again already", weak(DEEPENED), []),
    ("a step of that name is in the plan", weak((*MAIL, Node("deepen", agent="persona_agent"))), []),
    # adjudicate
    ("sources disagree", state(conflicts=("headcount",)), ["adjudicate"]),
    ("sources disagree and something is missing", weak(conflicts=("headcount",)), ["deepen", "adjudicate"]),
    ("sources disagree after they were asked again", state(DEEPENED, states={"research": "done", "deepen": "done"}, ended="deepen", conflicts=("headcount",)), ["adjudicate"]),
    ("sources disagree, but another step ended", state(states={"research": "done", "persona": "done"}, ended="persona", conflicts=("headcount",)), []),
    ("the disagreement is weighed already", state(WEIGHED_MAIL, conflicts=("headcount",)), []),
    # ask a person
    ("the weighing is close and people may be asked", state(**CLOSE), ["ask_person"]),
    ("the weighing is clear", state(**CLOSE | {"close": {}}), []),
    ("the weighing is close and nobody may be asked", state(**CLOSE | {"asks_people": False}), []),
    ("a person is asked already", state(**CLOSE | {"nodes": (*WEIGHED_MAIL, Node("settle", kind="gate", after=("adjudicate",)))}), []),
    # ask again
    ("an answer stayed invalid", state(**INVALID), ["ask_again"]),
    ("an answer was invalid, but not of the step that ended", state(**INVALID | {"invalid": {"email": "too long"}}), []),
    # money
    ("a fifth of the budget is left", state(**POOR), ["save_money"]),
    ("a little more than a fifth is left", state(**POOR | {"budget_left_usd": 0.1201}), []),
    ("nothing is left", state(**POOR | {"budget_left_usd": -0.1}), ["save_money"]),
    ("there is no budget, because nothing is paid", state(budget_usd=0.0, budget_left_usd=0.0), []),
    ("all that is left is cheap already", state(CHEAP, **POOR), []),
    ("everything has begun", state(states=dict.fromkeys(("research", "persona", "email"), "done"), **POOR), []),
    # time
    ("the time is over and a step is optional", state(STUDY, seconds_left=0.0), ["save_time"]),
    ("a little time is left", state(STUDY, seconds_left=0.1), []),
    ("the time is over and nothing is optional", state(seconds_left=-5.0), []),
    ("the time is over and the optional step has begun", state(STUDY, states={"research": "done", "competitive": "running"}, seconds_left=-5.0), []),
    # together
    ("money and time are over", state(STUDY, seconds_left=-1.0, **POOR), ["save_money", "save_time"]),
]  # fmt: skip


@pytest.mark.parametrize(("before", "rules"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE])
def test_a_rule_fires_on_its_own_condition(before, rules):
    made = changes(before)

    assert rules_of(made) == rules
    assert [change.reason for change in made if not change.reason.endswith((".", "long"))] == []


def test_every_rule_fires_somewhere_in_the_table():
    fired = {rule for _, _, rules in TABLE for rule in rules}

    assert fired == {rule.__name__ for rule in adapting.RULES}


# --- what each leaves of the plan


def test_sources_are_asked_again_before_anything_is_built_on_the_research():
    [change] = changes(weak(STUDY))

    inserted = change.nodes[-1]
    assert (inserted.key, inserted.kind, inserted.tool, inserted.after, inserted.is_optional) == (
        "deepen",
        "tool",
        "deepen",
        ("research",),
        True,
    )
    assert [node.key for node in change.nodes if "deepen" in node.after] == ["competitive", "persona", "brief"]
    assert change.reason == "Missing or not sure enough: news. 20 s are left, so newsapi is asked again."


def test_a_disagreement_is_weighed_after_the_sources_were_asked_again():
    adjudicate = changes(weak(conflicts=("headcount", "industry")))[-1]

    assert after(adjudicate.nodes, "adjudicate") == ("deepen",)
    assert after(adjudicate.nodes, "deepen") == ("research",)
    assert after(adjudicate.nodes, "persona") == ("research", "deepen", "adjudicate")
    assert adjudicate.reason == "Sources disagree about headcount, industry; the disagreement is weighed first."


def test_a_person_is_asked_about_every_value_that_no_source_clearly_won():
    [change] = changes(state(**CLOSE | {"close": {"adjudicate": CloseCall.on_facts(["headcount", "funding_stage"])}}))

    assert change.nodes[-1].question == (
        "Sources disagree about headcount and funding stage, and none is clearly better. Which values are right?"
    )


def test_a_close_vote_on_the_answers_of_a_step_is_put_to_a_person_before_anything_is_built_on_it():
    close = {"research": CloseCall.on_proposals("research")}
    ended = {"ended": "research", "states": {"research": "done"}}

    [change] = changes(state(nodes=(RESEARCH, PERSONA, EMAIL), asks_people=True, close=close, **ended))

    assert (change.rule, change.nodes[-1].key, change.nodes[-1].goes_on) == ("ask_person", "settle_research", True)
    assert change.nodes[-1].question == (
        "Of the answers of the step research none was clearly better. Is the chosen one right?"
    )
    assert after(change.nodes, "persona") == ("research", "settle_research")


def test_a_person_is_asked_which_value_is_right_before_anything_is_built_on_it():
    [change] = changes(state(**CLOSE))

    gate = change.nodes[-1]
    assert (gate.key, gate.kind, gate.after, gate.goes_on, gate.may_edit) == (
        "settle",
        "gate",
        ("adjudicate",),
        True,
        True,
    )
    assert gate.question == "Sources disagree about headcount, and none is clearly better. Which value is right?"
    assert after(change.nodes, "persona") == ("research", "adjudicate", "settle")


def test_a_step_with_an_invalid_answer_waits_for_a_person_who_says_yes():
    [change] = changes(state(**INVALID))

    gate = change.nodes[-1]
    assert (gate.key, gate.after, gate.may_edit, gate.goes_on) == ("persona_again_1", ("research",), False, False)
    assert gate.question == "The model's answer to the step persona was invalid twice. Ask it once more?"
    assert gate.reason == "The answer was invalid after its correction: too long"
    assert after(change.nodes, "persona") == ("research", "persona_again_1")


def test_the_question_of_a_step_that_waits_for_several_stands_behind_the_first_of_them():
    """A gate waits for one step; and those that the step waited for have ended in any case."""
    email = replace(EMAIL, after=("research", "persona"))
    ended = {"research": "done", "persona": "done", "email": "failed"}

    [change] = changes(state((RESEARCH, PERSONA, email), states=ended, ended="email", invalid={"email": "too long"}))

    assert after(change.nodes, "email_again_1") == ("research",)
    assert after(change.nodes, "email") == ("research", "persona", "email_again_1")


def test_a_second_invalid_answer_gets_a_gate_of_its_own():
    [first] = changes(state(**INVALID))

    [second] = changes(state(first.nodes, **INVALID))

    assert after(second.nodes, "persona") == ("research", "persona_again_1", "persona_again_2")


def test_a_step_whose_name_begins_alike_is_not_counted_as_a_gate():
    [change] = changes(state((*MAIL, Node("persona_again", agent="persona_agent", after=("email",))), **INVALID))

    assert change.nodes[-1].key == "persona_again_1"


def test_where_money_is_short_what_is_left_goes_to_the_cheaper_model_in_one_proposal():
    [change] = changes(state(**POOR))

    assert [(node.key, node.model, node.proposals) for node in change.nodes] == [
        ("research", "", 1),
        ("persona", "cheaper", 1),
        ("email", "cheaper", 1),
    ]
    assert change.reason.startswith("$0.120 of $0.600 are left: email, persona")


def test_where_money_is_short_a_step_of_the_cheaper_model_too_is_asked_once():
    cheap_three = replace(EMAIL, model="cheaper")

    [change] = changes(state((RESEARCH, CHEAP[1], cheap_three), **POOR))

    assert change.nodes == (RESEARCH, CHEAP[1], replace(cheap_three, proposals=1))
    assert change.reason == "$0.120 of $0.600 are left: email goes to the cheaper model, with one proposal."


def test_where_time_is_over_optional_steps_go_and_the_others_wait_for_what_those_waited_for():
    [change] = changes(state(STUDY, seconds_left=0.0))

    assert [(node.key, node.after) for node in change.nodes] == [
        ("research", ()),
        ("persona", ("research",)),
        ("brief", ("research", "persona")),
    ]
    assert change.reason == "The run's time is over: competitive is left out."


def test_a_gate_goes_with_the_step_that_it_would_decide_about():
    check = Node("check", kind="gate", after=("competitive",), question="Is it right?")
    again = Node("check_check", kind="gate", after=("check",), question="Are you sure?")
    brief = replace(BRIEF, after=("persona", "check_check"))

    [change] = changes(state((RESEARCH, COMPARISON, check, again, PERSONA, brief), seconds_left=0.0))

    assert [(node.key, node.after) for node in change.nodes] == [
        ("research", ()),
        ("persona", ("research",)),
        ("brief", ("persona", "research")),
    ]


def test_a_persons_decision_is_not_left_out_to_save_time():
    gate = Node("check", kind="gate", after=("research",), question="Is it right?", is_optional=True)

    assert changes(state((RESEARCH, gate, replace(PERSONA, after=("check",))), seconds_left=-1.0)) == []


# --- the most of it


@pytest.mark.parametrize(("revised", "rules"), [(8, ["deepen", "adjudicate"]), (9, ["deepen"]), (10, []), (11, [])])
def test_a_plan_is_changed_ten_times_at_most(revised, rules):
    assert MOST_REVISIONS == 10
    assert rules_of(changes(weak(conflicts=("headcount",), revised=revised))) == rules


# --- what a planner proposes

PLANNED = (
    *STUDY[:1],
    Node("planner", kind="planner", after=("research",)),
    *(replace(node, after=(*node.after, "planner")) for node in STUDY[1:]),
)
LOOKING = {"states": {"research": "done", "planner": "done"}, "ended": "planner"}


def edit(action, step="", **values):
    return Edit(action, step, **{"reason": "The material says so."} | values)


def asked_of(*edits, nodes=PLANNED, **values):
    return proposed(state(nodes, **LOOKING | values), edits)


def test_a_planner_may_ask_sources_again_skip_what_is_optional_and_save_money():
    edits = edit("insert", tool="deepen"), edit("skip", "competitive"), edit("replace", "persona", model="cheaper")
    made, refused = asked_of(*edits, again=("newsapi",))

    assert (refused, rules_of(made)) == ([], ["planner", "planner", "planner"])
    assert [change.reason for change in made] == ["The material says so."] * 3
    last = made[-1].nodes
    assert [node.key for node in last] == ["research", "planner", "persona", "brief", "deepen"]
    assert after(last, "deepen") == ("planner",)
    assert next(node.model for node in last if node.key == "persona") == "cheaper"
    assert "deepen" in after(last, "persona")
    assert "deepen" in after(last, "brief")


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (edit("insert", tool="deepen"), "No source is worth asking again."),
        (edit("insert", tool="adjudicate"), "The sources agree."),
        (edit("insert", tool="brief"), "“brief” cannot be inserted; deepen and adjudicate can."),
        (edit("insert", tool="send_email"), "“send_email” cannot be inserted; deepen and adjudicate can."),
        (edit("insert", "email"), "“” cannot be inserted; deepen and adjudicate can."),
        (edit("skip", "persona"), "persona is not optional in this flow."),
        (edit("skip", "research"), "research is not in the plan, or has begun."),
        (edit("skip", "planner"), "planner is not in the plan, or has begun."),
        (edit("skip", "nobody"), "nobody is not in the plan, or has begun."),
        (edit("skip"), " is not in the plan, or has begun."),
        (edit("skip", "check"), "check is a person's to decide; no model leaves it out."),
        (edit("replace", "persona"), "A step can be moved to the cheaper model only."),
        (edit("replace", "persona", model="claude-opus-5-5"), "A step can be moved to the cheaper model only."),
        (edit("replace", "cheap", model="cheaper"), "cheap goes to the cheaper model already."),
        (edit("replace", "research", model="cheaper"), "research is not an agent's step, or has begun."),
        (edit("replace", "brief", model="cheaper"), "brief is not an agent's step, or has begun."),
        (edit("replace", "check", model="cheaper"), "check is not an agent's step, or has begun."),
        (edit("send", "email"), "“send” is no change of a plan."),
    ],
)  # fmt: skip
def test_what_a_planner_may_not_do_is_refused_in_words(wish, said):
    check = Node("check", kind="gate", after=("brief",), question="Is it right?", is_optional=True)
    cheap = Node("cheap", agent="persona_agent", after=("planner",), model="cheaper")

    made, refused = asked_of(wish, nodes=(*PLANNED, check, cheap))

    assert (made, refused) == ([], [said])


def test_a_refused_edit_leaves_the_others():
    made, refused = asked_of(edit("skip", "persona"), edit("skip", "competitive"), edit("skip", "competitive"))

    assert [[node.key for node in change.nodes] for change in made] == [["research", "planner", "persona", "brief"]]
    assert refused == ["persona is not optional in this flow.", "competitive is not in the plan, or has begun."]


def test_a_tool_is_inserted_once():
    made, refused = asked_of(edit("insert", tool="deepen"), edit("insert", tool="deepen"), again=("newsapi",))

    assert (len(made), refused) == (1, ["deepen is in the plan already."])


def test_a_planner_too_changes_a_plan_ten_times_at_most():
    made, refused = asked_of(edit("skip", "competitive"), edit("replace", "persona", model="cheaper"), revised=9)

    assert (len(made), refused) == (1, ["A plan is changed 10 times at most."])


# --- whatever is changed, and in whatever order, the plan can be walked to its end


@st.composite
def plans(draw):
    """Steps of any kind, each waiting for some of those before it."""
    nodes = []
    for number in range(draw(st.integers(1, 7))):
        before = [node.key for node in nodes]
        awaited = draw(st.lists(st.sampled_from(before), unique=True, max_size=3)) if before else []
        kind = draw(
            st.sampled_from(["agent", "agent", "tool", "gate"] if len(awaited) == 1 else ["agent", "agent", "tool"])
        )
        agent = draw(st.sampled_from(["research_agent", "persona_agent", "email_agent"])) if kind == "agent" else ""
        tool = draw(st.sampled_from(["brief", "deepen", "adjudicate"])) if kind == "tool" else ""
        key = draw(st.sampled_from([f"s{number}", f"s{number}", "deepen", "settle", "planner"]))
        key = key if key not in before else f"s{number}"
        optional, several = draw(st.booleans()), draw(st.integers(1, 3))
        nodes.append(
            Node(key, kind, agent, tool, tuple(awaited), is_optional=optional, proposals=several, question="Right?")
        )
    return tuple(nodes)


@st.composite
def moments(draw, nodes, states, revised):
    """What may be known when one of the steps that have ended has just ended."""
    ended = draw(st.sampled_from([key for key, each in states.items() if each in ("done", "failed")]))
    names = st.sets(st.sampled_from(["industry", "headcount", "news"]))
    return State(
        nodes=nodes,
        states=states,
        ended=ended,
        required=tuple(sorted(draw(names))),
        found=dict.fromkeys(sorted(draw(names)), draw(st.floats(0, 1))),
        conflicts=tuple(sorted(draw(names))),
        again=draw(st.sampled_from([(), ("newsapi",)])),
        close={ended: CloseCall.on_facts(["headcount"])} if draw(st.booleans()) and states[ended] == "done" else {},
        invalid={ended: "too long"} if states[ended] == "failed" else {},
        seconds_left=draw(st.floats(-10, 30)),
        budget_usd=0.6,
        budget_left_usd=draw(st.floats(-0.1, 0.6)),
        asks_people=draw(st.booleans()),
        revised=revised,
    )


def edits_on(nodes):
    steps = st.sampled_from([*(node.key for node in nodes), "nobody"])
    tools = st.sampled_from(["", "deepen", "adjudicate", "brief"])
    models = st.sampled_from(["", "cheaper"])
    return st.lists(
        st.builds(Edit, st.sampled_from(["insert", "skip", "replace"]), steps, st.just("So."), tools, models),
        max_size=3,
    )


def begun(draw, nodes, states):
    """Some of the steps that could begin have begun, and one of all has ended."""
    for node in graph.ready(nodes, states):
        if draw(st.booleans()):
            states[node.key] = draw(st.sampled_from(["done", "done", "failed", "running"]))
    if not any(each in ("done", "failed") for each in states.values()):
        states[graph.ready(nodes, {})[0].key] = "done"


def check_walk(before, nodes, states, ended):
    """No circle, no unknown or doubled name, everything to come can still begin, and what has begun stands as it was."""
    keys = [node.key for node in nodes]
    assert len(set(keys)) == len(keys)
    assert sum(len(level) for level in graph.levels(nodes)) == len(nodes)
    assert {name for node in nodes for name in node.after} <= set(keys)
    kept = {node.key: node for node in nodes}
    assert [node for node in before if node.key in states and node.key != ended and kept[node.key] != node] == []
    assert set(states) <= set(keys)


@calm
@given(st.data())
def test_any_sequence_of_changes_leaves_a_plan_that_can_be_walked_to_its_end(data):
    nodes, states, revised = data.draw(plans()), {}, 0
    for _ in range(5):
        begun(data.draw, nodes, states)
        moment = data.draw(moments(nodes, states, revised))
        by_planner = data.draw(st.booleans())
        made = proposed(moment, data.draw(edits_on(nodes)))[0] if by_planner else changes(moment)
        for change in made:
            check_walk(nodes, change.nodes, states, moment.ended)
            nodes = change.nodes
        revised += len(made)
        if moment.invalid and "ask_again" in rules_of(made):
            states.pop(moment.ended)  # it begins once more, behind its gate
    assert revised <= MOST_REVISIONS
