"""A changed rule of a field holds for what was said before it, too."""

from datetime import timedelta

import pytest
from django.urls import reverse

from clients import ruling
from clients.models import Contact, FieldRule, Observation, SourceRecord
from gtm import loop
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_connection, make_contact

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    """Salesforce said CFO, and HubSpot CEO an hour later."""
    ours = make_client("acme")
    contact = make_contact(ours, "ada@x.example", title="CEO")
    for hours, (party, title) in enumerate((("salesforce", "CFO"), ("hubspot", "CEO"))):
        basis = {"client": ours, "contact": contact, "source": party, "created_at": AT}
        record = SourceRecord.objects.create(
            connection=make_connection(ours, party), ext_id="1", addresses=["ada@x.example"], **basis
        )
        for field, value in (("email", "ada@x.example"), ("title", title)):
            Observation.objects.create(record=record, field=field, value=value, occurred_at=AT + timedelta(hours=hours))
    return contact


def rung_by(monkeypatch):
    rung = []
    monkeypatch.setattr(loop, "later", lambda job, *args: rung.append((job, *args)))
    return rung


def test_a_new_rule_holds_for_what_was_said_before(ada):
    FieldRule.objects.create(client=ada.client, field="title", rule="priority", sources=["salesforce"])

    loop.decide_again(ada.client_id)

    ada.refresh_from_db()
    assert ada.title == "CFO"
    assert ada.field_states.get(field="title").rule == "salesforce comes first"


def test_deciding_again_by_the_same_rules_changes_nothing(ada):
    loop.decide_again(ada.client_id)
    before = (Contact.history.count(), list(ada.field_states.values_list("field", "observation_id", "decided_at")))

    loop.decide_again(ada.client_id)

    after = (Contact.history.count(), list(ada.field_states.values_list("field", "observation_id", "decided_at")))
    assert after == before


def test_many_records_are_decided_in_parts(ada, monkeypatch):
    monkeypatch.setattr(ruling, "AT_ONCE", 1)
    rung = rung_by(monkeypatch)
    first, second = ada.source_records.order_by("pk")

    loop.decide_again(ada.client_id)
    loop.decide_again(ada.client_id, first.pk)

    assert rung == [
        (loop.decide_again, ada.client_id, first.pk),
        (loop.decide_again, ada.client_id, second.pk),
    ]
    assert ruling.decide_again(ada.client_id, after=second.pk, at=AT) is None


def test_the_clock_rings_again_for_rules_of_late_and_for_no_others(ada, monkeypatch):
    rung = rung_by(monkeypatch)
    late, old = (FieldRule.objects.create(client=each, field="title") for each in (ada.client, make_client("old")))
    late.delete()
    FieldRule.history.filter(id=old.pk).update(history_date=AT - timedelta(days=9))
    FieldRule.history.exclude(id=old.pk).update(history_date=AT)

    loop.keep_to_rules(at=AT + timedelta(days=1))

    assert rung == [(loop.decide_again, ada.client_id)]


def test_saving_and_taking_away_a_rule_rings(client, ada, monkeypatch):
    rung = rung_by(monkeypatch)
    user = make_user_of("manager")
    ada.client.managers.add(user)
    client.force_login(user)
    data = {"client": ada.client_id, "field": "title", "rule": "longest", "custom": "", "days": ""}

    client.post(reverse("admin:clients_fieldrule_add"), data | {f"source_{n}": "" for n in range(1, 5)})
    made = FieldRule.objects.get()
    client.post(reverse("admin:clients_fieldrule_delete", args=[made.pk]), {"post": "yes"})

    assert not FieldRule.objects.exists()
    assert rung == [(loop.decide_again, ada.client_id)] * 2
