"""What one call may take: of what was set aside for its step, of run, share and day, and of the service's limits."""

import queue
import threading
from contextlib import nullcontext
from datetime import timedelta
from decimal import Decimal

import pytest

from agents_app import graph, llm, prices
from agents_app.flow import budget, lease, turn
from agents_app.flow.budget import StepPurse
from agents_app.flow.hand import Asked, DaySpent, Hand, Inbox, Settled, Wait
from agents_app.models import BudgetDay, FlowRun, StepRun
from gtm.models import RateLimit
from tests.factories import AT, make_client

pytestmark = pytest.mark.django_db
TODAY = AT.date()


def day_of(run):
    row = BudgetDay.objects.get(client=run.client, day=TODAY)
    return row.spent_usd, row.reserved_usd, row.cap_usd


# --- a step's purse


def purse(opening=None):
    return StepPurse(7, Inbox(), opening)


def offers(*dollars, models=("dear", "cheap")):
    return [llm.Offer(model, Decimal(usd), 1000, 100) for model, usd in zip(models, dollars, strict=False)]


def test_what_was_set_aside_at_the_beginning_is_used_for_the_first_call_without_asking():
    opening = llm.Grant("dear", Decimal("0.05"))
    own = purse(opening)

    assert own.reserve(offers("0.04", "0.01")) == opening
    assert own.inbox.everything([]) == []


