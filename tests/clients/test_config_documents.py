"""A client's settings as JSON: in, out, refused."""

import json
from pathlib import Path

import pytest
from django.core.exceptions import ObjectDoesNotExist
from hypothesis import given
from hypothesis import strategies as st

from clients import config
from clients.config import ConfigRefused
from clients.models import Client
from tests.factories import AT, make_client, make_industry, make_user

TEXT = (Path(__file__).parent.parent / "payloads/config/client_123.json").read_text()
DOCUMENT = json.loads(TEXT)

pytestmark = pytest.mark.django_db


def problems_of(document):
    with pytest.raises(ConfigRefused) as refused:
        config.parse(document)
    return [tuple(problem) for problem in refused.value.problems]


def with_custom(**values):
    return {"industry": "fintech", "custom_fields": values}


@pytest.fixture(autouse=True)
def _industries():
    make_industry("fintech")
    make_industry("healthcare")


def test_a_document_comes_out_byte_for_byte_as_it_went_in():
    acme = config.create_client(config.read(TEXT), slug="client-123", name="Acme Fintech", by=None, at=AT)

    assert config.as_text(config.export(Client.objects.get(pk=acme.pk))) == TEXT
    assert acme.status == Client.Status.DRAFT


def test_a_replacing_override_comes_out_with_its_mode():
    document = {
        "industry": "fintech",
        "prompt_overrides": {"email_agent": {"mode": "replace", "text": "Write a haiku."}},
    }

    acme = config.create_client(document, slug="acme", name="Acme", by=None, at=AT)

    assert config.export(acme) == document


def test_applying_makes_the_document_the_whole_layer_and_keeps_history():
    priya = make_user("priya")
    acme = config.create_client(DOCUMENT, slug="acme", name="Acme", by=None, at=AT)

    changes = config.apply(
        {"industry": "healthcare", "tone": "formal", "prompt_overrides": {"research_agent": "Look at trials."}},
        client=acme,
        by=priya,
        reason="New market",
        at=AT,
    )

    acme = Client.objects.get(pk=acme.pk)
    assert config.export(acme) == {
        "industry": "healthcare",
        "tone": "formal",
        "prompt_overrides": {"research_agent": "Look at trials."},
    }
    assert [change.path for change in changes] == [
        "industry",
        "prompt_overrides → research_agent",
        "prompt_overrides → persona_agent",
        "custom_fields → emphasis",
        "custom_fields → avoid_terms",
    ]
    newest = acme.history.latest("history_id")
    assert (newest.history_user, newest.history_change_reason, newest.history_date) == (priya, "New market", AT)


def test_applying_what_is_there_already_writes_nothing():
    acme = config.create_client(DOCUMENT, slug="acme", name="Acme", by=None, at=AT)
    versions = acme.history.count()

    assert config.apply(DOCUMENT, client=acme, by=None, reason="Again", at=AT) == []
    assert acme.history.count() == versions


def test_a_refused_document_leaves_the_client_as_it_was():
    acme = config.create_client(DOCUMENT, slug="acme", name="Acme", by=None, at=AT)

    with pytest.raises(ConfigRefused):
        config.apply({**DOCUMENT, "tone": "shouting"}, client=acme, by=None, reason="", at=AT)

    assert config.export(Client.objects.get(pk=acme.pk)) == DOCUMENT


