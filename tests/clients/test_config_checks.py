"""What is odd about settings, in the words of the domain: refused, or asked about once."""

import re

import pytest

from clients.config import checks
from clients.config.layers import ADD, REMOVE, UNSET, Layer, Override, merge
from clients.models import Client
from tests.clients.test_admin import page, whole_form
from tests.crowd import make_user_of
from tests.factories import make_client, make_industry

BELOW = merge(
    [Layer("agency", {"custom_fields.avoid_terms": ["Disruptive"], "send_window.to_hour": 18})],
    industry="fintech",
    client_name="Acme",
)
FINTECH = checks.peers_of("Fintech", ["formal"] * 12 + ["direct"] * 2)


def word(text, mode="add", slot=""):
    return {"mode": mode, "text": text, **({"slot": slot} if slot else {})}


@pytest.mark.parametrize(
    ("said", "errors"),
    [
        ({"custom_fields.offer": "A disruptive ledger."}, ["“Disruptive” is among the words to avoid, and stands in the offer. Take it out of one of them."]),
        (
            {"prompt_overrides.research_agent": [word("Look at funding.\nFind what is disruptive.")]},
            ["“Disruptive” is among the words to avoid, and stands in what we say to the research agent, line 2. Take it out of one of them."],
        ),
        ({"prompt_overrides.email_agent": [word("Never say disruptive.")]}, []),
        ({"custom_fields.offer": "A disruptive ledger.", "custom_fields.avoid_terms": {REMOVE: ["disruptive"], ADD: ["cheap"]}}, []),
        ({"custom_fields.proof_points": ["Cheap and fast."], "custom_fields.avoid_terms": ["cheap"]}, ["“cheap” is among the words to avoid, and stands in the proof points. Take it out of one of them."]),
        ({"send_window.from_hour": 18}, ["E-mails would leave from 18 o'clock until 18 o'clock, which is never. Set one of the hours."]),
        ({"send_window.from_hour": 17}, []),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused_with_its_place(said, errors):
    assert checks.errors(said, BELOW) == errors


TEMPLATE = "industry:fintech"
INHERITED = merge(
    [
        Layer(
            TEMPLATE,
            {
                "custom_fields.offer": "A disruptive ledger.",
                "custom_fields.proof_points": ["Cheap for banks.", "Fast."],
            },
            {
                "email_agent": [
                    Override("add", "Be plain.\nCall it bold."),
                    Override("add", "Never call it brave."),
                    Override("add", "Call it daring.", "style"),
                ]
            },
        )
    ],
    industry="fintech",
    client_name="Acme",
)
WORDS = "prompt_overrides.email_agent"
AVOID = "custom_fields.avoid_terms"


@pytest.mark.parametrize("term", ["AI", "art", "main"])
def test_a_word_to_avoid_counts_as_a_whole_word_only(term):
    assert checks.errors({"custom_fields.offer": "We maintain and start.", AVOID: [term]}, BELOW) == []


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({AVOID: ["Disruptive"]}, "the offer of the Fintech template"),
        ({AVOID: ["Disruptive"], "custom_fields.offer": "A new ledger."}, ""),
        ({AVOID: ["Disruptive"], "custom_fields.offer": {UNSET: True}}, ""),
        ({AVOID: ["cheap"]}, "the proof points of the Fintech template"),
        ({AVOID: ["cheap"], "custom_fields.proof_points": ["Ours."]}, "the proof points of the Fintech template"),
        ({AVOID: ["cheap"], "custom_fields.proof_points": {REMOVE: ["cheap for banks."]}}, ""),
        ({AVOID: {REMOVE: ["x"], ADD: ["bold"]}}, "what the Fintech template says to the e-mail agent, line 2"),
        ({AVOID: ["brave"]}, ""),  # it is said never to be said
        ({AVOID: ["bold"], WORDS: [word("", "unset")]}, ""),
        ({AVOID: ["bold"], WORDS: [word("Be kind.", "replace")]}, ""),
        ({AVOID: ["bold"], WORDS: [word("Be kind.", "replace", "style")]}, "what the Fintech template says to the e-mail agent, line 2"),
        ({AVOID: ["daring"], WORDS: [word("Be kind.", "replace", "style")]}, ""),
        ({AVOID: ["daring"]}, "what the Fintech template says to the e-mail agent"),
        ({AVOID: ["aunt"]}, ""),
    ],
)  # fmt: skip
def test_a_word_that_is_to_be_avoided_anew_must_not_stand_in_what_is_inherited(said, where):
    found = checks.errors(said, INHERITED, {TEMPLATE: "Fintech template"})

    added = said[AVOID][ADD] if isinstance(said[AVOID], dict) else said[AVOID]
    told = f"“{added[0]}” is among the words to avoid, and stands in {where}. Take it out of one of them."
    assert found == ([told] if where else [])


