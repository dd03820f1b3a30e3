"""Money: nothing is called that was not set aside, nothing overshoots, and what a run spends is what its steps say."""

import json
import os
import random
import threading
from datetime import timedelta
from decimal import Decimal

import pytest

from agents_app import flow, graph, llm, prices
from agents_app.flow import budget, lease, turn
from agents_app.flow.budget import StepPurse
from agents_app.flow.hand import Asked, Finished, Hand
from agents_app.flow.work import Work
from agents_app.llm import charging
from agents_app.llm.reading import Said
from agents_app.models import BudgetDay, Draft, FlowRun, Request, StepRun
from agents_app.prices import Usage
from gtm.models import RateLimit
from tests.agents_app.flows_that import Clock, agent, composed, draw, drawn_run, execute, states
from tests.agents_app.models_that import paid
from tests.factories import (
    AT,
    make_client,
    make_contact,
    make_ready_client,
    make_request,
    plan_run,
)

pytestmark = pytest.mark.django_db
FUZZED = int(os.environ.get("GTM_BUDGET_RUNS", "1000"))  # runs of the fuzz; each takes some ten milliseconds
TODAY = AT.date()
MINUTE = timedelta(minutes=1)


def honest(body, number):
    return composed(body)


def run_with(settings, dollars="0.60", depth="standard", **client):
    settings.RUN_BUDGET_USD = {**settings.RUN_BUDGET_USD, depth: Decimal(dollars)}
    return plan_run(make_request(make_contact(make_ready_client(**client)), depth=depth))


def day_of(run, day=TODAY):
    row = BudgetDay.objects.get(client=run.client, day=day)
    return row.spent_usd, row.reserved_usd, row.cap_usd


def spent_by_steps(run):
    return sum((step.cost_usd + step.uncertain_usd for step in run.steps.all()), Decimal(0))


def check_books(run):
    """Nothing is set aside any more, and run, steps and the client's day tell the same."""
    run.refresh_from_db()
    assert run.reserved_usd == 0
    assert run.spent_usd == spent_by_steps(run) <= run.budget_usd
    assert [step.key for step in run.steps.all() if step.reserved_usd] == []
    days = BudgetDay.objects.filter(client=run.client)
    spent = sum(each.spent_usd for each in FlowRun.objects.filter(client=run.client))
    assert (sum(day.spent_usd for day in days), sum(day.reserved_usd for day in days)) == (spent, 0)


# --- what a run spends


def test_a_run_spends_what_its_steps_cost_and_gives_back_the_rest(settings):
    with paid(settings, honest):
        run = execute(run_with(settings))

    assert (run.status, Draft.objects.count()) == ("succeeded", 1)
    assert [step.cost_usd > 0 for step in run.steps.all()] == [True] * 3
    check_books(run)
    assert day_of(run) == (run.spent_usd, 0, Decimal(25))


def test_offline_nothing_is_paid_and_no_day_is_opened():
    run = execute(plan_run())

    assert (run.status, run.spent_usd, run.reserved_usd, BudgetDay.objects.count()) == ("succeeded", 0, 0, 0)


def test_a_call_whose_answer_never_came_counts_with_its_worst_case(settings):
    with paid(settings, lambda body, number: None if number == 1 else composed(body)):
        run = execute(run_with(settings))

    research = StepRun.objects.get(run=run, key="research")
    assert (run.status, [attempt["status"] for attempt in research.attempts]) == ("succeeded", [0, 200])
    assert research.uncertain_usd == Decimal(research.attempts[0]["uncertain_usd"]) > research.cost_usd > 0
    check_books(run)


def test_a_service_that_claims_more_than_can_be_is_paid_no_more_than_was_set_aside(settings):
    with paid(settings, lambda body, number: composed(body, input_tokens=10**9, output_tokens=10**9)):
        run = execute(run_with(settings))

    claimed = [attempt["claimed_usd"] for step in run.steps.all() for attempt in step.attempts]
    assert len(claimed) >= 1
    check_books(run)


# --- caps


def test_what_does_not_fit_into_the_runs_budget_is_refused_and_nothing_is_called(settings):
    with paid(settings, honest) as service:
        run = execute(run_with(settings, "0.0001"))

    assert (run.status, service.requests, run.spent_usd, BudgetDay.objects.count()) == ("needs_input", [], 0, 0)
    assert run.error.startswith("The next call may cost $0.0")
    assert run.error.endswith("$0.0001 of the run's $0.00 are left. Ask again with more depth, or raise the budget.")
    assert states(run) == {"research": "failed"}


