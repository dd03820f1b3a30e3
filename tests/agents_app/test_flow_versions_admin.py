"""The admin's pages of what flows and rules said at each time, and who may change them."""

import re
from html import unescape

import pytest
from django.test import Client as Browser
from django.utils import timezone

from agents_app import flows
from agents_app.models import FlowVersion, RoutingRule
from tests.agents_app.desks import (
    first_mail,
    form_of,
    numbers,
    rule_form,
    said,
    url,
)
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_contact, make_request, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Browser) -> Browser:
    flows.install(at=AT)
    client.force_login(make_user_of("operator"))
    return client


def test_a_version_is_readable_and_tells_what_changed(operator):
    template = first_mail()
    operator.post(
        url("flowtemplate", "change", template.pk),
        form_of(template, email={"deadline_s": 60, "after": "persona, competitive"}),
    )
    newest = FlowVersion.objects.get(key="first_mail", number=2)

    page = operator.get(url("flowversion", "change", newest.pk)).content.decode()

    changed = re.findall(r"<(ins|del)>([^<]*)</", page)
    assert [(tag, unescape(text)) for tag, text in changed] == [
        ("del", "-    waits for: persona"),
        ("ins", "+    waits for: persona, competitive"),
        ("ins", "+    deadline in seconds: 60"),
    ]
    assert "Step research: Agent, Research" in page
    assert f"template_version__id__exact={newest.pk}" in page


def test_the_rules_of_a_version_stand_in_their_order(operator):
    version = FlowVersion.objects.get(kind="rules")

    shown = said(operator.get(url("flowversion", "change", version.pk)))

    assert "1. deep_research → deep_research" in shown
    assert "5. default → first_mail" in shown
    assert "It is the first." in shown


def test_the_list_of_versions_tells_which_are_live(operator):
    template = first_mail()
    operator.post(url("flowtemplate", "change", template.pk), form_of(template, email={"deadline_s": 60}))

    page = operator.get(f"{url('flowversion', 'changelist')}?kind__exact=template&key=first_mail")

    states = {row.number: page.context["cl"].model_admin.state(row) for row in page.context["cl"].result_list}
    assert ("Live" in states[2], "Replaced" in states[1]) == (True, True)


def test_a_version_leads_to_the_runs_planned_with_it(operator):
    version, rules = FlowVersion.objects.get(key="first_mail"), FlowVersion.objects.get(kind="rules")
    mine = make_run(template_version=version, rules_version=rules)
    other = make_run(template_version=FlowVersion.objects.get(key="follow_up"), rules_version=rules)

    by_flow = operator.get(f"{url('flowrun', 'changelist')}?template_version__id__exact={version.pk}")
    by_rules = operator.get(f"{url('flowrun', 'changelist')}?rules_version__id__exact={rules.pk}")

    assert list(by_flow.context["cl"].result_list) == [mine]
    assert set(by_rules.context["cl"].result_list) == {mine, other}


def test_versions_are_read_only(client):
    flows.install(at=AT)
    client.force_login(make_user_of("admin"))
    version = FlowVersion.objects.first()

    assert client.get(url("flowversion", "add")).status_code == 403
    assert client.post(url("flowversion", "change", version.pk), {"number": 9}).status_code == 403
    assert client.post(url("flowversion", "delete", version.pk), {"post": "yes"}).status_code == 403


# --- who may


@pytest.mark.parametrize("role", ["manager", "viewer"])
def test_others_than_operators_read_flows_and_rules_and_change_nothing(client, role):
    flows.install(at=AT)
    client.force_login(make_user_of(role))
    template, rule = first_mail(), RoutingRule.objects.get(key="account")

    pages = [client.get(url("flowtemplate", "change", template.pk)), client.get(url("routingrule", "change", rule.pk))]
    refused = [
        client.post(url("flowtemplate", "change", template.pk), form_of(template, email={"deadline_s": 60})),
        client.post(url("routingrule", "change", rule.pk), rule_form(rule, reason="Mine.")),
        client.post(url("routingrule", "delete", rule.pk), {"post": "yes"}),
        client.post(url("flowtemplate", "delete", template.pk), {"post": "yes"}),
        client.get(url("flowtemplate", "add")),
        client.get(url("routingrule", "add")),
    ]
    client.post(url("routingrule", "changelist"), {"action": "switch_off", "_selected_action": [rule.pk]})

    assert [page.status_code for page in pages] == [200, 200]
    assert [page for page in pages if 'name="_save"' in page.content.decode()] == []
    assert "flow-drawing" in pages[0].content.decode()
    assert {answer.status_code for answer in refused} == {403}
    assert RoutingRule.objects.get(key="account").is_active
    assert (numbers(), numbers("rules")) == ([1], [1])


def test_an_account_manager_counts_the_runs_of_the_own_clients(client):
    flows.install(at=AT)
    mine, version = make_client("mine"), FlowVersion.objects.get(key="first_mail")
    manager = make_user_of("manager")
    mine.managers.add(manager)
    for owner in (mine, make_client("other")):
        make_run(make_request(make_contact(owner)), template_version=version, planned_at=timezone.now())
    client.force_login(manager)

    page = client.get(url("flowtemplate", "changelist"))

    assert [row.runs_planned for row in page.context["cl"].result_list if row.key == "first_mail"] == [1]
