"""The pages on which people decide about proposals: who sees them, what they say, and what a press of a button does."""

import pytest
from django.core.cache import cache
from django.test import Client as Browser
from django.urls import reverse

from clients import config
from clients.models import AgencySettings, Client, ConfigVersion
from experiments import proposals
from experiments.models import ProposalEffect, SettingProposal
from tests.crowd import make_user_of
from tests.experiments.proposed import MAX, make_proposal
from tests.factories import AT, make_client, make_contact, make_draft, make_request, make_run, make_user

pytestmark = pytest.mark.django_db
HIDDEN = "Hidden Harbour"


@pytest.fixture
def acme() -> Client:
    return make_client("acme", max_words=150)


@pytest.fixture
def manager(acme) -> Browser:
    """The account manager of Acme."""
    user = make_user_of("manager")
    acme.managers.add(user)
    browser = Browser()
    browser.force_login(user)
    return browser


def page(proposal) -> str:
    return reverse("proposal", args=[proposal.pk])


def shown(browser, address) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def decide(browser, proposal, action, **typed) -> str:
    """What the page says after the press of a button."""
    return browser.post(page(proposal), {"action": action, **typed}, follow=True).content.decode()


def state(proposal) -> tuple[str, dict]:
    return SettingProposal.objects.get(pk=proposal.pk).status, Client.objects.get(pk=proposal.client_id).settings


# --- reading


def test_a_card_says_what_holds_what_is_proposed_and_what_speaks_for_it(acme, manager):
    draft = make_draft(make_run(make_request(make_contact(acme))), was_edited=True, status="approved")
    proposal = make_proposal(acme)
    SettingProposal.objects.filter(pk=proposal.pk)
    other = make_proposal(
        acme,
        "tone",
        "direct",
        rule="choices",
        evidence=proposal.evidence | {"drafts": [draft.pk], "caveat": "Observed."},
    )

    text = shown(manager, reverse("proposals"))
    one = shown(manager, page(other))

    assert "Acme: Longest e-mail" in text
    assert "150 words" in text and "90 words" in text
    assert "People shortened 18 of 20 of the e-mails they edited." in text
    assert "Longer e-mails are refused." in text and "Less to edit." in text
    assert f"{reverse('admin:agents_app_draft_changelist')}?id__in={draft.pk}" in one
    assert reverse("approval", args=[draft.pk]) in one
    assert "Observed." in one
    assert "Of 12 questions that were looked at together" in one


def test_the_list_of_the_drafts_behind_it_opens(acme, manager):
    behind, other = (
        make_draft(make_run(make_request(make_contact(acme))), subject=each) for each in ("Behind it", "Another")
    )

    text = shown(manager, f"{reverse('admin:agents_app_draft_changelist')}?id__in={behind.pk}")

    assert "Behind it" in text
    assert "Another" not in text
    assert other.pk != behind.pk


def test_a_card_that_moved_says_so_before_anybody_presses(acme, manager):
    proposal = make_proposal(acme)
    acme.settings = {MAX: 120}
    acme.save()

    text = shown(manager, page(proposal))

    assert "It cannot be approved any more." in text
    assert 'value="approve"' not in text
    assert 'value="dismiss"' in text


def test_others_proposals_are_nobodys_business(acme, manager):
    hidden = make_proposal(make_client("hidden", name=HIDDEN))

    assert HIDDEN not in shown(manager, reverse("proposals"))
    assert HIDDEN not in shown(manager, reverse("proposals") + "?client=hidden")
    assert manager.get(page(hidden)).status_code == 404
    assert manager.post(page(hidden), {"action": "approve"}).status_code == 404
    assert state(hidden) == ("open", {})


def test_a_viewer_reads_and_decides_nothing(acme):
    proposal = make_proposal(acme)
    browser = Browser()
    browser.force_login(make_user_of("viewer"))

    text = shown(browser, page(proposal))

    assert "Longest e-mail" in text
    assert 'name="action"' not in text
    assert browser.post(page(proposal), {"action": "approve"}).status_code == 403
    assert state(proposal) == ("open", {MAX: 150})


def test_only_one_clients_proposals_where_one_is_asked_for(acme, manager):
    second = make_client("second")
    second.managers.add(*acme.managers.all())
    make_proposal(acme), make_proposal(second)

    text = shown(manager, reverse("proposals") + "?client=second")

    assert "Second: Longest e-mail" in text
    assert "Acme: Longest e-mail" not in text


def test_without_proposals_the_page_says_where_they_come_from(manager):
    assert "No proposal waits. Every Monday the last 12 weeks are looked at" in shown(manager, reverse("proposals"))


