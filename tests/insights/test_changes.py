from datetime import timedelta

import pytest

from agents_app import versions
from agents_app.models import PromptVersion
from clients import config
from experiments import lifecycle
from insights import changes, tickets
from insights.changes import ChangeRefused, ExperimentStarts, PromptGoesLive, SettingChanges
from insights.models import ChangeLink
from tests.factories import AT, make_client, make_prompt, make_user

pytestmark = pytest.mark.django_db

LATER = AT + timedelta(days=1)


def make_ticket(**about):
    user = make_user()
    return tickets.create("Improve it", description="", owner=user, due_date=LATER.date(), by=user, at=AT, **about)


def make_trial(client):
    live = versions.live(at=AT)["email_agent"]
    challenger = versions.create("email_agent", text="Open with the news.", note="", by=None, at=AT)
    setup = {"metric": "replied", "base_rate": 0.05, "smallest_lift": 0.05, "window_days": 14}
    return lifecycle.create(
        client,
        name="News first",
        hypothesis="More replies.",
        agent="email_agent",
        control=live,
        challenger=challenger,
        by=None,
        at=AT,
        **setup,
    )


def test_a_prompt_goes_live_and_the_ticket_remembers_what_it_replaced():
    old = versions.live(at=AT)["email_agent"]
    new = versions.create("email_agent", text="Be brief.", note="Shorter", by=None, at=AT)
    ticket = make_ticket()

    link = changes.apply(ticket, change=PromptGoesLive(new.pk), by=ticket.owner, at=LATER)

    ticket.refresh_from_db()
    assert ticket.status == "applied"
    assert PromptVersion.objects.get(agent="email_agent", label="live") == new
    assert (link.changed, link.before, link.after) == (new, {"live": old.number}, {"live": new.number})
    assert (link.applied_at, link.applied_by) == (LATER, ticket.owner)


def test_a_setting_of_a_client_changes_with_its_reason():
    client = make_client(tone="formal")
    ticket = make_ticket(client=client)

    link = changes.apply(
        ticket, change=SettingChanges(client.pk, "custom_fields.max_words", 90), by=ticket.owner, at=LATER
    )

    client.refresh_from_db()
    assert (client.settings["custom_fields.max_words"], client.settings["tone"]) == (90, "formal")
    assert (link.changed, link.before, link.after) == (
        client,
        {"custom_fields → max_words": None},
        {"custom_fields → max_words": 90},
    )


def test_a_setting_can_be_inherited_again():
    client = make_client(tone="formal")

    changes.apply(make_ticket(), change=SettingChanges(client.pk, "tone", None), by=None, at=LATER)

    client.refresh_from_db()
    assert "tone" not in client.settings
    assert "tone" not in config.export(client)


def test_an_experiment_starts():
    trial = make_trial(make_client())

    link = changes.apply(make_ticket(), change=ExperimentStarts(trial.pk), by=None, at=LATER)

    trial.refresh_from_db()
    assert (trial.status, trial.started_at) == ("running", LATER)
    assert (link.before, link.after) == ({"status": "draft"}, {"status": "running"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda client: SettingChanges(client.pk, "custom_fields.max_words", 9000), "max_words"),
        (lambda client: SettingChanges(client.pk, "custom_fields.maxwords", 90), "maxwords"),
        (lambda client: SettingChanges(client.pk, "tone", "formal"), "has this value for tone already"),
        (lambda client: SettingChanges(0, "tone", "formal"), "There is no client with the number 0"),
        (lambda client: PromptGoesLive(0), "There is no prompt version with the number 0"),
        (lambda client: PromptGoesLive(versions.live(at=AT)["email_agent"].pk), "is live already"),
        (lambda client: ExperimentStarts(0), "There is no experiment with the number 0"),
    ],
)
def test_a_change_that_cannot_be_is_refused_and_nothing_is_linked(change, words):
    client = make_client(tone="formal")
    ticket = make_ticket()

    with pytest.raises(ChangeRefused, match=words):
        changes.apply(ticket, change=change(client), by=None, at=LATER)

    ticket.refresh_from_db()
    client.refresh_from_db()
    assert (ticket.status, client.settings, ChangeLink.objects.count()) == ("open", {"tone": "formal"}, 0)


def test_a_ticket_of_one_client_changes_no_other():
    other = make_client()

    with pytest.raises(ChangeRefused, match="another client"):
        changes.apply(
            make_ticket(client=make_client()), change=SettingChanges(other.pk, "tone", "formal"), by=None, at=LATER
        )

    other.refresh_from_db()
    assert "tone" not in other.settings


def test_a_ticket_changes_one_thing_once():
    ticket = make_ticket()
    changes.apply(ticket, change=PromptGoesLive(make_prompt("email_agent", 9).pk), by=None, at=LATER)
    client = make_client()

    with pytest.raises(ChangeRefused, match="only an open one"):
        changes.apply(ticket, change=SettingChanges(client.pk, "tone", "formal"), by=None, at=LATER)

    client.refresh_from_db()
    assert "tone" not in client.settings
