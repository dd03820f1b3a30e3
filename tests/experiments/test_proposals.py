"""What people decide about proposed settings, and when a decision is refused: then nothing at all is written."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection as database
from django.db import transaction
from django.db.utils import IntegrityError, InternalError

from clients import config
from clients.models import AgencySettings, Client, ConfigVersion
from experiments import proposals
from experiments.models import SettingProposal
from experiments.proposals import ProposalRefused
from gtm import loop
from gtm.records import RecordChanged
from tests.experiments.proposed import MAX, make_proposal
from tests.factories import AT, make_client, make_user

pytestmark = pytest.mark.django_db
LATER = AT + timedelta(days=2)
AVOID = "custom_fields.avoid_terms"


@pytest.fixture
def acme() -> Client:
    return make_client("acme", max_words=150, avoid_terms=["cheap"])


@pytest.fixture
def kim():
    return make_user("kim", first_name="Kim", last_name="Novak")


def save(client, settings, by=None, at=AT) -> None:
    """Somebody else changes the client's settings."""
    row = Client.objects.select_related("industry").get(pk=client.pk)
    author = config.Author(by, "", at)
    config.put(row, settings, author)
    config.save(row, author)


def stands(proposal) -> tuple[dict, str, int]:
    """The client's own settings, the proposal's state, and how many versions there are."""
    proposal.refresh_from_db()
    client = Client.objects.get(pk=proposal.client_id)
    return client.settings, proposal.status, ConfigVersion.objects.filter(client=client).count()


# --- approving


def test_what_is_approved_holds_and_stands_in_a_version_with_the_reason(acme, kim):
    proposal = make_proposal(acme)

    proposals.approve(proposal, by=kim, at=LATER)

    assert stands(proposal) == ({MAX: 90, AVOID: ["cheap"]}, "approved", 1)
    assert (proposal.decided_by, proposal.decided_at, proposal.written, proposal.version) == (kim, LATER, 90, 1)
    version = ConfigVersion.objects.get()
    assert (version.author, version.created_at) == (kim, LATER)
    assert version.reason == f"Proposal {proposal.pk}: People shortened 18 of 20 of the e-mails they edited."
    assert Client.objects.get().touched[MAX] == ["Kim Novak", LATER.isoformat()]


def test_an_edited_value_holds_in_place_of_the_proposed_one(acme, kim):
    proposal = make_proposal(acme)

    proposals.approve(proposal, by=kim, at=LATER, said=110, reason="Ninety is too short for banks.")

    assert stands(proposal) == ({MAX: 110, AVOID: ["cheap"]}, "approved", 1)
    assert (proposal.proposed, proposal.written) == (90, 110)
    assert ConfigVersion.objects.get().reason == f"Proposal {proposal.pk}: Ninety is too short for banks."


def test_an_edited_value_that_cannot_be_is_refused_and_the_proposal_stays_open(acme, kim):
    proposal = make_proposal(acme)

    with pytest.raises(ProposalRefused, match="Longest e-mail cannot be set so"):
        proposals.approve(proposal, by=kim, at=LATER, said=5)

    assert stands(proposal) == ({MAX: 150, AVOID: ["cheap"]}, "open", 0)


def test_an_edit_back_to_what_holds_is_no_change(acme, kim):
    proposal = make_proposal(acme)

    with pytest.raises(ProposalRefused, match="Longest e-mail is so already"):
        proposals.approve(proposal, by=kim, at=LATER, said=150)

    assert stands(proposal)[1] == "open"


# --- refused because something moved


def test_a_setting_that_somebody_changed_since_is_left_alone_and_the_proposal_is_out_of_date(acme, kim):
    proposal = make_proposal(acme)
    save(acme, {MAX: 120, AVOID: ["cheap"]}, by=make_user("priya"))

    with pytest.raises(
        ProposalRefused, match="priya changed Longest e-mail on 16 November at 09:00, after this proposal"
    ):
        proposals.approve(proposal, by=kim, at=LATER)

    assert stands(proposal) == ({MAX: 120, AVOID: ["cheap"]}, "stale", 1)
    assert proposal.reason == "priya changed Longest e-mail on 16 November at 09:00, after this proposal was made."
    assert (proposal.decided_by, proposal.written) == (None, None)


