"""What a run found out becomes the client's entities, ids, edges and statements."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from agents_app import entities
from agents_app.entities import telling
from agents_app.models import (
    Edge,
    Entity,
    EntityId,
    EntityMerge,
    Fact,
    FlowRun,
    MergeProposal,
    Request,
    Scheme,
    Statement,
)
from agents_app.research.attributes import ALL
from gtm import loop
from tests.agents_app.found import company_at, everything, held, rows, run_that_found
from tests.factories import AT, make_client, make_contact, make_request, make_run, make_step, plan_run

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
BANK = "northwind-bank.example"
LEI, OTHER_LEI = "5299000000NORTHWIN72", "5299000000HARBOURP41"
CALM = settings(
    deadline=None, phases=[Phase.generate], database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def acme():
    return make_client("acme")


def absorb(run):
    return entities.absorb(run, at=AT + DAY)


def edges():
    rows = Edge.objects.filter(expired_at=None).order_by("relation", "subject__name", "object__name")
    return [(row.subject.name, row.relation, row.object.name) for row in rows.select_related("subject", "object")]


def names(**where):
    return sorted(Entity.objects.filter(**where).values_list("name", flat=True))


def test_a_run_becomes_a_company_with_its_ids_and_what_is_held_of_it(acme):
    run = run_that_found(
        acme, BANK, ("name", "Northwind Bank"), ("headcount", "1,240", 0.8), ("lei", LEI), as_of=date(2026, 5, 1)
    )

    absorbed = absorb(run)

    bank = Entity.objects.get()
    assert (bank.name, bank.normalised, bank.kind, bank.client, bank.within) == (
        "Northwind Bank", "northwind bank", "company", acme, None,
    )  # fmt: skip
    ids = EntityId.objects.order_by("pk").values_list("scheme", "value", "entity", "claim__attribute")
    assert list(ids) == [("domain", BANK, bank.pk, None), ("lei", LEI, bank.pk, "lei")]
    row = Statement.objects.get(attribute="headcount")
    assert (row.entity, row.value, row.unit, row.confidence, row.fact) == (
        bank, "1,240", "people", 0.8, Fact.objects.get(attribute="headcount"),
    )  # fmt: skip
    assert (row.valid_at, row.invalid_at, row.created_at, row.expired_at) == (
        datetime(2026, 5, 1, tzinfo=UTC), None, AT, None,
    )  # fmt: skip
    assert (absorbed.company, len(absorbed.ids), len(absorbed.statements)) == (bank, 1, 3)


def test_what_it_belongs_to_uses_and_who_works_there_are_edges_with_their_evidence(acme):
    run = run_that_found(
        acme, BANK, ("parent", "Harbour Group"), ("subsidiary", "Northwind Leasing"), ("technology", "Ledgerly"),
        ("mail_host", "Google Workspace"), ("industry", "banking"), ("person", "Lena Vogt, Chief Revenue Officer"),
        name="Northwind Bank",
    )  # fmt: skip

    absorb(run)

    assert edges() == [
        ("Northwind Bank", "in_industry", "banking"),
        ("Northwind Bank", "mails_with", "Google Workspace"),
        ("Harbour Group", "parent_of", "Northwind Bank"),
        ("Northwind Bank", "parent_of", "Northwind Leasing"),
        ("Northwind Bank", "uses", "Ledgerly"),
        ("Lena Vogt", "works_at", "Northwind Bank"),
    ]
    evidence = Edge.objects.get(relation="works_at").claims.values_list("value", flat=True)
    assert list(evidence) == ["Lena Vogt, Chief Revenue Officer"]
    assert held(Entity.objects.get(kind="person")) == {"title": "Chief Revenue Officer"}


def test_absorbing_a_run_again_changes_nothing(acme):
    run = run_that_found(acme, BANK, ("name", "Northwind Bank"), ("lei", LEI), ("person", "Lena Vogt, CRO"))
    absorb(run)
    before = everything()

    again = absorb(run)

    assert again == entities.Absorbed()
    assert everything() == before


def test_a_step_that_found_more_after_the_run_was_absorbed_is_taken_over_too(acme):
    run = run_that_found(acme, BANK, ("headcount", "1,240"))
    absorb(run)
    step = make_step(run, key="deepen", finished_at=AT + timedelta(minutes=1))
    Fact.objects.create(run=run, step=step, key="f9", attribute="headcount", value="1,310", confidence=0.9)

    absorb(run)

    told = [(row.value, row.created_at) for row in entities.timeline(company_at(BANK, acme), "headcount")]
    assert told == [("1,240", AT), ("1,310", AT + timedelta(minutes=1))]
    assert held(company_at(BANK, acme)) == {"headcount": "1,310"}


def test_a_newer_value_closes_the_older_one_and_both_stay(acme):
    absorb(run_that_found(acme, BANK, ("headcount", "1,240"), as_of=date(2026, 3, 1)))
    absorb(run_that_found(acme, BANK, ("headcount", "1,310"), on=AT + 90 * DAY, as_of=date(2026, 6, 1)))

    old, new = entities.timeline(company_at(BANK, acme), "headcount")
    assert (old.value, old.invalid_at, old.expired_at) == ("1,240", datetime(2026, 6, 1, tzinfo=UTC), AT + 90 * DAY)
    assert (new.value, new.invalid_at, new.expired_at) == ("1,310", None, None)


def test_the_same_value_again_takes_over_without_an_end_in_the_world(acme):
    absorb(run_that_found(acme, BANK, ("headcount", "1,240", 0.6), as_of=date(2026, 3, 1)))
    absorb(run_that_found(acme, BANK, ("headcount", "1,240", 0.9), on=AT + DAY, as_of=date(2026, 6, 1)))

    old, new = entities.timeline(company_at(BANK, acme), "headcount")
    assert (old.invalid_at, old.expired_at, new.confidence, new.expired_at) == (None, AT + DAY, 0.9, None)


def test_of_what_there_may_be_several_each_stays_held(acme):
    absorb(run_that_found(acme, BANK, ("technology", "Ledgerly"), ("news", "Northwind opens a branch")))
    absorb(run_that_found(acme, BANK, ("technology", "Payroller"), on=AT + DAY))

    assert [object_ for _, _, object_ in edges()] == ["Ledgerly", "Payroller"]
    known = entities.as_known_on(company_at(BANK, acme), AT + 2 * DAY)
    assert [row.value for row in known] == ["Northwind opens a branch", "Ledgerly", "Payroller"]


def test_another_parent_ends_the_edge_from_the_one_before(acme):
    absorb(run_that_found(acme, BANK, ("parent", "Harbour Group"), name="Northwind Bank"))
    absorb(run_that_found(acme, BANK, ("parent", "Odyne Holding"), on=AT + DAY, as_of=date(2026, 11, 1)))

    assert edges() == [("Odyne Holding", "parent_of", "Northwind Bank")]
    before = Edge.objects.get(subject__name="Harbour Group")
    assert (before.expired_at, before.invalid_at) == (AT + DAY, datetime(2026, 11, 1, tzinfo=UTC))


def test_the_company_is_called_what_the_newest_run_says(acme):
    absorb(run_that_found(acme, BANK, ("name", "Northwind")))
    absorb(run_that_found(acme, BANK, ("name", "Northwind Bank plc"), on=AT + DAY))
    absorb(run_that_found(acme, BANK, ("name", "Northwind Savings"), on=AT - DAY))

    bank = company_at(BANK, acme)
    assert (bank.name, bank.normalised) == ("Northwind Bank plc", "northwind bank")


FOUND = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.sampled_from([("headcount", "10"), ("headcount", "20"), ("parent", "A Group"), ("parent", "B Group"), ("technology", "Ledgerly")]),
        st.none() | st.dates(date(2026, 1, 1), date(2026, 3, 1)),
    ),
    min_size=1, max_size=6, unique_by=lambda each: each[0],
)  # fmt: skip


def seen_of(client):
    """Everything known of the one company, without the keys of rows."""
    statements = Statement.objects.filter(entity__client=client).order_by("attribute", "created_at")
    ties = Edge.objects.filter(subject__client=client).order_by("relation", "created_at", "subject__name")
    times = ("valid_at", "invalid_at", "created_at", "expired_at")
    return [
        *statements.values_list("attribute", "value", "fact__run__planned_at", *times),
        *ties.values_list("subject__name", "relation", "object__name", *times),
    ]


@settings(CALM, max_examples=25)
@given(FOUND, st.randoms(use_true_random=False))
def test_runs_that_come_late_twice_and_in_any_order_end_at_the_same_graph(found, rng):
    def told(client, order):
        runs = [
            run_that_found(client, BANK, said, on=AT + day * DAY, as_of=as_of, name="Northwind Bank")
            for day, said, as_of in sorted(found, key=lambda each: each[0])
        ]
        for run in order(runs):
            absorb(run)
        return seen_of(client)

    def shuffled(runs):
        again = [*runs, *runs[::2]]
        rng.shuffle(again)
        return again

    assert told(make_client(), shuffled) == told(make_client(), list)


def test_what_research_may_say_has_a_place_in_the_graph():
    ids = {each.key for each in ALL if each.is_id}
    links = [link for each in ALL if (link := telling.link(each.key, "Lena Vogt, CRO"))]

    assert {*Scheme.values} == {*ids, "domain"}
    assert {link.kind for link in links} == {*Entity.Kind.values}
    assert {link.relation for link in links} == {*Edge.Relation.values}


# --- who is who


def test_what_one_client_researched_is_not_anothers(acme):
    other = make_client("other")
    absorb(run_that_found(acme, BANK, ("lei", LEI), ("technology", "Ledgerly")))
    absorb(run_that_found(other, BANK, ("lei", LEI), ("technology", "Ledgerly")))

    assert names(client=acme) == names(client=other) == ["Ledgerly", BANK]
    assert EntityMerge.objects.count() == 0


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        ("cik", "0000001441"), ("lei", LEI), ("wikidata_id", "Q42"), ("crunchbase_id", "northwind-bank"),
        ("linkedin_id", "1441"), ("apollo_id", "5e66b6381e05b4008c8331b8"), ("github_org", "northwind"),
    ],
)  # fmt: skip
def test_companies_that_share_a_strong_id_are_one(acme, scheme, value):
    absorb(run_that_found(acme, BANK, (scheme, value)))
    absorbed = absorb(run_that_found(acme, "northwind.example", (scheme, value), on=AT + DAY))

    first, second = company_at(BANK, acme), company_at("northwind.example", acme)
    [merge] = absorbed.merges
    assert (merge.loser, merge.winner, merge.scheme, merge.value, merge.by) == (second, first, scheme, value, None)
    assert [claim.source_record.run for claim in merge.claims.all()] == [FlowRun.objects.order_by("-pk").first()]
    assert entities.canonical([second.pk]) == {second.pk: first.pk}
    assert EntityId.objects.get(scheme=scheme).entity == first


def test_two_that_were_known_apart_are_one_once_a_run_ties_them(acme):
    absorb(run_that_found(acme, BANK, ("crunchbase_id", "northwind-bank")))
    absorb(run_that_found(acme, "northwind.example", ("linkedin_id", "1441")))

    absorb(run_that_found(acme, "northwind.example", ("crunchbase_id", "northwind-bank"), on=AT + DAY))

    assert EntityMerge.objects.get().winner == company_at(BANK, acme)


def test_companies_that_differ_in_an_id_of_which_each_has_one_are_only_proposed(acme):
    absorb(run_that_found(acme, BANK, ("lei", LEI), ("linkedin_id", "1441")))
    absorbed = absorb(run_that_found(acme, "harbour.example", ("lei", OTHER_LEI), ("linkedin_id", "1441")))

    [proposal] = absorbed.proposals
    assert EntityMerge.objects.count() == 0
    assert (proposal.one, proposal.other) == (company_at(BANK, acme), company_at("harbour.example", acme))
    assert proposal.why == "Both are said to have LinkedIn's number 1441, but not the same Legal entity identifier."


def test_an_id_that_was_only_held_of_one_of_them_speaks_against_a_merge_as_well(acme):
    """The bank's own LEI is another company's; what is held of the bank says that it differs from the harbour's."""
    absorb(run_that_found(acme, "first.example", ("lei", LEI)))
    absorb(run_that_found(acme, BANK, ("lei", LEI), ("github_org", "northwind")))
    entities.split(EntityMerge.objects.get(), by=None, at=AT + DAY)

    absorb(run_that_found(acme, "harbour.example", ("lei", OTHER_LEI), ("github_org", "northwind"), on=AT + 2 * DAY))

    assert EntityMerge.objects.filter(undone_at=None).count() == 0
    assert "not the same Legal entity identifier" in MergeProposal.objects.get().why


