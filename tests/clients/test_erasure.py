"""Who asks to be forgotten is in no row any more; what their rows counted still counts."""

import hashlib
import json
from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.db import DatabaseError, transaction
from django.utils import timezone
from django_q.models import OrmQ, Task

from agents_app.models import Draft, FlowRun, Request, Send, StepContext, StepRun
from clients import erasure, spool, suppression
from clients.models import (
    Contact,
    Delivery,
    Erasure,
    Event,
    FieldState,
    Observation,
    RecordAddress,
    SourceRecord,
    Suppression,
)  # fmt: skip
from experiments.models import OutcomeEvent
from gtm import caretaking, loop
from insights.models import SupportTicket
from tests.everywhere import places
from tests.factories import (
    AT,
    make_client,
    make_connection,
    make_contact,
    make_draft,
    make_outcome,
    make_ready_client,
    make_request,
    make_run,
    make_send,
    make_step,
    make_user,
    plan_run,
)  # fmt: skip

pytestmark = pytest.mark.django_db

ADDRESS = "ada.lee@northwind-bank.example"
SIBLING = {"email": "bo@northwind-bank.example", "firstname": "Bo", "lastname": "Ek"}


@pytest.fixture
def ada():
    return make_contact(make_ready_client("acme"), ADDRESS, phone="+44 20 7946 0001", source="hubspot")


def record_of(contact, ext_id="101", **values):
    connection = make_connection(contact.client, name="CRM")
    basis = {"client": contact.client, "contact": contact, "source": "hubspot", "created_at": AT}
    return SourceRecord.objects.create(connection=connection, ext_id=ext_id, **{**basis, **values})


def deliver(connection, body, **values):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    basis = {"received_at": AT, "body": raw, "body_sha256": hashlib.sha256(raw).hexdigest(), "status": "applied"}
    return Delivery.objects.create(connection=connection, **{**basis, **values})


def told(record, delivery, key="e-1", **payload):
    event = Event.objects.create(
        client=record.client, delivery=delivery, contact=record.contact, record=record, source="hubspot", event_key=key,
        kind="contact_changed", occurred_at=AT, payload=payload,
    )  # fmt: skip
    for name, value in payload.items():
        seen = Observation.objects.create(record=record, field=name, value=value, occurred_at=AT, event=event)
        FieldState.objects.create(contact=record.contact, field=name, observation=seen, rule="latest", decided_at=AT)
    return event


def forget(contact, **values):
    asked = erasure.ask(contact, by=None, at=timezone.now())
    loop.erase_people()
    asked.refresh_from_db()
    return asked


def body_of(delivery):
    delivery.refresh_from_db()
    return json.loads(bytes(delivery.body))


def test_a_person_with_a_whole_run_behind_them_is_in_no_table_any_more(ada):
    record = record_of(ada, ext_id=f"address:{ADDRESS}")
    RecordAddress.objects.create(record=record, address_hmac=suppression.hashes(ADDRESS)[0])
    delivery = deliver(record.connection, {"email": ADDRESS.upper(), "firstname": "Ada", "lastname": "Lee"})
    told(record, delivery, f"{ADDRESS}:1", email=ADDRESS, full_name="Ada Lee", phone="+44 20 7946 0001")
    run = plan_run(make_request(ada, reason="Ada Lee got a new title"))
    loop.execute_run(run.pk)
    draft = Draft.objects.get(run=run)
    make_send(draft)
    make_outcome(ada, event_key=f"{ADDRESS}:opened")
    ada.save()  # a row of history
    LogEntry.objects.create(
        user=make_user(), content_type=ContentType.objects.get_for_model(Contact), object_id=str(ada.pk),
        object_repr=str(ada), action_flag=CHANGE, change_message="[]",
    )  # fmt: skip
    SupportTicket.objects.create(client=ada.client, subject="Mail to ADA LEE", text=f"Why {ADDRESS}?", opened_at=AT)
    Task.objects.create(
        id="1", name="t", func="f", started=AT, stopped=AT, success=False, result=f"Key ({ADDRESS}) exists"
    )
    session = SessionStore()
    session["_messages"], session["_auth_user_id"] = f"The contact {ada} was changed.", "7"
    session.save()
    assert len({place.split(":")[0] for place in places("ada.lee@", "ada lee")}) >= 12, (
        "the test looks in the right places"
    )

    asked = forget(ada)

    assert places("ada.lee@", "ada lee", "7946 0001", "ada\\lee", "Dear Ada") == []
    assert asked.done_at is not None
    assert asked.blanked["clients.Contact"] == 1
    assert asked.blanked["agents_app.StepRun"] == 3
    assert SessionStore(session.session_key)["_auth_user_id"] == "7", "whoever is signed in stays so"


