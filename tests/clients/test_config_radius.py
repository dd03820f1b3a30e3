"""Whom a change of a template or of the agency's settings reaches, before it is saved."""

import copy
import random
import re

import pytest
from django.urls import reverse

from clients import config
from clients.config import proposing, radius
from clients.config.layers import REMOVE, UNSET
from clients.keys import BUILT_IN
from clients.models import AgencySettings, Client, SettingsTemplate
from experiments import lifecycle
from tests.clients.test_config_layers import random_value
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_experiment, make_industry, make_template, make_user

pytestmark = pytest.mark.django_db


def edited(template, **changes):
    row = copy.copy(template)
    row.settings = {**template.settings, **changes}
    return row


def everyone():
    return Client.objects.select_related("industry").order_by("name")


def test_only_clients_whose_settings_in_force_change_are_reached_and_how_is_told():
    fintech = make_industry("ledgers", settings={"tone": "formal"})
    make_client("inherits", industry=fintech)
    make_client("has-its-own", industry=fintech, tone="casual")
    make_client("elsewhere", industry=make_industry("shops"))

    found = radius.reached(config.stand(), edited(fintech, tone="direct"), everyone())

    assert [str(each) for each in found] == ["Inherits: Tone: Formal becomes Direct."]


def test_who_inherits_and_is_not_changed_is_told_with_the_reason():
    fintech = make_industry("ledgers", settings={"tone": "formal"})
    make_client("inherits", industry=fintech)
    make_client("has-its-own", industry=fintech, tone="casual")
    make_client("is-tiny", industry=fintech, company_size="1-50")
    SettingsTemplate.objects.filter(key="1-50").update(settings={"tone": "direct"})
    make_client("elsewhere", industry=make_industry("shops"), tone="casual")

    found = radius.spared(config.stand(), edited(fintech, tone="friendly"), everyone())

    assert [str(each) for each in found] == [
        "Has Its Own keeps its tone, Casual: its own settings say so.",
        "Is Tiny keeps its tone, Direct: the 1 to 50 people size template says so.",
    ]


def test_what_a_lock_keeps_from_holding_is_told_with_the_lock():
    AgencySettings.objects.update(settings={"tone": "formal"}, locks=["tone"])
    fintech = make_industry("ledgers")
    make_client("acme", industry=fintech)

    found = radius.spared(config.stand(), edited(fintech, tone="casual"), everyone())

    assert [str(each) for each in found] == ["Acme keeps its tone, Formal: Agency locked it."]


def test_nobody_is_called_spared_by_what_did_not_change_or_by_a_list_that_takes_part():
    fintech = make_industry("ledgers", settings={"tone": "formal"})
    make_client("acme", industry=fintech, tone="casual", avoid_terms=["cheap"])

    found = radius.spared(config.stand(), edited(fintech, **{"custom_fields.avoid_terms": ["bold"]}), everyone())

    assert found == []


def test_what_is_foretold_equals_what_every_client_has_after_the_save():
    rng = random.Random(4)
    templates = [make_template(kind, f"{kind}-{n}") for kind in ("industry",) for n in range(4)]
    templates[1].parent = templates[0]
    templates[1].save()
    for number in range(12):
        own = {key.path: random_value(rng, key) for key in BUILT_IN if rng.random() < 0.2}
        make_client(f"client-{number}", industry=rng.choice(templates), settings=own)
    for _ in range(25):
        row = rng.choice([*templates, AgencySettings.objects.get()])
        row = type(row).objects.get(pk=row.pk)
        before = {client.pk: config.effective(client).document for client in everyone()}
        row.settings = {key.path: random_word(rng, key) for key in BUILT_IN if rng.random() < 0.3}
        row.locks = [key.path for key in BUILT_IN if rng.random() < 0.1]

        foretold = {each.client.pk for each in radius.reached(config.stand(), row, everyone())}
        row.save()

        after = {client.pk: config.effective(client).document for client in everyone()}
        assert foretold == {pk for pk in before if before[pk] != after[pk]}


def random_word(rng, key):
    if rng.random() < 0.1:
        return {UNSET: True}
    if key.is_list and rng.random() < 0.2:
        return {REMOVE: ["alpha", "mon"]}
    return random_value(rng, key)


def form_of(template, **typed):
    basis = {"kind": template.kind, "key": template.key, "name": template.name, "parent": ""}
    fields = {key.name: key.field for key in BUILT_IN}
    return basis | {fields.get(name, name): value for name, value in typed.items()}


