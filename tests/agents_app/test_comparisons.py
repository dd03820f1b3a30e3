"""Stored runs beside each other: itself, one word of a prompt, another client's; and the pages that show it."""

from datetime import timedelta
from itertools import combinations

import pytest
from django.urls import reverse

from agents_app import comparisons, llm
from agents_app.models import FlowRun, PromptVersion, Request
from tests.agents_app.desks import said
from tests.agents_app.flows_that import execute
from tests.agents_app.models_that import failing, paid
from tests.agents_app.test_replaying import account, judged
from tests.crowd import make_user_of
from tests.factories import (
    AT,
    make_contact,
    make_prompt,
    make_ready_client,
    make_ready_request,
    make_request,
    make_run,
    make_step,
    plan_run,
)

pytestmark = pytest.mark.django_db


def executed(**values):
    return execute(plan_run(make_ready_request(**values)))


def fresh(run):
    return comparisons.RUNS.get(pk=run.pk)


def reworded(agent="email_agent"):
    """The live version of the agent's prompt with one word changed, live."""
    live = PromptVersion.objects.get(agent=agent, label="live")
    PromptVersion.objects.filter(pk=live.pk).update(label="retired")
    first, rest = live.text.split(" ", 1)
    return make_prompt(agent, live.number + 1, text=f"{first}ly {rest}", label="live")


def compared(browser, left, right):
    return browser.get(reverse("runs_compared", args=[left.pk, right.pk]))


# --- what differs


@pytest.mark.parametrize(
    "values", [{}, {"depth": "comprehensive"}, {"purpose": "deep_research", "depth": "comprehensive"}]
)
def test_a_run_beside_itself_is_empty(values):
    run = fresh(executed(**values))

    found = comparisons.of(run, run)

    assert (found.is_empty, found.paths, found.deltas) == (True, [], [])
    assert len(found.pairs) == run.steps.count() > 2


def test_a_run_that_failed_once_and_was_tried_again_stands_beside_one_that_did_not(monkeypatch):
    run = plan_run()
    with monkeypatch.context() as patch:
        patch.setattr(llm, "ask", failing("persona_agent", llm.ModelUnavailable, "The model is busy."))
        execute(run)
    tried = execute(run, AT + timedelta(minutes=5))
    smooth = execute(plan_run(make_request(run.request.contact)))

    found = comparisons.of(fresh(tried), fresh(smooth))

    pairs = [(each.left and each.left.key, each.right and each.right.key) for each in found.pairs]
    assert pairs == [("research",) * 2, ("persona", None), ("persona",) * 2, ("email",) * 2]
    assert comparisons.of(fresh(tried), fresh(tried)).is_empty


def test_contacts_of_a_map_stand_beside_themselves_wherever_they_stand():
    one = account()
    people = list(one.request.client.contacts.order_by("pk"))
    make_contact(
        one.client, first_name="Aaron", last_name="Abe", full_name="Aaron Abe", title="Chief Financial Officer"
    )
    other = execute(plan_run(Request.objects.create(**_copied(one.request))))
    places = [{row.contact_id: row.map_index for row in run.steps.filter(key="persona")} for run in (one, other)]

    found = comparisons.of(fresh(one), fresh(other))

    beside = [
        (each.left.whose, each.right.whose)
        for each in found.pairs
        if each.left and each.right and each.left.key == "persona"
    ]
    assert sorted(beside) == [(each.pk, each.pk) for each in people]
    assert set(places[0]) < set(places[1])


def twice(change):
    """Two runs of the same wish, the second after `change`; what sources said is fresh for both."""
    request = make_ready_request()
    execute(plan_run(request))
    one = execute(plan_run(Request.objects.create(**_copied(request))))
    changed = change()
    return one, execute(plan_run(Request.objects.create(**_copied(request)))), changed


def _copied(request):
    names = ("client", "contact", "company_domain", "company_name", "purpose", "depth", "asked_at")
    return {name: getattr(request, name) for name in names}


def test_one_word_of_a_prompt_shows_exactly_that_path():
    one, other, version = twice(reworded)

    found = comparisons.of(fresh(one), fresh(other))

    assert found.paths == [("email", "prompt_sent")]
    [pair] = found.changed
    [difference] = pair.differences
    assert (difference.words.gone, difference.words.new) == (1, 1)
    [changed] = [piece.text for piece in difference.words.right if piece.is_changed]
    assert changed.strip() == version.text.split(" ", 1)[0]
    assert {delta.name for delta in pair.deltas} - {"Tokens in"} == {"Prompt"}
    assert {delta.name for delta in found.deltas} - {"Tokens in"} == {"E-mail prompt"}


