"""What an operator draws becomes a version, a new one only where it changed; what cannot be walked to its end does not."""

from datetime import timedelta

import pytest

from agents_app import first_flows, flows, graph, routing
from agents_app.flows import FlowRefused
from agents_app.models import FlowTemplate, FlowVersion, RoutingRule, TemplateStep
from gtm.records import RecordChanged
from tests.factories import AT, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installed_for_real")]

LATER = AT + timedelta(days=1)
WRITE = {"key": "write", "agent": "email_agent", "reason": "An e-mail was asked for."}
LOOK = {"key": "look", "agent": "research_agent", "reason": "It opens with something true."}


def make_template(*steps, key="own", **values) -> FlowTemplate:
    template = FlowTemplate.objects.create(key=key, **{"name": "Own flow", **values})
    for position, step in enumerate(steps, start=1):
        TemplateStep.objects.create(template=template, position=position, **step)
    return template


def make_rule(key, template, **values) -> RoutingRule:
    return RoutingRule.objects.create(key=key, template=template, reason=f"Rule {key}.", **values)


def numbers(kind="template") -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for key, number in FlowVersion.objects.filter(kind=kind).order_by("key", "number").values_list("key", "number"):
        found.setdefault(key, []).append(number)
    return found


# --- a new installation


def test_a_new_installation_has_the_first_flows_in_force():
    found = flows.in_force(at=AT)

    assert sorted(found.templates) == ["account", "checked_mail", "deep_research", "first_mail", "follow_up"]
    assert [rule.key for rule in found.rules] == ["deep_research", "account", "follow_up", "continues_brief", "default"]
    assert (found.rules_version.number, found.rules_version.author, found.rules_version.created_at) == (1, None, AT)
    assert numbers() == {key: [1] for key in found.templates}


def test_the_first_flows_stand_on_the_desk_as_they_are_in_force():
    found = flows.in_force(at=AT)

    for document in first_flows.TEMPLATES:
        rows = FlowTemplate.objects.get(key=document["key"]).steps.values(*flows.STEP_COLUMNS)
        assert tuple(graph.nodes_of(rows)) == found.templates[document["key"]].nodes


def test_a_template_in_force_has_a_name_and_any_other_has_none():
    found = flows.in_force(at=AT)

    assert (found.name_of("first_mail"), found.name_of("never_saved")) == ("First e-mail", "")


def test_asking_again_installs_nothing():
    flows.in_force(at=AT)

    flows.in_force(at=LATER)
    flows.install(at=LATER)

    assert set(FlowVersion.objects.values_list("number", "created_at")) == {(1, AT)}
    assert FlowTemplate.objects.count() == len(first_flows.TEMPLATES)
    assert RoutingRule.objects.count() == len(first_flows.RULES)


def test_installing_leaves_what_an_operator_made_as_it_is():
    make_template(WRITE, key="first_mail", name="Ours")

    flows.install(at=AT)

    ours = FlowTemplate.objects.get(key="first_mail")
    assert (ours.name, [step.key for step in ours.steps.all()]) == ("Ours", ["write"])
    assert flows.in_force(at=AT).templates["first_mail"].name == "Ours"


# --- templates


def test_a_template_becomes_a_version_with_author_and_time():
    ada = make_user("ada")

    version = flows.publish(make_template(LOOK, WRITE | {"after": ["look"]}), by=ada, at=AT)

    assert (version.kind, version.key, version.number, version.author, version.created_at) == (
        "template", "own", 1, ada, AT,
    )  # fmt: skip
    assert version.document == {
        "key": "own", "name": "Own flow", "goal": "draft", "allows_planner": False,
        "steps": [
            {"key": "look", "kind": "agent", "agent": "research_agent", "after": [], "reason": LOOK["reason"]},
            {"key": "write", "kind": "agent", "agent": "email_agent", "after": ["look"], "reason": WRITE["reason"]},
        ],
    }  # fmt: skip


def test_saving_without_a_change_writes_no_version():
    template = make_template(WRITE)
    first = flows.publish(template, by=None, at=AT)

    again = flows.publish(template, by=make_user(), at=LATER)

    assert again == first
    assert numbers() == {"own": [1]}