@pytest.mark.parametrize(
    ("path", "said", "words"),
    [
        ("custom_fields.avoid_terms", ["cheap", "gladly"], "also gladly"),
        ("send_window.days", ["tue", "wed", "thu", "fri"], "no longer Monday, Saturday, Sunday"),
        ("tone", "direct", "Direct"),
    ],
)
def test_of_a_list_the_card_says_what_comes_and_what_goes(manager, acme, path, said, words):
    AgencySettings.objects.update(settings={"custom_fields.avoid_terms": ["cheap"]})

    assert f"<strong>{words}</strong>" in shown(manager, page(make_proposal(acme, path, said)))


# --- deciding


def test_a_press_approves(acme, manager):
    proposal = make_proposal(acme)

    text = decide(manager, proposal, "approve")

    assert "Approved: it holds from now on." in text
    assert state(proposal) == ("approved", {MAX: 90})
    assert reverse("client_versions", args=["acme"]) in text


def test_a_changed_value_is_approved_as_it_was_changed(acme, manager):
    proposal = make_proposal(acme)

    text = decide(manager, proposal, "edit", custom_fields__max_words="110", reason="Banks need more.")

    assert "Approved as" in text and "110 words" in text
    assert state(proposal) == ("approved", {MAX: 110})


def test_a_value_out_of_bounds_is_told_beside_its_field_and_changes_nothing(acme, manager):
    proposal = make_proposal(acme)

    text = decide(manager, proposal, "edit", custom_fields__max_words="5")

    assert "Enter 40 or more." in text
    assert state(proposal) == ("open", {MAX: 150})


def test_an_empty_value_is_no_decision(acme, manager):
    proposal = make_proposal(acme, "tone", "direct")

    text = decide(manager, proposal, "edit", tone="")

    assert "Say what it is to be, or dismiss the proposal." in text
    assert state(proposal)[0] == "open"


def test_taking_words_out_survives_an_edit_of_those_that_are_added(acme, manager):
    AgencySettings.objects.update(settings={"custom_fields.avoid_terms": ["cheap"]})
    said = {"$remove": ["cheap"], "$add": ["gladly", "empower"]}
    proposal = make_proposal(acme, "custom_fields.avoid_terms", said, rule="words")

    decide(manager, proposal, "edit", custom_fields__avoid_terms="gladly")

    assert state(proposal)[1]["custom_fields.avoid_terms"] == {"$remove": ["cheap"], "$add": ["gladly"]}


def test_a_dismissal_asks_why(acme, manager):
    proposal = make_proposal(acme)

    assert "Say in a few words why it is dismissed" in decide(manager, proposal, "dismiss")
    assert state(proposal)[0] == "open"
    assert "“Banks need the detail.”" in decide(manager, proposal, "dismiss", reason="Banks need the detail.")
    assert state(proposal) == ("dismissed", {MAX: 150})


def test_the_second_person_reads_who_was_first(acme, manager):
    proposal = make_proposal(acme)
    proposals.dismiss(proposal, by=make_user("priya"), at=AT, reason="No.")

    text = decide(manager, proposal, "approve")

    assert "Nothing was changed.</strong> priya dismissed this proposal on 16 November at 09:00." in text
    assert state(proposal) == ("dismissed", {MAX: 150})


def test_what_did_worse_offers_the_way_back_and_a_press_takes_it(acme, manager):
    proposal = proposals.approve(make_proposal(acme), by=make_user("kim"), at=AT)
    rate = {"part": 5, "whole": 25, "rate": 0.2}
    ProposalEffect.objects.create(
        proposal=proposal,
        as_of=AT,
        result={
            "verdict": "Worse",
            "sentence": "Worse: it rose.",
            "label": "drafts shortened",
            "before": rate,
            "after": rate,
        },
    )

    text = shown(manager, page(proposal))
    after = decide(manager, proposal, "roll_back", reason="As measured.")

    assert "Worse: it rose." in text and "Roll it back." in text
    assert "the client&#x27;s own setting is what it was before" in after
    assert state(proposal) == ("rolled_back", {MAX: 150})
    assert ConfigVersion.objects.filter(client=acme).count() == 2


def test_an_unknown_button_decides_nothing(acme, manager):
    proposal = make_proposal(acme)

    assert manager.post(page(proposal), {"action": "burn"}).status_code == 200
    assert state(proposal) == ("open", {MAX: 150})


# --- where it is told that something waits


def test_what_waits_is_told_where_people_look(acme, manager):
    cache.clear()
    make_proposal(acme)
    make_proposal(make_client("hidden"))

    home = shown(manager, "/")
    settings = shown(manager, reverse("client_settings", args=["acme"]))
    client = shown(manager, reverse("admin:clients_client_change", args=[acme.pk]))

    assert "1 proposal to change a client&#x27;s settings waits for a decision" in home.replace(
        "client's", "client&#x27;s"
    )
    assert "A proposal to change it waits" in settings
    assert "Proposals (1)" in settings
    assert "Proposals (1)" in client
    assert config.newest_version(acme) is None
