"""Settings as other programs read and change them."""

import json

import pytest
from django.urls import reverse
from jsonschema import Draft202012Validator

from clients import config
from clients.keys import BUILT_IN
from clients.models import Client, ConfigKey, ConfigVersion
from tests.crowd import make_user_of
from tests.factories import AT, make_client

pytestmark = pytest.mark.django_db

DOCUMENT = {"industry": "fintech", "tone": "formal", "custom_fields": {"avoid_terms": ["cheap"]}}


@pytest.fixture
def acme():
    return config.create_client(DOCUMENT, slug="acme", name="Acme", by=None, at=AT)


@pytest.fixture
def manager(client, acme):
    user = make_user_of("manager")
    acme.managers.add(user)
    client.force_login(user)
    return client


def put(browser, document, **rest):
    body = {"document": document, "version": 1, **rest}
    return browser.put("/api/clients/acme/settings", json.dumps(body), content_type="application/json")


def test_every_key_is_told_with_its_bounds_and_how_layers_come_together(manager):
    ConfigKey.objects.create(name="region", label="Region", kind="text", longest=40, sensitive=True)

    told = {row["path"]: row for row in manager.get("/api/settings/keys").json()}

    assert list(told) == [*(key.path for key in BUILT_IN), "custom_fields.region"]
    assert told["custom_fields.max_words"] == {
        "path": "custom_fields.max_words",
        "label": "Longest e-mail",
        "group": "How we write",
        "kind": "Whole number",
        "help": "40 to 400 words.",
        "choices": {},
        "bounds": "40 to 400, words",
        "default": "150 words",
        "layers": "The last layer's value counts",
        "lock": "Locked, it may only go down",
        "told": [],
        "is_secret": False,
        "example": 40,
    }
    assert told["custom_fields.avoid_terms"]["bounds"] == "At most 100 entries, each up to 60 characters"
    assert (told["custom_fields.region"]["is_secret"], told["custom_fields.region"]["example"]) == (True, None)


def test_each_example_and_each_export_fits_the_schema_and_a_misspelt_key_does_not(manager, acme):
    schema = Draft202012Validator(manager.get("/api/settings/schema").json())
    examples = {row["path"]: row["example"] for row in manager.get("/api/settings/keys").json()}

    assert schema.is_valid(config.export(acme))
    assert schema.is_valid(config.nested({"industry": "fintech", **examples}))
    assert schema.is_valid({"industry": "fintech", "tone": {"$unset": True}})
    for word in ("Be kind.", {"mode": "unset"}, [{"mode": "unset"}, "Be kind."]):
        said = {"industry": "fintech", "prompt_overrides": {"email_agent": word}}
        assert schema.is_valid(said)
        config.parse(said)
    assert not schema.is_valid({"industry": "fintech", "tonne": "formal"})


def test_the_settings_in_force_come_with_the_layer_of_each_value(manager, acme):
    told = manager.get("/api/clients/acme/settings").json()

    effective = config.effective(acme)
    assert (told["version"], told["document"]) == (1, DOCUMENT)
    assert (told["in_force"], told["sha256"]) == (effective.document, effective.sha256)
    assert told["origins"].keys() == effective.origins.keys()
    assert told["origins"]["tone"]["sources"] == ["client"]
    assert {"layer": "client", "value": "formal", "effect": "set"} in told["origins"]["tone"]["said"]


def test_a_document_is_tried_first_then_put_with_its_reason(manager):
    wanted = {**DOCUMENT, "tone": "direct"}

    tried = put(manager, wanted, is_trial=True)
    assert tried.json() == {"version": 1, "changes": [{"path": "tone", "before": "formal", "after": "direct"}]}
    assert ConfigVersion.objects.count() == 1

    assert put(manager, wanted, reason="They asked for it").json()["version"] == 2
    assert (Client.objects.get().settings["tone"], ConfigVersion.objects.get(number=2).reason) == (
        "direct",
        "They asked for it",
    )


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"version": 0}, 409, "The settings are at version 1 now, not 0. Read them and try again."),
        ({"document": {"industry": "fintech", "tonne": "x"}}, 422, "This setting is not known."),
        ({"document": {"industry": "fintech"}, "reason": " "}, 422, "This client is active."),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(manager, change, status, said):
    Client.objects.update(status="active")

    answer = put(manager, **{"document": DOCUMENT, "reason": "Why not", **change})

    assert (answer.status_code, answer.json()["message"]) == (status, said)
    assert ConfigVersion.objects.count() == 1
    assert Client.objects.get().settings == {"tone": "formal", "custom_fields.avoid_terms": ["cheap"]}


def test_every_problem_of_a_document_is_named(manager):
    answer = put(manager, {"industry": "fintech", "tone": "rude", "tonne": "x"})

    problems = {each["field"]: each["hint"] for each in answer.json()["problems"]}
    assert problems.keys() == {"tone", "tonne"}
    assert problems["tonne"] == "Did you mean tone?"


def test_strangers_and_those_who_may_only_look_change_nothing(client, acme):
    assert client.get("/api/clients/acme/settings").status_code == 401

    client.force_login(make_user_of("viewer"))
    assert client.get("/api/clients/acme/settings").status_code == 200
    assert put(client, {**DOCUMENT, "tone": "direct"}).status_code == 403

    make_client("other")
    client.force_login(make_user_of("manager"))
    assert client.get("/api/clients/acme/settings").status_code == 404
    assert put(client, {**DOCUMENT, "tone": "direct"}).status_code == 404
    assert Client.objects.get(slug="acme").settings["tone"] == "formal"


def test_the_page_of_all_settings_names_each_with_its_place_in_documents(manager):
    page = manager.get(reverse("setting_keys")).content.decode()

    assert all(f"<code>{key.path}</code>" in page and key.label.replace("'", "&#x27;") in page for key in BUILT_IN)
