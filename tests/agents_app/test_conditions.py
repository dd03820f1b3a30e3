"""What an operator may type as a condition, what it answers, and what is said about it."""

from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agents_app import conditions
from agents_app.conditions import ConditionInvalid, explain, fill, holds, parse

calm = settings(deadline=None, database=None, max_examples=400)  # a busy machine is no reason to fail

KNOWN = {
    "purpose": "what is asked for",
    "depth": "how thorough",
    "industry": "the client's",
    "earlier_run": "number of a run",
    "has_contact": "whether a person is named",
    "research_age_days": "days",
    "known": "attributes",
    "run.seconds_left": "seconds",
    "step.*.confidence": "0 to 1",
}
VALUES = {
    "purpose": "deep_research",
    "depth": "quick",
    "industry": "fintech",
    "earlier_run": None,
    "has_contact": True,
    "research_age_days": 45,
    "known": ("headcount", "news"),
    "run.seconds_left": 12.345678,
    "step.research.confidence": 0.55,
}


def answer(line, **changed):
    return holds(parse(line, KNOWN), VALUES | changed)


def told(line, **changed):
    return explain(parse(line, KNOWN), VALUES | changed)


def refusal(line, known=KNOWN):
    with pytest.raises(ConditionInvalid) as caught:
        parse(line, known)
    return str(caught.value)


# --- what holds


HOLDING = [
    'purpose == "deep_research" and not earlier_run',
    'industry in ("fintech", "health") and research_age_days > 30',
    "step.research.confidence < 0.6",
    "30 < research_age_days <= 45",
    '"headcount" in known and "funding" not in known',
    'purpose != "outreach"',
    "has_contact",
    "not not has_contact",
    "has_contact == True",
    "research_age_days > -1",
    'depth in ["quick", "standard"] or False',
    "  True  ",
    '"tech" in industry',
]


@pytest.mark.parametrize("line", HOLDING)
def test_a_condition_holds_on_the_values_it_asks_for(line):
    assert answer(line) is True
    assert answer(f"not ({line.strip()})") is False


def test_the_empty_line_always_holds_and_asks_for_nothing():
    always = parse("   ", KNOWN)

    assert (holds(always, {}), always.names, explain(always, {})) == (True, frozenset(), "nothing is asked")


def test_names_are_those_the_condition_asks_for_with_their_dots():
    condition = parse('purpose == "x" or step.email.confidence < 0.5 and "news" in known', KNOWN)

    assert condition.names == {"purpose", "step.email.confidence", "known"}


def test_equal_lines_are_equal_conditions():
    assert parse("has_contact", KNOWN) == parse(" has_contact ", tuple(KNOWN))
    assert parse("has_contact", KNOWN) != parse("not has_contact", KNOWN)


@pytest.mark.parametrize("values", [{}, {"research_age_days": None}], ids=["missing", "None"])
def test_what_is_not_known_equals_none_and_is_neither_smaller_nor_greater(values):
    lines = ["{} < 5", "{} >= 5", "0 < {} < 9", "5 > {}", "5 in {}", "5 not in {}", "{} == None", "{} != 5", "not {}"]

    found = {line: holds(parse(line.format("research_age_days"), KNOWN), values) for line in lines}

    assert [line for line, held in found.items() if held] == ["{} == None", "{} != 5", "not {}"]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("purpose < 5", "text"),
        ('purpose >= "a"', 3),
        ("purpose in known", 3.0),
        ('"a" in purpose', 7),
        ('"a" not in purpose', 7),
        ("purpose < 5", ("a", "list")),
        ("purpose < 5", Decimal("NaN")),
    ],
)
def test_what_does_not_compare_does_not_hold(line, value):
    assert answer(line, purpose=value, known=5) is False


# --- what is refused: each with its place and the way to mend it


