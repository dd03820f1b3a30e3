"""Who asked to be forgotten stays forgotten, whatever arrives later and in whatever order.

Forgotten are the records that somebody asked to erase, with all that were merged with them, and every record that ever
had an address that one of those ever had. Addresses are known by their keyed hashes alone. What is found here is only
marked, and noted as an `Erasure` to do; `clients/erasure.py` blanks it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from clients import identity
from clients.identity import Closure
from clients.models import Client, Contact, Delivery, Erasure, RecordAddress, SourceRecord, Suppression
from clients.suppression import suppress_hashes

ASKED = (Erasure.Reason.ASKED_IN_CRM, Erasure.Reason.ASKED_HERE)


def ask(record: SourceRecord, delivery: Delivery, *, at: datetime) -> None:
    """The party says that this record's person has to be erased."""
    Erasure.objects.create(
        client=record.client,
        reason=Erasure.Reason.ASKED_IN_CRM,
        record=record,
        contact=record.contact,
        delivery=delivery,
        asked_at=at,
    )


def within(client: Client, closure: Closure, told: Mapping[int, set[int]], *, at: datetime) -> tuple[Closure, set[int]]:
    """The closure, larger where an erasure reaches further, and the numbers of its forgotten records.

    `told`: by which deliveries each record (its number) was told of just now; their bodies are to be blanked as well.
    """
    if not Erasure.objects.filter(client=client).exists():
        return closure, set()
    asked = _asked(closure)
    if fresh := _fresh_hashes(client, asked):
        _remember(client, fresh, at)
        further = SourceRecord.objects.filter(client=client, addresses_ever__address_hmac__in=fresh).distinct()
        closure = identity.together(client, [*closure.records.values(), *further])
    forgotten = asked | _by_address(client, closure)
    forgotten = {number for each in closure.classes() if each & forgotten for number in each}
    _mark(client, closure, forgotten, told, at)
    return closure, forgotten


def mark_contacts(closure: Closure, forgotten: set[int], *, at: datetime) -> None:
    """The contacts all of whose records are forgotten: nobody writes to them from now on."""
    kept = {record.contact_id for number, record in closure.records.items() if number not in forgotten}
    lost = {closure.records[number].contact_id for number in forgotten} - kept
    for contact in Contact.objects.filter(pk__in=[each for each in lost if each], erased_at=None).order_by("pk"):
        contact.erased_at = contact.updated_at = at
        contact.save(update_fields=["erased_at", "updated_at"])
        Erasure.objects.create(
            client_id=contact.client_id, reason=Erasure.Reason.CAME_AGAIN, contact=contact, asked_at=at
        )


def _asked(closure: Closure) -> set[int]:
    rows = Erasure.objects.filter(record__in=closure.records.keys(), reason__in=ASKED)
    named = set(rows.values_list("record_id", flat=True))
    return {number for each in closure.classes() if each & named for number in each}


def _fresh_hashes(client: Client, asked: set[int]) -> set[str]:
    rows = RecordAddress.objects.filter(record__in=asked).values_list("address_hmac", flat=True)
    hashes = set(rows) if asked else set()
    known = Erasure.objects.filter(client=client, address_hmac__in=hashes).values_list("address_hmac", flat=True)
    return hashes - set(known)


def _remember(client: Client, hashes: Iterable[str], at: datetime) -> None:
    """Rows that say which addresses are forgotten; there is nothing to blank in them."""
    Erasure.objects.bulk_create(
        [
            Erasure(client=client, reason=Erasure.Reason.ASKED_IN_CRM, address_hmac=each, asked_at=at, done_at=at)
            for each in sorted(hashes)
        ]
    )
    suppress_hashes(client, sorted(hashes), reason=Suppression.Reason.ERASED, at=at)


def _by_address(client: Client, closure: Closure) -> set[int]:
    known = Erasure.objects.filter(client=client).exclude(address_hmac="").values("address_hmac")
    rows = RecordAddress.objects.filter(record__in=closure.records.keys(), address_hmac__in=known)
    return set(rows.values_list("record_id", flat=True))


def _mark(client: Client, closure: Closure, forgotten: set[int], told: Mapping[int, set[int]], at: datetime) -> None:
    """Whoever is forgotten for the first time, or was told of again, is blanked once more."""
    fresh = [closure.records[number] for number in sorted(forgotten) if closure.records[number].erased_at is None]
    for record in fresh:
        record.erased_at = at
    SourceRecord.objects.bulk_update(fresh, ["erased_at"])
    basis = {"client": client, "reason": Erasure.Reason.CAME_AGAIN, "asked_at": at}
    whole = [Erasure(record=record, **basis) for record in fresh]
    again = [
        Erasure(record_id=one, delivery_id=call, **basis) for one in sorted(forgotten) for call in told.get(one, ())
    ]
    Erasure.objects.bulk_create([*whole, *again])
