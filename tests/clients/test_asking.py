"""What every call to a CRM passes: the connection's limits, its breaker, and what it presents."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection as database

from clients import credentials
from clients.crm import hubspot_api, salesforce_api
from clients.crm.asking import Door, Held, NoCredential, Write, batches, door_of
from clients.crm.connectors import CONNECTORS
from gtm import http
from gtm.models import Breaker, Bucket, RateLimit, SandboxRecord
from gtm.sandbox import faults, hubspot
from gtm.sandbox.faults import Fault
from tests.factories import make_client, make_connection

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
SECRET = "pat-eu1-secret"
ADDRESS = "ada@northwind-bank.example"
BUSY = Fault(503, b'{"message": "busy"}')


class Clock:
    """Goes on by `step` with each look, and jumps where a test says so."""

    def __init__(self, step=1.0):
        self.at = AT
        self.step = timedelta(seconds=step)

    def __call__(self):
        self.at += self.step
        return self.at

    def jump(self, seconds):
        self.at += timedelta(seconds=seconds)


def make_door(name="crm:1", token=SECRET, clock=None, **values):
    return Door(name, True, token, clock=clock or Clock(), **values)


def kinds(door, times=1):
    return [
        (fate.kind, fate.is_held)
        for _ in range(times)
        for fate in hubspot_api.push(door, [Write("a", "1", {"x": "y"})])
    ]


def calls():
    return sum(row.values["used"] for row in SandboxRecord.objects.filter(object_type="calls"))


# --- the breaker


def test_after_five_failures_nothing_goes_out_until_one_call_finds_the_party_well():
    door = make_door()
    with faults.inject("hubspot", BUSY):
        assert kinds(door, 6) == [("transient", False)] * 5 + [("transient", True)]

    assert (calls(), Breaker.objects.get().state) == (0, "open")
    door.clock.jump(30)
    assert kinds(door, 2) == [("permanent", False)] * 2
    assert Breaker.objects.get().state == "closed"


def test_a_refusal_is_an_answer_and_closes_it():
    door = make_door()
    with faults.inject("hubspot", BUSY):
        kinds(door, 4)

    hubspot_api.push(door, [Write("a", "1", {"No Such": "x"})])

    assert Breaker.objects.get().failures == 0


def test_the_trouble_of_one_connection_is_no_trouble_of_another():
    ill, well = make_door(), make_door("crm:2", "pat-of-somebody-else")
    with faults.inject("hubspot", BUSY, account=hubspot.account(SECRET).key):
        assert kinds(ill, 7)[-1] == ("transient", True)
        assert kinds(well) == [("permanent", False)]

    assert list(Breaker.objects.values_list("name", "state")) == [("crm:1", "open")]


def test_a_call_that_is_held_takes_no_token_and_no_probe():
    door = make_door()
    with faults.inject("hubspot", BUSY):
        kinds(door, 5)
    spent = Bucket.objects.get().spent

    with pytest.raises(Held) as held:
        hubspot_api.identify(door)

    assert 0 < held.value.retry_after_s <= 30
    assert (Bucket.objects.get().spent, Breaker.objects.get().probe) == (spent, 0)


# --- the limits


def test_no_more_goes_out_than_the_bucket_holds():
    door = make_door(clock=Clock(step=0))

    fates = kinds(door, 30)

    assert fates == [("permanent", False)] * 20 + [("transient", True)] * 10
    assert calls() == 20


def test_searches_have_a_bucket_of_their_own():
    door = make_door(clock=Clock(step=0))

    hubspot_api.changed_since(door, AT, AT, "", [])
    with pytest.raises(Held):
        hubspot_api.changed_since(door, AT, AT, "", [])

    hubspot_api.identify(door)
    assert sorted(Bucket.objects.values_list("name", flat=True)) == ["crm:1", "crm:1:search"]


def test_what_the_party_says_is_left_of_its_limit_is_written_down():
    hubspot_api.identify(make_door())

    row = RateLimit.objects.get(name="crm:1")
    assert (row.requests_remaining, row.requests_reset_at - AT < timedelta(seconds=20)) == (99, True)


@pytest.mark.django_db(transaction=True)
def test_many_processes_at_once_ask_no_more_than_they_may_and_probe_once():
    clock = Clock(step=0)
    door = make_door(clock=clock)

    def push(_):
        try:
            return kinds(door)[0]
        finally:
            database.close()

    with faults.inject("hubspot", BUSY), ThreadPoolExecutor(8) as pool:
        list(pool.map(push, range(40)))
        assert Breaker.objects.get().trips == 1
        tried = Bucket.objects.get().spent
        clock.jump(3600)
        again = list(pool.map(push, range(24)))

    assert 5 <= tried <= 12  # five, and what was on its way when the fifth came back
    assert sorted(again) == [("transient", False)] + [("transient", True)] * 23
    assert (Breaker.objects.get().probe, Breaker.objects.get().trips) == (1, 2)


# --- what is presented


def test_a_connection_in_the_sandbox_works_without_a_credential():
    connections = {party: make_connection(make_client(), party) for party in CONNECTORS}

    for party, connection in connections.items():
        connector, door = CONNECTORS[party], door_of(connection, clock=Clock())
        fields = {"hubspot": {"email": ADDRESS}, "salesforce": {"Email": ADDRESS, "LastName": "Lee"}}[party]
        [made] = connector.push(door, [Write("a", "", fields)])
        answered = connector.read(door, [made.ext_id], [])
        assert (made.kind, answered.missing, ADDRESS.encode() in answered.body) == ("done", (), True)
        assert connector.changed_since(door, made_at(made), datetime.now(UTC), "", []).seen == 1
        assert connector.identify(door).account_id


def made_at(fate):
    return SandboxRecord.objects.get(ext_id=fate.ext_id).created_at


def test_two_connections_in_the_sandbox_meet_accounts_of_their_own():
    first, second = (door_of(make_connection(make_client())) for _ in range(2))

    [made] = hubspot_api.push(first, [Write("a", "", {"email": ADDRESS})])

    assert hubspot_api.read(second, [made.ext_id], []).missing == (made.ext_id,)


@pytest.mark.parametrize("party", list(CONNECTORS))
def test_a_live_connection_needs_a_credential(party):
    connection = make_connection(party=party, mode="live")

    with pytest.raises(NoCredential, match=r"no credential\. Add it on the connection") as refused:
        door_of(connection)

    assert refused.value.kind == "auth"


def test_a_credential_that_cannot_be_read_says_what_to_do():
    connection = make_connection(mode="live", credential=b"not encrypted with a key of ours")

    with pytest.raises(NoCredential, match="enter the credential anew"):
        door_of(connection)


def test_a_credential_is_read_as_it_was_meant():
    hub = make_connection(mode="live", credential=credentials.encrypt(f"  {SECRET}\n"))
    sales = make_connection(
        party="salesforce", mode="live", credential=credentials.encrypt("https://acme.my.salesforce.com\nkey\n secret ")
    )

    assert [(each.base_url, each.credential, each.sandbox) for each in map(door_of, (hub, sales))] == [
        ("", SECRET, False),
        ("https://acme.my.salesforce.com", "key secret", False),
    ]


def test_a_credential_shows_nowhere(caplog):
    caplog.set_level(logging.DEBUG)
    hub = make_door()
    sales = Door("crm:2", True, f"key {SECRET}", "https://acme.my.salesforce.com", clock=Clock())
    told = [hub, sales]

    for party, door in (("hubspot", hub), ("salesforce", sales)):
        told.append(CONNECTORS[party].push(door, [Write("a", "1", {"No Such": "x"})]))
        told.append(CONNECTORS[party].identify(door))
        with faults.inject(party, BUSY):
            told.append(CONNECTORS[party].push(door, [Write("a", "003000000000000AAA", {"x": "y"})]))

    assert SECRET not in repr(told) + caplog.text
    rows = [*SandboxRecord.objects.values(), *Breaker.objects.values(), *Bucket.objects.values()]
    assert SECRET not in json.dumps(rows, default=str)


def test_an_address_inside_is_not_asked_whoever_typed_it():
    door = Door("crm:2", False, "key secret", "https://127.0.0.1:8000", clock=Clock())

    [fate] = salesforce_api.push(door, [Write("a", "003000000000000AAA", {"Title": "x"})])

    assert (fate.kind, fate.why) == ("permanent", "127.0.0.1 is not a public address, so it is not asked")


# --- batches


def test_batches_name_no_record_twice_and_keep_the_order_of_its_writes():
    writes = [Write(str(n), ext_id, {}) for n, ext_id in enumerate(["1", "2", "1", "3", "1", "", "", "2"])]

    made = [[each.key for each in batch] for batch in batches(writes, 3)]

    assert made == [["0", "1", "3"], ["2", "5", "6"], ["4", "7"]]
    assert batches([], 3) == []


@pytest.mark.parametrize("party", list(CONNECTORS))
def test_objects_that_a_crm_has_not_are_refused_before_anything_is_asked(party):
    connector, door = CONNECTORS[party], make_door()

    with pytest.raises(http.Refused) as refused:
        connector.changed_since(door, AT, AT, "", [], "company")

    assert (connector.read_batch("company"), refused.value.kind, calls()) == (0, "permanent", 0)