def test_a_second_id_of_which_a_company_has_one_is_held_but_names_nobody(acme):
    absorb(run_that_found(acme, BANK, ("lei", LEI)))
    absorb(run_that_found(acme, BANK, ("lei", OTHER_LEI), on=AT + DAY))

    bank = company_at(BANK, acme)
    assert list(EntityId.objects.filter(scheme="lei").values_list("value", flat=True)) == [LEI]
    assert held(bank) == {"lei": OTHER_LEI}


def test_what_a_person_split_is_never_merged_by_itself_again(acme):
    absorb(run_that_found(acme, BANK, ("lei", LEI)))
    absorb(run_that_found(acme, "northwind.example", ("lei", LEI)))
    entities.split(EntityMerge.objects.get(), by=None, at=AT + DAY)

    absorb(run_that_found(acme, "northwind.example", ("lei", LEI), on=AT + 2 * DAY))

    assert EntityMerge.objects.filter(undone_at=None).count() == 0
    why = "Both are said to have Legal entity identifier 5299000000NORTHWIN72, but they were split on 17 November 2026."
    assert MergeProposal.objects.get().why == why


def test_a_domain_is_the_part_that_the_company_has_for_itself(acme):
    absorb(run_that_found(acme, "www.northwind.co.uk", ("headcount", "10")))
    absorb(run_that_found(acme, "shop.northwind.co.uk", ("headcount", "20"), on=AT + DAY))
    absorb(run_that_found(acme, "northwind.github.io", ("headcount", "30")))
    absorb(run_that_found(acme, "harbour.github.io", ("headcount", "40")))

    domains = EntityId.objects.order_by("value").values_list("value", flat=True)
    assert list(domains) == ["harbour.github.io", "northwind.co.uk", "northwind.github.io"]


