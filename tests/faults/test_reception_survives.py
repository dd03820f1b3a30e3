"""What was acknowledged is there: through kills of web servers and workers, and through crashes of the database."""

import json
import os
import random
import threading
import time

import pytest

from tests.calls import Caller, flat
from tests.faults.reception_site import site, until

pytestmark = pytest.mark.faults

FULL = os.environ.get("GTM_FAULTS") == "full"
RATE = 80 if FULL else 30
KILLS, EVERY_S = (15, 4.0) if FULL else (3, 3.0)
CRASHES, DOWN_S, UP_S = (3, 10.0, 10.0) if FULL else (1, 11.0, 4.0)  # beyond the patience of gtm/keeper.py
DRAINED_S = 30.0
MOST_CALLS = 20_000  # a caller that is stopped before


@pytest.fixture(scope="module")
def ours():
    with site() as made:
        made.start("web", "ingest")
        yield made


def calling(target, count, rate=RATE):
    """The caller at work, and its thread."""
    caller = Caller(target, flat)
    thread = threading.Thread(target=caller.call, args=(count, rate), daemon=True)
    thread.start()
    return caller, thread


def bodies(numbers):
    return {flat(number).decode() for number in numbers}


def applied(ours):
    waiting = ours.ask("SELECT count(*) FROM clients_delivery WHERE status = 'received'")
    return waiting == [(0,)]


def titles(ours):
    of_client = f"client_id = {ours.client_id}"
    return dict(ours.ask(f"SELECT email_normalised, title FROM clients_contact WHERE {of_client}"))


def newest(numbers):
    """What an oracle says: the last word on each person."""
    found = {}
    for number in sorted(numbers):
        said = json.loads(flat(number))
        found[said["email"]] = said["jobtitle"]
    return found


def kill_one_of(ours, name, rng):
    children = ours.children(name)
    if children:
        rng.choice(children).kill()


def test_kills_of_web_and_worker_lose_nothing_that_was_acknowledged(ours):
    target, rng = ours.connect(), random.Random(20261129)
    count = int(RATE * KILLS * EVERY_S)

    caller, thread = calling(target, count)
    for _ in range(KILLS):
        time.sleep(EVERY_S)
        kill_one_of(ours, "web", rng)
        kill_one_of(ours, "ingest", rng)
        ours.tend()
    while thread.is_alive():
        ours.tend()
        thread.join(0.5)

    assert caller.said.acknowledged == set(range(count))
    until(lambda: not ours.spooled(), "the spool to be empty", DRAINED_S + 60)
    stored = ours.stored()
    assert set(stored) == bodies(range(count))
    assert caller.said.broken >= len(stored) - count  # one more only where an answer was lost on its way
    until(lambda: ours.tend() or applied(ours), "everything to be applied", 180)
    assert titles(ours) == newest(range(count))


def test_crashes_of_the_database_cost_no_call_and_no_answer(ours):
    target = ours.connect()
    Caller(target, flat).call(8, 0)  # each web process has met the endpoint

    caller, thread = calling(target, MOST_CALLS)
    drained = []
    for _ in range(CRASHES):
        time.sleep(UP_S / 2)
        assert ours.crash_database(DOWN_S) != []
        ours.tend()
        drained.append(until(lambda: ours.tend() or not ours.spooled(), "the spool to be empty", DRAINED_S + 60))
    caller.stop()
    thread.join()

    count = len(caller.said.acknowledged)
    assert (caller.said.refused, caller.said.broken) == ([], 0)
    assert caller.said.acknowledged == set(range(count))
    until(lambda: not ours.spooled(), "the spool to be empty", DRAINED_S)
    stored = ours.stored()
    assert sorted(stored) == sorted(flat(number).decode() for number in [*range(8), *range(count)])
    assert max(drained) <= DRAINED_S


def test_the_moment_of_a_spooled_call_is_the_one_that_it_came_at(ours):
    target = ours.connect()
    Caller(target, flat).call(8, 0)

    caller, thread = calling(target, int(RATE * 2))
    began = time.time()
    ours.crash_database(4.0)
    thread.join()
    until(lambda: ours.tend() or not ours.spooled(), "the spool to be empty", 90)

    (latest,) = ours.ask(
        f"SELECT extract(epoch FROM max(received_at)) FROM clients_delivery WHERE connection_id = {ours.connection_id}"
    )
    assert began <= float(latest[0]) < began + 3.5
    assert caller.said.refused == []
