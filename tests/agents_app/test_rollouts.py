"""A candidate gets a growing share of contacts beside the live version, and loses it by itself where it is worse."""

from datetime import timedelta
from importlib import import_module
from itertools import count

import pytest
from django.db import connection
from django.urls import reverse

from agents_app import rehearsals, rollout_rules, rollouts, versions
from agents_app.models import FlowRun, PlannedPrompt, PromptVersion, Rehearsal, Request, Rollout, RolloutDraw
from agents_app.rollouts import impact, proxies
from experiments.models import OutcomeKind
from gtm import loop
from insights.models import Ticket
from tests.crowd import make_user_of
from tests.factories import (
    AT,
    make_contact,
    make_draft,
    make_experiment,
    make_outcome,
    make_prompt,
    make_ready_client,
    make_request,
    make_run,
    make_send,
    make_step,
    make_user,
)

pytestmark = pytest.mark.django_db
MAIL = "email_agent"
LATER = AT + timedelta(days=3)
GOOD = [{"check": "short", "passed": True, "must": False, "detail": ""}]
BAD = [{"check": "short", "passed": False, "must": False, "detail": ""}]
SAID = {"sentences": [{"text": "Northwind grows.", "rests_on": ["f1"]}], "missing": []}
NOTHING = {"sentences": [], "missing": ["No offer is set."]}


def nobody_bounced(sends):
    return set()


@pytest.fixture
def begun():
    """A rollout at 10 %, of a candidate whose rehearsal passed."""
    live = versions.live(at=AT)[MAIL]
    candidate = versions.create(MAIL, text="Another prompt.", note="", by=None, at=AT)
    Rehearsal.objects.create(
        candidate=candidate, against=live, agent=MAIL, budget_usd=0, asked_at=AT, status="done", verdict="passed",
        report={"deltas": []},
    )  # fmt: skip
    return rollouts.start(candidate, by=make_user("ann"), at=AT)


def came(rollout, count, *, candidate, share=10, checks=GOOD, status="done", output=SAID):
    """So many runs of one version that ended, each of a contact of its own."""
    version = rollout.candidate if candidate else rollout.control
    steps = []
    for _ in range(count):
        run = make_run(status="failed" if status == "failed" else "succeeded")
        number = RolloutDraw.objects.count()
        RolloutDraw.objects.create(
            rollout=rollout, run=run, unit=f"contact:{number}", is_candidate=candidate, share=share
        )
        at = AT + timedelta(seconds=number)
        steps.append(
            make_step(
                run,
                MAIL,
                key="email",
                prompt_version=version,
                checks=checks,
                status=status,
                output=output,
                finished_at=at,
            )
        )
    return steps


def look(rollout, bounced=nobody_bounced, at=LATER):
    rollouts.look(Rollout.objects.get(pk=rollout.pk), bounced, at=at)
    return Rollout.objects.get(pk=rollout.pk)


def label(version):
    return PromptVersion.objects.get(pk=version.pk).label


def contact_at(rollout, client, *, inside):
    """A contact at a company whose place is, or is not, in the rollout's share."""
    domains = (f"company{number}.example" for number in count())
    units = ((domain, f"company:{client.pk}:{domain}") for domain in domains)
    domain = next(each for each, unit in units if rollout_rules.is_in(rollout.seed, unit, rollout.share) is inside)
    return make_contact(client, company_domain=domain)


def planned(contact, **values):
    return loop.plan_run(make_request(contact, **values).pk, at=AT)


def version_of(run):
    return PlannedPrompt.objects.get(run=run, agent=MAIL).version


# --- beginning


def test_a_rollout_begins_with_a_tenth_and_what_is_expected(begun):
    assert (begun.status, begun.share, begun.agent, begun.author.username) == ("running", 10, MAIL, "ann")
    assert (label(begun.candidate), label(begun.control)) == ("candidate", "live")
    assert begun.expected["basis"] == ""
    assert [(each.step, each.share, each.reasons) for each in begun.decisions.all()] == [
        ("go_on", 10, ["Its rehearsal passed."])
    ]


def over(level, differences, status="finished", start=20):
    """Rollouts that came to an end, of changes of this level, and what they did."""
    live = versions.live(at=AT)[MAIL]
    for number, each in enumerate(differences, start=start):
        version = make_prompt(MAIL, text=f"Earlier {number}.", number=number, level=level)
        Rollout.objects.create(
            candidate=version, control=live, agent=MAIL, seed="s", started_at=AT, status=status,
            observed={"difference": each, "low": each - 0.05, "high": each + 0.05},
        )  # fmt: skip


