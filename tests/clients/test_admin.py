"""The admin's pages of clients, connections, contacts and deliveries."""

import json
from decimal import Decimal
from io import BytesIO
from zipfile import ZipFile

import pytest
from django.apps import apps
from django.conf import settings
from django.urls import reverse
from django_q.models import OrmQ

from clients import config, connections, inbox, suppression
from clients.keys import BUILT_IN
from clients.models import (
    AgencySettings,
    Client,
    Connection,
    Contact,
    Delivery,
    Observation,
    SettingsTemplate,
    Suppression,
)
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_connection, make_contact, opened_by

pytestmark = pytest.mark.django_db

FIELDS = {key.name: key.field for key in BUILT_IN}


@pytest.fixture
def operator(client):
    client.force_login(make_user_of("operator"))
    return client


@pytest.fixture
def manager(client):
    client.force_login(make_user_of("manager"))
    return client


def page(action, model, *args):
    return reverse(f"admin:clients_{model}_{action}", args=args)


def whole_form(client, **changes):
    """What the change page sends for this client, with changes."""
    basis = {
        "name": client.name,
        "industry": client.industry_id,
        "status": client.status,
        "company_size": client.company_size,
        "sales_motion": client.sales_motion,
        "reason": "A test",
    }
    return {**basis, **{FIELDS.get(name, name): value for name, value in changes.items()}}


def fintech():
    return SettingsTemplate.objects.get(key="fintech")


def test_a_client_is_made_from_a_template_with_three_fields(manager):
    offered = manager.get(page("add", "client")).content.decode()

    response = manager.post(page("add", "client"), {"name": "Acme Bank", "slug": "acme-bank", "industry": fintech().pk})

    acme = Client.objects.get()
    assert "tone" not in offered
    assert response.url == page("change", "client", acme.pk)
    assert (acme.name, acme.status, acme.settings) == ("Acme Bank", "draft", {})
    assert [user.username for user in acme.managers.all()] == ["manager"]
    assert config.effective(acme).document["tone"] == "formal"


def test_an_empty_field_says_what_it_inherits_and_from_where(manager):
    manager.post(page("add", "client"), {"name": "Acme Bank", "slug": "acme-bank", "industry": fintech().pk})

    shown = manager.get(page("change", "client", Client.objects.get().pk)).content.decode()

    assert "inherited: Formal (Fintech template)" in shown
    assert 'placeholder="inherited: regulatory_compliance (Fintech template)"' in shown
    assert "Inherited: 130 words (Agency)." in shown
    assert "Inherited: Research, Competitive, Persona, E-mail (Agency)." in shown
    assert "Add a connection to the client&#x27;s CRM" in shown


def test_typed_fields_are_saved_as_typed_settings(operator):
    acme = make_client("acme", industry=fintech())
    form = whole_form(
        acme,
        tone="direct",
        avoid_terms="cheap\n\n Cheap \nfast ",
        proof_points="",
        max_words="90",
        enabled_agents=["email_agent"],
    )
    overrides = {"words__email_agent__0__mode": "prepend", "words__email_agent__0__text": "Write a haiku."}

    response = operator.post(page("change", "client", acme.pk), {**form, **overrides})

    assert response.status_code == 302, response.context["errors"]
    assert config.export(Client.objects.get()) == {
        "industry": "fintech",
        "tone": "direct",
        "prompt_overrides": {"email_agent": {"mode": "prepend", "text": "Write a haiku."}},
        "custom_fields": {"avoid_terms": ["cheap", "fast"], "max_words": 90},
        "enabled_agents": ["email_agent"],
    }
    assert acme.history.latest("history_id").history_user.username == "operator"


def test_a_line_that_is_too_long_is_named_and_what_was_typed_stays(operator):
    acme = make_client("acme")
    typed = "short\n" + "x" * 61

    response = operator.post(page("change", "client", acme.pk), whole_form(acme, avoid_terms=typed))

    shown = response.content.decode()
    assert "Line 2 is longer than 60 characters. Split it or shorten it." in shown
    assert typed in shown
    assert Client.objects.get().settings == {}


def test_an_account_manager_cannot_hand_a_client_over(manager, django_user_model):
    acme = make_client("acme")
    acme.managers.add(django_user_model.objects.get(username="manager"))

    manager.post(page("change", "client", acme.pk), whole_form(acme, name="New name", managers=[]))

    assert Client.objects.get().name == "New name"
    assert acme.managers.count() == 1