def test_of_many_threads_of_a_step_one_gets_what_was_set_aside():
    opening = llm.Grant("dear", Decimal("0.05"))
    for _ in range(50):
        own, start, got = purse(opening), threading.Barrier(5), []

        def take(own=own, start=start, got=got):
            start.wait()
            got.append(own._opening_for(offers("0.04")[0]))

        threads = [threading.Thread(target=take) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(got, key=bool) == [None] * 4 + [opening]


@pytest.mark.parametrize("wanted", [offers("0.06"), offers("0.04", models=("cheap",))])
def test_what_was_set_aside_and_does_not_serve_goes_back_before_more_is_asked_for(wanted):
    own = purse(llm.Grant("dear", Decimal("0.05")))

    def driver():
        asked = own.inbox.wait(5)
        told.extend(own.inbox.everything([asked]))
        asked.reply.put(llm.Grant(wanted[0].model, wanted[0].worst_usd))

    told = []
    thread = threading.Thread(target=driver, daemon=True)
    thread.start()
    grant = own.reserve(wanted)
    thread.join(5)

    assert grant == llm.Grant(wanted[0].model, wanted[0].worst_usd)
    assert told[0] == Settled(7, llm.Grant("dear", Decimal("0.05")), Decimal(0), Decimal(0), None)
    assert isinstance(told[1], Asked)


def test_what_was_set_aside_at_the_beginning_serves_a_call_that_takes_all_of_it():
    opening = llm.Grant("dear", Decimal("0.05"))
    own = purse(opening)

    assert own._opening_for(offers("0.05")[0]) == opening
    assert own.inbox.everything([]) == []


class Driver:
    """The other end of a purse: answers what is asked with `answers`, one after the other."""

    def __init__(self, own, *answers):
        self.own, self.answers = own, list(answers)

    def __enter__(self):
        self.thread = threading.Thread(target=self.drive, daemon=True)
        self.thread.start()
        return self

    def drive(self):
        while self.answers:
            self.own.inbox.wait(5).reply.put(self.answers.pop(0))

    def __exit__(self, *problem):
        self.thread.join(5)


def test_a_step_that_is_told_to_wait_sleeps_so_long_and_asks_again(monkeypatch):
    naps, own, granted = [], purse(), llm.Grant("dear", Decimal("0.04"))
    monkeypatch.setattr(budget.time, "sleep", naps.append)

    with Driver(own, Wait(3.0), Wait(0.5), granted):
        assert own.reserve(offers("0.04")) == granted

    assert naps == [3.0, 0.5]


def test_a_step_that_is_told_to_wait_again_and_again_comes_back_later(monkeypatch):
    naps, own = [], purse()
    monkeypatch.setattr(budget.time, "sleep", naps.append)

    with Driver(own, *[Wait(2.0)] * 6) as driver, pytest.raises(llm.ModelUnavailable) as error:
        own.reserve(offers("0.04"))

    assert (str(error.value), error.value.retry_after_s) == ("The model's limits are used up by other runs.", 20.0)
    assert (naps, driver.answers, own.inbox.everything([])) == ([2.0] * 6, [], [])


# --- what still fits: to the last of it, and not beyond


def held_hand(dollars="1", share=100, **client):
    """A run in hand that stands in no row, with two tries of one step."""
    own = client.pop("client", None) or make_client(**client)
    run = FlowRun(pk=10**6, client=own, budget_usd=Decimal(dollars))
    nodes = (graph.Node("s", agent="research_agent", budget_share=share),)
    rows = [StepRun(pk=n, run=run, key="s", started_at=AT) for n in (1, 2)]
    return Hand(run, nodes, rows, prices.PriceTable(()), {}, lambda: AT, began_at=AT)


@pytest.mark.parametrize(
    ("dollars", "share", "cap", "lent"),
    [("0.05", 100, "25", "0.05"), ("0.10", 50, "25", "0.10"), ("1", 100, "0.05", "0.05")],
    ids=["of the run", "of the step's share", "of the day"],
)
def test_a_call_may_take_the_last_of_it_and_no_more(dollars, share, cap, lent):
    hand = held_hand(dollars, share, daily_budget_usd=Decimal(cap))

    refused = budget.reserve(hand, hand.rows[0], offers("0.0500001"))
    assert (type(refused), hand.run.reserved_usd) == (llm.BudgetSpent, 0)
    assert not BudgetDay.objects.exclude(spent_usd=0, reserved_usd=0).exists()

    assert budget.reserve(hand, hand.rows[0], offers("0.05")) == llm.Grant("dear", Decimal("0.05"))
    assert (hand.run.reserved_usd, day_of(hand.run)[:2]) == (Decimal("0.05"), (0, Decimal(lent)))


def test_what_a_try_may_have_cost_counts_against_the_share_of_the_next_one():
    hand = held_hand("0.10", 50)
    hand.rows[0].cost_usd, hand.rows[0].uncertain_usd = Decimal("0.01"), Decimal("0.02")

    refused = budget.reserve(hand, hand.rows[1], offers("0.0200001"))
    assert "more than what is left of this step's share ($0.0500)" in str(refused)

    assert budget.reserve(hand, hand.rows[1], offers("0.02")) == llm.Grant("dear", Decimal("0.02"))


def test_what_comes_back_in_a_turn_can_be_had_by_who_asked_in_the_same_turn(monkeypatch):
    nobody = nullcontext(lease.Held(None, []))
    monkeypatch.setattr(lease, "held", lambda run, at: nobody)  # the run stands in no row
    monkeypatch.setattr(turn, "_go_on", lambda hand, now, ended: now)
    hand = held_hand("0.05")
    given = budget.reserve(hand, hand.rows[1], offers("0.05"))
    asked = Asked(1, offers("0.05"), queue.SimpleQueue())

    now = turn.following(hand, [asked, Settled(2, given, Decimal(0), Decimal(0), None)])
    for reply in now.replies:
        reply()

    assert asked.reply.get_nowait() == llm.Grant("dear", Decimal("0.05"))
    assert [row.reserved_usd for row in hand.rows] == [Decimal("0.05"), 0]


def test_a_call_as_large_as_a_whole_day_waits_for_a_day_that_is_free():
    hand = held_hand(daily_budget_usd=Decimal("0.05"))
    BudgetDay.objects.create(client=hand.run.client, day=TODAY, cap_usd=Decimal("0.05"), spent_usd=Decimal("0.01"))

    refused = budget.reserve(hand, hand.rows[0], offers("0.05"))

    assert (type(refused), refused.retry_after_s) == (DaySpent, timedelta(hours=15).total_seconds())
    assert day_of(hand.run)[:2] == (Decimal("0.01"), 0)


def test_a_cap_that_was_raised_holds_from_the_next_call_of_the_same_day():
    hand = held_hand(daily_budget_usd=Decimal(2))
    BudgetDay.objects.create(client=hand.run.client, day=TODAY, cap_usd=1, spent_usd=Decimal("0.99"))

    assert budget.reserve(hand, hand.rows[0], offers("0.05")) == llm.Grant("dear", Decimal("0.05"))

    assert day_of(hand.run) == (Decimal("0.99"), Decimal("0.10"), Decimal(2))


def test_what_other_runs_hold_back_of_the_day_is_waited_for_some_minutes_and_not_until_tomorrow():
    client = make_client(daily_budget_usd=Decimal("0.08"))
    first, second = (held_hand(client=client) for _ in range(2))
    grant = budget.reserve(first, first.rows[0], offers("0.05"))

    held = budget.reserve(second, second.rows[0], offers("0.05"))

    assert (type(held), held.retry_after_s) == (DaySpent, 300.0)
    assert str(held) == f"Calls under way hold back what is left of the $0.08 that {client} may spend today."
    budget.settle(first, first.rows[0], Settled(1, grant, Decimal("0.01"), Decimal(0), None))
    budget.give_back(first)
    first.journal.send()
    assert budget.reserve(second, second.rows[0], offers("0.05")) == llm.Grant("dear", Decimal("0.05"))
    spent = budget.reserve(second, second.rows[1], offers("0.0200001"))
    assert (type(spent), spent.retry_after_s) == (DaySpent, 300.0)  # its own call is still under way
    budget.charge_in_full(second, second.rows[0])
    spent = budget.reserve(second, second.rows[1], offers("0.0200001"))
    assert (type(spent), spent.retry_after_s) == (
        DaySpent,
        (AT.replace(hour=0) + timedelta(days=1) - AT).total_seconds(),
    )


# --- the service's limits, where money is there


GRANT = llm.Grant("dear", Decimal("0.04"))
GIVEN_BACK = Settled(1, GRANT, Decimal(0), Decimal(0), None)


def limited_hand(settings, **columns):
    settings.ANTHROPIC_API_KEY = "sk-test"
    hand = held_hand()
    if columns:
        RateLimit.objects.create(name="messages dear", updated_at=AT, **columns)
        hand.limited.add("messages dear")
    return hand


def told(hand):
    """What the thread of the first step hears, which asked for a call and got the money for it."""
    asked = Asked(1, offers("0.04"), queue.SimpleQueue())
    budget.answer(hand, asked, GRANT)
    return asked.reply.get_nowait()


def test_a_call_without_room_gives_its_money_back_and_waits_where_the_wait_is_short(settings):
    hand = limited_hand(settings, requests_remaining=0, requests_reset_at=AT + timedelta(seconds=20))

    assert told(hand) == Wait(20.0)
    assert hand.inbox.everything([]) == [GIVEN_BACK]


def test_a_call_that_would_wait_for_long_is_left_for_later_and_gives_its_money_back(settings):
    hand = limited_hand(settings, requests_remaining=0, requests_reset_at=AT + timedelta(seconds=21))

    refused = told(hand)

    assert (type(refused), refused.retry_after_s) == (llm.ModelUnavailable, 21.0)
    assert hand.inbox.everything([]) == [GIVEN_BACK]


def test_of_the_services_tokens_a_call_takes_a_third_of_its_bytes(settings):
    soon = AT + timedelta(seconds=30)
    hand = limited_hand(settings, input_tokens_remaining=400, input_tokens_reset_at=soon)

    assert told(hand) == GRANT  # 1,000 bytes
    assert (RateLimit.objects.get().input_tokens_remaining, hand.inbox.everything([])) == (67, [])


def test_a_limit_that_a_response_told_of_holds_for_the_next_call_of_the_same_drive(settings):
    hand = limited_hand(settings)
    assert told(hand) == GRANT
    hand.heard.append(("dear", llm.Seen(requests_remaining=0, requests_reset_at=AT + timedelta(seconds=9))))

    budget.heed(hand)

    assert (told(hand), hand.heard) == (Wait(9.0), [])


@pytest.mark.parametrize(("left", "opening", "given_back"), [(1, GRANT, []), (0, None, [GIVEN_BACK])])
def test_a_step_keeps_what_was_set_aside_when_it_began_only_where_there_is_room(settings, left, opening, given_back):
    hand = limited_hand(settings, requests_remaining=left, requests_reset_at=AT + timedelta(seconds=9))
    own = StepPurse(1, hand.inbox, GRANT)

    budget.admit(hand, own, offers("0.04")[0])

    assert own.opening == opening
    assert hand.inbox.everything([]) == given_back
