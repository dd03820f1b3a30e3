"""Calls that write, over real sockets on loopback, which nothing but a test may reach."""

import json
import logging
from types import SimpleNamespace

import pytest
from django.core import checks

from gtm import http
from gtm.http import Call

SECRET = "secret-token-of-acme"


def send(server, method="POST", path="/v1/things", timeout_s=10.0, **values):
    options = {name: values.pop(name) for name in ("max_bytes", "retry_after_in") if name in values}
    call = Call(method, f"http://{server.place}{path}", **values)
    return http.send(call, timeout_s=timeout_s, sandbox=False, **options)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_body_of_json_is_sent_as_such(server, method):
    reply = send(server, method, json={"name": "Zoë"}, headers={"Authorization": f"Bearer {SECRET}"})

    [(sent_method, path, headers, body)] = server.seen
    assert (sent_method, path, json.loads(body)) == (method, "/v1/things", {"name": "Zoë"})
    assert (headers["Content-Type"], headers["Authorization"]) == ("application/json", f"Bearer {SECRET}")
    assert (reply.status, reply.json, reply.body) == (200, {}, b"{}")


def test_a_form_is_sent_as_a_form(server):
    send(server, form={"grant_type": "client_credentials", "client_secret": "a&b="})

    [(_, _, headers, body)] = server.seen
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert body == b"grant_type=client_credentials&client_secret=a%26b%3D"


def test_an_answer_without_a_body_is_an_answer(server):
    server.script = (204, {}, [])

    reply = send(server, "DELETE")

    assert (reply.status, reply.json, reply.body) == (204, None, b"")


@pytest.mark.parametrize(
    ("script", "retry_after_in", "retry_after_s"),
    [
        ((429, {"retry-after": "7"}, [b'{"message": "slow down"}']), "s", 7.0),
        ((429, {"retry-after": "2500"}, [b"{}"]), "ms", 2.5),
        ((503, {"retry-after": "Mon, 16 Nov 2026 09:00:30 GMT", "date": "Mon, 16 Nov 2026 09:00:00 GMT"}, []), "s", 30.0),
        ((403, {}, [b'[{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]']), "s", None),
        ((200, {"content-length": "40"}, [b'{"results": [']), "s", None),
        ((200, {}, [b'{"results": [']), "s", None),
        ((200, {"content-encoding": "gzip"}, [b"no gzip"]), "s", None),
    ],
)  # fmt: skip
def test_what_may_pass_says_when_to_come_again(server, script, retry_after_in, retry_after_s):
    server.script = script

    with pytest.raises(http.Unavailable) as error:
        send(server, json={}, retry_after_in=retry_after_in)

    assert (error.value.kind, error.value.retry_after_s) == ("transient", retry_after_s)


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (400, b'{"category": "VALIDATION_ERROR", "message": "No."}', "permanent", "answered 400: No."),
        (400, b'{"error": "invalid_grant", "error_description": "expired"}', "auth", "answered 400: expired"),
        (401, b'[{"errorCode": "INVALID_SESSION_ID", "message": "Session expired"}]', "auth", "401: Session expired"),
        (409, b'{"message": "Contact already exists. Existing ID: 51"}', "conflict", "Existing ID: 51"),
        (404, b"<html>", "permanent", "answered 404"),
    ],
)
def test_what_asking_again_cannot_mend_says_what_would(server, status, body, kind, reason):
    server.script = (status, {}, [body])

    with pytest.raises(http.Refused, match=reason) as error:
        send(server, json={})

    assert (error.value.kind, error.value.status) == (kind, status)


def test_a_redirect_is_followed_nowhere(server):
    server.script = (307, {"location": "https://10.0.0.1/"}, [])

    with pytest.raises(http.Refused) as error:
        send(server, json={"secret": SECRET})

    assert (error.value.kind, len(server.seen)) == ("permanent", 1)


def test_an_answer_that_stops_in_the_middle_is_waited_for_no_longer_than_allowed(server):
    server.script = (200, {}, [b'{"a"', server.let_go, b": 1}"])

    with pytest.raises(http.Unavailable, match=r"did not answer within 0\.2 s"):
        send(server, json={}, timeout_s=0.2)


def test_an_answer_that_trickles_is_cut_off_at_the_same_moment(server, monkeypatch):
    """The clock is moved instead of waited for."""
    ticks = iter(range(0, 10_000, 20))
    monkeypatch.setattr(http, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    server.script = (200, {}, [b" "] * 50 + [b"{}"])

    with pytest.raises(http.Unavailable, match="did not answer within 10 s"):
        send(server, json={})


def test_an_answer_that_is_too_large_is_not_read_to_its_end(server):
    server.script = (200, {}, [b'"' + b"x" * 5000 + b'"'])

    with pytest.raises(http.Unavailable, match="1,000 bytes"):
        send(server, json={}, max_bytes=1000)


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": {"Authorization": f"Bearer {SECRET}\nX-Other: 1"}},
        {"headers": {"Authorization": f"Bearer {SECRET}“"}},
        {"json": {"token": SECRET, "number": float("nan")}},
    ],
)
def test_what_cannot_be_sent_is_refused_without_being_told(server, changes):
    with pytest.raises(http.Refused, match="cannot be sent") as error:
        send(server, **changes)

    assert SECRET not in f"{error.value!r}{error.value.__cause__!r}"
    assert (error.value.kind, server.seen) == ("permanent", [])


def test_no_credential_is_logged(server, caplog):
    caplog.set_level(logging.DEBUG)

    send(server, json={"client_secret": SECRET}, headers={"Authorization": f"Bearer {SECRET}"})
    send(server, form={"client_secret": SECRET})
    server.script = (500, {}, [b"{}"])
    with pytest.raises(http.Unavailable) as error:
        send(server, form={"client_secret": SECRET})

    assert len(caplog.records) > 10
    assert SECRET not in caplog.text + repr(error.value)


def test_no_credential_shows_in_what_is_printed_of_a_call():
    call = Call("POST", "https://api.vendor.test/", None, {"X": SECRET}, {"a": SECRET}, {"b": SECRET})

    assert SECRET not in repr(call)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "017700000001", "localhost", "[::1]", "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    ],
)  # fmt: skip
def test_no_spelling_of_this_machine_is_reached(server, address):
    port = server.place.partition(":")[2]
    call = Call("POST", f"https://{address}:{port}/v1/things", json={})

    with pytest.raises((http.Refused, http.Unavailable)) as error:
        http.send(call, timeout_s=2.0, sandbox=False)

    assert server.seen == []
    assert address in ("127.0.0.1",) or "not a public address" in error.value.reason


def test_only_the_very_place_that_a_test_names_is_let_through(server, settings):
    settings.LOOPBACK_ALLOWED = frozenset({"127.0.0.1:1"})

    with pytest.raises(http.Refused, match="only https"):
        send(server, json={})

    assert server.seen == []


def test_the_start_is_refused_while_a_way_to_this_machine_stands_open(settings):
    assert [each.id for each in checks.run_checks() if each.id == "gtm.E008"] == []
    settings.LOOPBACK_ALLOWED = frozenset({"127.0.0.1:9"})

    assert [each.id for each in checks.run_checks() if each.id == "gtm.E008"] == ["gtm.E008"]


@pytest.mark.parametrize("url", ["https://[::1/", "https://", "nonsense", "ftp://a.test/"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(http.Refused):
        http.send(Call("POST", url, json={}), timeout_s=1.0, sandbox=False)
