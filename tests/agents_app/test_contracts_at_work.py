"""Contracts of the database held against every answer of a run, as they stood when it was planned."""

import json

import pytest

from agents_app import flow, llm, promising
from agents_app.models import Contract, Draft, FlowRun, StepRun
from agents_app.prices import Usage, load
from gtm.sandbox import messages
from tests.agents_app.flows_that import composed, execute
from tests.agents_app.models_that import answering, paid
from tests.agents_app.test_replaying import assert_same_to_the_byte, replayed
from tests.factories import AT, make_client, make_ready_client, make_ready_request, plan_run

pytestmark = pytest.mark.django_db
MAIL = "email_agent"


def contract(name="says_audit", kind="must_include", parameters=None, **values):
    told = {"phrases": ["a phrase that nobody writes"]} if parameters is None else parameters
    return Contract.objects.create(
        **{"agent": MAIL, "name": name, "kind": kind, "parameters": told, "created_at": AT, **values}
    )


def checks(run, key="email"):
    return {each["check"]: each for each in StepRun.objects.filter(run=run, key=key).latest("pk").checks}


def names(run):
    return [each["name"] for each in run.promises]


def test_a_new_installation_promises_what_the_code_did():
    run = execute(plan_run())

    assert names(run) == ["asks_once", "in_english", "subject_fits"]
    assert [checks(run)[name]["passed"] for name in names(run)] == [True, True, True]


def test_a_broken_should_is_shown_and_stops_nothing():
    contract()

    run = execute(plan_run())

    assert (run.status, Draft.objects.count()) == ("succeeded", 1)
    assert checks(run)["says_audit"] == {
        "check": "says_audit", "passed": False, "detail": "Not said: “a phrase that nobody writes”.", "must": False,
        "weight": 1.0, "judged": True,
    }  # fmt: skip


def test_a_broken_must_is_asked_for_once_more_and_then_gives_no_draft():
    contract(severity="must")

    run = execute(plan_run())

    step = run.steps.get(key="email")
    assert (run.status, Draft.objects.count(), len(step.attempts)) == ("needs_input", 0, 2)
    assert step.input["context"]["objections"] == ["Not said: “a phrase that nobody writes”."]
    assert "Not said: “a phrase that nobody writes”." in run.error


def test_a_run_keeps_to_the_contracts_that_stood_when_it_was_planned():
    run = plan_run()
    contract(severity="must")
    Contract.objects.filter(name="asks_once").update(is_active=False)

    run = execute(run)

    assert (run.status, names(run)) == ("succeeded", ["asks_once", "in_english", "subject_fits"])
    assert "says_audit" not in checks(run)


def test_a_replay_holds_a_step_against_the_contracts_of_its_run(monkeypatch):
    contract(severity="must")
    run = execute(plan_run())
    Contract.objects.update(is_active=False)

    [mail] = [each for each in flow.replays(FlowRun.objects.get(pk=run.pk)) if each.step.key == "email"]

    assert mail.told == "The same, from 2 recorded answers."
    assert "says_audit" in {check.check for check in mail.work.answers[0].checks}


def test_only_contracts_of_the_agent_and_of_the_client_are_held_against_it():
    request = make_ready_request()
    contract("theirs", client=make_client())
    contract("ours", client=request.client)
    contract("of_research", agent="research_agent", kind="words", parameters={"at_most": 1})

    run = execute(plan_run(request))

    assert names(run) == ["asks_once", "in_english", "ours", "subject_fits", "of_research"]
    assert "ours" in checks(run) and "theirs" not in checks(run) and "of_research" not in checks(run)
    assert checks(run, "research")["of_research"]["passed"] is False


def test_one_of_the_client_speaks_in_the_place_of_everybodys():
    client = make_ready_client()
    contract("subject_fits", "schema", {"part": "subject", "at_most": 3}, client=client)
    contract("asks_once", "call_to_action", {"at_most": 1}, client=client, is_active=False)

    found = promising.in_force(client.pk, [MAIL])

    assert [(each["name"], each["parameters"]) for each in found] == [
        ("in_english", {"language": "en"}),
        ("subject_fits", {"part": "subject", "at_most": 3}),
    ]
    assert list(promising.for_client(promising.of_agent(MAIL), client.pk)) == [
        promising.Promise.of(each) for each in found
    ]


def test_what_a_contract_weighs_counts_in_the_confidence():
    light = execute(plan_run())
    contract(weight=10)
    heavy = execute(plan_run())

    kept = [
        next(term["value"] for term in run.steps.get(key="email").confidence_terms if term["term"] == "checks")
        for run in (light, heavy)
    ]
    assert kept[0] == 1.0
    assert kept[1] == pytest.approx(1 - 10 / (10 + 12), abs=0.001)


