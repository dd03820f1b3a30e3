"""Two runs beside each other, as plain values: what belongs together, and every path at which they differ."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents_app import comparing
from agents_app.comparing import NOTHING, Delta, Step, Whole

LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab c", max_size=6)
NAMED = st.lists(st.fixed_dictionaries({"key": st.sampled_from(["f1", "f2", "f10"]), "value": LEAVES}), max_size=3)
DOCUMENTS = st.recursive(
    LEAVES | NAMED,
    lambda deeper: st.lists(deeper, max_size=4) | st.dictionaries(st.sampled_from("abc"), deeper, max_size=3),
    max_leaves=8,
)


def step(worker="email_agent", number=0, at=1, tries_left=0, **documents):
    key = worker.removesuffix("_agent")
    return Step(at, key, worker, number, worker, documents, {"Cost": Decimal(0)}, tries_left=tries_left)


STEPS = st.lists(
    st.builds(step, st.sampled_from(["research_agent", "persona_agent", "email_agent"]), st.integers(0, 2), output=LEAVES | NAMED),
    max_size=6,
)  # fmt: skip


def paths(left, right):
    return [each.path for each in comparing.differences(left, right)]


def mirrored(found):
    return [(each.path, each.right, each.left) for each in found]


# --- steps


def test_steps_belong_together_by_agent_and_contact_in_the_order_of_both():
    left = [step("research_agent"), step("persona_agent", 1), step("persona_agent", 2), step("email_agent", 1)]
    right = [step("research_agent"), step("competitive_agent"), step("persona_agent", 2), step("email_agent", 1)]

    pairs = comparing.aligned(left, right)

    names = [tuple(each and (each.worker.removesuffix("_agent"), each.whose) for each in pair) for pair in pairs]
    assert names == [
        (("research", 0), ("research", 0)),
        (None, ("competitive", 0)),
        (("persona", 1), None),
        (("persona", 2), ("persona", 2)),
        (("email", 1), ("email", 1)),
    ]


def test_an_answer_stands_beside_the_answer_and_a_failed_try_alone():
    left = [step("persona_agent", tries_left=1), step("persona_agent")]
    right = [step("persona_agent")]

    assert comparing.aligned(left, right) == [(left[0], None), (left[1], right[0])]
    assert comparing.aligned(right, left) == [(None, left[0]), (right[0], left[1])]


def test_the_longest_common_sequence_counts_not_the_first_match():
    tokens = ["a", "b", "c"]
    moved = ["c", "a", "b"]

    pairs = comparing.aligned([step(each) for each in tokens], [step(each) for each in moved])

    assert [left.worker for left, right in pairs if left and right] == ["a", "b"]


@given(STEPS, STEPS)
def test_a_comparison_is_the_same_from_either_side(left, right):
    ours, theirs = Whole({}, {}, left), Whole({}, {}, right)

    there, back = comparing.compare(ours, theirs), comparing.compare(theirs, ours)

    assert [(pair.left, pair.right) for pair in there.pairs] == [(pair.right, pair.left) for pair in back.pairs]
    for one, other in zip(there.pairs, back.pairs, strict=True):
        assert [tuple(each[:3]) for each in one.differences] == mirrored(other.differences)


@given(STEPS)
def test_whatever_is_compared_with_itself_is_empty(steps):
    whole = Whole({"config": {"tone": "formal"}}, {"Cost": Decimal("0.1")}, steps)

    assert comparing.compare(whole, whole).is_empty


# --- paths


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ["a.b"]),
        ({"a": 1}, {}, ["a"]),
        ({"a": [1, 2, 3]}, {"a": [1, 3]}, ["a[1]"]),
        ({"a": [{"text": "x"}, {"text": "y"}]}, {"a": [{"text": "x"}, {"text": "z"}]}, ["a[1].text"]),
        ({"facts": [{"key": "f2", "value": "1"}]}, {"facts": [{"key": "f1", "value": "9"}, {"key": "f2", "value": "1"}]}, ["facts[f1]"]),
        ({"a": 1}, {"a": True}, ["a"]),
        ({"a": 1}, {"a": 1.0}, []),
        ([], [], []),
        ({"a": []}, {"a": {}}, ["a"]),
        ("one", "two", [""]),
    ],
)  # fmt: skip
def test_each_difference_has_the_path_down_to_it(left, right, expected):
    assert paths(left, right) == expected


def test_what_one_side_has_nothing_of_is_said_so():
    [found] = comparing.differences({"a": None}, {})

    assert (found.left, found.right) == (None, NOTHING)


@given(DOCUMENTS, DOCUMENTS)
def test_documents_without_a_difference_are_equal(left, right):
    found = list(comparing.differences(left, right))

    assert bool(found) or left == right or _same_named(left, right)
    assert [tuple(each[:3]) for each in found] == mirrored(comparing.differences(right, left))


def _same_named(left, right):
    """Lists whose items are told apart by name may come in another order."""
    return sorted(map(str, _flat(left))) == sorted(map(str, _flat(right)))


def _flat(value):
    if isinstance(value, dict):
        return [leaf for name, each in value.items() for leaf in [name, *_flat(each)]]
    return [leaf for each in value for leaf in _flat(each)] if isinstance(value, list) else [value]


# --- words and figures


def test_of_a_long_text_the_changed_word_is_shown_with_what_stands_around_it():
    before, after = "Begin. " + "same " * 200, " end" * 200

    [found] = comparing.differences({"prompt": f"{before}old{after}"}, {"prompt": f"{before}new{after}"})

    assert (found.path, found.words.gone, found.words.new) == ("prompt", 1, 1)
    assert [piece.text for piece in found.words.left if piece.is_changed] == ["old "]
    assert [piece.text for piece in found.words.right if piece.is_changed] == ["new "]
    assert sum(len(piece.text) for piece in found.words.left) < 200


def test_figures_that_differ_stand_beside_each_other_with_their_change():
    left = {"Cost": Decimal("0.10"), "Seconds": 2.0, "Model": "a", "Tokens": 5}
    right = {"Cost": Decimal("0.12"), "Seconds": 2.0, "Model": "b"}

    assert comparing.deltas(left, right) == [
        Delta("Cost", Decimal("0.10"), Decimal("0.12"), Decimal("0.02")),
        Delta("Model", "a", "b", None),
        Delta("Tokens", 5, None, None),
    ]
