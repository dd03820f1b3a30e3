"""A prompt version on test cases beside the live one: each answer once, paid from its own budget, taken up after a crash."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.urls import reverse

from agents_app import cases, llm, prices, rehearsals, versions
from agents_app.models import Contract, Draft, FlowRun, GoldenCase, ModelPrice, Rehearsal, RehearsalAnswer, Request
from agents_app.rehearsals import answering, deciding
from agents_app.rollouts import starting
from gtm import loop
from tests.agents_app import models_that
from tests.agents_app.flows_that import execute
from tests.agents_app.models_that import answering as answering_model
from tests.agents_app.models_that import failing
from tests.crowd import make_user_of
from tests.factories import AT, make_contact, make_ready_client, make_request, make_user, plan_run

pytestmark = pytest.mark.django_db
MAIL = "email_agent"
NEVER = "a phrase that nobody writes"


def now():
    return AT


def make_cases(count=1, client=None):
    """Copies of the e-mail step of one real run of a client: `count` of them."""
    client = client or make_ready_client()
    run = execute(plan_run(make_request(make_contact(client))))
    step = run.steps.get(key="email")
    [case] = cases.copy(step, by=make_user(), at=AT)
    made = [case]
    for number in range(2, count + 1):
        fields = {
            name: getattr(case, name)
            for name in ("agent", "client", "step", "config", "facts", "context", "created_at")
        }
        made.append(type(case).objects.create(title=f"{case.title} {number}", **fields))
    return made


def candidate(text="Write a short e-mail. `subject` is not used."):
    versions.live(at=AT)
    return versions.create(MAIL, text=versions.live()[MAIL].text + text, note="Shorter", by=None, at=AT)


def rehearse(version, **values):
    made = rehearsals.ask(version, by=make_user(), at=AT, **values)
    while rehearsals.answer_some(made.pk, clock=now):
        pass
    return Rehearsal.objects.get(pk=made.pk)


def test_both_versions_answer_each_case_and_nothing_else_happens():
    made = make_cases(3)
    before = (Request.objects.count(), FlowRun.objects.count(), Draft.objects.count())

    found = rehearse(candidate())

    rows = found.answers.order_by("pk")
    assert (found.status, found.verdict, found.error) == ("done", "too_few", "")
    assert sorted((row.case_id, row.side) for row in rows) == sorted(
        (case.pk, side) for case in made for side in ("old", "new")
    )
    assert {row.status for row in rows} == {"done"}
    assert all(row.text.startswith("Dear") or row.text.startswith("Hello") or row.text for row in rows)
    assert "subject_fits" in {each["check"] for each in rows[0].checks}
    assert (Request.objects.count(), FlowRun.objects.count(), Draft.objects.count()) == before


def test_twenty_cases_on_which_nothing_is_lost_pass():
    make_cases(20)

    found = rehearse(candidate())

    assert (found.verdict, found.report["cases"], found.has_passed) == ("passed", 20, True)
    assert rehearsals.warning(found.candidate) == ""


def leaves_a_placeholder(monkeypatch):
    """From now on the candidate of `candidate()` greets nobody by name."""
    real = llm.ask

    def disrupts(question, **options):
        answer = real(question, **options)
        if "`subject` is not used" not in str(question.system):
            return answer
        document = {**answer.parsed.model_dump(), "greeting": "Dear [Name],"}
        return llm.Answer(**{**answer.__dict__, "parsed": question.schema.model_validate(document)})

    monkeypatch.setattr(llm, "ask", disrupts)


@pytest.mark.parametrize(("count", "level"), [(20, "major"), (19, "minor")])
def test_where_enough_cases_come_out_otherwise_the_change_counts_as_a_larger_one(monkeypatch, count, level):
    make_cases(count)
    version = candidate()
    leaves_a_placeholder(monkeypatch)
    assert (version.level, version.semver) == ("minor", "1.1.0")

    found = rehearse(version)

    version.refresh_from_db()
    assert (found.report["changed"], version.level) == (count, level)
    assert version.semver == ("2.0.0" if level == "major" else "1.1.0")


def test_a_candidate_that_breaks_a_must_fails(monkeypatch):
    make_cases(2)
    version = candidate()
    leaves_a_placeholder(monkeypatch)

    found = rehearse(version)

    assert found.verdict == "failed"
    assert "no_placeholders is newly broken on 2 cases." in found.report["reasons"]
    assert "has not passed (Breaks what the other keeps)" in rehearsals.warning(version)


def writes_nothing(monkeypatch, *, both=False):
    """From now on the candidate of `candidate()`, or both versions, say what is missing in the place of a mail."""
    real = llm.ask

    def falls_silent(question, **options):
        answer = real(question, **options)
        if not both and "`subject` is not used" not in str(question.system):
            return answer
        document = {**answer.parsed.model_dump(), "sentences": [], "missing": ["No fact is strong enough."]}
        return llm.Answer(**{**answer.__dict__, "parsed": question.schema.model_validate(document)})

    monkeypatch.setattr(llm, "ask", falls_silent)


def test_a_candidate_that_writes_nothing_where_the_other_wrote_fails(monkeypatch):
    make_cases(20)
    version = candidate()
    writes_nothing(monkeypatch)

    found = rehearse(version)

    version.refresh_from_db()
    assert {row.status for row in found.answers.all()} == {"done"}
    assert (found.verdict, found.report["changed"], version.level) == ("failed", 20, "major")
    assert found.report["reasons"] == ["writes_something is newly broken on 20 cases."]
    assert starting.expected_of(version).difference < 0


def test_cases_on_which_both_say_what_is_missing_take_nothing_from_a_candidate(monkeypatch):
    make_cases(20)
    version = candidate()
    writes_nothing(monkeypatch, both=True)

    found = rehearse(version)

    assert (found.verdict, found.report["changed"]) == ("passed", 0)
    assert starting.expected_of(version).difference == 0


def test_an_answer_of_an_older_shape_wrote_something_where_it_has_a_text():
    first, _ = make_cases(2)
    found = rehearse(candidate())
    found.answers.update(output={"body": "Dear Ada"})
    found.answers.filter(case=first).update(text=" ")

    pairs = deciding.pairs(found.answers.order_by("case"))

    assert [{each.wrote for each in (*pair.old, *pair.new)} for pair in pairs] == [{False}, {True}]


def test_the_contracts_that_stood_when_it_was_asked_count_and_each_clients_own():
    first, *_ = make_cases(1)
    second, *_ = make_cases(1)
    row = {"agent": MAIL, "kind": "must_include", "parameters": {"phrases": [NEVER]}, "created_at": AT}
    Contract.objects.create(name="ours", client=first.client, **row)
    made = rehearsals.ask(candidate(), by=make_user(), at=AT)
    Contract.objects.create(name="late", **row)

    rehearsals.answer_some(made.pk, clock=now)

    names = {answer.case_id: {each["check"] for each in answer.checks} for answer in made.answers.all()}
    assert "ours" in names[first.pk] and "ours" not in names[second.pk]
    assert not any("late" in each for each in names.values())


def test_likeness_is_measured_against_the_other_version_of_the_same_case():
    make_cases(1)
    told = {"kind": "similarity", "parameters": {"at_least_percent": 90}, "created_at": AT}
    Contract.objects.create(agent=MAIL, name="alike", **told)

    found = rehearse(candidate())

    said = {row.side: next(each for each in row.checks if each["check"] == "alike") for row in found.answers.all()}
    assert (said["old"]["judged"], said["new"]["judged"], said["new"]["passed"]) == (False, True, True)
    assert found.report["alike"] == 1.0


def test_a_second_click_finds_the_rehearsal_that_is_under_way():
    make_cases(1)
    version = candidate()

    first = rehearsals.ask(version, by=make_user(), at=AT)
    second = rehearsals.ask(version, by=make_user(), at=AT)

    assert (first.pk, first.answers.count()) == (second.pk, 2)


@pytest.mark.parametrize("wrong", ["no_cases", "itself", "another_agent"])
def test_what_cannot_be_rehearsed_is_refused_in_words(wrong):
    version = candidate()
    live = versions.live()
    if wrong != "no_cases":
        make_cases(1)
    asked = {
        "no_cases": (version, None, "has no active test case"),
        "itself": (live[MAIL], live[MAIL], "cannot be rehearsed beside itself"),
        "another_agent": (version, live["persona_agent"], "belong to different agents"),
    }[wrong]

    with pytest.raises(rehearsals.RehearsalRefused, match=asked[2]):
        rehearsals.ask(asked[0], against=asked[1], by=make_user(), at=AT)

    assert Rehearsal.objects.count() == 0


def test_after_a_crash_what_was_begun_is_asked_once_more_and_nothing_else(monkeypatch):
    make_cases(2)
    made = rehearsals.ask(candidate(), by=make_user(), at=AT)
    asked = []

    def dies_at_the_third(question, **options):
        asked.append(question.user)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return REAL(question, **options)

    REAL = llm.ask
    monkeypatch.setattr(llm, "ask", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        rehearsals.answer_some(made.pk, clock=now)
    still_leased = rehearsals.answer_some(made.pk, clock=now)
    RehearsalAnswer.objects.filter(status="running").update(set_aside_usd=Decimal("0.5"))
    later = AT + timedelta(minutes=11)

    rehearsals.answer_some(made.pk, clock=lambda: later)

    rows = made.answers.order_by("pk")
    assert (still_leased, Rehearsal.objects.get().status, len(asked)) == (False, "done", 5)
    assert [row.status for row in rows] == ["done"] * 4
    assert [row.uncertain_usd for row in rows] == [0, 0, Decimal("0.5"), 0]
    assert rehearsals.unfinished(later) == []


def test_an_old_owner_that_wakes_up_writes_nothing(monkeypatch):
    make_cases(1)
    made = rehearsals.ask(candidate(), by=make_user(), at=AT)

    real = answering._tasks

    def is_overtaken(*args):
        Rehearsal.objects.filter(pk=made.pk).update(fence=99)
        return real(*args)

    monkeypatch.setattr(answering, "_tasks", is_overtaken)

    assert rehearsals.answer_some(made.pk, clock=now) is False

    assert {row.status for row in made.answers.all()} == {"planned", "running"}
    assert Rehearsal.objects.get().status == "running"


def test_a_busy_model_is_asked_again_later_and_the_answer_is_not_lost(monkeypatch):
    make_cases(1)
    made = rehearsals.ask(candidate(), by=make_user(), at=AT)
    with monkeypatch.context() as busy:
        busy.setattr(llm, "ask", failing(MAIL, llm.ModelUnavailable, "The model is busy.", retry_after_s=90.0))
        assert rehearsals.answer_some(made.pk, clock=now) is False

    assert rehearsals.unfinished(AT + timedelta(seconds=80)) == []
    assert rehearsals.unfinished(AT + timedelta(seconds=91)) == [made.pk]
    rehearsals.answer_some(made.pk, clock=lambda: AT + timedelta(seconds=91))
    assert Rehearsal.objects.get().status == "done"


def test_a_model_that_refuses_is_an_answer_that_did_not_come(monkeypatch):
    make_cases(1)
    monkeypatch.setattr(llm, "ask", failing(MAIL, llm.ModelRefused, "The model declined to answer."))

    found = rehearse(candidate())

    assert {(row.status, row.error) for row in found.answers.all()} == {("failed", "The model declined to answer.")}
    assert found.verdict == "too_few"


def test_where_both_versions_are_refused_on_every_case_nothing_passes(monkeypatch):
    make_cases(20)
    version = candidate()
    monkeypatch.setattr(llm, "ask", failing(MAIL, llm.ModelRefused, "The model declined to answer."))

    found = rehearse(version)

    assert (found.status, found.verdict, found.report["answered"]) == ("done", "too_few", 0)
    assert "of which the other version answered 0" in rehearsals.warning(version)


def test_a_service_that_turns_requests_away_ends_it_in_words_and_with_no_verdict(settings, dear):
    make_cases(20)
    version = candidate()
    body = b'{"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}'

    with models_that.paid(settings, [(401, {}, body)]) as service:
        found = rehearse(version)

        assert rehearsals.warning(version).startswith(f"The rehearsal of {version} beside")
    assert (found.status, found.verdict, found.report, found.lease_until) == ("failed", "", {}, None)
    assert found.error == (
        "The model's service refused the request (401): invalid x-api-key. So nothing can be said of the versions. Mend "
        "that, then rehearse again."
    )
    assert len(service.requests) == answering.AT_ONCE
    states = list(found.answers.order_by("pk").values_list("status", flat=True))
    assert states == ["failed"] * answering.AT_ONCE + ["planned"] * (120 - answering.AT_ONCE)


@pytest.mark.parametrize(("count", "verdict"), [(21, "passed"), (20, "too_few")])
def test_a_case_that_is_forgotten_half_way_counts_for_neither(monkeypatch, count, verdict):
    gone = make_cases(count)[0]
    real = answering._tasks

    def forgets(rehearsal, rows, at):
        tasks = real(rehearsal, rows, at)
        if any((row.case_id, row.side) == (gone.pk, "new") for row in rows):
            forget(gone)
        return tasks

    monkeypatch.setattr(answering, "_tasks", forgets)

    found = rehearse(candidate())

    states = found.answers.filter(case=gone).order_by("pk").values_list("side", "status")
    assert list(states) == [("old", "done"), ("new", "failed")]
    assert (found.verdict, found.report["cases"], found.report["answered"]) == (verdict, count - 1, count - 1)


def forget(case):
    """As an erasure leaves it."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL gtm.erasing = 'on'")
    GoldenCase.objects.filter(pk=case.pk).update(context={}, title="", note="")


