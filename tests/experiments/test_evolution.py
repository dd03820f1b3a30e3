"""A client's work → proposals to change its settings: what is read, what is written down, and when it comes again."""

from datetime import timedelta

import pytest

from agents_app.models import Draft
from clients.models import AgencySettings, Client, SettingsTemplate
from experiments import evolution, reading
from experiments.figures import METRICS, Count
from experiments.models import SettingProposal
from gtm import loop
from tests.factories import (
    AT,
    make_client,
    make_contact,
    make_draft,
    make_industry,
    make_outcome,
    make_request,
    make_run,
    make_send,
    make_step,
    make_user,
)

pytestmark = pytest.mark.django_db
DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
NOW = AT + 8 * WEEK
MAX, AVOID = "custom_fields.max_words", "custom_fields.avoid_terms"
LONG, SHORT = " ".join(["Plainly"] * 130), " ".join(["Plainly"] * 81)
CONFIG = {"tone": "friendly", "confidence_floor": 0.5, "custom_fields": {"max_words": 150}}
SPAN = {"since": AT - DAY, "until": NOW, "at": NOW}


@pytest.fixture
def acme() -> Client:
    """Nothing is inherited but what is built in."""
    for layer in (AgencySettings, SettingsTemplate):
        layer.objects.update(settings={}, locks=[])
    return make_client("acme", industry=make_industry("plain"))


def drafted(client, *, at=AT, variants=None, config=None, **draft) -> Draft:
    run = make_run(make_request(make_contact(client)), planned_at=at, variants=variants or {}, config=config or CONFIG)
    return make_draft(run, **{"status": "approved", **draft})


def shorten(client, size=20, **more) -> list[Draft]:
    """Drafts that people shortened."""
    return [drafted(client, body=LONG, final_body=SHORT, was_edited=True, **more) for _ in range(size)]


def propose(at=NOW) -> list[SettingProposal]:
    return loop.propose_settings(at=at)


# --- what is read


def test_drafts_are_read_by_what_people_decided(acme):
    drafted(acme, status="waiting")
    drafted(acme, status="rejected")
    drafted(acme, status="sent")
    edited = drafted(acme, was_edited=True, final_body="Dear Ada Lee,\n\nKind regards", decided_by=make_user("kim"))

    work = reading.read(acme, **SPAN)

    assert sorted(draft.decision for draft in work.drafts) == ["edited", "rejected", "unchanged"]
    assert METRICS["unchanged"].counted(work) == Count(1, 3)
    assert METRICS["edited"].counted(work) == Count(1, 2)
    found = next(draft for draft in work.drafts if draft.id == edited.pk)
    assert (found.by, found.values[MAX], found.values["tone"]) == (edited.decided_by_id, 150, "friendly")
    assert {"ada", "northwind", "acme"} <= found.known


def test_other_clients_other_weeks_and_experiments_stay_out(acme):
    drafted(make_client("other"))
    drafted(acme, at=AT - 2 * DAY)
    drafted(acme, at=NOW)
    drafted(acme, variants={"email_agent": {"experiment": 1, "variant": 1, "key": "a"}})

    assert reading.read(acme, **SPAN).drafts == []


def test_the_weakest_fact_that_a_draft_rests_on_is_found(acme):
    draft = drafted(
        acme, sentences=[{"text": "A.", "rests_on": ["f1", "config.x"]}, {"text": "B.", "rests_on": ["f2"]}]
    )
    draft.run.facts.create(key="f1", attribute="headcount", value="1,240", confidence=0.9)
    draft.run.facts.create(key="f2", attribute="city", value="Bern", confidence=0.55)
    draft.run.facts.create(key="f3", attribute="stage", value="B", confidence=0.1)

    (found,) = reading.read(acme, **SPAN).drafts

    assert found.weakest == 0.55
    assert "bern" in found.known