def test_saving_a_template_first_shows_whom_it_changes_and_saves_when_it_is_pressed_again(client):
    client.force_login(make_user_of("operator"))
    ledgers = make_industry("ledgers", settings={"tone": "formal"})
    make_client("acme", industry=ledgers)
    address = reverse("admin:clients_settingstemplate_change", args=[ledgers.pk])

    first = client.post(address, form_of(ledgers, tone="direct")).content.decode()
    before = SettingsTemplate.objects.get(pk=ledgers.pk).settings
    mark = re.search(r'name="heeded" value="([^"]+)"', first)[1]
    second = client.post(address, form_of(ledgers, tone="direct", heeded=mark))

    assert "This changes the settings of 1 client." in first
    assert "Acme: Tone: Formal becomes Direct." in first
    assert (before, second.status_code) == ({"tone": "formal"}, 302)
    assert SettingsTemplate.objects.get(pk=ledgers.pk).settings == {"tone": "direct"}


def test_what_was_confirmed_is_what_is_saved_and_nothing_else(client):
    client.force_login(make_user_of("operator"))
    ledgers = make_industry("ledgers", settings={"tone": "formal"})
    make_client("acme", industry=ledgers)
    address = reverse("admin:clients_settingstemplate_change", args=[ledgers.pk])
    first = client.post(address, form_of(ledgers, tone="direct")).content.decode()
    mark = re.search(r'name="heeded" value="([^"]+)"', first)[1]

    again = client.post(address, form_of(ledgers, tone="casual", heeded=mark)).content.decode()

    assert "Acme: Tone: Formal becomes Casual." in again
    assert SettingsTemplate.objects.get(pk=ledgers.pk).settings == {"tone": "formal"}


def test_a_template_that_changes_nobody_is_saved_at_once(client):
    client.force_login(make_user_of("operator"))
    ledgers = make_industry("ledgers")
    make_client("acme", industry=ledgers, tone="formal")

    answer = client.post(
        reverse("admin:clients_settingstemplate_change", args=[ledgers.pk]),
        form_of(ledgers, tone="direct"),
        follow=True,
    )

    assert "No client changes by it. Acme keeps its tone, Formal: its own settings say so." in answer.content.decode()
    assert SettingsTemplate.objects.get(pk=ledgers.pk).settings == {"tone": "direct"}


def test_a_template_cannot_inherit_from_itself_or_from_another_kind(client):
    client.force_login(make_user_of("operator"))
    parent, child = make_industry("parent"), make_industry("child", parent=make_industry("parent"))
    size = make_template("size", "tiny")

    circle = client.post(
        reverse("admin:clients_settingstemplate_change", args=[parent.pk]), form_of(parent, parent=child.pk)
    ).content.decode()
    other = client.post(
        reverse("admin:clients_settingstemplate_change", args=[child.pk]), form_of(child, parent=size.pk)
    ).content.decode()

    assert "Child inherits from this template already. Choose another one, or none." in circle
    assert "A template inherits from one of its own kind only." in other
    assert SettingsTemplate.objects.get(pk=parent.pk).parent is None
    assert SettingsTemplate.objects.get(pk=child.pk).parent == parent


def test_where_an_experiment_runs_is_told_before_a_template_is_saved(client):
    client.force_login(make_user_of("operator"))
    ledgers = make_industry("ledgers", settings={"tone": "formal"})
    acme, zeta = make_client("acme", industry=ledgers), make_client("zeta", industry=ledgers)
    make_experiment(acme)
    make_experiment(zeta, starts=False)
    address = reverse("admin:clients_settingstemplate_change", args=[ledgers.pk])

    shown = client.post(address, form_of(ledgers, tone="direct")).content.decode()

    assert "This changes the settings of 2 clients, 1 of them with a running experiment." in shown
    assert "Acme: Tone: Formal becomes Direct. 1 experiment runs there." in shown
    assert "Zeta: Tone: Formal becomes Direct.<" in shown


def test_where_an_experiment_runs_is_told_of_a_change_that_waits(client):
    client.force_login(make_user_of("operator"))
    ledgers = make_industry("ledgers", settings={"tone": "formal"})
    make_experiment(make_client("acme", industry=ledgers))
    wanted = proposing.Wanted({"tone": "direct"})
    change = proposing.propose(ledgers, wanted, reach=1, by=make_user(), at=AT)

    shown = client.get(reverse("admin:clients_proposedchange_change", args=[change.pk])).content.decode()

    assert "Acme: Tone: Formal becomes Direct. 1 experiment runs there." in shown


def test_only_experiments_that_run_are_counted():
    acme, zeta = make_client("acme"), make_client("zeta")
    lifecycle.stop(make_experiment(acme), by=None, at=AT)
    make_experiment(acme)
    make_experiment(acme, agent="persona_agent")
    make_experiment(zeta, starts=False)

    assert lifecycle.running_at([acme.pk, zeta.pk]) == {acme.pk: 2}
