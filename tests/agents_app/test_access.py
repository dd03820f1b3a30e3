"""How a client reaches a source: by its own connection, by the agency's account, or without a key at all."""

from datetime import timedelta

import pytest

from agents_app import flow
from agents_app.flow.access import heed, paced, sources
from agents_app.flow.reliability import answer_rates
from agents_app.models import SourceAccount, SourceRecord
from agents_app.research import SourceAnswer
from clients import credentials
from gtm.models import Bucket
from gtm.sandbox import faults
from gtm.sandbox.faults import Fault
from tests.factories import AT, make_client, make_connection, make_contact, make_request, make_user, plan_run

pytestmark = pytest.mark.django_db

LIVE = {"mode": "live", "credential": credentials.encrypt("their-key")}
REAL, INVENTED = "northwind-bank.co.uk", "northwind-bank.example"


def reached(client, company=REAL, at=AT):
    contact = make_contact(client, company_domain=company)
    return {each.key: each for each in sources(plan_run(make_request(contact)), at=at)}


def account(source, **values):
    basis = {"mode": "live", "credential": credentials.encrypt("our-key"), "created_at": AT}
    return SourceAccount.objects.create(source=source, **{**basis, **values})


def paid(account, credits, at=AT, **values):
    basis = {"source": account.source, "company_domain": REAL, "status": "ok", "is_sandbox": False, "fetched_at": at}
    return SourceRecord.objects.create(
        run=plan_run(), asked_with=account.asked_with, credits=credits, **{**basis, **values}
    )


def test_a_client_s_own_key_comes_before_the_agency_s():
    client = make_client()
    own = make_connection(client, "newsapi", **LIVE)
    ours = account("newsapi"), account("people_data_labs")

    found = reached(client)

    assert [(found[key].credential, found[key].asked_with, found[key].sandbox) for key in ("newsapi", "people_data_labs")] == [
        ("their-key", f"connection:{own.pk}", False),
        ("our-key", ours[1].asked_with, False),
    ]  # fmt: skip


def test_a_connection_that_is_switched_off_leaves_the_agency_s_account_in_its_place():
    client = make_client()
    make_connection(client, "newsapi", is_active=False, **LIVE)
    account("newsapi")

    assert reached(client)["newsapi"].credential == "our-key"


def test_an_account_that_is_switched_off_is_nobody_s():
    account("newsapi", is_active=False)

    assert "newsapi" not in reached(make_client())


def test_sources_without_a_key_are_asked_live_by_everybody_alike():
    found = reached(make_client())

    assert [(each.sandbox, each.credential, each.asked_with) for each in (found["wikidata"], found["github"])] == [(False, "", "")] * 2  # fmt: skip


def test_a_source_without_a_key_is_switched_off_by_a_connection_that_is():
    client = make_client()
    make_connection(client, "github", is_active=False)
    account("github")

    found = reached(client)

    assert ("github" in found, "wikidata" in found) == (False, True)


def test_a_token_for_a_source_that_needs_none_makes_its_answers_the_account_s():
    ours = account("github")

    found = reached(make_client())["github"]

    assert (found.credential, found.asked_with) == ("our-key", ours.asked_with)


def test_a_connection_without_a_token_to_a_source_that_needs_none_is_like_none():
    client = make_client()
    make_connection(client, "github", mode="live")

    assert reached(client)["github"].asked_with == ""


def test_a_client_in_the_sandbox_asks_the_agency_s_accounts_there_and_nothing_that_nobody_connected():
    client = make_client()
    make_connection(client, "newsapi")
    ours = account("people_data_labs")

    found = reached(client)

    assert {key: (each.sandbox, each.credential) for key, each in found.items()} == {
        "newsapi": (True, ""),
        "people_data_labs": (True, ""),
    }
    assert found["people_data_labs"].asked_with == ours.asked_with


def test_a_company_that_cannot_exist_is_never_asked_about_outside():
    account("people_data_labs")

    found = reached(make_client(), INVENTED)

    assert {key: each.sandbox for key, each in found.items()} == {"people_data_labs": True}


def test_a_sandbox_connection_that_is_switched_off_is_no_sandbox_any_more():
    client = make_client()
    make_connection(client, "newsapi", is_active=False)
    account("people_data_labs")

    assert {each.sandbox for each in reached(client).values()} == {False}


# --- what the agency pays


def test_an_account_whose_credits_of_the_month_are_spent_is_closed_with_words():
    ours = account("people_data_labs", credits_a_month=3)
    paid(ours, 2.0)
    open_still = reached(make_client())["people_data_labs"].closed
    paid(ours, 1.0)

    closed = reached(make_client())["people_data_labs"].closed

    assert open_still == ""
    assert closed == "The agency's account at People Data Labs has spent this month's 3 credits."


@pytest.mark.parametrize(("at", "is_sandbox"), [(AT.replace(month=10, day=31), False), (AT, True)])
def test_only_what_was_really_paid_this_month_counts(at, is_sandbox):
    ours = account("people_data_labs", credits_a_month=1)
    paid(ours, 1.0, at, is_sandbox=is_sandbox)

    assert reached(make_client())["people_data_labs"].closed == ""


def test_what_another_account_spent_closes_none():
    ours = account("people_data_labs", credits_a_month=1)
    old = account("people_data_labs", is_active=False)
    paid(old, 5.0)

    assert (ours.asked_with != old.asked_with, reached(make_client())["people_data_labs"].closed) == (True, "")


@pytest.mark.parametrize("kept", [{"credential": b""}, {"credential": b"of no key of ours"}, {"credential": b"", "credential_ref": "env:GTM_SECRET_NOWHERE"}])  # fmt: skip
def test_a_live_account_without_a_key_that_can_be_read_is_closed_with_words(kept):
    account("people_data_labs", **kept)

    found = reached(make_client())["people_data_labs"]

    assert (
        found.closed == "The agency's account at People Data Labs has no credential that can be read. Enter it there."
    )


