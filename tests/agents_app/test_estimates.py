"""What a plan may cost and take: from the past where there is one, by prices where there is none, never made up."""

from datetime import timedelta
from decimal import Decimal
from statistics import quantiles

import pytest
from django.conf import settings

from agents_app import estimates, prices
from agents_app.agents import AGENTS
from agents_app.graph import Node
from agents_app.models import ModelPrice
from tests.factories import AT, make_prompt, make_request, make_run, make_step

pytestmark = pytest.mark.django_db

RESEARCH = Node("research", agent="research_agent")
EMAIL = Node("email", agent="email_agent", after=("research",))


@pytest.fixture
def online(settings):
    settings.ANTHROPIC_API_KEY = "sk-test"


def past(agent: str, *seconds: float, depth: str = "standard", generator: str = "claude-sonnet-5", usd: float = 0.01):
    """Done steps of `agent`, one for each length; the n-th costs n times `usd`."""
    run = make_run(make_request(depth=depth))
    prompt = make_prompt(agent)
    for number, lasted in enumerate(seconds, start=1):
        make_step(
            run, agent, key=f"{agent}{depth}{number}", prompt_version=prompt, generator=generator, cost_usd=Decimal(str(usd)) * number,
            finished_at=AT + timedelta(seconds=lasted),
        )  # fmt: skip


@pytest.mark.usefixtures("online")
def test_median_and_ninetieth_percentile_of_the_past_are_added_up_over_the_steps():
    past("research_agent", 1, 2, 3, 4, 5)
    past("email_agent", 10, 10, 10, 10, 10, usd=0.1)

    found = estimates.of([RESEARCH, EMAIL], "standard", at=AT)

    assert found.usd == Decimal("0.03") + Decimal("0.3")
    high = quantiles([0.01, 0.02, 0.03, 0.04, 0.05], n=10, method="inclusive")[-1]
    assert float(found.usd_high) == pytest.approx(high + 10 * high)
    assert found.seconds == 13
    assert found.basis == (
        "From the newest steps of runs of this depth: 5 of Research and 5 of E-mail; the median, and what nine in ten stay under.",
    )  # fmt: skip


@pytest.mark.usefixtures("online")
def test_time_goes_along_the_longest_way_and_side_by_side_steps_count_once():
    past("research_agent", *[10] * 5)
    past("persona_agent", *[4] * 5)
    past("competitive_agent", *[9] * 5)
    plan = [
        RESEARCH,
        Node("persona", kind="map", agent="persona_agent", after=("research",), items=(1, 2, 3)),
        Node("competitive", agent="competitive_agent", after=("research",)),
        Node("brief", kind="tool", tool="brief", after=("persona", "competitive")),
    ]

    found = estimates.of(plan, "standard", at=AT)

    assert found.seconds == 19
    assert found.usd == 5 * Decimal("0.03")  # three personas, one research, one comparison


@pytest.mark.usefixtures("online")
def test_without_a_past_the_price_of_a_large_prompt_stands_in_and_says_so():
    found = estimates.of([RESEARCH], "standard", at=AT)

    worst = prices.load().worst(settings.MODEL, estimates.PROMPT_BYTES, AGENTS["research_agent"].max_tokens, AT.date())
    assert (found.usd, found.usd_high, found.seconds) == (worst, worst, None)
    [basis] = found.basis
    assert basis.startswith("No basis yet for Research")
    assert basis.endswith("the longest answer allowed to a prompt of 16,000 bytes.")


@pytest.mark.usefixtures("online")
def test_where_no_price_holds_either_no_number_is_given():
    ModelPrice.objects.all().delete()

    found = estimates.of([RESEARCH], "standard", at=AT)

    assert (found.usd, found.usd_high, found.seconds) == (None, None, None)
    assert "No price of the model holds today" in found.basis[0]


@pytest.mark.usefixtures("online")
@pytest.mark.parametrize(
    "other",
    [{"depth": "comprehensive"}, {"generator": "offline-composer/1"}],
    ids=["another depth", "the offline composer"],
)
def test_the_past_of_another_depth_or_of_the_composer_says_nothing(other):
    past("research_agent", *[1] * 9, **other)

    found = estimates.of([RESEARCH], "standard", at=AT)

    assert found.seconds is None
    assert found.basis[0].startswith("No basis yet")


def test_offline_nothing_is_paid_and_the_composer_s_own_past_tells_the_time():
    past("research_agent", *[2] * 5, generator="offline-composer/1", usd=0)
    past("research_agent", *[50] * 5, depth="quick")

    found = estimates.of([RESEARCH, EMAIL], "standard", at=AT)

    assert (found.usd, found.usd_high, found.seconds) == (0, 0, None)
    assert found.basis[-1] == "No key for the model is set: the offline composer writes, and costs nothing."


@pytest.mark.usefixtures("online")
def test_a_person_s_time_is_not_counted_and_that_is_said():
    past("research_agent", *[2] * 5)
    gate = Node("check", kind="gate", after=("research",), question="Right?")

    found = estimates.of([RESEARCH, gate], "standard", at=AT)

    assert found.seconds == 2
    assert found.basis[-1] == "The time that a person takes to answer is not counted."


@pytest.mark.usefixtures("online")
def test_it_takes_two_queries_however_long_the_past_is(django_assert_num_queries):
    past("research_agent", *[2] * 30)

    with django_assert_num_queries(2):
        estimates.of([RESEARCH, EMAIL, Node("planner", kind="planner")], "standard", at=AT)


@pytest.mark.usefixtures("online")
def test_only_the_newest_steps_count(monkeypatch):
    monkeypatch.setattr(estimates, "LOOKED_AT", 5)
    past("research_agent", *[100] * 20)
    past("research_agent", *[2] * 5)

    assert estimates.of([RESEARCH], "standard", at=AT).seconds == 2


def test_a_plan_without_steps_costs_nothing_and_takes_no_known_time():
    found = estimates.of([], "standard", at=AT)

    assert (found.usd, found.seconds) == (0, None)


@pytest.mark.usefixtures("online")
def test_steps_of_long_ago_say_nothing_of_now(monkeypatch):
    past("research_agent", 1, 2, 3, 4, 5)
    monkeypatch.setattr(estimates, "LOOKED_THROUGH", 5)
    assert estimates.of([RESEARCH], "standard", at=AT).seconds == 3

    past("email_agent", 1)

    assert estimates.of([RESEARCH], "standard", at=AT).seconds is None
