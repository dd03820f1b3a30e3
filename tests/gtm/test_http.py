import httpx
import pytest

from gtm import http
from gtm.sandbox import faults
from gtm.sandbox.faults import Fault

NEWS = "https://newsapi.org/v2/everything"


def ask_news(**changes):
    asked = {"params": {"q": '"Harbour Pay"'}, "headers": {"X-Api-Key": "k"}, "timeout_s": 2.0, "sandbox": True}
    return http.get_json(NEWS, **asked | changes)


def public_only(addresses, seen):
    def connect(request):
        seen.append(request)
        return httpx.Response(200, json={})

    return http.PublicOnly(httpx.MockTransport(connect), resolve=lambda host, port: list(addresses))


def test_a_name_is_resolved_once_and_the_checked_address_is_called_under_that_name():
    seen = []
    transport = public_only(["93.184.216.34", "2606:2800:220::1"], seen)

    transport.handle_request(httpx.Request("GET", "https://api.vendor.test/v1?a=b"))

    [request] = seen
    assert str(request.url) == "https://93.184.216.34/v1?a=b"
    assert request.headers["host"] == "api.vendor.test"
    assert request.extensions["sni_hostname"] == "api.vendor.test"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.9", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "::1", "fe80::1", "fc00::1",
        "::ffff:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::", "ff02::1",
    ],
)  # fmt: skip
def test_an_address_inside_is_refused_before_anything_is_sent(address):
    seen = []

    with pytest.raises(http.Refused, match="not a public address") as refused:
        public_only([address], seen).handle_request(httpx.Request("GET", "https://inner.test/"))

    assert refused.value.status == 0
    assert seen == []


def test_one_hidden_address_among_public_ones_is_enough_to_refuse():
    seen = []

    with pytest.raises(http.Refused):
        public_only(["93.184.216.34", "10.0.0.1"], seen).handle_request(httpx.Request("GET", "https://mixed.test/"))

    assert seen == []


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "017700000001", "localhost", "[::1]"])
def test_odd_spellings_of_this_machine_are_refused(host):
    with pytest.raises(http.Refused, match="not a public address"):
        http.get_json(f"https://{host}/", timeout_s=1.0, sandbox=False)


def test_only_https_is_asked():
    with pytest.raises(http.Refused, match="only https"):
        http.get_json("http://api.vendor.test/", timeout_s=1.0, sandbox=False)


def test_the_sandbox_answers_with_the_party_s_own_json():
    reply = ask_news()

    assert reply.status == 200
    assert reply.json["status"] == "ok"
    assert "Harbour Pay" in reply.json["articles"][0]["title"]


def test_a_host_without_a_stand_in_is_out_of_reach():
    with pytest.raises(http.Unavailable, match=r"no stand-in for other\.test"):
        http.get_json("https://other.test/", timeout_s=1.0, sandbox=True)


@pytest.mark.parametrize(
    ("fault", "reason", "retry_after_s"),
    [
        (Fault(429, b'{"message": "slow down"}', {"retry-after": "7"}), "answered 429: slow down", 7.0),
        (Fault(429), "answered 429", None),
        (Fault(503, b"<html>"), "answered 503", None),
        (Fault(200, b"<html>busy</html>"), "something that is not JSON", None),
        (Fault(200, b'{"a": NaN}'), "something that is not JSON", None),
        (Fault(200, b'{"a": '), "something that is not JSON", None),
        (Fault(delay_s=60), "did not answer within 0.05 s", None),
    ],
)
def test_what_may_pass_is_unavailable_and_says_why(fault, reason, retry_after_s):
    patience_s = 0.05 if fault.delay_s else 10.0  # a busy machine may need a while for an answer that comes
    with faults.inject("newsapi", fault), pytest.raises(http.Unavailable, match=reason) as error:
        ask_news(timeout_s=patience_s)

    assert error.value.retry_after_s == retry_after_s


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault(401, b'{"message": "Your API key is invalid."}'), 401),
        (Fault(404), 404),
        (Fault(302, headers={"location": "https://10.0.0.1/"}), 302),
    ],
)
def test_what_asking_again_cannot_mend_is_refused(fault, status):
    with faults.inject("newsapi", fault), pytest.raises(http.Refused) as error:
        ask_news()

    assert error.value.status == status


def test_an_answer_that_is_too_large_is_not_read_to_its_end():
    with (
        faults.inject("newsapi", Fault(200, b'"' + b"x" * 5000 + b'"')),
        pytest.raises(http.Unavailable, match="1,000 bytes"),
    ):
        ask_news(max_bytes=1000)


def test_who_is_asked_learns_where_to_find_a_person_once_that_is_configured(settings):
    without = http.user_agent()
    settings.HTTP_CONTACT = "mailto:ops@agency.example"

    assert (without, http.user_agent()) == ("gtm/1.0", "gtm/1.0 (mailto:ops@agency.example)")


@pytest.mark.parametrize(("status", "error"), [(403, http.Refused), (429, http.Unavailable)])
def test_a_refusal_keeps_the_headers_that_came_with_it(status, error):
    limited = Fault(status, b"{}", {"X-RateLimit-Reset": "1794823200"})

    with faults.inject("newsapi", limited), pytest.raises(error) as refused:
        ask_news()

    assert refused.value.headers["x-ratelimit-reset"] == "1794823200"
