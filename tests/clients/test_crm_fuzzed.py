"""Whatever a body says, a reader answers with entries or with words: nothing that a stranger writes is a fault of ours."""

import json
from datetime import datetime
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients import bodies
from clients.canonical import CONTACT_KINDS, CONTACT_MERGED, OF_NO_USE, Unusable
from clients.crm import CRMS, hubspot, salesforce
from clients.events import SERVICES, telling
from tests.envelopes import FOLDER, bodies_of

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=12),
    st.just("9" * 300),
    st.sampled_from(["", "0", "-1", "1e9", "99999999999999999999", "2026-11-16", "/Date(1)/", "a;b", "003*", "object."]),
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KINDS = {*CONTACT_KINDS, OF_NO_USE, *telling.KINDS}


@cache
def recorded(party):
    paths = [path for path in (FOLDER / party).glob("*.json") if not path.name.endswith(".expected.json")]
    return [json.loads(path.read_text()) for path in sorted(paths)]


def places(tree, here=()):
    """Every place in a tree, as the steps that lead there."""
    yield here
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, below in steps:
        yield from places(below, (*here, step))


def replaced(tree, place, by):
    if not place:
        return by
    first, *rest = place
    below = replaced(tree[first], tuple(rest), by)
    if isinstance(tree, dict):
        return {**tree, first: below}
    return [*tree[:first], below, *tree[first + 1 :]]


@st.composite
def spoilt(draw, party):
    """A recorded body with one or two of its values replaced by something else."""
    tree = draw(st.sampled_from(recorded(party)))
    for _ in range(draw(st.integers(1, 2))):
        tree = replaced(tree, draw(st.sampled_from(list(places(tree)))), draw(TREES))
    return tree


def is_sound(entry):
    if isinstance(entry, Unusable):
        return bool(str(entry))
    texts = (entry.ext_id, entry.event_id, entry.object_type, *entry.merged)
    return (
        entry.kind in KINDS
        and all(isinstance(each, str) and len(each) <= 200 for each in texts)
        and len(entry.origin) <= 120
        and (entry.occurred_at is None or isinstance(entry.occurred_at, datetime))
        and (entry.kind != OF_NO_USE or bool(entry.why))
        and (entry.kind != CONTACT_MERGED or bool(entry.merged))
        and (bool(entry.ext_id) or bool(entry.fields) or entry.kind == OF_NO_USE)
    )


@pytest.mark.parametrize("party", sorted(CRMS))
@SETTINGS
@given(data=st.data())
def test_a_spoilt_body_of_a_crm_is_read_or_refused_in_words(party, data):
    body = json.dumps(data.draw(spoilt(party))).encode()

    try:
        entries = CRMS[party](body, {"content-type": "application/json"})
    except Unusable as refused:
        assert str(refused)
    else:
        assert entries
        assert all(is_sound(entry) for entry in entries)
    for account in (hubspot.portal, salesforce.organization):
        assert isinstance(account(body), str)


@pytest.mark.parametrize("party", ["outreach", "salesloft"])
@SETTINGS
@given(data=st.data())
def test_a_spoilt_body_of_an_outcome_sender_is_read_or_refused_in_words(party, data):
    try:
        found = bodies.entries(json.dumps(data.draw(spoilt(party))).encode())
    except Unusable:
        return
    for entry in found:
        try:
            told = SERVICES[party](bodies.checked(entry))
        except Unusable as refused:
            assert str(refused)
        else:
            assert told.kind in telling.KINDS
            assert told.event_id


@pytest.mark.parametrize("party", sorted(CRMS))
@SETTINGS
@given(body=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_bytes_of_any_kind_are_read_or_refused_in_words(party, body):
    try:
        assert CRMS[party](body, {})
    except Unusable as refused:
        assert str(refused)


@SETTINGS
@given(data=st.data())
def test_a_soap_message_with_a_hole_in_it_is_read_or_refused_in_words(data):
    paths = [path for path in bodies_of("salesforce") if path.suffix == ".xml"]
    body = data.draw(st.sampled_from([path.read_bytes() for path in paths]))
    start = data.draw(st.integers(0, len(body)))
    spoilt_body = body[:start] + data.draw(st.binary(max_size=6)) + body[start + data.draw(st.integers(0, 40)) :]

    try:
        assert all(is_sound(entry) for entry in CRMS["salesforce"](spoilt_body, {}))
    except Unusable as refused:
        assert str(refused)
    assert isinstance(salesforce.organization(spoilt_body), str)