def test_what_is_inherited_may_move_too(kim):
    acme = make_client("acme")
    AgencySettings.objects.update(settings={MAX: 140})
    proposal = make_proposal(acme)
    AgencySettings.objects.update(settings={MAX: 100})

    with pytest.raises(ProposalRefused, match="Longest e-mail is 100 words by now, no longer 140 words"):
        proposals.approve(proposal, by=kim, at=LATER)

    assert stands(proposal) == ({}, "stale", 0)


def test_another_setting_may_change_meanwhile(acme, kim):
    proposal = make_proposal(acme)
    save(acme, {MAX: 150, AVOID: ["cheap"], "tone": "direct"})

    proposals.approve(proposal, by=kim, at=LATER)

    assert stands(proposal)[:2] == ({MAX: 90, AVOID: ["cheap"], "tone": "direct"}, "approved")


def test_a_lock_that_came_since_forbids_it(acme, kim):
    AgencySettings.objects.update(settings={MAX: 150})
    proposal = make_proposal(acme, proposed=180)
    AgencySettings.objects.update(locks=[MAX])

    with pytest.raises(ProposalRefused, match="Longest e-mail: Agency locks it: it can only be tightened"):
        proposals.approve(proposal, by=kim, at=LATER)

    assert stands(proposal) == ({MAX: 150, AVOID: ["cheap"]}, "stale", 0)


def test_a_word_that_stands_in_the_clients_own_offer_by_now_is_not_forbidden(acme, kim):
    proposal = make_proposal(acme, AVOID, ["cheap", "gladly"], rule="words")
    save(acme, {**acme.settings, "custom_fields.offer": "We gladly take over the audit."})

    with pytest.raises(ProposalRefused, match="“gladly” is among the words to avoid, and stands in the offer"):
        proposals.approve(proposal, by=kim, at=LATER)

    assert stands(proposal)[1] == "stale"
    assert Client.objects.get().settings[AVOID] == ["cheap"]


# --- two people


def test_the_second_of_two_deciders_is_told_who_was_first(acme, kim):
    proposal = make_proposal(acme)
    proposals.dismiss(proposal, by=make_user("priya"), at=AT, reason="Not for banks.")

    with pytest.raises(
        ProposalRefused, match=r"priya dismissed this proposal on 16 November at 09:00\. Nothing was changed"
    ):
        proposals.approve(proposal, by=kim, at=LATER)

    assert stands(proposal) == ({MAX: 150, AVOID: ["cheap"]}, "dismissed", 0)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_decide_at_once_one_wins_and_the_setting_is_written_once():
    acme = make_client("acme", max_words=150)
    proposal = make_proposal(acme)
    people = [make_user(f"person-{number}") for number in range(6)]

    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda by: _decide(proposal, by), people))

    assert told.count("") == 1
    winner = people[told.index("")]
    proposal.refresh_from_db()
    assert (proposal.decided_by, proposal.status) == (winner, "approved")
    assert all(winner.username in each for each in told if each)
    assert ConfigVersion.objects.filter(client=acme).count() == 1


def _decide(proposal, by) -> str:
    try:
        proposals.approve(proposal, by=by, at=LATER)
    except ProposalRefused as refused:
        return str(refused)
    finally:
        database.close()
    return ""


def test_the_database_keeps_one_open_proposal_a_setting(acme):
    make_proposal(acme)

    with pytest.raises(IntegrityError), transaction.atomic():
        make_proposal(acme)

    make_proposal(acme, "tone", "direct")
    assert SettingProposal.objects.count() == 2


# --- dismissing, rolling back, going out of date


