"""The admin's pages of flow templates: each save is a new version, or nothing is kept."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from agents_app import flows
from agents_app.models import FlowTemplate, FlowVersion, RoutingRule, TemplateStep
from tests.agents_app.desks import (
    COLUMNS,
    NEW_STEP,
    errors_of,
    first_mail,
    form_of,
    numbers,
    said,
    typed,
    url,
)
from tests.crowd import make_user_of
from tests.factories import AT, make_run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installed_for_real")]


@pytest.fixture
def operator(client: Browser) -> Browser:
    flows.install(at=AT)
    client.force_login(make_user_of("operator"))
    return client


# --- a new installation


@pytest.mark.parametrize("model", ["flowtemplate", "routingrule", "flowversion"])
def test_the_first_look_at_a_new_installation_is_never_empty(client, model):
    client.force_login(make_user_of("operator"))
    assert FlowVersion.objects.count() == 0

    shown = said(client.get(url(model, "changelist")))

    assert "First e-mail" in shown
    assert FlowTemplate.objects.count() == 5


# --- templates


def test_the_list_tells_steps_version_rules_and_recent_runs(operator):
    version = FlowVersion.objects.get(key="first_mail")
    make_run(template_version=version, planned_at=timezone.now() - timedelta(days=29))
    make_run(template_version=version, planned_at=timezone.now() - timedelta(days=31))

    page = operator.get(url("flowtemplate", "changelist"))

    row = next(row for row in page.context["cl"].result_list if row.key == "first_mail")
    model_admin = page.context["cl"].model_admin
    assert (row.steps_drawn, row.live_number, row.runs_planned) == (4, 1, 1)
    assert model_admin.named_by(row) == "continues_brief, default"
    checked = next(row for row in page.context["cl"].result_list if row.key == "checked_mail")
    assert model_admin.named_by(checked) == "checked (switched off)"
    assert model_admin.recent_runs(checked) == "None"


def test_recent_runs_lead_to_the_runs_of_that_flow(operator):
    mine = make_run(template_version=FlowVersion.objects.get(key="first_mail"), planned_at=timezone.now())
    make_run(template_version=FlowVersion.objects.get(key="follow_up"), planned_at=timezone.now())

    page = operator.get(f"{url('flowrun', 'changelist')}?template=first_mail")

    assert f'href="{url("flowrun", "changelist")}?template=first_mail"' in (
        operator.get(url("flowtemplate", "changelist")).content.decode()
    )
    assert list(page.context["cl"].result_list) == [mine]


def test_the_page_draws_the_flow_in_lanes(operator):
    page = operator.get(url("flowtemplate", "change", first_mail().pk)).content.decode()

    drawn = page[page.index("flow-drawing") : page.index("</section>", page.index("flow-drawing"))]
    lanes = [re.findall(r"<b>(\w+)</b>", lane) for lane in drawn.split('class="flow-level"')[1:]]
    assert lanes == [["research"], ["competitive", "persona"], ["email"]]
    assert "2 side by side" in drawn
    assert "Research" in drawn
    assert "only if not continues_run" in drawn


def test_the_page_lists_every_name_that_a_condition_may_use(operator):
    shown = said(operator.get(url("flowtemplate", "change", first_mail().pk)))

    for name, meaning in flows.routing.KNOWN_NAMES.items():
        assert name in shown
        assert meaning in shown


def test_saving_a_change_writes_a_version_and_says_which_is_live(operator):
    template = first_mail()

    answer = operator.post(
        url("flowtemplate", "change", template.pk), form_of(template, email={"deadline_s": 60}), follow=True
    )

    newest = FlowVersion.objects.filter(key="first_mail").latest("number")
    assert (newest.number, newest.author.username) == (2, "operator")
    assert newest.document["steps"][-1]["deadline_s"] == 60
    assert answer.redirect_chain == [(url("flowtemplate", "change", template.pk), 302)]
    assert "Version 2 of “First e-mail” is live." in said(answer)
    assert "changed successfully" not in said(answer)


def test_saving_without_a_change_says_that_nothing_changed(operator):
    template = first_mail()

    answer = operator.post(url("flowtemplate", "change", template.pk), form_of(template), follow=True)

    assert "Nothing changed in what runs use: version 1 of “First e-mail” stays live." in said(answer)
    assert numbers() == [1]


def test_a_step_is_added_with_its_keystyped_as_people_type_them(operator):
    template = first_mail()
    join = {"key": "together", "kind": "join", "after": " persona,competitive  persona"}

    answer = operator.post(
        url("flowtemplate", "change", template.pk), form_of(template, join, email={"after": "together"})
    )

    assert answer.status_code == 302
    assert template.steps.get(key="together").after == ["persona", "competitive"]
    assert template.steps.get(key="email").after == ["together"]
    assert numbers() == [1, 2]


def test_a_flow_is_made_from_nothing(operator):
    form = {"name": "Short mail", "key": "short_mail", "description": "", "goal": "draft"}
    form |= {"steps-TOTAL_FORMS": 2, "steps-INITIAL_FORMS": 0}
    steps = [
        NEW_STEP | {"key": "write", "agent": "email_agent", "position": 1},
        NEW_STEP
        | {
            "key": "check",
            "kind": "gate",
            "after": "write",
            "question": "Send it?",
            "expires_hours": 24,
            "goes_on": "on",
            "position": 2,
        },
    ]
    for number, step in enumerate(steps):
        form |= {f"steps-{number}-{name}": value for name, value in step.items()}

    answer = operator.post(url("flowtemplate", "add"), form, follow=True)

    made = FlowTemplate.objects.get(key="short_mail")
    assert answer.redirect_chain == [(url("flowtemplate", "change", made.pk), 302)]
    assert "Version 1 of “Short mail” is live." in said(answer)
    check = FlowVersion.objects.get(key="short_mail").document["steps"][1]
    assert (check["question"], check["expires_hours"], check["goes_on"]) == ("Send it?", 24, True)
    assert made.history.get().history_user.username == "operator"


def test_an_untouched_empty_step_below_the_others_is_no_step(operator):
    template = first_mail()
    page = operator.get(url("flowtemplate", "change", template.pk))
    empty = page.context["inline_admin_formsets"][0].formset.extra_forms[0]
    as_shown = {name: empty[name].initial for name in COLUMNS if empty[name].initial is not None}

    answer = operator.post(url("flowtemplate", "change", template.pk), form_of(template) | {
        "steps-TOTAL_FORMS": 5, **{f"steps-4-{name}": typed(value) for name, value in as_shown.items() if value is not False}
    })  # fmt: skip

    assert as_shown["position"] == 5
    assert answer.status_code == 302
    assert (template.steps.count(), numbers()) == (4, [1])


@pytest.mark.parametrize(
    ("change", "step", "field", "words"),
    [
        ({"research": {"after": "email"}}, None, "", "could never begin: research, competitive, persona, email."),
        ({"email": {"agent": "persona_agent"}}, None, "", "It has to end with an e-mail"),
        ({"email": {"key": "Write it"}}, 3, "key", "Enter a valid “slug”"),
        ({"email": {"key": "write-it"}}, 3, "key", "“write-it” cannot be a key"),
        ({"email": {"budget_share": 0}}, 3, "budget_share", "greater than or equal to 1"),
        ({"email": {"after": "nothing_such"}}, 3, "after", "email waits for nothing_such, which is no step of this flow."),
        ({"competitive": {"agent": ""}}, 1, "agent", "competitive: no agent is chosen."),
        ({"competitive": {"kind": "tool"}}, 1, "tool", "competitive: no tool is chosen."),
        ({"competitive": {"kind": "gate"}}, 1, "question", "competitive: it asks nothing."),
        ({"competitive": {"kind": "gate", "after": "", "question": "Right?"}}, 1, "after", "a gate decides about one step."),
        ({"competitive": {"kind": "join"}}, 1, "after", "competitive: a join brings branches together."),
        ({"persona": {"condition": "purpose = 1"}}, 2, "condition", "persona: Column 9:"),
        ({"persona": {"condition": "agents"}}, 2, "condition", "agents is not known."),
        ({"persona": {"deadline_s": 999}}, 2, "deadline_s", "less than or equal to 240"),
        ({"persona": {"agent": "poet_agent"}}, 2, "agent", "Select a valid choice."),
        ({"persona": {"kind": "planner"}}, 2, "kind", "Select a valid choice."),
        ({"persona": {"reason": ""}}, 2, "reason", "This field is required."),
    ],
)  # fmt: skip
def test_what_is_wrong_stands_at_the_step_to_blame_and_nothing_is_saved(operator, change, step, field, words):
    template = first_mail()
    before = list(template.steps.values())

    answer = operator.post(url("flowtemplate", "change", template.pk), form_of(template, **change) | {"name": "Typed"})

    by_step, nobodys = errors_of(answer)
    told = nobodys if step is None else by_step[step].get(field, [])
    assert answer.status_code == 200
    assert any(words in each for each in told), (by_step, nobodys)
    assert 'value="Typed"' in answer.content.decode()
    assert list(template.steps.values()) == before
    assert (first_mail().name, numbers()) == ("First e-mail", [1])


def test_two_steps_of_one_name_are_told_in_words(operator):
    template = first_mail()

    answer = operator.post(
        url("flowtemplate", "change", template.pk),
        form_of(template, {"key": "twice", "agent": "email_agent"}, {"key": "twice", "agent": "email_agent"}),
    )

    assert errors_of(answer)[1] == ["Two steps are called twice. Give each its own key."]
    assert template.steps.count() == 4


def test_a_step_that_others_wait_for_cannot_be_taken_out_alone(operator):
    template = first_mail()
    form = form_of(template) | {"steps-2-DELETE": "on"}

    answer = operator.post(url("flowtemplate", "change", template.pk), form)

    assert errors_of(answer)[0][2]["after"] == [
        "email waits for persona, which is no step of this flow. Its steps: competitive, email, research."
    ]
    assert template.steps.filter(key="persona").exists()

    answer = operator.post(url("flowtemplate", "change", template.pk), form | {"steps-3-after": "research"})

    assert answer.status_code == 302
    assert not template.steps.filter(key="persona").exists()
    assert [step["key"] for step in FlowVersion.objects.get(key="first_mail", number=2).document["steps"]] == [
        "research", "competitive", "email",
    ]  # fmt: skip


def test_keys_change_hands_in_one_save(operator):
    template = first_mail()
    swapped = {"persona": {"key": "competitive"}, "competitive": {"key": "persona"}, "email": {"after": "competitive"}}

    answer = operator.post(url("flowtemplate", "change", template.pk), form_of(template, **swapped))

    assert answer.status_code == 302
    assert list(template.steps.values_list("key", "agent")) == [
        ("research", "research_agent"), ("persona", "competitive_agent"), ("competitive", "persona_agent"), ("email", "email_agent"),
    ]  # fmt: skip


def test_a_step_taken_out_leaves_its_key_to_a_new_one(operator):
    template = first_mail()
    new = {"key": "persona", "agent": "persona_agent", "after": "research", "deadline_s": 60}

    answer = operator.post(
        url("flowtemplate", "change", template.pk), form_of(template, new) | {"steps-2-DELETE": "on"}
    )

    assert answer.status_code == 302
    assert template.steps.get(key="persona").deadline_s == 60


def test_what_belongs_to_another_kind_is_emptied(operator):
    template = first_mail()
    gate = {"kind": "gate", "question": "Right?", "agent": "competitive_agent", "tool": "brief", "proposals": 3}

    answer = operator.post(url("flowtemplate", "change", template.pk), form_of(template, competitive=gate))

    step = TemplateStep.objects.get(template=template, key="competitive")
    assert answer.status_code == 302
    assert (step.kind, step.question, step.agent, step.tool, step.proposals) == ("gate", "Right?", "", "", 1)


def test_an_agent_left_on_a_join_does_not_pass_for_the_step_that_writes(operator):
    template = first_mail()
    join = {"kind": "join", "agent": "email_agent", "after": "persona, competitive"}

    answer = operator.post(url("flowtemplate", "change", template.pk), form_of(template, email=join))

    assert "no step is the e-mail agent" in errors_of(answer)[1][0]
    assert numbers() == [1]


def test_a_key_stays_because_versions_know_the_template_by_it(operator):
    template = first_mail()

    operator.post(url("flowtemplate", "change", template.pk), form_of(template) | {"key": "renamed"})

    assert FlowTemplate.objects.get(pk=template.pk).key == "first_mail"


@pytest.mark.parametrize(
    ("is_named", "words"),
    [
        (True, "Routing rules choose it: continues_brief, default. Let them choose another flow first."),
        (False, "Runs may have been planned with it"),
    ],
)
def test_a_template_that_is_needed_is_not_deleted(operator, is_named, words):
    template = first_mail()
    if not is_named:
        RoutingRule.objects.filter(template=template).delete()

    page = operator.get(url("flowtemplate", "change", template.pk)).content.decode()
    answer = operator.post(url("flowtemplate", "delete", template.pk), {"post": "yes"}, follow=True)

    assert "deletelink" not in page
    assert words in said(answer)
    assert FlowTemplate.objects.filter(pk=template.pk).exists()


def test_a_template_that_nothing_ever_used_can_go(operator):
    template = FlowTemplate.objects.create(key="never", name="Never used")

    operator.post(url("flowtemplate", "delete", template.pk), {"post": "yes"})

    assert not FlowTemplate.objects.filter(key="never").exists()


@pytest.mark.parametrize("model", ["flowtemplate", "routingrule"])
def test_many_at_once_are_not_deleted(operator, model):
    page = operator.get(url(model, "changelist")).content.decode()

    operator.post(
        url(model, "changelist"),
        {"action": "delete_selected", "_selected_action": [row.pk for row in RoutingRule.objects.all()], "post": "yes"},
    )

    assert "delete_selected" not in page
    assert (FlowTemplate.objects.count(), RoutingRule.objects.count()) == (5, 6)


def test_a_change_that_somebody_elses_made_impossible_is_undone_in_words(operator, monkeypatch):
    template = first_mail()
    problem = "email waits for persona, which is no step of this flow."

    def came_in_between(*args: Any, **options: Any) -> FlowVersion:
        raise flows.FlowRefused([problem])

    monkeypatch.setattr(flows, "publish", came_in_between)
    answer = operator.post(
        url("flowtemplate", "change", template.pk), form_of(template, email={"deadline_s": 60}), follow=True
    )

    assert f"Nothing was changed. {problem}" in said(answer)
    assert template.steps.get(key="email").deadline_s == 120


def test_going_back_in_a_templates_history_publishes_too(operator):
    template = first_mail()
    first = template.history.latest("history_id")
    operator.post(url("flowtemplate", "change", template.pk), form_of(template) | {"name": "Renamed"})

    listed = said(operator.get(url("flowtemplate", "history", template.pk)))
    answer = operator.post(
        reverse("admin:agents_app_flowtemplate_simple_history", args=[template.pk, first.history_id]),
        {"name": "First e-mail", "description": template.description, "goal": "draft"},
        follow=True,
    )

    assert "Renamed" in listed
    assert "Version 3 of “First e-mail” is live." in said(answer)
    assert [version.document["name"] for version in FlowVersion.objects.filter(key="first_mail").order_by("number")] == [
        "First e-mail", "Renamed", "First e-mail",
    ]  # fmt: skip


def test_going_back_to_what_cannot_be_published_changes_nothing(operator, monkeypatch):
    template = first_mail()
    first = template.history.latest("history_id")
    operator.post(url("flowtemplate", "change", template.pk), form_of(template) | {"name": "Renamed"})

    def came_in_between(*args: Any, **options: Any) -> FlowVersion:
        raise flows.FlowRefused(["The flow has no step. Add at least one."])

    monkeypatch.setattr(flows, "publish", came_in_between)
    answer = operator.post(
        reverse("admin:agents_app_flowtemplate_simple_history", args=[template.pk, first.history_id]),
        {"name": "First e-mail", "description": template.description, "goal": "draft"},
        follow=True,
    )

    assert "Nothing was changed. The flow has no step." in said(answer)
    assert (first_mail().name, template.history.count()) == ("Renamed", 2)
