"""Two entities become one and are split again: a redirect, and nothing is moved."""

from datetime import timedelta
from itertools import combinations, pairwise

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from agents_app import entities
from agents_app.models import Edge, Entity, EntityMerge, MergeProposal, Statement
from gtm.records import RecordChanged
from tests.agents_app.found import EVER, as_seen, company_at, everything, held, make_company, rows, run_that_found
from tests.factories import AT, make_client, make_user

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
CALM = settings(
    deadline=None, phases=[Phase.generate], database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def acme():
    return make_client("acme")


@pytest.fixture
def two(acme):
    """A bank under two domains, each with a value, a neighbour and an id of its own."""
    for day, domain, size, tool in (
        (0, "northwind.example", "10", "Ledgerly"),
        (1, "nw-bank.example", "20", "Payroller"),
    ):
        found = (("headcount", size), ("technology", tool), ("linkedin_id", size), ("person", "Lena Vogt, CRO"))
        entities.absorb(run_that_found(acme, domain, *found, on=AT + day * DAY), at=AT)
    return company_at("northwind.example", acme), company_at("nw-bank.example", acme)


def names_around(entity):
    return sorted(node.name for node in entities.neighbourhood(entity, hops=1).nodes[1:])


def test_what_is_known_of_one_is_known_of_both(two):
    one, other = two

    entities.merge(other, one, at=AT + DAY)

    assert entities.canonical([one.pk, other.pk]) == {one.pk: one.pk, other.pk: one.pk}
    assert (
        held(one)
        == held(other)
        == {"headcount": "20", "technology": "Payroller", "linkedin_id": "20", "person": "Lena Vogt, CRO"}
    )
    assert names_around(one) == names_around(other) == ["Ledgerly", "Lena Vogt", "Lena Vogt", "Payroller"]
    assert [row.value for row in entities.timeline(other, "headcount")] == ["10", "20"]


def test_a_merge_moves_nothing_and_a_split_restores_the_very_graph(acme, two):
    stored, seen = rows(), as_seen(acme)

    merge = entities.merge(*two, at=AT + DAY)
    assert rows() == stored
    assert as_seen(acme) != seen
    entities.split(merge, by=None, at=AT + 2 * DAY)

    assert rows() == stored
    assert as_seen(acme) == seen


def test_what_came_in_between_stays_with_the_one_it_came_for(acme, two):
    one, other = two
    merge = entities.merge(one, other, at=AT)
    entities.absorb(run_that_found(acme, "nw-bank.example", ("headcount", "30"), on=AT + 3 * DAY), at=AT)
    assert held(one)["headcount"] == "30"

    entities.split(merge, by=None, at=AT + 4 * DAY)

    assert (held(one)["headcount"], held(other)["headcount"]) == ("10", "30")


def test_a_merge_and_a_split_are_written_down(two):
    kim, lou = make_user("kim"), make_user("lou")

    merge = entities.merge(*two, by=kim, at=AT)
    entities.split(merge, by=lou, at=AT + DAY)

    row = EntityMerge.objects.get()
    assert (row.loser, row.winner, row.by, row.at, row.undone_by, row.undone_at) == (
        two[1],
        two[0],
        kim,
        AT,
        lou,
        AT + DAY,
    )


def test_what_was_known_to_be_one_then_is_one_as_known_then(two):
    one, other = two
    merge = entities.merge(one, other, at=AT + 2 * DAY)
    entities.split(merge, by=None, at=AT + 4 * DAY)

    known = [held(one, known_at=AT + days * DAY)["headcount"] for days in (1, 3, 5)]
    around = [len(entities.neighbourhood(one, hops=1, known_at=AT + days * DAY).nodes) for days in (1, 3, 5)]

    assert known == ["10", "20", "10"]
    assert around == [3, 5, 3]


def test_the_one_with_ids_stands_before_the_one_that_was_only_named(acme):
    bank = make_company(acme, "Northwind Bank")
    named = make_company(acme, "Harbour Group", within=bank)
    known = make_company(acme, "Harbour Group plc")

    merge = entities.merge(named, known, at=AT)

    assert (merge.loser, merge.winner) == (named, known)
    assert entities.canonical([named.pk]) == {named.pk: known.pk}


# --- refusals


def test_of_two_clients_nothing_is_merged(acme):
    with pytest.raises(entities.MergeRefused, match="belong to two clients"):
        entities.merge(make_company(acme), make_company(make_client()), at=AT)
    assert EntityMerge.objects.count() == 0


def test_a_person_is_no_company(acme):
    with pytest.raises(entities.MergeRefused, match="Lena Vogt is a person"):
        entities.merge(make_company(acme, "Lena Vogt", kind="person"), make_company(acme), at=AT)


def test_what_is_one_already_is_not_merged_twice(acme):
    a, b, c = (make_company(acme) for _ in range(3))
    entities.merge(a, b, at=AT)
    entities.merge(c, b, at=AT)

    with pytest.raises(entities.MergeRefused, match="are one already"):
        entities.merge(a, c, at=AT)


def test_the_second_of_two_who_split_is_told_who_was_first(two):
    merge = entities.merge(*two, at=AT)
    entities.split(merge, by=make_user("kim"), at=AT + DAY)

    with pytest.raises(entities.MergeRefused, match=r"kim split .* on 17 November at "):
        entities.split(merge, by=make_user("lou"), at=AT + 2 * DAY)
    assert EntityMerge.objects.get().undone_by.username == "kim"


def test_nothing_of_the_graph_is_written_over_or_deleted(two):
    merge = entities.merge(*two, at=AT)
    row = Statement.objects.first()
    row.value = "9"
    with pytest.raises(RecordChanged):
        row.save()
    with pytest.raises(RecordChanged):
        two[0].delete()
    for rows_, change in (
        (Statement.objects.all(), {"value": "9"}),
        (Entity.objects.all(), {"kind": "person"}),
        (EntityMerge.objects.filter(pk=merge.pk), {"value": "9"}),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows_.update(**change)


# --- any order of merges and splits


def components(count, links):
    """The model: whom each of so many stands under, by the pairs that are tied."""
    under = list(range(count))
    for one, other in links:
        low, high = sorted((under[one], under[other]))
        under = [low if each == high else each for each in under]
    return under


STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=14)


@settings(CALM, max_examples=40)
@given(STEPS)
def test_any_merges_and_splits_leave_what_the_pairs_in_force_say(steps):
    client = make_client()
    ones = [make_company(client) for _ in range(6)]
    for one, other in pairwise(ones):
        Edge.objects.create(subject=one, relation="parent_of", object=other, created_at=AT)
    before, seen = rows(), as_seen(client)
    in_force: dict[tuple[int, int], EntityMerge] = {}
    for is_merge, first, second in steps:
        if is_merge:
            pair = tuple(sorted((first % 6, second % 6)))
            under = components(6, in_force)
            if under[pair[0]] != under[pair[1]]:
                in_force[pair] = entities.merge(ones[pair[0]], ones[pair[1]], at=AT)
        elif in_force:
            pair = list(in_force)[first % len(in_force)]
            entities.split(in_force.pop(pair), by=None, at=AT)

        found = entities.canonical(one.pk for one in ones)
        assert [found[one.pk] for one in ones] == [ones[each].pk for each in components(6, in_force)]

    for merge in in_force.values():
        entities.split(merge, by=None, at=AT)
    assert (rows(), as_seen(client)) == (before, seen)


def test_a_circle_of_merges_that_another_program_wrote_is_no_endless_loop(acme):
    ones = [make_company(acme) for _ in range(3)]
    for loser, winner in ((0, 1), (1, 2), (2, 0)):
        EntityMerge.objects.create(client=acme, loser=ones[loser], winner=ones[winner], at=AT)

    assert set(entities.canonical(one.pk for one in ones).values()) == {ones[0].pk}


def test_who_stands_under_whom_is_one_query_however_many_are_asked_about(acme):
    ones = [make_company(acme) for _ in range(20)]
    for one, other in pairwise(ones):
        entities.merge(one, other, at=AT)

    with CaptureQueriesContext(connection) as captured:
        found = entities.canonical(one.pk for one in ones)

    assert len(captured) == 1
    assert set(found.values()) == {ones[0].pk}


# --- proposals


def propose(client, *names):
    companies = [make_company(client, name) for name in names]
    entities.look_for_twins(client.pk, at=AT)
    return companies


def pairs():
    return [
        (row.one.name, row.other.name, row.status)
        for row in MergeProposal.objects.order_by("pk").select_related("one", "other")
    ]


def test_like_names_are_proposed_once_and_never_merged(acme):
    propose(acme, "northwind bank", "northwind bank", "odyne therapeutics")
    entities.look_for_twins(acme.pk, at=AT + DAY)

    assert pairs() == [("northwind bank", "northwind bank", "open")]
    assert MergeProposal.objects.get().score == 1.0
    assert EntityMerge.objects.count() == 0


def test_names_of_another_client_are_not_compared(acme):
    make_company(make_client(), "northwind bank")
    propose(acme, "northwind bank")

    assert pairs() == []


def test_an_accepted_proposal_merges_and_a_refused_one_is_never_asked_again(acme):
    kim = make_user("kim")
    propose(acme, "northwind bank", "northwind bank", "harbour pay", "harbour pay")
    bank, harbour = MergeProposal.objects.order_by("pk")

    merge = entities.accept(bank, by=kim, at=AT + DAY)
    entities.refuse(harbour, by=kim, at=AT + DAY)
    entities.look_for_twins(acme.pk, at=AT + 2 * DAY)

    assert (merge.winner, merge.loser, merge.by, merge.scheme) == (bank.one, bank.other, kim, "")
    assert pairs() == [("northwind bank", "northwind bank", "merged"), ("harbour pay", "harbour pay", "refused")]
    assert (bank.by, bank.decided_at) == (kim, AT + DAY)


def test_what_was_refused_of_one_is_refused_of_all_that_are_one_with_it(acme):
    kim = make_user("kim")
    older = make_company(acme, "odyne")
    propose(acme, "northwind bank", "northwind bank")
    entities.refuse(MergeProposal.objects.get(), by=kim, at=AT)
    entities.merge(older, MergeProposal.objects.get().one, by=kim, at=AT)

    make_company(acme, "northwind bank")
    entities.look_for_twins(acme.pk, at=AT)

    assert [status for *_, status in pairs()] == ["refused", "open", "open"]


def test_a_merge_settles_all_proposals_between_those_that_are_one_now(acme):
    a, b, c = propose(acme, "northwind bank", "northwind bank", "northwind bank")
    assert len(pairs()) == 3

    entities.merge(a, b, at=AT)
    assert [status for *_, status in pairs()] == ["merged", "open", "open"]
    entities.merge(b, c, at=AT)

    assert [status for *_, status in pairs()] == ["merged"] * 3


def test_the_second_of_two_who_decide_is_told_who_was_first(acme):
    propose(acme, "northwind bank", "northwind bank")
    proposal, late = MergeProposal.objects.get(), MergeProposal.objects.get()
    entities.refuse(proposal, by=make_user("kim"), at=AT)

    with pytest.raises(entities.ProposalRefused, match=r"kim decided this on 16 November at .*: not the same\."):
        entities.accept(late, by=make_user("lou"), at=AT)
    assert EntityMerge.objects.count() == 0


def test_what_was_split_is_not_proposed_for_its_name(acme):
    one, other = make_company(acme, "northwind bank"), make_company(acme, "northwind bank")
    entities.split(entities.merge(one, other, at=AT), by=None, at=AT)

    assert entities.look_for_twins(acme.pk, at=AT) == []


def test_a_company_and_the_one_it_was_named_of_are_told_apart_already(acme):
    bank = make_company(acme, "northwind bank")
    make_company(acme, "northwind bank", within=bank)

    assert entities.look_for_twins(acme.pk, at=AT) == []


def test_of_many_that_are_alike_each_is_in_few_proposals(acme):
    propose(acme, *["northwind bank"] * 12)

    asked = [pair for row in MergeProposal.objects.all() for pair in (row.one_id, row.other_id)]
    assert max(asked.count(each) for each in asked) == 5


def test_pairs_of_a_component_are_no_pairs(acme):
    ones = propose(acme, *["northwind bank"] * 3)
    for one, other in combinations(ones, 2):
        if entities.canonical([one.pk])[one.pk] != entities.canonical([other.pk])[other.pk]:
            entities.merge(one, other, at=AT)
    before = everything()

    assert entities.look_for_twins(acme.pk, at=EVER) == []
    assert everything() == before