def test_what_the_rows_counted_still_counts(ada):
    draft = make_draft(make_run(make_request(ada)), status="sent")
    make_send(draft)
    make_outcome(ada)

    forget(ada)

    assert (Send.objects.count(), OutcomeEvent.objects.count(), Draft.objects.get().status) == (1, 1, "sent")
    ada.refresh_from_db()
    assert (ada.email, ada.full_name) == (f"erased-{ada.pk}@erased.invalid", "Erased person")
    assert ada.erased_at is not None


def test_suppression_survives(ada):
    suppression.suppress(ada.client, ADDRESS, reason="unsubscribed", at=AT)

    forget(ada)

    assert suppression.is_suppressed(ada.client, ADDRESS)
    assert Suppression.objects.filter(reason="unsubscribed").count() == 1


def test_every_address_is_remembered_by_its_hash_so_that_it_cannot_come_in_again(ada):
    Contact.objects.filter(pk=ada.pk).update(other_emails="ada@home.example")

    forget(ada)

    known = set(Erasure.objects.exclude(done_at=None).values_list("address_hmac", flat=True))
    assert {suppression.hashes(ADDRESS)[0], suppression.hashes("ada@home.example")[0]} <= known


def test_of_a_batch_only_the_persons_entries_go(ada):
    record = record_of(ada)
    batch = deliver(record.connection, [{"email": ADDRESS, "firstname": "Ada"}, SIBLING])

    forget(ada)

    assert body_of(batch) == [{"erased": True}, SIBLING]
    assert batch.body_sha256 == hashlib.sha256(bytes(batch.body)).hexdigest()


def test_a_repeated_call_that_made_no_event_is_found_by_the_partys_id(ada):
    record = record_of(ada, "101")
    other = {"objectId": 102, "portalId": 101, "propertyName": "firstname", "propertyValue": "Bo"}
    thin = {"objectId": 101, "propertyName": "firstname", "propertyValue": "Augusta"}
    repeated = deliver(record.connection, [thin, other])

    forget(ada)

    assert body_of(repeated) == [{"erased": True}, other]


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b"email=ada.lee%40northwind-bank.example&firstname=Ada", {"erased": True}),
        (b'{"email": "ada.lee@northwind-bank.example", "lastname": "Le', {"erased": True}),
        (b'{"email": "\\u0061da.lee@northwind-bank.example"}', {"erased": True}),
        ('{"email": "ada.lee@northwind-bank.example"}'.encode("utf-16"), {"erased": True}),
        (b'{"email": "ada.lee@northwind-bank.example", "email": "x@y.example"}', {"erased": True}),
        (b"\xff ada.lee@northwind-bank.example", {"erased": True}),
        (b'{"data": {"name": "Ada Lee", "emails": [{"value": "ada.lee@northwind-bank.example"}]}}', {"erased": True}),
        (b'{"events": [{"id": 1}, {"who": "Ada  Lee"}]}', {"events": [{"id": 1}, {"erased": True}]}),
        (b'{"results": [{"id": "101"}, {"id": "1011"}]}', {"results": [{"erased": True}, {"id": "1011"}]}),
    ],
)  # fmt: skip
def test_bodies_in_any_shape_and_state_are_blanked(ada, body, left):
    record = record_of(ada, "101")
    waits = deliver(record.connection, body, status="quarantined", error=f"“{ADDRESS}” is odd")

    forget(ada)

    assert body_of(waits) == left
    assert ADDRESS not in waits.error
    assert waits.status == ("applied" if left == {"erased": True} else "quarantined"), "nothing is left to wait for"


