from datetime import timedelta

import pytest

from insights import sharing
from insights.models import ClientPattern, SharedInsight
from tests.factories import AT, make_campaign, make_client
from tests.mailings import make_mailing

pytestmark = pytest.mark.django_db

WEEK = AT.date()
LONG_AGO = AT - timedelta(days=30)
ASKS, TELLS = "Dear Ada,\n\nWould Tuesday suit you?\n\nKind regards", "Dear Ada,\n\nTuesday suits us.\n\nKind regards"
CANARY = "Zanzibar Quokka"


def make_client_that_asks(campaigns=3, *, on=6, off=2, slug="", **values):
    """A client whose campaigns each wrote 15 e-mails with a question and 15 without, so often answered."""
    client = make_client(slug, **values)
    for number in range(campaigns):
        campaign = make_campaign(client, name=f"{client.name} {number}")
        make_mailing(client, 15, replies=on, sent_at=LONG_AGO, campaign=campaign, body=ASKS)
        make_mailing(client, 15, replies=off, sent_at=LONG_AGO, campaign=campaign, body=TELLS)
    return client


def share(at=AT):
    sharing.compute_client_patterns(at)
    return sharing.release(at.date(), at=at)


def test_a_client_learns_from_its_own_campaigns():
    client = make_client_that_asks()

    sharing.compute_client_patterns(AT)

    found = ClientPattern.objects.get(client=client, pattern="asks_a_question")
    assert (found.campaigns, found.on_contacts, found.on_replies, found.off_contacts, found.off_replies) == (
        3,
        45,
        18,
        45,
        6,
    )
    assert found.effect == pytest.approx(4 / 15)
    assert found.vote == 1


def test_computing_twice_keeps_one_row_a_client_and_pattern():
    client = make_client_that_asks()
    sharing.compute_client_patterns(AT)
    once = ClientPattern.objects.filter(client=client).count()

    sharing.compute_client_patterns(AT + timedelta(days=1))

    assert ClientPattern.objects.filter(client=client).count() == once


def test_e_mails_too_young_to_be_answered_do_not_count():
    client = make_client_that_asks()

    sharing.compute_client_patterns(LONG_AGO + timedelta(days=13))

    assert not ClientPattern.objects.filter(client=client).exists()


def test_e_mails_outside_campaigns_do_not_count():
    client = make_client()
    make_mailing(client, 40, replies=20, sent_at=LONG_AGO, body=ASKS)

    sharing.compute_client_patterns(AT)

    assert not ClientPattern.objects.filter(client=client).exists()


def test_what_opens_an_e_mail_is_read_from_the_facts_it_rests_on():
    client = make_client()
    with_news = {"attributes": {"f1": "news"}, "sentences": [{"text": "You closed early.", "rests_on": ["f1"]}]}
    without = {"attributes": {"f1": "headcount"}, "sentences": [{"text": "You closed early.", "rests_on": ["f1"]}]}
    for number in range(3):
        campaign = make_campaign(client, name=f"Campaign {number}")
        make_mailing(client, 10, replies=5, sent_at=LONG_AGO, campaign=campaign, **with_news)
        make_mailing(client, 10, replies=1, sent_at=LONG_AGO, campaign=campaign, **without)

    sharing.compute_client_patterns(AT)

    found = ClientPattern.objects.get(client=client, pattern="opens_with_news")
    assert (found.on_contacts, found.off_contacts, found.vote) == (30, 30, 1)


def test_a_sentence_that_a_person_took_out_does_not_count():
    client = make_client()
    campaign = make_campaign(client)
    gone = {"attributes": {"f1": "news"}, "sentences": [{"text": "You raised money.", "rests_on": ["f1"]}]}
    make_mailing(client, 5, sent_at=LONG_AGO, campaign=campaign, **gone)

    sharing.compute_client_patterns(AT)

    assert not ClientPattern.objects.filter(pattern="opens_with_news", on_contacts__gt=0).exists()


def test_four_clients_release_nothing():
    for _ in range(4):
        make_client_that_asks()

    assert share() == []
    assert not SharedInsight.objects.exists()


def test_one_client_with_ten_campaigns_releases_nothing():
    make_client_that_asks(10)

    assert share() == []


def test_five_clients_with_two_campaigns_release_nothing():
    for _ in range(5):
        make_client_that_asks(2)

    assert share() == []


def test_five_clients_with_three_campaigns_release_a_rounded_sentence():
    for _ in range(5):
        make_client_that_asks()

    [found] = share()

    assert (found.pattern, found.week, found.clients_rounded, found.effect_rounded) == (
        "asks_a_question",
        WEEK,
        5,
        0.265,
    )
    assert found.sentence == (
        "Ask a question. E-mails that ask a question got about 26.5 in 100 more replies at 5 or more of the agency's clients."
    )


def test_a_client_that_does_not_share_does_not_count():
    for _ in range(4):
        make_client_that_asks()
    make_client_that_asks(shares_patterns=False)

    assert share() == []


def test_nothing_of_a_client_appears_in_what_is_released():
    for number in range(5):
        make_client_that_asks(
            slug=f"canary-{number}", name=f"{CANARY} {number}", offer=f"{CANARY} offers.", emphasis=CANARY
        )
    other = make_client("other")

    share()

    shown = str(list(SharedInsight.objects.values())) + str(sharing.hints_for(other, at=AT))
    assert "question" in shown
    assert [word for word in (CANARY, *CANARY.split(), "canary") if word.lower() in shown.lower()] == []


def test_the_same_week_is_released_once():
    for _ in range(5):
        make_client_that_asks()
    share()

    assert sharing.release(WEEK, at=AT) == []
    assert SharedInsight.objects.count() == 1


def test_a_pattern_is_published_again_only_when_three_clients_changed():
    for _ in range(5):
        make_client_that_asks()
    share()
    later = AT + timedelta(weeks=1)
    for _ in range(2):
        make_client_that_asks()

    assert share(later) == []

    make_client_that_asks()

    [again] = share(later)
    assert (again.week, again.clients_rounded) == (later.date(), 5)


def test_a_new_client_is_told_what_holds_for_others_and_no_figure_of_any_of_them():
    for _ in range(5):
        make_client_that_asks()
    share()

    [hint] = sharing.hints_for(make_client(), at=AT)

    assert hint == SharedInsight.objects.get().sentence
    assert "26.7" not in hint


def test_a_client_whose_own_campaigns_say_otherwise_gets_no_hint():
    for _ in range(8):
        make_client_that_asks()
    contrary = make_client_that_asks(on=2, off=6)
    share()

    assert sharing.hints_for(contrary, at=AT) == []
    assert len(sharing.hints_for(make_client(), at=AT)) == 1


def test_a_released_pattern_that_lost_its_support_is_shown_no_more():
    clients = [make_client_that_asks() for _ in range(5)]
    share()
    clients[0].shares_patterns = False
    clients[0].save()

    assert sharing.hints_for(make_client(), at=AT) == []


def test_an_old_release_is_no_hint():
    for _ in range(5):
        make_client_that_asks()
    share()

    assert sharing.hints_for(make_client(), at=AT + timedelta(weeks=14)) == []
