"""Who gets which variant."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from scipy import stats

from agents_app.models import PromptVersion
from clients.models import AgentKey
from experiments import assign, lifecycle
from experiments.models import Assignment
from gtm.stats import sampling
from tests.factories import (
    AT,
    make_client,
    make_contact,
    make_draft,
    make_experiment,
    make_prompt,
    make_request,
    make_run,
    make_send,
)

IDS = [f"person{number}@northwind-bank.example" for number in range(2000)]


def live_prompts() -> dict[str, PromptVersion]:
    return {AgentKey.EMAIL: make_prompt(AgentKey.EMAIL), AgentKey.PERSONA: make_prompt(AgentKey.PERSONA)}


def test_buckets_are_fixed_for_ever_in_utf_8():
    assert sampling.place("salt", "ada@northwind-bank.example") == pytest.approx(0.4675223275465196, abs=1e-15)
    assert sampling.place("salt", "josé@northwind-bank.example") == pytest.approx(0.031801301184823785, abs=1e-15)


def test_buckets_are_spread_evenly():
    places = [sampling.place("salt", key) for key in IDS]

    assert min(places) >= 0 and max(places) < 1
    assert stats.kstest(places, "uniform").pvalue > 0.01


def test_twenty_experiments_do_not_know_of_each_other():
    sides = [[sampling.place(f"salt-{number}", key) < 0.5 for key in IDS] for number in range(20)]

    def p_value(one: list[bool], other: list[bool]) -> float:
        both = sum(a and b for a, b in zip(one, other, strict=True))
        table = [[both, sum(one) - both], [sum(other) - both, len(IDS) - sum(one) - sum(other) + both]]
        return stats.chi2_contingency(table, correction=False).pvalue

    alarms = [p_value(sides[i], sides[j]) < 0.01 for i in range(20) for j in range(i)]

    assert len(alarms) == 190
    assert sum(alarms) <= 6


def test_weights_are_shares_of_the_whole():
    chosen = [assign.choose(sampling.place("salt", key), [3, 1]) for key in IDS]

    assert 0.22 < sum(chosen) / len(IDS) < 0.28


@pytest.mark.parametrize(
    ("place", "weights", "index"),
    [(0.0, [1, 1], 0), (0.49, [1, 1], 0), (0.5, [1, 1], 1), (0.999, [1, 1], 1), (0.0, [0, 1], 1), (0.7, [1, 0, 1], 2)],
)
def test_a_place_falls_into_the_share_that_holds_it(place, weights, index):
    assert assign.choose(place, weights) == index


def test_without_any_weight_nobody_can_be_chosen():
    with pytest.raises(assign.NobodyToChoose):
        assign.choose(0.5, [0, 0])


@pytest.mark.django_db
class TestPromptsFor:
    def test_the_agent_under_test_uses_the_variant_and_the_others_what_is_live(self):
        experiment, live = make_experiment(), live_prompts()
        contact = make_contact(experiment.client)

        assigned = assign.prompts_for(experiment.client, contact, live=live, at=AT)

        row = Assignment.objects.get()
        assert (row.experiment, row.contact, row.assigned_at, row.exposed_at) == (experiment, contact, AT, None)
        assert assigned.prompts == {
            AgentKey.EMAIL: row.variant.prompt_version,
            AgentKey.PERSONA: live[AgentKey.PERSONA],
        }
        assert assigned.variants == {
            AgentKey.EMAIL: {"experiment": experiment.pk, "variant": row.variant_id, "key": row.variant.key}
        }

    def test_the_draw_is_stored_once_and_holds_when_weights_change(self):
        experiment, live = make_experiment(), live_prompts()
        contact = make_contact(experiment.client)
        first = assign.prompts_for(experiment.client, contact, live=live, at=AT)
        experiment.variants.filter(pk=first.variants[AgentKey.EMAIL]["variant"]).update(weight=0)

        second = assign.prompts_for(experiment.client, contact, live=live, at=AT + timedelta(days=30))

        assert second == first
        assert Assignment.objects.get().assigned_at == AT

    def test_another_spelling_of_the_address_gets_the_same_variant(self):
        experiment, live = make_experiment(), live_prompts()
        spellings = [
            "Ada.Lee@Northwind-Bank.example",
            "ada.lee@northwind-bank.example",
            " ADA.LEE@NORTHWIND-BANK.EXAMPLE ",
        ]

        places = []
        for spelling in spellings:
            other = make_experiment(make_client())
            other.__class__.objects.filter(pk=other.pk).update(salt=experiment.salt)
            assign.prompts_for(other.client, make_contact(other.client, spelling), live=live, at=AT)
            places.append(Assignment.objects.get(experiment=other).bucket)

        assert len(set(places)) == 1

    def test_only_running_experiments_of_this_client_count(self):
        live, client = live_prompts(), make_client()
        make_experiment(client, starts=False)
        lifecycle.stop(make_experiment(client), by=None, at=AT)
        make_experiment(make_client())

        assigned = assign.prompts_for(client, make_contact(client), live=live, at=AT)

        assert assigned == assign.Assigned(live, {})
        assert not Assignment.objects.exists()

    def test_two_agents_can_be_under_test_at_once(self):
        live, client = live_prompts(), make_client()
        make_experiment(client), make_experiment(client, agent=AgentKey.PERSONA)

        assigned = assign.prompts_for(client, make_contact(client), live=live, at=AT)

        assert set(assigned.variants) == {AgentKey.EMAIL, AgentKey.PERSONA}

    def test_a_request_about_a_company_alone_is_no_part_of_an_experiment(self):
        live, experiment = live_prompts(), make_experiment()

        assigned = assign.prompts_for(experiment.client, None, live=live, at=AT)

        assert assigned == assign.Assigned(live, {})

    def test_a_suppressed_address_is_kept_out(self):
        from clients import suppression

        live, experiment = live_prompts(), make_experiment()
        contact = make_contact(experiment.client)
        suppression.suppress(contact.client, contact.email, reason="unsubscribed", at=AT)

        assigned = assign.prompts_for(experiment.client, contact, live=live, at=AT)

        assert assigned.variants == {}
        assert not Assignment.objects.exists()

    def test_the_number_of_queries_does_not_grow_with_contacts(self, django_assert_max_num_queries):
        live, experiment = live_prompts(), make_experiment()
        contacts = [make_contact(experiment.client) for _ in range(5)]

        for contact in contacts:
            with django_assert_max_num_queries(6):
                assign.prompts_for(experiment.client, contact, live=live, at=AT)


@pytest.mark.django_db(transaction=True)
def test_workers_that_draw_at_the_same_time_agree():
    live, experiment = live_prompts(), make_experiment()
    contact = make_contact(experiment.client)

    def draw(_: int) -> assign.Assigned:
        try:
            return assign.prompts_for(experiment.client, contact, live=live, at=AT)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(draw, range(8)))

    assert all(one == drawn[0] for one in drawn)
    assert Assignment.objects.count() == 1


@pytest.mark.django_db
class TestExpose:
    def written_for(self, experiment, contact):
        assigned = assign.prompts_for(experiment.client, contact, live=live_prompts(), at=AT)
        return make_draft(make_run(make_request(contact), variants=assigned.variants))

    def test_the_first_send_exposes_and_later_ones_change_nothing(self):
        experiment = make_experiment()
        contact = make_contact(experiment.client)
        first, second = self.written_for(experiment, contact), self.written_for(experiment, contact)

        assign.expose(make_send(first, sent_at=AT + timedelta(hours=1)))
        assign.expose(make_send(second, sent_at=AT + timedelta(days=4)))

        assert Assignment.objects.get().exposed_at == AT + timedelta(hours=1)

    def test_a_send_written_without_a_variant_exposes_nobody(self):
        experiment = make_experiment()
        contact = make_contact(experiment.client)
        self.written_for(experiment, contact)

        assign.expose(make_send(make_draft(make_run(make_request(contact)))))

        assert Assignment.objects.get().exposed_at is None