def test_a_soap_batch_keeps_its_other_notifications(ada):
    record = record_of(ada, "0035e00000AbCdEAAX")
    one = "<Notification><Id>n1</Id><sObject><sf:Id>{}</sf:Id></sObject></Notification>"
    ours, theirs = one.format("0035e00000AbCdEAAX"), one.format("0035e00000ZZZZZAAX")
    batch = deliver(record.connection, f"<Envelope>{ours}{theirs}</Envelope>".encode())

    forget(ada)

    batch.refresh_from_db()
    kept = bytes(batch.body).decode()
    assert theirs in kept
    assert "0035e00000AbCdEAAX" not in kept


def test_calls_that_wait_on_the_disk_are_blanked_and_those_of_another_client_stay(ada, settings, tmp_path):
    settings.SPOOL_DIR = tmp_path / "spool"
    own, others = make_connection(ada.client), make_connection(make_client("other"))
    body = json.dumps([{"email": ADDRESS, "firstname": "Ada"}, SIBLING]).encode()
    for number, connection in enumerate([own, others], start=1):
        spool.append(spool.Spooled(UUID(int=number), connection.pk, AT, {}, body))

    forget(ada)

    waiting = []
    spool.drain(waiting.extend)
    left = {call.connection_id: json.loads(call.body) for call in waiting}
    assert left == {own.pk: [{"erased": True}, SIBLING], others.pk: json.loads(body)}
    spool.close()


def test_bodies_of_another_client_stay(ada):
    theirs = deliver(make_connection(make_client("other")), {"email": ADDRESS})

    forget(ada)

    assert body_of(theirs) == {"email": ADDRESS}


def test_what_came_in_again_is_taken_out_of_that_call_by_the_hash_alone(ada):
    record = record_of(ada)
    forget(ada)
    again = deliver(record.connection, [{"email": "ADA.Lee@Northwind-Bank.example"}, SIBLING])
    Erasure.objects.create(
        client=ada.client, reason="came_again", delivery=again, asked_at=timezone.now(),
        address_hmac=suppression.hashes(ADDRESS)[0],
    )  # fmt: skip

    loop.erase_people()

    assert body_of(again) == [{"erased": True}, SIBLING]
    assert places("ada.lee@") == []


def test_an_address_of_nobody_we_know_is_forgotten_as_well(ada):
    unread = deliver(make_connection(ada.client), {"mail": "zoe@unknown.example"}, status="quarantined")

    asked = erasure.ask_address(ada.client, "Zoe@Unknown.example", by=None, at=timezone.now())
    assert places("zoe@unknown") != []
    loop.erase_people()

    asked.refresh_from_db()
    assert body_of(unread) == {"erased": True}
    assert (bytes(asked.sealed), asked.address_hmac) == (b"", suppression.hashes("zoe@unknown.example")[0])
    assert places("zoe@unknown") == []
    ada.refresh_from_db()
    assert ada.email == ADDRESS


def test_no_address_stands_readable_while_an_erasure_waits(ada):
    erasure.ask_address(ada.client, "zoe@unknown.example", by=None, at=timezone.now())

    assert places("zoe@unknown") == []


def test_a_step_context_that_others_were_given_too_stays(ada):
    bo = make_contact(ada.client, "bo@northwind-bank.example", first_name="Bo", last_name="Ek", full_name="Bo Ek")
    company = {"company": "Northwind Bank"}
    hers, both = {"contact": {"full_name": "Ada Lee", "title": "CFO"}}, company
    for contact, document in ((ada, hers), (ada, both), (bo, both)):
        make_step(make_run(make_request(contact)), input=document)

    forget(ada)

    assert sorted(StepContext.objects.values_list("document", flat=True), key=len) == [{}, company]