def test_words_that_runs_do_not_use_make_no_version():
    template = make_template(WRITE)
    flows.publish(template, by=None, at=AT)
    template.description = "For clients who like it short."
    template.save()

    flows.publish(template, by=None, at=LATER)

    assert numbers() == {"own": [1]}


@pytest.mark.parametrize(
    "change",
    [
        {"deadline_s": 60}, {"retry": "never"}, {"budget_share": 50}, {"is_optional": True}, {"proposals": 2},
        {"reason": "Another."}, {"otherwise": "Left out."}, {"condition": "has_contact"}, {"key": "written"},
    ],
)  # fmt: skip
def test_any_change_of_a_step_is_a_new_version(change):
    template = make_template(WRITE)
    flows.publish(template, by=None, at=AT)
    template.steps.update(**change)

    version = flows.publish(template, by=None, at=LATER)

    assert (version.number, version.created_at) == (2, LATER)
    assert version.document["steps"][0].items() >= change.items()


def test_going_back_to_an_earlier_drawing_is_a_new_version_too():
    template = make_template(WRITE)
    first = flows.publish(template, by=None, at=AT)
    template.steps.update(deadline_s=60)
    flows.publish(template, by=None, at=AT)
    template.steps.update(deadline_s=120)

    third = flows.publish(template, by=None, at=LATER)

    assert (third.number, third.document) == (3, first.document)


GATE = {"key": "check", "kind": "gate", "reason": "A person reads it."}


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([], "The flow has no step. Add at least one."),
        ([LOOK], "It has to end with an e-mail, and no step is the e-mail agent."),
        ([WRITE | {"after": ["look"]}], "write waits for look, which is no step of this flow."),
        ([LOOK | {"after": ["write"]}, WRITE | {"after": ["look"]}], "could never begin: look, write."),
        ([WRITE, LOOK | {"agent": "poet_agent"}], "look: there is no agent “poet_agent”."),
        ([WRITE, {"key": "hammer", "kind": "tool", "tool": "hammer", "reason": "x"}], "hammer: there is no tool “hammer”."),
        ([WRITE, GATE | {"after": ["write"]}], "check: it asks nothing."),
        ([WRITE, GATE | {"question": "Right?"}], "check: a gate decides about one step."),
        ([WRITE, {"key": "both", "kind": "join", "after": ["write"], "reason": "x"}], "both: a join brings branches together."),
        ([WRITE, {"key": "plan", "kind": "planner", "reason": "x"}], "plan: the planner joins by itself"),
        ([WRITE | {"condition": "purpose = 1"}], "write: Column 9:"),
        ([WRITE | {"condition": "has_contacts"}], "Did you mean has_contact?"),
    ],
)  # fmt: skip
def test_a_drawing_that_cannot_be_walked_to_its_end_is_refused_in_words(steps, words):
    template = make_template(*steps)

    with pytest.raises(FlowRefused) as refused:
        flows.publish(template, by=None, at=AT)

    assert words in str(refused.value)
    assert all(problem.endswith(".") for problem in refused.value.problems)
    assert FlowVersion.objects.count() == 0


def test_all_that_is_wrong_is_told_at_once():
    template = make_template(LOOK | {"condition": "what"}, {"key": "hammer", "kind": "tool", "reason": "x"})

    with pytest.raises(FlowRefused) as refused:
        flows.publish(template, by=None, at=AT)

    assert [problem.split(" ")[0] for problem in refused.value.problems] == ["hammer:", "look:", "It"]


@pytest.mark.parametrize(("goal", "steps"), [("brief", [LOOK]), ("any", [LOOK]), ("draft", [WRITE])])
def test_a_flow_needs_the_step_that_its_goal_needs_and_no_other(goal, steps):
    assert flows.publish(make_template(*steps, goal=goal), by=None, at=AT).number == 1


def test_a_step_may_ask_what_only_the_run_will_know():
    template = make_template(LOOK, WRITE | {"after": ["look"], "condition": "step.look.confidence > 0.5"})

    assert flows.publish(template, by=None, at=AT).document["steps"][1]["condition"] == "step.look.confidence > 0.5"


