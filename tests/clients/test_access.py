"""Two account managers, each with a client: neither sees, finds, picks or changes anything of the other's."""

from io import BytesIO
from zipfile import ZipFile

import pytest
from django.urls import reverse

from clients import access
from clients.models import Client, Connection, Contact, Delivery, Observation, SourceRecord
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_connection, make_contact, make_user

pytestmark = pytest.mark.django_db

SECRET = "Hidden Harbour"  # stands in every name of the other's client


@pytest.fixture
def theirs():
    client = make_client("hidden-harbour", name=f"{SECRET} Ltd")
    client.managers.add(make_user("their-manager", is_staff=True))
    crm = make_connection(client, name=f"{SECRET} CRM")
    contact = make_contact(client, "eve@hidden.example", full_name=f"{SECRET} Eve")
    delivery = Delivery.objects.create(
        connection=crm, received_at=AT, body=b'{"a": 1}', body_sha256="0" * 64, status="quarantined", error=SECRET
    )
    basis = {"client": client, "connection": crm, "source": "hubspot", "ext_id": "1", "contact": contact}
    record = SourceRecord.objects.create(**basis, created_at=AT)
    observation = Observation.objects.create(record=record, field="title", value=SECRET, occurred_at=AT)
    client.settings = {"prompt_overrides.email_agent": [{"mode": "add", "text": SECRET}]}
    client.save()
    return {
        Client: client,
        Connection: crm,
        Contact: contact,
        Delivery: delivery,
        Observation: observation,
    }


@pytest.fixture
def mine():
    client = make_client("my-own", name="My Own")
    make_contact(client, "ada@own.example")
    return client


@pytest.fixture
def manager(client, mine):
    user = make_user_of("manager")
    mine.managers.add(user)
    client.force_login(user)
    return client


def page(action, row_or_model, *args):
    options = row_or_model._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_{action}", args=args)


def test_the_rule_itself(mine, theirs):
    user = make_user("mine")
    mine.managers.add(user)

    assert list(access.visible_clients(user)) == [mine]
    assert list(access.scope(Contact.objects.all(), user)) == list(mine.contacts.all())
    assert list(access.scope(Observation.objects.all(), user, "record__client")) == []
    assert list(access.scope(Client.objects.all(), user, "")) == [mine]
    assert access.visible_clients(make_user("nobody")).count() == 0
    assert access.visible_clients(make_user("boss", is_superuser=True)).count() == 2


def test_somebody_who_left_sees_nothing(mine):
    user = make_user("gone", is_superuser=True, is_active=False)
    mine.managers.add(user)

    assert access.visible_clients(user).count() == 0


def test_the_way_to_the_client_is_found_through_required_keys():
    assert access.path_to_client(Client) == ""
    assert access.path_to_client(Contact) == "client"
    assert access.path_to_client(Observation) == "record__client"
    assert access.path_to_client(type(make_user())) is None


MODELS = [Client, Connection, Contact, Delivery, Observation]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_list_filter_or_search_names_the_others(manager, theirs, model):
    for query in ("", "?q=Hidden", "?all="):
        response = manager.get(page("changelist", model) + query)

        assert response.status_code in {200, 302}
        assert SECRET not in response.content.decode()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@pytest.mark.parametrize("action", ["change", "history", "delete"])
def test_no_page_of_the_others_opens(manager, theirs, model, action):
    response = manager.get(page(action, model, theirs[model].pk))

    assert response.status_code in {302, 403, 404}
    assert SECRET not in response.content.decode()


def test_no_past_version_of_the_others_opens(manager, theirs):
    hidden = theirs[Client]
    version = hidden.history.latest("history_id")

    response = manager.get(reverse("admin:clients_client_simple_history", args=[hidden.pk, version.pk]))

    assert response.status_code == 404


def test_autocomplete_offers_only_the_own(manager, theirs):
    query = {"app_label": "clients", "model_name": "contact", "field_name": "client", "term": ""}

    found = manager.get(reverse("admin:autocomplete"), query).json()

    assert [row["text"] for row in found["results"]] == ["My Own"]


@pytest.mark.parametrize("model", [Connection, Contact])
def test_a_form_offers_and_takes_only_own_clients(manager, theirs, model):
    before = model.objects.count()
    form = {"client": theirs[Client].pk, "party": "hubspot", "name": "x", "mode": "live", "email": "a@b.example"}

    offered = manager.get(page("add", model)).content.decode()
    taken = manager.post(page("add", model), form)

    assert SECRET not in offered
    assert taken.status_code == 200
    assert SECRET not in taken.content.decode()
    assert model.objects.count() == before


def test_a_post_to_the_others_page_changes_nothing(manager, theirs):
    hidden = theirs[Client]

    manager.post(page("change", Client, hidden.pk), {"name": "Mine now", "slug": hidden.slug})

    assert Client.objects.get(pk=hidden.pk).name == hidden.name


def test_an_action_on_the_others_rows_does_nothing(manager, theirs):
    chosen = {"action": "export_json", "_selected_action": [theirs[Client].pk]}

    response = manager.post(page("changelist", Client), chosen)

    assert SECRET not in response.content.decode()
    assert ZipFile(BytesIO(response.content)).namelist() == []


@pytest.mark.parametrize("name", ["client_settings", "client_export", "client_import"])
def test_no_settings_page_of_the_others_opens(manager, theirs, name):
    assert manager.get(reverse(name, args=["hidden-harbour"])).status_code == 404


def test_a_new_key_for_the_others_connection_is_not_made(manager, theirs):
    crm = theirs[Connection]

    response = manager.post(reverse("admin:clients_connection_new_key", args=[crm.pk]))

    assert response.status_code == 404
    assert Connection.objects.get(pk=crm.pk).endpoint_key_sha256 is None


def test_a_viewer_sees_all_and_changes_nothing(client, theirs):
    client.force_login(make_user_of("viewer"))

    seen = client.get(page("changelist", Client)).content.decode()
    refused = client.post(page("change", Client, theirs[Client].pk), {"name": "x"})

    assert SECRET in seen
    assert refused.status_code == 403
    assert client.get(reverse("client_import", args=["hidden-harbour"])).status_code == 403
    assert client.post(reverse("admin:clients_connection_new_key", args=[theirs[Connection].pk])).status_code == 403


def test_every_admin_of_rows_that_belong_to_a_client_is_scoped():
    from django.contrib import admin

    from clients.scoped_admin import ScopedAdmin

    open_to_all = {"AgencySettings", "SettingsTemplate", "ConfigKey", "ProposedChange"}
    unscoped = [
        model.__name__
        for model, model_admin in admin.site._registry.items()
        if access.path_to_client(model) is not None and not isinstance(model_admin, ScopedAdmin)
    ]
    assert set(unscoped) <= open_to_all
