"""What stands around an entity: one query, cycles, merges and bounds."""

from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents_app import entities
from agents_app.entities import nearby
from agents_app.models import Edge
from tests.agents_app.found import make_company
from tests.factories import AT, make_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return make_client("acme")


def chain(client, *names, **values):
    """Companies of these names, each of which owns the next."""
    ones = [make_company(client, name) for name in names]
    for one, other in pairwise(ones):
        owns(one, other, **values)
    return ones


def owns(one, other, **values):
    return Edge.objects.create(subject=one, relation="parent_of", object=other, **{"created_at": AT, **values})


def seen(found):
    """Nodes as name and hops, ties as the names at their ends."""
    names = {node.id: node.name for node in found.nodes}
    return (
        [(node.name, node.hops) for node in found.nodes],
        [(names[tie.subject], tie.relation, names[tie.object]) for tie in found.ties],
    )


def test_two_hops_in_both_directions_and_no_further(acme):
    ones = chain(acme, "A", "B", "C", "D", "E", "F")

    nodes, ties = seen(entities.neighbourhood(ones[2]))

    assert nodes == [("C", 0), ("B", 1), ("D", 1), ("A", 2), ("E", 2)]
    assert sorted(ties) == [
        ("A", "parent_of", "B"),
        ("B", "parent_of", "C"),
        ("C", "parent_of", "D"),
        ("D", "parent_of", "E"),
    ]


def test_an_entity_without_edges_stands_alone(acme):
    [alone] = chain(acme, "A")

    assert seen(entities.neighbourhood(alone)) == ([("A", 0)], [])


def test_a_circle_is_walked_once(acme):
    ones = chain(acme, "A", "B", "C")
    owns(ones[2], ones[0])
    owns(ones[0], ones[2])

    nodes, ties = seen(entities.neighbourhood(ones[0], hops=4))

    assert nodes == [("A", 0), ("B", 1), ("C", 1)]
    assert len(ties) == 4


def test_those_that_are_one_are_one_node_and_cost_no_hop(acme):
    a, b = chain(acme, "A", "B")
    twin, _, e = chain(acme, "B again", "D", "E")
    entities.merge(b, twin, at=AT)

    nodes, ties = seen(entities.neighbourhood(a))

    assert nodes == [("A", 0), ("B", 1), ("D", 2)]
    assert ties == [("A", "parent_of", "B"), ("B", "parent_of", "D")]
    assert seen(entities.neighbourhood(e)) == (
        [("E", 0), ("D", 1), ("B", 2)],
        [("D", "parent_of", "E"), ("B", "parent_of", "D")],
    )
    assert entities.neighbourhood(twin).nodes[0].id == b.pk


def test_a_chain_of_merges_is_followed_to_its_end(acme):
    ones = [make_company(acme, f"N{number}") for number in range(6)]
    for one, other in zip(ones[1:], ones, strict=False):
        entities.merge(one, other, at=AT)
    far = make_company(acme, "Far")
    owns(ones[5], far)

    assert seen(entities.neighbourhood(far, hops=1))[0] == [("Far", 0), ("N0", 1)]


def test_what_a_merge_made_of_an_edge_between_the_two_is_no_tie(acme):
    a, b = chain(acme, "A", "B")
    entities.merge(a, b, at=AT)

    assert seen(entities.neighbourhood(a)) == ([("A", 0)], [])


def test_the_same_edge_of_two_that_are_one_is_one_tie(acme):
    a, common = chain(acme, "A", "Common")
    twin = make_company(acme, "A again")
    owns(twin, common)
    entities.merge(a, twin, at=AT)

    assert seen(entities.neighbourhood(common, hops=1))[1] == [("A", "parent_of", "Common")]


def test_edges_that_were_replaced_lead_nowhere(acme):
    a, _ = chain(acme, "A", "B", expired_at=AT)

    assert seen(entities.neighbourhood(a)) == ([("A", 0)], [])


@pytest.mark.parametrize("wide", [3, 300])
def test_it_is_one_query_however_much_there_is(acme, wide):
    centre, *_ = chain(acme, "A", "B", "C")
    for number in range(wide):
        owns(centre, make_company(acme, f"W{number:03}"))

    with CaptureQueriesContext(connection) as captured:
        found = entities.neighbourhood(centre)

    assert len(captured) == 1
    assert len(found.nodes) == wide + 3


def test_hops_are_bounded(acme):
    ones = chain(acme, *"ABCDEFGH")

    assert entities.neighbourhood(ones[0], hops=99).nodes[-1].hops == nearby.MOST_HOPS == 4


def test_what_is_shown_is_bounded_and_says_so(acme, monkeypatch):
    ones = chain(acme, *"ABCDEFGH")
    assert entities.neighbourhood(ones[0], hops=4).is_cut is False

    monkeypatch.setattr(nearby, "MOST", 3)
    found = entities.neighbourhood(ones[0], hops=4)

    assert (found.is_cut, len(found.nodes)) == (True, 3)
    assert all({tie.subject, tie.object} <= {node.id for node in found.nodes} for tie in found.ties)


def test_of_an_entity_with_very_many_edges_the_newest_are_followed(acme, monkeypatch):
    monkeypatch.setattr(nearby, "MOST_AT_ONE", 2)
    centre, *_ = chain(acme, "A", "B")
    for name in "CDE":
        owns(centre, make_company(acme, name))

    found = entities.neighbourhood(centre)
    assert [name for name, _ in seen(found)[0]] == ["A", "D", "E"]
    assert found.is_cut is True


def test_nothing_of_another_client_is_near(acme):
    ones, others = chain(acme, "A", "B"), chain(make_client(), "A", "B")

    found = entities.neighbourhood(ones[0], hops=4)

    assert {node.id for node in found.nodes} == {one.pk for one in ones}
    assert not {node.id for node in found.nodes} & {other.pk for other in others}
