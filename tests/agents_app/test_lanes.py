"""A plan as lanes: levels as columns, states in words, and what a change did to it."""

from dataclasses import dataclass

from agents_app import lanes
from agents_app.graph import Node

NAMES = {"research_agent": "Research", "persona_agent": "Persona", "deepen": "Deepen"}


@dataclass
class Row:
    """An attempt of a step."""

    key: str
    status: str
    map_index: int = 0
    pk: int = 1


def plan() -> list[Node]:
    return [
        Node("research", agent="research_agent", reason="Facts first."),
        Node("deepen", kind="tool", tool="deepen", after=("research",), is_optional=True),
        Node("persona", kind="map", agent="persona_agent", after=("research",), items=(7, 8, 9)),
        Node("check_mail", kind="gate", after=("persona", "deepen"), question="Good?", expires_hours=1),
    ]


def boxes(drawn: list[list[lanes.Box]]) -> dict[str, lanes.Box]:
    return {box.key: box for level in drawn for box in level}


def test_steps_that_need_nothing_from_each_other_stand_in_one_column():
    drawn = lanes.draw(plan(), NAMES)

    assert [[box.key for box in level] for level in drawn] == [["research"], ["deepen", "persona"], ["check_mail"]]


def test_a_box_says_who_works_why_and_under_what_terms():
    found = boxes(lanes.draw(plan(), NAMES))

    assert (found["research"].name, found["research"].kind, found["research"].reason) == (
        "Research",
        "Agent",
        "Facts first.",
    )
    assert found["deepen"].notes == ("may be left out",)
    assert found["persona"].notes == ("for 3 contacts",)
    assert (found["check_mail"].name, found["check_mail"].question) == ("Check mail", "Good?")
    assert (found["check_mail"].after, found["check_mail"].notes) == ("persona, deepen", ("waits at most 1 hour",))
    assert {box.state_name for box in found.values()} == {""}


def test_who_edits_a_plan_sees_steps_by_their_keys_and_who_works_on_them():
    found = boxes(lanes.draw_by_keys(plan(), {"research_agent": "Research", "deepen": "Asks again."}))

    assert [box.name for box in found.values()] == ["research", "deepen", "persona", "check_mail"]
    assert [box.who for box in found.values()] == ["Research", "Asks again.", "persona_agent", ""]
    assert found["check_mail"].after == "persona, deepen"


def test_the_last_attempt_decides_the_state_of_a_step():
    tries = [Row("research", "failed", pk=1), Row("research", "running", pk=4)]

    research = boxes(lanes.draw_run(plan(), NAMES, tries, is_open=True))["research"]

    assert (research.state, research.state_name, research.row) == ("running", "Running", 4)


def test_what_has_not_begun_is_to_come_until_the_run_has_ended():
    still_open = boxes(lanes.draw_run(plan(), NAMES, [], is_open=True))
    ended = boxes(lanes.draw_run(plan(), NAMES, [], is_open=False))

    assert {box.state_name for box in still_open.values()} == {"To come"}
    assert {box.state_name for box in ended.values()} == {"Not begun"}


def test_a_map_runs_until_each_contact_is_through_and_is_done_when_one_is():
    one = [Row("persona", "done", 1), Row("persona", "failed", 2)]
    all_three = [*one, Row("persona", "failed", 3)]
    left_out = [Row("persona", "skipped", 0)]

    states = [
        boxes(lanes.draw_run(plan(), NAMES, tries, is_open=True))["persona"] for tries in (one, all_three, left_out)
    ]

    assert [box.state for box in states] == ["running", "done", "skipped"]
    assert states[1].notes == ("for 3 contacts", "1 of 3 contacts done")


def test_steps_are_counted_as_over_once_nothing_more_comes_of_them():
    tries = [Row("research", "done"), Row("deepen", "skipped"), Row("persona", "done", 1), Row("check_mail", "waiting")]

    assert lanes.over(plan(), tries) == 2


def test_a_change_of_the_plan_is_told_in_sentences():
    before = plan()
    after = [
        Node("research", agent="research_agent", model="cheaper"),
        Node("persona", kind="map", agent="persona_agent", after=("research", "adjudicate"), items=(7, 8, 9)),
        Node("check_mail", kind="gate", after=("persona",), question="Good?"),
        Node("adjudicate", kind="tool", tool="adjudicate", after=("research",)),
    ]

    assert lanes.changes(before, after) == [
        "Adjudicate is added, before persona.",
        "Deepen is left out.",
        "Research goes to the cheaper model.",
    ]
    assert lanes.changes(before, before) == []


def test_fewer_proposals_are_told():
    before, after = [Node("email", proposals=3)], [Node("email", proposals=1, model="cheaper")]

    assert lanes.changes(before, after) == [
        "Email goes to the cheaper model.",
        "Email makes 1 proposal instead of 3.",
    ]


def test_a_step_that_waits_for_others_than_before_is_told():
    before = [Node("research"), Node("persona", after=("research",)), Node("brief", after=("research",))]
    after = [Node("research"), Node("persona", after=("research",)), Node("brief", after=("research", "persona"))]

    assert lanes.changes(before, after) == ["Brief now waits for research and persona."]
    assert lanes.changes(after, [*before[:2], Node("brief")]) == ["Brief now waits for nothing."]
