"""Calls that wait on the disk: each is handed on once it is whole, and whatever a crash left is told and harms nobody."""

import errno
import os
import stat
import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from clients import spool
from clients.spool import Spooled, Unstorable

AT = datetime(2026, 11, 29, 3, 15, 30, 123456, tzinfo=UTC)


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.SPOOL_DIR = tmp_path / "spool"
    yield settings.SPOOL_DIR
    spool.close()


def call(number=1, body=b""):
    headers = {"content-type": "application/json", "webhook-id": "é"}
    return Spooled(uuid.UUID(int=number), 7, AT + timedelta(seconds=number), headers, body or b"\x00\n\xff%d" % number)


def kept():
    """What a whole drain hands on."""
    found = []
    spool.drain(found.extend)
    return found


def only(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


def test_what_was_appended_comes_out_as_it_went_in_and_in_order():
    calls = [call(number) for number in range(120)]
    for each in calls:
        spool.append(each)

    sizes = []
    found = []
    assert spool.drain(lambda some: (sizes.append(len(some)), found.extend(some))) == 120
    assert found == calls
    assert sizes == [50, 50, 20]
    assert kept() == []


def test_nobody_else_may_read_it_and_it_is_gone_afterwards(folder):
    spool.append(call())

    assert stat.S_IMODE(only(folder, "*.calls").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    kept()
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_a_writer_whose_file_was_taken_begins_another():
    spool.append(call(1))
    assert kept() == [call(1)]
    spool.append(call(2))
    assert kept() == [call(2)]


def test_many_writers_and_a_drain_meanwhile_lose_and_double_nothing():
    found = []

    def write(start):
        for number in range(start, start + 25):
            spool.append(call(number))

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 100, 200, 300)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        spool.drain(found.extend)
    spool.drain(found.extend)

    assert sorted(each.receipt.int for each in found) == [s + n for s in (0, 100, 200, 300) for n in range(25)]


@pytest.mark.parametrize("lost", [1, 20, 50])
def test_a_torn_tail_is_set_aside_and_told_and_the_rest_is_handed_on(folder, lost):
    for number in range(3):
        spool.append(call(number))
    path = only(folder, "*.calls")
    os.truncate(path, path.stat().st_size - lost)

    assert kept() == [call(0), call(1)]
    assert only(folder, "*.torn").stat().st_size > 0
    assert spool.condition() == spool.Condition(waiting=0, since=None, stuck=0, torn=1)
    assert kept() == []


def test_a_changed_byte_costs_one_call_and_not_those_behind_it(folder):
    for number in range(3):
        spool.append(call(number))
    path = only(folder, "*.calls")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)

    assert kept() == [call(0), call(2)]
    assert spool.condition().torn == 1


def test_a_drain_that_dies_hands_everything_on_again_with_the_same_receipts():
    calls = [call(number) for number in range(60)]
    for each in calls:
        spool.append(each)
    first = []

    def die_at_the_second(some):
        if first:
            raise KeyboardInterrupt
        first.extend(some)

    with pytest.raises(KeyboardInterrupt):
        spool.drain(die_at_the_second)

    assert spool.condition().waiting == 60
    assert kept() == calls
    assert first == calls[:50]


def test_what_the_database_refuses_is_set_aside_alone_and_tried_again_later():
    for number in range(5):
        spool.append(call(number))
    found = []

    def refuse_two(some):
        if call(2) in some:
            raise Unstorable
        found.extend(some)

    assert spool.drain(refuse_two) == 4
    assert found == [call(0), call(1), call(3), call(4)]
    assert (spool.condition().waiting, spool.condition().stuck) == (0, 1)
    assert spool.drain(refuse_two) == 0
    assert spool.condition().stuck == 1
    assert kept() == [call(2)]
    assert spool.condition() == spool.Condition(0, None, 0, 0)


def test_it_says_how_many_wait_and_since_when(folder):
    before = datetime.now(UTC)
    spool.append(call(1))
    spool.append(call(2))

    condition = spool.condition()

    assert condition.waiting == 2
    assert before - timedelta(seconds=1) < condition.since <= datetime.now(UTC)


def test_without_a_folder_nothing_waits(folder):
    assert spool.condition() == spool.Condition(0, None, 0, 0)


def test_a_spool_that_has_reached_its_limit_takes_nothing_more(settings):
    settings.SPOOL_MAX_BYTES = 400
    spool.append(call(1))

    with pytest.raises(spool.SpoolFull, match="GTM_SPOOL_MAX_BYTES"):
        spool.append(call(2))

    assert kept() == [call(1)]


def test_a_full_disk_leaves_no_half_call_behind(monkeypatch):
    spool.append(call(1))

    def no_room(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", no_room)
        with pytest.raises(spool.SpoolFull, match="No space left"):
            spool.append(call(2))
    spool.append(call(3))

    assert kept() == [call(1), call(3)]
    assert spool.condition().torn == 0


def test_erasure_reaches_bodies_that_wait_are_stuck_or_torn(folder):
    spool.append(call(1, b'{"email": "ada@x.example"}'))
    spool.append(call(2, b'{"email": "eve@x.example"}'))
    (folder / "1-1.torn").write_bytes(b'"ada@x.exa')

    changed = spool.scrub(lambda connection, body: body.replace(b"ada@x.exa", b"*********"))

    assert changed == 2
    assert [each.body for each in kept()] == [b'{"email": "*********mple"}', b'{"email": "eve@x.example"}']
    assert all(b"ada@" not in path.read_bytes() for path in folder.iterdir())


def test_two_drains_at_once_hand_nothing_on_twice():
    spool.append(call(1))
    inner = []

    def drain_inside(some):
        inner.append(spool.drain(lambda more: inner.append(more)))

    assert spool.drain(drain_inside) == 1
    assert inner == [0]
