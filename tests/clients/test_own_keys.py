"""Settings that an agency describes itself: on every form, in documents and prompts, and secrets in none of them."""

import json

import pytest
from django.urls import reverse

from clients import config
from clients.config import ConfigRefused, proposing
from clients.models import AgencySettings, Client, ConfigKey
from tests.agents_app.flows_that import execute
from tests.clients.test_admin import page, whole_form
from tests.crowd import make_user_of
from tests.factories import (
    AT,
    make_campaign,
    make_client,
    make_contact,
    make_industry,
    make_ready_client,
    make_request,
    make_user,
    plan_run,
)

pytestmark = pytest.mark.django_db
SECRET = "s3cret-Token-0815"


@pytest.fixture
def operator(client):
    client.force_login(make_user_of("operator"))
    return client


def own(name="motto", kind="text", **values):
    return ConfigKey.objects.create(**{"name": name, "label": name.capitalize(), "kind": kind, **values})


def describe(browser, **typed):
    basis = {"name": "motto", "label": "Motto", "kind": "text", "merge": "replace", "longest": "200"}
    return browser.post(reverse("admin:clients_configkey_add"), basis | typed)


def test_it_stands_on_the_clients_page_in_its_document_and_in_what_is_in_force(operator):
    own(longest=40)
    acme = make_client("acme")

    operator.post(page("change", "client", acme.pk), whole_form(acme, custom_fields__motto="Evidence first."))

    acme = Client.objects.get(pk=acme.pk)
    assert config.export(acme) == {"industry": "fintech", "custom_fields": {"motto": "Evidence first."}}
    assert config.effective(acme).document["custom_fields"]["motto"] == "Evidence first."
    assert "Evidence first." in operator.get(reverse("client_settings", args=["acme"])).content.decode()


def test_its_bounds_hold_in_the_form_and_in_documents(operator):
    own("discount", "whole", least=0, most=30)
    acme = make_client("acme")

    shown = operator.post(page("change", "client", acme.pk), whole_form(acme, custom_fields__discount="31"))
    with pytest.raises(ConfigRefused, match="custom_fields → discount: The number is above 30"):
        config.parse({"industry": "fintech", "custom_fields": {"discount": 31}})

    assert "Discount</a>. Enter 30 or less." in shown.content.decode()
    assert Client.objects.get().settings == {}


@pytest.mark.parametrize(
    ("kind", "merge", "below", "above", "together"),
    [
        ("table", "deep", {"a": "1", "b": "1"}, {"b": "2"}, {"a": "1", "b": "2"}),
        ("terms", "union", ["b"], ["a"], ["a", "b"]),
        ("entries", "keyed", [{"key": "x", "text": "1"}], [{"key": "x", "text": "2"}], [{"key": "x", "text": "2"}]),
        ("flag", "replace", True, False, False),
    ],
)
def test_its_layers_come_together_as_it_says(kind, merge, below, above, together):
    own(kind=kind, merge=merge)
    acme = make_client("acme", settings={"custom_fields.motto": above})
    acme.industry.settings = {"custom_fields.motto": below}
    acme.industry.save()

    assert config.effective(Client.objects.get()).document["custom_fields"]["motto"] == together


def test_only_the_agents_that_are_told_find_it_in_their_prompt():
    own(agents=["persona_agent"])
    contact = make_contact(make_ready_client(settings={"custom_fields.motto": "Evidence first."}))

    run = execute(plan_run(make_request(contact)))

    told = {step.key: "Evidence first." in step.prompt_sent for step in run.steps.all()}
    assert told == {"research": False, "persona": True, "email": False}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"name": "tone two"}, "Use small letters, digits and _, a letter first."),
        ({"name": "offer"}, "The product has a setting of this name."),
        ({"kind": "choice"}, "Write at least one thing that may be chosen."),
        ({"kind": "table", "merge": "union"}, "Table of names and texts: layers of it come together by"),
        ({"kind": "whole", "least": "5", "most": "4"}, "The largest is below the smallest, 5."),
        ({"sensitive": "on", "agents": ["email_agent"]}, "Only a text that no agent is told can be kept encrypted."),
    ],
)
def test_one_that_cannot_be_is_refused_beside_its_field(operator, typed, words):
    assert words in describe(operator, **typed).content.decode()
    assert ConfigKey.objects.count() == 0


def test_one_that_is_in_use_keeps_its_name_and_kind(operator):
    key = own()
    make_client("acme", settings={"custom_fields.motto": "Evidence first."})
    typed = {"name": "slogan", "label": "Motto", "kind": "text", "merge": "replace", "longest": "200"}

    shown = operator.post(reverse("admin:clients_configkey_change", args=[key.pk]), typed).content.decode()

    assert "1 layer uses this setting. Take it out first: client Acme. Or make another setting." in shown
    assert ConfigKey.objects.get().name == "motto"


