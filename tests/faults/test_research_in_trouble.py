"""Of eight sources two hang, one is full, one errs inside 200: whoever is well is heard, in time, and gaps say why."""

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from agents_app.research import SOURCES, Aim, Company, SourceAccess, explore
from gtm.sandbox import faults, world
from gtm.sandbox.faults import Fault

pytestmark = pytest.mark.faults

FULL = os.environ.get("GTM_FAULTS") == "full"
ROUNDS = 25 if FULL else 2
AT_ONCE = 4  # searches about as many companies, side by side
BUDGET_S = 5.0
AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
EIGHT = ("people_data_labs", "newsapi", "newscatcher", "sec_edgar", "website", "mail_host", "builtwith", "crunchbase")
ERRS_INSIDE_200 = ("builtwith", Fault(200, b'{"Errors": [{"Code": -3, "Message": "API credits exhausted"}]}'))
WANTED = ("headcount", "industry", "news", "technology", "mail_host", "filing", "last_funding_stage")


@dataclass(frozen=True)
class Took:
    found: object
    seconds: float


def search(company, keys=EIGHT, seconds=BUDGET_S):
    started = time.monotonic()
    aim = Aim(WANTED, floor=0.999, seconds=seconds)
    found = explore(company, sources=[SourceAccess(key, sandbox=True) for key in keys], aim=aim, at=AT)
    return Took(found, time.monotonic() - started)


def claims(found, keys):
    """What these sources said of the company as a whole."""
    broad = {
        key: min((each.question for each in found.answers if each.source == key), key=len, default="") for key in keys
    }
    return {
        (each.source, claim.attribute, claim.value, claim.pointer)
        for each in found.answers
        for claim in each.claims
        if broad.get(each.source) == each.question
    }


def trouble(rng, seconds=BUDGET_S):
    """{source: what it meets}: two hang (one of them so that nothing interrupts it), one answers 429 and does not say
    for how long, one errs inside 200."""
    hangs, deaf, full = rng.sample([key for key in EIGHT if key != ERRS_INSIDE_200[0]], 3)
    return {
        hangs: Fault(delay_s=60),
        deaf: Fault(delay_s=seconds + 3, ignores_timeout=True),
        full: Fault(429),
        ERRS_INSIDE_200[0]: ERRS_INSIDE_200[1],
    }


def in_trouble(met, companies, seconds=BUDGET_S):
    with ExitStack() as stack, ThreadPoolExecutor(len(companies)) as pool:
        for key, fault in met.items():
            stack.enter_context(faults.inject(key, fault))
        return list(pool.map(lambda company: search(company, seconds=seconds), companies))


def assert_all_that_is_well_is_heard(took, company, met, seconds=BUDGET_S):
    found, well = took.found, [key for key in EIGHT if key not in met]
    undisturbed = search(company, well).found
    assert took.seconds <= seconds + 1.0
    assert claims(found, well) >= claims(undisturbed, well)
    assert {each.source for each in found.answers if each.status == "failed"} <= set(met)
    assert {each.attribute for each in undisturbed.facts} <= {each.attribute for each in found.facts}
    asked = {each.source for each in found.answers}
    for gap in found.gaps:
        concerned = [key for key in met if gap["attribute"] in SOURCES[key].tells]
        assert [key for key in concerned if SOURCES[key].name not in gap["reason"]] == [], gap
    assert asked | {each["source"] for each in found.not_asked} == set(EIGHT)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_whoever_is_well_is_heard_in_time_and_each_gap_says_why(number):
    rng = random.Random(20261129 + number)
    companies = [Company(each.domain, each.name) for each in rng.sample(list(world.COMPANIES.values()), AT_ONCE)]
    met = trouble(rng)

    for took, company in zip(in_trouble(met, companies), companies, strict=True):
        assert_all_that_is_well_is_heard(took, company, met)


@pytest.mark.parametrize("seconds", [30.0, 300.0])
def test_with_more_time_nobody_waits_longer_for_who_hangs_than_for_one_source(seconds):
    met = trouble(random.Random(7), seconds)
    northwind = Company("northwind-bank.example", "Northwind Bank")

    [took] = in_trouble(met, [northwind], seconds=seconds)

    assert_all_that_is_well_is_heard(took, northwind, met, seconds)
    assert took.seconds < 15.0