def test_of_a_contact_the_first_e_mail_counts_once_its_answer_would_have_come(acme):
    contact = make_contact(acme)
    runs = [make_run(make_request(contact), config=CONFIG) for _ in range(2)]
    first = make_send(make_draft(runs[0], status="sent"), sent_at=AT + DAY)
    second = make_send(make_draft(runs[1], status="sent"), sent_at=AT + 5 * DAY)
    young = make_send(
        make_draft(make_run(make_request(make_contact(acme)), config=CONFIG), status="sent"), sent_at=NOW - 3 * DAY
    )
    make_outcome(contact, send=second, occurred_at=AT + 6 * DAY)
    late = make_send(make_draft(make_run(make_request(make_contact(acme)), config=CONFIG), status="sent"), sent_at=AT)
    make_outcome(late.contact, send=late, occurred_at=AT + 15 * DAY)

    mails = reading.read(acme, **SPAN).mails

    assert sorted(mail.id for mail in mails) == sorted([first.draft_id, late.draft_id])
    assert young.draft_id not in {mail.id for mail in mails}
    assert METRICS["replied"].counted(reading.read(acme, **SPAN)) == Count(0, 2)
    assert {mail.day for mail in mails} == {"mon", "tue"}


def test_an_answer_within_the_window_counts(acme):
    send = make_send(drafted(acme, status="sent"), sent_at=AT)
    make_outcome(send.contact, send=send, occurred_at=AT + 3 * DAY)
    make_outcome(send.contact, "unsubscribed", send=send, occurred_at=AT + 4 * DAY)

    (mail,) = reading.read(acme, **SPAN).mails

    assert (mail.replied, mail.harmed) == (True, True)


def test_what_was_written_is_measured_whether_or_not_it_became_a_draft(acme):
    run = make_run(make_request(make_contact(acme)), config=CONFIG)
    said = [{"text": " ".join(["word"] * 160), "rests_on": [], "paragraph": 0}]
    make_step(run, output={"subject": "Hello", "greeting": "Dear Ada,", "sentences": said, "closing": "Kind regards"})
    make_step(
        make_run(make_request(make_contact(acme)), config=CONFIG), output={"sentences": [], "missing": ["an offer"]}
    )

    (found,) = reading.read(acme, **SPAN).written

    assert (found.id, found.words, found.fits) == (run.pk, 164, False)


def test_runs_that_ran_out_of_their_own_budget_are_told_from_those_of_the_day(acme):
    spent = "The next call may cost $0.0400, and $0.0100 of the run's $0.20 are left. Ask again with more depth, or raise the budget."
    day = (
        "The next call may cost $9.0000, and Acme may spend $5.00 a day; the daily budget stands on the client's page."
    )
    for error, status in ((spent, "needs_input"), (day, "needs_input"), ("", "succeeded"), ("", "needs_input")):
        run = make_run(
            make_request(make_contact(acme)), config=CONFIG, status=status, budget_usd="0.2", spent_usd="0.1"
        )
        make_step(run, error=error, error_class="BudgetSpent" if error else "", status="failed" if error else "done")

    work = reading.read(acme, **SPAN)

    assert METRICS["ran_out"].counted(work) == Count(1, 2)
    assert {run.budget for run in work.runs} == {0.2}


def test_reading_takes_six_queries_however_much_there_is(acme, django_assert_num_queries):
    shorten(acme, 3)
    with django_assert_num_queries(5):
        reading.read(acme, **SPAN)
    shorten(acme, 12)
    with django_assert_num_queries(5):
        reading.read(acme, **SPAN)


# --- what is written down


def test_habitual_shortening_becomes_a_proposal_and_changes_nothing(acme):
    made = [draft.pk for draft in shorten(acme)]

    (proposal,) = propose()

    assert (proposal.client, proposal.path, proposal.rule, proposal.status) == (acme, MAX, "length", "open")
    assert (proposal.own, proposal.proposed) == (None, 90)
    assert proposal.in_force == {"value": 150, "sources": ["built in"]}
    assert proposal.evidence["n"] == 20
    assert proposal.evidence["counts"]["edits that shorten"] == {
        "part": 20,
        "whole": 20,
        "rate": 1.0,
        "low": 0.8389,
        "high": 1.0,
    }
    assert sorted(proposal.evidence["drafts"]) == made
    assert proposal.evidence["sentence"].startswith("People shortened 20 of 20 (100%; between 84% and 100%, 95% sure)")
    assert proposal.expected["now"]["part"] == 20
    assert proposal.expected["then"] is None
    acme.refresh_from_db()
    assert (acme.settings, acme.versions.count()) == ({}, 0)