def test_a_misspelt_key_is_refused_with_its_path_and_the_nearest_known_key():
    document = {"industry": "fintech", "prompt_overrides": {"reserch_agent": "Focus on compliance"}}

    assert problems_of(document) == [
        ("prompt_overrides → reserch_agent", "This setting is not known.", "Did you mean research_agent?")
    ]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"industry": "fintech", "tome": "formal"}, ("tome", "This setting is not known.", "Did you mean tone?")),
        (
            with_custom(avoid_term=["x"]),
            ("custom_fields → avoid_term", "This setting is not known.", "Did you mean avoid_terms?"),
        ),
        (
            {"industry": "fintech", "prompt_overrides": {"email_agent": {"mode": "add", "test": "x", "text": "y"}}},
            ("prompt_overrides → email_agent → entry 1 → test", "This setting is not known.", "Did you mean text?"),
        ),
        ({"tone": "formal"}, ("industry", "This setting is missing.", "Add it.")),
        (
            {"industry": "fintec"},
            ("industry", "There is no industry template “fintec”.", "Did you mean fintech?"),
        ),
        ({"industry": "fintech", "tone": "formel"}, ("tone", "“formel” is not a choice.", "Did you mean formal?")),
        ({"industry": "fintech", "tone": 5}, ("tone", "Text is needed here.", "Put it in quotation marks.")),
        (
            with_custom(avoid_terms="disruptive"),
            ("custom_fields → avoid_terms", "A list is needed here.", 'Write it in brackets: ["one", "two"].'),
        ),
        (
            with_custom(avoid_terms=["fine", ""]),
            (
                "custom_fields → avoid_terms → entry 2",
                "The text is empty.",
                "Write something, or leave the setting out to inherit it.",
            ),
        ),
        (with_custom(max_words=39), ("custom_fields → max_words", "The number is below 40.", "Write 40 or more.")),
        (
            with_custom(max_words="90"),
            ("custom_fields → max_words", "A whole number is needed here.", "Write it without quotation marks."),
        ),
        (
            with_custom(emphasis="a\x00b"),
            (
                "custom_fields → emphasis",
                "The text has a character that cannot be stored.",
                "Remove control characters and broken symbols.",
            ),
        ),
        (
            with_custom(proof_points=["One", "Two\nlines"]),
            (
                "custom_fields → proof_points → entry 2",
                "The entry has a line break.",
                "Write one line, or make each line an entry of its own.",
            ),
        ),
        (
            with_custom(emphasis="a\ud800"),
            (
                "custom_fields → emphasis",
                "The text has a character that cannot be stored.",
                "Remove control characters and broken symbols.",
            ),
        ),
        (
            {"industry": "fintech", "prompt_overrides": {"email_agent": 5}},
            (
                "prompt_overrides → email_agent",
                "Text, or an object with mode and text, is needed here.",
                'Write "text" to add to the prompt, or {"mode": "replace", "text": "…"}.',
            ),
        ),
        (
            {"industry": "fintech", "custom_fields": []},
            ("custom_fields", "An object is needed here.", 'Write it in braces: {"name": …}.'),
        ),
        (
            {"industry": "fintech", "confidence_floor": True},
            ("confidence_floor", "A number is needed here.", "Write it without quotation marks."),
        ),
        (
            {"industry": "fintech", "enabled_agents": ["mail_agent"]},
            ("enabled_agents → entry 1", "“mail_agent” is not a choice.", "Did you mean email_agent?"),
        ),
        ([], ("", "A JSON object is needed.", 'Start with {"industry": "fintech"}.')),
    ],
)
def test_every_problem_says_where_what_and_how_to_mend_it(document, problem):
    assert problems_of(document) == [problem]


def test_all_problems_come_at_once():
    document = {"industry": "fintech", "tone": "loud", "custom_fields": {"max_words": 1000, "colour": "red"}}

    assert [path for path, _, _ in problems_of(document)] == [
        "tone",
        "custom_fields → max_words",
        "custom_fields → colour",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"industry": }', "line 1, column 14"),
        ('{"tone": "formal", "tone": "direct"}', "tone: This key stands twice."),
        ('{"confidence_floor": NaN}', "NaN is not a number"),
        ("[" * 200_000, "nesting"),
        ('{"max_words": ' + "9" * 5000 + "}", "larger than any setting"),
    ],
)
def test_a_text_that_is_not_usable_json_is_refused_in_words(text, words):
    with pytest.raises(ConfigRefused) as refused:
        config.read(text)

    assert words in str(refused.value)


def test_a_taken_or_impossible_slug_is_refused_and_nothing_is_made():
    make_client("acme")

    for slug in ("acme", "not a slug", ""):
        with pytest.raises(ConfigRefused) as refused:
            config.create_client({"industry": "fintech"}, slug=slug, name="Acme", by=None, at=AT)
        assert refused.value.problems[0].path == "slug"

    assert Client.objects.count() == 1


def test_an_account_manager_manages_the_client_they_make():
    priya, boss = make_user("priya"), make_user("boss", is_superuser=True)

    hers = config.create_client({"industry": "fintech"}, slug="hers", name="Hers", by=priya, at=AT)
    his = config.create_client({"industry": "fintech"}, slug="his", name="His", by=boss, at=AT)

    assert list(hers.managers.all()) == [priya]
    assert list(his.managers.all()) == []


def test_settings_in_force_name_their_layer():
    acme = config.create_client(DOCUMENT, slug="acme", name="Acme Fintech", by=None, at=AT)

    effective = config.effective(acme)

    assert effective.document["client_name"] == "Acme Fintech"
    assert effective.document["tone"] == "formal"
    assert effective.sources["tone"] == "client"
    assert "disruptive" in effective.document["custom_fields"]["avoid_terms"]
    assert effective.document["prompt_overrides"]["persona_agent"][-1] == {
        "mode": "add",
        "text": "Target CFOs and risk managers",
        "layer": "client",
    }


short = st.text("aé\x00\ud800 →", max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | short,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(short, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["industry", "tone", "prompt_overrides", "custom_fields", "enabled_agents", "confidence_floor"]
        ),
        json_values | st.dictionaries(st.sampled_from(["email_agent", "avoid_terms", "max_words"]), json_values),
    )
)
def test_whatever_the_document_holds_it_is_taken_or_refused_in_words(document):
    try:
        config.parse(document)
    except ConfigRefused as refused:
        for problem in refused.problems:
            assert problem.message
            assert "pydantic" not in str(problem)
            assert "This value cannot be used" not in str(problem)
    except ObjectDoesNotExist:
        pytest.fail("A missing row is no answer.")