def test_what_fits_only_the_cheaper_model_is_asked_of_it(settings):
    with paid(settings, honest) as service:
        run = execute(run_with(settings, "0.03"))

    asked = {json.loads(body)["model"] for _, _, body in service.requests}
    assert (run.status, asked) == ("succeeded", {settings.MODEL_CHEAPER})
    assert {step.generator for step in run.steps.all()} == {settings.MODEL_CHEAPER}
    check_books(run)


def test_a_step_may_spend_its_share_and_no_more(settings):
    settings.RUN_BUDGET_USD = {**settings.RUN_BUDGET_USD, "standard": Decimal("0.10")}
    with paid(settings, honest) as service:
        run = execute(drawn_run(agent("research", budget_share=1), agent("persona", "research")))

    assert (run.status, service.requests, run.spent_usd) == ("needs_input", [], 0)
    assert "more than what is left of this step's share ($0.0010)" in run.error


def test_the_contacts_of_a_map_share_their_steps_share(settings):
    client = make_ready_client()
    people = [make_contact(client, first_name=name, full_name=f"{name} Lee") for name in ("Ada", "Ben", "Cleo", "Dan")]
    draw(agent("research"), agent("persona", "research", kind="map", budget_share=20))
    request = Request.objects.create(
        client=client, company_domain=people[0].company_domain, purpose="account", asked_at=AT
    )
    most = []
    real = budget.flush

    def flush(hand):
        rows = hand.rows_of("persona")
        most.append(sum((row.reserved_usd + row.uncertain_usd for row in rows), Decimal(0)))
        real(hand)

    with pytest.MonkeyPatch.context() as patch, paid(settings, honest):
        patch.setattr(budget, "flush", flush)
        run = execute(plan_run(request))

    assert 0 < max(most) <= run.budget_usd * Decimal("0.2")
    assert run.status == "succeeded"
    check_books(run)


def test_a_client_spends_no_more_than_its_day_allows_and_the_run_waits_for_tomorrow(settings):
    clock = Clock()
    with paid(settings, honest) as service:
        planned = run_with(settings, daily_budget_usd=Decimal(2))
        BudgetDay.objects.create(client=planned.client, day=TODAY, cap_usd=2, spent_usd=Decimal("1.99"))
        run = flow.execute(planned.pk, clock=clock)
        assert (run.status, service.requests, run.spent_usd) == ("retry", [], 0)
        assert run.lease_until == AT.replace(day=17, hour=0)
        assert run.error == (
            f"{run.client} has spent its $2.00 of today; the daily budget stands on the client's page. "
            "It is tried again by itself at 00:00 on 17 November."
        )
        run.client.daily_budget_usd = None
        run.client.save()
        clock.at = run.lease_until + MINUTE

        run = flow.execute(run.pk, clock=clock)

    assert (run.status, day_of(run, TODAY + timedelta(days=1))[0]) == ("succeeded", run.spent_usd)
    assert day_of(run, TODAY)[0] == Decimal("1.99")


def test_days_without_money_are_no_tries_so_the_run_goes_on_when_there_is_some(settings):
    clock = Clock()
    with paid(settings, honest) as service:
        run = run_with(settings, daily_budget_usd=Decimal(2))
        for number in range(5):
            BudgetDay.objects.create(client=run.client, day=TODAY + timedelta(days=number), cap_usd=2, spent_usd=2)
            run = flow.execute(run.pk, clock=clock)
            assert (run.status, service.requests, run.lease_until.day) == ("retry", [], 17 + number)
            clock.at = run.lease_until + MINUTE

        run = flow.execute(run.pk, clock=clock)

    assert (run.status, run.recoveries) == ("succeeded", 0)
    first = run.steps.order_by("pk").values_list("status", "error_class")[:6]
    assert list(first) == [("failed", "DaySpent")] * 5 + [("done", "")]


def test_a_call_that_no_day_has_room_for_is_not_waited_for(settings):
    with paid(settings, honest) as service:
        run = execute(run_with(settings, daily_budget_usd=Decimal("0.01")))

    assert (run.status, service.requests, run.spent_usd) == ("needs_input", [], 0)
    assert run.error.endswith(
        f"and {run.client} may spend $0.01 a day; the daily budget stands on the client's page. Raise it, then ask again."
    )
    assert not BudgetDay.objects.exclude(spent_usd=0, reserved_usd=0).exists()