def test_a_fault_of_ours_stands_on_the_answer_without_its_name(monkeypatch, caplog):
    def falls(question, **options):
        raise ZeroDivisionError("division by zero")

    make_cases(1)
    monkeypatch.setattr(llm, "ask", falls)

    found = rehearse(candidate())

    assert {row.error for row in found.answers.all()} == {"It stopped on a fault of this system; the log has it."}
    assert "division by zero" in caplog.text


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_of_a_person_who_was_forgotten_nothing_is_asked_or_kept(monkeypatch, when):
    [gone], [stays] = make_cases(1), make_cases(1)
    made = rehearsals.ask(candidate(), by=make_user(), at=AT)
    real = answering._tasks

    def forgets(*args):
        tasks = real(*args)
        forget(gone)
        return tasks

    if when == "before":
        forget(gone)
    else:
        monkeypatch.setattr(answering, "_tasks", forgets)

    rehearsals.answer_some(made.pk, clock=now)

    rows = {case: set(made.answers.filter(case=case).values_list("status", "text", "error")) for case in (gone, stays)}
    assert rows[gone] == {("failed", "", answering.FORGOTTEN)}
    assert {status for status, _, _ in rows[stays]} == {"done"}
    assert rehearsals.quote(Rehearsal.objects.get().candidate, at=AT).cases == 1


