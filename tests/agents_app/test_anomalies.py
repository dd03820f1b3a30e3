"""What is unusual about runs: eight kinds that are wrong in any case, what is unusual for a client, and versions unlike
the one before. Through the job that looks at them, each run once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import F
from django.db.utils import IntegrityError
from django.test import Client as Browser
from django.urls import reverse

from agents_app import anomalies, names
from agents_app.anomalies import baselines, looking, shifts
from agents_app.anomalies.seen import Figures
from agents_app.models import Anomaly, FlowRun, JobProgress, ModelPrice, Request
from gtm import loop
from gtm.records import RecordChanged
from insights import review
from tests.agents_app.flows_that import composed, execute
from tests.agents_app.models_that import paid
from tests.crowd import make_user_of
from tests.factories import (
    AT,
    make_client,
    make_contact,
    make_prompt,
    make_ready_request,
    make_request,
    make_run,
    make_step,
    make_user,
    plan_run,
)

pytestmark = pytest.mark.django_db
LATER = AT + timedelta(hours=1)
SAID = {
    "subject": "Closing the books faster",
    "sentences": [{"text": "Northwind has 1,240 people.", "rests_on": ["f1"]}],
}
CALL = {
    "kind": "ask", "model": "claude-sonnet-5-5", "status": 200, "usage": {"input": 900, "output": 100}, "cost_usd": "0.002",
    "uncertain_usd": "0", "outcome": "ok",
}  # fmt: skip


@pytest.fixture
def acme():
    return make_client("acme")


@pytest.fixture
def prompt():
    return make_prompt()


def ended(client, *, at=AT, **values):
    """A run of the client that ended."""
    request = make_request(make_contact(client))
    basis = {"status": "succeeded", "planned_at": at, "started_at": at, "finished_at": at + timedelta(seconds=5)}
    return make_run(request, **{**basis, **values})


def written(run, prompt, *, seconds=4.0, **values):
    """An answer as they usually are."""
    basis = {
        "output": SAID, "tokens_input": 900, "tokens_output": 100, "cost_usd": Decimal("0.002"), "attempts": [CALL],
        "started_at": run.planned_at, "finished_at": run.planned_at + timedelta(seconds=seconds),
        "checks": [{"check": "words", "passed": True, "detail": "90 words.", "must": True}],
    }  # fmt: skip
    return make_step(run, prompt_version=prompt, **{**basis, **values})


def found():
    loop.look_at_runs(at=LATER)
    return {(row.kind, row.run_id, row.step_id): row for row in Anomaly.objects.all()}


# --- what is wrong in any case


def test_a_run_as_they_usually_are_is_not_flagged(acme, prompt):
    written(ended(acme), prompt)

    assert found() == {}


def test_runs_that_are_really_executed_are_not_flagged():
    for purpose in ("outreach", "deep_research"):
        execute(plan_run(make_ready_request(purpose=purpose)))
    execute(plan_run(make_ready_request(depth="comprehensive")))

    assert found() == {}


def test_the_same_work_twice_is_flagged_and_another_try_is_not(acme, prompt):
    run = ended(acme)
    context = {"facts": [], "company": {"domain": "x.example"}}
    first = written(run, prompt, input=context, status="failed", error="Busy.")
    written(run, prompt, attempt=2, input=context)
    again = written(run, prompt, key="email_again", input=context)

    [row] = found().values()

    assert (row.kind, row.step, row.tier) == ("repeated", again, "rule")
    assert row.words == f"“{again.label}” was given exactly what “{first.label}” had been given already."


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ({"subject": "", "sentences": []}, "is done, and its answer says nothing."),
        ({"subject": "Hello {{first_name}}", "sentences": []}, "still holds the placeholder “{{”."),
        ({"subject": "Lorem ipsum dolor", "sentences": []}, "still holds the placeholder “Lorem ipsum”."),
    ],
)
def test_an_empty_or_unfinished_answer_is_flagged(acme, prompt, output, words):
    written(ended(acme), prompt, output=output)

    [row] = found().values()

    assert row.kind == "empty"
    assert row.words.endswith(words)


def test_a_planner_that_proposes_nothing_is_not_flagged(acme, prompt):
    run = ended(acme)
    written(run, prompt)
    written(run, prompt, agent="", kind="planner", key="planner", output={"edits": []})

    assert found() == {}


def test_an_answer_that_had_to_be_repaired_is_flagged(acme, prompt):
    invalid = {**CALL, "outcome": "invalid answer: subject: too long"}
    written(ended(acme), prompt, attempts=[invalid, {**CALL, "kind": "repair"}])

    [row] = found().values()

    assert (row.kind, row.metric, row.baseline, row.value) == ("repaired", "repairs", 0, 1)


def test_a_promise_that_decides_and_was_broken_is_flagged_and_advice_is_not(acme, prompt):
    checks = [
        {"check": "words", "passed": False, "detail": "It has 240 words, at most 150 are asked for.", "must": True},
        {"check": "reading", "passed": False, "detail": "Long sentences.", "must": False},
    ]
    written(ended(acme), prompt, checks=checks)

    [row] = found().values()

    assert (row.kind, row.value) == ("broken", 1)
    assert "It has 240 words" in row.words
    assert "Long sentences" not in row.words


def test_an_answer_without_tokens_is_flagged(acme, prompt):
    written(ended(acme), prompt, tokens_input=0, tokens_output=0, attempts=[])

    [row] = found().values()

    assert (row.kind, row.metric, row.value) == ("no_tokens", "answers without tokens", 1)


def test_a_planned_step_that_is_missing_is_flagged_where_the_run_succeeded(acme, prompt):
    nodes = [
        {"key": "research", "kind": "agent", "agent": "research_agent", "after": [], "reason": "So."},
        {"key": "email", "kind": "agent", "agent": "email_agent", "after": ["research"], "reason": "So."},
    ]
    run = ended(acme, nodes=nodes)
    written(run, prompt)
    failed = ended(acme, nodes=nodes, status="failed")
    written(failed, prompt)

    [row] = found().values()

    assert (row.kind, row.run, row.step) == ("missing", run, None)
    assert row.words == "The run succeeded without its step “Research”, which its plan holds."


def test_what_costs_more_than_five_times_the_median_is_flagged_once_ten_costs_are_known(acme, prompt):
    for number in range(9):
        written(ended(acme, at=AT - timedelta(minutes=number)), prompt)
    dear = Decimal("0.0101")
    written(ended(make_client(), at=AT + timedelta(minutes=1)), prompt, cost_usd=dear)
    assert found() == {}
    written(ended(acme, at=AT + timedelta(minutes=2)), prompt)

    run = ended(make_client(), at=AT + timedelta(minutes=3))
    step = written(run, prompt, cost_usd=dear)

    [row] = found().values()
    assert (row.kind, row.step, row.metric, row.baseline, row.value) == ("costly", step, "cost_usd", 0.002, 0.0101)


def test_a_model_without_a_price_is_flagged_whether_it_answered_or_was_never_asked(acme, prompt, settings):
    free = {**CALL, "model": "claude-unknown-9", "cost_usd": "0"}
    written(ended(acme), prompt, attempts=[free])
    ModelPrice.objects.update(valid_from=F("valid_from") + timedelta(days=3650))
    with paid(settings, lambda body, number: composed(body)) as service:
        run = execute(plan_run(make_ready_request()))

    rows = sorted(found().values(), key=lambda row: row.run_id)

    assert (service.requests, run.status) == ([], "failed")
    assert [(row.kind, row.run_id) for row in rows] == [("no_price", rows[0].run_id), ("no_price", run.pk)]
    assert "holds none for claude-unknown-9" in rows[0].words


def test_all_kinds_at_once_are_all_found(acme, prompt):
    """Each of the eight rules finds what it is for in a run that has everything wrong."""
    for number in range(10):
        written(ended(acme, at=AT - timedelta(minutes=number + 1)), prompt)
    nodes = [{"key": "lost", "kind": "agent", "agent": "persona_agent", "after": [], "reason": "So."}]
    run = ended(acme, nodes=nodes)
    same = {"facts": []}
    written(run, prompt, key="a", input=same, output={"subject": "TBD"}, attempts=[{**CALL, "kind": "repair"}])
    written(
        run,
        prompt,
        key="b",
        input=same,
        cost_usd=Decimal("0.02"),
        checks=[{"check": "x", "passed": False, "detail": "No."}],
    )
    written(run, prompt, key="c", tokens_input=0, tokens_output=0, attempts=[{**CALL, "cost_usd": "0"}])

    kinds = {kind for kind, run_id, _ in found() if run_id == run.pk}

    assert kinds == set(names.ANOMALIES) - {"unusual", "shift"}


# --- each run once, and what was changed before


def test_looking_twice_or_again_from_the_start_finds_nothing_more(acme, prompt):
    written(ended(acme), prompt, tokens_input=0, tokens_output=0)
    found()
    loop.look_at_runs(at=LATER)
    JobProgress.objects.all().delete()

    loop.look_at_runs(at=LATER)

    assert Anomaly.objects.count() == 1


def test_trials_and_runs_that_go_on_are_not_looked_at(acme, prompt):
    trial = ended(acme)
    type(trial.request).objects.filter(pk=trial.request_id).update(trial_side="proposed")
    written(trial, prompt, tokens_input=0, tokens_output=0)
    written(make_run(status="running", started_at=AT), prompt, tokens_input=0, tokens_output=0)

    assert found() == {}


def test_a_run_that_cannot_be_read_holds_up_no_other(acme, prompt):
    written(ended(acme), prompt, checks=["nothing that we wrote"])
    step = written(ended(acme, at=AT + timedelta(minutes=1)), prompt, tokens_input=0, tokens_output=0)

    assert [row.step for row in found().values()] == [step]


def test_it_names_the_first_bad_run_and_what_was_changed_before_it(acme, prompt):
    newer = make_prompt(number=prompt.number + 1)
    good = ended(acme, code_revision="abc", config_sha256="1" * 64, config_version=3)
    good.prompts.create(agent="email_agent", version=prompt)
    written(good, prompt)
    first = ended(acme, at=AT + timedelta(minutes=1), code_revision="abc", config_sha256="2" * 64, config_version=4)
    first.prompts.create(agent="email_agent", version=newer)
    written(first, newer, tokens_input=0, tokens_output=0)
    loop.look_at_runs(at=LATER)
    second = ended(acme, at=AT + timedelta(minutes=2), code_revision="abc", config_sha256="2" * 64, config_version=4)
    written(second, newer, tokens_input=0, tokens_output=0)

    rows = sorted(found().values(), key=lambda row: row.run_id)

    assert [(row.run, row.first_run) for row in rows] == [(first, first), (second, first)]
    assert rows[0].change == rows[1].change == {
        "before_run": good.pk,
        "words": [
            f"The prompt of E-mail went from version {prompt.number} to {newer.number}.",
            "The client's settings changed (version 3 to 4).",
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("good", "is_changed", "goes_on"),
    [(0, True, True), (2, True, True), (3, True, False), (3, False, True), (19, False, True), (20, False, False)],
)
def test_good_runs_end_a_streak_few_where_something_was_changed_and_many_where_nothing_was(
    acme, prompt, good, is_changed, goes_on
):
    stray = ended(acme, config_sha256="1" * 64)
    written(stray, prompt, tokens_input=0, tokens_output=0)
    for minute in range(1, good + 1):
        written(ended(acme, at=AT + timedelta(minutes=minute), config_sha256="1" * 64), prompt)
    bad = ended(acme, at=AT + timedelta(minutes=30), config_sha256=("2" if is_changed else "1") * 64)
    written(bad, prompt, tokens_input=0, tokens_output=0)
    worse = ended(acme, at=AT + timedelta(minutes=31), config_sha256=bad.config_sha256)
    written(worse, prompt, tokens_input=0, tokens_output=0)

    began = {run: row.first_run for (kind, run, _), row in found().items() if kind == "no_tokens"}

    first = stray if goes_on else bad
    assert began == {stray.pk: stray, bad.pk: first, worse.pk: first}
    named = Anomaly.objects.get(run=worse, kind="no_tokens").change["words"]
    assert ("The client's settings changed." in named) == (is_changed and not goes_on)


def test_once_settled_the_next_one_begins_anew(acme, prompt):
    written(ended(acme), prompt, tokens_input=0, tokens_output=0)
    [row] = found().values()
    operator = make_user()

    assert anomalies.settle(row, by=operator, at=LATER)
    assert not anomalies.settle(row, by=make_user(), at=LATER)
    again = ended(acme, at=AT + timedelta(minutes=9))
    written(again, prompt, tokens_input=0, tokens_output=0)
    rows = found()

    assert [each.first_run for each in rows.values() if each.run == again] == [again]
    row.refresh_from_db()
    assert (row.status, row.settled_by, row.settled_at) == ("settled", operator, LATER)


def test_what_was_found_is_never_changed(acme, prompt):
    written(ended(acme), prompt, tokens_input=0, tokens_output=0)
    [row] = found().values()
    row.words = "Nothing was wrong."

    with pytest.raises(RecordChanged):
        row.save()
    with pytest.raises(IntegrityError, match="record what happened"):
        Anomaly.objects.update(words="Nothing was wrong.")


def test_a_tick_looks_at_a_bounded_number_of_runs(acme, prompt, monkeypatch):
    monkeypatch.setattr(looking, "MOST_RUNS", 2)
    for number in range(3):
        written(ended(acme, at=AT + timedelta(minutes=number)), prompt, tokens_input=0, tokens_output=0)

    loop.look_at_runs(at=LATER)
    first = Anomaly.objects.count()
    loop.look_at_runs(at=LATER)

    assert (first, Anomaly.objects.count()) == (2, 3)


# --- unusual for a client and version


def history(acme, prompt, count, **values):
    """Answers that take about 4 s and 1,000 tokens, none like the other."""
    for number in range(count):
        wobble = 1 + (number % 7 - 3) * 0.05
        run = ended(acme, at=AT - timedelta(minutes=count - number))
        written(run, prompt, seconds=4 * wobble, tokens_output=round(100 * wobble), **values)


def test_an_answer_that_took_ten_times_as_long_is_unusual_from_thirty_answers_on(acme, prompt):
    history(acme, prompt, 30)
    slow = written(ended(acme), prompt, seconds=40)

    [row] = found().values()

    assert (row.kind, row.tier, row.step, row.metric) == ("unusual", "baseline", slow, "latency_s")
    assert (row.baseline, row.value) == (pytest.approx(4.0, abs=0.1), 40.0)
    assert "by 30 answers before" in row.words


def test_with_fewer_answers_nothing_is_said(acme, prompt):
    history(acme, prompt, 29)
    written(ended(acme), prompt, seconds=40)

    assert found() == {}


def test_another_client_and_another_version_have_baselines_of_their_own(acme, prompt):
    history(acme, prompt, 30)
    written(ended(make_client()), prompt, seconds=40)
    written(ended(acme, at=AT + timedelta(seconds=1)), make_prompt(), seconds=40)

    assert found() == {}


def figures(version=1, client=1, run=1, **values):
    return Figures(run, run, "email_agent", version, client, AT, values)


@pytest.mark.parametrize(
    ("metric", "usual", "value", "is_flagged"),
    [
        ("latency_s", [4, 5, 6] * 20, 60, True),
        ("latency_s", [4, 5, 6] * 20, 0.5, False),  # quick is no harm
        ("latency_s", [4, 5, 6] * 20, 7, False),
        ("tokens", [900, 1000, 1100] * 20, 9000, True),
        ("tokens", [900, 1000, 1100] * 20, 90, True),
        ("cost_usd", [0.002, 0.0021, 0.0019] * 20, 0.02, True),
        ("cost_usd", [0.0] * 60, 0.5, False),  # where nothing was paid, nothing is usual
        ("output_chars", [400, 500, 450] * 20, 8000, True),
        ("confidence", [0.8, 0.82, 0.78] * 20, 0.05, True),
        ("confidence", [0.8, 0.82, 0.78] * 20, 0.99, False),  # sure is no harm
        ("confidence", [0.8] * 60, 0.79, False),  # where all are alike, a little is not much
        ("retries", [0] * 60, 1, False),
        ("retries", [0] * 60, 3, True),
        ("retries", [1, 0] * 30, 2, False),
    ],
)
def test_each_metric_is_looked_at_in_its_own_way(metric, usual, value, is_flagged):
    before = [figures(**{metric: each}) for each in usual]

    rows = list(baselines.unusual(figures(**{metric: value}), "E-mail", before, looked_at=18))

    assert [row.metric for row in rows] == [metric] * is_flagged


def test_the_limit_falls_with_the_number_of_answers_and_never_below_three_and_a_half():
    limits = [baselines.limit(samples, 18) for samples in (30, 50, 100)]

    assert limits == sorted(limits, reverse=True)
    assert baselines.limit(10_000, 1) == 3.5


# --- versions


def windows(old, new, *, clients=(1, 1)):
    before = [figures(1, clients[0], number, latency_s=value) for number, value in enumerate(old)]
    since = [figures(2, clients[1], 1000 + number, latency_s=value) for number, value in enumerate(new)]
    return list(shifts.shifted("E-mail", before, since))


def test_a_version_that_is_slower_by_half_is_found_after_twenty_answers():
    old = [4 + (number % 10) * 0.3 for number in range(100)]

    [row] = windows(old, [1.5 * value for value in old[:20]])

    assert (row.tier, row.metric, row.first_run, row.key) == (
        "shift",
        "latency_s",
        1000,
        "shift:email_agent:2:latency_s",
    )
    assert row.value == pytest.approx(1.5 * row.baseline)


@pytest.mark.parametrize("count", [19, 21, 39])
def test_each_twenty_answers_are_looked_at_once(count):
    old = [4 + (number % 10) * 0.3 for number in range(100)]
    new = [1.5 * value for value in old[:40]]

    assert bool(windows(old, new[:count])) is (count != 19)
    assert [row.step for row in windows(old, new[:count])] == [1019] * (count != 19)


def test_another_mix_of_clients_is_no_shift_of_the_version():
    old = [4 + (number % 10) * 0.3 for number in range(100)]

    assert windows(old, [1.5 * value for value in old[:20]], clients=(1, 2)) == []


def test_versions_that_are_alike_are_not_told_apart():
    old = [4 + (number % 10) * 0.3 for number in range(100)]

    assert windows(old, old[:20]) == []
    assert windows([4.0] * 100, [4.0] * 20) == []


def test_the_job_finds_a_slower_version_and_names_where_it_began(acme, prompt):
    history(acme, prompt, 40)
    newer = make_prompt(number=prompt.number + 1)
    runs = [ended(acme, at=AT + timedelta(seconds=number)) for number in range(20)]
    for number, run in enumerate(runs):
        run.prompts.create(agent="email_agent", version=newer)
        written(
            run,
            newer,
            seconds=6 * (1 + (number % 7 - 3) * 0.05),
            tokens_output=round(100 * (1 + (number % 7 - 3) * 0.05)),
        )

    rows = [row for row in found().values() if row.tier == "shift"]

    assert [(row.metric, row.run, row.first_run) for row in rows] == [("latency_s", runs[0], runs[0])]
    assert rows[0].change["before_run"] == FlowRun.objects.filter(planned_at__lt=AT).order_by("-planned_at").first().pk


def slower(client, version, *, at, seconds, count=20):
    """So many runs that end with an answer of the version."""
    runs = [ended(client, at=at + timedelta(seconds=number)) for number in range(count)]
    for number, run in enumerate(runs):
        run.prompts.create(agent="email_agent", version=version)
        written(run, version, seconds=seconds * (1 + (number % 7 - 3) * 0.05))
    return runs


def test_the_shift_of_a_third_version_began_with_itself_and_not_with_that_of_the_second(acme, prompt):
    history(acme, prompt, 40)
    second, third = (make_prompt(number=prompt.number + each) for each in (1, 2))
    runs = slower(acme, second, at=AT, seconds=6)
    later = slower(acme, third, at=AT + timedelta(minutes=10), seconds=9)

    rows = [row for row in found().values() if row.tier == "shift" and row.metric == "latency_s"]

    assert [(row.run, row.first_run) for row in rows] == [(runs[0], runs[0]), (later[0], later[0])]
    assert rows[1].change["before_run"] == runs[-1].pk


def test_a_version_that_answers_beside_the_live_one_is_counted_from_its_own_first_answer(acme, prompt, monkeypatch):
    """The window of the newest runs is smaller than the time it takes to fill twenty answers."""
    monkeypatch.setattr("agents_app.anomalies.reading.LATEST_RUNS", 30)
    history(acme, prompt, 40)
    candidate = make_prompt(number=prompt.number + 1)
    firsts = []
    for number in range(20):
        firsts += slower(acme, candidate, at=AT + timedelta(minutes=number), seconds=6 + number % 3 * 0.2, count=1)
        slower(acme, prompt, at=AT + timedelta(minutes=number, seconds=10), seconds=4 + number % 3 * 0.1, count=3)
        found()

    rows = Anomaly.objects.filter(tier="shift", metric="latency_s")
    assert [(row.first_run, row.value > row.baseline) for row in rows] == [(firsts[0], True)]


def test_a_run_done_again_is_not_the_run_before(acme, prompt):
    before = ended(acme, at=AT - timedelta(minutes=2))
    written(before, prompt)
    again = ended(acme, at=AT - timedelta(minutes=1))
    Request.objects.filter(pk=again.request_id).update(trial_side="again")
    bad = ended(acme)
    written(bad, prompt, tokens_input=0, tokens_output=0)

    [row] = [row for row in found().values() if row.kind == "no_tokens"]
    assert row.change["before_run"] == before.pk


# --- where it is read


def test_the_page_of_the_run_says_it_in_words(operator, acme, prompt):
    run = ended(acme)
    written(run, prompt, tokens_input=0, tokens_output=0)
    found()

    page = operator.get(reverse("run_page", args=[run.pk])).content.decode()

    assert "What was unusual" in page
    assert "An answer without tokens" in page
    assert "It is the first run of this client that is known." in page


def test_the_list_is_worked_through_and_each_one_settled(operator, acme, prompt):
    written(ended(acme), prompt, tokens_input=0, tokens_output=0)
    [row] = found().values()
    url = reverse("admin:agents_app_anomaly_changelist")

    page = operator.get(url, {"status__exact": "open"}).content.decode()
    operator.post(url, {"action": "settle", "_selected_action": [row.pk]})

    assert row.words in page.replace("&#x27;", "'")
    row.refresh_from_db()
    assert (row.status, row.settled_by.username) == ("settled", "operator")


def test_an_account_manager_sees_and_settles_only_those_of_the_own_clients(acme, prompt):
    manager = make_user_of("manager")
    acme.managers.add(manager)
    written(ended(acme), prompt, tokens_input=0, tokens_output=0)
    written(ended(make_client()), prompt, tokens_input=0, tokens_output=0)
    rows = {row.client_id: row for row in found().values()}
    browser = Browser()
    browser.force_login(manager)
    url = reverse("admin:agents_app_anomaly_changelist")

    browser.post(url, {"action": "settle", "_selected_action": [row.pk for row in rows.values()]})

    assert {row.client_id: row.status for row in Anomaly.objects.all()} == {
        client: "settled" if client == acme.pk else "open" for client in rows
    }


def test_the_weekly_review_tells_what_is_alike_once_with_where_it_began(acme, prompt):
    first = ended(acme)
    written(first, prompt, tokens_input=0, tokens_output=0)
    written(ended(acme, at=AT + timedelta(minutes=1)), prompt, tokens_input=0, tokens_output=0)
    written(ended(acme, at=AT + timedelta(minutes=2)), prompt, output={"subject": "TBD"})
    found()

    report = review.build(AT.date(), at=AT + timedelta(days=7))

    rows = report.payload["anomalies"]
    assert (rows[0]["kind"], rows[0]["count"], rows[0]["first_run"]) == ("An answer without tokens", 2, first.pk)
    assert (len(rows), rows[0]["client"], rows[0]["client_id"]) == (2, acme.name, acme.pk)


def test_what_came_up_in_three_runs_is_suggested_as_work_with_its_rows(operator, acme, prompt):
    for number in range(3):
        written(ended(acme, at=AT + timedelta(minutes=number)), prompt, tokens_input=0, tokens_output=0)
    written(ended(acme, at=AT + timedelta(minutes=4)), prompt)
    found()

    report = review.build(AT.date(), at=AT + timedelta(days=7))

    [row] = report.suggestions.filter(rule="runs_unusual")
    assert (row.title, row.metric) == ("An answer without tokens: 3 runs", "unusual_runs:no_tokens")
    assert (row.baseline["numerator"], row.baseline["denominator"]) == (3, 4)
    page = operator.get(row.evidence[0]["url"]).content.decode()
    assert "3 of 4" in page


def test_the_page_of_the_review_shows_them(operator, acme, prompt):
    written(ended(acme), prompt, tokens_input=0, tokens_output=0)
    found()
    report = review.build(AT.date(), at=AT + timedelta(days=7))

    page = operator.get(reverse("weekly_review_version", args=[report.week, report.version])).content.decode()

    assert "What was unusual about runs" in page
    assert "no token was counted" in page


def test_looking_at_many_runs_takes_few_queries_for_each(acme, prompt, django_assert_max_num_queries):
    for number in range(10):
        written(ended(acme, at=AT + timedelta(minutes=number)), prompt)

    with django_assert_max_num_queries(12 + 10 * 6):
        loop.look_at_runs(at=LATER)
