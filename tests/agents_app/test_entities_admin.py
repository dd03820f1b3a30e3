"""The graph in the admin: read everywhere, decided about where two may be one, and by whom it may be."""

from datetime import date

import pytest
from django.test import Client as Browser
from django.urls import reverse

from agents_app import entities
from agents_app.models import Edge, Entity, EntityMerge, MergeProposal, Statement
from tests.agents_app.found import company_at, make_company, run_that_found
from tests.crowd import make_user_of
from tests.factories import AT, make_client

pytestmark = pytest.mark.django_db
BANK = "northwind-bank.example"


@pytest.fixture
def manager():
    return make_user_of("manager")


@pytest.fixture
def acme(manager):
    client = make_client("acme")
    client.managers.add(manager)
    return client


@pytest.fixture
def browser(manager):
    browser = Browser()
    browser.force_login(manager)
    return browser


def choose(browser, model, action, *rows):
    """The answer's text after the action was chosen for these rows."""
    address = reverse(f"admin:agents_app_{model._meta.model_name}_changelist")
    chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
    return browser.post(address, chosen, follow=True).content.decode()


def page(browser, row):
    return browser.get(reverse(f"admin:agents_app_{row._meta.model_name}_change", args=[row.pk])).content.decode()


def proposed(client):
    one, other = make_company(client, "northwind bank"), make_company(client, "northwind bank")
    [proposal] = entities.look_for_twins(client.pk, at=AT, of=[one.pk, other.pk])
    return proposal


def test_an_entity_shows_how_it_is_known_and_what_is_held_of_it(browser, acme):
    run = run_that_found(
        acme,
        BANK,
        ("name", "Northwind Bank"),
        ("headcount", "1,240", 0.8),
        ("cik", "0000001441"),
        as_of=date(2026, 5, 1),
    )
    entities.absorb(run, at=AT)
    bank = company_at(BANK, acme)
    entities.merge(bank, make_company(acme, "Northwind plc"), at=AT)

    shown = page(browser, bank)

    assert f"Domain {BANK}, SEC&#x27;s number (CIK) 0000001441" in shown
    assert "Headcount: 1,240 (80%)" in shown
    assert "Northwind plc</a>" in shown


def test_the_edges_of_an_entity_are_a_click_away(browser, acme):
    entities.absorb(run_that_found(acme, BANK, ("technology", "Ledgerly"), ("parent", "Harbour Group")), at=AT)
    bank = company_at(BANK, acme)
    address = reverse("admin:agents_app_edge_changelist")

    out = browser.get(address, {"subject__id__exact": bank.pk}).content.decode()
    into = browser.get(address, {"object__id__exact": bank.pk}).content.decode()

    assert ("Ledgerly" in out, "Harbour Group" in out) == (True, False)
    assert ("Ledgerly" in into, "Harbour Group" in into) == (False, True)
    assert "wikidata at /1: Ledgerly" in page(browser, Edge.objects.get(relation="uses"))


def test_what_was_held_before_is_told_apart_from_what_is_held(browser, acme):
    for value, day in (("1,240", AT), ("1,310", AT.replace(day=20))):
        entities.absorb(run_that_found(acme, BANK, ("headcount", value), on=day), at=AT)
    address = reverse("admin:agents_app_statement_changelist")

    now, before = (browser.get(address, {"held": each}).content.decode() for each in ("now", "before"))

    assert ("1,310" in now, "1,240" in now) == (True, False)
    assert ("1,310" in before, "1,240" in before) == (False, True)


def test_a_proposal_is_merged_by_whoever_works_for_the_client(browser, acme, manager):
    proposal = proposed(acme)

    answer = choose(browser, MergeProposal, "merge", proposal)

    assert "Merged: 1." in answer
    assert EntityMerge.objects.get().by == manager
    proposal.refresh_from_db()
    assert (proposal.status, proposal.by) == ("merged", manager)


def test_a_proposal_is_refused_with_not_the_same(browser, acme, manager):
    proposal = proposed(acme)

    assert "Kept apart: 1." in choose(browser, MergeProposal, "keep_apart", proposal)
    again = choose(browser, MergeProposal, "merge", proposal)

    assert "manager decided this on" in again
    assert EntityMerge.objects.count() == 0
    proposal.refresh_from_db()
    assert (proposal.status, proposal.by) == ("refused", manager)


def test_one_that_is_refused_hides_none_of_the_others(browser, acme, manager):
    first, second = proposed(acme), proposed(make_other(acme))
    entities.refuse(first, by=manager, at=AT)

    answer = choose(browser, MergeProposal, "merge", first, second)

    assert "manager decided this on" in answer
    assert "Merged: 1." in answer


def make_other(acme):
    other = make_client()
    other.managers.set(acme.managers.all())
    return other


def test_a_merge_is_split_from_the_list(browser, acme, manager):
    merge = entities.merge(make_company(acme), make_company(acme), at=AT)

    answer = choose(browser, EntityMerge, "split", merge)
    again = choose(browser, EntityMerge, "split", merge)

    assert "Split: 1." in answer
    assert "already" in again
    merge.refresh_from_db()
    assert merge.undone_by == manager


def test_of_another_client_nothing_is_decided(browser):
    proposal = proposed(make_client("other"))
    merge = entities.merge(make_company(proposal.client), make_company(proposal.client), at=AT)

    choose(browser, MergeProposal, "merge", proposal)
    choose(browser, EntityMerge, "split", merge)

    assert MergeProposal.objects.get().status == "open"
    assert EntityMerge.objects.get().undone_at is None


def test_a_viewer_is_offered_no_decision(acme):
    proposal, viewer = proposed(acme), Browser()
    viewer.force_login(make_user_of("viewer"))

    choose(viewer, MergeProposal, "merge", proposal)
    shown = viewer.get(reverse("admin:agents_app_mergeproposal_changelist")).content.decode()

    assert "Merge: they are the same" not in shown
    assert MergeProposal.objects.get().status == "open"


@pytest.mark.parametrize("model", [Entity, Edge, Statement, EntityMerge, MergeProposal])
def test_nobody_writes_the_graph_by_hand(model):
    admin = Browser()
    admin.force_login(make_user_of("admin"))

    assert admin.get(reverse(f"admin:agents_app_{model._meta.model_name}_add")).status_code == 403