def test_without_a_rehearsal_earlier_rollouts_of_changes_as_large_say_what_is_expected():
    versions.live(at=AT)
    candidate = versions.create(MAIL, text="Another prompt.", note="", by=None, at=AT)
    other = {"major": "patch", "minor": "patch", "patch": "minor"}[candidate.level]
    over(other, [0.3] * 9, start=40)
    over(candidate.level, [0.3] * 9, status="stopped", start=60)
    over(candidate.level, [-0.02, 0.0, 0.01, 0.02])
    assert rollouts.expected_of(candidate).basis == ""

    over(candidate.level, [0.04], status="rolled_back", start=80)

    found = rollouts.expected_of(candidate)
    assert found.basis == f"5 earlier rollouts of {candidate.level} changes"
    assert (found.difference, found.low < 0 < found.high) == (0.01, True)


@pytest.mark.parametrize("wrong", ["live", "another", "unrehearsed", "needed"])
def test_what_cannot_be_rolled_out_is_refused_and_nothing_moves(begun, wrong, settings):
    other = versions.create("persona_agent" if wrong != "another" else MAIL, text="Third.", note="", by=None, at=AT)
    settings.REHEARSAL_IS_NEEDED = wrong == "needed"
    asked, reason, said = {
        "live": (begun.control, "Because.", "has nothing to be compared with"),
        "another": (other, "Because.", "Two candidates of one agent cannot be told apart"),
        "unrehearsed": (other, " ", "say why it is rolled out without"),
        "needed": (other, "Because.", "Rehearse it first."),
    }[wrong]

    with pytest.raises(rollouts.RolloutRefused, match=said):
        rollouts.start(asked, by=None, at=AT, reason=reason)

    assert Rollout.objects.count() == 1
    assert label(other) == "draft"


def test_without_a_rehearsal_a_reason_is_enough():
    versions.live(at=AT)
    candidate = versions.create(MAIL, text="Another prompt.", note="", by=None, at=AT)

    made = rollouts.start(candidate, by=None, at=AT, reason="It mends a typing error.")

    assert made.reason == "It mends a typing error."


# --- who gets it


def test_a_contact_of_the_share_gets_the_candidate_and_another_the_live_version(begun):
    client = make_ready_client()

    inside, outside = (planned(contact_at(begun, client, inside=side)) for side in (True, False))

    assert (version_of(inside), version_of(outside)) == (begun.candidate, begun.control)
    draws = RolloutDraw.objects.order_by("pk").values_list("run", "is_candidate", "share")
    assert list(draws) == [(inside.pk, True, 10), (outside.pk, False, 10)]


def test_a_contact_stays_with_its_version_while_the_share_grows(begun):
    client = make_ready_client()
    contact = contact_at(begun, client, inside=True)
    first = planned(contact)
    Rollout.objects.update(share=50)

    second = planned(contact, sequence_step=2)

    assert version_of(first) == version_of(second) == begun.candidate
    assert list(RolloutDraw.objects.order_by("pk").values_list("share", flat=True)) == [10, 50]


def test_planning_twice_draws_once(begun):
    contact = contact_at(begun, make_ready_client(), inside=True)
    request = make_request(contact)

    loop.plan_run(request.pk, at=AT)
    Rollout.objects.update(share=25)
    loop.plan_run(request.pk, at=AT)

    assert RolloutDraw.objects.values_list("share", flat=True).get() == 10


def test_clients_with_a_pinned_version_are_left_out_also_where_it_is_the_live_one(begun):
    client = make_ready_client()
    versions.pin(client, begun.control, by=None, at=AT)

    run = planned(contact_at(begun, client, inside=True))

    assert version_of(run) == begun.control
    assert RolloutDraw.objects.count() == 0


def test_contacts_in_an_experiment_of_the_agent_are_left_out(begun):
    client = make_ready_client()
    make_experiment(client)
    contact = contact_at(begun, client, inside=True)

    of_its_control = rollouts.prompts_for(
        make_request(contact), {MAIL: begun.control}, tested={MAIL: "control"}, config={}
    )
    run = planned(contact)

    assert (of_its_control.prompts, of_its_control.draws) == ({MAIL: begun.control}, [])
    assert MAIL in run.variants
    assert version_of(run) != begun.candidate
    assert RolloutDraw.objects.count() == 0