# --- money


@pytest.fixture
def dear(settings):
    """A model that has a price, to be asked once a key is set."""
    settings.MODEL = "costly"
    per_million = dict.fromkeys(("input", "output", "cache_read", "cache_write", "cache_write_1h"), Decimal(10))
    ModelPrice.objects.create(model="costly", valid_from=AT.date(), **per_million)


@pytest.fixture
def paid(monkeypatch, dear):
    """It answers as the sandbox does, as if a key were set."""
    monkeypatch.setattr(llm, "is_offline", lambda: False)
    real = llm.ask
    lock = threading.Lock()
    asked = []

    def ask(question, *, purse, **options):
        grant = purse.reserve([llm.Offer("costly", Decimal("0.04"), 4000, 2000)])
        monkeypatch.setattr(llm.wire, "is_offline", lambda: True)
        with lock:
            answer = real(question, **{**options, "models": ("offline-composer/1",)})
            asked.append(question.agent)
        purse.settle(grant, cost_usd=Decimal("0.03"), uncertain_usd=Decimal(0), seen=None)
        return llm.Answer(**{**answer.__dict__, "cost_usd": Decimal("0.03")})

    monkeypatch.setattr(llm, "ask", ask)
    return asked


def test_a_model_is_asked_three_times_a_case_and_side_and_its_price_kept(paid):
    version = candidate()
    made = make_case_with(paid)

    found = rehearse(version)

    assert (found.repeats, found.answers.count(), made.pk) == (3, 6, found.answers.first().case_id)
    assert {row.cost_usd for row in found.answers.all()} == {Decimal("0.03")}
    assert {row.set_aside_usd for row in found.answers.all()} == {Decimal(0)}
    assert found.report["deltas"][1]["old"] == 0.03