def test_all_runs_of_a_client_share_its_day(settings):
    with paid(settings, honest):
        client = run_with(settings).client
        own = [
            execute(plan_run(make_request(make_contact(client, company_domain=f"{name}.example"))))
            for name in ("arden", "birch", "cedar")
        ]
        spent = sum(run.spent_usd for run in own)
        client.daily_budget_usd = spent + Decimal("0.02")  # too little for one more call to the usual model
        client.save()
        last = execute(plan_run(make_request(make_contact(client, company_domain="dogwood.example"))))
        others = execute(run_with(settings))

    assert [run.status for run in (*own, last, others)] == ["succeeded"] * 3 + ["retry", "succeeded"]
    assert (day_of(last)[:2], last.lease_until) == ((spent, 0), AT.replace(day=17, hour=0))


def test_the_clients_own_cap_goes_before_the_usual_one(settings):
    assert budget.cap_of(make_client()) == settings.CLIENT_DAY_BUDGET_USD == Decimal(25)
    assert budget.cap_of(make_client(daily_budget_usd=Decimal("3.50"))) == Decimal("3.50")
    assert budget.cap_of(make_client(daily_budget_usd=Decimal(0))) == 0


# --- when a step does not end by itself


def dies_in_persona(run, at=AT):
    """A worker that is gone before it can write what came of the persona step."""
    real = turn.following

    def dies(hand, messages):
        if hand.rows_of("persona"):
            raise SystemExit
        return real(hand, messages)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(turn, "following", dies)
        execute(run, at)
    run.refresh_from_db()
    return StepRun.objects.get(run=run, key="persona")


def test_what_a_lost_worker_had_set_aside_counts_as_spent(settings):
    with paid(settings, honest):
        run = run_with(settings)
        held = dies_in_persona(run)
        assert (held.status, held.reserved_usd > 0) == ("running", True)
        assert day_of(run)[:2] == (run.spent_usd - run.untold_usd, run.lent_usd)
        assert run.lent_usd >= run.reserved_usd + run.untold_usd == held.reserved_usd + run.spent_usd > 0

        run = execute(run, AT + lease.LEASE + MINUTE)

    lost = StepRun.objects.get(run=run, key="persona", attempt=1)
    assert (lost.status, lost.uncertain_usd, lost.reserved_usd) == ("lost", held.reserved_usd, 0)
    assert (run.status, states(run)["persona"]) == ("succeeded", "done")
    check_books(run)


def test_what_a_lost_worker_had_set_aside_counts_on_its_own_day_and_what_follows_on_the_next(settings):
    late = AT.replace(hour=23, minute=59, second=50)
    with paid(settings, honest):
        run = run_with(settings)
        held = dies_in_persona(run, late)
        before = run.spent_usd
        run = execute(run, late + MINUTE)

    assert run.status == "succeeded"
    assert day_of(run, TODAY)[:2] == (before + held.reserved_usd, 0)
    assert day_of(run, TODAY + timedelta(days=1))[:2] == (run.spent_usd - before - held.reserved_usd, 0)
    check_books(run)


def test_a_drive_counts_on_the_day_on_which_it_began(settings):
    clock = Clock()
    clock.at = AT.replace(hour=23, minute=59, second=50)

    def slow(body, number):
        clock.at += timedelta(seconds=8)
        return composed(body)

    with paid(settings, slow):
        run = flow.execute(run_with(settings).pk, clock=clock)

    assert (run.status, run.finished_at.date()) == ("succeeded", TODAY + timedelta(days=1))
    assert day_of(run, TODAY)[:2] == (run.spent_usd, 0)
    assert BudgetDay.objects.filter(client=run.client).count() == 1