def test_a_run_for_her_whole_company_loses_her_and_keeps_the_others(ada):
    bo = make_contact(ada.client, "bo@northwind-bank.example", first_name="Bo", last_name="Ek", full_name="Bo Ek")
    basis = {"client": ada.client, "company_domain": ada.company_domain, "purpose": "account", "asked_at": AT}
    request = Request.objects.create(**basis)
    run = make_run(request)
    for number, contact in enumerate((ada, bo), start=1):
        make_step(run, map_index=number, contact=contact, output={"subject": f"For {contact.full_name}"})
    make_step(run, agent="research_agent", output={"people": ["Ada Lee", "Bo Ek"]})

    forget(ada)

    left = [step.output for step in StepRun.objects.order_by("pk")]
    assert left == [None, {"subject": "For Bo Ek"}, {"people": ["[erased]", "Bo Ek"]}]


def test_work_for_the_person_ends(ada):
    waiting = make_draft(make_run(make_request(ada), status="succeeded"), status="approved")
    open_run = make_run(make_request(ada), status="planned")
    unplanned = make_request(ada)

    forget(ada)
    loop.start_run(unplanned.pk)
    caretaking.sweep()

    waiting.refresh_from_db()
    open_run.refresh_from_db()
    assert waiting.status == "refused"
    assert open_run.cancel_asked_at is not None
    assert not FlowRun.objects.filter(request=unplanned).exists()
    assert not any(row.task["func"] is loop.start_run for row in OrmQ.objects.all())


def test_while_a_worker_may_still_write_of_the_person_it_is_not_done(ada):
    make_run(make_request(ada), status="running", lease_until=timezone.now() + timedelta(minutes=1))
    asked = forget(ada)
    assert asked.done_at is None
    assert places("dear ada") == []

    FlowRun.objects.update(status="cancelled", lease_until=None)
    loop.erase_people()

    asked.refresh_from_db()
    assert asked.done_at is not None
    assert places("ada.lee@", "ada lee") == []


def test_killed_in_the_middle_it_goes_on_where_it_was(ada, monkeypatch):
    record = record_of(ada)
    batch = deliver(record.connection, [{"email": ADDRESS}, SIBLING])
    make_draft(make_run(make_request(ada)))
    monkeypatch.setattr(erasure.bodies, "scrub", lambda person: 1 / 0)
    asked = erasure.ask(ada, by=None, at=timezone.now())
    with pytest.raises(ZeroDivisionError):
        loop.erase_people()
    monkeypatch.undo()

    loop.erase_people()

    asked.refresh_from_db()
    assert asked.done_at is not None
    assert body_of(batch) == [{"erased": True}, SIBLING]
    assert places("ada.lee@", "ada lee") == []


def test_a_second_time_changes_nothing(ada):
    record = record_of(ada)
    told(record, deliver(record.connection, {"email": ADDRESS}), email=ADDRESS)
    make_draft(make_run(make_request(ada)))
    forget(ada)

    again = forget(ada)

    assert again.blanked == {}


def test_outside_its_transaction_records_are_as_guarded_as_before(ada):
    draft = make_draft(make_run(make_request(ada)))
    forget(ada)

    with pytest.raises(DatabaseError), transaction.atomic():
        Draft.objects.filter(pk=draft.pk).update(body="somebody's own words")


def test_records_merged_into_the_contact_go_with_it(ada):
    older = make_contact(ada.client, "a.lee@northwind-bank.example", full_name="Augusta Lee", merged_into=ada)

    forget(ada)

    older.refresh_from_db()
    assert older.email == f"erased-{older.pk}@erased.invalid"
    assert places("augusta", "a.lee@northwind") == []


def test_a_mail_of_the_dry_run_goes_from_the_disk(ada, settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path
    rule = "-" * 79
    (tmp_path / "1.log").write_text(f"To: {ADDRESS}\n\nDear Ada\n{rule}\nTo: bo@x.example\n\nDear Bo\n{rule}\n")

    asked = forget(ada)

    assert (tmp_path / "1.log").read_text() == f"[erased]\n{rule}\nTo: bo@x.example\n\nDear Bo\n{rule}\n"
    assert asked.blanked["e-mails of the dry run"] == 1