def test_cost_and_time_are_shown_but_count_for_no_confidence():
    contract("cheap", "cost", {"at_most_usd": 0.01})
    contract("quick", "latency", {"at_most_s": 3600})

    run = execute(plan_run())

    assert checks(run)["cheap"]["detail"] == "$0.0000; at most $0.01 wanted."
    assert checks(run)["quick"]["passed"]
    [term] = [term for term in run.steps.get(key="email").confidence_terms if term["term"] == "checks"]
    assert term["why"] == "All 12 checks passed."


def test_a_rubric_without_a_key_is_not_judged_and_asks_nobody(monkeypatch):
    contract("polite", "rubric", {"question": "Is it polite to a busy person?"})
    asked = []

    def ask(question, **options):
        asked.append(question.agent)
        return REAL(question, **options)

    REAL = llm.ask
    monkeypatch.setattr(llm, "ask", ask)

    run = execute(plan_run())

    found = checks(run)["polite"]
    assert (found["judged"], found["passed"]) == (False, True)
    assert found["detail"] == "Not judged: A model has to read it, and none is connected."
    assert "rubric" not in asked


RUBRIC = {"question": "Is it polite to a busy person?"}


def judging(verdict):
    """A service that bills, and says this of a rubric: a document, or an answer of its own."""

    def reply(body, number):
        if body["output_config"]["format"]["schema"]["title"] != "RubricAnswer":
            return composed(body)
        if isinstance(verdict, tuple):
            return verdict
        return 200, {"request-id": f"req_r{number}"}, messages.saying(json.dumps(verdict), model=body["model"])

    return reply


def asked_about(service, title="RubricAnswer"):
    bodies = [json.loads(body) for _, _, body in service.requests]
    return [body for body in bodies if body["output_config"]["format"]["schema"]["title"] == title]


@pytest.mark.parametrize("verdict", [(True, "It respects her time."), (False, "“Time is short” is no greeting.")])
def test_a_model_judges_a_rubric_once_about_the_answer_that_is_kept_and_the_step_pays(settings, verdict):
    contract("polite", "rubric", RUBRIC, weight=2.0)
    kept, why = verdict
    with paid(settings, judging({"kept": kept, "why": why})) as service:
        run = execute(plan_run())

    found, row = checks(run)["polite"], StepRun.objects.get(run=run, key="email")
    assert (run.status, found["passed"], found["judged"], found["must"]) == ("succeeded", kept, True, False)
    assert (found["detail"], found["weight"]) == (why, 2.0)
    [body] = asked_about(service)
    asked = body["messages"][0]["content"]
    assert RUBRIC["question"] in asked
    assert Draft.objects.get().body.splitlines()[2] in asked
    calls = [load().cost(each["model"], Usage(**each["usage"]), AT.date()) for each in row.attempts]
    assert (len(row.attempts), row.cost_usd) == (2, sum(calls))


def test_of_several_proposals_only_the_chosen_one_is_judged_by_a_rubric(settings):
    contract("polite", "rubric", RUBRIC)
    with paid(settings, judging({"kept": True, "why": "It is."})) as service:
        execute(plan_run(make_ready_request(depth="comprehensive")))

    assert (len(asked_about(service, "EmailAnswer")), len(asked_about(service))) == (3, 1)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ((400, {}, b"{}"), "Not judged: The model gave no answer. "),
        ({"kept": "perhaps", "why": ""}, "Not judged: The model gave no answer. "),
    ],
)
def test_an_answer_that_a_judge_does_not_answer_about_is_kept(settings, verdict, said):
    contract("polite", "rubric", RUBRIC)
    with paid(settings, judging(verdict)):
        run = execute(plan_run())

    found = checks(run)["polite"]
    assert (run.status, found["passed"], found["judged"]) == ("succeeded", True, False)
    assert found["detail"].startswith(said)
    assert Draft.objects.get().run == run


def test_a_run_with_a_rubric_comes_out_again_byte_for_byte(settings):
    contract("polite", "rubric", RUBRIC)
    with paid(settings, judging({"kept": False, "why": "It is not."})):
        run = execute(plan_run())
    before = checks(run)["polite"]

    found = replayed(run)

    assert_same_to_the_byte(found)
    [again] = [each for each in found["email"].work.answers[0].measured if each.check == "polite"]
    assert (again.passed, again.judged, again.detail) == (before["passed"], before["judged"], before["detail"])


def test_an_answer_that_only_says_what_is_missing_is_not_asked_for_anything_else(monkeypatch):
    contract(severity="must")
    monkeypatch.setattr(
        llm,
        "ask",
        answering(MAIL, lambda document, call: {**document, "sentences": [], "missing": ["No offer is set."]}),
    )

    run = execute(plan_run())

    assert run.status == "needs_input"
    assert list(checks(run)) == ["says_what_is_missing"]
