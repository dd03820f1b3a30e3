"""Who may be written to: one answer for requests, campaigns, approvals and sending; what is held out stays stored."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents_app import campaigns, drafts, requests, sending
from agents_app.flow import knowledge
from agents_app.models import Request, RequestRule
from clients import hold, scores, suppression
from clients.deciding import Change
from clients.models import Contact, ContactQuality, QualityRule, QualityWeek
from tests.factories import AT, make_client, make_contact, make_draft, make_request, make_run

pytestmark = pytest.mark.django_db

THROW_AWAY = "ada@mailinator.com"


def test_a_sound_contact_may_be_written_to():
    assert hold.why_not(make_contact()) == ""


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"email": THROW_AWAY}, "mailinator.com is for throw-away mailboxes"),
        ({"do_not_contact": "true"}, "do not contact"),
        ({"deleted_at": AT}, "deleted in every source"),
        ({"erased_at": AT}, "asked to be forgotten"),
    ],
)
def test_why_nobody_may_write(values, why):
    assert why in hold.why_not(make_contact(**values))


def test_nobody_writes_to_a_contact_that_went_into_another_one():
    client = make_client()

    merged = make_contact(client, merged_into=make_contact(client))

    assert "merged into" in hold.why_not(merged)


def test_nobody_writes_to_a_suppressed_address():
    contact = make_contact()
    suppression.suppress(contact.client, contact.email, reason="unsubscribed", at=AT)

    assert hold.why_not(contact) == "The address unsubscribed, bounced or was blocked. It is never written to again."


def test_the_rule_of_one_client_says_nothing_about_another():
    mine, theirs = make_contact(email="ada@gmail.com"), make_contact(email="ada@gmail.com")
    QualityRule.objects.create(client=mine.client, rule="free_domain", severity="block")

    assert "private mail" in hold.why_not(mine)
    assert hold.why_not(theirs) == ""


def test_silence_holds_a_contact_where_the_client_wants_it():
    contact = make_contact()
    QualityRule.objects.create(client=contact.client, rule="stale", severity="block", days=30)
    heard(contact, timezone.now() - timedelta(days=31))

    assert "31 days" in hold.why_not(contact)


def heard(contact, at):
    record = contact.source_records.create(client=contact.client, source="hubspot", ext_id="1", created_at=at)
    record.observations.create(field="title", value=contact.title, occurred_at=at)


def test_of_many_those_are_left_who_may_be_written_to(django_assert_num_queries):
    client = make_client()
    sound = [make_contact(client) for _ in range(3)]
    held = [make_contact(client, THROW_AWAY), make_contact(client, do_not_contact="true"), make_contact(client)]
    suppression.suppress(client, held[2].email, reason="unsubscribed", at=AT)

    with django_assert_num_queries(2):
        assert hold.reachable(client, [*held, *sound]) == sound


def test_what_a_rule_blocks_is_stored_and_asked_for_by_no_request_rule():
    contact = make_contact(email=THROW_AWAY)
    RequestRule.objects.create(client=contact.client, change="created", purpose="outreach", depth="standard")

    made = requests.triggered_by([Change(contact, True, {})], at=AT)

    assert (made, Request.objects.count(), Contact.objects.count()) == ([], 0, 1)


def test_a_campaign_writes_to_the_others_only():
    client = make_client()
    sound, held = make_contact(client), make_contact(client, THROW_AWAY)
    campaign = campaigns.create(client, name="Autumn", goal="Meet.", contacts=[sound, held], at=AT)

    asked = campaigns.launch(campaign, by=None, at=AT)

    assert [request.contact for request in asked] == [sound]


def test_a_draft_to_a_held_contact_is_neither_approved_nor_sent_and_says_why():
    draft = make_draft(make_run(make_request(make_contact(email=THROW_AWAY))))

    assert "throw-away" in sending.refusal_of(draft)
    with pytest.raises(drafts.DecisionRefused, match="throw-away"):
        drafts.approve(draft, by=None, at=AT)
    draft.refresh_from_db()
    assert draft.status == "waiting"


# --- what is fixed, and what is scored


def test_what_a_rule_fixes_is_written_about_as_fixed_and_stays_as_it_came():
    contact = make_contact(full_name="ADA LEE", first_name="ADA", last_name="LEE", company_name="NORTHWIND BANK")
    request = make_request(contact)

    told = knowledge._contact(knowledge._Asking(make_run(request), None, contact), [])

    assert (told["first_name"], told["full_name"]) == ("Ada", "Ada Lee")
    assert requests.prepare(contact.client, contact=contact).company_name == "Northwind Bank"
    contact.refresh_from_db()
    assert (contact.full_name, contact.company_name) == ("ADA LEE", "NORTHWIND BANK")


def test_an_address_as_the_name_greets_nobody_by_it():
    contact = make_contact(first_name="", last_name="", full_name="ada@northwind-bank.example")

    assert scores.as_written(contact)["full_name"] == ""


def test_a_score_is_kept_with_the_rules_that_found_something_and_no_word_of_the_contact():
    contact = make_contact(email=THROW_AWAY, full_name="ADA LEE")

    scores.keep([contact], at=AT)

    row = ContactQuality.objects.get()
    assert (row.contact, row.score, row.is_held, row.checked_at) == (contact, 100 - 60 - 10 - 3, True, AT)
    assert row.found == {"throw_away": "block", "company_mismatch": "warn", "all_caps": "fix"}


def test_a_contact_is_looked_at_again_once_it_changed_its_rules_changed_or_a_week_passed():
    contact = make_contact()
    assert list(scores.due(AT)) == [contact]

    scores.keep([contact], at=AT)
    assert list(scores.due(AT)) == []

    scores.look_anew(contact.client)
    assert list(scores.due(AT)) == [contact]

    scores.keep([contact], at=AT)
    assert list(scores.due(AT + timedelta(days=8))) == [contact]
    Contact.objects.filter(pk=contact.pk).update(updated_at=AT + timedelta(minutes=1))
    assert list(scores.due(AT)) == [contact]


def test_nobody_who_is_gone_counts():
    client = make_client()
    sound, gone = make_contact(client, source="hubspot"), make_contact(client, source="hubspot")
    scores.keep([sound, gone], at=AT)
    Contact.objects.filter(pk=gone.pk).update(deleted_at=AT)

    scores.roll_up(AT)

    assert QualityWeek.objects.get().contacts == 1


def test_a_week_stands_by_client_and_source_and_is_written_over_until_it_ends():
    mine, other = make_client(), make_client()
    scores.keep([make_contact(mine, source="hubspot"), make_contact(mine, THROW_AWAY, source="hubspot")], at=AT)
    scores.keep([make_contact(mine, source="person"), make_contact(other, source="hubspot")], at=AT)

    scores.roll_up(AT)
    scores.roll_up(AT + timedelta(days=6))
    scores.roll_up(AT + timedelta(days=7))

    weeks = QualityWeek.objects.filter(week=AT.date()).order_by("client", "source")
    assert [(row.client, row.source, row.contacts, row.score, row.held, row.found) for row in weeks] == [
        (mine, "hubspot", 2, 65.0, 1, {"throw_away": 1, "company_mismatch": 1}),
        (mine, "person", 1, 100.0, 0, {}),
        (other, "hubspot", 1, 100.0, 0, {}),
    ]
    assert QualityWeek.objects.filter(week=AT.date() + timedelta(days=7)).count() == 3