def test_a_version_never_changes():
    flows.publish(make_template(WRITE), by=None, at=AT)
    version = FlowVersion.objects.get()
    version.document = {}

    with pytest.raises(RecordChanged):
        version.save()

    assert FlowVersion.objects.get().document["key"] == "own"


# --- rules


def test_rules_become_one_version_in_their_order_without_those_switched_off():
    template = make_template(WRITE)
    flows.publish(template, by=None, at=AT)
    make_rule("last", template, priority=90)
    make_rule("first", template, priority=10, condition='purpose == "outreach"')
    make_rule("off", template, priority=20, is_active=False)
    ada = make_user("ada")

    version = flows.publish_rules(by=ada, at=AT)

    assert (version.kind, version.key, version.number, version.author) == ("rules", "rules", 1, ada)
    assert version.document == {
        "rules": [
            {"key": "first", "condition": 'purpose == "outreach"', "template": "own", "reason": "Rule first."},
            {"key": "last", "condition": "", "template": "own", "reason": "Rule last."},
        ]
    }


def test_rules_of_one_priority_stand_in_the_order_of_their_keys():
    template = make_template(WRITE)
    flows.publish(template, by=None, at=AT)
    for key in ("b", "a"):
        make_rule(key, template, condition="has_contact")
    make_rule("z", template, priority=101)

    rules = flows.publish_rules(by=None, at=AT).document["rules"]

    assert [rule["key"] for rule in rules] == ["a", "b", "z"]


def test_a_rule_for_a_flow_that_never_had_a_version_is_refused():
    flows.install(at=AT)
    make_rule("early", make_template(WRITE), priority=1, condition="has_contact")

    with pytest.raises(flows.FlowRefused, match=r"Rule early: the flow Own flow was never saved without faults\."):
        flows.publish_rules(by=None, at=LATER)

    assert FlowVersion.objects.filter(kind="rules").count() == 1


def test_the_rules_have_a_new_version_only_where_what_runs_use_changed():
    flows.install(at=AT)
    RoutingRule.objects.filter(key="checked").update(reason="Switched off all the same.")
    assert flows.publish_rules(by=None, at=LATER).number == 1

    RoutingRule.objects.filter(key="checked").update(is_active=True)

    assert flows.publish_rules(by=None, at=LATER).number == 2
    assert numbers("rules") == {"rules": [1, 2]}
    assert "checked" in [rule.key for rule in flows.in_force(at=LATER).rules]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([], "Some requests would meet no rule."),
        ([{"condition": "has_contact"}], "Some requests would meet no rule."),
        ([{"is_active": False}], "Some requests would meet no rule."),
        ([{}, {"condition": "has_contact"}], "Rule r0 answers everything, so no rule after it is asked."),
        ([{}, {}], "Rule r0 answers everything"),
        ([{"condition": "purpose =="}, {}], "Rule r0: Column"),
        ([{"condition": "nobody_knows"}, {}], "Rule r0: Column 1: nobody_knows is not known."),
        ([{"condition": "run.seconds_left > 5"}, {}], "run.seconds_left is not known."),
    ],
)  # fmt: skip
def test_a_table_that_leaves_requests_without_an_answer_is_refused_in_words(rules, words):
    template = make_template(WRITE)
    for number, rule in enumerate(rules):
        make_rule(f"r{number}", template, priority=number, **rule)

    with pytest.raises(FlowRefused) as refused:
        flows.publish_rules(by=None, at=AT)

    assert words in str(refused.value)
    assert FlowVersion.objects.count() == 0


def test_what_is_in_force_are_the_newest_versions_and_not_the_desk():
    flows.install(at=AT)
    template = FlowTemplate.objects.get(key="first_mail")
    template.steps.filter(key="email").update(deadline_s=60)
    assert flows.in_force(at=AT).versions["first_mail"].number == 1

    flows.publish(template, by=None, at=LATER)

    found = flows.in_force(at=LATER)
    assert found.versions["first_mail"].number == 2
    assert {node.key: node.deadline_s for node in found.templates["first_mail"].nodes}["email"] == 60
    route = routing.route(routing.Facts("outreach"), found.rules, found.templates)
    assert [node.deadline_s for node in route.nodes if node.key == "email"] == [60]