def test_after_it_is_over_everybody_gets_the_live_version(begun):
    contact = contact_at(begun, make_ready_client(), inside=True)
    rollouts.stop(begun, by=make_user(), at=AT, reason="It sounds wrong.")

    run = planned(contact)

    assert version_of(run) == begun.control
    assert RolloutDraw.objects.count() == 0


def test_whoever_works_at_one_company_gets_the_same_version(begun):
    client = make_ready_client()
    contact = contact_at(begun, client, inside=True)
    other = make_contact(client, company_domain=contact.company_domain)
    account = Request.objects.create(
        client=client, purpose="account", company_domain=contact.company_domain, asked_at=AT
    )

    runs = [planned(contact), planned(other), loop.plan_run(account.pk, at=AT)]

    assert {version_of(run) for run in runs} == {begun.candidate}
    assert set(RolloutDraw.objects.values_list("unit", flat=True)) == {f"company:{client.pk}:{contact.company_domain}"}


def test_who_has_other_words_in_the_place_of_the_whole_prompt_is_left_out(begun, operator):
    client = make_ready_client()
    client.settings |= {f"prompt_overrides.{MAIL}": [{"mode": "replace", "text": "Write in our own way."}]}
    client.save()

    run = planned(contact_at(begun, client, inside=True))

    assert (version_of(run), RolloutDraw.objects.count()) == (begun.control, 0)
    page = operator.get(reverse("roll_out", args=[begun.candidate_id])).content.decode()
    whom = reverse("admin:agents_app_promptversion_make_live", args=[begun.candidate_id])
    assert f'<a href="{whom}">What changes, and whom it does not reach</a>' in page
    assert f"{client.name}</a> replaces the whole prompt." in operator.get(whom).content.decode()


def test_nothing_is_drawn_for_runs_that_do_not_write(begun):
    client = make_ready_client()
    request = make_request(contact_at(begun, client, inside=True), purpose="deep_research")

    run = loop.plan_run(request.pk, at=AT)

    assert not PlannedPrompt.objects.filter(run=run, agent=MAIL).exists()
    assert RolloutDraw.objects.count() == 0


# --- what came, and what follows


def test_enough_good_answers_let_the_share_grow_and_once_only(begun):
    came(begun, 180, candidate=False)
    came(begun, 20, candidate=True)

    first, second = look(begun), look(begun)

    assert (first.share, first.status, second.share) == (25, "running", 25)
    assert [(each.step, each.share) for each in begun.decisions.order_by("pk")] == [
        ("go_on", 10), ("go_on", 25), ("wait", 25),
    ]  # fmt: skip


def test_a_worse_candidate_is_rolled_back_at_once_with_a_ticket(begun):
    came(begun, 180, candidate=False)
    came(begun, 20, candidate=True, checks=BAD)

    loop.watch_rollouts(at=LATER)
    loop.watch_rollouts(at=LATER)

    row = Rollout.objects.get()
    assert (row.status, row.share, row.ended_at) == ("rolled_back", 10, LATER)
    assert (label(row.candidate), label(row.control)) == ("retired", "live")
    ticket = Ticket.objects.get()
    assert (ticket.decision.rollout, ticket.owner.username) == (row, "ann")
    assert ticket.title == f"Find out why {row.candidate} did worse than v{row.control.number}"
    assert "Answers that keep their contracts: 0.0% with the candidate, 100.0% without" in ticket.description
    assert row.observed["difference"] == -1.0


def test_steps_that_fail_roll_back_too(begun):
    came(begun, 180, candidate=False)
    came(begun, 12, candidate=True)
    came(begun, 12, candidate=True, status="failed", checks=[])

    row = look(begun)

    assert row.status == "rolled_back"
    assert "Steps that end with an answer" in row.decisions.latest("pk").reasons[0]


