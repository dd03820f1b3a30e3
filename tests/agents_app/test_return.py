"""One press, and a client runs on an earlier deployment again; what cannot come back is said."""

import random

import pytest
from django.db import DatabaseError

from agents_app import deployments, versions
from agents_app.models import ClientPrompt, Deployment
from clients import config
from clients.models import AgencySettings, AgentKey, Client, ConfigVersion, Connection, SettingsTemplate
from experiments import lifecycle
from experiments.models import Experiment
from gtm import standing
from tests.factories import (
    AT,
    make_client,
    make_connected_client,
    make_connection,
    make_experiment,
    make_prompt,
    make_template,
    make_user,
)  # fmt: skip

pytestmark = pytest.mark.django_db
AGENT = AgentKey.EMAIL


@pytest.fixture
def acme():
    return make_connected_client()


@pytest.fixture
def ann(db):
    return make_user("ann")


def keep(client):
    return Deployment.objects.get(pk=standing.keep(client.pk, at=AT).pk)


def now(client):
    """What the client would run on, read anew."""
    return standing.now(deployments.read(client.pk))


def change_settings(client, **said):
    config.apply({"industry": "fintech", **said}, client=Client.objects.get(pk=client.pk), by=None, reason="", at=AT)


def test_everything_comes_back_and_the_new_deployment_says_so(acme, ann):
    then = keep(acme)
    change_settings(acme, tone="direct")
    versions.go_live(make_prompt(AGENT, 7, label="retired"), by=None, at=AT)
    acme.connections.update(mode="live")
    keep(acme)

    returned = standing.return_to(then, by=ann, at=AT)

    state = now(acme)
    assert state.config_sha256 == then.config_sha256
    assert (state.prompts, state.connections) == (then.prompts, then.connections)
    assert returned.missed == []
    assert returned.came_back == [
        "Settings v2 become v3: Tone", "E-mail prompt: v7 becomes v1", "HubSpot: Live becomes Sandbox",
    ]  # fmt: skip
    newest = Deployment.objects.get(number=3)
    assert newest == returned.deployment
    assert (newest.author, newest.cause) == (ann, "; ".join(["Back to deployment 1", *returned.came_back]))
    version = config.newest_version(acme)
    assert (version.reason, version.author) == ("Back to deployment 1", ann)


def test_the_way_back_from_a_return_is_a_return(acme, ann):
    first = keep(acme)
    change_settings(acme, tone="direct")
    acme.connections.update(mode="live")

    standing.return_to(first, by=ann, at=AT)
    second = Deployment.objects.get(number=2)
    standing.return_to(second, by=ann, at=AT)

    state = now(acme)
    assert (state.config_sha256, state.connections) == (second.config_sha256, second.connections)
    assert [each.number for each in Deployment.objects.order_by("number")] == [1, 2, 3, 4]


def test_a_version_is_pinned_where_another_is_live_and_follows_again_where_it_is_live(acme, ann):
    old = versions.live()[AGENT]
    with_old = keep(acme)
    new = versions.go_live(make_prompt(AGENT, 7, label="retired"), by=None, at=AT)
    with_new = keep(acme)

    standing.return_to(with_old, by=ann, at=AT)
    pins = [(pin.version, pin.reason) for pin in ClientPrompt.objects.all()]
    standing.return_to(with_new, by=ann, at=AT)

    assert pins == [(old, "Back to deployment 1")]
    assert not ClientPrompt.objects.exists()
    assert versions.live(acme)[AGENT] == new


def test_experiments_that_did_not_run_then_are_stopped_and_those_that_ended_are_named(acme, ann):
    control = versions.live()[AGENT]
    old = make_experiment(acme, name="Old", control=control, challenger=make_prompt(AGENT, 8))
    then = keep(acme)
    lifecycle.stop(old, by=None, at=AT)
    new = make_experiment(acme, name="New", control=control, challenger=make_prompt(AGENT, 9))

    returned = standing.return_to(then, by=ann, at=AT)

    assert Experiment.objects.get(pk=new.pk).status == "stopped"
    assert Experiment.objects.get(pk=old.pk).status == "stopped"
    assert returned.missed == [
        "The experiment “Old” has ended, and cannot be started again. Plan a new one if it is wanted."
    ]
    assert "Experiment “New” ended" in returned.came_back


def test_an_experiment_that_ran_then_and_still_runs_goes_on_and_another_clients_too(acme, ann):
    control = versions.live()[AGENT]
    going_on = make_experiment(acme, control=control, challenger=make_prompt(AGENT, 8))
    theirs = make_experiment(control=control, challenger=make_prompt(AGENT, 9))
    then = keep(acme)
    change_settings(acme, tone="direct")

    returned = standing.return_to(then, by=ann, at=AT)

    assert {Experiment.objects.get(pk=each.pk).status for each in (going_on, theirs)} == {"running"}
    assert returned.missed == []


