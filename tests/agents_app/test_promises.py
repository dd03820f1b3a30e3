"""Contracts that people wrote, each kind held against an answer."""

import pytest

from agents_app import promises
from agents_app.contracts import Sentence
from agents_app.promises import KINDS, ParametersRefused, Promise, Said
from agents_app.prompts import Material

FACTS = [{"key": "f1", "attribute": "headcount", "value": "1,240"}]
MATERIAL = Material({"custom_fields": {"avoid_terms": ["disruptive"]}}, FACTS, {})
TEXT = (
    "Dear Ada,\n\nWith 1,240 people, Northwind Bank has outgrown its spreadsheets. "
    "Would you have a quarter of an hour for this in the week that comes?\n\nKind regards,\nKim"
)


def said(text=TEXT, *, subject="Audit evidence", sentences=None, **values):
    found = [Sentence(text="With 1,240 people it has outgrown them.", rests_on=["f1"])]
    document = {"subject": subject, "sentences": ["a", "b"], "missing": []}
    return Said(text, document, found if sentences is None else sentences, MATERIAL, **values)


def held(kind, parameters, answer=None, **values):
    promise = Promise("p", "email_agent", kind, parameters, **values)
    [check] = [*promises.about_text([promise], answer or said()), *promises.measured([promise], answer or said())]
    return check


@pytest.mark.parametrize(
    ("kind", "parameters", "kept", "broken"),
    [
        ("schema", {"part": "subject", "at_least": 8, "at_most": 20}, said(), said(subject="Hi")),
        ("schema", {"part": "sentences", "at_most": 2}, said(), None),
        ("words", {"at_most": 40}, said(), said("word " * 41)),
        ("words", {"at_least": 3}, said(), said("Dear Ada,")),
        ("must_include", {"phrases": ["northwind bank", "harbour pay"]}, said(), said("Dear Ada, hello.")),
        ("must_include", {"phrases": ["audit", "KIND regards"], "how_many": "all"}, said(), said("Kind greetings")),
        ("must_not_include", {"phrases": ["game changer"]}, said("A game changers' club."), said("A Game  Changer.")),
        ("must_not_include", {"phrases": ["synergy"]}, said(), said(subject="Synergy!")),
        ("no_placeholder", {}, said(), said("Dear [Name], hello.")),
        ("cited_facts", {}, said(), said(sentences=[Sentence(text="It has 900 people.", rests_on=["f1"])])),
        ("cited_facts", {}, said(), said(sentences=[Sentence(text="It has 900 people.", rests_on=["f9"])])),
        ("avoid_terms", {}, said(), said("A disruptive idea.")),
        ("call_to_action", {"at_least": 1, "at_most": 1}, said(), said("Shall we? Or not?")),
        ("call_to_action", {"at_most": 1}, said(), said("Shall we talk? Reply by Friday.")),
        ("call_to_action", {"at_least": 1}, said("I write to you. Book a time here."), said("I wrote to you.")),
        ("language", {"language": "en"}, said(), said("Ich habe gelesen, dass Sie ein neues Büro eröffnet haben.")),
        ("language", {"language": "de"}, said("Ich habe gelesen, dass Sie ein neues Büro haben."), said()),
        ("cost", {"at_most_usd": 0.02}, said(cost_usd=0.02), said(cost_usd=0.021)),
        ("latency", {"at_most_s": 5}, said(seconds=5.0), said(seconds=5.1)),
        ("similarity", {"at_least_percent": 60}, said(baseline=TEXT.replace("Ada", "Ben")), said(baseline="Hello.")),
    ],
)  # fmt: skip
def test_each_kind_tells_an_answer_that_keeps_it_from_one_that_does_not(kind, parameters, kept, broken):
    assert held(kind, parameters, kept).passed
    if broken is not None:
        assert not held(kind, parameters, broken).passed


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("fr", "Nous avons lu que votre banque ouvre un bureau à Lyon, et nous voulons vous aider."),
        ("es", "Hemos leído que su banco abre una oficina en Leeds y queremos hablar con usted."),
        ("it", "Abbiamo letto che la sua banca apre un ufficio a Leeds e vorremmo parlare con voi."),
        ("nl", "Wij hebben gelezen dat uw bank een kantoor in Leeds opent en willen u graag helpen."),
    ],
)
def test_languages_are_told_apart(language, text):
    found = [
        key for key in ("en", "de", "fr", "es", "it", "nl") if held("language", {"language": key}, said(text)).passed
    ]

    assert found == [language]


