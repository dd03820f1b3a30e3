import os

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


# --- pages


def pages(server, **by_path):
    """What the server shows at each path; `home` stands for /."""
    shown = {f"/{name}".replace("/home", "/"): page for name, page in by_path.items()}
    server.script = lambda path: shown[path]


def get_page(server, path="/", **options):
    return http.get_page(f"http://{server.place}{path}", **{"timeout_s": 10.0, "sandbox": False, **options})


def moved(location, status=301):
    return status, {"location": location}, []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_page_is_found_where_its_redirects_lead(server, status):
    pages(server, home=moved("/one", status), one=moved("two", status), two=(200, {"X-Kind": "page"}, [b"<p>hi"]))

    page = get_page(server)

    assert (page.url, page.status, page.body) == (f"http://{server.place}/two", 200, b"<p>hi")
    assert page.headers["x-kind"] == "page"
    assert [path for _, path, _, _ in server.seen] == ["/", "/one", "/two"]


@pytest.mark.parametrize(
    "location",
    [
        "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data/", "//192.168.1.1/", "https://[::1]/", "https://2130706433/", "https://localhost/",
        "https://[::ffff:127.0.0.1]:8000/",
    ],
)  # fmt: skip
def test_a_redirect_to_an_address_inside_is_refused_like_a_first_one(server, settings, location):
    pages(server, home=moved(location if location.startswith("https") else f"https:{location}"))

    with pytest.raises(http.Refused, match="not a public address") as refused:
        get_page(server)

    assert (refused.value.status, len(server.seen)) == (0, 1)


@pytest.mark.parametrize("location", ["http://elsewhere.test/", "ftp://elsewhere.test/", "file:///etc/passwd"])
def test_a_redirect_to_anything_but_https_is_refused(server, location):
    pages(server, home=moved(location))

    with pytest.raises(http.Refused, match="only https addresses are asked"):
        get_page(server)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("https://xn--/", "127.0.0.1 redirects to something that is no address"),
        ("mailto:sales@elsewhere.test", "127.0.0.1 redirects to something that is no address"),
        ("https://[::1", "127.0.0.1 could not be reached: Invalid URL in location header: Invalid port: ':1'."),
        ("https://a.test:port/", "127.0.0.1 could not be reached: Invalid URL in location header: Invalid port: 'port'."),
        ("https://" + "a" * 70_000, "127.0.0.1 could not be reached: Invalid URL in location header: URL too long."),
    ],
)  # fmt: skip
def test_a_redirect_to_something_that_is_no_address_is_told_in_words(server, location, reason):
    pages(server, home=moved(location))

    with pytest.raises((http.Refused, http.Unavailable)) as error:
        get_page(server)

    assert error.value.reason == reason


def test_more_than_five_redirects_are_not_followed(server):
    server.script = lambda path: moved(f"/{int(path[1:] or 0) + 1}") if path != "/5" else (200, {}, [b"there"])
    assert get_page(server).body == b"there"

    server.script = lambda path: moved("/")
    server.seen.clear()
    with pytest.raises(http.Unavailable, match="redirects more than 5 times"):
        get_page(server)
    assert len(server.seen) == 6


def test_the_time_for_a_page_is_shared_by_all_of_its_redirects(server):
    pages(server, home=moved("/slow"), slow=(200, {"content-length": "9"}, [b"<p>", server.let_go]))

    with pytest.raises(http.Unavailable, match="did not answer within") as late:
        get_page(server, timeout_s=0.4)

    assert float(str(late.value).split()[-2]) < 0.4


def test_what_was_meant_for_one_host_is_not_sent_to_the_next(server, settings):
    other = server.place.replace("127.0.0.1", "localhost")
    settings.LOOPBACK_ALLOWED = frozenset({server.place, other})
    pages(server, home=moved("/moved"), moved=moved(f"http://{other}/there"), there=(200, {}, [b"hi"]))

    get_page(server, headers={"X-Api-Key": "of-one-host"})

    assert [headers.get("X-Api-Key") for _, _, headers, _ in server.seen] == ["of-one-host", "of-one-host", None]


def test_a_page_that_is_refused_or_too_large_says_so(server):
    pages(server, home=(403, {}, [b"no"]), busy=(503, {}, []), large=(200, {}, [b"x" * 5000]))

    with pytest.raises(http.Refused, match=r"127\.0\.0\.1 answered 403"):
        get_page(server)
    with pytest.raises(http.Unavailable, match="answered 503"):
        get_page(server, "/busy")
    with pytest.raises(http.Unavailable, match="1,000 bytes"):
        get_page(server, "/large", max_bytes=1000)


def test_a_cookie_is_neither_kept_nor_sent_back(server):
    pages(server, home=(200, {"set-cookie": "visitor=1; path=/; max-age=99999"}, [b"hi"]))

    get_page(server)
    get_page(server)

    assert [headers.get("Cookie") for _, _, headers, _ in server.seen] == [None, None]
    assert len(http._client(False, os.getpid()).cookies.jar) == 0


def test_who_is_asked_learns_where_to_find_a_person_once_that_is_configured(settings):
    settings.CONTACT_EMAIL = ""
    without = http.user_agent()
    settings.CONTACT_EMAIL = "The Agency <ops@agency.example>"

    assert (without, http.user_agent()) == ("gtm/1.0", "gtm/1.0 (ops@agency.example)")


@pytest.mark.parametrize(("status", "error"), [(403, http.Refused), (429, http.Unavailable)])
def test_a_refusal_keeps_the_headers_that_came_with_it(status, error):
    limited = Fault(status, b"{}", {"X-RateLimit-Reset": "1794823200"})

    with faults.inject("newsapi", limited), pytest.raises(error) as refused:
        ask_news()

    assert refused.value.headers["x-ratelimit-reset"] == "1794823200"