@pytest.mark.parametrize(
    ("typed", "kept", "words"),
    [
        ("12.50", Decimal("12.50"), ""),
        ("0", Decimal(0), ""),
        ("", None, ""),
        ("-1", None, "greater than or equal to 0"),
        ("a lot", None, "Enter a number."),
    ],
)
def test_an_operator_sets_what_a_clients_runs_may_cost_in_a_day(operator, typed, kept, words):
    acme = make_client("acme")
    offered = operator.get(page("change", "client", acme.pk)).content.decode()

    response = operator.post(page("change", "client", acme.pk), whole_form(acme, daily_budget_usd=typed))

    assert f'placeholder="inherited: {settings.CLIENT_DAY_BUDGET_USD:.2f}"' in offered
    assert words in response.content.decode()
    assert Client.objects.get().daily_budget_usd == kept


def test_an_account_manager_reads_the_daily_budget_and_cannot_raise_it(manager, django_user_model):
    acme = make_client("acme", daily_budget_usd=5)
    acme.managers.add(django_user_model.objects.get(username="manager"))

    shown = manager.get(page("change", "client", acme.pk)).content.decode()
    manager.post(page("change", "client", acme.pk), whole_form(acme, name="New name", daily_budget_usd="5000"))

    assert "5.00" in shown
    assert 'name="daily_budget_usd"' not in shown
    assert (Client.objects.get().name, Client.objects.get().daily_budget_usd) == ("New name", Decimal(5))


def test_a_clients_page_leads_to_its_spending_by_day(operator):
    acme = make_client("acme")

    shown = operator.get(page("change", "client", acme.pk)).content.decode()

    assert f'href="{reverse("admin:agents_app_budgetday_changelist")}?client__id__exact={acme.pk}"' in shown


def test_settings_of_several_clients_are_exported_as_files_that_can_be_imported(operator):
    one, two = make_client("one", tone="direct"), make_client("two")

    response = operator.post(
        page("changelist", "client"), {"action": "export_json", "_selected_action": [one.pk, two.pk]}
    )

    archive = ZipFile(BytesIO(response.content))
    assert archive.namelist() == ["client_one.json", "client_two.json"]
    assert json.loads(archive.read("client_one.json")) == {"industry": "fintech", "tone": "direct"}


def test_a_connections_key_is_shown_once_and_its_example_works(operator):
    acme = make_client()
    form = {"client": acme.pk, "party": "hubspot", "name": "CRM", "mode": "live", "is_active": "on", "secret": "s3cret"}

    response = operator.post(page("add", "connection"), form)

    key, connection = response.context["key"], Connection.objects.get()
    assert "no-store" in response["Cache-Control"]
    assert key in response.content.decode()
    assert opened_by(key) == connection
    later = operator.get(page("change", "connection", connection.pk)).content.decode()
    assert key not in later
    assert "s3cret" not in later
    assert f"…{key[-4:]}" in later
    assert "Waiting for the first event" in later
    assert key not in operator.get(page("history", "connection", connection.pk)).content.decode()


def test_saving_a_connection_without_a_credential_keeps_the_present_one(operator):
    connection, key = connections.create(
        make_client(), party="hubspot", name="CRM", mode="live", at=AT, credential="s3cret"
    )

    operator.post(
        page("change", "connection", connection.pk),
        {"name": "Main CRM", "mode": "live", "is_active": "on", "secret": ""},
    )

    stored = Connection.objects.get()
    assert (stored.name, bytes(stored.credential)) == ("Main CRM", bytes(connection.credential))
    assert opened_by(key) == stored


def test_asking_for_a_new_key_changes_nothing_until_it_is_confirmed(operator):
    connection, old = connections.create(make_client(), party="hubspot", name="CRM", mode="live", at=AT)
    address = page("new_key", "connection", connection.pk)

    asked = operator.get(address)

    assert "works for 24 more hours" in asked.content.decode()
    assert opened_by(old) == connection
    confirmed = operator.post(address)
    assert opened_by(old) == connection, "the party needs time to be given the new address"
    confirmed = operator.post(address, {"end_old": "on"})
    assert opened_by(old) is None
    assert opened_by(confirmed.context["key"]) == connection


def test_a_party_that_never_calls_has_no_key_page(operator):
    connection = make_connection(party="newsapi")

    assert operator.post(page("new_key", "connection", connection.pk)).status_code == 404


def test_a_contact_entered_by_hand_is_observed_like_any_other(operator):
    acme = make_client()
    form = {
        "client": acme.pk,
        "email": "Ada@Northwind-Bank.example",
        "first_name": "Ada",
        "last_name": "Lee",
        "title": "CFO",
    }

    response = operator.post(page("add", "contact"), form)

    assert response.status_code == 302, response.context["errors"]
    contact = Contact.objects.get()
    assert (contact.email_normalised, contact.full_name) == ("ada@northwind-bank.example", "Ada Lee")
    assert (contact.company_domain, contact.source) == ("northwind-bank.example", "person")
    assert sorted(Observation.objects.values_list("field", "record__source", "record__contact")) == [
        (field, "person", contact.pk) for field in ("email", "first_name", "last_name", "title")
    ]


