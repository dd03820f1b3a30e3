"""What a gate shows, as texts to edit and back: only words change."""

import pytest

from agents_app import gate_texts

RESEARCH = {
    "facts": [
        {"key": "f1", "attribute": "headcount", "value": "175"},
        {"key": "f2", "attribute": "founded_year", "value": "2004"},
    ],
    "missing": [],
    "summary": [{"text": "It has 175 people.", "rests_on": ["f1"]}],
}
MAIL = {
    "closing": "Kind regards",
    "greeting": "Dear Ada,",
    "missing": [],
    "sentences": [
        {"text": "One.", "rests_on": ["f1"], "paragraph": 0},
        {"text": "Two.", "rests_on": [], "paragraph": 1},
    ],
    "subject": "Audits",
}


def test_research_is_read_as_its_sentences_and_then_its_facts():
    found = [(place.section, place.label, place.text) for place in gate_texts.places(RESEARCH)]

    assert found == [
        ("Summary", "Sentence 1", "It has 175 people."),
        ("Facts", "Headcount", "175"),
        ("Facts", "Founded year", "2004"),
    ]


def test_a_mail_is_edited_in_the_order_in_which_it_is_read():
    found = [(place.section, place.label) for place in gate_texts.places(MAIL)]

    assert found == [
        ("Subject", "Subject"),
        ("Greeting", "Greeting"),
        ("Sentences", "Sentence 1"),
        ("Sentences", "Sentence 2"),
        ("Closing", "Closing"),
    ]


def test_of_several_answers_each_place_says_whose_it_is():
    shown = {"answers": [{"role": "CFO", "angle": {"text": "Close faster.", "rests_on": []}}, MAIL]}

    sections = list(dict.fromkeys(place.section for place in gate_texts.places(shown)))

    assert sections[:3] == ["CFO: role", "CFO: angle", "Audits: subject"]


def test_each_place_has_a_name_of_its_own():
    names = [place.name for place in gate_texts.places({"answers": [MAIL, MAIL]})]

    assert len(set(names)) == len(names) == 10


def test_where_sources_disagree_a_place_knows_what_they_say():
    shown = {"facts": RESEARCH["facts"][:1], "options": {"headcount": ["175", "180"]}, "close": ["headcount"]}

    [place] = gate_texts.places(shown)

    assert (place.text, place.options) == ("175", ("175", "180"))


def test_filling_in_changes_the_texts_that_are_given_and_nothing_else():
    said = gate_texts.filled(RESEARCH, {"text_facts_0_value": "  180 ", "text_summary_0_text": "It has 180 people."})

    assert said == {
        **RESEARCH,
        "facts": [{"key": "f1", "attribute": "headcount", "value": "180"}, RESEARCH["facts"][1]],
        "summary": [{"text": "It has 180 people.", "rests_on": ["f1"]}],
    }
    assert RESEARCH["facts"][0]["value"] == "175"


@pytest.mark.parametrize("shown", [RESEARCH, MAIL, {"answers": [MAIL, MAIL]}, {}])
def test_what_is_not_touched_comes_back_as_it_was(shown):
    texts = {place.name: place.text for place in gate_texts.places(shown)}

    assert gate_texts.filled(shown, texts) == shown
    assert gate_texts.filled(shown, {}) == shown
