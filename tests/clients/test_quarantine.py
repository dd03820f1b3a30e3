"""Quarantine for people: counted by kind, tried again at a pace, mended as a delivery of its own, discarded."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django_q.models import OrmQ

from clients import inbox, mappings, quarantine
from clients.bodies import HIDDEN
from clients.mapping import Row
from clients.models import Contact, Delivery, Event, Replay
from gtm import loop
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_connection

pytestmark = pytest.mark.django_db

NAMELESS = {"firstname": "Ada", "lastname": "Lee"}
WHOLE = NAMELESS | {"email": "ada@northwind-bank.example"}


def arrive(connection, body, at=AT):
    """Stored and tried; a dict is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    delivery = inbox.store(connection, headers={"Content-Type": "application/json"}, body=raw, at=at).delivery
    inbox.apply(delivery.pk, at=at)
    delivery.refresh_from_db()
    return delivery


@pytest.fixture
def crm():
    return make_connection()


@pytest.fixture
def operator(client):
    client.force_login(make_user_of("operator"))
    return client


def one(delivery):
    return reverse("quarantined", args=[delivery.pk])


# --- kinds


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "not_json"),
        (b"\xff", "encoding"),
        (b"", "empty"),
        (b"[]", "empty"),
        (b"7", "shape"),
        (b"[7]", "shape"),
        (b"[" * 100_000, "not_json"),
        (b'{"email": "a\\u0000@b.example"}', "unwritable"),
        (json.dumps([{}] * 1001).encode(), "too_many"),
        (NAMELESS, "no_address"),
        (WHOLE | {"email": "nobody"}, "no_address"),
        (WHOLE | {"lastmodifieddate": "yesterday"}, "bad_time"),
    ],
)
def test_a_delivery_says_what_kind_of_problem_it_has(crm, body, kind):
    delivery = arrive(crm, body)

    assert (delivery.status, delivery.error_class) == ("quarantined", kind)
    assert delivery.error


def test_a_fault_of_ours_is_a_kind_of_its_own(crm):
    delivery = inbox.store(crm, headers={}, body=b"{}", at=AT).delivery

    for _ in range(inbox.MOST_FAULTS):
        inbox.note_fault(delivery.pk)

    delivery.refresh_from_db()
    assert (delivery.status, delivery.error_class) == ("quarantined", "fault")


def test_what_was_wrong_with_some_entries_is_counted_while_the_others_are_applied(crm):
    delivery = arrive(crm, json.dumps([WHOLE, NAMELESS]).encode())

    assert (delivery.status, delivery.error_class) == ("applied", "no_address")
    assert Contact.objects.get().email == WHOLE["email"]


def test_deliveries_are_counted_by_connection_and_kind_with_age_and_a_sample(crm, django_assert_num_queries):
    first = arrive(crm, NAMELESS)
    newest = arrive(crm, NAMELESS | {"a": 1}, at=AT + timedelta(hours=1))
    broken = arrive(crm, b"{")

    with django_assert_num_queries(3):
        groups = quarantine.groups(Delivery.objects.filter(status="quarantined"))

    assert [(group.error_class, group.waiting, group.oldest, group.newest, group.sample) for group in groups] == [
        ("no_address", 2, first.received_at, newest.received_at, newest),
        ("not_json", 1, AT, AT, broken),
    ]


# --- one of them


def test_a_mended_body_is_a_delivery_of_its_own_and_the_first_stays_as_it_was(crm):
    delivery, by = arrive(crm, NAMELESS), make_user_of("operator")

    made = quarantine.mend(delivery, json.dumps(WHOLE), by=by, at=AT + timedelta(hours=1))
    inbox.apply(made.pk, at=AT + timedelta(hours=1))

    made.refresh_from_db()
    delivery.refresh_from_db()
    assert (made.way, made.original, made.status, json.loads(bytes(made.body))) == (
        "mended",
        delivery,
        "applied",
        WHOLE,
    )
    assert (delivery.status, delivery.discarded_by, delivery.discarded_at) == ("discarded", by, AT + timedelta(hours=1))
    assert delivery.discarded_why == f"Mended as delivery {made.pk}."
    assert json.loads(bytes(delivery.body)) == NAMELESS
    assert Contact.objects.get().full_name == "Ada Lee"