def test_what_the_agency_says_is_named_so():
    below = merge([Layer("agency", {"custom_fields.offer": "Bold."})], industry="fintech", client_name="Acme")

    [told] = checks.errors({AVOID: ["bold"]}, below, {"agency": "Agency"})

    assert "stands in the offer of the agency." in told


@pytest.mark.parametrize(
    ("said", "warned"),
    [
        ({"tone": "casual"}, ["Tone “Casual” is unusual for Fintech: 0 of 14 clients use it."]),
        ({"tone": "direct"}, []),
        (
            {"prompt_overrides.email_agent": [word("Write a haiku.", "replace")]},
            ["This replaces the whole of the prompt of the e-mail agent: improvements of it no longer reach this layer. It also drops the rule that every claim names its source."],
        ),
        ({"prompt_overrides.email_agent": [word("Write; fill rests_on.", "replace")]}, ["This replaces the whole of the prompt of the e-mail agent: improvements of it no longer reach this layer."]),
        ({"prompt_overrides.email_agent": [word("Be kind.", "replace", "style")]}, ["This replaces the component “style” of the prompt of the e-mail agent: improvements of it no longer reach this layer."]),
        (
            {"prompt_overrides.email_agent": [word("Be kind.", "replace", "house_rules")]},
            ["This replaces the component “house rules” of the prompt of the e-mail agent: improvements of it no longer reach this layer. It also drops the rule that every claim names its source."],
        ),
        ({"prompt_overrides.email_agent": [word("Fill rests_on.", "add", "house_rules")]}, []),
        ({"prompt_overrides.email_agent": [word("Be kind.", "add", "manners")]}, ["The prompt of the e-mail agent has no component “manners” now, so what is said to it is added at the end."]),
        ({"prompt_overrides.persona_agent": [word("Be kind.", "replace", "manners")]}, []),
    ],
)  # fmt: skip
def test_what_is_unusual_is_asked_about(said, warned):
    email = {"": "You write.", "style": "Be plain.", "house_rules": "Each sentence names its rests_on."}

    assert checks.warnings(said, FINTECH, {"email_agent": email}) == warned


def test_of_few_clients_nothing_is_usual():
    assert checks.warnings({"tone": "casual"}, checks.peers_of("Fintech", ["formal"] * 4)) == []


@pytest.mark.django_db
def test_a_warning_is_asked_once_and_then_heeded(client):
    client.force_login(make_user_of("operator"))
    make_industry(settings={"tone": "formal"})
    for _ in range(5):
        make_client()
    acme = make_client("acme")
    address = page("change", "client", acme.pk)

    first = client.post(address, whole_form(acme, tone="casual")).content.decode()
    mark = re.search(r'name="heeded" value="([^"]+)"', first)[1]
    before = Client.objects.get(pk=acme.pk).settings
    second = client.post(address, whole_form(acme, tone="casual", heeded=mark))

    assert "is unusual for" in first
    assert "0 of 5 clients use it." in first
    assert "Save again if it is meant so." in first
    assert (before, second.status_code) == ({}, 302)
    assert Client.objects.get(pk=acme.pk).settings == {"tone": "casual"}


@pytest.mark.django_db
def test_a_contradiction_is_never_saved(client):
    client.force_login(make_user_of("operator"))
    acme = make_client("acme")
    typed = whole_form(acme, avoid_terms="cheap", offer="A cheap ledger.")

    shown = client.post(page("change", "client", acme.pk), typed).content.decode()

    assert "“cheap” is among the words to avoid, and stands in the offer." in shown
    assert Client.objects.get(pk=acme.pk).settings == {}


@pytest.mark.django_db
def test_a_word_that_the_template_uses_is_not_avoided_and_the_form_says_where_it_stands(client):
    client.force_login(make_user_of("operator"))
    words = {"prompt_overrides.email_agent": [word("Call it disruptive.")]}
    acme = make_client("acme", industry=make_industry("ledgers", settings=words))

    shown = client.post(page("change", "client", acme.pk), whole_form(acme, avoid_terms="disruptive"))

    assert f"stands in what the {acme.industry.name} template says to the e-mail agent." in shown.content.decode()
    assert Client.objects.get(pk=acme.pk).settings == {}
