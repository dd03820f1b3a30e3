"""Who asked to be forgotten is in no client's graph any more; what is known of their company stays."""

import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from agents_app import entities
from agents_app.models import Edge, Entity, EntityMerge, MergeProposal, Statement
from clients import erasure
from gtm import loop
from tests.agents_app.found import company_at, held, make_company, run_that_found
from tests.everywhere import places
from tests.factories import AT, make_client, make_contact, make_user

BANK = "northwind-bank.example"
NAMES = ("soren muller", "søren müller", "chief financial")


@pytest.fixture
def acme():
    return make_client("acme")


@pytest.fixture
def soren(acme):
    return make_contact(
        acme, f"sm@{BANK}", first_name="Søren", last_name="Müller", full_name="Søren Müller", title="CFO",
        company_domain=BANK,
    )  # fmt: skip


def forget(contact):
    asked = erasure.ask(contact, by=None, at=timezone.now())
    loop.erase_people()
    asked.refresh_from_db()
    return asked


def absorb(run):
    return entities.absorb(run, at=AT)


@pytest.mark.django_db
def test_a_person_goes_with_the_name_in_every_form_and_the_title(acme, soren):
    absorb(
        run_that_found(
            acme, BANK, ("person", "Søren Müller, Treasurer"), ("news", "Søren Müller joins"), name="Northwind"
        )
    )
    absorb(run_that_found(acme, BANK, ("person", "Lena Vogt, CRO"), ("headcount", "10"), on=AT + timedelta(days=1)))
    assert {place.split(":")[0] for place in places(*NAMES)} >= {"agents_app_entity", "agents_app_statement"}

    asked = forget(soren)

    assert places(*NAMES) == []
    person = Entity.objects.get(name="[erased]")
    assert (person.kind, person.normalised) == ("person", f"erased:{person.pk}")
    assert held(person) == {"title": "[erased]"}
    assert asked.blanked["agents_app.Entity"] == 1
    bank = company_at(BANK, acme)
    assert [row.value for row in entities.timeline(bank, "news")] == ["[erased] joins"]
    assert held(bank)["headcount"] == "10"
    assert sorted(Edge.objects.values_list("subject__name", flat=True)) == ["Lena Vogt", "[erased]"]
    assert held(Entity.objects.get(name="Lena Vogt")) == {"title": "CRO"}


@pytest.mark.django_db
def test_an_entity_that_a_person_said_is_the_same_goes_with_it(acme, soren):
    absorb(run_that_found(acme, BANK, ("person", "Søren Müller, CFO"), ("person", "S. Mueller, Treasurer")))
    one, other = Entity.objects.filter(kind="person").order_by("pk")
    entities.merge(one, other, by=make_user(), at=AT)

    forget(soren)

    assert [row.value for row in Statement.objects.filter(entity__in=[one, other])] == ["[erased]"] * 2
    assert list(Entity.objects.filter(kind="person").values_list("name", flat=True)) == ["[erased]"] * 2


@pytest.mark.django_db
def test_one_that_was_split_from_it_stays(acme, soren):
    absorb(run_that_found(acme, BANK, ("person", "Søren Müller, CFO"), ("person", "S. Mueller, Treasurer")))
    one, other = Entity.objects.filter(kind="person").order_by("pk")
    entities.split(entities.merge(one, other, at=AT), by=None, at=AT)

    forget(soren)

    other.refresh_from_db()
    assert (other.name, held(other)) == ("S. Mueller", {"title": "Treasurer"})


@pytest.mark.django_db
def test_a_company_with_the_name_in_its_own_keeps_the_rest(acme, soren):
    make_company(acme, "Søren Müller Consulting", normalised="soren muller consulting")

    forget(soren)

    assert places("müller", "muller") == []
    assert Entity.objects.get(kind="company").name == "[erased] Consulting"


@pytest.mark.django_db
def test_two_of_one_name_are_told_apart_no_more_and_stay_two_rows(acme, soren):
    for domain in (BANK, "harbour.example"):
        absorb(run_that_found(acme, domain, ("person", "Søren Müller, CFO")))

    forget(soren)

    assert list(Entity.objects.filter(kind="person").values_list("name", flat=True)) == ["[erased]"] * 2


@pytest.mark.django_db
def test_another_client_keeps_whom_it_was_not_asked_about(acme, soren):
    other = make_client("other")
    absorb(run_that_found(other, BANK, ("person", "Søren Müller, CFO")))

    forget(soren)

    assert Entity.objects.get(kind="person").name == "Søren Müller"


@pytest.mark.django_db
def test_a_run_that_is_absorbed_after_the_erasure_brings_nobody_back(acme, soren):
    run = run_that_found(acme, BANK, ("person", "Søren Müller, CFO"), ("headcount", "10"))
    forget(soren)

    absorb(run)

    assert places("müller") == []
    assert Entity.objects.filter(kind="person").count() == 0
    assert held(company_at(BANK, acme)) == {"headcount": "10", "person": "[erased], CFO"}


@pytest.mark.django_db
def test_a_second_time_changes_nothing(acme, soren):
    absorb(run_that_found(acme, BANK, ("person", "Søren Müller, CFO")))
    forget(soren)

    assert forget(soren).blanked == {}


@pytest.mark.django_db
def test_outside_an_erasure_names_and_records_are_as_they_were(acme):
    bank = make_company(acme, "Northwind")
    Entity.objects.filter(pk=bank.pk).update(name="Northwind Bank")

    bank.refresh_from_db()
    assert (bank.name, bank.normalised) == ("Northwind Bank", "northwind")
    with pytest.raises(DatabaseError), transaction.atomic():
        Entity.objects.all().delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        Entity.objects.update(kind="person")


@pytest.mark.django_db(transaction=True)
def test_what_is_absorbed_while_the_erasure_runs_is_erased_too(acme, soren):
    """The graph is written but not committed when the erasure comes to the run's facts: it waits, and looks after."""
    run = run_that_found(acme, BANK, ("person", "Søren Müller, CFO"))
    asked = threading.Event()

    def erase():
        erasure.ask(soren, by=None, at=timezone.now())
        asked.set()
        loop.erase_people()
        connection.close()

    other = threading.Thread(target=erase)
    with transaction.atomic():
        absorb(run)
        other.start()
        asked.wait(5)
        other.join(0.5)
        assert other.is_alive(), "it waits for the facts"
    other.join(20)

    assert places("müller", "muller") == []
    assert Entity.objects.get(kind="person").name == "[erased]"
    assert (EntityMerge.objects.count(), MergeProposal.objects.count(), Statement.objects.count()) == (0, 0, 2)