REFUSED = [
    ("earlier_run + 1 > 2", 1, "a calculation"),
    ("has_contact and len(known) > 2", 17, "a call"),
    ("known[0] == 'a'", 1, "a place in a list"),
    ('f"{purpose}" == purpose', 1, "a text with placeholders"),
    ("(purpose := 3) == 3", 2, "naming a value"),
    ("(1 if has_contact else 2) == 2", 2, "a choice with if"),
    ("(lambda: 1) == 1", 2, "a function"),
    ('industry in {"a", "b"}', 13, "curly brackets"),
    ("[x for x in known] == known", 1, "this cannot stand"),
    ("purpose.upper.__class__ == 1", 1, "purpose.upper.__class__ is not known"),
    ("().__class__ == 1", 1, "this cannot stand"),
    ("purpose == b'a'", 12, "this cannot stand"),
    ("purpose == 3j", 12, "“3j” is no number"),
    ("purpose == ...", 12, "this cannot stand"),
    ("has_contact and -earlier_run", 17, "this cannot stand"),
    ("industry in (purpose, 'a')", 14, "only texts and numbers can stand in a list"),
    ("industry in (('a',),)", 14, "only texts and numbers can stand in a list"),
    ("industry in ('fintech')", 14, "written with a comma: ('fintech',)"),
    ("industry in -5", 13, "in needs a list or a name"),
    ("earlier_run is None", 1, "Write == or !="),
    ('industry == "fintech" or "health"', 26, '"health" stands alone'),
    ("has_contact and 1", 17, "1 stands alone"),
    ('("a", "b")', 1, "stands alone"),
    ('(purpose or industry) == "a"', 2, "Compare each name by itself"),
    ("(not purpose) == True", 2, "Compare each name by itself"),
    ('purpose = "deep_research"', 9, "Write == to compare"),
    ("has_contact AND earlier_run", 13, "small letters"),
    ("has_contact && earlier_run", 13, "as words"),
    ("!has_contact", 1, "as words"),
    ("research_age_days => 5", 19, ">= for at most and at least"),
    ("purpose == “deep”", 12, "straight quotes"),
    ('purpose == "deep', 12, "a quote before it and one behind it"),
    ("(has_contact", 1, "Every bracket that opens"),
    ("has_contact earlier_run", 13, "Use and, or, not"),
    ("research_age_days > 30days", 21, "“30days” is no number"),
    ("research_age_days > 007", 21, "cannot be read here"),
    ('has_contact # and purpose == "x"', 13, "remarks into the reason"),
    ("has_contact\nor True", 12, "line break"),
    ('purpose == "\\d"', 13, "Leave it out"),
    ("has_contact\0", 12, "invisible"),
    ('purpose == "\ud800"', 13, "invisible"),
    ('purpose == "é" and nobody', 20, "nobody is not known"),
    (f"{'not ' * 11}has_contact", 41, "more than 10 conditions inside each other"),
    ("(" * 150 + ")" * 150, 150, "() stands alone"),
    ("[" * 150 + "]" * 150, 1, "stands alone"),
    (f"purpose == '{'a' * 300}'", 301, "at most 300"),
]


@pytest.mark.parametrize(("line", "column", "said"), REFUSED, ids=range(len(REFUSED)))
def test_anything_else_is_refused_with_its_place_and_a_mend(line, column, said):
    with pytest.raises(ConditionInvalid) as caught:
        parse(line, KNOWN)

    assert (caught.value.column, str(caught.value).startswith(f"Column {column}: ")) == (column, True)
    assert said in str(caught.value)


def test_an_unknown_name_is_answered_with_the_nearest_and_all_known_ones():
    assert refusal("purpos == 'x'", {"purpose": "", "depth": ""}) == (
        "Column 1: purpos is not known. Did you mean purpose? "
        'A text stands in quotes: "purpos". Known names: purpose, depth.'
    )


