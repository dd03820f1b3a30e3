"""A client's layer is found that brings settings back which were in force once, whatever the layers below say by now."""

import random

import pytest

from clients import config
from clients.config import reaching
from clients.config.layers import Layer, Override, at, content_sha256, merge
from clients.keys import AGENTS, by_path
from clients.models import AgencySettings, Client, SettingsTemplate
from tests.clients.test_admin import page, whole_form
from tests.clients.test_config_layers import KEYS, random_value
from tests.crowd import make_user_of
from tests.factories import AT, make_industry, make_template, make_user

KEY = by_path(KEYS)
BELOW = ("agency", "industry", "motion")


def random_word(rng, key):
    """A value, or a word about what is inherited."""
    chance = rng.random()
    if chance < 0.15:
        return {"$unset": True}
    if chance < 0.35 and (key.is_list or key.kind == "table"):
        removed = ["x"] if key.kind == "entries" else [rng.choice(list(key.choices or ["alpha", "Beta", "gamma"]))]
        return {"$remove": removed, **({"$add": random_value(rng, key)} if rng.random() < 0.5 else {})}
    return random_value(rng, key)


def random_values(rng):
    return {key.path: random_word(rng, key) for key in KEYS if rng.random() < 0.6}


def random_words(rng):
    modes = ["prepend", "add", "replace", "unset"]
    words = [Override(mode, "" if mode == "unset" else rng.choice("abc")) for mode in rng.choices(modes, k=3)]
    return {agent: words[: rng.randint(0, 3)] for agent in AGENTS if rng.random() < 0.5}


def random_stack(rng):
    return [Layer(name, random_values(rng), random_words(rng)) for name in BELOW]


def effective(layers):
    return merge(layers, industry="fintech", client_name="Acme", keys=KEYS).document


def own_layer(said):
    return config.made("client", said)


def as_said(layer):
    words = {
        f"prompt_overrides.{agent}": [vars(each) for each in said] for agent, said in layer.overrides.items() if said
    }
    return {**layer.values, **words}


@pytest.mark.parametrize("seed", range(120))
def test_whatever_the_layers_below_become_without_locks_the_client_can_say_what_makes_the_same_hold(seed):
    rng = random.Random(seed)
    own = Layer("client", random_values(rng), random_words(rng))
    wanted = effective([*random_stack(rng), own])
    below = random_stack(rng)

    said, missed = reaching.reach(wanted, base=as_said(own), below=below, keys=KEYS)

    assert missed == []
    assert content_sha256(effective([*below, own_layer(said)])) == content_sha256(wanted)


@pytest.mark.parametrize("seed", range(40))
def test_where_nothing_below_changed_the_client_says_word_for_word_what_it_said(seed):
    rng = random.Random(seed)
    own, below = Layer("client", random_values(rng), random_words(rng)), random_stack(rng)

    said, missed = reaching.reach(effective([*below, own]), base=as_said(own), below=below, keys=KEYS)

    assert (said, missed) == (as_said(own), [])


@pytest.mark.parametrize("seed", range(80))
def test_with_locks_what_cannot_be_reached_is_named_and_the_rest_is_reached(seed):
    rng = random.Random(seed)
    own = Layer("client", random_values(rng), random_words(rng))
    wanted = effective([*random_stack(rng), own])
    locks = frozenset(key.path for key in KEYS if rng.random() < 0.5)
    below = [Layer("agency", random_values(rng), locks=locks)]

    said, missed = reaching.reach(wanted, base=as_said(own), below=below, keys=KEYS)

    now = effective([*below, own_layer(said)])
    blank = ("", [], {}, None)
    both = [(key.path, at(now, key.path), at(wanted, key.path)) for key in KEYS]
    differ = [path for path, here, there in both if here != there and not (here in blank and there in blank)]
    assert differ == missed
    assert set(missed) <= locks


def reach_one(path, wanted, *below, base=None, locks=()):
    key = KEY[path]
    layers = [Layer(name, {path: said}, locks=frozenset(locks)) for name, said in zip(BELOW, below, strict=False)]
    document = merge([Layer("client", {path: wanted})], industry="", client_name="", keys=(key,)).document
    return reaching.reach(document, base={} if base is None else {path: base}, below=layers, keys=(key,))


def test_what_is_inherited_as_it_was_is_not_said_again():
    assert reach_one("text", "alpha", "alpha").said == {}


def test_an_entry_that_came_since_is_taken_out_and_those_that_stayed_are_kept():
    assert reach_one("words", ["alpha", "gamma"], ["alpha", "beta"]).said == {
        "words": {"$remove": ["beta"], "$add": ["gamma"]}
    }


def test_a_locked_value_stays_and_is_named():
    said, missed = reach_one("text", "alpha", "beta", locks=["text"])

    assert (said, missed) == ({}, ["text"])


def test_a_layer_that_leaves_out_what_is_inherited_takes_back_the_words_below_it_and_none_above_it():
    layers = [
        Layer(
            "agency", {}, {"email_agent": [Override("add", "Be brief.")], "persona_agent": [Override("add", "Why?")]}
        ),
        Layer("client", {}, {"email_agent": [Override("unset", ""), Override("prepend", "Greet.")]}),
        Layer("campaign", {}, {"email_agent": [Override("add", "Ask.")]}),
    ]

    told = effective(layers)["prompt_overrides"]

    assert [(word["text"], word["layer"]) for word in told["email_agent"]] == [
        ("Greet.", "client"),
        ("Ask.", "campaign"),
    ]
    assert [word["text"] for word in told["persona_agent"]] == ["Why?"]


# --- with rows