def make_case_with(paid):
    [case] = make_cases(1)
    paid.clear()
    return case


def test_what_a_rehearsal_may_spend_is_never_exceeded(paid, settings):
    version = candidate()
    make_case_with(paid)
    quote = rehearsals.quote(version, at=AT)
    settings.REHEARSAL_BUDGET_USD = quote.worst_usd / 6 + Decimal("0.01")

    found = rehearse(version)

    spent = sum(row.cost_usd for row in found.answers.all())
    assert (found.status, found.verdict) == ("failed", "")
    assert spent <= found.budget_usd
    assert "were spent before" in found.error
    assert "Raise GTM_REHEARSAL_BUDGET_USD" in found.error


def test_a_purse_grants_no_more_than_was_set_aside():
    purse = answering.Purse(Decimal("0.10"))
    dear, cheap = (llm.Offer(name, usd, 1, 1) for name, usd in (("dear", Decimal("0.2")), ("cheap", Decimal("0.06"))))

    grant = purse.reserve([dear, cheap])
    with pytest.raises(llm.BudgetSpent):
        purse.reserve([cheap])
    purse.settle(grant, cost_usd=Decimal("0.01"), uncertain_usd=Decimal(0), seen=None)

    assert (grant.model, purse.reserve([cheap]).usd) == ("cheap", Decimal("0.06"))


