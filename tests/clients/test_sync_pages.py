"""What waits for a CRM and what comparing found, as people see and move it: account managers for their own clients."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django_q.models import OrmQ

from clients import mappings, outbox, pushing
from clients.models import Mapping, Push, Reconciliation, SyncSettings
from gtm import loop
from tests.clients import crms
from tests.clients.crms import make_record, make_two_crms, say, write_in_earnest
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_connection, make_contact

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rows(monkeypatch):
    monkeypatch.setattr(
        mappings, "in_force", lambda connection: (crms.ROWS.get(connection.party, ()), Mapping(number=7))
    )


@pytest.fixture
def waiting():
    """A title of one client's contact waits for Salesforce."""
    _, hubspot, salesforce = make_two_crms()
    outbox.note([say(hubspot, "title", "CFO")], at=AT)
    return Push.objects.get(record=salesforce)


@pytest.fixture
def manager(client, waiting):
    user = make_user_of("manager")
    waiting.record.client.managers.add(user)
    client.force_login(user)
    return client


def queued(job):
    return [row.task["args"] for row in OrmQ.objects.all() if row.task["func"] is job]


def act(browser, pushes, action, **values):
    chosen = {"action": action, "_selected_action": [push.pk for push in pushes], **values}
    return browser.post(reverse("admin:clients_push_changelist"), chosen, follow=True).content.decode()


def test_a_push_shows_what_the_crm_said_and_what_we_write_and_why_it_waits(manager, waiting):
    Push.objects.update(before={"title": "Boss"}, why="Busy.")

    page = manager.get(reverse("admin:clients_push_change", args=[waiting.pk])).content.decode()

    for text in ("<td>Boss</td><td>CFO</td>", "contact 003A", "Busy.", "Waits", "Version 7"):
        assert text in page


def test_what_was_given_up_is_sent_again_at_once_with_what_holds_now(manager, waiting):
    Push.objects.update(state="dead", why="Busy.", ended_at=AT)

    page = act(manager, [waiting], "send_again")

    push = Push.objects.get(state="waiting")
    assert (push.fields, push.asked_by.username) == ({"title": "CFO"}, "manager")
    assert queued(loop.push_to) == [(waiting.connection_id,)]
    assert "1 are sent now" in page


def test_what_was_given_up_stands_in_the_quarantine_for_whoever_may_see_the_client(manager, waiting):
    Push.objects.update(state="dead", why="Busy.", ended_at=AT)
    other = make_contact(make_client())
    record = make_record(other, make_connection(other.client, "salesforce"), "003B")
    basis = {"state": "dead", "why": "No.", "ended_at": AT, "made_at": AT, "due_at": AT}
    Push.objects.create(record=record, connection=record.connection, fields={"title": "x"}, **basis)

    page = manager.get(reverse("quarantine")).content.decode()

    assert "Pushes that were given up" in page
    assert f"connection__id__exact={waiting.connection_id}&amp;state__exact=dead" in page
    assert f"connection__id__exact={record.connection_id}&amp;" not in page


def test_a_push_is_discarded_only_with_a_reason(manager, waiting):
    refused = act(manager, [waiting], "discard", reason=" ")
    before = Push.objects.get().state
    act(manager, [waiting], "discard", reason="They left the company.")

    push = Push.objects.get()
    assert ("say why" in refused, before) == (True, "waiting")
    assert (push.state, push.why) == ("skipped", "manager: They left the company.")


def test_an_account_manager_moves_no_push_of_another_client(manager):
    other = make_contact(make_client())
    record = make_record(other, make_connection(other.client, "salesforce"), "003B")
    theirs = Push.objects.create(
        record=record, connection=record.connection, fields={"title": "x"}, made_at=AT, due_at=AT
    )

    act(manager, [theirs], "discard", reason="Mine now.")
    page = manager.get(reverse("connection_sync", args=[record.connection_id]))

    theirs.refresh_from_db()
    assert (theirs.state, page.status_code) == ("waiting", 404)


def test_a_viewer_is_offered_nothing_and_can_do_nothing(client, waiting):
    client.force_login(make_user_of("viewer"))
    act(client, [waiting], "discard", reason="Mine now.")
    url = reverse("connection_sync", args=[waiting.connection_id])

    page, pressed = client.get(url).content.decode(), client.post(url, {"send": "1"})

    assert ("Send now" in page, pressed.status_code, OrmQ.objects.count()) == (False, 403, 0)
    assert Push.objects.get().state == "waiting"


def test_the_contacts_page_shows_what_is_on_its_way(manager, waiting):
    url = reverse("admin:clients_contact_change", args=[waiting.record.contact_id])

    page = manager.get(url).content.decode()

    assert f'<a href="/admin/clients/push/{waiting.pk}/change/">salesforce</a>: 1 field' in page