def test_a_connection_made_since_is_switched_off_and_one_deleted_since_is_named(acme, ann):
    press = make_connection(acme, Connection.Party.NEWSAPI, name="Press")
    then = keep(acme)
    press.delete()
    newer = make_connection(acme, Connection.Party.SALESFORCE, name="Salesforce")

    returned = standing.return_to(then, by=ann, at=AT)

    newer.refresh_from_db()
    assert not newer.is_active
    assert newer.history.latest("history_id").history_user == ann
    assert returned.missed == ["The connection Press (NewsAPI) was deleted since. Make it again, with its credential."]


def test_a_credential_that_changed_stays_and_is_named(acme, ann):
    then = keep(acme)
    acme.connections.update(credential=b"another", mode="live")

    returned = standing.return_to(then, by=ann, at=AT)

    connection = acme.connections.get()
    assert (bytes(connection.credential), connection.mode) == (b"another", "sandbox")
    assert returned.missed == [
        "HubSpot: its credential or key is another by now, and stays. Enter the old one if wanted."
    ]


def test_a_value_locked_since_stays_and_is_named_and_the_rest_comes_back(acme, ann):
    then = keep(acme)
    change_settings(acme, tone="casual", custom_fields={"offer": "Audits."})
    SettingsTemplate.objects.filter(key="fintech", kind="industry").update(settings={"tone": "direct"}, locks=["tone"])

    returned = standing.return_to(then, by=ann, at=AT)

    document = now(acme).config
    assert (document["tone"], document["custom_fields"]["offer"]) == ("direct", then.config["custom_fields"]["offer"])
    assert "Tone stays “Direct” and was “Formal”: a layer below locks it." in returned.missed


def test_returning_to_what_holds_changes_nothing(acme, ann):
    then = keep(acme)

    returned = standing.return_to(then, by=ann, at=AT)

    assert (returned.deployment, returned.came_back, returned.missed) == (then, [], [])
    assert ConfigVersion.objects.filter(client=acme).count() == 1
    assert Deployment.objects.count() == 1


def test_a_return_that_breaks_off_leaves_everything_as_it_was(acme, ann, monkeypatch):
    then = keep(acme)
    change_settings(acme, tone="direct")
    acme.connections.update(mode="live")
    before = now(acme)

    def fail(*_, **__):
        raise DatabaseError("The database went away.")

    monkeypatch.setattr(versions, "in_use", fail)
    with pytest.raises(DatabaseError):
        standing.return_to(then, by=ann, at=AT)
    monkeypatch.undo()

    assert now(acme) == before
    assert Deployment.objects.count() == 1


TONES, TERMS = ["formal", "friendly", "direct"], ["cheap", "synergy", "leverage", "Cheap"]


def random_said(rng):
    """What a layer says of a few settings of several kinds."""
    offered = {
        "tone": lambda: rng.choice(TONES),
        "custom_fields.offer": lambda: rng.choice(["Audits.", "Evidence.", {"$unset": True}]),
        "custom_fields.avoid_terms": lambda: rng.choice(
            [rng.sample(TERMS, 2), {"$remove": [rng.choice(TERMS)]}, {"$remove": ["cheap"], "$add": ["new"]}]
        ),
        "custom_fields.max_words": lambda: rng.choice([80, 120]),
        "enabled_agents": lambda: rng.sample(list(AgentKey.values), 3),
        "confidence_floor": lambda: rng.choice([0.2, 0.5]),
        "prompt_overrides.email_agent": lambda: [{"mode": rng.choice(["add", "prepend"]), "text": rng.choice("abc")}],
    }
    return {path: make() for path, make in offered.items() if rng.random() < 0.5}


def change_something(rng, client):
    row = rng.choice(
        [
            AgencySettings.objects.get(),
            *SettingsTemplate.objects.filter(key__in=["fintech", "retail", "outbound"]),
            client,
        ]
    )
    row = type(row).objects.get(pk=row.pk)
    config.put(row, random_said(rng), config.Author(None, "", AT))
    if isinstance(row, Client):
        row.industry = SettingsTemplate.objects.get(kind="industry", key=rng.choice(["fintech", "retail"]))
    config.save(row, config.Author(None, "", AT))


@pytest.mark.parametrize("seed", range(25))
def test_after_any_history_of_all_layers_the_same_settings_hold_as_then(acme, ann, seed):
    rng = random.Random(seed)
    make_template("industry", "retail")
    make_template("motion", "outbound")
    kept = []
    for _ in range(6):
        change_something(rng, acme)
        kept.append(keep(acme))

    for wanted in rng.sample(kept, 4):
        returned = standing.return_to(wanted, by=ann, at=AT)

        assert returned.missed == []
        assert now(acme).config_sha256 == wanted.config_sha256
        assert returned.deployment.config_sha256 == wanted.config_sha256


def test_returning_one_client_leaves_the_others(acme, ann):
    other = make_client("other", tone="casual")
    make_connection(other, mode="live")
    theirs, then = now(other), keep(acme)
    change_settings(acme, tone="direct")

    standing.return_to(then, by=ann, at=AT)

    assert now(other) == theirs
