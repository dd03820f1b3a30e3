"""An account manager maps a CRM's fields in the browser, without code."""

import json
import re
from html import unescape

import pytest
from django.test import Client as Browser
from django.urls import reverse

from clients import inbox, mappings
from clients.mapping import Row
from clients.models import Connection, Contact, Delivery, FieldRule, Mapping
from gtm import loop
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_connection

pytestmark = pytest.mark.django_db

FLAT = {"contact_mail": "Ada Lee <ada@x.example>", "nm": "LEE, ADA", "pos": "cfo", "firm": "Northwind", "pts": "7"}
USUAL = {"on_blank": "ignore", "direction": "in", "rule": ""}
ROWS = (
    {"field": "email", "path": "contact_mail", "transform_1": "email", "required": "on"},
    {"field": "full_name", "path": "nm", "transform_1": "full_name", "transform_2": "title_case"},
    {"field": "title", "path": "pos | position", "transform_1": "picklist", "argument_1": "cfo=CFO; *=Other"},
)


@pytest.fixture
def manager(client):
    user = make_user_of("manager")
    client.force_login(user)
    client.user = user
    return client


@pytest.fixture
def connection(manager):
    ours = make_client("acme")
    ours.managers.add(manager.user)
    return make_connection(ours, Connection.Party.GENERIC, name="Events")


def deliver(connection, *entries, status="applied"):
    body = json.dumps(list(entries)).encode()
    return Delivery.objects.create(
        connection=connection, received_at=AT, body=body, body_sha256="0" * 64, status=status
    )


def address(connection, page=""):
    return reverse(f"connection_mapping{page}", args=[connection.pk])


def form(*rows, **more):
    data = {"rows-TOTAL_FORMS": len(rows), "rows-INITIAL_FORMS": 0, "note": "", "seen": "", **more}
    for number, row in enumerate(rows):
        data |= {f"rows-{number}-{name}": value for name, value in {**USUAL, "ORDER": number + 1, **row}.items()}
    return data