@pytest.mark.parametrize(
    ("email", "words"), [("ada", "valid email"), (" ADA@x.example", "already has a contact at this address")]
)
def test_a_bad_or_known_address_is_refused_in_words(operator, email, words):
    acme = make_client()
    make_contact(acme, "ada@x.example")

    response = operator.post(page("add", "contact"), {"client": acme.pk, "email": email})

    assert words in response.content.decode()
    assert Contact.objects.count() == 1


def test_a_correction_by_hand_is_an_observation_and_shows_who_made_it(operator):
    contact = make_contact()
    form = {
        name: getattr(contact, name)
        for name in ("first_name", "last_name", "full_name", "title", "company_name", "company_domain")
    }

    response = operator.post(page("change", "contact", contact.pk), {**form, "title": "Treasurer"})

    assert response.status_code == 302, response.context["errors"]
    assert Contact.objects.get().title == "Treasurer"
    assert list(Observation.objects.order_by("pk").values_list("field", "value", "record__source")) == [
        ("email", contact.email, "person"), ("title", "Treasurer", "person"),
    ]  # fmt: skip
    assert contact.history.latest("history_id").history_user.username == "operator"


def test_a_field_that_a_source_filled_cannot_be_emptied(operator):
    contact = make_contact()
    form = {
        name: getattr(contact, name)
        for name in ("first_name", "last_name", "full_name", "company_name", "company_domain")
    }

    response = operator.post(page("change", "contact", contact.pk), {**form, "title": ""})

    assert "A field cannot be emptied" in response.content.decode()
    assert Contact.objects.get().title == contact.title


def test_a_contacts_page_says_where_each_field_comes_from_and_whether_we_may_write(operator):
    crm = make_connection()
    body = {"email": "ada@x.example", "firstname": "Ada", "jobtitle": "CFO"}
    inbox.apply(inbox.store(crm, headers={}, body=json.dumps(body).encode(), at=AT).delivery.pk, at=AT)
    contact = Contact.objects.get()
    suppression.suppress(contact.client, contact.email, reason="unsubscribed", at=AT)

    shown = operator.get(page("change", "contact", contact.pk)).content.decode()

    assert "hubspot" in shown
    assert "latest word" in shown
    assert "Never again: suppressed" in shown
    assert f"contact__id__exact={contact.pk}" in shown


def test_an_address_is_suppressed_by_hand_and_only_its_hash_is_kept(operator):
    acme = make_client()

    response = operator.post(page("add", "suppression"), {"client": acme.pk, "email": "Ada@x.example"})

    assert response.status_code == 302
    assert suppression.is_suppressed(acme, "ada@x.example")
    assert Suppression.objects.get().reason == "manual"


def quarantined():
    crm = make_connection()
    stored = inbox.store(crm, headers={}, body=b'{"firstname": "Ada"}', at=AT)
    inbox.apply(stored.delivery.pk, at=AT)
    return stored.delivery


def test_a_quarantined_delivery_shows_its_body_and_what_is_wrong(operator):
    delivery = quarantined()

    listed = operator.get(page("changelist", "delivery")).content.decode()
    shown = operator.get(page("change", "delivery", delivery.pk)).content.decode()

    assert "There is no e-mail address in it" in listed
    assert "&quot;firstname&quot;: &quot;Ada&quot;" in shown


def test_an_operator_applies_a_delivery_again(operator):
    delivery = quarantined()

    operator.post(page("changelist", "delivery"), {"action": "apply_again", "_selected_action": [delivery.pk]})

    assert (Delivery.objects.get().status, OrmQ.objects.count()) == ("received", 1)


def test_an_account_manager_applies_deliveries_of_own_clients_again_and_no_others(manager, django_user_model):
    delivery, foreign = quarantined(), quarantined()
    delivery.connection.client.managers.add(django_user_model.objects.get(username="manager"))

    shown = manager.get(page("changelist", "delivery")).content.decode()
    both = {"action": "apply_again", "_selected_action": [delivery.pk, foreign.pk]}
    manager.post(page("changelist", "delivery"), both)

    assert "There is no e-mail address in it" in shown
    assert [Delivery.objects.get(pk=each.pk).status for each in (delivery, foreign)] == ["received", "quarantined"]
    assert OrmQ.objects.count() == 1


