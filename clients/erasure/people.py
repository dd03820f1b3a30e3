"""Who has to be forgotten: a person's rows at one client, and every word by which they may be found."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_

from clients import credentials, suppression
from clients.contacts import fold
from clients.erasure.words import GONE, Words
from clients.models import Contact, ContactField, Erasure, Observation, RecordAddress, SourceRecord

ADDRESSES = (ContactField.EMAIL, ContactField.OTHER_EMAILS)
SURE = (*ADDRESSES, ContactField.FULL_NAME, ContactField.PHONE, ContactField.LINKEDIN_URL)
LOOSE = (ContactField.FIRST_NAME, ContactField.LAST_NAME)
SAID = (*SURE, *LOOSE, ContactField.COMPANY_DOMAIN)
PLACEHOLDER = "@erased.invalid"
NOBODY = "Erased person"


@dataclass(frozen=True)
class Person:
    """`ids` are {connection: the party's ids of the person}; `hashes` are of all addresses that the person ever had;
    `deliveries` those of which it is known that they tell of the person; `is_unnamed`: hashes are all we have."""

    client: int
    contacts: frozenset[int] = frozenset()
    records: frozenset[int] = frozenset()
    ids: dict[int, set[str]] = field(default_factory=dict)
    hashes: frozenset[str] = frozenset()
    words: Words = field(default_factory=Words)
    domains: frozenset[str] = frozenset()
    deliveries: frozenset[int] = frozenset()
    is_unnamed: bool = False


def of(erasure: Erasure) -> Person:
    """What is known of whom an erasure is about, as long as its words have not been blanked."""
    contacts, records = _rows(erasure)
    said = _said(contacts, records)
    address = _sealed(erasure)
    addresses = {fold(each) for name in ADDRESSES for text in said[name] for each in text.split(",") if each.strip()}
    addresses |= {fold(address)} if address else set()
    whole = {f"{first} {last}" for first in said["first_name"] for last in said["last_name"]}
    alone = {text for text in said[ContactField.FULL_NAME] if len(text.split()) < 2}  # “Will”, “None”: common words
    sure = {text for name in SURE[2:] for text in said[name]} - alone | whole | addresses
    words = Words.of(sure, alone.union(*(said[name] for name in LOOSE)))
    return Person(
        client=erasure.client_id,
        contacts=frozenset(contacts),
        records=frozenset(record.pk for record in records),
        ids=_ids(records),
        hashes=frozenset(_hashes(erasure, addresses, records)),
        words=words,
        domains=frozenset(said[ContactField.COMPANY_DOMAIN]),
        deliveries=frozenset([erasure.delivery_id] if erasure.delivery_id else []),
        is_unnamed=not words.sure and not erasure.delivery_id and bool(erasure.address_hmac),
    )


def together(people: Sequence[Person]) -> Person:
    """Several people of one client as one to look for, in what has to be read from one end to the other."""
    ids: dict[int, set[str]] = defaultdict(set)
    for person in people:
        for connection, theirs in person.ids.items():
            ids[connection] |= theirs
    return replace(
        people[0],
        contacts=frozenset().union(*(person.contacts for person in people)),
        records=frozenset().union(*(person.records for person in people)),
        ids=ids,
        hashes=frozenset().union(*(person.hashes for person in people)),
        words=reduce(or_, (person.words for person in people)),
        domains=frozenset().union(*(person.domains for person in people)),
        deliveries=frozenset().union(*(person.deliveries for person in people)),
        is_unnamed=any(person.is_unnamed for person in people),
    )


def _rows(erasure: Erasure) -> tuple[set[int], list[SourceRecord]]:
    """The contact with those merged into it or it into, and the records of all of them."""
    named = {erasure.contact_id, erasure.record.contact_id if erasure.record else None} - {None}
    known: set[int] = set()
    while fresh := {each for each in named if each is not None} - known:
        known |= fresh
        into = Contact.objects.filter(pk__in=fresh, merged_into__isnull=False).values_list("merged_into_id", flat=True)
        named = {*into, *Contact.objects.filter(merged_into__in=fresh).values_list("pk", flat=True)}
    records = SourceRecord.objects.filter(contact__in=known) if known else SourceRecord.objects.none()
    found = {record.pk: record for record in records}
    return known, [*found.values(), *([erasure.record] if erasure.record and erasure.record_id not in found else [])]


def _said(contacts: Iterable[int], records: Iterable[SourceRecord]) -> dict[str, set[str]]:
    """{field: everything that was ever said of it}, by rows, histories and sources."""
    said: dict[str, set[str]] = defaultdict(set)
    rows = [*Contact.objects.filter(pk__in=contacts).values(*SAID)]
    rows += [*Contact.history.filter(id__in=contacts).values(*SAID).distinct()]
    for row in rows:
        for name, text in row.items():
            said[name] |= {text} if text not in ("", NOBODY, GONE) and not text.endswith(PLACEHOLDER) else set()
    told = Observation.objects.filter(record__in=[record.pk for record in records], field__in=SAID).exclude(value="")
    for name, text in told.values_list("field", "value").distinct():
        said[name].add(text)
    for record in records:
        said[ContactField.EMAIL] |= {part for part in [record.ext_id.removeprefix("address:")] if "@" in part}
    return said


def _sealed(erasure: Erasure) -> str:
    """The address that was typed; empty where none was, or our keys cannot open it: its hash is all there is then."""
    try:
        return credentials.decrypt(bytes(erasure.sealed)) if erasure.sealed else ""
    except credentials.CredentialUnreadable:
        return ""


def _ids(records: Iterable[SourceRecord]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    for record in records:
        if record.connection_id and "@" not in record.ext_id and not record.ext_id.startswith("erased:"):
            found[record.connection_id].add(record.ext_id)
    return found


def _hashes(erasure: Erasure, addresses: Iterable[str], records: Iterable[SourceRecord]) -> set[str]:
    known = RecordAddress.objects.filter(record__in=[record.pk for record in records])
    own = {each for address in addresses for each in suppression.hashes(address)}
    return own | set(known.values_list("address_hmac", flat=True)) | ({erasure.address_hmac} - {""})
