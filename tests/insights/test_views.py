from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from agents_app import versions
from agents_app.models import PromptVersion
from insights import review, tickets
from insights.models import SatisfactionScore, Suggestion, Ticket
from tests.factories import make_client, make_user
from tests.mailings import make_mailing

pytestmark = pytest.mark.django_db

MONDAY = date(2026, 11, 9)
IN_WEEK = datetime(2026, 11, 11, 10, 0, tzinfo=UTC)
NEXT_MONDAY = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
EVERYTHING = [
    "view_weeklyreport",
    "change_suggestion",
    "add_ticket",
    "change_ticket",
    "view_ticket",
    "move_label",
    "see_all_clients",
]


def signed_in(*permissions, username=""):
    user = make_user(username, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Browser()
    browser.force_login(user)
    return browser, user


def make_review(*names):
    clients = [make_client(name.lower(), name=name) for name in names]
    for client in clients:
        make_mailing(client, 6, replies=1, sent_at=IN_WEEK)
        SatisfactionScore.objects.create(client=client, score=3, answered_at=IN_WEEK)
    return review.build(MONDAY, at=NEXT_MONDAY), clients


def decide(browser, report, suggestion, **form):
    return browser.post(
        reverse("weekly_review_version", args=[report.week, report.version]), {"suggestion": suggestion.pk, **form}
    )


def text(response):
    return " ".join(response.content.decode().split())


def test_without_a_review_the_page_says_when_one_comes():
    browser, _ = signed_in(*EVERYTHING)

    assert "The first comes by itself on Monday" in text(browser.get("/review/"))


def test_the_newest_review_is_shown_with_last_weeks_tickets_before_the_numbers():
    report, _ = make_review("Acme")
    browser, user = signed_in(*EVERYTHING)
    tickets.create("Shorten the subject", description="", owner=user, due_date=NEXT_MONDAY.date(), by=user, at=IN_WEEK)

    page = text(browser.get("/review/"))

    assert "Week of 9 November 2026" in page
    assert page.index("Shorten the subject") < page.index("The week in numbers") < page.index("Talk to Acme")
    assert "Only 6 e-mails this week. Rates are shown but not compared." in page
    assert "metric=reply_rate&amp;from=2026-11-09&amp;to=2026-11-15&amp;client=" in page
    assert f"&amp;report={report.pk}" in page


def test_an_old_version_says_that_a_newer_one_exists():
    report, [client] = make_review("Acme")
    make_mailing(client, 1, sent_at=IN_WEEK)
    review.build(MONDAY, at=NEXT_MONDAY + timedelta(hours=1))
    browser, _ = signed_in(*EVERYTHING)

    old = text(browser.get(reverse("weekly_review_version", args=[report.week, 1])))

    assert "Later events made" in old
    assert "version 2" in text(browser.get("/review/"))


@pytest.mark.parametrize("address", ["/review/2026-11-09/v9/", "/review/2026-02-31/v1/"])
def test_a_review_that_was_never_built_is_not_found(address):
    make_review("Acme")
    browser, _ = signed_in(*EVERYTHING)

    assert browser.get(address).status_code == 404


def test_a_suggestion_becomes_a_ticket_with_owner_and_day():
    report, _ = make_review("Acme")
    suggestion = Suggestion.objects.get()
    browser, user = signed_in(*EVERYTHING)
    prefix = f"accept-{suggestion.pk}"
    due = timezone.localdate() + timedelta(days=7)

    answer = decide(
        browser,
        report,
        suggestion,
        action="accept",
        **{f"{prefix}-owner": user.pk, f"{prefix}-due_date": due, f"{prefix}-description": "Call on Friday"},
    )

    ticket = Ticket.objects.get()
    assert answer.status_code == 302
    assert (ticket.suggestion, ticket.owner, ticket.due_date, ticket.description) == (
        suggestion,
        user,
        due,
        "Call on Friday",
    )
    assert f"ticket {ticket.pk}</a>, due" in text(browser.get("/review/"))


def test_a_due_day_that_has_passed_is_refused_and_nothing_typed_is_lost():
    report, _ = make_review("Acme")
    suggestion = Suggestion.objects.get()
    browser, user = signed_in(*EVERYTHING)
    prefix = f"accept-{suggestion.pk}"

    answer = decide(
        browser,
        report,
        suggestion,
        action="accept",
        **{f"{prefix}-owner": user.pk, f"{prefix}-due_date": "2020-01-01", f"{prefix}-description": "Call on Friday"},
    )

    assert answer.status_code == 422
    assert "The due date 1 January 2020 has passed" in text(answer)
    assert "Call on Friday" in text(answer)
    assert not Ticket.objects.exists()


def test_a_suggestion_is_dismissed_with_a_reason():
    report, _ = make_review("Acme")
    suggestion = Suggestion.objects.get()
    browser, user = signed_in(*EVERYTHING, username="priya")

    refused = decide(browser, report, suggestion, action="dismiss")
    assert (refused.status_code, "Say why in a few words" in text(refused)) == (422, True)

    decide(browser, report, suggestion, action="dismiss", **{f"dismiss-{suggestion.pk}-reason": "We called already."})

    suggestion.refresh_from_db()
    assert (suggestion.status, suggestion.dismissal, suggestion.decided_by) == ("dismissed", "We called already.", user)
    assert "priya dismissed it: “We called already.”" in text(browser.get("/review/"))


def test_who_may_only_look_sees_no_button_and_is_refused_by_hand():
    report, _ = make_review("Acme")
    suggestion = Suggestion.objects.get()
    browser, _ = signed_in("view_weeklyreport", "see_all_clients")

    assert "Make a ticket" not in text(browser.get("/review/"))
    answer = decide(browser, report, suggestion, action="dismiss", **{f"dismiss-{suggestion.pk}-reason": "No."})

    suggestion.refresh_from_db()
    assert (answer.status_code, suggestion.status) == (403, "open")


def test_an_account_manager_sees_the_part_about_own_clients_only():
    report, [mine, other] = make_review("Mine", "Zanzibar")
    browser, user = signed_in("view_weeklyreport", "change_suggestion", "add_ticket")
    mine.managers.add(user)
    for client in (mine, other):
        tickets.create(
            f"For {client.name}",
            description="",
            owner=user,
            due_date=NEXT_MONDAY.date(),
            by=user,
            at=IN_WEEK,
            client=client,
        )

    page = text(browser.get("/review/"))

    assert "Zanzibar" not in page
    assert "about your clients" in page
    assert "Talk to Mine" in page
    assert "For Mine" in page
    assert "Net Promoter" not in page
    assert decide(browser, report, Suggestion.objects.get(client=other), action="dismiss").status_code == 404


def test_the_rows_behind_a_figure_have_its_total():
    report, [client] = make_review("Acme")
    browser, _ = signed_in(*EVERYTHING)
    make_mailing(client, 5, replies=5, sent_at=IN_WEEK)  # came in after the report

    address = f"/review/rows/?metric=reply_rate&from=2026-11-09&to=2026-11-15&client={client.pk}&report={report.pk}"
    page = text(browser.get(address))

    assert "E-mails that were answered, 9 November 2026 to 15 November 2026" in page
    assert "<strong>6 of 11.</strong>" in page
    assert page.count("<td>yes</td>") == 6
    assert text(browser.get(address + "&only=hits")).count("<td>") == 6 * 4


def test_an_account_manager_finds_no_rows_of_others():
    _, [mine, other] = make_review("Mine", "Zanzibar")
    browser, user = signed_in("view_weeklyreport")
    mine.managers.add(user)
    address = "/review/rows/?metric=reply_rate&from=2026-11-09&to=2026-11-15"

    assert "<strong>1 of 6.</strong>" in text(browser.get(address))
    page = text(browser.get(f"{address}&client={other.pk}"))
    assert "Zanzibar" not in page
    assert "<strong>0 of 0.</strong>" in page


def test_an_address_without_a_figure_says_so():
    browser, _ = signed_in(*EVERYTHING)

    assert browser.get("/review/rows/").status_code == 200
    answer = browser.get("/review/rows/?metric=happiness")
    assert (answer.status_code, "no metric “happiness”" in text(answer)) == (400, True)


def test_the_page_takes_at_most_twenty_queries_whatever_the_number_of_rows(django_assert_max_num_queries):
    make_review(*[f"Client {n}".replace(" ", "-") for n in range(8)])
    browser, user = signed_in(*EVERYTHING)
    for number in range(15):
        tickets.create(f"Ticket {number}", description="", owner=user, due_date=NEXT_MONDAY.date(), by=user, at=IN_WEEK)
    browser.get("/review/")

    with django_assert_max_num_queries(20):
        browser.get("/review/")


def carry_out(browser, ticket, **form):
    return browser.post(reverse("admin:insights_ticket_carry_out", args=[ticket.pk]), form)


def make_ticket(user):
    return tickets.create("Improve it", description="", owner=user, due_date=NEXT_MONDAY.date(), by=user, at=IN_WEEK)


def test_a_ticket_makes_a_prompt_live_from_its_page():
    browser, user = signed_in(*EVERYTHING)
    ticket = make_ticket(user)
    versions.live(at=IN_WEEK)
    version = versions.create("email_agent", text="Be brief.", note="", by=user, at=IN_WEEK)

    answer = carry_out(browser, ticket, action="prompt", **{"prompt-version": version.pk})

    ticket.refresh_from_db()
    assert answer.status_code == 302
    assert (ticket.status, ticket.change.changed) == ("applied", version)
    assert PromptVersion.objects.get(agent="email_agent", label="live") == version
    assert "E-mail v2 went live in place of v1" in text(
        browser.get(reverse("admin:insights_ticket_change", args=[ticket.pk]))
    )


def test_a_role_that_may_not_release_prompts_cannot_do_it_through_a_ticket():
    browser, user = signed_in("change_ticket", "view_ticket", "see_all_clients")
    ticket = make_ticket(user)
    version = versions.create("email_agent", text="Be brief.", note="", by=user, at=IN_WEEK)

    answer = carry_out(browser, ticket, action="prompt", **{"prompt-version": version.pk})

    ticket.refresh_from_db()
    version.refresh_from_db()
    assert "Choose one of the changes on this page" in text(answer)
    assert (ticket.status, version.label) == ("open", "draft")


def test_a_number_that_is_none_is_refused_beside_its_field():
    browser, user = signed_in(*EVERYTHING, "change_client")
    ticket, client = make_ticket(user), make_client()

    answer = carry_out(
        browser,
        ticket,
        action="setting",
        **{"setting-client": client.pk, "setting-field": "custom_fields.max_words", "setting-value": "ninety"},
    )

    client.refresh_from_db()
    assert "“ninety” is not a whole number" in text(answer)
    assert "custom_fields.max_words" not in client.settings


def test_a_ticket_is_dropped_from_its_page_with_a_reason():
    browser, user = signed_in(*EVERYTHING)
    ticket = make_ticket(user)

    assert "Say why in a few words" in text(carry_out(browser, ticket, action="drop"))
    carry_out(browser, ticket, action="drop", **{"drop-reason": "The client left."})

    ticket.refresh_from_db()
    assert (ticket.status, ticket.closed_reason) == ("dropped", "The client left.")


def test_a_support_ticket_gets_the_moment_it_was_solved():
    from insights import feedback
    from insights.models import SupportTicket

    ticket = SupportTicket(client=make_client(), subject="Why?", opened_at=IN_WEEK, status="solved")

    assert feedback.settle(ticket, at=NEXT_MONDAY).solved_at == NEXT_MONDAY
    assert feedback.settle(ticket, at=NEXT_MONDAY + timedelta(days=1)).solved_at == NEXT_MONDAY
    ticket.status = "open"
    assert feedback.settle(ticket, at=NEXT_MONDAY).solved_at is None