def test_a_misspelt_part_of_a_dotted_name_is_mended_with_the_step_that_was_meant():
    said = refusal("has_contact and step.research.confidense < 0.5", ["has_contact", "step.*.confidence"])

    assert said == (
        "Column 17: step.research.confidense is not known. Did you mean step.research.confidence? "
        "Known names: has_contact, step.*.confidence."
    )


@pytest.mark.parametrize(("typed", "meant"), [("true", "True"), ("null == earlier_run", None), ("none", "None")])
def test_words_of_other_languages_are_mended_where_they_are_near(typed, meant):
    assert (f"Did you mean {meant}?" in refusal(typed)) is (meant is not None)


@pytest.mark.parametrize("name", ["step.confidence", "step.a.b.confidence", "step.research", "steps.a.confidence"])
def test_a_star_stands_for_exactly_one_part(name):
    assert f"{name} is not known" in refusal(f"{name} < 1")


@pytest.mark.parametrize("trouble", [MemoryError, RecursionError, ValueError])
def test_a_parser_that_gives_up_is_a_refusal_too(trouble, monkeypatch):
    def give_up(*_args, **_kwargs):
        raise trouble

    monkeypatch.setattr(conditions.ast, "parse", give_up)

    assert refusal("has_contact").startswith("Column 1: this line cannot be read. Use and, or, not")


def test_a_line_of_the_longest_length_is_read():
    line = f"purpose == '{'a' * (conditions.LONGEST - 13)}'"

    assert len(parse(line, KNOWN).text) == 300


# --- what is said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('purpose == "deep_research" and not earlier_run', "purpose is deep_research; earlier_run is not known"),
        ('purpose == "outreach" and has_contact', "purpose is deep_research"),
        ('purpose == "outreach" or has_contact', "has_contact is yes"),
        ('purpose == "a" or purpose == "b" or depth == "c"', "purpose is deep_research; depth is quick"),
        ("not (has_contact and research_age_days < 99)", "has_contact is yes; research_age_days is 45"),
        ("not (has_contact and research_age_days < 9)", "research_age_days is 45"),
        ("0.4 < step.research.confidence < run.seconds_left", "step.research.confidence is 0.55; run.seconds_left is 12.3457"),
        ('"funding" in known', "known is headcount, news"),
        ("False or 2 < 1", "False never holds; 2 < 1 never holds"),
        ("True", "True always holds"),
    ],
)  # fmt: skip
def test_an_explanation_names_the_parts_that_decided_with_their_values(line, said):
    assert told(line) == said


def test_placeholders_take_values_in_words():
    values = VALUES | {"industry": "", "known": (), "cost": Decimal("0.0300")}

    said = fill("{purpose}, {industry}, {has_contact}, {known}, {earlier_run}, {nobody}, {cost}", values)

    assert said == "deep_research, empty, yes, empty, not known, not known, 0.03"


def test_dotted_placeholders_are_looked_up_whole_and_never_reach_into_a_value():
    assert fill("{step.research.confidence} {purpose.__class__}", VALUES) == "0.55 not known"


@pytest.mark.parametrize("text", ["{}", "{0}", "{purpose!r}", "{purpose:>9}", "{ purpose }", "{purpose[0]}", "{", "}"])
def test_other_braces_stay_as_they_are_written(text):
    assert fill(text, VALUES) == text


def test_a_value_is_not_filled_in_again_and_stays_on_one_short_line():
    said = fill("{industry}|{purpose}", {"industry": "{purpose}\n\\1", "purpose": "x " * 100})

    assert said == f"{{purpose}} \\1|{'x ' * 59}x…"


@pytest.mark.parametrize(("length", "said"), [(120, "x" * 120), (121, "x" * 119 + "…")])
def test_a_value_is_cut_where_it_is_longer_than_a_sentence_bears(length, said):
    assert fill("{purpose}", {"purpose": "x" * length}) == said


# --- properties


