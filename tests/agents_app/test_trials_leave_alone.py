"""What a trial must not touch: the approval queue, experiments, statistics, work in earnest, what somebody typed."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from agents_app import requests
from agents_app.flow import knowledge
from agents_app.models import Draft, FlowRun, PromptVersion, Request, RequestRule, Send, Trial
from clients.inbox import Change
from clients.models import Client, ConfigKey
from experiments import reading
from experiments.figures import Work
from experiments.models import Assignment, OutcomeEvent
from gtm import desk, loop, navigation
from insights import metrics, rollups
from insights.weeks import week
from tests import queue
from tests.agents_app.tries import form_of, look, post, runs, start, words
from tests.factories import make_contact, make_experiment, make_ready_client

pytestmark = pytest.mark.django_db


def work_of(client, at):
    """What proposals to change its settings rest on."""
    return reading.read(client, since=at - timedelta(days=1), until=at, at=at)


@pytest.fixture
def acme():
    return make_ready_client("acme")


@pytest.fixture
def ada(acme):
    return make_contact(acme, "ada@northwind-bank.example")


def test_a_trial_writes_nothing_that_can_be_approved_or_sent(acme, ada, operator):
    trial = start(operator, acme, tone="direct")

    loop.send_due_drafts()
    assert [run.status for run in runs(trial)] == ["succeeded", "succeeded"]
    assert (Draft.objects.count(), Send.objects.count(), OutcomeEvent.objects.count()) == (0, 0, 0)
    assert ada.email not in words(operator.get(reverse("approvals")))


def test_a_trial_draws_nobody_into_an_experiment_and_uses_what_is_live(acme, ada, operator):
    live = PromptVersion.objects.create(
        agent="email_agent", number=900, text="Live.", sha256="1" * 64, label="live", created_at=timezone.now()
    )
    make_experiment(acme)

    trial = start(operator, acme, tone="direct")

    assert Assignment.objects.count() == 0
    assert [run.variants for run in runs(trial)] == [{}, {}]
    assert [run.prompts.get(agent="email_agent").version for run in runs(trial)] == [live, live]


def test_trials_count_in_no_statistics(acme, ada, operator):
    """Neither what succeeded nor what went wrong."""
    trial = start(operator, acme, tone="direct")
    FlowRun.objects.filter(request=trial.proposed).update(status="failed")

    at = timezone.now() + timedelta(minutes=1)
    span = week((at.date() - timedelta(days=at.weekday())), timezone.get_current_timezone())
    counted = {key: metrics.count(key, span, at=at).denominator for key in metrics.METRICS if key != "quarantined"}
    assert set(counted.values()) == {0}
    assert (rollups.agents(span, at), rollups.sources(span, at)) == ([], [])
    user = trial.author
    assert navigation.waiting(user)["failed_runs"] == 0
    assert desk.of(user, at=at).failed == []
    planned = operator.get(reverse("admin:agents_app_promptversion_changelist")).context["cl"].queryset
    assert {version.planned_runs for version in planned} == {0}
    flows = operator.get(reverse("admin:agents_app_flowtemplate_changelist")).context["cl"].queryset
    assert {flow.runs_planned for flow in flows} == {None}
    assert work_of(acme, at) == Work([], [], [], [])


def test_the_same_work_in_earnest_is_counted(acme, ada, operator):
    """That the counts above could be other than nought."""
    asked = requests.ask(acme, contact=ada, at=timezone.now())
    loop.execute_run(loop.plan_run(asked.pk).pk)

    at = timezone.now() + timedelta(minutes=1)
    span = week((at.date() - timedelta(days=at.weekday())), timezone.get_current_timezone())
    assert all(metrics.count(key, span, at=at).denominator for key in ("sure_steps", "failed_steps", "unfinished_runs"))
    assert rollups.agents(span, at) != []
    assert rollups.sources(span, at) != []
    assert (len(work_of(acme, at).written), len(work_of(acme, at).runs)) == (1, 1)


def test_nothing_in_earnest_rests_on_what_a_trial_found(acme, ada, operator):
    trial = start(operator, acme, tone="direct")
    tried = trial.present.runs.get()

    asked = requests.ask(acme, contact=ada, at=timezone.now())

    assert tried.facts.exists()
    assert knowledge.researched(asked) is None
    with pytest.raises(requests.RequestRefused, match=r"was a trial: nothing in earnest starts from it"):
        requests.ask(acme, contact=ada, follows=tried, at=timezone.now())


def test_a_trial_under_way_does_not_hold_up_what_a_client_s_rule_asks_for(acme, ada, operator, rung):
    RequestRule.objects.create(client=acme, change="field_changed", field="title", is_active=True)
    post(operator, acme, tone="direct", **{"try": "start"})

    made = requests.triggered_by([Change(ada, False, {"title": ("CFO", "CEO")})], at=timezone.now())

    assert [request.is_trial for request in made] == [False]


def test_runs_of_trials_are_marked_as_such_wherever_runs_are_read(acme, ada, operator):
    trial = start(operator, acme, tone="direct")
    run = runs(trial)[1]

    for address in (reverse("run_page", args=[run.pk]), reverse("request_trace", args=[run.request_id])):
        page = operator.get(address)
        assert "A trial. Trial: typed settings: nothing" in words(page).replace(" .", ".")
        assert reverse("trial", args=[trial.pk]) in page.content.decode()
    for model in ("flowrun", "request"):
        listed = operator.get(reverse(f"admin:agents_app_{model}_changelist"))
        assert listed.content.decode().count('<span class="pill info">Trial</span>') == 2
        narrowed = operator.get(reverse(f"admin:agents_app_{model}_changelist"), {"trial": "no"})
        assert narrowed.context["cl"].result_count == 0


def test_a_typed_secret_lands_neither_in_the_trial_nor_in_a_page(acme, ada, operator):
    ConfigKey.objects.create(name="token", label="Token", kind="text", sensitive=True)
    typed = {"tone": "direct", "custom_fields__token": "hunter2-secret", "try": "start"}

    page = post(operator, acme, htmx=False, **typed)
    queue.drain()

    trial = Trial.objects.get()
    assert trial.settings == {**acme.settings, "tone": "direct"}
    kept = [str(Trial.objects.values()), str(FlowRun.objects.values()), page.content.decode()]
    assert [text for text in kept if "hunter2" in text] == []
    assert "Type again in the form: Token." in words(page)


def test_without_scripts_what_was_typed_goes_along_and_back_into_the_form_unsaved(acme, ada, operator):
    cost = post(
        operator,
        acme,
        htmx=False,
        tone="direct",
        website="acme.example",
        enabled_agents=["email_agent", "research_agent"],
    )
    carried = dict.fromkeys(name for name, _ in cost.context["carried"])
    page = post(operator, acme, htmx=False, tone="direct", website="acme.example", **{"try": "start"})
    queue.drain()
    trial = Trial.objects.get()
    again = post(operator, acme, htmx=False, tone="direct", trial=trial.pk)

    assert "Try it" in words(cost)
    assert {
        "tone",
        "website",
        "enabled_agents",
        "custom_fields__offer",
    } <= carried.keys()
    assert [value for name, value in cost.context["carried"] if name == "enabled_agents"] == [
        "email_agent",
        "research_agent",
    ]
    assert "Look again" in words(page)
    assert "Both are written." in words(again)

    back = operator.post(
        reverse("admin:clients_client_change", args=[acme.pk]),
        {**form_of(acme, tone="direct", website="acme.example"), "unsaved": "1"},
    )
    shown = back.content.decode()
    assert "Nothing is saved yet. This is what you typed" in shown
    assert '<option value="direct" selected>' in shown
    assert 'value="acme.example"' in shown
    assert 'name="unsaved"' not in shown  # so that the next save is one
    assert (Client.objects.get().settings["tone"], Client.objects.get().website) == ("formal", "")


def test_the_form_opens_with_the_settings_of_a_trial_typed_in_and_saves_them_only_when_saved(acme, ada, operator):
    trial = start(operator, acme, tone="direct", company_size="501+")
    address = reverse("admin:clients_client_change", args=[acme.pk])

    page = operator.get(address, {"trial": trial.pk})

    shown = page.content.decode()
    assert '<option value="direct" selected>' in shown
    assert '<option value="501+" selected>' in shown
    assert "are typed in below" in words(page)
    assert Client.objects.get().settings["tone"] == "formal"
    base = page.context["adminform"].form.initial["base"]
    typed = form_of(acme, tone="direct", company_size="501+", base=base)
    assert operator.post(f"{address}?trial={trial.pk}", typed).status_code == 302
    stored = Client.objects.get()
    assert (stored.settings["tone"], stored.company_size) == ("direct", "501+")


def test_a_trial_of_another_client_is_not_typed_into_a_form(acme, ada, operator):
    trial = start(operator, acme, tone="direct")
    other = make_ready_client("other")

    page = operator.get(reverse("admin:clients_client_change", args=[other.pk]), {"trial": trial.pk})

    assert '<option value="direct" selected>' not in page.content.decode()
    assert "are typed in below" not in words(page)


def test_the_form_offers_the_trial_beside_what_the_agents_are_told(acme, ada, operator):
    page = operator.get(reverse("admin:clients_client_change", args=[acme.pk]))

    assert "Try it on a contact" in words(page)
    assert page.content.decode().count(f'formaction="{reverse("client_try", args=["acme"])}"') == 1
    assert Request.objects.count() == 0
    assert "Trial" not in look(operator, start(operator, acme, tone="direct")).content.decode().split("<h3")[0]