def test_any_two_stored_runs_differ_alike_from_either_side(settings):
    with paid(settings, judged):
        dear = executed(depth="comprehensive")
    runs = [fresh(run) for run in (executed(), executed(purpose="deep_research"), account(), dear)]

    for left, right in combinations(runs, 2):
        there, back = comparisons.of(left, right), comparisons.of(right, left)
        assert there.paths == back.paths
        assert not there.is_empty
        for one, other in zip(there.pairs, back.pairs, strict=True):
            assert (one.left, one.right) == (other.right, other.left)
            assert [(d.left, d.right) for d in one.differences] == [(d.right, d.left) for d in other.differences]
        assert {(d.name, d.change and -d.change) for d in there.deltas} == {(d.name, d.change) for d in back.deltas}


def test_what_money_and_tokens_were_spent_stands_beside_each_other(settings):
    free = executed()
    with paid(settings, judged):
        dear = executed()

    found = comparisons.of(fresh(free), fresh(dear))

    [cost] = [delta for delta in found.deltas if delta.name == "Cost"]
    assert (cost.left, cost.right, cost.change) == (0, sum(s.cost_usd for s in dear.steps.all()), cost.right)
    assert cost.right > 0


def test_a_cache_changes_what_its_tokens_cost_and_not_how_many_there_are():
    cold, warm = make_run(request := make_request()), make_run(request)
    make_step(cold, tokens_input=100, tokens_cache_write=600, tokens_cache_write_1h=300)
    make_step(warm, tokens_input=100, tokens_cache_read=900)

    found = comparisons.of(fresh(cold), fresh(warm))

    [email] = found.pairs
    for deltas in (found.deltas, email.deltas):
        assert [(delta.name, delta.left, delta.right) for delta in deltas if delta.name.startswith("Tokens")] == [
            ("Tokens read from a cache", 0, 900),
            ("Tokens written to a cache", 900, 0),
        ]


def test_it_asks_as_often_for_many_steps_as_for_few(django_assert_num_queries):
    few, many = fresh(executed()), fresh(account())

    for one in (few, many):
        with django_assert_num_queries(2):
            comparisons.of(one, one)


# --- the pages


def test_the_page_leads_to_both_runs_and_to_the_changed_word(operator):
    one, other, version = twice(reworded)

    page = compared(operator, one, other)

    assert f'href="{reverse("run_page", args=[one.pk])}"' in page.content.decode()
    assert f'href="{reverse("run_page", args=[other.pk])}"' in page.content.decode()
    assert f"<ins>{version.text.split(' ', 1)[0]} </ins>" in page.content.decode()
    assert "1 of 3 steps differs." in said(page)
    assert "2 steps the same on both sides" in said(page)


def test_the_page_of_a_run_beside_itself_says_so(operator):
    run = executed()

    assert "Nothing differs. It is the same run." in said(compared(operator, run, run))


def test_nobody_compares_with_a_run_of_a_client_they_may_not_see(client):
    manager = make_user_of("manager")
    own, foreign = executed(), executed()
    own.client.managers.add(manager)
    client.force_login(manager)

    assert compared(client, own, own).status_code == 200
    assert compared(client, own, foreign).status_code == 404
    assert compared(client, foreign, own).status_code == 404
    chosen = client.get(reverse("run_compare", args=[own.pk]), {"with": foreign.pk})
    assert f"There is no run {foreign.pk} among those you may see." in said(chosen)
    assert f"Run {foreign.pk}" not in said(chosen).replace(f"no run {foreign.pk}", "")


def test_runs_of_the_same_person_and_prompt_are_offered_and_any_number_is_taken(operator):
    client = make_ready_client()
    ada = make_contact(client)
    one, other = (execute(plan_run(make_request(ada))) for _ in range(2))
    stranger = executed()

    page = operator.get(reverse("run_compare", args=[one.pk]))

    assert [(offer.why, [run.pk for run in offer.runs]) for offer in page.context["offers"]] == [
        ("About the same person or company", [other.pk]),
        ("Planned with the same version of a prompt", [stranger.pk, other.pk]),
    ]
    named = operator.get(reverse("run_compare", args=[one.pk]), {"with": f"#{stranger.pk}"})
    assert named.url == reverse("runs_compared", args=[one.pk, stranger.pk])


@pytest.mark.parametrize("number", ["x", "9" * 30, "-1", "²"])
def test_what_is_no_number_of_a_run_is_told(operator, number):
    run = executed()

    page = operator.get(reverse("run_compare", args=[run.pk]), {"with": number})

    assert (page.status_code, FlowRun.objects.count()) == (200, 1)
    assert f"There is no run {number} among those you may see." in said(page)
