"""The agency's accounts in the admin: a key is typed once and shown nowhere; who sees one client only sees none."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from agents_app.models import SourceAccount, SourceRecord
from clients import credentials
from tests.crowd import make_user_of
from tests.everywhere import places
from tests.factories import AT, make_client, make_contact, make_request, plan_run

pytestmark = pytest.mark.django_db

KEY = "s3cret-of-the-agency-0815"


@pytest.fixture
def operator(client):
    client.force_login(make_user_of("operator"))
    return client


def page(kind, *args):
    return reverse(f"admin:agents_app_sourceaccount_{kind}", args=args)


def typed(**changes):
    return {
        "source": "crunchbase_or_so",
        "mode": "live",
        "is_active": "on",
        "credits_a_month": "",
        "note": "",
        **changes,
    }


def test_a_key_is_kept_encrypted_and_stands_on_no_page_and_in_no_table(operator):
    answer = operator.post(page("add"), typed(source="people_data_labs", secret=KEY, credits_a_month="500"))

    account = SourceAccount.objects.get()
    assert answer.status_code == 302
    assert credentials.decrypt(bytes(account.credential)) == KEY
    shown = [operator.get(page(kind, account.pk)).content.decode() for kind in ("change", "history")]
    past = reverse("admin:agents_app_sourceaccount_simple_history", args=[account.pk, account.history.get().history_id])
    shown += [operator.get(each).content.decode() for each in (page("changelist"), past)]
    assert not any(KEY in each for each in shown)
    assert "One is kept here, encrypted." in shown[0]
    assert places(KEY) == []
    assert LogEntry.objects.count() == 1


def test_saving_without_a_key_keeps_the_present_one_and_says_who_changed_what(operator):
    account = SourceAccount.objects.create(
        source="newsapi", mode="live", credential=credentials.encrypt(KEY), created_at=AT
    )

    operator.post(page("change", account.pk), typed(mode="sandbox", note="Ends in March."))

    account.refresh_from_db()
    assert (account.mode, account.note, credentials.decrypt(bytes(account.credential))) == (
        "sandbox",
        "Ends in March.",
        KEY,
    )
    newest = account.history.latest("history_id")
    assert (newest.history_user.username, newest.mode) == ("operator", "sandbox")
    assert not hasattr(newest, "credential")


def test_a_key_may_stand_elsewhere_and_its_page_says_when_it_does_not(operator):
    account = SourceAccount.objects.create(
        source="newsapi", mode="live", credential=credentials.encrypt(KEY), created_at=AT
    )

    operator.post(page("change", account.pk), typed(credential_ref="env:GTM_SECRET_NEWSAPI"))

    account.refresh_from_db()
    shown = operator.get(page("change", account.pk)).content.decode()
    assert (bytes(account.credential), account.credential_ref) == (b"", "env:GTM_SECRET_NEWSAPI")
    assert "It stands at env:GTM_SECRET_NEWSAPI. There is no variable GTM_SECRET_NEWSAPI." in shown


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"credential_ref": "env:HOME"}, "only variables that begin with GTM_SECRET_"),
        ({"credential_ref": "env:GTM_SECRET_X", "secret": KEY}, "Enter the secret, or name where it stands, not both."),
        ({"source": "crystal_ball"}, "Select a valid choice."),
        ({}, "The agency has an active account at this source already. Switch it off first."),
    ],
)
def test_what_cannot_be_is_refused_in_words(operator, changes, words):
    SourceAccount.objects.create(source="newsapi", created_at=AT)

    shown = operator.post(page("add"), typed(**{"source": "newsapi", **changes})).content.decode()

    assert words in shown
    assert (KEY in shown, SourceAccount.objects.count()) == (False, 1)


def test_beside_one_that_is_switched_off_another_may_stand(operator):
    SourceAccount.objects.create(source="newsapi", is_active=False, created_at=AT)

    operator.post(page("add"), typed(source="newsapi"))

    assert SourceAccount.objects.filter(source="newsapi", is_active=True).count() == 1


def test_its_page_says_what_was_spent_this_month(operator, monkeypatch):
    account = SourceAccount.objects.create(source="people_data_labs", mode="live", credits_a_month=500, created_at=AT)
    monkeypatch.setattr("django.utils.timezone.now", lambda: AT)
    SourceRecord.objects.create(
        run=plan_run(), source="people_data_labs", company_domain="x.example", status="ok", is_sandbox=False, credits=12.5,
        asked_with=account.asked_with, fetched_at=AT,
    )  # fmt: skip

    assert "12.5 of 500" in operator.get(page("change", account.pk)).content.decode()


@pytest.mark.parametrize("role", ["manager", "viewer"])
def test_who_works_for_clients_sees_no_account_and_no_trace_of_one(client, role):
    account = SourceAccount.objects.create(source="newsapi", created_at=AT)
    client.force_login(make_user_of(role))

    pages = [page("changelist"), page("add"), *(page(kind, account.pk) for kind in ("change", "history", "delete"))]

    assert {client.get(each).status_code for each in pages} == {403}
    assert "Source accounts" not in client.get("/").content.decode()
    assert "sourceaccount" not in client.get("/admin/").content.decode()


def test_an_answer_that_was_lent_is_shown_whole_without_a_word_of_who_lent_it(client):
    lender = plan_run(make_request(make_contact(make_client("acme"))))
    basis = {
        "source": "people_data_labs",
        "company_domain": "northwind-bank.example",
        "status": "ok",
        "asked_with": "account:1",
    }
    lent = SourceRecord.objects.create(run=lender, payload={"display_name": "Northwind Bank"}, fetched_at=AT, **basis)
    borrower = make_client("other")
    run = plan_run(make_request(make_contact(borrower)))
    record = SourceRecord.objects.create(run=run, same_as=lent, fetched_at=AT, **basis)
    manager = make_user_of("manager")
    borrower.managers.add(manager)
    client.force_login(manager)

    shown = client.get(reverse("admin:agents_app_sourcerecord_change", args=[record.pk])).content.decode()
    of_run = client.get(reverse("run_page", args=[run.pk])).content.decode()

    assert "&quot;display_name&quot;: &quot;Northwind Bank&quot;" in shown
    assert "The answer of 16 November 2026, 09:00; nobody was asked." in shown
    assert "The answer of 16 November 2026, 09:00, used again." in of_run
    assert "acme" not in (shown + of_run).lower()
