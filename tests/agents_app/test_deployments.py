"""What a client runs on is one thing with a number: kept when a part of it changes, and carried by every run."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from agents_app import deployments, versions
from agents_app.models import Deployment, FlowRun
from clients import config, connections
from clients.models import AgencySettings, AgentKey, Client, ConfigVersion, Connection
from experiments import lifecycle
from gtm import caretaking, loop, standing
from gtm.records import RecordChanged
from tests.factories import (
    AT,
    make_client,
    make_connection,
    make_contact,
    make_experiment,
    make_industry,
    make_prompt,
    make_request,
    make_user,
)  # fmt: skip

pytestmark = pytest.mark.django_db
LATER = AT + timedelta(days=1)
AGENT = AgentKey.EMAIL


@pytest.fixture
def acme():
    """A client with a version of its settings and a CRM."""
    make_industry()
    client = config.create_client({"industry": "fintech", "tone": "formal"}, slug="acme", name="Acme", by=None, at=AT)
    make_connection(client, name="HubSpot")
    return client


def plan(client):
    return loop.plan_run(make_request(make_contact(client)).pk, at=AT)


def change_settings(client, *, by=None, **said):
    document = {"industry": "fintech", "tone": "formal", **said}
    config.apply(document, client=Client.objects.get(pk=client.pk), by=by, reason="", at=LATER)


def sweep():
    caretaking.sweep()


def kept(client):
    return [(each.number, each.cause) for each in Deployment.objects.filter(client=client).order_by("number")]


def test_every_run_carries_the_tag_of_what_its_client_ran_on(acme):
    first = plan(acme)
    change_settings(acme, tone="direct")
    second = plan(acme)

    tags = [FlowRun.objects.get(pk=run.pk).deployment.tag for run in (first, second)]
    assert tags == ["acme@1", "acme@2"]
    assert [run.config_version for run in (first, second)] == [1, 2]
    assert second.deployment.config == second.config
    assert second.deployment.prompts[AGENT] == second.prompts.get(agent=AGENT).version_id


def test_planning_again_on_the_same_keeps_nothing_new(acme):
    runs = [plan(acme) for _ in range(3)]

    assert {run.deployment_id for run in runs} == {Deployment.objects.get().pk}


def test_the_tag_costs_a_plan_two_statements_one_of_which_it_needed_before(acme, django_assert_num_queries):
    plan(acme)
    request = make_request(make_contact(acme))

    with django_assert_num_queries(1):
        deployments.newest(acme.pk)
    with django_assert_num_queries(1):
        deployments.read(acme.pk)
    with django_assert_num_queries(21):  # a tag, and the client with its parts, in place of the client's version
        loop.plan_run(request.pk, at=AT)


def agency_says(offer):
    agency = AgencySettings.objects.get()
    agency.settings["custom_fields.offer"] = offer
    agency.save()


def live_elsewhere(client):
    versions.go_live(make_prompt(AGENT, 7, label="retired"), by=None, at=LATER)


def pin_another(client):
    versions.pin(client, make_prompt(AGENT, 7, label="retired"), by=None, at=LATER)


def start_experiment(client):
    versions.live(at=AT)
    make_experiment(client, name="Question", control=make_prompt(AGENT, 7), challenger=make_prompt(AGENT, 8))


def go_live(client):
    client.connections.update(mode="live")


def switch_off(client):
    client.connections.update(is_active=False)


def connect(client):
    make_connection(client, Connection.Party.NEWSAPI, name="Press", mode="live")


def new_key(client):
    connections.rotate_key(client.connections.get())


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda client: change_settings(client, tone="direct"), "Settings v1 become v2: Tone"),
        (
            lambda client: change_settings(client, custom_fields={"max_words": 130}),
            "Settings v1 become v2, and the same holds as before",
        ),
        (
            lambda _: agency_says(offer="Audits."),
            "What is inherited: Offer",
        ),
        (lambda client: Client.objects.update(name="Acme Pay"), "The client's name: Acme becomes Acme Pay"),
        (live_elsewhere, "E-mail prompt: v1 becomes v7"),
        (pin_another, "E-mail prompt: v1 becomes v7"),
        (start_experiment, "Experiment “Question” began"),
        (go_live, "HubSpot: Sandbox becomes Live"),
        (switch_off, "HubSpot: Sandbox becomes Sandbox, switched off"),
        (connect, "Press (NewsAPI): not there becomes Live"),
    ],
)
def test_a_change_of_any_part_makes_the_next_number_and_says_what_changed(acme, change, cause):
    sweep()

    change(acme)
    sweep()
    sweep()

    assert kept(acme) == [(1, "The first one"), (2, cause)]


def test_a_credential_or_key_that_changed_shows_and_is_not_told(acme):
    connection, key = connections.create(
        acme, party="hubspot", name="CRM", mode="live", credential="s3cret-token", at=AT
    )
    sweep()
    connections.rotate_key(connection)
    sweep()

    first, second = Deployment.objects.order_by("number")
    assert second.cause.startswith("CRM (HubSpot): Live, credential or key ")
    whole = repr([vars(first), vars(second)])
    stored = Connection.objects.get(pk=connection.pk)
    for secret in ("s3cret-token", key, stored.endpoint_key_sha256, bytes(stored.credential).decode()):
        assert secret not in whole


def test_names_and_what_is_switched_off_make_no_number(acme):
    off = make_connection(acme, Connection.Party.NEWSAPI, is_active=False)
    sweep()

    acme.connections.filter(name="HubSpot").update(name="HubSpot EU")
    off.mode = "live"
    off.save()
    sweep()

    assert kept(acme) == [(1, "The first one")]


def test_several_changes_since_the_last_one_stand_together(acme):
    sweep()
    change_settings(acme, tone="direct")
    go_live(acme)

    sweep()

    assert kept(acme)[-1] == (2, "Settings v1 become v2: Tone; HubSpot: Sandbox becomes Live")


def test_who_made_every_change_is_named_and_of_several_nobody(acme):
    ann, tom = make_user("ann"), make_user("tom")
    versions.live(at=AT)
    sweep()

    change_settings(acme, tone="direct", by=ann)
    sweep()
    change_settings(acme, tone="casual", by=tom)
    versions.pin(acme, make_prompt(AGENT, 7, label="retired"), by=ann, at=LATER)
    sweep()
    versions.unpin(acme, AGENT, by=tom, at=LATER)
    sweep()

    authors = [each.author for each in Deployment.objects.order_by("number")]
    assert authors == [None, ann, None, tom]


def test_an_experiment_that_ended_shows_as_well(acme):
    start_experiment(acme)
    sweep()
    lifecycle.stop(acme_experiment(), by=None, at=LATER)

    sweep()

    assert kept(acme)[-1] == (2, "Experiment “Question” ended")


def acme_experiment():
    from experiments.models import Experiment

    return Experiment.objects.get()


def test_one_sweep_looks_at_all_clients_with_few_statements(acme, django_assert_num_queries):
    for _ in range(9):
        make_connection(make_client())
    sweep()

    from experiments import assign

    with django_assert_num_queries(6):
        found = deployments.changed(assign.rollouts_by_client(), most=5)

    assert found == []
    assert Deployment.objects.count() == 10


def test_no_more_clients_are_kept_at_once_than_is_said(acme):
    for _ in range(3):
        make_client()

    from experiments import assign

    assert len(deployments.changed(assign.rollouts_by_client(), most=2)) == 2


def test_a_deployment_never_changes(acme):
    sweep()
    deployment = Deployment.objects.get()
    deployment.cause = "Nothing"

    with pytest.raises(RecordChanged):
        deployment.save()
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        Deployment.objects.update(prompts={})


@pytest.mark.django_db(transaction=True)
def test_two_planners_at_once_keep_one_deployment():
    make_industry()
    acme = make_client("acme")
    versions.live(at=AT)
    requests = [make_request(make_contact(acme)).pk for _ in range(8)]

    def plan_one(request):
        try:
            return loop.plan_run(request, at=AT).deployment_id
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(plan_one, requests))

    assert found == {Deployment.objects.get().pk}


def test_who_read_before_somebody_else_kept_finds_that_one(acme):
    before, client = deployments.newest(acme.pk), deployments.read(acme.pk)
    state = standing.now(client)
    theirs = standing.keep(acme.pk, at=AT)

    ours = deployments.keep(client, state, before=before, at=AT)

    assert ours == theirs
    assert Deployment.objects.count() == 1


def test_the_version_of_the_settings_on_a_run_is_that_of_its_deployment(acme):
    ConfigVersion.objects.filter(client=acme).first()
    run = plan(acme)

    assert run.config_version == run.deployment.config_version.number == 1