def words(response):
    text = re.sub(r"<(script|style).*?</\1>", "", response.content.decode(), flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


def test_an_account_manager_maps_a_new_payload_tries_it_activates_and_replays(manager, connection, monkeypatch):
    """U1: by forms alone, as a browser without scripts sends them."""
    rung = []
    monkeypatch.setattr(loop, "later", lambda job, *args: rung.append((job, *args)))
    delivery = deliver(connection, FLAT, status="quarantined")

    previewed = manager.post(address(connection), form(*ROWS, delivery=delivery.pk, preview="yes"))

    assert "Ada Lee" in words(previewed)
    assert "a new contact" in words(previewed)
    assert not Mapping.objects.exists()

    saved = manager.post(address(connection), form(*ROWS, save="try", note="The form of the fair"), follow=True)

    assert saved.redirect_chain == [(address(connection, "_trial"), 302)]
    assert "1 delivery that cannot be read now would be." in words(saved)
    assert "Ada Lee: not said CFO" in words(saved)
    assert mappings.in_force(connection)[1] is None

    seen = re.search(r'name="seen" value="(\w+)"', saved.content.decode())[1]
    activated = manager.post(address(connection, "_versions"), {"activate": "1", "seen": seen}, follow=True)

    assert "Version 1 is in force: deliveries are read by it from now on." in words(activated)
    version = mappings.in_force(connection)[1]
    assert (version.number, version.note, version.activated_by) == (1, "The form of the fair", manager.user)

    replayed = manager.post(address(connection, "_versions"), {"replay": "yes"}, follow=True)

    assert "1 delivery is applied again." in words(replayed)
    assert rung == [(loop.process_delivery, delivery.pk)]
    inbox.apply(delivery.pk, at=AT)
    contact = Contact.objects.get(client=connection.client)
    assert (contact.email, contact.full_name, contact.title) == ("ada@x.example", "Ada Lee", "CFO")
    delivery.refresh_from_db()
    assert (delivery.status, delivery.mapping) == ("applied", version)


def test_errors_stand_beside_their_row_and_nothing_is_saved(manager, connection):
    wrong = (
        {"field": "title", "path": "a..b"},
        {"field": "phone", "path": "p", "transform_1": "phone", "argument_1": "XX"},
    )

    response = manager.post(address(connection), form(ROWS[0], *wrong, {"field": "", "path": "x"}, save="yes"))

    assert response.status_code == 400
    first, second, third = re.findall(r'<ul class="errorlist"[^>]*>(.*?)</ul>', response.content.decode())
    assert "The name of a field is missing: character 3, before “.b”." in unescape(first)
    assert "“XX” is no country of two letters, like DE or US." in second
    assert "Choose which field of the contact this is." in third
    assert not Mapping.objects.exists()


def test_two_rows_for_one_field_are_refused(manager, connection):
    response = manager.post(address(connection), form(ROWS[0], {**ROWS[0], "path": "other"}, save="yes"))

    assert "Another row fills this field already." in words(response)
    assert not Mapping.objects.exists()


def test_a_field_of_our_own_is_named_by_the_person(manager, connection):
    own = {"field": "custom", "custom": "Lead Score", "path": "pts"}

    manager.post(address(connection), form(ROWS[0], own, save="yes"))

    assert mappings.rows_of(Mapping.objects.get())[1] == Row("custom.lead_score", "pts")


def test_rows_are_added_moved_and_taken_out_without_scripts(manager, connection):
    added = manager.post(address(connection), form(*ROWS, add="yes"))
    moved = manager.post(address(connection), form(*ROWS, up="2"))
    manager.post(address(connection), form(ROWS[0], {**ROWS[1], "DELETE": "on"}, {"field": "", "path": ""}, save="yes"))

    assert 'name="rows-3-path"' in added.content.decode()
    assert re.findall(r'name="rows-\d-path" value="([^"]*)"', moved.content.decode()) == [
        "contact_mail",
        "pos | position",
        "nm",
    ]
    assert [row.field for row in mappings.rows_of(Mapping.objects.get())] == ["email"]


def test_the_order_that_is_shown_is_the_order_that_is_kept(manager, connection):
    rows = ({**ROWS[0], "ORDER": 2}, {**ROWS[1], "ORDER": 1})

    manager.post(address(connection), form(*rows, save="yes"))

    assert [row.field for row in mappings.rows_of(Mapping.objects.get())] == ["full_name", "email"]


def test_the_live_preview_is_a_part_of_the_page_and_keeps_what_can_be_used(manager, connection):
    data = form(*ROWS, {"field": "phone", "path": "["}, payload=json.dumps(FLAT))

    response = manager.post(address(connection), data, headers={"HX-Request": "true"})

    assert "<html" not in response.content.decode()
    assert "1 thing in the rows cannot be used yet." in words(response)
    assert "Ada Lee" in words(response)
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("payload", ["{", "[" * 100_000, '{"contact_mail": "\\u0000"}', "null", '{"nm": NaN}'])
def test_a_pasted_body_that_nobody_can_read_is_told_and_breaks_nothing(manager, connection, payload):
    response = manager.post(address(connection), form(*ROWS, payload=payload, preview="yes"))

    assert response.status_code == 200
    assert "would be set aside" in words(response)


def test_a_secret_in_a_body_is_not_shown(manager, connection):
    data = form(
        *ROWS, {"field": "title", "path": "token"}, payload=json.dumps({**FLAT, "token": "s3cret"}), preview="yes"
    )

    response = manager.post(address(connection), {**data, "rows-2-field": "country"})

    assert "(hidden)" in words(response)


def test_what_two_people_save_at_once_is_shown_to_the_later_one(manager, connection):
    manager.post(address(connection), form(ROWS[0], save="yes"))

    response = manager.post(address(connection), form(*ROWS, save="yes", seen=""))

    assert response.status_code == 409
    assert "Somebody else saved the draft since you opened this page." in words(response)
    assert len(mappings.rows_of(Mapping.objects.get())) == 1
    seen = re.search(r'name="seen" value="(\w+)"', response.content.decode())[1]
    manager.post(address(connection), form(*ROWS, save="yes", seen=seen))
    assert len(mappings.rows_of(Mapping.objects.get())) == 3


def test_what_nobody_reads_becomes_a_row_of_the_draft_with_one_press(manager, connection):
    deliver(connection, FLAT)
    manager.post(address(connection), form(*ROWS, save="yes"))

    page = manager.get(address(connection, "_unread"))
    manager.post(address(connection, "_unread"), {"add": "firm"})

    assert "firm 1 Northwind" in words(page)
    assert mappings.rows_of(Mapping.objects.get())[-1] == Row("custom.firm", "firm")
    assert "firm 1" not in words(manager.get(address(connection, "_unread")))


def test_versions_are_compared_and_an_earlier_one_holds_again(manager, connection):
    for rows in (ROWS[:1], ROWS):
        draft = mappings.draft(connection)
        seen = mappings.mark(mappings.rows_of(draft)) if draft else ""
        manager.post(address(connection), form(*rows, save="yes", seen=seen))
        manager.post(address(connection, "_versions"), {"activate": str(mappings.draft(connection).number)})

    compared = manager.get(address(connection, "_versions"), {"left": "1", "right": "2"})
    back = manager.post(address(connection, "_versions"), {"back": "1"}, follow=True)

    assert "Full name is read from nm, full name, then Capital at each word" in words(compared)
    assert "Version 3 is in force, with the rows of version 1." in words(back)
    assert [row.field for row in mappings.in_force(connection)[0]] == ["email"]


def test_an_export_is_imported_elsewhere_as_a_draft(manager, connection):
    manager.post(address(connection), form(*ROWS, save="yes"))
    other = make_connection(connection.client, Connection.Party.GENERIC, name="Other")
    text = manager.get(address(connection, "_export"), {"version": "1"}).content.decode()

    looked = manager.post(address(other, "_import"), {"text": text})
    assert not other.mappings.exists()
    manager.post(address(other, "_import"), {"text": text, "apply": "yes"})

    assert "Full name" in words(looked)
    assert mappings.rows_of(other.mappings.get()) == mappings.rows_of(connection.mappings.get())
    assert mappings.in_force(other)[1] is None


def test_a_document_that_is_wrong_is_refused_with_its_places(manager, connection):
    text = json.dumps(
        {"format": "mapping/1", "rows": [{"field": "email", "path": "a"}, {"field": "nose", "path": "b"}]}
    )

    response = manager.post(address(connection, "_import"), {"text": text, "apply": "yes"})

    assert response.status_code == 400
    assert "Row 2, field: A contact has no field “nose”." in words(response)
    assert not Mapping.objects.exists()


@pytest.mark.parametrize("page", ["", "_versions", "_trial", "_unread", "_export", "_import"])
def test_the_mapping_of_somebody_elses_client_is_not_there(manager, page):
    theirs = make_connection(make_client("theirs"), Connection.Party.GENERIC)

    assert manager.get(address(theirs, page)).status_code == 404
    assert manager.post(address(theirs, page), form(*ROWS, save="yes")).status_code in (404, 405)
    assert not Mapping.objects.exists()


def test_a_connection_that_sends_no_contacts_has_no_mapping(manager, connection):
    mail = make_connection(connection.client, Connection.Party.SENDGRID)

    assert manager.get(address(mail)).status_code == 404


def test_a_viewer_looks_and_changes_nothing(connection):
    browser = Browser()
    browser.force_login(make_user_of("viewer"))

    page = browser.get(address(connection))
    saved = browser.post(address(connection), form(*ROWS, save="yes"))

    assert page.status_code == 200
    assert "Save as draft" not in words(page)
    assert saved.status_code == 403
    assert not Mapping.objects.exists()


# Rules of fields


def rule(connection, **values):
    usual = {"client": connection.client_id, "field": "title", "rule": "priority", "custom": "", "days": ""}
    return {**usual, **{f"source_{n}": "" for n in range(1, 5)}, **values}


def test_a_rule_is_made_of_dropdowns(manager, connection):
    data = rule(connection, source_1="salesforce", source_2="hubspot", days="30", rule="priority_unless_older")

    manager.post(reverse("admin:clients_fieldrule_add"), data)

    made = FieldRule.objects.get()
    assert (made.client, made.field, made.rule) == (connection.client, "title", "priority_unless_older")
    assert (made.sources, made.days) == (["salesforce", "hubspot"], 30)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({}, "Name the source whose word counts first."),
        ({"source_1": "hubspot", "source_2": "hubspot"}, "This source stands above already."),
        ({"rule": "priority_unless_older", "source_1": "hubspot"}, "Say after how many days a word is too old."),
        ({"field": "custom", "custom": "!", "rule": "latest"}, "Write its name with small letters, digits and _"),
        ({"field": "do_not_contact", "rule": "latest"}, "Once anybody said that a person is not to be contacted"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_in_words(manager, connection, values, complaint):
    response = manager.post(reverse("admin:clients_fieldrule_add"), rule(connection, **values))

    assert complaint in words(response)
    assert not FieldRule.objects.exists()


def test_sources_and_days_go_where_the_rule_needs_none(manager, connection):
    made = FieldRule.objects.create(
        client=connection.client, field="custom.score", rule="priority", sources=["hubspot"]
    )
    data = rule(connection, field="custom", custom="score", rule="longest", source_1="hubspot", days="9")

    page = manager.get(reverse("admin:clients_fieldrule_change", args=[made.pk]))
    manager.post(reverse("admin:clients_fieldrule_change", args=[made.pk]), data)

    assert 'name="custom" value="score"' in page.content.decode()
    made.refresh_from_db()
    assert (made.field, made.rule, made.sources, made.days) == ("custom.score", "longest", [], None)


def test_a_field_has_one_rule(manager, connection):
    FieldRule.objects.create(client=connection.client, field="title", rule="latest")

    response = manager.post(reverse("admin:clients_fieldrule_add"), rule(connection, rule="longest"))

    assert "There is a rule for Title already. Change that one." in words(response)
    assert FieldRule.objects.count() == 1


def test_nobody_sets_a_rule_for_somebody_elses_client(manager):
    theirs = make_connection(make_client("theirs"), Connection.Party.GENERIC)

    manager.post(reverse("admin:clients_fieldrule_add"), rule(theirs, rule="longest"))

    assert not FieldRule.objects.exists()


def test_the_connection_and_the_delivery_lead_to_the_mapping(manager, connection):
    delivery = deliver(connection, FLAT)

    from_connection = manager.get(reverse("admin:clients_connection_change", args=[connection.pk]))
    from_delivery = manager.get(reverse("admin:clients_delivery_change", args=[delivery.pk]))

    assert address(connection) in from_connection.content.decode()
    assert f"{address(connection)}?delivery={delivery.pk}" in from_delivery.content.decode()
