from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email import message_from_string
from pathlib import Path
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import IntegrityError, connection, transaction

from agents_app import sending
from agents_app.models import Draft, Send
from clients import suppression
from tests.factories import AT, make_campaign, make_client, make_contact, make_draft, make_request, make_run, make_send

MODEL = "claude-sonnet-5-5"


def make_approved(
    *, email: str = "ada@northwind-bank.example", client: dict[str, Any] | None = None, **values: Any
) -> Draft:
    owner = make_client(**{"postal_address": "1 Mint Street, Leeds", **(client or {})})
    contact = values.pop("contact", None) or make_contact(owner, email)
    run = make_run(make_request(contact), config={"custom_fields": {"sender_name": "Zoë Marsh"}})
    return make_draft(run, **{"status": "approved", "decided_at": AT, "send_at": AT, **values})


def refusal(draft: Draft) -> tuple[str, str]:
    draft.refresh_from_db()
    return draft.status, draft.refusal


class FailingBackend(EmailBackend):
    """Mail server stand-in: `errors` tells at which of its steps it breaks, and how."""

    errors: dict[str, Exception] = {}

    def open(self) -> bool:
        if error := self.errors.get("open"):
            raise error
        return True

    def send_messages(self, messages: Any) -> int:
        if error := self.errors.get("send"):
            raise error
        return int(super().send_messages(messages))


@pytest.fixture
def server_breaks(settings, monkeypatch):
    def at_step(step: str, error: Exception) -> None:
        settings.EMAIL_BACKEND = f"{__name__}.FailingBackend"
        monkeypatch.setattr(FailingBackend, "errors", {step: error})

    return at_step


@pytest.mark.django_db
def test_a_draft_is_due_when_it_is_approved_its_hour_has_come_and_its_client_is_active():
    second, first = make_approved(send_at=AT), make_approved(send_at=AT - timedelta(hours=1))
    make_approved(send_at=AT + timedelta(seconds=1))
    make_approved(status="waiting")
    make_approved(client={"status": "paused"})

    assert sending.due(AT) == [first.pk, second.pk]


