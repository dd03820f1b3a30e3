"""A call at one of our doors: who it is from, and where it is kept until somebody has time for it.

Verified means stored and acknowledged, also when nobody can read the body and when the database is away: several
senders never try again. What is refused leaves a note and nothing else.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import Error, transaction

from clients import certificates, endpoints, inbox, refusals, signing, spool
from clients.crm import accounts
from clients.endpoints import Endpoint
from clients.models import Connection, Delivery
from clients.outage import DATABASE
from clients.signatures import Call

WRONG_ACCOUNT = "It is of the account {said}, and the connection is of {own}. Compare “Account at the party” with it."
NOBODYS = "The key is missing, or belongs to no active connection of this kind."
SEVERAL = "Several connections name this account and take calls without a key. Send the key of the one that is meant."

Ring = Callable[[int], None]


class NotAccepted(Exception):
    """The call is refused, with the reason in words."""


class NoKey(Exception):
    """The call carries no key, and what it names does not tell whose it is."""


class NotKept(Exception):
    """Neither the database nor the disk has it: the sender has to try again."""


@dataclass(frozen=True)
class Arrival:
    """`call` at its public address; `address` is the caller's own."""

    call: Call
    address: str
    at: datetime


def keep(endpoint: Endpoint, arrival: Arrival, *, ring: Ring) -> bool:
    """Check the call and store it; whether it is new. `ring` queues the application, in the same transaction.

    Raises NotAccepted, NotKept.
    """
    why = why_not(endpoint, arrival)
    if why:
        refusals.note(endpoint.connection_id, arrival.call, why=why, address=arrival.address, at=arrival.at)
        raise NotAccepted(why)
    return _stored(endpoint, arrival, ring)


def why_not(endpoint: Endpoint, arrival: Arrival) -> str:
    """Why the call is not let in, in words; empty where it is. Raises NotKept where it cannot be told now."""
    try:
        call = certificates.attached(endpoint.signing_scheme, arrival.call, at=arrival.at)
    except certificates.Unavailable as unavailable:
        raise NotKept(str(unavailable)) from unavailable
    verdict = signing.check(endpoint, call, at=arrival.at)
    if not verdict.ok:
        return verdict.why
    said = accounts.account(endpoint.party, arrival.call.body) if endpoint.external_account else ""
    if said and not endpoints.same_account(endpoint.party, endpoint.external_account, said):
        return WRONG_ACCOUNT.format(said=said[:100], own=endpoint.external_account)
    return ""


def by_account(party: str, arrival: Arrival) -> Endpoint:
    """Whose call it is that carries no key: the one whose secret signed it, or else the only one that takes unsigned
    calls of this account. Raises NoKey, NotKept, endpoints.Away."""
    of_account = endpoints.by_account(party, accounts.account(party, arrival.call.body))
    signed = [endpoint for endpoint in of_account if endpoint.signing_scheme]
    for endpoint in signed:
        if not why_not(endpoint, arrival):
            return endpoint
    unsigned = [endpoint for endpoint in of_account if endpoint.takes_unsigned and not endpoint.signing_scheme]
    if len(unsigned) == 1:
        return unsigned[0]
    if len(signed) == 1 and not unsigned:
        return signed[0]  # to be refused there, with its reason
    raise NoKey(SEVERAL if unsigned else NOBODYS)


def from_disk(calls: Sequence[spool.Spooled]) -> list[Delivery]:
    """Store what waited on the disk, in the caller's transaction; the deliveries that are new."""
    there = set(Delivery.objects.filter(receipt__in=[call.receipt for call in calls]).values_list("receipt", flat=True))
    kept = [_store(call) for call in calls if call.receipt not in there]
    return [stored.delivery for stored in kept if stored.is_new]


def _stored(endpoint: Endpoint, arrival: Arrival, ring: Ring) -> bool:
    body = accounts.without_credentials(endpoint.party, arrival.call.body)
    call = spool.Spooled(
        receipt=uuid.uuid4(),
        connection_id=endpoint.connection_id,
        received_at=arrival.at,
        headers=inbox.kept_headers(arrival.call.headers),
        body=body,
    )
    if DATABASE.may_try():
        try:
            return _in_database(call, ring)
        except Error as error:
            DATABASE.met(error)
    try:
        spool.append(call)
    except spool.SpoolFull as full:
        raise NotKept(str(full)) from full
    return True


def _in_database(call: spool.Spooled, ring: Ring) -> bool:
    with transaction.atomic():
        stored = _store(call)
        if stored.is_new:
            ring(stored.delivery.pk)
    DATABASE.ends()
    return stored.is_new


def _store(call: spool.Spooled) -> inbox.Stored:
    return inbox.store(
        Connection(pk=call.connection_id),
        headers=call.headers,
        body=call.body,
        at=call.received_at,
        receipt=call.receipt,
    )