def test_a_correction_by_hand_waits_for_both_crms_and_is_sent_at_once(manager, waiting):
    contact = waiting.record.contact
    url = reverse("admin:clients_contact_change", args=[contact.pk])
    form = manager.get(url).context["adminform"].form
    typed = {name: form.initial.get(name) or "" for name in form.fields} | {"title": "Chair"}

    manager.post(url, typed)

    sent = Push.objects.filter(state="waiting", asked_by__username="manager")
    assert sorted(sent.values_list("record__source", "fields__title")) == [
        ("hubspot", "Chair"),
        ("salesforce", "Chair"),
    ]
    assert len(queued(loop.push_to)) == 2


def test_sending_now_ends_a_pause_and_does_not_wait_for_the_next_minute(manager, waiting):
    write_in_earnest(waiting.connection, paused_at=AT, paused_why="The token is void.")
    url = reverse("connection_sync", args=[waiting.connection_id])
    before = manager.get(url).content.decode()

    after = manager.post(url, {"send": "1"}, follow=True).content.decode()

    assert ("The token is void." in before, "The token is void." in after) == (True, False)
    assert SyncSettings.objects.get().paused_at is None
    assert queued(loop.push_to) == [(waiting.connection_id,)]


def test_comparing_now_begins_one_comparison_however_often_it_is_pressed(manager, waiting):
    url = reverse("connection_sync", args=[waiting.connection_id])

    for _ in range(2):
        manager.post(url, {"compare": "1"})

    run = Reconciliation.objects.get()
    assert (run.connection, run.asked_by.username) == (waiting.connection, "manager")
    assert set(queued(loop.compare)) == {(run.pk,)}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"records_seen": 10, "found_only_here": 2},
            "10 records had changed there. Of 2 of them (20 %) no webhook had told",
        ),
        (
            {"records_seen": 10},
            "10 records had changed there, and its webhooks had told us of all of it. None was lost.",
        ),
        ({"records_seen": 0}, "Nothing had changed there."),
        ({"error": "The token is void."}, "Ended early: The token is void."),
        ({"ended_at": None, "error": "Busy."}, "Goes on. Busy."),
    ],
)
def test_the_sync_page_says_how_much_the_webhooks_lose(manager, waiting, values, words):
    basis = {"from_at": AT, "until_at": AT, "started_at": AT, "ended_at": AT + timedelta(minutes=1)}
    Reconciliation.objects.create(connection=waiting.connection, **basis | values)

    page = manager.get(reverse("connection_sync", args=[waiting.connection_id])).content.decode()

    assert words in page


def test_a_crm_that_we_cannot_ask_is_said_to_be_read_only_through_its_webhooks(manager, waiting):
    other = make_connection(waiting.record.client, "outcomes")
    url = reverse("connection_sync", args=[other.pk])

    page, pressed = manager.get(url).content.decode(), manager.post(url, {"compare": "1"})

    assert "is read only through its webhooks." in page
    assert "Compare now" not in page
    assert (pressed.status_code, Reconciliation.objects.count()) == (200, 0)


def test_how_a_connection_is_written_to_is_set_on_its_sync_page_and_kept_with_a_name(manager, waiting):
    url = reverse("connection_sync", args=[waiting.connection_id])

    refused = manager.post(url, {"save": "1", "daily_writes": "0"})
    before = SyncSettings.objects.count()
    manager.post(url, {"save": "1", "daily_writes": "50", "own_id": "4711"})

    settings = SyncSettings.objects.get()
    assert (refused.status_code, before) == (400, 0)
    assert (settings.is_dry_run, settings.daily_writes, settings.own_id) == (False, 50, "4711")
    assert settings.history.get().history_user.username == "manager"


def test_once_writing_is_switched_on_the_crm_is_asked_who_we_are_there(manager, waiting):
    url = reverse("connection_sync", args=[waiting.connection_id])

    manager.post(url, {"save": "1", "daily_writes": "50", "is_dry_run": "on"})
    in_dry_run = queued(loop.learn_own_id)
    manager.post(url, {"save": "1", "daily_writes": "50"})

    assert (in_dry_run, queued(loop.learn_own_id)) == ([], [(waiting.connection_id,)])


def test_what_a_dry_run_showed_is_written_with_one_press_once_it_is_over(manager, waiting):
    write_in_earnest(waiting.connection)
    Push.objects.update(state="skipped", why=pushing.DRY_RUN, ended_at=AT)
    url = reverse("connection_sync", args=[waiting.connection_id])
    page = manager.get(url).content.decode()

    manager.post(url, {"release": "1"})

    assert "Write what they showed" in page
    assert Push.objects.get(state="waiting").asked_by.username == "manager"
    assert queued(loop.push_to) == [(waiting.connection_id,)]
