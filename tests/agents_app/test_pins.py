"""A prompt version pinned for one client: its runs use it, nobody else's do, and the live label moves on without it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.urls import reverse

from agents_app import versions
from agents_app.models import ClientPrompt
from agents_app.versions import VersionRefused
from clients.models import AgentKey
from gtm import loop
from tests.factories import AT, make_client, make_contact, make_experiment, make_prompt, make_request, make_user

AGENT = AgentKey.EMAIL


@pytest.fixture
def two(db):
    """The version that was live, and the one that is."""
    old, new = (versions.create(AGENT, text=text, note="", by=None, at=AT) for text in ("Old", "New"))
    versions.go_live(old, by=None, at=AT)
    versions.go_live(new, by=None, at=AT)
    return old, new


def prompt_of(client):
    run = loop.plan_run(make_request(make_contact(client)).pk, at=AT)
    return run.prompts.get(agent=AGENT).version


def test_a_pin_changes_only_the_runs_of_its_client(two):
    old, new = two
    acme, other = make_client(), make_client()

    versions.pin(acme, old, by=None, at=AT)

    assert (prompt_of(acme), prompt_of(other)) == (old, new)
    assert versions.live()[AGENT] == new
    assert versions.in_use_by_clients()(acme.pk)[AGENT] == old.pk
    assert versions.in_use_by_clients()(other.pk)[AGENT] == new.pk


def test_a_client_follows_the_live_version_again_once_its_pin_is_taken_away(two):
    old, new = two
    acme = make_client()
    versions.pin(acme, old, by=None, at=AT)

    versions.unpin(acme, AGENT, by=None, at=AT)

    assert prompt_of(acme) == new


def test_a_pin_keeps_who_set_it_moved_it_and_took_it_away_and_why(two):
    old, new = two
    acme, ann = make_client(), make_user("ann")

    versions.pin(acme, old, by=ann, at=AT, reason="Their lawyers read it")
    versions.pin(acme, new, by=ann, at=AT, reason="They agreed")
    versions.unpin(acme, AGENT, by=ann, at=AT)

    moves = ClientPrompt.history.order_by("history_id")
    assert [(move.history_type, move.version, move.history_user, move.history_change_reason) for move in moves] == [
        ("+", old, ann, "Their lawyers read it"),
        ("~", new, ann, "They agreed"),
        ("-", new, ann, "Follows the live version again"),
    ]
    assert not ClientPrompt.objects.exists()


def test_pinning_what_is_pinned_writes_nothing(two):
    acme = make_client()
    versions.pin(acme, two[0], by=None, at=AT)

    versions.pin(acme, two[0], by=None, at=AT)

    assert ClientPrompt.history.count() == 1


def test_a_draft_is_refused_in_words(two):
    acme, draft = make_client(name="Acme"), make_prompt(AGENT, 9)

    with pytest.raises(VersionRefused, match=r"E-mail v9 is a draft .* try it in an experiment of Acme first"):
        versions.pin(acme, draft, by=None, at=AT)

    assert not ClientPrompt.objects.exists()


def test_an_agent_that_nobody_knows_is_refused_in_words(two):
    acme = make_client()

    with pytest.raises(VersionRefused, match="No agent is called poet"):
        versions.pin(acme, make_prompt("poet", 9, label="retired"), by=None, at=AT)
    with pytest.raises(VersionRefused, match="No agent is called poet"):
        versions.unpin(acme, "poet", by=None, at=AT)

    assert not ClientPrompt.objects.exists()


def test_taking_away_a_pin_that_is_none_is_refused_in_words(two):
    with pytest.raises(VersionRefused, match="E-mail: nothing is pinned for Acme"):
        versions.unpin(make_client(name="Acme"), AGENT, by=None, at=AT)


def test_rolling_back_moves_the_live_label_and_no_pin(two):
    old, new = two
    acme, other = make_client(), make_client()
    versions.pin(acme, new, by=None, at=AT)

    versions.roll_back(AGENT, by=None, at=AT)

    assert (prompt_of(acme), prompt_of(other)) == (new, old)


def test_a_contact_of_a_running_experiment_gets_its_variant_and_not_the_pin(two):
    old, new = two
    acme = make_client()
    experiment = make_experiment(acme, control=new, challenger=make_prompt(AGENT, 9))
    versions.pin(acme, old, by=None, at=AT)

    found = prompt_of(acme)

    assert found.pk in set(experiment.variants.values_list("prompt_version", flat=True))


def test_what_a_client_uses_is_read_with_one_query_pinned_or_not(two, django_assert_num_queries):
    acme = make_client()
    versions.live(at=AT)
    versions.pin(acme, two[0], by=None, at=AT, reason="Lawyers")

    with django_assert_num_queries(1):
        found = versions.in_use(acme)

    assert found[AGENT] == (two[0], two[1], True, "Lawyers")
    assert not found[AgentKey.PERSONA].is_pinned


@pytest.mark.django_db(transaction=True)
def test_two_who_pin_at_once_leave_one_pin():
    acme = make_client()
    both = [make_prompt(AGENT, number, label="retired") for number in (1, 2)]

    def pin(version):
        try:
            versions.pin(acme, version, by=None, at=AT)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(pin, both * 3))

    assert ClientPrompt.objects.count() == 1


@pytest.mark.django_db
def test_the_components_of_a_client_are_those_of_what_is_pinned_for_it(operator):
    texts = ("Write.\n\n## Opening\n\nWarm.", "Write.\n\n## Form\n\nShort.")
    first, second = (versions.create(AGENT, text=text, note="", by=None, at=AT) for text in texts)
    versions.go_live(first, by=None, at=AT)
    versions.go_live(second, by=None, at=AT)
    said = {"mode": "add", "text": "Warmer.", "slot": "opening"}
    acme = make_client(settings={"prompt_overrides.email_agent": [said]})
    versions.pin(acme, first, by=None, at=AT)

    page = operator.get(reverse("client_settings", args=[acme.slug]))

    assert list(versions.components(acme)["email_agent"]) == ["", "opening"]
    assert list(versions.components()["email_agent"]) == ["", "form"]
    assert [row["is_homeless"] for row in page.context["additions"] if row["text"] == "Warmer."] == [False]