def test_what_is_hidden_on_the_page_is_put_back_when_it_is_mended(crm):
    delivery = arrive(crm, NAMELESS | {"auth": {"token": "s3cret"}, "list": [{"signature": "abc"}]})
    shown = quarantine.text_of(delivery)
    assert "s3cret" not in shown
    assert shown.count(HIDDEN) == 2

    made = quarantine.mend(delivery, shown.replace('"Ada"', '"Eve"'), by=None, at=AT)

    body = json.loads(bytes(made.body))
    assert body == {"firstname": "Eve", "lastname": "Lee", "auth": {"token": "s3cret"}, "list": [{"signature": "abc"}]}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("{", "not JSON"),
        (json.dumps(NAMELESS), "Nothing is changed"),
    ],
)
def test_what_cannot_be_mended_so_keeps_nothing(crm, text, why):
    delivery = arrive(crm, NAMELESS)

    with pytest.raises(quarantine.NotDone, match=why):
        quarantine.mend(delivery, text, by=None, at=AT)

    assert list(Delivery.objects.values_list("status", flat=True)) == ["quarantined"]


def test_a_delivery_is_mended_once(crm):
    delivery = arrive(crm, NAMELESS)
    quarantine.mend(delivery, json.dumps(WHOLE), by=None, at=AT)

    with pytest.raises(quarantine.NotDone, match="mended before"):
        quarantine.mend(delivery, json.dumps(WHOLE | {"a": 1}), by=None, at=AT)

    assert Delivery.objects.count() == 2


def test_the_left_out_entries_of_an_applied_delivery_can_be_mended_and_it_stays_applied(crm):
    delivery = arrive(crm, json.dumps([WHOLE, NAMELESS]).encode())

    made = quarantine.mend(delivery, json.dumps(NAMELESS | {"email": "eve@northwind-bank.example"}), by=None, at=AT)
    inbox.apply(made.pk, at=AT)

    delivery.refresh_from_db()
    assert delivery.status == "applied"
    assert Contact.objects.count() == 2


def test_discarding_needs_a_reason_and_can_be_taken_back_by_trying_again(crm):
    delivery, by = arrive(crm, NAMELESS), make_user_of("operator")
    rows = Delivery.objects.filter(pk=delivery.pk)
    with pytest.raises(quarantine.NotDone, match="Say in a few words"):
        quarantine.discard(rows, why=" ", by=by, at=AT)

    assert quarantine.discard(rows, why="A test of theirs.", by=by, at=AT) == 1
    assert quarantine.discard(rows, why="Again.", by=by, at=AT) == 0
    delivery.refresh_from_db()
    assert (delivery.status, delivery.discarded_why, delivery.discarded_by) == ("discarded", "A test of theirs.", by)

    quarantine.retry(delivery)

    delivery.refresh_from_db()
    assert (delivery.status, delivery.discarded_by, delivery.discarded_why) == ("received", None, "")


def test_what_was_applied_is_not_tried_again(crm):
    delivery = arrive(crm, WHOLE)

    with pytest.raises(quarantine.NotDone, match="applied by now"):
        quarantine.retry(delivery)

    delivery.refresh_from_db()
    assert (delivery.status, Event.objects.count()) == ("applied", 1)


# --- many of them


def minute(number):
    return AT + timedelta(hours=1, minutes=number)


def test_a_kind_is_tried_again_so_many_a_minute_the_oldest_first(crm):
    stored = [arrive(crm, NAMELESS | {"number": number}) for number in range(5)]
    replay = quarantine.ask_replay(quarantine.Which(crm, "no_address"), per_minute=2, at=minute(0))
    later = arrive(crm, NAMELESS | {"number": 9})  # what came afterwards is not part of it

    shares = [quarantine.step(minute(number)) for number in range(4)]

    assert shares == [[each.pk for each in stored[:2]], [each.pk for each in stored[2:4]], [stored[4].pk], []]
    replay.refresh_from_db()
    assert (replay.tried, replay.ended_at) == (5, minute(2))
    later.refresh_from_db()
    assert later.status == "quarantined"


