"""The admin's pages of routing rules: no save leaves a request without an answer."""

import pytest
from django.test import Client as Browser
from django.urls import reverse

from agents_app import flows
from agents_app.models import FlowTemplate, FlowVersion, RoutingRule
from tests.agents_app.desks import numbers, rule_form, said, url
from tests.crowd import make_user_of
from tests.factories import AT

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Browser) -> Browser:
    flows.install(at=AT)
    client.force_login(make_user_of("operator"))
    return client


def rules_in_force() -> list[str]:
    return [rule.key for rule in flows.in_force(at=AT).rules]


def test_the_list_stands_in_the_order_in_which_rules_are_asked(operator):
    page = operator.get(url("routingrule", "changelist"))

    assert [rule.key for rule in page.context["cl"].result_list] == [
        "deep_research", "account", "follow_up", "continues_brief", "checked", "default",
    ]  # fmt: skip
    assert "Version 1 is in force since 16 November 2026" in said(page)


def test_the_list_shows_which_rule_answers_which_request(operator):
    tried = {one.request: one for one in operator.get(url("routingrule", "changelist")).context["tried"]}

    assert {words: (one.rule, one.flow, bool(one.problem)) for words, one in tried.items()} == {
        "A first e-mail to a contact": ("default", "First e-mail", False),
        "The same, comprehensive": ("default", "First e-mail", False),
        "A follow-up, 20 days after the research": ("follow_up", "Follow-up", False),
        "A follow-up about a company nobody researched": ("follow_up", "Follow-up", False),
        "A first e-mail that starts from a brief": ("continues_brief", "First e-mail", False),
        "Deep research into a company": ("deep_research", "Deep research", False),
        "An account with three contacts": ("account", "Account", False),
        "An account without contacts": ("account", "Account", True),
        "A first e-mail, the e-mail agent switched off": ("default", "First e-mail", True),
    }
    assert tried["A follow-up, 20 days after the research"].steps == "persona → email"
    assert tried["A follow-up about a company nobody researched"].steps == "research → persona → email"


def test_switching_a_rule_on_changes_what_the_samples_meet(operator):
    chosen = {"_selected_action": [RoutingRule.objects.get(key="checked").pk]}

    answer = operator.post(url("routingrule", "changelist"), {"action": "switch_on", **chosen}, follow=True)

    tried = {one.request: one for one in answer.context["tried"]}
    assert "Version 2 of the routing rules is live." in said(answer)
    assert tried["The same, comprehensive"].flow == "First e-mail, research checked by a person"
    assert RoutingRule.objects.get(key="checked").history.latest("history_id").history_user.username == "operator"


def test_a_new_rule_is_in_force_at_once(operator):
    form = rule_form(key="health", priority=45, condition='industry == "health"', reason="Health is checked.")

    answer = operator.post(
        url("routingrule", "add"), form | {"template": FlowTemplate.objects.get(key="checked_mail").pk}, follow=True
    )

    newest = FlowVersion.objects.filter(kind="rules").latest("number")
    assert answer.redirect_chain == [(url("routingrule", "changelist"), 302)]
    assert (newest.number, newest.author.username) == (2, "operator")
    assert rules_in_force() == ["deep_research", "account", "follow_up", "continues_brief", "health", "default"]


def test_a_new_rule_is_offered_a_place_before_the_one_that_answers_everything(operator):
    form = operator.get(url("routingrule", "add")).context["adminform"].form

    assert form["priority"].value() == 60


def test_a_rule_saved_unchanged_says_so(operator):
    rule = RoutingRule.objects.get(key="account")

    answer = operator.post(url("routingrule", "change", rule.pk), rule_form(rule), follow=True)

    assert "Nothing changed in what runs use: version 1 of the routing rules stays live." in said(answer)