@pytest.mark.parametrize("domain", ["gmail.com", "www.facebook.com", "mailinator.com"])
def test_what_belongs_to_everybody_names_no_company(acme, domain):
    run = run_that_found(acme, domain, ("headcount", "10"), name="Northwind Bank")
    absorb(run)
    absorb(run_that_found(acme, domain, ("headcount", "20"), name="Harbour Pay"))
    Fact.objects.create(run=run, key="f9", attribute="revenue_usd", value="$1 million", confidence=0.9)
    absorb(run)

    assert EntityId.objects.count() == 0
    assert names() == ["Harbour Pay", "Northwind Bank"]


def test_a_company_that_was_only_named_is_not_the_one_of_that_name(acme):
    absorb(run_that_found(acme, "harbour.example", ("headcount", "9"), name="Harbour Group"))
    absorb(run_that_found(acme, BANK, ("parent", "Harbour Group Ltd"), name="Northwind Bank"))
    absorb(run_that_found(acme, "odyne.example", ("parent", "Harbour Group"), name="Odyne Therapeutics"))

    assert names(normalised="harbour group") == ["Harbour Group", "Harbour Group", "Harbour Group Ltd"]
    assert EntityMerge.objects.count() == 0
    assert MergeProposal.objects.filter(why="Their names are alike.").count() == 3