@pytest.mark.django_db
def test_an_e_mail_carries_what_law_and_mailbox_providers_ask(settings):
    settings.PUBLIC_URL = "https://gtm.example"
    draft = make_approved()

    sent = sending.send(draft.pk, at=AT)

    (message,) = mail.outbox
    link = f"https://gtm.example/u/{suppression.token(draft.contact)}/"
    assert (message.subject, message.to, message.cc, message.bcc) == (
        draft.final_subject,
        ["ada@northwind-bank.example"],
        [],
        [],
    )
    assert message.body == (
        f"{draft.final_body}\n\n-- \n{draft.run.client.name}\n1 Mint Street, Leeds\nNo more e-mails from us: {link}\n"
    )
    on_wire = message_from_string(message.message().as_string())
    assert on_wire["List-Unsubscribe"].split() == [f"<{link}>"]  # a long header is folded
    assert on_wire["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert on_wire["Message-ID"] == f"<draft-{draft.pk}@gtm.example>"
    assert on_wire["Date"] == "Mon, 16 Nov 2026 09:00:00 +0000"
    assert "outreach@agency.example" in on_wire["From"]
    assert suppression.read_token(link.split("/u/")[1].strip("/")) == draft.contact
    assert (sent.draft, sent.contact, sent.message_id, sent.sent_at) == (
        draft,
        draft.contact,
        f"<draft-{draft.pk}@gtm.example>",
        AT,
    )
    assert (sent.generator, sent.address_is_reserved) == ("offline-composer/1", True)
    assert refusal(draft) == ("sent", "")


@pytest.mark.django_db
def test_what_a_person_edited_is_what_goes_out():
    draft = make_approved(final_subject="Faster books", final_body="Dear Ada")

    sending.send(draft.pk, at=AT)

    assert (mail.outbox[0].subject, mail.outbox[0].body.startswith("Dear Ada\n\n-- ")) == ("Faster books", True)


@pytest.mark.django_db
def test_the_dry_run_writes_a_file(settings, tmp_path: Path):
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = "django.core.mail.backends.filebased.EmailBackend", tmp_path
    draft = make_approved()

    sending.send(draft.pk, at=AT)

    (written,) = tmp_path.iterdir()
    assert f"Message-ID: {sending.message_id(draft)}" in written.read_text()


@pytest.mark.django_db
def test_a_draft_is_sent_once():
    draft = make_approved()

    assert sending.send(draft.pk, at=AT) is not None
    assert sending.send(draft.pk, at=AT) is None

    assert (len(mail.outbox), Send.objects.count()) == (1, 1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "values",
    [
        {"status": "waiting"},
        {"status": "rejected"},
        {"send_at": AT + timedelta(hours=1)},
        {"client": {"status": "paused"}},
    ],
)
def test_what_is_not_due_waits(values):
    draft = make_approved(**values)

    assert sending.send(draft.pk, at=AT) is None

    assert (mail.outbox, Send.objects.count()) == ([], 0)
    assert refusal(draft) == (values.get("status", "approved"), "")


@pytest.mark.django_db
def test_who_unsubscribed_after_the_approval_gets_nothing():
    draft = make_approved()
    suppression.suppress(draft.run.client, " ADA@northwind-bank.example", reason="unsubscribed", at=AT)

    assert sending.send(draft.pk, at=AT) is None

    assert mail.outbox == []
    assert refusal(draft) == (
        "refused",
        "The address unsubscribed, bounced or was blocked. It is never written to again.",
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "email", ["ada@northwind-bank.com", "ada@example.com.evil.io", "ada@example.co", "ada@notexample.com"]
)
def test_what_the_composer_wrote_never_goes_to_a_real_address(email):
    draft = make_approved(email=email)

    assert sending.send(draft.pk, at=AT) is None

    assert (mail.outbox, Send.objects.count()) == ([], 0)
    assert refusal(draft)[0] == "refused"
    assert "goes only to reserved domains" in refusal(draft)[1]


@pytest.mark.django_db
def test_what_the_model_wrote_goes_to_a_real_address():
    draft = make_approved(email="ada@northwind-bank.com", generator=MODEL)

    sent = sending.send(draft.pk, at=AT)

    assert (sent.generator, sent.address_is_reserved, len(mail.outbox)) == (MODEL, False, 1)


@pytest.mark.django_db
def test_the_database_too_keeps_the_composer_from_real_people():
    draft = make_approved(email="ada@northwind-bank.com")

    with pytest.raises(IntegrityError, match="composer_never_writes_to_real_people"), transaction.atomic():
        make_send(draft, address_is_reserved=False)


@pytest.mark.parametrize(
    ("address", "reserved"),
    [
        ("a@bank.example", True),
        ("a@x.bank.EXAMPLE.", True),
        ("a@host.test", True),
        ("a@nowhere.invalid", True),
        ("a@localhost", True),
        ("a@example.com", True),
        ("a@mail.example.org", True),
        ("a@example.com.io", False),
        ("a@bank.examples", False),
        ("a@example.de", False),
        ("a@myexample.net", False),
        ("a@bank.com", False),
    ],
)
def test_which_addresses_nobody_can_own(address, reserved):
    assert sending.is_reserved(address) is reserved


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"client": {"postal_address": " "}}, "The client has no postal address"),
        ({"email": "ada@northwind-bank.example\nBcc: all@bank.example"}, "address is no e-mail address"),
        ({"email": "ada@northwind-bank.example, bob@northwind-bank.example"}, "address is no e-mail address"),
    ],
)
def test_what_lacks_something_is_refused_in_words(values, words):
    draft = make_approved(**values)

    assert sending.send(draft.pk, at=AT) is None

    assert mail.outbox == []
    assert refusal(draft)[0] == "refused"
    assert words in refusal(draft)[1]


@pytest.mark.django_db
def test_a_follow_up_answers_the_mail_before_it_in_the_same_campaign():
    client = make_client(postal_address="1 Mint Street")
    contact = make_contact(client)
    campaign = make_campaign(client)
    first = make_draft(make_run(make_request(contact, campaign=campaign)), status="sent")
    make_send(first, message_id="<first@gtm.example>")
    make_send(
        make_draft(make_run(make_request(contact)), status="sent"),
        message_id="<other@gtm.example>",
        sent_at=AT + timedelta(days=1),
    )
    run = make_run(make_request(contact, campaign=campaign, sequence_step=2, purpose="follow_up"))
    draft = make_draft(run, sequence_step=2, status="approved", decided_at=AT, send_at=AT)

    sending.send(draft.pk, at=AT)

    assert mail.outbox[0].extra_headers["In-Reply-To"] == "<first@gtm.example>"
    assert mail.outbox[0].extra_headers["References"] == "<first@gtm.example>"


