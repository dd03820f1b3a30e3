"""Who may open and do what: every address of the product, walked by every role."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client as Browser

from agents_app.models import Draft, SourceAccount, StepContext
from clients.models import Client
from gtm import roles
from gtm.admin_site import RecordAdmin
from tests.crowd import Rows, make_crowd, make_user_of
from tests.gtm import places

pytestmark = pytest.mark.django_db

OWN, OTHERS = 0, 1
ROLES = {role.key: role for role in roles.ROLES}


@pytest.fixture
def rows() -> Rows:
    """Two of everything: the first belongs to a client of the account manager, the second to somebody else's."""
    made = make_crowd(2)
    made[Client][OWN].managers.add(make_user_of("manager"))
    places.build_review()
    return made


def browser_of(role: str) -> Browser:
    browser = Browser(raise_request_exception=False)
    if role != "anonymous":
        user = roles.User.objects.filter(username=role).first() or make_user_of(role)
        browser.force_login(user)
    return browser


def granted(role: str, model: type, needs: tuple[str, ...]) -> bool:
    if model in (StepContext, SourceAccount):
        needs = tuple(need for need in needs if need != "view")  # they belong to no client, so seeing is not enough
    names = [f"{model._meta.app_label}.{action}_{model._meta.model_name}" for action in needs]
    return any(roles.grants(ROLES[role], name) for name in names)


def test_syncing_twice_makes_the_same_four_groups():
    first = roles.sync()

    second = roles.sync()

    assert first == second
    assert sorted(Group.objects.values_list("name", flat=True)) == ["Account manager", "Admin", "Operator", "Viewer"]
    assert all(count > 0 for count in first.values())


def test_a_role_that_names_a_permission_nobody_has_is_refused(monkeypatch):
    monkeypatch.setattr(roles, "ROLES", (roles.Role("x", "Dreamer", "", ("clients.fly_client",)),))

    with pytest.raises(roles.RolesOutOfStep, match=r"Dreamer: no permission is called clients\.fly_client"):
        roles.sync()

    assert not Group.objects.filter(name="Dreamer").exists()


@pytest.mark.parametrize(
    ("role", "permission", "holds"),
    [
        ("admin", "auth.change_user", True),
        ("operator", "auth.change_user", False),
        ("operator", "clients.see_all_clients", True),
        ("operator", "agents_app.move_label", True),
        ("operator", "agents_app.change_flowtemplate", True),
        ("operator", "agents_app.change_routingrule", True),
        ("operator", "agents_app.change_sourceaccount", True),
        ("manager", "agents_app.change_sourceaccount", False),
        ("viewer", "agents_app.change_sourceaccount", False),
        ("manager", "clients.see_all_clients", False),
        ("manager", "agents_app.decide_draft", True),
        ("manager", "agents_app.move_label", False),
        ("manager", "agents_app.view_flowtemplate", True),
        ("manager", "agents_app.change_flowtemplate", False),
        ("manager", "agents_app.change_routingrule", False),
        ("manager", "clients.change_agencysettings", False),
        ("manager", "clients.delete_client", False),
        ("manager", "clients.add_contact", True),
        ("manager", "clients.add_configkey", False),
        ("manager", "clients.change_configkey", False),
        ("viewer", "agents_app.view_draft", True),
        ("viewer", "agents_app.decide_draft", False),
        ("viewer", "insights.change_ticket", False),
        ("viewer", "auth.view_user", False),
    ],
)
def test_what_a_role_holds(role, permission, holds):
    assert roles.grants(ROLES[role], permission) is holds


@pytest.mark.parametrize("key", ["viewer"])
def test_a_viewer_holds_nothing_but_views(key):
    make_user_of(key)

    held = Group.objects.get(name=ROLES[key].name).permissions.values_list("codename", flat=True)

    assert [name for name in held if not name.startswith("view_")] == ["see_all_clients"]


def test_every_page_stands_in_the_table_of_pages_and_every_row_of_the_table_is_a_page():
    assert places.own_names() == sorted(roles.PAGES)


@pytest.mark.parametrize("role", [*ROLES, "anonymous"])
def test_every_own_page_answers_as_the_table_says(rows, role):
    browser = browser_of(role)

    found = {
        name: browser.get(places.own_url(name, rows, OWN)).status_code
        for name in places.own_names()
        if not posts_only(name)
    }

    assert found == {name: expected(name, role) for name in found}


def posts_only(name: str) -> bool:
    return name.startswith("flat_")


def expected(name: str, role: str) -> int:
    see = roles.PAGES[name].see
    if see == roles.PUBLIC:
        return 503 if name == "ready" else 200  # no worker runs in tests
    if role == "anonymous":
        return 302
    return 200 if see == roles.SIGNED_IN or roles.grants(ROLES[role], see) else 403