def test_people_of_one_name_at_two_companies_are_two(acme):
    for domain in (BANK, "harbour.example"):
        absorb(run_that_found(acme, domain, ("person", "Lena Vogt, CRO")))
        absorb(run_that_found(acme, domain, ("person", "Lena  VOGT, CRO"), on=AT + DAY))

    assert Entity.objects.filter(kind="person").count() == 2
    assert MergeProposal.objects.count() == 0


def test_people_of_one_name_at_companies_that_are_one_are_proposed(acme):
    absorb(run_that_found(acme, BANK, ("lei", LEI), ("person", "Lena Vogt, CRO")))

    absorbed = absorb(run_that_found(acme, "northwind.example", ("lei", LEI), ("person", "Léna Vogt, CRO")))

    [proposal] = absorbed.proposals
    assert {proposal.one.name, proposal.other.name} == {"Lena Vogt", "Léna Vogt"}


def test_a_technology_keeps_the_signs_that_tell_it_apart(acme):
    absorb(run_that_found(acme, BANK, ("technology", "C#"), ("technology", "C++"), ("technology", "c++")))

    assert names(kind="technology") == ["C#", "C++"]


# --- runs


def test_what_a_trial_found_stays_with_the_trial(acme):
    run = run_that_found(acme, BANK, ("headcount", "10"))
    Request.objects.update(trial_side="proposed")

    assert absorb(FlowRun.objects.get(pk=run.pk)) == entities.Absorbed()
    assert Entity.objects.count() == 0
    assert list(entities.waiting(since=AT - DAY)) == []


def test_a_run_without_facts_leaves_nothing():
    run = make_run(make_request(make_contact()))

    assert absorb(run) == entities.Absorbed()
    assert Entity.objects.count() == 0


def test_runs_that_ended_and_were_not_absorbed_are_found(acme):
    done, left, older = (run_that_found(acme, BANK, ("headcount", "10"), on=AT + days * DAY) for days in (0, 1, -9))
    still = run_that_found(acme, BANK, ("headcount", "11"))
    FlowRun.objects.filter(pk=still.pk).update(status="running")
    absorb(done)

    assert list(entities.waiting(since=AT - DAY)) == [left]
    assert list(entities.waiting(since=AT - 10 * DAY)) == [left, older]


def test_a_run_in_earnest_is_absorbed_as_it_was_stored():
    run = plan_run()
    loop.execute_run(run.pk)

    absorbed = absorb(FlowRun.objects.get(pk=run.pk))

    facts = Fact.objects.filter(run=run)
    assert facts.exists()
    assert {row.fact_id for row in absorbed.statements} == {fact.pk for fact in facts}
    assert held(company_at("northwind-bank.example", run.client))["name"] == "Northwind Bank"
    before = rows()
    absorb(FlowRun.objects.get(pk=run.pk))
    assert rows() == before