def test_a_second_bell_within_the_minute_releases_nothing_more(crm):
    for number in range(4):
        arrive(crm, NAMELESS | {"number": number})
    quarantine.ask_replay(quarantine.Which(crm, "no_address"), per_minute=2, at=minute(0))

    assert len(quarantine.step(minute(0))) == 2
    assert quarantine.step(minute(0) + timedelta(seconds=5)) == []


def test_what_fails_again_waits_and_is_not_tried_for_ever(crm):
    delivery = arrive(crm, NAMELESS)
    quarantine.ask_replay(quarantine.Which(crm, "no_address"), per_minute=1, at=minute(0))

    for number in range(3):
        for pk in quarantine.step(minute(number)):
            inbox.apply(pk, at=minute(number))

    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == ("quarantined", 1)
    assert Replay.objects.get().ended_at == minute(1)


def test_only_the_days_that_are_asked_for_are_tried(crm):
    old = arrive(crm, NAMELESS, at=AT - timedelta(days=3))
    arrive(crm, NAMELESS | {"a": 1}, at=AT)

    which = quarantine.Which(crm, "no_address", until=AT - timedelta(days=1))
    quarantine.ask_replay(which, per_minute=9, at=minute(0))

    assert quarantine.step(minute(0)) == [old.pk]


def test_one_replay_of_a_kind_at_a_time_and_it_can_be_stopped(crm):
    arrive(crm, NAMELESS)
    which = quarantine.Which(crm, "no_address")
    replay = quarantine.ask_replay(which, per_minute=1, at=minute(0))
    with pytest.raises(quarantine.NotDone, match="already"):
        quarantine.ask_replay(which, per_minute=1, at=minute(0))

    quarantine.stop(replay, at=minute(0))

    assert quarantine.step(minute(0)) == []
    assert Replay.objects.count() == 1


def test_nothing_of_the_kind_is_no_replay(crm):
    with pytest.raises(quarantine.NotDone, match="No delivery"):
        quarantine.ask_replay(quarantine.Which(crm, "no_address"), per_minute=1, at=AT)

    assert not Replay.objects.exists()


def test_a_new_mapping_has_tried_again_what_a_mapping_can_help_of_that_connection(crm):
    arrive(crm, NAMELESS)
    arrive(crm, b"{")
    arrive(make_connection(crm.client, name="Other"), NAMELESS)
    by = make_user_of("operator")
    rows = (Row("email", "mail", required=True),)
    draft = mappings.save_draft(crm, rows, by=by, at=AT)
    assert quarantine.after_mappings(minute(0)) == []
    mappings.activate(draft, by=by, at=minute(0))

    made = quarantine.after_mappings(minute(1))

    assert [(each.connection, each.error_class, each.asked_by) for each in made] == [(crm, "no_address", by)]
    assert made[0].why == "Version 1 of the mapping became active."
    quarantine.stop(made[0], at=minute(2))
    assert quarantine.after_mappings(minute(3)) == []


def test_what_the_new_mapping_reads_becomes_a_contact_by_itself(crm):
    delivery, by = arrive(crm, {"mail": "ada@northwind-bank.example", "given": "Ada"}), make_user_of("operator")
    rows = (Row("email", "mail", required=True), Row("first_name", "given"))
    mappings.activate(mappings.save_draft(crm, rows, by=by, at=AT), by=by, at=minute(0))

    loop.replay_quarantined(at=minute(1))
    loop.process_delivery(delivery.pk)

    delivery.refresh_from_db()
    assert (delivery.status, Contact.objects.get().first_name) == ("applied", "Ada")


def test_the_clock_rings_for_each_that_is_tried_again(crm):
    delivery = arrive(crm, NAMELESS)
    quarantine.ask_replay(quarantine.Which(crm, "no_address"), per_minute=1, at=minute(0))

    loop.replay_quarantined(at=minute(0))

    delivery.refresh_from_db()
    assert (delivery.status, OrmQ.objects.count()) == ("received", 1)


# --- the pages


def test_the_page_counts_kinds_and_leads_to_them(operator, crm):
    arrive(crm, NAMELESS)
    arrive(crm, NAMELESS | {"a": 1})

    shown = operator.get(reverse("quarantine")).content.decode()

    assert "No usable e-mail address" in shown
    assert f"?connection={crm.pk}&amp;kind=no_address" in shown
    assert "2 deliveries" in shown