def test_units_that_fell_unevenly_hold_it_until_a_person_stops_it(begun):
    came(begun, 60, candidate=False)
    came(begun, 40, candidate=True)

    for _ in range(2):
        loop.watch_rollouts(at=LATER)
    row = held = Rollout.objects.get()
    rollouts.stop(row, by=make_user("bob"), at=LATER, reason="The draw was wrong.")

    assert (held.status, held.share) == ("held", 10)
    ticket = Ticket.objects.get()
    assert (ticket.title, ticket.owner.username) == (f"Find out why the units of {row} fell unevenly"[:160], "ann")
    assert "Of 100 units 40 got the candidate where 10 % should have" in ticket.description
    row.refresh_from_db()
    assert (row.status, row.ended_by.username, label(row.candidate)) == ("stopped", "bob", "retired")
    with pytest.raises(rollouts.RolloutRefused, match="is over already"):
        rollouts.stop(row, by=make_user(), at=LATER, reason="Again.")


def test_after_the_last_stage_the_candidate_goes_live_and_the_expectation_is_scored(begun):
    came(begun, 180, candidate=False)
    came(begun, 20, candidate=True)
    came(begun, 80, candidate=False, share=50)
    came(begun, 80, candidate=True, share=50)
    Rollout.objects.update(share=50)

    row = look(begun)

    assert (row.status, row.share) == ("finished", 100)
    assert (label(row.candidate), label(row.control)) == ("live", "retired")
    assert (row.observed["difference"], row.scores) == (0.0, {})
    assert row.candidate.history.first().history_change_reason == f"Rollout {row.pk} went through all its stages"


@pytest.mark.parametrize(("worse", "came_true"), [(0, 1), (1, 0)])
def test_an_expectation_is_scored_by_whether_the_share_fell_though_the_candidate_goes_live(operator, worse, came_true):
    versions.live(at=AT)
    candidate = versions.create(MAIL, text="Another prompt.", note="", by=None, at=AT)
    over(candidate.level, [0.12, -0.08, 0.1, -0.06, 0.02])
    begun = rollouts.start(candidate, by=None, at=AT, reason="It mends a typing error.")
    came(begun, 180, candidate=False)
    came(begun, 20, candidate=True)
    came(begun, 80, candidate=False, share=50)
    came(begun, 80 - worse, candidate=True, share=50)
    came(begun, worse, candidate=True, share=50, checks=BAD)
    Rollout.objects.update(share=50)

    row = look(begun)
    page = operator.get(reverse("rollout", args=[row.pk])).content.decode()

    chance, width = row.expected["chance"], row.expected["high"] - row.expected["low"]
    assert (row.status, 0.55 < chance < 0.65, row.observed["difference"] < 0) == ("finished", True, bool(worse))
    assert row.scores == {
        "brier": pytest.approx((chance - came_true) ** 2, abs=1e-4),
        "interval": pytest.approx(width, abs=1e-4),
        "covered": 1.0,
    }
    assert f"Brier score of the chance that it does not fall: {row.scores['brier']:.2f}; what came lies inside" in page


def test_scores_from_before_are_put_right_by_what_was_observed(begun):
    told = {"basis": "x", "low": -0.1, "high": 0.1, "chance": 0.8}
    scored = {"brier": 0.5, "interval": 0.2, "covered": 1.0}
    rows = [
        Rollout.objects.create(
            candidate=begun.candidate, control=begun.control, agent=MAIL, seed="s", started_at=AT, status="finished",
            expected=told, observed=observed, scores=scores,
        )
        for observed, scores in [
            ({"difference": -0.01}, scored), ({"difference": 0.0}, scored), ({}, {"brier": 0.5}), ({}, {})
        ]
    ]  # fmt: skip

    with connection.cursor() as cursor:
        cursor.execute(import_module("agents_app.migrations.0024_versions_for_good").SCORES)

    fresh = [Rollout.objects.get(pk=row.pk).scores for row in rows]
    assert fresh == [scored | {"brier": 0.64}, scored | {"brier": 0.04}, {}, {}]


def test_when_another_version_is_made_live_by_hand_the_rollout_ends(begun):
    versions.go_live(versions.create(MAIL, text="Third.", note="", by=None, at=AT), by=None, at=AT)

    row = look(begun)

    assert (row.status, label(row.candidate)) == ("stopped", "retired")
    assert "is live no more" in row.decisions.latest("pk").reasons[0]


def test_when_the_candidate_is_made_live_by_hand_the_rollout_is_finished(begun):
    versions.go_live(begun.candidate, by=None, at=AT)

    row = look(begun)

    assert (row.status, label(row.candidate)) == ("finished", "live")


