"""What research is to find out: by the purpose, by the client's settings, by the flow, each once."""

import pytest

from agents_app import flows
from agents_app.flow import knowledge
from agents_app.models import SourceRecord, StepRun
from agents_app.research.attributes import BY_KEY
from clients.keys import ATTRIBUTES
from tests.agents_app.flows_that import agent, drawn_run, execute
from tests.factories import AT, make_contact, make_ready_client, make_request, plan_run

pytestmark = pytest.mark.django_db


def study_for(**settings):
    contact = make_contact(make_ready_client(**settings), company_domain="northwind-bank.example")
    return plan_run(make_request(contact, depth="comprehensive"))


def test_what_settings_and_flows_may_name_is_what_research_reads_under_the_same_words():
    assert {key: BY_KEY[key].label for key in ATTRIBUTES} == ATTRIBUTES
    assert not any(BY_KEY[key].is_id for key in ATTRIBUTES)


def test_the_purpose_comes_first_then_the_client_s_settings_then_the_flow():
    run = drawn_run(agent("research", wants=["technology", "news"]))
    run.config["research_attributes"] = ["mail_host", "headcount"]

    assert knowledge.required(run) == ("industry", "headcount", "news", "mail_host", "technology")


def test_research_goes_on_until_it_is_sure_of_what_the_client_wants_too():
    usual, theirs = study_for(), study_for(research_attributes=["mail_host", "filing"])

    for run in (usual, theirs):
        execute(run)

    wanted = {run.pk: StepRun.objects.get(run=run, key="research").input["required"] for run in (usual, theirs)}
    assert wanted == {
        usual.pk: ["industry", "headcount", "news"],
        theirs.pk: ["industry", "headcount", "news", "mail_host", "filing"],
    }
    told = {gap["attribute"] for gap in StepRun.objects.get(run=theirs, key="research").input["search"]["gaps"]}
    known = set(theirs.facts.values_list("attribute", flat=True))
    assert {"mail_host", "filing"} <= told | known
    assert SourceRecord.objects.filter(run=theirs).count() >= SourceRecord.objects.filter(run=usual).count()


def test_what_a_flow_wants_is_fixed_when_the_run_is_planned():
    run = drawn_run(agent("research", wants=["location"]))
    template = flows.FlowTemplate.objects.get(key="drawn")
    template.steps.update(wants=["ticker"])
    later = flows.publish(template, by=None, at=AT)

    execute(run)

    assert (run.template_version.number, later.number) == (1, 2)
    assert StepRun.objects.get(run=run).input["required"] == ["industry", "headcount", "news", "location"]


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (agent("persona", wants=["headcount"]), "persona: only research finds something out. Choose nothing here."),
        (agent("research", wants=["shoe_size"]), "research: research knows no attribute “shoe_size”. Choose among: "),
    ],
)
def test_a_flow_that_wants_what_nobody_finds_out_is_refused_at_the_step(step, says):
    [problem] = flows.problems({"steps": [step], "goal": "any"})

    assert problem.says.startswith(says)
    assert (problem.step, problem.field) == (step["key"], "wants")