def test_a_delivery_shows_its_body_without_secrets_its_verification_and_what_it_became(operator, crm):
    delivery = arrive(crm, NAMELESS | {"token": "s3cret"})

    shown = operator.get(one(delivery)).content.decode()

    assert "There is no e-mail address in it" in shown
    assert "s3cret" not in shown
    assert "the connection asks for no signature" in shown
    assert "Edit, then try" in shown
    assert "How the usual mapping reads it" in shown
    assert "<code>firstname" in shown


def test_an_operator_mends_a_body_on_the_page_and_it_is_queued(operator, crm):
    delivery = arrive(crm, NAMELESS)

    answer = operator.post(one(delivery), {"action": "mend", "body": json.dumps(WHOLE, indent=2)}, follow=True)

    made = Delivery.objects.get(way="mended")
    assert answer.redirect_chain[-1][0] == one(made)
    assert (made.original, OrmQ.objects.count()) == (delivery, 1)
    assert f"delivery {delivery.pk}" in answer.content.decode()


def test_what_was_typed_stays_when_it_is_refused(operator, crm):
    delivery = arrive(crm, NAMELESS)

    shown = operator.post(one(delivery), {"action": "mend", "body": "{nearly"}).content.decode()

    assert "This is not JSON" in shown
    assert "{nearly" in shown
    assert Delivery.objects.count() == 1


def test_after_discarding_the_next_of_the_kind_opens(operator, crm):
    first, second = arrive(crm, NAMELESS), arrive(crm, NAMELESS | {"a": 1})

    answer = operator.post(one(first), {"action": "discard", "why": "A test."})

    assert answer["Location"] == one(second)
    assert operator.post(one(second), {"action": "discard", "why": "A test."})["Location"] == reverse("quarantine")


def test_discarding_without_a_reason_changes_nothing(operator, crm):
    delivery = arrive(crm, NAMELESS)

    operator.post(one(delivery), {"action": "discard", "why": ""})

    delivery.refresh_from_db()
    assert delivery.status == "quarantined"


def test_all_of_a_kind_are_tried_again_or_discarded_from_the_page(operator, crm):
    arrive(crm, NAMELESS)
    arrive(crm, b"{")
    page = reverse("quarantine") + f"?connection={crm.pk}&kind="

    operator.post(page + "no_address", {"action": "replay_all", "per_minute": "60"})
    operator.post(page + "not_json", {"action": "discard_all", "why": "Their test.", "last": "2026-11-16"})

    assert (Replay.objects.get().error_class, OrmQ.objects.count()) == ("no_address", 1)
    assert Delivery.objects.get(error_class="not_json").status == "discarded"


def test_days_the_wrong_way_round_are_told(operator, crm):
    arrive(crm, NAMELESS)
    page = reverse("quarantine") + f"?connection={crm.pk}&kind=no_address"

    shown = operator.post(page, {"action": "discard_all", "why": "x", "first": "2026-11-16", "last": "2026-11-01"})

    assert "Turn them round" in shown.content.decode()
    assert Delivery.objects.get().status == "quarantined"


def test_an_account_manager_acts_for_own_clients_and_finds_no_others(client, crm):
    user = make_user_of("manager")
    crm.client.managers.add(user)
    client.force_login(user)
    own, foreign = arrive(crm, NAMELESS), arrive(make_connection(make_client(name="Hidden Harbour")), NAMELESS)

    assert "Hidden Harbour" not in client.get(reverse("quarantine")).content.decode()
    assert client.post(one(foreign), {"action": "retry"}).status_code == 404
    client.post(one(own), {"action": "retry"})

    assert [Delivery.objects.get(pk=each.pk).status for each in (own, foreign)] == ["received", "quarantined"]


def test_a_viewer_reads_and_changes_nothing(client, crm):
    client.force_login(make_user_of("viewer"))
    delivery = arrive(crm, NAMELESS)

    assert "Try again" not in client.get(one(delivery)).content.decode()
    assert client.post(one(delivery), {"action": "retry"}).status_code == 403

    delivery.refresh_from_db()
    assert delivery.status == "quarantined"
