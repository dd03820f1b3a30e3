"""What three sources may tell of a handful of people, in any order: histories for hypothesis, and what became of them."""

import json
from datetime import timedelta
from itertools import count

from hypothesis import strategies as st

from clients import inbox
from clients.canonical import Incoming
from clients.models import Contact, FieldRule, FieldState, SourceRecord, Suppression
from tests.factories import AT, make_client, make_connection

SOURCES = ("hubspot", "salesforce", "outcomes")
ADDRESSES = tuple(f"{name}@northwind-bank.example" for name in ("ada", "bob", "cyd"))
_slugs = count(1)

records = st.integers(1, 3).map(str)
said = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(ADDRESSES),
        "title": st.sampled_from(["CFO", "CEO", ""]),
        "first_name": st.sampled_from(["Ada", "Bob"]),
        "last_name": st.sampled_from(["Lee", "Ray"]),
        "full_name": st.just("Ada Lee"),
        "tags": st.sampled_from(["vip", "vip, beta"]),
        "do_not_contact": st.sampled_from(["true", "false"]),
        "custom.seats": st.sampled_from(["10", "20"]),
        "other_emails": st.sampled_from([ADDRESSES[0], ""]),
    },
)
changed = said.map(lambda payload: {"kind": "contact_changed", "payload": payload})
rare = st.one_of(
    st.sampled_from([{"kind": "contact_deleted"}, {"kind": "contact_restored"}, {"kind": "contact_erased"}]),
    records.map(lambda other: {"kind": "contact_merged", "merged": [other]}),
)
one = st.builds(
    lambda source, ext_id, minute, what: {"source": source, "ext_id": ext_id, "minute": minute, **what},
    st.sampled_from(SOURCES),
    records,
    st.integers(0, 4),
    st.one_of(changed, changed, rare),
)
histories = st.lists(one, min_size=2, max_size=12).map(
    lambda told: [{"key": f"e{number:02}", **each} for number, each in enumerate(told)]
)
rules = st.fixed_dictionaries(
    {name: st.sampled_from(FieldRule.Rule.values) for name in ("title", "email", "custom.seats")}
)


def read(entry):
    """What a source's parser would make of one of these."""
    occurred_at = AT + timedelta(minutes=entry["minute"])
    return Incoming(
        entry["kind"], entry.get("payload", {}), entry["key"], occurred_at,
        ext_id=entry["ext_id"], merged=tuple(entry.get("merged", ())),
    )  # fmt: skip


def become(bodies, field_rules):
    """What a fresh client's contacts are after these bodies (lists of entries), one delivery each and source."""
    client = make_client(f"history-{next(_slugs)}")
    for field, rule in field_rules.items():
        FieldRule.objects.create(client=client, field=field, rule=rule, sources=["salesforce", "hubspot"], days=0)
    doors = {party: make_connection(client, party) for party in SOURCES}
    for entries in bodies:
        for party, door in doors.items():
            told = [entry for entry in entries if entry["source"] == party]
            if told:
                at = AT + timedelta(hours=1)
                stored = inbox.store(door, headers={}, body=json.dumps(told).encode(), at=at)
                inbox.apply(stored.delivery.pk, at=at)
    return state(client)


def state(client):
    """Everything that has to come out the same: contacts, origins of each field, who is forgotten, who is left alone."""
    living = Contact.objects.filter(client=client, merged_into=None, erased_at=None)
    return {
        "contacts": sorted((_contact(each) for each in living), key=lambda each: each["email"]),
        "forgotten": sorted(
            SourceRecord.objects.filter(client=client, erased_at__isnull=False).values_list("source", "ext_id")
        ),
        "suppressed": sorted(Suppression.objects.filter(client=client).values_list("address_hmac", flat=True)),
    }


def _contact(contact):
    names = (
        "first_name",
        "last_name",
        "full_name",
        "title",
        "company_domain",
        "other_emails",
        "tags",
        "do_not_contact",
    )
    states = FieldState.objects.filter(contact=contact).select_related("observation__event", "observation__record")
    return {
        "email": contact.email,
        "deleted_at": contact.deleted_at,
        "custom": contact.custom,
        **{name: getattr(contact, name) for name in names},
        "records": sorted(contact.source_records.filter(erased_at=None).values_list("source", "ext_id")),
        "origins": {
            each.field: (
                each.rule,
                each.observation.value,
                each.observation.event.event_key,
                each.observation.record.source,
            )
            for each in states
        },
    }
