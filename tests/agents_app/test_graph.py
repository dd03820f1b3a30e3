"""A plan's drawing: what is wrong with it, what may begin, and how it is changed."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents_app import graph
from agents_app.graph import Node, behind, inserted, levels, nodes_of, problems, ready, without

calm = settings(deadline=None, database=None, max_examples=300)  # a busy machine is no reason to fail

AGENTS = ("research_agent", "email_agent")
TOOLS = ("deepen", "brief")


def step(key, *after, **changes):
    return Node(key, **{"agent": "research_agent", "after": after} | changes)


def wrong(*nodes):
    return [problem.says for problem in found(*nodes)]


def found(*nodes):
    return problems(nodes, agents=AGENTS, tools=TOOLS)


def keys(nodes):
    return [node.key for node in nodes]


FORK = [step("plan"), step("left", "plan"), step("right", "plan"), step("end", "left", "right", kind="join")]


# --- what is wrong with a drawing


def test_a_gate_that_names_its_step_twice_decides_about_one():
    assert wrong(*FORK, Node("check", kind="gate", after=("end", "end"), question="Is it right?")) == []


def test_a_drawing_that_can_be_walked_to_its_end_has_no_problem():
    gate = Node("check", kind="gate", after=("end",), question="Is it right?")
    write = step("write", "check", kind="map", agent="email_agent")

    assert wrong(*FORK, gate, write, Node("brief", kind="tool", tool="brief", after=("write",))) == []


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (step("x", agent=""), "x: no agent is chosen. Choose one of: research_agent, email_agent."),
        (step("x", agent="nobody"), "x: there is no agent “nobody”. Choose one of: research_agent, email_agent."),
        (step("x", kind="map", agent="nobody"), "x: there is no agent “nobody”. Choose one of: research_agent, email_agent."),
        (Node("x", kind="tool"), "x: no tool is chosen. Choose one of: deepen, brief."),
        (Node("x", kind="tool", tool="hammer"), "x: there is no tool “hammer”. Choose one of: deepen, brief."),
        (
            Node("x", kind="gate", after=("plan",)),
            "x: it asks nothing. Write the question that the person answers.",
        ),
        (
            Node("x", kind="gate", question="Right?"),
            "x: a gate decides about one step. Let it wait for exactly that step.",
        ),
        (
            Node("x", kind="gate", question="Right?", after=("plan", "left")),
            "x: a gate decides about one step. Let it wait for exactly that step.",
        ),
        (
            Node("x", kind="join", after=("plan",)),
            "x: a join brings branches together. Let it wait for two steps or more.",
        ),
        (
            Node("x", kind="join", after=("plan", "plan")),
            "x: a join brings branches together. Let it wait for two steps or more.",
        ),
        (step("x", "ghost"), "x waits for ghost, which is no step of this flow. Its steps: end, left, plan, right, x."),
        (step("plan"), "Two steps are called plan. Give each its own key."),
        (
            step("x", "x"),
            "These steps wait for each other in a circle, or stand behind one, and could never begin: x.",
        ),
    ],
)  # fmt: skip
def test_each_mistake_is_told_in_one_sentence(node, said):
    assert wrong(*FORK, node) == [said]


@pytest.mark.parametrize(
    ("node", "step_key", "field"),
    [
        (step("two-words"), "two-words", "key"),
        (step("x", kind="dance"), "x", "kind"),
        (step("x", agent="nobody"), "x", "agent"),
        (Node("x", kind="tool"), "x", "tool"),
        (Node("x", kind="gate", after=("plan",)), "x", "question"),
        (Node("x", kind="gate", question="Right?"), "x", "after"),
        (Node("x", kind="join", after=("plan",)), "x", "after"),
        (step("x", "ghost"), "x", "after"),
        (step("plan"), "", ""),
        (step("x", "x"), "", ""),
    ],
)
def test_each_mistake_names_the_step_to_blame_and_its_column(node, step_key, field):
    assert [(problem.step, problem.field) for problem in found(*FORK, node)] == [(step_key, field)]


def test_a_flow_without_steps_is_told():
    assert wrong() == ["The flow has no step. Add at least one."]


def test_a_circle_is_told_once_with_all_that_it_blocks():
    nodes = [step("a"), step("b", "a", "d"), step("c", "b"), step("d", "c"), step("behind", "d")]

    assert wrong(*nodes) == [
        "These steps wait for each other in a circle, or stand behind one, and could never begin: b, c, d, behind."
    ]


def test_steps_behind_one_that_is_not_drawn_are_no_circle():
    nodes = [step("a", "ghost"), step("b", "a"), step("c", "b")]

    assert wrong(*nodes) == ["a waits for ghost, which is no step of this flow. Its steps: a, b, c."]


def test_every_mistake_is_told_at_once():
    assert len(wrong(step("a", agent=""), step("a"), step("b", "ghost"), step("c", "c"))) == 4


# --- what may begin, and in which order


@pytest.mark.parametrize(
    ("states", "may_begin"),
    [
        ({}, ["plan"]),
        ({"plan": "running"}, []),
        ({"plan": "waiting"}, []),
        ({"plan": "failed"}, []),
        ({"plan": "done"}, ["left", "right"]),
        ({"plan": "skipped"}, ["left", "right"]),
        ({"plan": "done", "left": "running"}, ["right"]),
        ({"plan": "done", "left": "done", "right": "running"}, []),
        ({"plan": "done", "left": "done", "right": "skipped"}, ["end"]),
        ({"plan": "done", "left": "done", "right": "done", "end": "done"}, []),
    ],
)
def test_a_step_may_begin_when_all_that_it_waits_for_is_done_or_left_out(states, may_begin):
    assert keys(ready(FORK, states)) == may_begin


def test_levels_are_the_longest_ways():
    nodes = [step("d", "a", "c"), step("a"), step("c", "b"), step("b", "a"), step("e")]

    assert [keys(level) for level in levels(nodes)] == [["a", "e"], ["b"], ["c"], ["d"]]


def test_behind_are_all_that_wait_directly_or_through_others_and_not_the_steps_themselves():
    assert keys(behind(FORK, ["left"])) == ["end"]
    assert keys(behind(FORK, ["plan"])) == ["left", "right", "end"]
    assert keys(behind(FORK, ["plan", "left"])) == ["right", "end"]
    assert keys(behind(FORK, [])) == []


# --- changes


def test_who_waited_for_a_step_that_goes_waits_for_what_it_waited_for():
    left = without(FORK, "left")

    assert left == [FORK[0], FORK[2], step("end", "plan", "right", kind="join")]


def test_a_step_that_goes_leaves_no_wait_twice():
    nodes = [step("a"), step("b", "a"), step("c", "a", "b")]

    assert without(nodes, "b") == [step("a"), step("c", "a")]


def test_without_the_first_step_the_next_ones_wait_for_nothing():
    assert without(FORK, "plan")[:2] == [step("left"), step("right")]


def test_a_step_put_in_is_waited_for_by_those_named_and_by_nobody_else():
    new = Node("deepen", kind="tool", tool="deepen", after=("plan",))

    assert inserted(FORK, new, before=["left"]) == [FORK[0], step("left", "plan", "deepen"), *FORK[2:], new]


def test_the_drawing_that_was_given_is_left_as_it_was():
    before = list(FORK)

    without(FORK, "left")
    inserted(FORK, Node("new"), before=["end"])

    assert before == FORK


# --- stored and read again


def test_a_document_leaves_out_what_is_plain():
    assert step("a", reason="First.").document() == {
        "key": "a",
        "kind": "agent",
        "agent": "research_agent",
        "after": [],
        "reason": "First.",
    }


def test_a_document_keeps_what_is_not_plain():
    gate = Node("g", kind="gate", after=("a",), question="Right?", expires_hours=1, goes_on=True, may_edit=False)

    assert gate.document() == {
        "key": "g", "kind": "gate", "agent": "", "after": ["a"], "reason": "", "question": "Right?", "expires_hours": 1, "goes_on": True,
        "may_edit": False,
    }  # fmt: skip


def test_names_of_a_later_release_are_left_out():
    assert nodes_of([{"key": "a", "colour": "red", "after": ["b"]}]) == [Node("a", after=("b",))]


text = st.text(max_size=6)
whole = st.builds(
    Node,
    key=text,
    kind=st.sampled_from(["agent", "map", "tool", "gate", "join", "planner"]),
    agent=text,
    tool=text,
    after=st.lists(text, max_size=3).map(tuple),
    condition=text,
    reason=text,
    otherwise=text,
    deadline_s=st.integers(0, 240),
    retry=st.sampled_from(["never", "standard", "patient"]),
    budget_share=st.integers(0, 100),
    is_optional=st.booleans(),
    proposals=st.integers(0, 5),
    items=st.lists(st.integers(0, 99), max_size=3).map(tuple),
    model=st.sampled_from(["", "cheaper"]),
    question=text,
    expires_hours=st.integers(0, 99),
    goes_on=st.booleans(),
    may_edit=st.booleans(),
)


@calm
@given(st.lists(whole, max_size=4))
def test_any_nodes_come_back_from_their_stored_documents(nodes):
    stored = json.loads(json.dumps([node.document() for node in nodes]))

    assert nodes_of(stored) == nodes


# --- properties of drawings without circles


@st.composite
def drawings(draw):
    """Up to eight steps, each waiting for some drawn before it, then shuffled."""
    nodes = []
    for number in range(draw(st.integers(1, 8))):
        after = draw(st.lists(st.sampled_from(keys(nodes)), unique=True, max_size=3)) if nodes else []
        nodes.append(step(f"s{number}", *after))
    return draw(st.permutations(nodes))


def is_behind(nodes):
    """{key: those behind it}."""
    return {node.key: set(keys(behind(nodes, [node.key]))) for node in nodes}


@calm
@given(drawings())
def test_a_drawing_without_circles_has_no_problem_and_every_step_has_one_level(nodes):
    level_of = {node.key: number for number, level in enumerate(levels(nodes)) for node in level}

    assert wrong(*nodes) == []
    assert set(level_of) == set(keys(nodes))
    assert all(level_of[before] < level_of[node.key] for node in nodes for before in node.after)


@calm
@given(drawings(), st.data())
def test_one_wait_more_makes_a_circle_exactly_when_it_closes_one(nodes, data):
    node = data.draw(st.sampled_from(nodes))
    before = data.draw(st.sampled_from(nodes))

    drawn = [replace(each, after=(*each.after, before.key)) if each == node else each for each in nodes]

    closes = before == node or before in behind(nodes, [node.key])
    assert any("circle" in problem for problem in wrong(*drawn)) is closes


@calm
@given(drawings(), st.data())
def test_walking_what_is_ready_does_every_step_once_and_none_too_early(nodes, data):
    states = {}
    while begun := ready(nodes, states):
        node = data.draw(st.sampled_from(begun))
        assert all(states.get(before) in graph.ENDED for before in node.after)
        states[node.key] = data.draw(st.sampled_from(graph.ENDED))

    assert set(states) == set(keys(nodes))


@calm
@given(drawings(), st.data())
def test_leaving_a_step_out_changes_no_order_among_the_others(nodes, data):
    gone = data.draw(st.sampled_from(keys(nodes)))

    after = is_behind(without(nodes, gone))

    assert after == {key: found - {gone} for key, found in is_behind(nodes).items() if key != gone}


@calm
@given(drawings(), st.data())
def test_putting_a_step_in_and_leaving_it_out_again_changes_no_order(nodes, data):
    after = data.draw(st.sampled_from(keys(nodes)))
    waiting = [node.key for node in nodes if after in node.after]

    longer = inserted(nodes, step("new", after), before=waiting)

    assert wrong(*longer) == []
    assert set(keys(behind(longer, ["new"]))) == set(keys(behind(nodes, [after])))
    assert is_behind(without(longer, "new")) == is_behind(nodes)
