"""How large a change of a prompt is: labelled edits of our own prompts, and the rules one by one."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents_app import change_levels, change_words
from agents_app.change_levels import Content, Level
from tests.agents_app.prompt_edits import EDITS, EMAIL, MAJOR, PATCH, as_it_is

OLD = Content("Write one mail.\n\n## Rules\n\nAlways greet.\n", schema={"properties": {"a": {"type": "string"}}})


def measured(edit):
    old = edit.basis(as_it_is(edit.agent))
    return change_levels.between(old, edit.change(old), usual_model="claude-sonnet-5-5")


def what(old, new):
    """The reasons of a change of one text, without where."""
    change = change_levels.between(Content(old), Content(new))
    return change.level, [each.what for each in change.reasons]


def test_of_the_labelled_edits_each_major_one_is_found_and_nineteen_in_twenty_are_right():
    found = {edit.told: (edit.level, measured(edit).level.key) for edit in EDITS}
    wrong = {told: pair for told, pair in found.items() if pair[0] != pair[1]}

    assert len(found) == len(EDITS) == 92
    assert {told: pair for told, pair in wrong.items() if MAJOR in pair} == {}
    assert len(wrong) / len(found) <= 0.05, wrong
    assert [told for told, (label, level) in wrong.items() if level == PATCH] == []


@pytest.mark.parametrize("edit", [edit for edit in EDITS if edit.is_word], ids=lambda edit: edit.told)
def test_one_negation_or_number_is_never_a_patch(edit):
    assert measured(edit).level > Level.PATCH


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.told)
def test_an_edit_is_as_large_backwards_unless_something_is_only_taken_away(edit):
    """Words that matter matter in both directions; what is new in one is gone in the other."""
    old = edit.basis(as_it_is(edit.agent))
    back = change_levels.between(edit.change(old), old, usual_model="claude-sonnet-5-5")

    assert (back.level > Level.PATCH) == (measured(edit).level > Level.PATCH)


def test_a_version_compared_with_itself_is_a_patch_that_says_so():
    for agent in {edit.agent for edit in EDITS}:
        change = change_levels.between(as_it_is(agent), as_it_is(agent))

        assert [tuple(each) for each in change.reasons] == [(Level.PATCH, "Text", "the text is the same")]


def test_reasons_name_component_and_words_the_largest_first():
    old = as_it_is(EMAIL)
    new = replace(old, text=old.text.replace("- Nothing that is not given:", "- Nothing that is given:"), effort="high")

    change = change_levels.between(old, new)

    assert change.document() == [
        {"level": "minor", "where": "Effort", "what": "as asked becomes high"},
        {"level": "minor", "where": "Rules", "what": "a negation or an exception changed: “not” is gone"},
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("You may use facts.", "You may not use facts.", "a negation or an exception changed: “not” is new"),
        ("Be polite here.", "Be impolite here.", "a negation or an exception changed: “polite” becomes “impolite”"),
        ("It has 3 parts.", "It has 4 parts.", "a number or an amount changed: “3” becomes “4”"),
        ("It costs 5 % more.", "It costs 5 more.", "a number or an amount changed: “%” is gone"),
        ("It fell to -5 there.", "It fell to 5 there.", "a number or an amount changed: “-” is gone"),
        ("It is > 0.7 here.", "It is < 0.7 here.", "a number or an amount changed: “>” becomes “<”"),
        ("It is 0.7 there.", "It is 0.8 there.", "a number or an amount changed: “0.7” becomes “0.8”"),
        ("Where a != b stands.", "Where a = b stands.", "a negation or an exception changed: “!=” is gone"),
        ("They are not able.", "They are notable.", "a negation or an exception changed: “not” is gone"),
        (
            "See `role` there.",
            "See `pain` there.",
            "a name in the material or the answer changed: “`role`” becomes “`pain`”",
        ),
        ("Write it down.", "Read it down.", "what it is told to do changed: “Write” becomes “Read”"),
        ("It should be so.", "It must be so.", "what it is told to do changed: “should” becomes “must”"),
        ("Write warm words.", "Write cold words.", "an instruction is worded otherwise: “warm” becomes “cold”"),
    ],
)
def test_what_can_alter_an_answer_is_told_in_words(old, new, told):
    level, reasons = what(old, new)

    assert level is Level.MINOR
    assert told in reasons


@pytest.mark.parametrize(
    ("elsewhere", "level"),
    [("", Level.MINOR), ("The offers lie there.", Level.PATCH), ("The offers lie by the ofers.", Level.MINOR)],
)
def test_what_is_a_slip_of_the_pen_follows_from_the_words_that_stand_elsewhere(elsewhere, level):
    long = "The desk has a lamp. " * 20 + elsewhere

    assert what(f"{long} Speak of the ofers.", f"{long} Speak of the offers.")[0] is level


def test_a_range_or_a_date_holds_no_minus():
    assert change_words.normalised("Of 3-5, on 2026-11-29 \N{EN DASH} 7.") == "of 3 5 on 2026 11 29 7"


def test_a_new_sentence_and_a_moved_one_are_no_patch():
    base = " ".join(f"The desk number {name} has a lamp." for name in ("alpha", "beta", "gamma", "delta"))
    long = base * 20

    assert change_words.touched(long, long + " The lamp is green.") == [
        change_words.Touched("sentence", "a sentence is new: “The lamp is green.”")
    ]
    assert change_words.touched("The cat sat. The dog ran. It rained.", "The dog ran. The cat sat. It rained.") != []


def test_a_quarter_of_a_text_is_no_patch_even_where_it_orders_nothing():
    level, reasons = what("The old house stands there.", "The ancient mansion stands there.")

    assert (level, reasons) == (Level.MINOR, ["41% of it changed"])


def test_a_component_that_is_new_gone_or_elsewhere_is_told():
    both = "Role.\n\n## Rules\n\nGreet.\n\n## Style\n\nPlain.\n"

    assert "the component is gone" in what(both, "Role.\n\n## Rules\n\nGreet.\n")[1]
    assert "the component is new" in what("Role.\n\n## Rules\n\nGreet.\n", both)[1]
    turned = "Role.\n\n## Style\n\nPlain.\n\n## Rules\n\nGreet.\n"
    assert "the components stand in another order" in what(both, turned)[1]


def test_a_field_under_another_name_is_told_with_the_name_it_likely_has_now():
    new = replace(OLD, schema={"properties": {"b": {"type": "string"}}})

    change = change_levels.between(OLD, new)

    assert change.reasons[0] == (Level.MAJOR, "Output schema", "the field “a” is gone, perhaps renamed to “b”")


def test_fields_are_followed_through_references_lists_and_what_may_be_nothing():
    schema = {
        "$defs": {
            "Line": {"properties": {"text": {"type": "string", "maxLength": 9}}, "required": ["text"], "type": "object"}
        },
        "properties": {
            "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
    }

    found = change_levels.fields_of(schema)

    assert {path: field.type for path, field in found.items()} == {
        "lines": "array",
        "lines[]": "object",
        "lines[].text": "string",
        "note": "null or string",
    }
    assert found["lines[].text"] == ("string", True, (("maxLength", "9"),))


def test_where_nobody_kept_the_shape_of_the_answer_only_the_words_are_compared():
    assert change_levels.between(replace(OLD, schema={}), OLD).level is Level.PATCH


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("claude-sonnet-5-5", "claude-sonnet"),
        ("claude-sonnet-5-5@20261001", "claude-sonnet"),
        ("claude-haiku-4-5", "claude-haiku"),
        ("gpt-4o-mini", "gpt-mini"),
    ],
)
def test_a_models_family_is_its_name_without_versions(model, family):
    assert change_levels.family(model) == family


def test_a_named_model_of_the_usual_family_is_minor_of_another_major():
    for model, level in (("claude-sonnet-5-5", Level.MINOR), ("claude-haiku-5-5", Level.MAJOR)):
        change = change_levels.between(OLD, replace(OLD, model=model), usual_model="claude-sonnet-5-5")

        assert change.level is level


@pytest.mark.parametrize(
    ("level", "share", "expected"),
    [
        (Level.PATCH, 0.0, Level.PATCH),
        (Level.PATCH, 0.099, Level.PATCH),
        (Level.PATCH, 0.1, Level.MINOR),
        (Level.MINOR, 0.1, Level.MINOR),
        (Level.MAJOR, 0.1, Level.MAJOR),
        (Level.PATCH, 0.3, Level.MAJOR),
        (Level.MAJOR, 0.0, Level.MAJOR),
    ],
)
def test_behaviour_raises_a_level_and_never_lowers_it(level, share, expected):
    assert change_levels.raised(level, share) is expected


@pytest.mark.parametrize(
    ("parent", "level", "taken", "expected"),
    [
        ((1, 0, 0), Level.PATCH, set(), (1, 0, 1)),
        ((1, 0, 0), Level.MINOR, {(1, 0, 0), (1, 0, 1)}, (1, 1, 0)),
        ((1, 0, 0), Level.MINOR, {(1, 1, 0), (1, 2, 3)}, (1, 3, 0)),
        ((1, 2, 3), Level.MAJOR, {(4, 0, 0)}, (5, 0, 0)),
        ((2, 0, 0), Level.PATCH, {(2, 0, 1), (3, 0, 7)}, (2, 0, 2)),
    ],
)
def test_the_next_version_is_the_next_free_one_above_its_parent(parent, level, taken, expected):
    assert change_levels.following(parent, level, taken) == expected


def test_the_labels_are_of_every_kind():
    assert {level: sum(edit.level == level for edit in EDITS) for level in (MAJOR, "minor", PATCH)} == {
        MAJOR: 15,
        "minor": 57,
        PATCH: 20,
    }


@pytest.mark.parametrize("agent", sorted({edit.agent for edit in EDITS}))
def test_no_negation_number_or_name_of_ours_can_be_taken_out_as_a_patch(agent):
    old = as_it_is(agent)
    counted = re.compile(
        r"\b(?:no|not|never|nothing|nobody|only|one|two|three|five|eight|each|every|\d+)\b|`\w+`", re.I
    )
    found = list(counted.finditer(old.text))

    small = [
        match[0]
        for match in found
        if change_levels.between(old, replace(old, text=old.text[: match.start()] + old.text[match.end() :])).level
        is Level.PATCH
    ]

    assert (len(found) > 20, small) == (True, [])


@pytest.mark.parametrize("word", ["not", "never", "7"])
def test_no_negation_or_number_can_be_slipped_in_anywhere_as_a_patch(word):
    old = as_it_is(EMAIL)
    gaps = [match.start() for match in re.finditer(r"(?<=\w) (?=\w)", old.text)][::5]

    small = [
        old.text[gap - 20 : gap + 20]
        for gap in gaps
        if change_levels.between(old, replace(old, text=f"{old.text[:gap]} {word}{old.text[gap:]}")).level
        is Level.PATCH
    ]

    assert (len(gaps) > 50, small) == (True, [])


@given(st.text(), st.text())
def test_any_two_texts_have_a_level_and_the_same_text_twice_is_a_patch(one, other):
    assert change_levels.between(Content(one), Content(other)).reasons
    assert change_levels.between(Content(one), Content(one)).level is Level.PATCH
