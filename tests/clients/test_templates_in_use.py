"""A template comes and goes as openly as it changes: whom it reaches is told, and nobody loses it unseen."""

import re

import pytest
from django.urls import reverse

from clients import config
from clients.models import Client, ProposedChange, SettingsTemplate
from tests.clients.test_admin import page
from tests.crowd import make_user_of
from tests.factories import make_client, make_industry

pytestmark = pytest.mark.django_db
LIST = "admin:clients_settingstemplate_changelist"
ADD = "admin:clients_settingstemplate_add"


@pytest.fixture
def operator(client, settings):
    settings.TEMPLATE_REACH_ALONE = 2
    client.force_login(make_user_of("operator"))
    return client


@pytest.fixture
def middle(db):
    """What clients of a middling size inherit."""
    template = SettingsTemplate.objects.get(kind="size", key="51-500")
    template.settings = {"tone": "casual"}
    template.save()
    return template


def tones():
    return [config.effective(client).document["tone"] for client in Client.objects.order_by("pk")]


def typed(**more):
    return {"kind": "size", "key": "51-500", "name": "Middling", "parent": "", **more}


@pytest.mark.parametrize(
    "way",
    [
        lambda row: (page("delete", "settingstemplate", row.pk), {"post": "yes"}),
        lambda row: (reverse(LIST), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}),
    ],
    ids=["one", "ticked"],
)
def test_one_that_clients_inherit_from_is_not_deleted_and_the_page_says_why(operator, middle, way):
    make_client("acme"), make_client("zeta")
    address, sent = way(middle)

    shown = operator.post(address, sent).content.decode()

    assert "2 clients inherit from 51 to 500 people. Empty it first" in shown
    assert "protected related objects" not in shown
    assert SettingsTemplate.objects.filter(pk=middle.pk).exists()
    assert tones() == ["casual", "casual"]


def test_one_that_others_inherit_from_is_not_deleted(operator):
    parent = make_industry("parent", settings={"tone": "formal"})
    make_client("acme", industry=make_industry("child", parent=parent))

    shown = operator.post(page("delete", "settingstemplate", parent.pk), {"post": "yes"}).content.decode()

    assert "1 client inherits from Parent." in shown
    assert SettingsTemplate.objects.filter(pk=parent.pk).exists()


def test_one_that_is_empty_or_that_nobody_chooses_is_deleted(operator, middle):
    make_client("acme", company_size="1-50")
    small = SettingsTemplate.objects.get(kind="size", key="1-50")
    SettingsTemplate.objects.filter(pk=small.pk).update(settings={}, locks=[])

    answers = [
        operator.post(page("delete", "settingstemplate", row.pk), {"post": "yes"}).status_code
        for row in (middle, small)
    ]

    assert answers == [302, 302]
    assert not SettingsTemplate.objects.filter(pk__in=[middle.pk, small.pk]).exists()


def test_a_new_one_tells_whom_it_changes_before_it_is_saved(operator, middle):
    middle.delete()
    make_client("acme", tone="formal"), make_client("zeta")

    first = operator.post(reverse(ADD), typed(tone="direct")).content.decode()
    before = SettingsTemplate.objects.filter(key="51-500").count()
    mark = re.search(r'name="heeded" value="([^"]+)"', first)[1]
    second = operator.post(reverse(ADD), typed(tone="direct", heeded=mark))

    assert "This changes the settings of 1 client." in first
    assert re.search(r"Zeta: Tone: [^.]* becomes Direct\.", first)
    assert (before, second.status_code, tones()) == (0, 302, ["formal", "direct"])


def test_a_new_one_that_changes_too_many_for_one_person_is_not_saved(operator, middle):
    middle.delete()
    for name in ("acme", "mira", "zeta"):
        make_client(name)
    before = tones()

    shown = operator.post(reverse(ADD), typed(tone="direct")).content.decode()
    mark = re.search(r'name="heeded" value="([^"]+)"', shown)
    again = operator.post(reverse(ADD), typed(tone="direct", heeded=mark[1] if mark else "")).content.decode()
    empty = operator.post(reverse(ADD), typed())

    assert "A new template that changes 3 clients at once is not saved" in shown
    assert "Save it empty first" in again
    assert (empty.status_code, tones()) == (302, before)
    assert SettingsTemplate.objects.get(key="51-500").settings == {}
    assert ProposedChange.objects.count() == 0


def test_the_list_counts_who_inherits_by_what_each_kind_is_chosen_by_and_through_others(operator):
    parent = make_industry("parent")
    child = make_industry("child", parent=parent)
    make_client("acme", industry=child, company_size="501+", sales_motion="partner")
    make_client("zeta", industry=parent, company_size="501+")

    shown = operator.get(reverse(LIST) + "?o=-6").content.decode()

    rows = re.findall(r'field-name"><a [^>]*>([^<]*)</a>.*?field-key">([^<]*)<.*?field-used_by">(\d+)<', shown, re.S)
    counted = {key: int(count) for _, key, count in rows}
    assert [counted[key] for key in ("parent", "child", "501+", "51-500", "partner", "outbound")] == [2, 1, 2, 0, 1, 1]
    assert [int(count) for *_, count in rows] == sorted(counted.values(), reverse=True)
