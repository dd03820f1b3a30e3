from datetime import timedelta

from agents_app import evidence, waterfall
from agents_app.prompts import Material
from agents_app.waterfall import Span
from tests.factories import AT

FACT = {
    "key": "f1",
    "attribute": "funding_total_usd",
    "value": "$62 million",
    "confidence": 0.83,
    "source": "newsapi",
    "as_of": "2026-03-01",
    "fact_id": 7,
}
CONFIG = {"custom_fields": {"offer": "Audit files", "proof_points": ["Nine days", "Six weeks"]}}
GIVEN = Material(
    CONFIG, [FACT], {"contact": {"title": "CFO"}, "previous": {"subject": "Books", "sent_on": "2026-11-01"}}
)


def sources(*names: str) -> list[evidence.Source]:
    return evidence.explain([{"text": "A sentence.", "rests_on": list(names)}], GIVEN)[0].sources


def test_a_fact_is_told_with_its_confidence_its_source_and_its_date():
    (source,) = sources("f1")

    assert (source.label, source.value, source.fact_id) == ("Fact: funding total usd", "$62 million", 7)
    assert source.detail == "83% sure, from newsapi, as of 2026-03-01"


def test_settings_and_what_was_given_are_told_in_words_and_count_from_one():
    told = [
        (source.label, source.value)
        for source in sources("config.custom_fields.proof_points.1", "context.contact.title", "context.previous")
    ]

    assert told == [
        ("Setting: proof points 2", "Six weeks"),
        ("Given: contact title", "CFO"),
        ("Given: previous", "Books"),
    ]


def test_a_name_that_nothing_stands_behind_is_marked():
    (source,) = sources("f9")

    assert (source.is_known, source.value) == (False, "nothing of this name was given")


def test_an_answer_is_read_from_its_subject_to_what_is_missing():
    output = {
        "missing": ["The sender's name."],
        "sentences": [{"text": "Hello.", "rests_on": ["f1"]}],
        "subject": "Books",
        "closing": "",
    }

    (parts,) = evidence.answers(output, [GIVEN])

    assert [part.name for part in parts] == ["Subject", "Sentences", "Missing"]
    assert parts[1].sentences[0].sources[0].name == "f1"


def test_a_step_that_was_asked_twice_has_two_answers_each_with_its_own_material():
    step_input = {"facts": [FACT], "context": [{"contact": {"title": "CFO"}}, {"contact": {"title": "CIO"}}]}
    output = {"answers": [{"role": "CFO", "angle": {"text": "Hello.", "rests_on": ["context.contact.title"]}}] * 2}

    first, second = evidence.answers(output, evidence.materials(step_input, CONFIG))

    assert [parts[1].sentences[0].sources[0].value for parts in (first, second)] == ["CFO", "CIO"]


def test_no_output_has_no_answers():
    assert evidence.answers(None, [GIVEN]) == []


def test_bars_share_one_line_of_time():
    spans = [
        Span("Research", "ok", AT, AT + timedelta(seconds=2)),
        Span("Persona", "info", AT + timedelta(seconds=2), None),
    ]

    drawn = waterfall.draw(spans, until=AT + timedelta(seconds=4))

    first, second = drawn.bars
    assert (first.x, first.width, first.seconds) == (200.0, 260.0, "2.0 s")
    assert (second.x, second.width, second.seconds) == (460.0, 260.0, "2.0 s")
    assert drawn.summary == "4.0 s in all: Research 2.0 s, Persona 2.0 s."


def test_what_a_step_asked_stands_below_it_on_thinner_rows_with_a_beginning_and_a_length_of_its_own():
    second = timedelta(seconds=1)
    parts = (
        Span("NewsAPI", "bad", AT + second, AT + 2 * second),
        Span("model-x", "ok", AT + 2 * second, AT + 4 * second),
    )
    steps = [
        Span("Research", "ok", AT, AT + 4 * second, parts),
        Span("Persona", "ok", AT + 4 * second, AT + 8 * second),
    ]

    drawn = waterfall.draw(steps, until=AT + 8 * second)

    assert [(bar.label, bar.label_x, bar.x, bar.width, bar.tone) for bar in drawn.bars] == [
        ("Research", 0, 200.0, 260.0, "ok"),
        ("NewsAPI", 12, 265.0, 65.0, "bad"),
        ("model-x", 12, 330.0, 130.0, "ok"),
        ("Persona", 0, 460.0, 260.0, "ok"),
    ]
    assert [(bar.y, bar.height) for bar in drawn.bars] == [(11, 14), (37, 8), (55, 8), (75, 14)]
    assert drawn.height == 28 + 18 + 18 + 28 + 8
    assert drawn.summary == "8.0 s in all: Research 4.0 s (NewsAPI 1.0 s, model-x 2.0 s), Persona 4.0 s."


def test_a_step_that_took_no_time_still_shows():
    (bar,) = waterfall.draw([Span("E-mail", "ok", AT, AT)], until=AT).bars

    assert (bar.width, bar.seconds) == (waterfall.NARROWEST, "0 ms")


def test_without_steps_there_is_nothing_to_draw():
    assert waterfall.draw([], until=AT).bars == []