pieces = st.sampled_from(
    [*KNOWN, "and", "or", "not", "in", "is", "==", "<", "(", ")", "[", "]", ",", ".", "'", '"', "-", "f'{", "}'", "1", "1or", ":=", "lambda",
     "yield", "await", "*", "...", "\\N{", "0x", "1e999", "é", "\u2028", "#", ";", "=", "{", "}", ":", "if", "else", "for", "~"]
)  # fmt: skip
anything = st.one_of(
    st.text(max_size=320),
    st.lists(pieces, max_size=60).map(" ".join),
    st.lists(pieces, max_size=60).map("".join),
    st.tuples(st.sampled_from(["(", "[", "not ", "-", "{", "a.", "(1,", "f'{"]), st.integers(1, 300)).map(
        lambda pair: pair[0] * pair[1]
    ),
)


@calm
@given(anything)
@example("[" * 299)
@example("a." * 149 + "a")
@example("-" * 299 + "1")
@example("1or 2")
def test_whatever_is_typed_is_read_or_refused_and_what_is_read_answers(line):
    try:
        condition = parse(line, KNOWN)
    except ConditionInvalid as refused:
        assert 1 <= refused.column <= 301
        return

    assert holds(condition, {}) in (True, False)
    assert explain(condition, {})


numbers = st.one_of(st.integers(-9, 9), st.decimals(-9, 9, places=2).map(float))
words = st.text("abcé ", max_size=3)
flags = st.booleans()
complete = st.fixed_dictionaries(
    {
        "purpose": words,
        "industry": words,
        "research_age_days": numbers,
        "run.seconds_left": numbers,
        "step.a.confidence": numbers,
        "has_contact": flags,
        "known": st.lists(words, max_size=3).map(tuple),
    }
)
ORDER = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


def compared(*operands):
    """Chains of two to four operands of one kind."""
    chains = st.lists(st.tuples(ORDER, st.one_of(*operands)), min_size=1, max_size=3)
    return st.tuples(st.one_of(*operands), chains).map(
        lambda parts: " ".join([parts[0], *(f"{sign} {right}" for sign, right in parts[1])])
    )


texts = words.map(repr)
lists = st.lists(texts, min_size=1, max_size=3).map(lambda each: f"[{', '.join(each)}]")
leaves = st.one_of(
    compared(st.sampled_from(["research_age_days", "run.seconds_left", "step.a.confidence"]), numbers.map(repr)),
    compared(st.sampled_from(["purpose", "industry"]), texts),
    st.tuples(
        st.one_of(st.just("purpose"), texts),
        st.sampled_from(["in", "not in"]),
        st.one_of(st.just("known"), st.just("industry"), lists),
    ).map(" ".join),
    st.sampled_from(["has_contact", "purpose", "known", "research_age_days", "True", "False", "None"]),
)
lines = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map("not ({})".format),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda p: f"({p[0]}) {p[1]} {p[2]}"),
    ),
    max_leaves=6,
).filter(lambda line: len(line) <= conditions.LONGEST)


def python_says(line, values):
    """Python's own answer; dotted names as attributes."""
    spaces = {
        "run": SimpleNamespace(seconds_left=values["run.seconds_left"]),
        "step": SimpleNamespace(a=SimpleNamespace(confidence=values["step.a.confidence"])),
    }
    return bool(eval(line, {"__builtins__": {}}, values | spaces))


@calm
@given(lines, complete)
def test_over_complete_values_python_itself_gives_the_same_answer(line, values):
    assert holds(parse(line, KNOWN), values) == python_says(line, values)


strange = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.decimals(), st.dates()),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@calm
@given(lines, st.dictionaries(st.sampled_from([*VALUES, "step.a.confidence"]), strange))
def test_whatever_the_values_are_there_is_an_answer_and_an_explanation(line, values):
    condition = parse(line, KNOWN)

    assert holds(condition, values) in (True, False)
    assert "\n" not in explain(condition, values)