def test_the_page_shows_what_the_newest_look_found_and_not_what_the_last_decision_did(begun, operator):
    came(begun, 90, candidate=False)
    came(begun, 10, candidate=True)
    look(begun)
    came(begun, 45, candidate=False)
    came(begun, 5, candidate=True)
    look(begun)

    page = operator.get(reverse("rollout", args=[begun.pk])).content.decode()

    assert [each.step for each in begun.decisions.order_by("pk")] == ["go_on", "wait"]
    head = page.partition("What its guards stand at")[0]
    assert "15 of 20 outcomes of the candidate at 10 %" in head
    assert "10 of 20 outcomes" not in head
    assert "not guarded yet" in page


# --- the outcomes that guards look at


def outcomes_of(rollout, guard, bounced=nobody_bounced, at=LATER):
    return proxies.periods(rollout, bounced, at=at)[0].outcomes[guard]


def decided(step, **values):
    return make_draft(step.run, step=step, decided_at=AT + timedelta(hours=1), **values)


def test_what_people_did_with_drafts_counts_where_it_is_about_the_text(begun):
    steps = came(begun, 5, candidate=True)
    decided(steps[0], status="approved")
    decided(steps[1], status="approved", was_edited=True)
    decided(steps[2], status="rejected", rejection="text")
    decided(steps[3], status="rejected", rejection="person")
    make_draft(steps[4].run, step=steps[4])

    assert outcomes_of(begun, "edits") == ([], [1.0, 0.0, 0.0])


def test_a_mail_counts_once_it_has_had_two_days_to_bounce_whether_it_did_or_not(begun):
    """Or for two days there would be bounces only, and arrivals would come before outcomes that were bet on already."""
    steps = came(begun, 2, candidate=True)
    sends = [make_send(decided(step, status="sent")) for step in steps]
    make_outcome(sends[0].contact, OutcomeKind.BOUNCED, send=sends[0])

    soon = outcomes_of(begun, "bounces", loop.outcomes.bounced, sends[0].sent_at + timedelta(hours=47))
    late = outcomes_of(begun, "bounces", loop.outcomes.bounced, sends[1].sent_at + timedelta(days=2))

    assert (soon[1], late[1]) == ([], [0.0, 1.0])


def test_an_answer_that_only_says_what_is_missing_is_no_answer_and_keeps_no_contract(begun):
    came(begun, 1, candidate=True)
    came(begun, 1, candidate=True, output=NOTHING)

    assert outcomes_of(begun, "errors") == ([], [1.0, 0.0])
    assert outcomes_of(begun, "contracts") == ([], [1.0])


def test_a_try_that_failed_counts_once_no_other_can_follow(begun):
    [step] = came(begun, 1, candidate=True, status="failed", checks=[], output=None)
    FlowRun.objects.filter(pk=step.run_id).update(status="retry")
    under_way = outcomes_of(begun, "errors")
    FlowRun.objects.filter(pk=step.run_id).update(status="failed")

    assert (under_way, outcomes_of(begun, "errors")) == (([], []), ([], [0.0]))


def test_drafts_that_wait_and_mails_that_may_bounce_are_waited_for_a_week_and_two_days(begun):
    came(begun, 180, candidate=False)
    steps = came(begun, 20, candidate=True)
    for step in steps:
        make_draft(step.run, step=step)

    waits = look(begun)
    reasons = waits.stand["reasons"]
    gives_up = look(begun, at=AT + timedelta(days=8))

    assert (waits.share, gives_up.share) == (10, 25)
    assert reasons == [
        "Drafts approved as they stand: 0 of 20 outcomes of the candidate at 10 %. 20 more may still come."
    ]


def test_units_are_counted_once_however_many_runs_they_have(begun):
    came(begun, 2, candidate=True)
    run = make_run()
    RolloutDraw.objects.create(rollout=begun, run=run, unit="contact:0", is_candidate=True, share=10)

    [period] = proxies.periods(begun, nobody_bounced, at=LATER)

    assert (period.control, period.candidate) == (0, 2)