def test_a_dismissal_says_why(acme, kim):
    proposal = make_proposal(acme)

    with pytest.raises(ProposalRefused, match="Say in a few words why"):
        proposals.dismiss(proposal, by=kim, at=LATER, reason=" ")
    proposals.dismiss(proposal, by=kim, at=LATER, reason="  Banks need   the detail. ")

    assert stands(proposal) == ({MAX: 150, AVOID: ["cheap"]}, "dismissed", 0)
    assert (proposal.reason, proposal.decided_by) == ("Banks need the detail.", kim)


@pytest.mark.parametrize("own", [{MAX: 150}, {}])
def test_a_roll_back_puts_back_what_the_client_said_before(kim, own):
    acme = make_client("acme", settings=own)
    proposal = proposals.approve(make_proposal(acme), by=kim, at=AT)

    proposals.roll_back(proposal, by=kim, at=LATER, reason="Replies fell.")

    assert stands(proposal) == (own, "rolled_back", 2)
    assert (proposal.undone_by, proposal.undone_at, proposal.undone_reason) == (kim, LATER, "Replies fell.")
    assert (proposal.decided_by, proposal.decided_at) == (kim, AT)
    assert ConfigVersion.objects.latest("number").reason == f"Proposal {proposal.pk} rolled back"


def test_a_roll_back_never_writes_over_what_somebody_set_since(acme, kim):
    proposal = proposals.approve(make_proposal(acme), by=kim, at=AT)
    save(acme, {MAX: 100}, by=make_user("priya"), at=LATER)

    with pytest.raises(ProposalRefused, match="priya changed Longest e-mail on 18 November at 09:00"):
        proposals.roll_back(proposal, by=kim, at=LATER)

    assert stands(proposal) == ({MAX: 100}, "approved", 2)


@pytest.mark.parametrize("status", ["open", "dismissed", "stale", "rolled_back"])
def test_only_what_was_approved_can_be_rolled_back(acme, kim, status):
    proposal = make_proposal(acme, status=status, decided_at=AT, undone_at=AT)

    with pytest.raises(ProposalRefused, match="There is nothing to roll back"):
        proposals.roll_back(proposal, by=kim, at=LATER)

    assert stands(proposal) == ({MAX: 150, AVOID: ["cheap"]}, status, 0)


def test_the_daily_job_finds_what_moved_and_what_nobody_decided(acme):
    moved = make_proposal(acme)
    save(acme, {MAX: 100, AVOID: ["cheap"]}, by=make_user("priya"))
    old = make_proposal(make_client("old"), made_at=AT - timedelta(weeks=13))
    fine = make_proposal(make_client("fine"))

    loop.measure_proposals(at=LATER)

    assert [stands(each)[1] for each in (moved, old, fine)] == ["stale", "stale", "open"]
    assert moved.reason.startswith("priya changed Longest e-mail")
    assert old.reason == "Nobody decided within 12 weeks, and what it rests on is no longer recent."


def test_a_setting_that_is_gone_makes_a_proposal_out_of_date(acme):
    make_proposal(acme)
    gone = make_proposal(make_client("other"), "tone", "direct")
    with database.cursor() as cursor:  # a setting of the agency's own may be taken away
        cursor.execute("SET LOCAL gtm.erasing = 'on'")
        cursor.execute("UPDATE experiments_settingproposal SET path = 'custom_fields.gone' WHERE id = %s", [gone.pk])
        cursor.execute("SET LOCAL gtm.erasing = 'off'")

    assert proposals.withdraw_moved(at=LATER) == 1

    gone.refresh_from_db()
    assert gone.reason == "The setting custom_fields.gone does not exist any more."


# --- what stands written stays


def test_evidence_never_changes(acme):
    proposal = SettingProposal.objects.get(pk=make_proposal(acme).pk)
    proposal.evidence = {"n": 1000}

    with pytest.raises(RecordChanged):
        proposal.save()
    with pytest.raises((InternalError, IntegrityError), match="never change"), transaction.atomic():
        SettingProposal.objects.filter(pk=proposal.pk).update(proposed=40)
    with pytest.raises(RecordChanged):
        proposal.delete()

    assert SettingProposal.objects.get().proposed == 90