def test_a_model_without_a_price_is_not_asked(paid):
    version = candidate()
    make_case_with(paid)
    ModelPrice.objects.filter(model="costly").delete()

    with pytest.raises(rehearsals.RehearsalRefused, match="No price of costly is known"):
        rehearsals.ask(version, by=make_user(), at=AT)

    assert prices.load().worst("costly", 1, 1, AT.date()) is None
    assert (Rehearsal.objects.count(), paid) == (0, [])


def test_a_rehearsal_whose_model_loses_its_price_ends_in_words_with_what_it_paid(paid, monkeypatch):
    version = candidate()
    make_case_with(paid)
    real = answering._keep

    def keep(*args):
        ModelPrice.objects.filter(model="costly").delete()
        return real(*args)

    monkeypatch.setattr(answering, "_keep", keep)
    found = rehearse(version)

    assert (found.status, found.verdict, found.lease_until) == ("failed", "", None)
    assert found.error == "No price of costly is known for today. Add one under Model prices."
    states = list(found.answers.order_by("pk").values_list("status", flat=True))
    assert states == ["done"] * answering.AT_ONCE + ["planned"] * (6 - answering.AT_ONCE)
    assert sum(row.cost_usd for row in found.answers.all()) == Decimal("0.03") * answering.AT_ONCE
    assert rehearsals.unfinished(AT + timedelta(days=1)) == []


def test_what_it_cost_in_all_stands_on_its_page_and_in_the_list(paid, operator):
    version = candidate()
    make_case_with(paid)
    found = rehearse(version)
    found.answers.filter(side="new", repeat=2).update(uncertain_usd=Decimal("0.5"))

    page = operator.get(reverse("rehearsal", args=[found.pk])).content.decode()
    listed = operator.get(reverse("admin:agents_app_rehearsal_changelist")).content.decode()

    assert "It cost $0.1800, and perhaps $0.5000 more for answers that never came, of the $10.00" in page
    assert "$0.0900 for all 3 repeats.</p>" in page
    assert "$0.0900 for all 3 repeats, and perhaps $0.5000 more.</p>" in page
    assert "$0.1800 of $10.00, perhaps $0.5000 more" in listed


def money(version, usd="3", *, status="done", finished_at=AT, budget="10", **of_answer):
    """A rehearsal of a version made from this one, with one answer that cost so much."""
    other = versions.create(MAIL, text=f"Another, number {Rehearsal.objects.count()}.", note="", by=None, at=AT)
    made = Rehearsal.objects.create(
        candidate=other, against=version, agent=MAIL, budget_usd=Decimal(budget), asked_at=AT - timedelta(days=40),
        status=status, finished_at=finished_at,
    )  # fmt: skip
    case = GoldenCase.objects.first()
    RehearsalAnswer.objects.create(rehearsal=made, case=case, side="old", cost_usd=Decimal(usd), **of_answer)


def test_of_a_month_counts_what_ended_in_it_and_the_whole_budget_of_what_is_under_way():
    make_cases(1)
    version = candidate()
    money(version, "3", uncertain_usd=Decimal("0.5"))
    money(version, "100", finished_at=AT.replace(day=1, hour=0) - timedelta(seconds=1))
    money(version, "4", status="running", finished_at=None, set_aside_usd=Decimal(1))
    money(version, "4", status="running", finished_at=None, set_aside_usd=Decimal(7))

    assert rehearsals.quote(version, at=AT).left_usd == 200 - (Decimal("3.5") + 10 + 11)