@pytest.mark.django_db
def test_a_mail_server_that_is_away_leaves_the_draft_for_the_next_round(server_breaks):
    server_breaks("open", ConnectionRefusedError("nobody listens"))
    draft = make_approved()

    assert sending.send(draft.pk, at=AT) is None

    assert refusal(draft) == ("approved", "")
    assert sending.due(AT) == [draft.pk]


@pytest.mark.django_db
def test_a_server_that_says_no_is_quoted_on_the_draft(server_breaks):
    server_breaks("send", SMTPRecipientsRefused({"ada@northwind-bank.example": (550, b"no such user")}))
    draft = make_approved()

    assert sending.send(draft.pk, at=AT) is None

    assert refusal(draft)[0] == "refused"
    assert "550" in refusal(draft)[1]
    assert not Send.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("error", [SMTPServerDisconnected("gone"), TimeoutError("slow")])
def test_a_connection_that_breaks_at_the_hand_over_is_never_tried_again_by_itself(server_breaks, error):
    server_breaks("send", error)
    draft = make_approved()

    assert sending.send(draft.pk, at=AT) is None

    assert refusal(draft) == ("sending", "")
    assert sending.due(AT + timedelta(days=1)) == []
    assert sending.send(draft.pk, at=AT + timedelta(days=1)) is None
    assert sending.unconfirmed(AT + timedelta(minutes=14)) == []
    assert sending.unconfirmed(AT + timedelta(minutes=15)) == [draft.pk]


@pytest.mark.django_db
def test_a_worker_that_dies_after_the_hand_over_does_not_send_twice(monkeypatch):
    draft = make_approved()

    def die(*args: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(sending, "_record", die)
    with pytest.raises(SystemExit):
        sending.send(draft.pk, at=AT)
    monkeypatch.undo()

    assert sending.send(draft.pk, at=AT) is None
    assert (len(mail.outbox), Send.objects.count(), refusal(draft)[0]) == (1, 0, "sending")


@pytest.mark.django_db
def test_a_person_says_what_became_of_a_stuck_e_mail():
    left, lost = make_approved(status="sending"), make_approved(status="sending")
    later = AT + timedelta(hours=1)

    sent = sending.settle(left, went_out=True, at=later)
    assert sending.settle(lost, went_out=False, at=later) is None

    assert (sent.sent_at, sent.message_id) == (AT, sending.message_id(left))
    assert refusal(left)[0] == "sent"
    assert sending.due(later) == [lost.pk]
    with pytest.raises(sending.NotUnconfirmed):
        sending.settle(left, went_out=False, at=later)


@pytest.mark.django_db
def test_an_e_mail_that_is_just_being_handed_over_needs_nobody():
    draft = make_approved(status="sending")

    with pytest.raises(sending.NotUnconfirmed, match="is not stuck"):
        sending.settle(draft, went_out=True, at=AT + timedelta(minutes=1))

    assert (refusal(draft)[0], Send.objects.count()) == ("sending", 0)


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_sends():
    draft = make_approved()

    def work(_: int) -> bool:
        try:
            return sending.send(draft.pk, at=AT) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(work, range(8)))

    assert (sum(sent), len(mail.outbox), Send.objects.count()) == (1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_a_decision_taken_back_at_the_last_moment_holds(monkeypatch):
    draft = make_approved()
    compose = sending.compose

    def taken_back_meanwhile(*args: Any, **kwargs: Any) -> Any:
        Draft.objects.filter(pk=draft.pk).update(status="waiting", decided_at=None)
        return compose(*args, **kwargs)

    monkeypatch.setattr(sending, "compose", taken_back_meanwhile)

    assert sending.send(draft.pk, at=AT) is None
    assert (mail.outbox, refusal(draft)[0]) == ([], "waiting")