# --- sources that are left in peace


def failing(times, at=AT, **values):
    """NewsAPI was asked so often, and was down."""
    basis = {"status": "failed", "reason": "It was down.", "sandbox": True, "http_status": 503, "elapsed_ms": 9}
    answer = SourceAnswer("newsapi", request_key="x", **{**basis, **values})
    for _ in range(times):
        heed([answer], at=at)


@pytest.fixture
def news():
    return make_connection(make_client(), "newsapi")


def test_a_source_that_failed_five_times_running_is_left_in_peace_with_words(news):
    failing(4, asked_with=f"connection:{news.pk}")
    before = reached(news.client)["newsapi"].closed

    failing(1, asked_with=f"connection:{news.pk}")

    closed = reached(news.client, at=AT + timedelta(seconds=1))["newsapi"].closed
    assert (before, closed) == ("", "It failed several times running, so it is left in peace for 29 s more.")


def test_after_a_while_one_run_tries_it_again_before_all_others(news):
    failing(5, asked_with=f"connection:{news.pk}")
    later = AT + timedelta(minutes=1)

    first, second = reached(news.client, at=later)["newsapi"], reached(news.client, at=later)["newsapi"]

    assert ((first.closed, first.probe), bool(second.closed)) == (("", 1), True)


@pytest.mark.parametrize(("status", "is_closed"), [("ok", False), ("no_match", False), ("failed", True)])
def test_how_the_one_question_ends_decides_for_all(news, status, is_closed):
    failing(5, asked_with=f"connection:{news.pk}")
    later = AT + timedelta(minutes=1)
    probe = reached(news.client, at=later)["newsapi"].probe

    failing(1, at=later, asked_with=f"connection:{news.pk}", status=status, probe=probe)

    assert bool(reached(news.client, at=later)["newsapi"].closed) is is_closed


@pytest.mark.parametrize(
    "values",
    [
        {"http_status": 401},  # a person has to mend it
        {"elapsed_ms": 0},  # nobody was asked
        {"same_as": 7},  # an answer that was kept
        {"asked_with": "connection:999"},  # another key
        {"sandbox": False},
    ],
)
def test_what_says_nothing_of_the_source_s_health_leaves_it_open(news, values):
    basis = {"asked_with": f"connection:{news.pk}", "sandbox": True, "http_status": 503, "elapsed_ms": 9}
    answer = SourceAnswer("newsapi", "failed", "x", request_key="x", **{**basis, **values})

    for _ in range(6):
        heed([answer], at=AT)

    assert reached(news.client)["newsapi"].closed == ""


def test_runs_that_meet_a_source_in_trouble_stop_asking_it(news):
    with faults.inject("newsapi", Fault(503)):
        for _ in range(6):
            flow.execute(
                plan_run(make_request(make_contact(news.client, company_domain=INVENTED))).pk, clock=lambda: AT
            )
        [last] = SourceRecord.objects.order_by("-pk")[:1]

    assert (last.status, last.calls, last.reason[:37]) == ("failed", 0, "It failed several times running, so i")


# --- how often they had an answer


# --- at what pace they are asked


def paced_run(by_person=False):
    client = make_client()
    make_connection(client, "newsapi", **LIVE)
    asked_by = make_user() if by_person else None
    return plan_run(make_request(make_contact(client, company_domain=REAL), asked_by=asked_by))


def closed(run, key="gdelt", at=AT, besides=()):
    found = paced(run, sources(run, at=at), besides=besides, at=at)
    return {each.key: each.closed for each in found}[key]


def test_runs_together_ask_a_source_no_faster_than_it_publishes():
    first, second = paced_run(), paced_run()

    asked = closed(first), closed(second), closed(second, at=AT + timedelta(seconds=7))

    assert asked == ("", "It takes 1 in 5 s, and runs have asked as many. It may be asked again in 7 s.", "")


def test_each_key_has_its_own_pace():
    one, other = paced_run(), paced_run()

    assert {closed(run, "newsapi") for run in (one, other)} == {""}
    assert Bucket.objects.filter(name__startswith="source newsapi").count() == 2


def test_an_answer_that_is_kept_and_the_sandbox_take_nothing_of_it():
    client = make_client()
    make_connection(client, "gdelt")
    sandboxed = plan_run(make_request(make_contact(client, company_domain=INVENTED)))

    for run in (paced_run(), sandboxed):
        assert closed(run, besides={"gdelt"}) == ""

    assert not Bucket.objects.filter(name__startswith="source gdelt").exists()


def test_the_last_tenth_of_a_day_is_for_what_people_asked_for():
    closed(paced_run())
    Bucket.objects.filter(name__startswith="source gdelt").update(spent=13_000, tokens=1)

    by_itself, by_person = closed(paced_run()), closed(paced_run(by_person=True))

    assert by_itself == "Of the 17,280 questions that it takes in a day, those that such runs may ask are asked."
    assert by_person == ""


def test_a_source_that_hardly_answers_is_known_by_its_records():
    run = plan_run()
    basis = {
        "run": run,
        "source": "newsapi",
        "company_domain": "x.example",
        "request_key": "x",
        "fetched_at": AT,
        "elapsed_ms": 5,
    }
    for status in ["failed"] * 18 + ["ok"] * 2:
        SourceRecord.objects.create(**basis, status=status)
    SourceRecord.objects.create(**{**basis, "is_sandbox": False}, status="ok")

    rates = answer_rates({"newsapi": True, "gdelt": True})

    assert rates == {"newsapi": pytest.approx((2 + 0.7 * 10) / 30)}