def test_a_run_borrows_ahead_only_what_the_day_has_to_spare(settings, monkeypatch):
    """The steps' worst cases are 0.05 to 0.07 dollars each, and one after the other they are settled far below that."""
    real, seen = turn.following, []

    def looked_at(hand, messages):
        seen.append(day_of(hand.run)[:2])
        return real(hand, messages)

    monkeypatch.setattr(turn, "following", looked_at)
    with paid(settings, honest):
        run = execute(run_with(settings, daily_budget_usd=Decimal(2)))
        ample = list(seen)
        seen.clear()
        BudgetDay.objects.update(spent_usd=Decimal("1.90"))
        scarce = execute(plan_run(make_request(make_contact(run.client, company_domain="birch.example"))))

    assert (run.status, scarce.status) == ("succeeded", "succeeded")
    assert {spent for spent, _ in ample} == {0}  # told at the end, once
    assert len({lent for _, lent in ample}) == 1
    assert 0 < seen[0][1] < ample[0][1]
    assert all(spent + lent <= 2 for spent, lent in seen)
    assert day_of(scarce)[:2] == (Decimal("1.90") + scarce.spent_usd, 0)


def test_what_a_step_that_was_too_slow_had_set_aside_counts_as_spent(settings):
    hang = threading.Event()

    def slow(body, number):
        if number == 1:
            assert hang.wait(10)
        return composed(body)

    with paid(settings, slow):
        run = execute(drawn_run(agent("research", deadline_s=1)))
        hang.set()

    row = StepRun.objects.get(run=run)
    assert (run.status, row.error_class, row.uncertain_usd > 0, row.cost_usd) == ("retry", "StepTooSlow", True, 0)
    check_books(run)


def test_where_the_service_lets_nobody_in_for_long_the_run_comes_back_with_its_money(settings):
    with paid(settings, honest) as service:
        run = run_with(settings)
        RateLimit.objects.create(name=f"messages {settings.MODEL}", blocked_until=AT + 10 * MINUTE, updated_at=AT)
        run = execute(run)

    assert (run.status, service.requests, run.spent_usd) == ("retry", [], 0)
    assert run.lease_until >= AT + 10 * MINUTE
    assert run.reserved_usd == 0
    assert not BudgetDay.objects.filter(reserved_usd__gt=0).exists()


# --- the fuzz: a thousand runs, three calls at a time, and a service that says anything


HOSTILE = [0, 1, 500, 40_000, 10**6, 10**9, 10**12]


def said(rng, model):
    """An answer with counters that are right, absurd, or missing."""
    usage = None if rng.random() < 0.15 else Usage(*(rng.choice(HOSTILE) for _ in range(5)))
    return Said(message_id="m", model=model, text="{}", stop_reason="end_turn", category="", usage=usage)


def charged(rng, grant, offer, table):
    if rng.random() < 0.15:
        return charging.unknown(grant)  # no answer came
    return charging.charge(said(rng, grant.model), grant=grant, offer=offer, prices=table, on=TODAY)


def works(own, seed, table, results):
    """A step's thread: up to five calls; some die in the middle, some never settle what they were granted."""
    rng = random.Random(seed)
    for _ in range(rng.randint(1, 5)):
        size, answer = rng.randint(200, 30_000), rng.choice([300, 2000])
        models = ["claude-sonnet-5-5", "claude-haiku-5-5"][rng.randint(0, 1) :]
        worst = {model: table.worst(model, size, answer, TODAY) for model in models}
        found = [llm.Offer(model, usd, size, answer) for model, usd in worst.items()]
        try:
            grant = own.reserve(found)
        except llm.ModelError as error:
            results.append(str(error))
            break
        if rng.random() < 0.1:
            break  # it dies with the money in its hand
        offer = next(each for each in found if each.model == grant.model)
        charge = charged(rng, grant, offer, table)
        times = 3 if rng.random() < 0.05 else 1  # a fault of ours on top: more than was granted
        own.settle(grant, cost_usd=charge.cost_usd * times, uncertain_usd=charge.uncertain_usd, seen=None)
    own.inbox.put(Finished(own.step_id, Work()))


def hand_of(client, number, rng, table):
    """A run in hand that stands in no row: three steps side by side, on a day of its own."""
    at = AT + timedelta(days=number)
    run = FlowRun(
        pk=10**6 + number, client=client, budget_usd=Decimal(rng.choice(["0.0100", "0.0500", "0.2500", "0.6"]))
    )
    nodes = tuple(graph.Node(f"s{n}", agent="research_agent", budget_share=rng.choice([20, 50, 100])) for n in range(3))
    rows = [StepRun(pk=number * 3 + n + 1, run=run, key=f"s{n}", started_at=at) for n in range(3)]
    return Hand(run, nodes, rows, table, {}, lambda: at, began_at=at)


