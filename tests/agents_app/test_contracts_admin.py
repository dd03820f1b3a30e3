"""Contracts in the admin: the kind first, then fields of its own; no JSON; everybody's are for operators."""

import pytest
from django.urls import reverse

from agents_app.models import Contract
from tests.crowd import make_user_of
from tests.factories import AT, make_client

pytestmark = pytest.mark.django_db


def page(kind, *args):
    return reverse(f"admin:agents_app_contract_{kind}", args=args)


def typed(**values):
    return {
        "agent": "email_agent", "name": "says_audit", "severity": "should", "weight": "1", "client": "", "is_active": "on",
        **values,
    }  # fmt: skip


def add(browser, kind, **values):
    return browser.post(f"{page('add')}?kind={kind}", typed(**values))


@pytest.fixture
def manager(client):
    """(browser, a client of theirs, another client)"""
    user = make_user_of("manager")
    own, other = make_client(), make_client()
    own.managers.add(user)
    client.force_login(user)
    return client, own, other


def test_adding_begins_with_a_choice_of_kinds(operator):
    shown = operator.get(page("add")).content.decode()

    assert "?kind=must_include" in shown
    assert "?kind=latency" in shown
    assert "It is shown beside the answer and never stops it." in shown


def test_a_contract_is_written_from_fields_of_its_kind(operator):
    shown = operator.get(f"{page('add')}?kind=must_include").content.decode()
    answer = add(operator, "must_include", told_phrases="audit\n\n soc 2 \naudit", told_how_many="all", severity="must")

    made = Contract.objects.get(name="says_audit")
    assert "told_phrases" in shown and 'name="parameters"' not in shown
    assert answer.status_code == 302
    assert (made.kind, made.severity, made.client) == ("must_include", "must", None)
    assert made.parameters == {"phrases": ["audit", "soc 2"], "how_many": "all"}
    assert (made.author.username, made.history.count()) == (
        operator.get(page("changelist")).wsgi_request.user.username,
        1,
    )


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("words", {"told_at_least": "9", "told_at_most": "3"}, "At most 3 is less than at least 9"),
        (
            "words",
            {"told_at_least": "0", "told_at_most": ""},
            "With neither a least nor a most, every answer keeps it.",
        ),
        ("must_include", {"told_phrases": " \n"}, "This field is required."),
        ("cost", {"told_at_most_usd": "0.01", "severity": "must"}, "“Cost” cannot be a must"),
        ("no_placeholder", {"name": "no_placeholders"}, "is a check that stands in the code and is always on"),
        ("no_placeholder", {"name": "Not A Name"}, "Small letters, numbers and _, beginning with a letter."),
        (
            "language",
            {"name": "in_english", "told_language": "de"},
            "There is one of this name for this agent and scope already.",
        ),
    ],
)
def test_what_cannot_be_promised_is_refused_in_words(operator, kind, values, said):
    before = Contract.objects.count()

    answer = add(operator, kind, **values)

    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert Contract.objects.count() == before


def test_a_changed_contract_keeps_its_kind_and_its_past(operator):
    row = Contract.objects.get(name="subject_fits")
    shown = operator.get(page("change", row.pk)).content.decode()

    operator.post(
        page("change", row.pk), typed(name="subject_fits", told_part="subject", told_at_least="8", told_at_most="60")
    )

    row.refresh_from_db()
    assert 'value="78"' in shown
    assert (row.kind, row.parameters) == ("schema", {"part": "subject", "at_least": 8, "at_most": 60})
    assert [past.parameters["at_most"] for past in row.history.all()] == [60]


def test_nobody_deletes_a_contract(operator):
    row = Contract.objects.get(name="subject_fits")

    assert operator.post(page("delete", row.pk), {"post": "yes"}).status_code == 403
    assert Contract.objects.filter(pk=row.pk).exists()


def test_an_account_manager_promises_for_own_clients_only(manager):
    browser, own, other = manager

    for_all = add(browser, "must_include", told_phrases="audit", told_how_many="any")
    theirs = add(browser, "must_include", told_phrases="audit", told_how_many="any", client=other.pk)
    ours = add(browser, "must_include", told_phrases="audit", told_how_many="any", client=own.pk)

    assert (for_all.status_code, theirs.status_code, ours.status_code) == (200, 200, 302)
    assert [row.client for row in Contract.objects.filter(name="says_audit")] == [own]


def test_an_account_manager_reads_everybodys_and_changes_only_own(manager):
    browser, _, other = manager
    everybodys = Contract.objects.get(name="asks_once")
    theirs = Contract.objects.create(
        agent="email_agent", name="hidden_one", kind="words", parameters={"at_most": 9}, client=other, created_at=AT
    )

    listed = browser.get(page("changelist")).content.decode()
    shown = browser.get(page("change", everybodys.pk)).content.decode()
    changed = browser.post(page("change", everybodys.pk), typed(name="asks_once", told_at_most="9"))

    assert "asks_once" in listed and "hidden_one" not in listed
    assert "At most: 1" in shown and "told_at_most" not in shown
    assert changed.status_code == 403
    assert browser.get(page("change", theirs.pk)).status_code == 302
    everybodys.refresh_from_db()
    assert everybodys.parameters["at_most"] == 1