def test_a_word_taken_out_again_and_again_is_added_to_what_the_client_avoids(acme):
    Client.objects.filter(pk=acme.pk).update(settings={AVOID: {"$remove": ["cheap"], "$add": ["synergy"]}})
    AgencySettings.objects.update_or_create(defaults={"settings": {AVOID: ["cheap", "disruptive"]}})
    body = "Dear Ada Lee,\n\nWe wanted to gladly empower the team.\n\nKind regards"
    for _ in range(20):
        drafted(acme, body=body, final_body=body.replace(" gladly", ""), was_edited=True)

    (proposal,) = propose()

    assert proposal.proposed == {"$remove": ["cheap"], "$add": ["synergy", "gladly"]}
    assert proposal.in_force["value"] == ["disruptive", "synergy"]


def test_what_a_lock_forbids_is_not_proposed(acme):
    AgencySettings.objects.update_or_create(defaults={"settings": {"send_window.to_hour": 24}, "locks": [MAX]})
    AgencySettings.objects.update(settings={MAX: 80})
    config = CONFIG | {"custom_fields": {"max_words": 80}}
    words = [{"text": " ".join(["word"] * 120), "rests_on": [], "paragraph": 0}]
    for _ in range(30):
        make_step(
            make_run(make_request(make_contact(acme)), config=config),
            output={"greeting": "Dear Ada,", "sentences": words, "closing": "K"},
        )

    assert propose() == []  # wider than the lock would not be heard

    AgencySettings.objects.update(locks=[])
    assert [each.proposed for each in propose()] == [130]


def test_what_contradicts_the_clients_own_words_is_not_proposed(acme):
    Client.objects.filter(pk=acme.pk).update(settings={"custom_fields.offer": "We gladly take over the audit."})
    body = "Dear Ada Lee,\n\nWe wanted to gladly empower the team.\n\nKind regards"
    for _ in range(20):
        drafted(acme, body=body, final_body=body.replace(" gladly", ""), was_edited=True)

    assert propose() == []


def test_only_active_clients_are_looked_at(acme):
    shorten(acme)
    Client.objects.update(status="paused")

    assert propose() == []


def test_old_work_does_not_count(acme):
    shorten(acme)

    assert propose(at=AT + 13 * WEEK) == []


def test_a_second_look_leaves_what_waits_alone(acme):
    shorten(acme)
    (first,) = propose()

    assert propose(at=NOW + DAY) == []
    assert SettingProposal.objects.get() == first


def test_of_two_workers_that_look_at_once_one_writes(acme, monkeypatch):
    shorten(acme)
    monkeypatch.setattr(evolution, "_alone", lambda: False)

    assert propose() == []
    assert not SettingProposal.objects.exists()


@pytest.mark.parametrize(
    ("weeks", "edits", "comes"),
    [(7, 40, False), (9, 10, False), (9, 20, True)],  # beside the 20 it had: too soon, too little, twice as much
)
def test_a_dismissed_one_comes_again_only_later_and_with_twice_the_evidence(acme, weeks, edits, comes):
    shorten(acme, at=NOW - DAY)
    (first,) = propose()
    SettingProposal.objects.filter(pk=first.pk).update(status="dismissed", decided_at=NOW)
    shorten(acme, edits, at=NOW + DAY)

    assert bool(propose(at=NOW + weeks * WEEK)) is comes


def test_what_was_rolled_back_stays_away_as_well(acme):
    shorten(acme, at=NOW - DAY)
    (first,) = propose()
    SettingProposal.objects.filter(pk=first.pk).update(status="rolled_back", decided_at=AT, undone_at=NOW)
    shorten(acme, 40, at=NOW + DAY)

    assert propose(at=NOW + 7 * WEEK) == []


def test_a_look_counts_what_it_looked_at_over_all_clients(acme):
    shorten(acme)
    other = make_client("other")
    body = "Dear Ada Lee,\n\nOne two three plainly four.\n\nKind regards"
    for _ in range(10):
        drafted(other, body=body)

    (proposal,) = propose()

    assert proposal.client == acme
    assert proposal.evidence["looked_at"] == 3  # one length, and two phrases of the other client