@pytest.mark.django_db
def test_an_empty_word_that_leaves_out_what_is_inherited_goes_through_a_document_and_comes_back():
    make_industry()
    document = {"industry": "fintech", "prompt_overrides": {"email_agent": [{"mode": "unset"}, "Be brief."]}}

    acme = config.create_client(document, slug="acme", name="Acme", by=make_user(), at=AT)

    exported = config.export(Client.objects.get(pk=acme.pk))
    assert exported["prompt_overrides"]["email_agent"] == [
        {"mode": "unset", "text": ""}, {"mode": "add", "text": "Be brief."},
    ]  # fmt: skip
    assert config.apply(exported, client=acme, by=None, reason="", at=AT) == []


@pytest.mark.django_db
def test_settings_come_back_although_the_template_the_agency_and_the_client_changed_since():
    fintech = make_industry()
    make_template("industry", "retail", tone="casual")
    agency, _ = AgencySettings.objects.update_or_create(defaults={"settings": {"custom_fields.avoid_terms": ["cheap"]}})
    acme = config.create_client(
        {"industry": "fintech", "company_size": "501+"}, slug="acme", name="Acme", by=None, at=AT
    )
    then, version = config.effective(acme).document, config.newest_version(acme)
    fintech.settings |= {"tone": "direct", "prompt_overrides.email_agent": [{"mode": "add", "text": "Name figures."}]}
    fintech.save()
    agency.settings = {"custom_fields.avoid_terms": ["cheap", "synergy"], "custom_fields.offer": "Audits."}
    agency.save()
    config.apply({"industry": "retail", "tone": "casual"}, client=acme, by=None, reason="", at=AT)

    missed = config.bring_back(acme, then, version, config.Author(None, "Back to deployment 1", AT))

    acme = Client.objects.get(pk=acme.pk)
    assert missed == []
    assert content_sha256(config.effective(acme).document) == content_sha256(then)
    assert (acme.industry, acme.company_size) == (fintech, "501+")
    assert acme.settings["custom_fields.avoid_terms"] == {"$remove": ["synergy"]}
    assert acme.settings["custom_fields.offer"] == {"$unset": True}
    newest = config.newest_version(acme)
    assert (newest.number, newest.reason) == (3, "Back to deployment 1")


@pytest.mark.django_db
def test_what_is_locked_gone_or_renamed_since_is_said_in_words():
    fintech = make_industry(tone="formal")
    acme = config.create_client({"industry": "fintech"}, slug="acme", name="Acme", by=None, at=AT)
    then = config.effective(acme).document
    then["custom_fields"]["motto"] = "Onward"
    version = config.newest_version(acme)
    SettingsTemplate.objects.filter(pk=fintech.pk).update(settings={"tone": "direct"}, locks=["tone"])
    acme.name = "Acme Pay"

    missed = config.bring_back(acme, then, version, config.Author(None, "Back", AT))

    assert missed == [
        "Tone stays “Direct” and was “Formal”: a layer below locks it.",
        "The setting motto exists no more.",
        "The client was called Acme then. A name is not part of a deployment, so it stays Acme Pay.",
    ]


@pytest.mark.django_db
def test_the_page_of_a_client_leaves_out_what_is_inherited_and_keeps_what_stands_beside_it(client):
    client.force_login(make_user_of("operator"))
    fintech = make_industry()
    SettingsTemplate.objects.filter(pk=fintech.pk).update(
        settings={"prompt_overrides.email_agent": [{"mode": "add", "text": "Name figures."}]}
    )
    acme = config.create_client({"industry": "fintech"}, slug="acme", name="Acme", by=None, at=AT)
    left_out = {"words__email_agent__0__mode": "unset", "words__email_agent__0__text": "Be brief."}

    answer = client.post(page("change", "client", acme.pk), whole_form(acme, **left_out))
    acme = Client.objects.get(pk=acme.pk)
    again = client.get(page("change", "client", acme.pk)).context["adminform"].form.initial

    assert answer.status_code == 302
    told = config.effective(acme).document["prompt_overrides"]["email_agent"]
    assert told == [{"mode": "add", "text": "Be brief.", "layer": "client"}]
    assert [again[f"words__email_agent__{number}__mode"] for number in (0, 1)] == ["unset", "add"]


@pytest.mark.django_db
def test_what_would_be_more_than_a_layer_may_say_comes_back_as_the_own_words_of_then():
    make_industry()
    path = "prompt_overrides.email_agent"
    agency, _ = AgencySettings.objects.update_or_create(
        defaults={"settings": {path: [{"mode": "add", "text": f"Word {n}."} for n in range(9)]}}
    )
    own = [f"Own {n}." for n in range(6)]
    acme = config.create_client(
        {"industry": "fintech", "tone": "formal", "prompt_overrides": {"email_agent": own}},
        slug="acme", name="Acme", by=None, at=AT,
    )  # fmt: skip
    then, version = config.effective(acme).document, config.newest_version(acme)
    agency.settings = {path: [{"mode": "add", "text": "Other."}]}
    agency.save()
    config.apply({"industry": "fintech", "tone": "direct"}, client=acme, by=None, reason="", at=AT)

    missed = config.bring_back(acme, then, version, config.Author(None, "Back", AT))

    acme = Client.objects.get(pk=acme.pk)
    assert missed == [
        "What we say to the e-mail agent cannot be quite as it was, now that a layer below says something else. "
        "There are more than 12 entries. The client's own words of then are there."
    ]
    assert ([word["text"] for word in acme.settings[path]], acme.settings["tone"]) == (own, "formal")
    assert config.apply(config.export(acme), client=acme, by=None, reason="", at=AT) == []
