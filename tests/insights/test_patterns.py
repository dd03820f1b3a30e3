from datetime import UTC, datetime, timedelta

import pytest

from insights import patterns
from insights.patterns import Email, Outcome

MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)


def email(**values):
    basis = {
        "subject": "A word about closing the books this month",
        "body": "Short.",
        "sent_at": MONDAY.replace(hour=15),
        "company": "Northwind Bank",
    }
    return Email(**{**basis, **values})


@pytest.mark.parametrize(
    ("key", "shows", "lacks"),
    [
        (
            "opens_with_news",
            {"rests_on": (frozenset({"news"}),)},
            {"rests_on": (frozenset({"headcount"}), frozenset({"news"}))},
        ),
        (
            "mentions_funding",
            {"rests_on": (frozenset(), frozenset({"last_funding_stage"}))},
            {"rests_on": (frozenset({"news"}),)},
        ),
        ("mentions_size", {"rests_on": (frozenset({"headcount"}),)}, {}),
        ("speaks_to_role", {"rests_on": (frozenset({"playbook.finance.1"}),)}, {}),
        (
            "gives_proof",
            {"rests_on": (frozenset({"config.custom_fields.proof_points.0"}),)},
            {"rests_on": (frozenset({"config.custom_fields.offer"}),)},
        ),
        ("under_90_words", {"body": "word " * 89}, {"body": "word " * 90}),
        ("asks_a_question", {"body": "Would Tuesday suit you?"}, {"body": "Tell me."}),
        ("subject_names_company", {"subject": "northwind bank and the close"}, {"subject": "The close"}),
        ("short_subject", {"subject": "One two three four five six"}, {"subject": "One two three four five six seven"}),
        ("sent_in_the_morning", {"sent_at": MONDAY.replace(hour=11, minute=59)}, {"sent_at": MONDAY.replace(hour=12)}),
        ("sent_midweek", {"sent_at": MONDAY + timedelta(days=1)}, {"sent_at": MONDAY}),
    ],
)
def test_a_pattern_is_seen_where_it_is_and_only_there(key, shows, lacks):
    assert key in patterns.features(email(**shows))
    assert key not in patterns.features(email(**lacks))


def test_a_follow_up_counts_as_quick_up_to_three_days():
    quick = email(sequence_step=2, previous_sent_at=MONDAY, sent_at=MONDAY + timedelta(days=3))
    slow = email(sequence_step=2, previous_sent_at=MONDAY, sent_at=MONDAY + timedelta(days=3, minutes=1))

    assert patterns.features(quick) == {"follow_up_within_3_days"}
    assert patterns.features(slow) == set()


def test_an_empty_company_name_is_in_no_subject():
    assert "subject_names_company" not in patterns.features(email(company=""))


def answers(campaign, *, on, off):
    """`on` and `off` are (replies, contacts) of e-mails that do and do not ask a question."""
    return [
        Outcome(email(body=body), campaign, replied=number < replies)
        for body, (replies, contacts) in (("Agree?", on), ("Agree.", off))
        for number in range(contacts)
    ]


def contrast_of(outcomes, key="asks_a_question"):
    return {found.pattern: found for found in patterns.contrasts(outcomes)}[key]


def test_campaigns_are_compared_within_themselves_not_with_each_other():
    # Asking is worse in both campaigns; the pooled rates say the opposite, because the good campaign asks more.
    outcomes = [*answers(1, on=(80, 400), off=(25, 100)), *answers(2, on=(1, 100), off=(16, 400))]

    found = contrast_of(outcomes)

    assert found.on_replies / found.on_contacts > found.off_replies / found.off_contacts
    assert found.effect == pytest.approx(-0.04)


def test_a_campaign_with_one_kind_of_e_mail_tells_nothing():
    found = contrast_of([*answers(1, on=(5, 20), off=(1, 20)), *answers(2, on=(9, 20), off=(0, 0))])

    assert (found.campaigns, found.on_contacts, found.off_contacts) == (1, 20, 20)


@pytest.mark.parametrize(
    ("campaigns", "contacts", "vote"),
    [(4, 2, 1), (2, 15, 0), (3, 2, 0)],
)
def test_a_client_votes_with_three_campaigns_and_eight_contacts_an_arm(campaigns, contacts, vote):
    outcomes = [row for number in range(campaigns) for row in answers(number, on=(2, contacts), off=(1, contacts))]

    assert contrast_of(outcomes).vote == vote


def test_an_effect_of_less_than_half_a_point_is_no_vote():
    outcomes = [row for number in range(3) for row in answers(number, on=(20, 300), off=(20, 300))]

    assert contrast_of(outcomes).vote == 0


def test_a_sentence_is_made_of_the_list_and_two_rounded_numbers():
    assert patterns.sentence("asks_a_question", clients=5, effect=0.025) == (
        "Ask a question. E-mails that ask a question got about 2.5 in 100 more replies at 5 or more of the agency's clients."
    )
    assert patterns.sentence("asks_a_question", clients=10, effect=-0.03).startswith(
        "Avoid this: ask a question. E-mails that ask"
    )


def test_keys_are_unique_and_fit_their_column():
    keys = [pattern.key for pattern in patterns.PATTERNS]

    assert len(keys) == len(set(keys))
    assert max(map(len, keys)) <= 40
    assert max(len(patterns.sentence(key, clients=100, effect=-0.125)) for key in keys) <= 300
