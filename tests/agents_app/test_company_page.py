"""What is known of a company, on a page: evidence, disagreement, the past, what is around it; how sources fare."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from agents_app import corrections, entities, flow
from agents_app.flow import reliability
from agents_app.models import Correction, Fact, SourceRecord
from tests.crowd import make_user_of
from tests.factories import AT, make_contact, make_ready_client, make_request, plan_run

pytestmark = pytest.mark.django_db
DOMAIN = "copperfield-lending.example"


@pytest.fixture
def run():
    contact = make_contact(make_ready_client(), company_domain=DOMAIN, company_name="Copperfield Lending")
    found = flow.execute(plan_run(make_request(contact, depth="standard")).pk, clock=lambda: AT)
    entities.absorb(found, at=AT)
    return found


@pytest.fixture
def operator(client):
    client.force_login(make_user_of("operator"))
    return client


def page_of(run, **query):
    return reverse("company", args=[run.client.slug, DOMAIN], query=query or None)


def test_each_fact_stands_with_its_sources_its_pointers_and_its_age(operator, run):
    page = operator.get(page_of(run)).content.decode()

    assert "Copperfield Lending, as known to" in page
    assert "People Data Labs" in page
    record = SourceRecord.objects.get(run=run, source="people_data_labs")
    assert reverse("admin:agents_app_sourcerecord_change", args=[record.pk]) in page
    assert "<code>/company/employee_count</code>" in page


def test_where_sources_disagree_a_person_decides_and_it_holds_for_the_next_run(operator, run):
    page = operator.get(page_of(run)).content.decode()
    assert "Sources disagree" in page

    said = operator.post(
        page_of(run), {"attribute": "headcount", "value": "430", "other": "520", "note": "Their site."}, follow=True
    )

    [correction] = Correction.objects.all()
    assert (correction.value, correction.note, correction.withdrawn_at) == ("520", "Their site.", None)
    assert "“520” holds for" in said.content.decode()
    later = flow.execute(plan_run(make_request(run.request.contact)).pk, clock=lambda: timezone.now())
    [fact] = Fact.objects.filter(run=later, attribute="headcount")
    assert (fact.value, "person" in {term["term"] for term in fact.confidence_terms}) == ("520", True)


def test_what_was_decided_on_the_page_teaches_how_right_the_sources_are(operator, run):
    before = reliability.of_sources(timezone.now(), {"people_data_labs": True})

    operator.post(page_of(run), {"attribute": "headcount", "value": "520"})

    after = reliability.of_sources(timezone.now(), {"people_data_labs": True})
    learned = after["people_data_labs", "headcount"]
    assert (before, learned.right, learned.seen) == ({}, 0, 1)


def test_what_was_decided_is_taken_back(operator, run):
    operator.post(page_of(run), {"attribute": "headcount", "value": "520"})

    operator.post(page_of(run), {"withdraw": "headcount"})

    assert Correction.objects.get().withdrawn_at is not None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"attribute": "headcount", "value": "very many"}, "cannot be read as “Headcount”"),
        ({"attribute": "news", "value": "x"}, "Only an attribute with one value"),
        ({"attribute": "mood", "value": "x"}, "Only an attribute with one value"),
    ],
)
def test_what_cannot_be_a_value_is_refused_in_words_and_nothing_is_kept(operator, run, said, words):
    page = operator.post(page_of(run), said, follow=True).content.decode()

    assert words in page
    assert Correction.objects.count() == 0


def test_a_viewer_reads_and_decides_nothing(client, run):
    client.force_login(make_user_of("viewer"))

    assert client.get(page_of(run)).status_code == 200
    assert client.post(page_of(run), {"attribute": "headcount", "value": "520"}).status_code == 403
    assert Correction.objects.count() == 0


def test_the_past_of_a_fact_names_each_word_its_run_and_until_when_it_was_held(operator, run):
    spot = corrections.Spot(run.client, DOMAIN, "founded_year")
    corrections.decide(spot, "2011", by=None, at=AT)
    again = flow.execute(plan_run(make_request(run.request.contact)).pk, clock=lambda: AT + timedelta(days=40))
    entities.absorb(again, at=AT + timedelta(days=40))

    page = operator.get(page_of(run, past="founded_year")).content.decode()

    assert "Founded, over time" in page
    newest, oldest = page.index("<strong>2011</strong>", page.index("over time")), page.rindex("<strong>2012</strong>")
    assert newest < oldest
    assert "until 26 Dec 2026" in page[oldest:]
    assert f'run <a href="{reverse("run_page", args=[again.pk])}"' in page
    assert f'run <a href="{reverse("run_page", args=[run.pk])}"' in page


def test_what_is_around_it_is_drawn_with_a_table_beside_it(operator, run):
    page = operator.get(page_of(run)).content.decode()

    assert '<svg class="waterfall graph"' in page
    assert "<td>Copperfield Lending</td><td>is in the industry</td>" in page


def test_on_a_day_before_anything_was_known_nothing_was_held(operator, run):
    page = operator.get(page_of(run, known="2020-01-01")).content.decode()

    assert "was known of it then" in page


def test_a_company_nobody_researched_is_not_found(operator, run):
    assert operator.get(reverse("company", args=[run.client.slug, "nobody.example"])).status_code == 404


def test_the_companies_of_a_client_are_listed_and_found_by_a_part_of_their_domain(operator, run):
    listed = operator.get(reverse("client_companies", args=[run.client.slug])).content.decode()
    found = operator.get(reverse("client_companies", args=[run.client.slug], query={"q": "zzz"})).content.decode()

    assert DOMAIN in listed
    assert "To settle" in listed
    assert "No company whose domain holds “zzz”" in found


def test_sources_are_shown_with_how_often_they_answered_and_what_they_cost(operator, run):
    SourceRecord.objects.create(
        run=run,
        source="newsapi",
        company_domain=DOMAIN,
        request_key="x",
        status="failed",
        reason="It was full.",
        fetched_at=timezone.now(),
    )

    page = operator.get(reverse("research_sources")).content.decode()

    assert "NewsAPI" in page
    assert "It was full." in page
    assert "Not asked again" in page