def test_a_rehearsal_that_could_pass_the_month_is_refused_and_told_how_to_mend_it(paid, settings, operator):
    version = candidate()
    make_case_with(paid)
    settings.REHEARSAL_MONTH_USD = Decimal(20)
    money(version, "19.99")
    most = rehearsals.quote(version, at=AT).most_usd

    with pytest.raises(rehearsals.RehearsalRefused) as refusal:
        rehearsals.ask(version, by=make_user(), at=AT)

    assert str(refusal.value) == (
        f"This rehearsal may cost ${most:.2f}. Of the $20.00 that all rehearsals of a month may cost, $0.01 are neither "
        "spent nor kept for those under way. Wait until those are over or the next month begins (UTC), switch off some "
        "test cases, or raise GTM_REHEARSAL_MONTH_USD."
    )
    assert (Rehearsal.objects.filter(candidate=version).count(), paid) == (0, [])
    assert rehearsals.ask(version, by=make_user(), at=AT + timedelta(days=31)).budget_usd == 10


def test_of_two_that_fit_the_month_only_one_at_a_time_the_second_waits(paid, settings):
    version = candidate()
    make_case_with(paid)
    most = rehearsals.quote(version, at=AT).most_usd
    settings.REHEARSAL_MONTH_USD = most + Decimal("0.5")
    other = versions.create(MAIL, text="Another.", note="", by=None, at=AT)

    first = rehearsals.ask(version, by=make_user(), at=AT)

    assert first.budget_usd == settings.REHEARSAL_MONTH_USD
    assert rehearsals.ask(version, by=make_user(), at=AT).pk == first.pk
    with pytest.raises(rehearsals.RehearsalRefused, match=r"\$0\.00 are neither spent nor kept"):
        rehearsals.ask(other, by=make_user(), at=AT)


def test_a_rehearsal_that_costs_nothing_needs_nothing_of_the_month(settings):
    make_cases(1)
    settings.REHEARSAL_MONTH_USD = Decimal(0)

    assert rehearse(candidate()).status == "done"


# --- passing, and going live


def lost(count=20):
    """A rehearsal of a candidate that keeps a lesser contract no more."""
    make_cases(count)
    version = candidate()
    found = rehearse(version)
    found.verdict, found.report = "worse", found.report | {"reasons": ["short: lost on 3, won on 2."]}
    found.save()
    return found


def test_a_person_lets_a_worse_candidate_pass_with_a_reason():
    found = lost(1)
    ann = make_user("ann")

    with pytest.raises(rehearsals.RehearsalRefused, match="Say why it may pass"):
        rehearsals.approve(found, by=ann, at=AT, reason=" ")
    assert not Rehearsal.objects.get().has_passed
    rehearsals.approve(found, by=ann, at=AT, reason="Shorter subjects are wanted.")

    row = Rehearsal.objects.get()
    assert (row.approved_by, row.approved_at, row.approved_because) == (ann, AT, "Shorter subjects are wanted.")
    assert (row.has_passed, rehearsals.warning(found.candidate)) == (True, "")


def test_what_breaks_a_must_nobody_lets_pass():
    make_cases(1)
    found = rehearse(candidate())

    with pytest.raises(rehearsals.RehearsalRefused, match="“Too few cases to tell”"):
        rehearsals.approve(found, by=make_user(), at=AT, reason="I am sure.")

    assert Rehearsal.objects.get().approved_at is None


def test_a_rehearsal_beside_a_version_that_is_live_no_more_does_not_count():
    make_cases(20)
    version = candidate()
    rehearse(version)
    other = versions.go_live(versions.create(MAIL, text="Another.", note="", by=None, at=AT), by=None, at=AT)

    assert rehearsals.warning(version) == f"{version} was never rehearsed beside {other}, which is live."