def openings(hand, rng, table):
    usual = [table.worst("claude-sonnet-5-5", rng.randint(200, 30_000), 2000, TODAY) for _ in hand.rows]
    found = [llm.Offer("claude-sonnet-5-5", usd, 1, 1) if rng.random() < 0.7 else None for usd in usual]
    return budget.open_purses(hand, hand.rows, found)


def driven(hand, rng, cap):
    """The driver's part of it, with what `turn` does about messages; a step now and then is given up in between."""
    left = {row.pk for row in hand.rows}
    while left:
        for message in hand.inbox.everything([hand.inbox.wait(10)]):
            row, reply = hand.row(message.step_id), None
            if isinstance(message, Finished):
                close = budget.charge_in_full if rng.random() < 0.2 else budget.close
                close(hand, row)
                row.status = "done"
                left.discard(row.pk)
            elif isinstance(message, Asked):
                reply = turn._reply(hand, message)
            else:
                turn._received(hand, message)
            if rng.random() < 0.5:
                budget.flush(hand)
                hand.journal.send()
            if reply:
                reply()
            assert hand.run.spent_usd + hand.run.reserved_usd <= hand.run.budget_usd
            assert min(hand.run.spent_usd, hand.run.reserved_usd) >= 0
            assert hand.run.reserved_usd + hand.run.untold_usd <= hand.run.lent_usd
    budget.flush(hand)
    budget.give_back(hand)
    hand.journal.send()
    row = BudgetDay.objects.filter(client=hand.run.client, day=hand.began_at.date()).first()
    assert row is None or row.spent_usd + row.reserved_usd <= cap
    return row


def test_no_run_overshoots_whatever_the_service_says(settings):
    settings.ANTHROPIC_API_KEY = "sk-test"
    table, client = prices.load(), make_client()
    refused, spent = [], []
    for number in range(FUZZED):
        rng = random.Random(number)
        client.daily_budget_usd = cap = Decimal(rng.choice(["0.02", "0.10", "25"]))
        hand = hand_of(client, number, rng, table)
        purses = [
            StepPurse(row.pk, hand.inbox, opening)
            for row, opening in zip(hand.rows, openings(hand, rng, table), strict=True)
        ]
        for n, own in enumerate(purses):
            threading.Thread(target=works, args=(own, f"{number}.{n}", table, refused), daemon=True).start()
        day = driven(hand, rng, cap)
        run = hand.run
        assert (run.reserved_usd, [row.reserved_usd for row in hand.rows]) == (0, [0, 0, 0])
        assert run.spent_usd == sum(row.uncertain_usd for row in hand.rows) <= min(run.budget_usd, cap)
        for row in hand.rows:
            assert row.uncertain_usd <= run.budget_usd * hand.node(row.key).budget_share / 100
        assert (day.spent_usd, day.reserved_usd) == (run.spent_usd, 0) if day else run.spent_usd == 0
        spent.append(run.spent_usd / run.budget_usd)
    assert len(spent) == FUZZED
    assert max(spent) > Decimal("0.5")  # the caps were met, not merely never reached
    assert any("has spent its" in reason for reason in refused)
    assert any("share" in reason for reason in refused)
    assert any("of the run's" in reason for reason in refused)


@pytest.mark.parametrize("seed", range(20))
def test_a_whole_run_keeps_its_books_whatever_the_service_says(settings, seed):
    rng = random.Random(seed)

    def hostile(body, number):
        if rng.random() < 0.1:
            return None
        usage = {name: rng.choice([*HOSTILE, -5, None, "many"]) for name in ("input_tokens", "output_tokens")}
        usage["cache_creation_input_tokens"] = rng.choice([*HOSTILE, None])
        return composed(body, **usage)

    depth = rng.choice(["standard", "comprehensive"])
    with paid(settings, hostile):
        run = run_with(
            settings,
            rng.choice(["0.02", "0.15", "0.60", "3.00"]),
            depth,
            daily_budget_usd=Decimal(rng.choice(["0.3", "25"])),
        )
        for minutes in (0, 2, 20):
            run = execute(run, AT + minutes * MINUTE)

    assert run.status in ("succeeded", "needs_input", "failed", "retry", "waiting")
    assert (run.error == "") == (run.status == "succeeded")
    check_books(run)
    assert [day.spent_usd for day in BudgetDay.objects.filter(client=run.client) if day.spent_usd > day.cap_usd] == []
