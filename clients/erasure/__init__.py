"""The one guarded path that blanks personal data, everywhere it may stand, within five minutes of being asked.

`gtm/personal.py` and each app's `personal.py` say where that is. Nothing is deleted: rows stay, for what they count,
without the person. Any part may run twice and be killed anywhere: the words by which a person is found are blanked
last, in one transaction with the note that it is done. Backups, and what other programs copied, are out of reach.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from clients import credentials, suppression
from clients.contacts import fold
from clients.erasure import bodies, outside, people, rows
from clients.erasure.people import Person
from clients.models import Client, Contact, Erasure, FieldState, RecordAddress, SourceRecord, Suppression

WITHIN = timedelta(minutes=5)
AT_ONCE = 50  # of one client, in one look through its bodies


@transaction.atomic
def ask(contact: Contact, *, by: User | None, at: datetime) -> Erasure:
    """A person asks here that the contact be forgotten. Nobody writes to them from this moment on."""
    basis = {"client": contact.client, "reason": Erasure.Reason.ASKED_HERE, "asked_by": by, "asked_at": at}
    records = list(contact.source_records.order_by("pk"))
    for record in records[1:]:
        Erasure.objects.create(record=record, contact=contact, **basis)
    Contact.objects.filter(pk=contact.pk, erased_at=None).update(erased_at=at)
    hashed = suppression.hashes(contact.email)[0]
    return Erasure.objects.create(record=records[0] if records else None, contact=contact, address_hmac=hashed, **basis)


def ask_address(client: Client, address: str, *, by: User | None, at: datetime) -> Erasure:
    """The same for an address, whether we know it or not. It stands encrypted until the erasure is done; its hash
    stays, so that it cannot come in again."""
    known = Contact.objects.filter(client=client, email_normalised=fold(address)).first()
    if known is None:
        record = SourceRecord.objects.filter(pk__in=_records_at(client, address), contact__isnull=False).first()
        known = record.contact if record else None
    if known is not None:
        return ask(known, by=by, at=at)
    return Erasure.objects.create(
        client=client,
        reason=Erasure.Reason.ASKED_HERE,
        record_id=next(iter(_records_at(client, address)), None),
        address_hmac=suppression.hashes(address)[0],
        sealed=credentials.encrypt(fold(address)),
        asked_by=by,
        asked_at=at,
    )


def clients_waiting() -> list[int]:
    return list(to_do().order_by().values_list("client_id", flat=True).distinct())


def to_do() -> "QuerySet[Erasure]":
    return Erasure.objects.filter(done_at=None).order_by("asked_at", "pk")


def is_asked_at(at: datetime) -> bool:
    """Whether what was applied at this moment asks for an erasure."""
    return to_do().filter(asked_at=at).exists()


def overdue(at: datetime) -> "QuerySet[Erasure]":
    return to_do().filter(asked_at__lt=at - WITHIN)


def contacts_of(client_id: int) -> set[int]:
    """The contacts for whom no work may begin or go on (`gtm/loop.py` stops it before anything is blanked)."""
    waiting = _waiting(client_id)
    return {contact for each in waiting for contact in people.of(each).contacts}


def run(client_id: int, *, at: datetime, at_work: bool = False) -> int:
    """Blank what the client's waiting erasures are about; how many are done.

    With `at_work` a run that was stopped may still write what it read before: everything is blanked, and once more the
    next time.
    """
    waiting = _waiting(client_id)
    if not waiting:
        return 0
    found = [(each, people.of(each)) for each in waiting]
    everybody = people.together([person for _, person in found])
    done = {each.pk: rows.blank(person) for each, person in found}
    shared = rows.look_through(everybody) + outside.scrub(everybody.words)
    shared["clients.Delivery"] += bodies.scrub(everybody)
    shared["calls on the disk"] += bodies.scrub_spool(everybody)
    for number, (each, person) in enumerate(found):
        _note(each, done[each.pk] + (shared if number == 0 else Counter()))
        if not at_work:
            _finish(each, person, at=at)
    return 0 if at_work else len(found)


def _waiting(client_id: int) -> Sequence[Erasure]:
    return list(to_do().filter(client=client_id).select_related("client", "record")[:AT_ONCE])


def _records_at(client: Client, address: str) -> set[int]:
    known = RecordAddress.objects.filter(record__client=client, address_hmac__in=suppression.hashes(address))
    return set(known.values_list("record_id", flat=True))


def _note(erasure: Erasure, done: Counter[str]) -> None:
    """What was blanked so far, also if the next step never comes."""
    erasure.blanked = dict(sorted((Counter(erasure.blanked) + done).items()))
    erasure.save(update_fields=["blanked"])


@transaction.atomic
def _finish(erasure: Erasure, person: Person, *, at: datetime) -> None:
    _remember(erasure, person, at)
    done = rows.blank_last(person)
    FieldState.objects.filter(contact__in=person.contacts).delete()
    Contact.objects.filter(pk__in=person.contacts, erased_at=None).update(erased_at=at)
    SourceRecord.objects.filter(pk__in=person.records, erased_at=None).update(erased_at=at)
    erasure.blanked = dict(sorted((Counter(erasure.blanked) + done).items()))
    erasure.done_at, erasure.sealed = at, b""
    erasure.save(update_fields=["blanked", "done_at", "sealed"])


def _remember(erasure: Erasure, person: Person, at: datetime) -> None:
    """Each address that the person ever had is a row that says it is forgotten, with nothing to blank in it, and is
    never written to."""
    rows = Erasure.objects.filter(client=erasure.client_id, address_hmac__in=person.hashes)
    unknown = person.hashes - set(rows.values_list("address_hmac", flat=True))
    basis = {"client_id": erasure.client_id, "reason": erasure.reason, "asked_at": erasure.asked_at, "done_at": at}
    Erasure.objects.bulk_create([Erasure(address_hmac=each, **basis) for each in sorted(unknown)])
    suppression.suppress_hashes(erasure.client, sorted(person.hashes), reason=Suppression.Reason.ERASED, at=at)