def test_what_a_check_says_can_be_acted_on():
    assert held("words", {"at_most": 4}).detail == "29 words; at most 4 wanted."
    assert held("must_include", {"phrases": ["audit", "soc 2"], "how_many": "all"}).detail == "Not said: “soc 2”."
    assert held("call_to_action", {"at_most": 0}).detail == "It asks 1 thing of the reader; at most 0 wanted."


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("similarity", {"at_least_percent": 50}),
        ("cost", {"at_most_usd": 1}),
        ("latency", {"at_most_s": 1}),
        ("schema", {"part": "pains", "at_most": 1}),
    ],
)
def test_what_nobody_can_judge_is_neither_kept_nor_broken(kind, parameters):
    check = held(kind, parameters)

    assert (check.judged, check.passed) == (False, True)
    assert check.detail.startswith("Not judged: ")


def test_an_answer_that_says_only_what_is_missing_promises_nothing():
    every = [
        Promise("p", "email_agent", "words", {"at_least": 3}),
        Promise("q", "email_agent", "cost", {"at_most_usd": 1}),
    ]

    empty = said("", sentences=[])
    assert (promises.about_text(every, empty), promises.measured(every, empty)) == ([], [])


def test_what_lies_beside_the_text_counts_for_no_second_try():
    every = [
        Promise("w", "email_agent", "words", {"at_most": 3}),
        Promise("c", "email_agent", "cost", {"at_most_usd": 1}),
    ]

    answer = said(cost_usd=2.0)

    assert [check.check for check in promises.about_text(every, answer)] == ["w"]
    assert [check.check for check in promises.measured(every, answer)] == ["c"]


def test_a_check_carries_how_much_it_decides_and_weighs():
    check = held("words", {"at_most": 3}, must=True, weight=2.5)

    assert (check.must, check.weight, check.passed) == (True, 2.5, False)


@pytest.mark.parametrize(
    ("kind", "parameters", "problems"),
    [
        ("words", {}, {"": "With neither a least nor a most, every answer keeps it. Fill in one of them."}),
        ("words", {"at_least": 9, "at_most": 3}, {"": "At most 3 is less than at least 9: no answer could keep that."}),
        ("must_include", {"phrases": []}, {"phrases": "Phrases: Write at least one line."}),
        ("cost", {}, {"at_most_usd": "At most (US dollars): This is needed."}),
        ("no_placeholder", {"x": 1}, {"x": "x: This kind knows nothing of that name. Take it out."}),
        ("language", {"language": "xx"}, {"language": "Language: Choose one of those offered."}),
    ],
)
def test_parameters_that_do_not_fit_their_kind_are_refused_in_words(kind, parameters, problems):
    with pytest.raises(ParametersRefused) as refused:
        promises.parameters_of(kind, parameters)

    assert refused.value.problems == problems


def test_a_kind_that_is_not_there_is_refused():
    with pytest.raises(ParametersRefused, match="No kind of contract is called “regex”"):
        promises.parameters_of("regex", {})


def test_every_parameter_of_every_kind_has_a_name_for_people():
    nameless = [
        f"{key}.{name}"
        for key, kind in KINDS.items()
        for name, field in kind.parameters.model_fields.items()
        if not field.title
    ]

    assert nameless == []
