"""Questions about contacts: raised once, decided by a person, remembered, closed where they solve themselves."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse

from clients import contacts, deciding, inbox, review_decisions, reviews, scores
from clients.models import (
    Contact,
    FieldRule,
    FieldState,
    Observation,
    ReviewItem,
    SamePerson,
    SourceRecord,
)
from gtm import loop
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_connection

pytestmark = pytest.mark.django_db

EMAIL = "ada@northwind-bank.example"
ADA = {"email": EMAIL, "firstname": "Ada", "lastname": "Lee", "company": "Northwind Bank", "jobtitle": "CFO"}


def minutes(number):
    return AT + timedelta(minutes=number)


def hear(connection, body, at=AT):
    """A call as it comes, applied by the job that applies every call, at that time."""
    delivery = inbox.store(connection, headers={}, body=json.dumps(body).encode(), at=at).delivery
    loop._apply_deliveries(delivery.pk, alone=True, at=at)
    delivery.refresh_from_db()
    assert delivery.status == "applied", delivery.error


@pytest.fixture
def company():
    return make_client()


@pytest.fixture
def hubspot(company):
    return make_connection(company, name="Our HubSpot")


@pytest.fixture
def salesforce(company):
    return make_connection(company, "salesforce", name="Their Salesforce")


@pytest.fixture
def by():
    return make_user_of("operator")


@pytest.fixture
def disputed(company, hubspot, salesforce):
    """A title that a person decides, with two words on it."""
    FieldRule.objects.create(client=company, field="title", rule="manual")
    hear(hubspot, ADA)
    hear(salesforce, {"Email": EMAIL, "Title": "Treasurer"}, at=minutes(1))
    return ReviewItem.objects.get()


def values(item):
    return [Observation.objects.get(pk=pk).value for pk in item.observations]


# --- conflicts


def test_a_field_that_a_person_decides_is_asked_about_once_with_what_each_says(disputed, salesforce):
    contact = Contact.objects.get()

    assert (disputed.kind, disputed.contact, disputed.field, disputed.state) == ("conflict", contact, "title", "open")
    assert (values(disputed), disputed.opened_at, contact.title) == (["Treasurer", "CFO"], minutes(1), "CFO")

    hear(salesforce, {"Email": EMAIL, "Title": "Head of Treasury"}, at=minutes(2))

    disputed.refresh_from_db()
    assert (ReviewItem.objects.count(), values(disputed)) == (1, ["Head of Treasury", "CFO"])


def test_sources_that_agree_ask_nobody(company, hubspot, salesforce):
    FieldRule.objects.create(client=company, field="title", rule="manual")

    hear(hubspot, ADA)
    hear(salesforce, {"Email": EMAIL, "Title": "CFO"}, at=minutes(1))

    assert not ReviewItem.objects.exists()


def test_no_other_rule_asks_anybody(hubspot, salesforce):
    hear(hubspot, ADA)
    hear(salesforce, {"Email": EMAIL, "Title": "Treasurer"}, at=minutes(1))

    assert not ReviewItem.objects.exists()


def test_what_is_taken_holds_as_the_persons_word(disputed, by):
    taken = Observation.objects.get(value="Treasurer")

    review_decisions.take(disputed, taken, by=by, at=minutes(5))

    disputed.refresh_from_db()
    assert (disputed.state, disputed.decision, disputed.decided_by, disputed.decided_at) == (
        "decided",
        "taken",
        by,
        minutes(5),
    )
    contact = Contact.objects.get()
    assert contact.title == "Treasurer"
    assert contact.field_states.get(field="title").observation.record.source == "person"


def test_what_was_decided_is_asked_again_only_when_somebody_says_something_new(disputed, by, salesforce, hubspot):
    review_decisions.take(disputed, Observation.objects.get(value="CFO"), by=by, at=minutes(5))

    hear(hubspot, ADA | {"lastname": "Leigh"}, at=minutes(6))
    assert ReviewItem.objects.filter(state="open").count() == 0

    hear(salesforce, {"Email": EMAIL, "Title": "Chair"}, at=minutes(7))
    assert values(ReviewItem.objects.get(state="open"))[0] == "Chair"
    assert Contact.objects.get().title == "CFO"


def test_a_third_value_can_be_entered(disputed, by):
    review_decisions.edit(disputed, " Group CFO ", by=by, at=minutes(5), reason="She said so.")

    disputed.refresh_from_db()
    assert (disputed.decision, disputed.reason, Contact.objects.get().title) == ("edited", "She said so.", "Group CFO")


def test_nothing_entered_decides_nothing(disputed, by):
    with pytest.raises(review_decisions.ReviewRefused, match="Write the right value"):
        review_decisions.edit(disputed, " ", by=by, at=minutes(5))

    disputed.refresh_from_db()
    assert (disputed.state, Contact.objects.get().title) == ("open", "CFO")


def test_a_locked_field_stays_whatever_sources_say(disputed, by, salesforce):
    review_decisions.lock(disputed, by=by, at=minutes(5))
    hear(salesforce, {"Email": EMAIL, "Title": "Chair"}, at=minutes(6))

    assert FieldState.objects.get(field="title").locked_by == by
    assert Contact.objects.get().title == "CFO"
    assert ReviewItem.objects.filter(state="open").count() == 0


def test_of_two_who_decide_at_once_the_second_is_told_who_was_first(disputed, by):
    stale = ReviewItem.objects.get()
    review_decisions.edit(disputed, "Group CFO", by=by, at=minutes(5))

    with pytest.raises(review_decisions.ReviewRefused, match="operator decided this on 16 November"):
        review_decisions.edit(stale, "Chair", by=by, at=minutes(6))

    assert Contact.objects.get().title == "Group CFO"


def test_a_conflict_closes_by_itself_once_the_sources_agree(disputed, salesforce):
    hear(salesforce, {"Email": EMAIL, "Title": "CFO"}, at=minutes(3))

    disputed.refresh_from_db()
    assert (disputed.state, disputed.decided_by, disputed.decided_at) == ("closed", None, minutes(3))
    assert "agree now" in disputed.reason


def test_a_conflict_closes_once_the_clients_rule_decides(disputed):
    FieldRule.objects.update(rule="latest")

    reviews.close_solved(ReviewItem.objects.all(), at=minutes(3))

    disputed.refresh_from_db()
    assert disputed.state == "closed"


# --- flapping


def test_a_field_that_keeps_changing_is_asked_about_once(hubspot):
    for number, title in enumerate(["CFO", "Chair"] * 4):
        hear(hubspot, ADA | {"jobtitle": title}, at=minutes(number))

    (item,) = ReviewItem.objects.all()
    assert (item.kind, item.field, sorted(values(item))) == ("flapping", "title", ["CFO", "Chair"])


def test_a_few_changes_are_no_flapping(hubspot):
    for number, title in enumerate(["CFO", "Chair"] * 2):
        hear(hubspot, ADA | {"jobtitle": title}, at=minutes(number))

    assert not ReviewItem.objects.exists()


# --- who is who


def told(connection, ext_id, *, email="", at=AT, **said):
    """A record of a party with ids of its own, and what it says."""
    record = SourceRecord.objects.create(
        client=connection.client, connection=connection, source=connection.party, ext_id=ext_id, created_at=at
    )
    words = said | ({"email": email} if email else {})
    Observation.objects.bulk_create(
        Observation(record=record, field=name, value=value, occurred_at=at) for name, value in words.items()
    )
    contacts.lock(connection.client)
    deciding.recompute(connection.client, [record], at=at)
    record.refresh_from_db()
    return record


NAMED = {"full_name": "Ada Lee", "company_domain": "northwind-bank.example"}


@pytest.fixture
def nameless(hubspot):
    """Ada by her address, and a record without one that is much like her."""
    told(hubspot, "1", email=EMAIL, **NAMED)
    record = told(hubspot, "2", full_name="LEE, Ada", company_domain="northwind-bank.example", phone="+49 30 901820")
    reviews.look_at_nameless(since=AT, at=minutes(1))
    return record


def test_a_record_without_an_address_that_is_like_a_contact_is_asked_about(nameless):
    (item,) = ReviewItem.objects.all()

    assert (item.kind, item.contact, item.record) == ("similar", Contact.objects.get(), nameless)
    assert nameless.contact is None


def test_a_like_name_at_another_company_is_nobodys_question(hubspot):
    told(hubspot, "1", email=EMAIL, **NAMED)
    told(hubspot, "2", full_name="Ada Lee", company_domain="elsewhere.example")

    reviews.look_at_nameless(since=AT, at=minutes(1))

    assert not ReviewItem.objects.exists()


def test_another_client_is_never_compared(nameless):
    other = make_connection(name="Other")
    told(other, "9", full_name="Ada Lee", company_domain="northwind-bank.example")

    reviews.look_at_nameless(since=AT, at=minutes(1))

    assert {item.client_id for item in ReviewItem.objects.all()} == {nameless.client_id}


def test_a_merge_gives_what_the_record_says_to_the_contact_for_good(nameless, by):
    review_decisions.merge(ReviewItem.objects.get(), by=by, at=minutes(5))

    nameless.refresh_from_db()
    contact = Contact.objects.get()
    assert (nameless.contact, contact.phone, SamePerson.objects.get().said_by) == (contact, "+49 30 901820", by)
    assert (ReviewItem.objects.get().decision, ReviewItem.objects.get().decided_by) == ("merged", by)


def test_what_is_no_duplicate_is_never_asked_again(nameless, by):
    review_decisions.keep_apart(ReviewItem.objects.get(), by=by, at=minutes(5))

    reviews.look_at_nameless(since=AT, at=minutes(6))

    assert [item.decision for item in ReviewItem.objects.all()] == ["apart"]
    assert not SamePerson.objects.exists()


def test_a_pair_is_asked_about_once_however_often_it_is_looked_at(nameless):
    reviews.look_at_nameless(since=AT, at=minutes(2))

    assert ReviewItem.objects.count() == 1


def test_a_record_that_gets_the_address_closes_the_question(nameless):
    Observation.objects.create(record=nameless, field="email", value=EMAIL, occurred_at=minutes(2))
    contacts.lock(nameless.client)
    deciding.recompute(nameless.client, [nameless], at=minutes(2))

    reviews.close_solved(ReviewItem.objects.all(), at=minutes(3))

    assert "became one contact" in ReviewItem.objects.get().reason


def test_two_contacts_that_are_alike_are_one_question_and_lower_the_score(hubspot, by):
    told(hubspot, "1", email=EMAIL, **NAMED)
    told(hubspot, "2", email="a.lee@northwind-bank.example", **NAMED)
    first, second = Contact.objects.order_by("pk")

    reviews.look_for_twins([first, second], at=minutes(1))

    (item,) = ReviewItem.objects.all()
    assert (item.contact, item.record.contact) == (first, second)
    assert "duplicate" in {each.rule for each in scores.findings_of([first], at=minutes(1))[first.pk]}

    review_decisions.merge(item, by=by, at=minutes(5))
    second.refresh_from_db()
    assert second.merged_into == first
    assert Contact.objects.get(pk=first.pk).other_emails


def test_who_is_like_everybody_is_asked_about_a_few_times_only(hubspot):
    for number in range(6):
        told(hubspot, f"{number}", email=f"ada{number}@northwind-bank.example", **NAMED)
    newest = Contact.objects.latest("pk")

    reviews.look_for_twins([newest], at=minutes(1))

    assert ReviewItem.objects.count() == reviews.MOST_TWINS


def test_two_records_of_one_source_at_one_address_are_asked_about(hubspot, by):
    one, two = told(hubspot, "1", email=EMAIL, **NAMED), told(hubspot, "2", email=EMAIL, full_name="Eve Lee")

    reviews.look([], {one.contact_id}, at=minutes(1))

    (item,) = ReviewItem.objects.all()
    assert (item.kind, item.record, item.other_record) == ("two_records", one, two)
    review_decisions.merge(item, by=by, at=minutes(2))
    reviews.look([], {one.contact_id}, at=minutes(3))
    assert ReviewItem.objects.count() == 1


def test_two_sources_at_one_address_are_nobodys_question(hubspot, salesforce):
    hear(hubspot, ADA)
    hear(salesforce, {"Email": EMAIL, "Title": "CFO"}, at=minutes(1))

    assert not ReviewItem.objects.exists()


def test_a_question_about_somebody_who_is_gone_closes(nameless):
    Contact.objects.update(deleted_at=minutes(2))

    reviews.close_solved(ReviewItem.objects.all(), at=minutes(3))

    assert (ReviewItem.objects.get().state, ReviewItem.objects.get().reason) == ("closed", "The contact is gone.")


# --- the pages


@pytest.fixture
def operator(client, by):
    client.force_login(by)
    return client


def one(item):
    return reverse("contact_review", args=[item.pk])


def test_the_queue_opens_the_oldest_with_both_words_side_by_side(operator, disputed):
    shown = operator.get(reverse("contact_reviews")).content.decode()

    assert "Title: the sources disagree" in shown
    assert "What Our HubSpot says" in shown
    assert "What Their Salesforce says" in shown


def test_a_value_is_taken_on_the_page_and_the_next_question_opens(operator, disputed, hubspot, salesforce):
    hear(hubspot, ADA | {"email": "eve@northwind-bank.example"}, at=minutes(2))
    hear(salesforce, {"Email": "eve@northwind-bank.example", "Title": "Chair"}, at=minutes(3))
    following = ReviewItem.objects.get(state="open", opened_at=minutes(3))

    answer = operator.post(one(disputed), {"action": "take", "observation": disputed.observations[0]})

    assert answer["Location"] == one(following)
    assert Contact.objects.get(email=EMAIL).title == "Treasurer"


def test_a_word_that_is_not_on_the_page_is_not_taken(operator, disputed):
    other = Observation.objects.exclude(pk__in=disputed.observations).first()

    shown = operator.post(one(disputed), {"action": "take", "observation": other.pk}).content.decode()

    assert "Choose one of the values" in shown
    assert ReviewItem.objects.get().state == "open"


def test_two_people_stand_beside_each_other_and_are_kept_apart_on_the_page(operator, nameless):
    item = ReviewItem.objects.get()

    shown = operator.get(one(item)).content.decode()
    operator.post(one(item), {"action": "apart", "reason": "Father and daughter."})

    assert "LEE, Ada" in shown
    assert "belongs to nobody yet" in shown
    item.refresh_from_db()
    assert (item.decision, item.reason) == ("apart", "Father and daughter.")


def test_a_question_that_solved_itself_is_closed_when_it_is_opened(operator, disputed):
    FieldRule.objects.update(rule="latest")

    shown = operator.get(one(disputed)).content.decode()

    assert "Closed by itself" in shown
    assert "Take this" not in shown


def test_an_account_manager_decides_for_own_clients_and_finds_no_others(client, disputed):
    user = make_user_of("manager")
    client.force_login(user)
    assert client.get(one(disputed)).status_code == 404
    assert "Ada" not in client.get(reverse("contact_reviews")).content.decode()

    disputed.client.managers.add(user)
    client.post(one(disputed), {"action": "lock"})

    disputed.refresh_from_db()
    assert (disputed.decision, disputed.decided_by) == ("locked", user)


def test_a_viewer_reads_and_decides_nothing(client, disputed):
    client.force_login(make_user_of("viewer"))

    assert "Take this" not in client.get(one(disputed)).content.decode()
    assert client.post(one(disputed), {"action": "lock"}).status_code == 403
    disputed.refresh_from_db()
    assert disputed.state == "open"