def test_a_viewer_reads_deliveries_but_does_not_apply_them(client):
    client.force_login(make_user_of("viewer"))
    delivery = quarantined()

    shown = client.get(page("changelist", "delivery")).content.decode()
    client.post(page("changelist", "delivery"), {"action": "apply_again", "_selected_action": [delivery.pk]})

    assert "There is no e-mail address in it" in shown
    assert (Delivery.objects.get().status, OrmQ.objects.count()) == ("quarantined", 0)


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[" * 100_000, b"9" * 6000, b'"' + b"x" * 100_000 + b'"'])
def test_a_poisonous_body_opens_all_the_same(operator, body):
    stored = inbox.store(make_connection(), headers={}, body=body, at=AT)

    assert operator.get(page("change", "delivery", stored.delivery.pk)).status_code == 200


def test_there_is_one_row_of_agency_settings_and_it_stays(operator):
    agency = AgencySettings.objects.get()

    assert operator.get(page("add", "agencysettings")).status_code == 403
    assert operator.get(page("delete", "agencysettings", agency.pk)).status_code == 403
    assert operator.get(page("change", "agencysettings", agency.pk)).status_code == 200


@pytest.mark.parametrize(
    "model",
    [
        "client",
        "settingstemplate",
        "agencysettings",
        "connection",
        "contact",
        "observation",
        "delivery",
        "event",
        "suppression",
    ],
)
def test_every_list_and_page_opens_for_everybody_who_may_see_it(client, model):
    quarantined()
    crm = Connection.objects.get()
    body = b'{"email": "ada@x.example", "firstname": "Ada"}'
    inbox.apply(inbox.store(crm, headers={}, body=body, at=AT).delivery.pk, at=AT)
    suppression.suppress(crm.client, "eve@x.example", reason="manual", at=AT)
    row = {"client": crm.client, "connection": crm, "agencysettings": AgencySettings.objects.get()}.get(model)
    row = row or apps.get_model("clients", model).objects.latest("pk")

    for role in ("admin", "operator", "viewer"):
        client.force_login(make_user_of(role))
        assert client.get(page("changelist", model)).status_code == 200
        assert client.get(page("change", model, row.pk)).status_code == 200


def test_a_contact_leads_to_what_its_sources_said_and_shows_who_said_what(operator):
    crm = make_connection()
    for person in ("ada", "bob"):
        body = json.dumps({"email": f"{person}@x.example", "jobtitle": f"Title of {person}"}).encode()
        inbox.apply(inbox.store(crm, headers={}, body=body, at=AT).delivery.pk, at=AT)
    contact = Contact.objects.get(email="ada@x.example")

    shown = operator.get(page("change", "contact", contact.pk)).content.decode()
    said = operator.get(page("changelist", "observation"), {"record__contact__id__exact": contact.pk}).content.decode()

    assert "<td>Title of ada</td><td>hubspot</td>" in shown
    assert f"record__contact__id__exact={contact.pk}" in shown
    assert "Title of ada" in said
    assert "Title of bob" not in said


@pytest.mark.parametrize("role", ["operator", "manager"])
def test_no_list_or_page_costs_more_than_twelve_queries_whatever_the_rows(client, role, django_assert_max_num_queries):
    user = make_user_of(role)
    client.force_login(user)
    crm = make_connection()
    crm.client.managers.add(user)
    people = [{"email": f"p{number}@x{number}.example", "firstname": "P", "jobtitle": "CFO"} for number in range(60)]
    for entry in [people, *people[:30]]:
        stored = inbox.store(crm, headers={}, body=json.dumps(entry).encode(), at=AT)
        inbox.apply(stored.delivery.pk, at=AT)
    for number in range(30):
        other = make_connection(make_client(f"c{number}"), name=f"crm {number}")
        other.client.managers.add(user)
    client.get(reverse("home"))
    lists = ("client", "settingstemplate", "connection", "contact", "observation", "delivery", "event", "suppression")
    rows = {
        "client": crm.client,
        "connection": crm,
        "contact": Contact.objects.latest("pk"),
        "delivery": Delivery.objects.latest("pk"),
    }
    addresses = [page("changelist", model) for model in lists]
    addresses += [page("change", model, row.pk) for model, row in rows.items()]

    for address in addresses:
        with django_assert_max_num_queries(12, info=address):
            assert client.get(address).status_code == 200


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        ("client", "Make one from an industry template"),
        ("connection", "Connect a client&#x27;s CRM"),
        ("contact", "They come in by themselves"),
        ("delivery", "its page prints a call to try"),
    ],
)
def test_an_empty_list_says_what_to_do_next(operator, model, hint):
    assert hint in operator.get(page("changelist", model)).content.decode()