def test_what_the_offline_composer_answered_counts_no_more_once_a_model_is_connected(operator, settings):
    make_cases(20)
    version = candidate()
    found = rehearse(version)
    settings.REHEARSAL_IS_NEEDED = True
    assert (rehearsals.warning(version), rehearsals.newest(version)) == ("", found)

    settings.ANTHROPIC_API_KEY = "sk-test"
    refused = operator.post(release(version), {"reason": "It passed."}).content.decode()

    assert rehearsals.warning(version) == (
        f"{version} was rehearsed beside {versions.live()[MAIL]} by the offline composer alone, which reads no prompt. A "
        "model is connected now, and it may answer otherwise."
    )
    assert "by the offline composer alone" in refused
    assert (rehearsals.newest(version), versions.live()[MAIL] == version) == (None, False)
    found.answers.update(generator="claude-sonnet-5-5")
    assert (rehearsals.warning(version), rehearsals.newest(version)) == ("", found)


def release(version):
    return reverse("admin:agents_app_promptversion_make_live", args=[version.pk])


def test_a_version_that_was_not_rehearsed_goes_live_only_with_a_reason(operator):
    version = candidate()

    shown = operator.get(release(version)).content.decode()
    refused = operator.post(release(version), {"reason": ""}).content.decode()
    before = versions.live()[MAIL]
    operator.post(release(version), {"reason": "It mends a typing error."})

    assert "was never rehearsed beside" in shown
    assert "rehearse it or say why it goes live without" in refused
    assert (before == version, versions.live()[MAIL]) == (False, version)


def test_where_rehearsals_are_needed_no_reason_helps(operator, settings):
    settings.REHEARSAL_IS_NEEDED = True
    version = candidate()

    refused = operator.post(release(version), {"reason": "It mends a typing error."}).content.decode()

    assert "Here no version goes live without one that passed" in refused
    assert versions.live()[MAIL] != version


def test_the_action_of_the_list_makes_nothing_live_that_was_not_rehearsed(operator):
    version = candidate()
    page = reverse("admin:agents_app_promptversion_changelist")

    answer = operator.post(page, {"action": "make_live", "_selected_action": [version.pk]}, follow=True)

    assert "was not made live" in answer.content.decode()
    assert versions.live()[MAIL] != version


# --- pages


def test_an_operator_starts_a_rehearsal_and_sees_both_texts(operator, rung):
    make_cases(2)
    version = candidate()

    shown = operator.get(reverse("rehearse", args=[version.pk])).content.decode()
    answer = operator.post(reverse("rehearse", args=[version.pk]), {"against": ""})
    made = Rehearsal.objects.get()
    waits = operator.get(reverse("rehearsal", args=[made.pk])).content.decode()
    rehearsals.answer_some(made.pk, clock=now)
    over = operator.get(reverse("rehearsal", args=[made.pk])).content.decode()

    assert "20 are needed before a rehearsal can pass." in shown
    assert answer["location"] == reverse("rehearsal", args=[made.pk])
    assert rung == [(loop.rehearse, made.pk)]
    assert "0 of 4 answers are there." in waits
    assert "4 of 4 answers" in over and "Too few cases to tell" in over
    assert "subject_fits" in over


def test_account_managers_see_the_texts_of_their_own_clients_only(client):
    [own], [other] = make_cases(1), make_cases(1)
    user = make_user_of("manager")
    own.client.managers.add(user)
    found = rehearse(candidate())
    client.force_login(user)

    shown = client.get(reverse("rehearsal", args=[found.pk])).content.decode()
    started = client.post(reverse("rehearse", args=[found.candidate_id]))

    assert f'id="case-{own.pk}"' in shown and f'id="case-{other.pk}"' not in shown
    assert started.status_code == 403
    assert Rehearsal.objects.count() == 1


def test_the_clock_rings_for_rehearsals_that_nobody_works_on(rung):
    make_cases(1)
    made = rehearsals.ask(candidate(), by=make_user(), at=AT)

    loop.rehearse()

    assert rung == [(loop.rehearse, made.pk)]


def test_answers_differ_where_the_prompts_do(monkeypatch):
    """The sandbox does not read prompts, so one side's answers are changed by hand."""
    make_cases(1)
    version = candidate()
    calls = []

    def shorter(document, call):
        calls.append(call)
        return {**document, "closing": "Kind regards"} if call == 2 else document

    monkeypatch.setattr(llm, "ask", answering_model(MAIL, shorter))

    found = rehearse(version)

    assert calls == [1, 2]
    assert found.report["alike"] < 1.0