@pytest.mark.parametrize(
    ("key", "change", "field", "words"),
    [
        ("default", {"is_active": None}, None, "Some requests would meet no rule."),
        ("default", {"condition": "has_contact"}, None, "Some requests would meet no rule."),
        ("default", {"priority": 1}, None, "Rule default answers everything, so no rule after it is asked."),
        ("account", {"condition": ""}, None, "Rule account answers everything"),
        ("account", {"condition": 'purpose = "account"'}, "condition", "Column 9:"),
        ("account", {"condition": "run.seconds_left > 5"}, "condition", "run.seconds_left is not known."),
        ("account", {"template": ""}, "template", "This field is required."),
        ("account", {"reason": ""}, "reason", "This field is required."),
    ],
)
def test_a_rule_that_would_break_the_table_is_refused_with_what_wastyped(operator, key, change, field, words):
    rule = RoutingRule.objects.get(key=key)
    before = list(RoutingRule.objects.order_by("pk").values())

    answer = operator.post(url("routingrule", "change", rule.pk), rule_form(rule, **{"reason": "Typed."} | change))

    errors = answer.context["adminform"].form.errors
    assert any(words in each for each in errors[field or "__all__"]), errors
    assert change.get("reason") == "" or 'value="Typed."' in answer.content.decode()
    assert list(RoutingRule.objects.order_by("pk").values()) == before
    assert (rule.history.count(), numbers("rules")) == (1, [1])


def test_a_rule_cannot_choose_a_flow_that_has_no_version(operator):
    unsaved = FlowTemplate.objects.create(key="unsaved", name="Unsaved")
    rule = RoutingRule.objects.get(key="account")

    answer = operator.post(url("routingrule", "change", rule.pk), rule_form(rule, template=unsaved.pk))

    assert "“Unsaved” has no version to plan with." in answer.context["adminform"].form.errors["template"][0]
    assert rules_in_force() == ["deep_research", "account", "follow_up", "continues_brief", "default"]


def test_the_last_rule_is_not_deleted_and_not_switched_off(operator):
    rule = RoutingRule.objects.get(key="default")

    deleted = operator.post(url("routingrule", "delete", rule.pk), {"post": "yes"}, follow=True)
    switched = operator.post(
        url("routingrule", "changelist"), {"action": "switch_off", "_selected_action": [rule.pk]}, follow=True
    )

    for answer in (deleted, switched):
        assert "Nothing was changed. Some requests would meet no rule." in said(answer)
    assert RoutingRule.objects.get(key="default").is_active
    assert (rule.history.count(), numbers("rules")) == (1, [1])


def test_a_rule_that_is_deleted_is_asked_no_more(operator):
    rule = RoutingRule.objects.get(key="account")

    answer = operator.post(url("routingrule", "delete", rule.pk), {"post": "yes"}, follow=True)

    assert "Version 2 of the routing rules is live." in said(answer)
    assert rules_in_force() == ["deep_research", "follow_up", "continues_brief", "default"]


def test_several_rules_are_switched_off_together_or_not_at_all(operator):
    rows = RoutingRule.objects.filter(key__in=["account", "default"])

    operator.post(
        url("routingrule", "changelist"), {"action": "switch_off", "_selected_action": [row.pk for row in rows]}
    )

    assert [row.is_active for row in rows.all()] == [True, True]
    assert numbers("rules") == [1]


def test_a_rules_page_lists_what_it_may_ask_and_nothing_else(operator):
    shown = said(operator.get(url("routingrule", "change", RoutingRule.objects.get(key="account").pk)))

    assert "research_age_days" in shown
    assert "run.seconds_left" not in shown


def test_going_back_in_a_rules_history_publishes_or_says_why_not(operator):
    rule = RoutingRule.objects.get(key="account")
    first = rule.history.latest("history_id")
    operator.post(url("routingrule", "change", rule.pk), rule_form(rule, reason="Another reason."))
    back = reverse("admin:agents_app_routingrule_simple_history", args=[rule.pk, first.history_id])

    assert "Another reason." in said(operator.get(url("routingrule", "history", rule.pk)))
    refused = operator.post(back, rule_form(rule, condition=""))
    assert "answers everything" in said(refused)
    assert numbers("rules") == [1, 2]

    operator.post(back, rule_form(rule))
    assert numbers("rules") == [1, 2, 3]
    assert RoutingRule.objects.get(key="account").reason == first.reason