@pytest.mark.parametrize("role", ROLES)
def test_every_admin_page_answers_as_the_roles_say(rows, role):
    browser = browser_of(role)
    pages = [*places.list_pages(), *places.row_pages(rows, OWN)]

    found = {page.name: browser.get(page.url).status_code for page in pages}

    assert found == {page.name: 200 if granted(role, page.model, page.needs) else 403 for page in pages}


@pytest.mark.parametrize("role", ROLES)
def test_nobody_can_add_what_the_role_does_not_include(rows, role):
    browser = browser_of(role)

    found = {page.name: browser.get(page.url).status_code for page in places.add_pages()}

    open_pages = {page.name for page in places.add_pages() if granted(role, page.model, page.needs)}
    closed_by_design = {
        page.name for page in places.add_pages() if isinstance(admin.site._registry[page.model], RecordAdmin)
    }
    assert {name for name, status in found.items() if status == 200} <= open_pages - closed_by_design
    assert set(found.values()) <= {200, 403}


def test_a_stranger_is_asked_to_log_in_everywhere_in_the_admin(rows):
    browser = browser_of("anonymous")

    found = {
        page.name: browser.get(page.url)
        for page in [*places.list_pages(), *places.row_pages(rows), *places.add_pages()]
    }

    assert {
        name for name, answer in found.items() if answer.status_code != 302 or "/admin/login/" not in answer["Location"]
    } == set()


def test_an_account_manager_finds_no_trace_of_other_clients_in_any_list(rows):
    browser = browser_of("manager")
    other = rows[Client][OTHERS]

    pages = {page.name: browser.get(page.url) for page in places.list_pages()}
    pages |= {
        name: browser.get(places.own_url(name, rows, OWN))
        for name in places.own_names()
        if name not in roles_without_lists()
    }

    assert {
        name
        for name, answer in pages.items()
        if other.name in answer.content.decode() or other.slug in answer.content.decode()
    } == set()


def roles_without_lists() -> set[str]:
    return {name for name in places.own_names() if posts_only(name)} | {"unsubscribe", "alive", "ready"}


def test_an_account_manager_cannot_open_a_row_of_another_client(rows):
    browser = browser_of("manager")
    pages = [page for page in places.row_pages(rows, OTHERS) if belongs_to_client(page.model)]

    found = {page.name: browser.get(page.url).status_code for page in pages}

    assert {name for name, status in found.items() if status == 200} == set()
    assert len(found) > 30


@pytest.mark.parametrize(
    "name",
    ["run_page", "request_trace", "written_by", "approval", "client_settings", "contact_review", "quarantined"],
)
def test_an_account_manager_gets_not_found_for_another_clients_page(rows, name):
    browser = browser_of("manager")

    mine = browser.get(places.own_url(name, rows, OWN)).status_code
    others = browser.get(places.own_url(name, rows, OTHERS)).status_code

    assert (mine, others) == (200, 404)


def belongs_to_client(model: type) -> bool:
    return model._meta.app_label in ("clients", "agents_app", "experiments", "insights") and model._meta.model_name not in (
        "settingstemplate", "agencysettings", "configkey", "proposedchange", "promptversion", "modelprice", "sharedinsight", "weeklyreport",
        "flowtemplate", "routingrule", "flowversion", "sourceaccount", "release", "rehearsal", "rollout",
    )  # fmt: skip


def test_a_viewer_sees_no_way_to_change_anything(rows):
    browser = browser_of("viewer")
    pages = [
        page
        for page in places.row_pages(rows)
        if page.name.endswith("change") and granted("viewer", page.model, ("view",))
    ]

    offering = {page.name for page in pages if 'name="_save"' in browser.get(page.url).content.decode()}
    offering |= {
        page.name for page in places.list_pages() if 'class="addlink"' in browser.get(page.url).content.decode()
    }

    assert offering == set()


def test_a_form_posted_by_hand_by_a_viewer_is_refused_and_changes_nothing(rows):
    browser = browser_of("viewer")
    draft, client = rows[Draft][OWN], rows[Client][OWN]

    decided = browser.post(places.own_url("approval", rows, OWN), {"action": "approve"})
    renamed = browser.post(f"/admin/clients/client/{client.pk}/change/", {"name": "Mine now"})

    draft.refresh_from_db()
    client.refresh_from_db()
    assert (decided.status_code, renamed.status_code) == (403, 403)
    assert (draft.status, client.name) == ("waiting", rows[Client][OWN].name)


def test_a_refusal_says_who_may_and_whom_to_ask(rows):
    browser = browser_of("viewer")

    answer = browser.get("/health/").content.decode()

    assert "Only Admin or Operator may do this; your role is: Viewer." in answer
    assert "ask an admin" in answer


def test_a_page_that_nobody_entered_in_the_table_is_an_error_and_not_an_open_door(rows, monkeypatch):
    monkeypatch.delitem(roles.PAGES, "system_health")
    browser = browser_of("admin")

    assert browser.get("/health/").status_code == 500