def test_a_secret_is_kept_and_stands_in_no_page_history_version_export_or_run(operator, caplog):
    own("token", sensitive=True)
    acme = make_ready_client("acme")
    form = whole_form(
        acme,
        custom_fields__token=SECRET,
        **{key.rpartition(".")[2]: _typed(value) for key, value in acme.settings.items()},
    )

    answer = operator.post(page("change", "client", acme.pk), form)

    acme = Client.objects.get(pk=acme.pk)
    assert answer.status_code == 302, answer.context["errors"]
    assert config.secret(acme, "custom_fields.token") == SECRET
    assert config.effective(acme).document["custom_fields"]["token"] is True
    run = execute(plan_run(make_request(make_contact(acme))))
    pages = ["client_settings", "client_versions", "client_prompts", "client_export", "client_clone", "client_import"]
    shown = [operator.get(reverse(name, args=["acme"])).content.decode() for name in pages]
    shown += [operator.get(page(kind, "client", acme.pk)).content.decode() for kind in ("change", "history")]
    rows = [*acme.history.values(), *acme.versions.values(), *run.steps.values(), {"config": run.config}]
    found = [*shown, caplog.text, json.dumps(config.export(acme)), *(str(row) for row in rows)]
    assert [text[:80] for text in found if SECRET in text] == []


def _typed(value):
    return "\n".join(value) if isinstance(value, list) else value


def test_an_empty_field_keeps_the_present_secret(operator):
    own("token", sensitive=True)
    acme = make_client("acme")
    config.put_secrets(acme, {"custom_fields.token": SECRET}, config.Author(None, "", AT))
    acme.save()

    operator.post(page("change", "client", acme.pk), whole_form(acme, tone="formal"))

    acme = Client.objects.get(pk=acme.pk)
    assert (config.secret(acme, "custom_fields.token"), acme.settings) == (SECRET, {"tone": "formal"})


PATH = "custom_fields.motto"
SAYS = {"settings": {PATH: "Evidence first."}}


def waiting_change():
    wanted = proposing.Wanted({}, secrets={PATH: SECRET})
    proposing.propose(make_industry("ledgers"), wanted, reach=9, by=make_user("priya"), at=AT)


USES = {
    "client Acme": lambda: make_client("acme", **SAYS),
    "client Zeta": lambda: make_client("zeta", secrets={PATH: "sealed"}),
    "template Ledgers": lambda: make_industry("ledgers", **SAYS),
    "campaign Autumn": lambda: make_campaign(name="Autumn", **SAYS),
    "the agency": lambda: AgencySettings.objects.update(locks=[PATH]),
    "change that waits for Ledgers": waiting_change,
}


@pytest.mark.parametrize("ticked", [False, True], ids=["one", "ticked"])
@pytest.mark.parametrize("where", USES)
def test_one_that_is_in_use_is_not_deleted_and_the_page_says_where(operator, where, ticked):
    key = own()
    USES[where]()
    address = reverse("admin:clients_configkey_changelist") if ticked else page("delete", "configkey", key.pk)
    sent = {"post": "yes"} | ({"action": "delete_selected", "_selected_action": [key.pk]} if ticked else {})

    shown = operator.post(address, sent).content.decode()

    assert f"1 layer uses this setting. Take it out first: {where}" in shown
    assert ConfigKey.objects.count() == 1


def test_one_that_nobody_uses_is_deleted(operator):
    key = own()
    make_client("acme", settings={"custom_fields.offer": "An offer"})

    answer = operator.post(page("delete", "configkey", key.pk), {"post": "yes"})

    assert (answer.status_code, ConfigKey.objects.count()) == (302, 0)


def test_a_secret_that_a_client_keeps_stays_one(operator):
    key = own(sensitive=True)
    make_client("acme", secrets={PATH: "sealed"})
    typed = {"name": "motto", "label": "Motto", "kind": "text", "merge": "replace", "longest": "200"}

    shown = operator.post(page("change", "configkey", key.pk), {**typed, "agents": ["email_agent"]}).content.decode()

    assert "1 layer uses this setting. Take it out first: client Acme." in shown
    assert (ConfigKey.objects.get().sensitive, ConfigKey.objects.get().agents) == (True, [])


def test_the_first_places_are_named_and_the_rest_counted(operator):
    key = own()
    for number in range(7):
        make_client(f"client-{number}", **SAYS)

    shown = operator.post(page("delete", "configkey", key.pk), {"post": "yes"}).content.decode()

    assert "7 layers use this setting." in shown
    assert "client Client 4 and 2 more." in shown