def test_the_past_of_the_live_version_gives_rates_and_caps():
    live = versions.live(at=AT)[MAIL]
    for number in range(25):
        run = make_run()
        PlannedPrompt.objects.create(run=run, agent=MAIL, version=live)
        checks = BAD if number < 5 else GOOD
        make_step(
            run, MAIL, prompt_version=live, checks=checks, output=SAID, cost_usd=f"0.{number:02d}", finished_at=AT
        )

    found = proxies.past(live, at=LATER)

    assert found.rates == {"contracts": 0.8, "errors": 1.0}
    assert found.caps == {"cost": pytest.approx(0.72)}


def test_a_past_of_few_outcomes_says_nothing():
    live = versions.live(at=AT)[MAIL]

    found = proxies.past(live, at=LATER)

    assert (found.rates, found.caps) == ({}, {})


# --- pages


def test_an_operator_begins_watches_and_takes_back(operator):
    versions.live(at=AT)
    candidate = versions.create(MAIL, text="Another prompt.", note="", by=None, at=AT)
    page = reverse("roll_out", args=[candidate.pk])

    shown = operator.get(page).content.decode()
    refused = operator.post(page, {"reason": ""}).content.decode()
    begun = operator.post(page, {"reason": "It mends a typing error."})
    row = Rollout.objects.get()
    came(row, 180, candidate=False)
    came(row, 20, candidate=True)
    look(row)
    at_25 = operator.get(reverse("rollout", args=[row.pk])).content.decode()
    operator.post(reverse("rollout", args=[row.pk]), {"reason": "It sounds wrong."})

    assert "No basis: it was never rehearsed beside the live version" in shown
    assert "say why it is rolled out without" in refused
    assert begun["location"] == reverse("rollout", args=[row.pk])
    assert "At 25 %" in at_25 and "Answers that keep their contracts" in at_25
    row.refresh_from_db()
    assert (row.status, label(candidate)) == ("stopped", "retired")


@pytest.mark.parametrize(
    ("difference", "cost", "told"),
    [
        (0.0124, -0.001, ("+1.2 points (between -3.0 and +5.1, 90 %)", "$0.0010 less than now")),
        (-0.0124, 0.00216, ("-1.2 points (between -3.0 and +5.1, 90 %)", "$0.0022 more than now")),
        (-0.0001, -0.00001, ("0.0 points (between -3.0 and +5.1, 90 %)", "as much as now")),
    ],
)
def test_what_is_expected_is_told_as_a_change_and_in_which_direction(operator, monkeypatch, difference, cost, told):
    versions.live(at=AT)
    candidate = versions.create(MAIL, text="Another prompt.", note="", by=None, at=AT)
    found = impact.Expected("Rehearsal 3", difference, -0.03, 0.051, 0.7, cost)
    monkeypatch.setattr(rollouts, "expected_of", lambda _: found)

    page = operator.get(reverse("roll_out", args=[candidate.pk])).content.decode()

    assert [f"their share changes by {told[0]}" in page, f"<dd>{told[1]}</dd>" in page] == [True, True]


@pytest.mark.parametrize("role", ["manager", "viewer"])
def test_only_who_may_move_labels_rolls_out(client, role, begun):
    client.force_login(make_user_of(role))

    started = client.post(reverse("roll_out", args=[begun.candidate_id]), {"reason": "Because."})
    stopped = client.post(reverse("rollout", args=[begun.pk]), {"reason": "Because."})

    assert (started.status_code, stopped.status_code) == (403, 403)
    assert (Rollout.objects.get().status, FlowRun.objects.count()) == ("running", 0)
    assert rehearsals.warning(begun.candidate) == ""


# --- what counts


def test_a_unit_counts_once_with_its_first_run_and_that_with_its_last_try(begun):
    [first] = came(begun, 1, candidate=True, status="failed")
    make_step(
        first.run,
        MAIL,
        key="email",
        attempt=2,
        prompt_version=begun.candidate,
        checks=GOOD,
        output=SAID,
        finished_at=LATER,
    )
    again = make_run()
    RolloutDraw.objects.create(rollout=begun, run=again, unit="contact:0", is_candidate=True, share=25)
    make_step(again, MAIL, key="email", prompt_version=begun.candidate, checks=BAD, finished_at=LATER)

    [period] = proxies.periods(begun, nobody_bounced, at=LATER + timedelta(days=1))

    assert (period.share, period.control, period.candidate) == (10, 0, 1)
    assert period.outcomes["errors"] == ([], [1.0])
    assert period.outcomes["contracts"] == ([], [1.0])
