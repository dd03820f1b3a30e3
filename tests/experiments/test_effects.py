"""What an approved proposal brought: the same count before and after, and what may be said of the difference."""

from datetime import timedelta

import pytest

from clients import config
from experiments import effects, proposals
from experiments.effects import BETTER, NOT_HELD, NOT_YET, WORSE, judged
from experiments.figures import Count
from experiments.models import ProposalEffect
from gtm import loop
from gtm.records import RecordChanged
from tests.experiments.proposed import MAX, make_proposal
from tests.factories import (
    AT,
    make_client,
    make_contact,
    make_draft,
    make_outcome,
    make_request,
    make_run,
    make_send,
    make_user,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
APPROVED = AT + 100 * DAY
RIPE = APPROVED + 35 * DAY
LONG, SHORT = " ".join(["word"] * 130), " ".join(["word"] * 80)


def approved(client, **values):
    proposal = make_proposal(client, **values)
    return proposals.approve(proposal, by=make_user("kim"), at=APPROVED)


def drafts(client, at, *, shortened, kept) -> None:
    for final in [SHORT] * shortened + [LONG] * kept:
        run = make_run(make_request(make_contact(client)), planned_at=at)
        make_draft(run, body=LONG, final_body=final, was_edited=final == SHORT, status="approved")


# --- the judgement, by hand


def test_a_clear_fall_of_what_should_fall_is_better():
    result = judged(Count(20, 25), Count(5, 25), name="shortened", is_apart=True)

    assert result["verdict"] == BETTER
    assert result["difference"] == -0.6
    # Wilson: 0.6087 to 0.9114 and 0.0886 to 0.3913; Newcombe: -0.6 less 0.1575, and more 0.2706
    assert (result["low"], result["high"]) == (-0.7575, -0.3294)
    assert result["sentence"].startswith(
        "Better. Approved drafts that people shortened by a tenth or more: 5 of 25 (20%) in the four weeks after against "
        "20 of 25 (80%) in four weeks before. The difference is -60.0 points (between -75.8 and -32.9, 95% sure)."
    )


@pytest.mark.parametrize(
    ("before", "after", "name", "verdict"),
    [
        (Count(5, 25), Count(20, 25), "shortened", WORSE),
        (Count(5, 25), Count(20, 25), "unchanged", BETTER),
        (Count(20, 25), Count(5, 25), "replied", WORSE),
        (Count(10, 25), Count(12, 25), "replied", NOT_YET),
        (Count(0, 19), Count(19, 19), "replied", NOT_YET),
        (Count(0, 0), Count(0, 0), "replied", NOT_YET),
    ],
)
def test_the_verdict_asks_on_which_side_of_nought_the_interval_lies(before, after, name, verdict):
    assert judged(before, after, name=name, is_apart=True)["verdict"] == verdict


def test_too_little_is_said_to_be_too_little():
    assert (
        "A judgement takes 20 on each side."
        in judged(Count(0, 19), Count(9, 30), name="replied", is_apart=True)["sentence"]
    )


def test_weeks_that_gave_the_evidence_are_said_to_be_among_those_before():
    assert "return to the usual" in judged(Count(9, 30), Count(9, 30), name="replied", is_apart=False)["sentence"]


# --- over rows


def test_the_effect_is_measured_once_its_time_has_come_and_stays():
    acme = make_client("acme", max_words=150)
    proposal = approved(acme)
    drafts(acme, AT - 10 * DAY, shortened=18, kept=4)  # the evidence begins at AT
    drafts(acme, AT + 10 * DAY, shortened=30, kept=0)
    drafts(acme, APPROVED + 3 * DAY, shortened=3, kept=20)

    loop.measure_proposals(at=RIPE - DAY)
    assert not ProposalEffect.objects.exists()
    loop.measure_proposals(at=RIPE)
    drafts(acme, APPROVED + 4 * DAY, shortened=50, kept=0)
    loop.measure_proposals(at=RIPE + DAY)

    effect = ProposalEffect.objects.get()
    assert (effect.proposal, effect.as_of) == (proposal, RIPE)
    assert (effect.result["before"]["part"], effect.result["before"]["whole"]) == (18, 22)
    assert (effect.result["after"]["part"], effect.result["after"]["whole"]) == (3, 23)
    assert (effect.result["verdict"], effect.result["is_apart"]) == (BETTER, True)
    effect.result = {}
    with pytest.raises(RecordChanged):
        effect.save()


def test_with_too_little_before_the_evidence_the_weeks_before_the_approval_stand_in():
    acme = make_client("acme", max_words=150)
    approved(acme)
    drafts(acme, APPROVED - 10 * DAY, shortened=20, kept=5)
    drafts(acme, APPROVED + 3 * DAY, shortened=20, kept=5)

    loop.measure_proposals(at=RIPE)

    result = ProposalEffect.objects.get().result
    assert (result["verdict"], result["is_apart"]) == (NOT_YET, False)


def test_replies_are_waited_for_longer():
    acme = make_client("acme", max_words=150)
    proposal = approved(acme, expected={"metric": "replied", "label": "contacts who replied", "sentence": ""})
    for number in range(25):
        run = make_run(make_request(make_contact(acme)), planned_at=APPROVED + 2 * DAY)
        send = make_send(make_draft(run, status="sent"), sent_at=APPROVED + 5 * DAY)
        if number < 5:
            make_outcome(send.contact, send=send, occurred_at=APPROVED + 9 * DAY)

    loop.measure_proposals(at=RIPE)
    assert not ProposalEffect.objects.exists()
    loop.measure_proposals(at=effects.due(proposal))

    assert ProposalEffect.objects.get().result["after"]["part"] == 5


@pytest.mark.parametrize("status", ["open", "dismissed", "rolled_back", "stale"])
def test_only_what_holds_is_measured(status):
    proposal = make_proposal(make_client("acme"), MAX, 90, status=status, decided_at=APPROVED)

    effects.measure_due(at=RIPE)

    assert not ProposalEffect.objects.filter(proposal=proposal).exists()


@pytest.mark.parametrize("back_again", [False, True])
def test_what_was_taken_back_by_another_way_is_not_measured(back_again):
    acme = make_client("acme", status="active")
    proposal = approved(acme)
    drafts(acme, APPROVED + DAY, shortened=0, kept=25)
    acme.refresh_from_db()
    said = dict(acme.settings)
    config.put(acme, {}, config.Author(make_user("lee"), "Back", APPROVED + 2 * DAY))
    if back_again:
        config.put(acme, said, config.Author(None, "And again", APPROVED + 9 * DAY))
    config.save(acme, config.Author(None, "", APPROVED + 9 * DAY))

    proposal.client.refresh_from_db()
    result = effects.measure(proposal, at=RIPE).result

    who = "Somebody" if back_again else "lee"
    assert (result["verdict"], result["sentence"].split(" on ")[0]) == (
        NOT_HELD,
        f"Not measured. {who} changed Longest e-mail",
    )
    assert result["sentence"].endswith("after it was approved. So what followed is not what this proposal brought.")
