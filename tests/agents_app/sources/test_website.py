"""What the source of companies' own sites asks for, and what it leaves alone."""

from datetime import UTC, datetime

import pytest

from agents_app.research import SOURCES, Company, Question, SourceAccess
from agents_app.research.source import ask
from gtm.sandbox import faults
from gtm.sandbox.faults import Fault

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
ACME = "pinecrest-polymers.example"
HTML = {"content-type": "text/html; charset=utf-8"}
NAMED = b'<meta property="og:site_name" content="Acme"><script src="https://js.stripe.com/v3/"></script>'
NO_RULES = Fault(404)


def answer(domain=ACME, timeout_s=5.0):
    access = SourceAccess("website", sandbox=True)
    return ask(SOURCES["website"], Question(Company(domain), AT), access, timeout_s=timeout_s)


def answers(*shown, **options):
    """What comes of a site that shows these one after another: its robots.txt, its home page, and so on."""
    with faults.inject("website", *shown):
        return answer(**options)


def page(html=NAMED, status=200, **headers):
    return Fault(status, html, {**HTML, **headers})


def moved(location):
    return Fault(301, b"", {"location": location})


def rules(*lines):
    return Fault(200, "\n".join(["User-agent: *", *lines]).encode(), {"content-type": "text/plain"})


def told(found):
    return [(each.attribute, each.value, each.pointer) for each in found.claims]


HOME = [
    ("name", "Acme", "/home/html#meta/og:site_name"),
    ("technology", "Stripe", "/home/html#technology/Stripe"),
]


# --- robots.txt


def test_a_site_whose_robots_txt_shuts_us_out_is_not_read():
    found = answer("quaystone-capital.example")

    assert (found.status, found.claims, found.payload) == ("no_match", [], None)
    assert found.reason == (
        "The robots.txt of quaystone-capital.example asks programs like ours to stay away, so it is not read."
    )
    assert found.request_key == "GET https://quaystone-capital.example/robots.txt"


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault(503), f"{ACME} answered 503"),
        (Fault(429), f"{ACME} answered 429"),
        (Fault(is_reset=True), f"{ACME} could not be reached: the connection was closed"),
        (Fault(200, b"x" * 2_000_001), f"{ACME} answered with more than 2,000,000 bytes"),
        (moved("https://pinecrest-polymers.example/robots.txt"), f"{ACME} redirects more than 5 times"),
    ],
)
def test_as_long_as_the_robots_txt_cannot_be_had_nothing_else_is_asked_for(fault, why):
    found = answers(fault)

    assert (found.status, found.calls, found.claims) == ("failed", 1, [])
    assert found.reason == f"Without its robots.txt {ACME} is left alone: {why}"


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_site_without_a_robots_txt_may_be_read(status):
    found = answers(Fault(status), page(), Fault(404))

    assert (found.status, told(found)) == ("ok", HOME)
    assert found.payload["robots"] is None


def test_what_the_robots_txt_says_is_kept_beside_the_pages():
    found = answers(rules("Disallow: /cart"), page(), Fault(404))

    assert found.payload["robots"] == "User-agent: *\nDisallow: /cart"
    assert (found.payload["asked"], found.payload["on"]) == (f"https://{ACME}/", "2026-11-16")


def test_the_page_about_the_company_may_be_kept_back_alone():
    found = answers(rules("Disallow: /about"), page())

    assert (found.status, told(found), found.calls) == ("ok", HOME, 2)
    assert found.reason == "The robots.txt keeps programs from /about."


# --- the home page


def test_a_home_page_that_is_for_browsers_only_is_told_so():
    found = answer("brightmoor-credit.example")

    assert (found.status, found.claims) == ("no_match", [])
    assert found.reason == "brightmoor-credit.example does not show its home page to programs: it answered 403."


def test_a_home_page_that_fails_in_passing_may_be_asked_for_again():
    found = answers(NO_RULES, Fault(502))

    assert (found.status, found.reason) == ("failed", f"{ACME} answered 502")


def test_what_is_no_html_is_not_read():
    found = answers(NO_RULES, Fault(200, b"%PDF-1.7", {"content-type": "application/pdf"}))

    assert (found.status, found.reason) == ("failed", f"The answer cannot be read: what {ACME} shows is no HTML")


def test_of_a_long_page_the_beginning_is_kept():
    found = answers(NO_RULES, page(NAMED + b"<p>" + b"x" * 1_500_000), Fault(404))

    assert len(found.payload["home"]["html"]) == 400_000
    assert told(found) == HOME


def test_of_cookies_only_the_names_are_kept():
    cookies = "_shopify_y=3f0c9a; expires=Tue, 16 Nov 2027 09:00:00 GMT; path=/, session=s3cret; HttpOnly"
    found = answers(NO_RULES, page(**{"set-cookie": cookies, "Server": "x" * 900}), Fault(404))

    headers = found.payload["home"]["headers"]
    assert headers["set-cookie"] == "_shopify_y, session"
    assert len(headers["server"]) == 500
    assert ("technology", "Shopify", "/home/headers#technology/Shopify") in told(found)


# --- redirects


def test_a_site_that_lives_at_www_is_the_company_s_own():
    found = answer("holzmann-reuter.example")

    assert (found.status, found.reason) == ("ok", "")
    assert found.payload["home"]["url"] == "https://www.holzmann-reuter.example/"
    assert ("name", "Holzmann Reuter", "/home/html#json_ld/0/name") in told(found)


def test_what_another_domain_says_is_not_said_of_this_company():
    found = answer("coldharbour-logistics.example")

    assert (found.status, found.claims, found.calls) == ("no_match", [], 2)
    assert found.reason == (
        "coldharbour-logistics.example leads to saltmarsh-freight.example, which may be another company's:"
        " nothing is taken from there."
    )
    assert found.payload["home"]["url"] == "https://saltmarsh-freight.example/"


def test_a_host_that_the_home_page_moved_to_is_asked_for_its_own_rules():
    allowed = answers(rules("Allow: /"), moved(f"https://www.{ACME}/"), page(), rules("Disallow: /about"))
    shut = answers(rules("Allow: /"), moved(f"https://www.{ACME}/"), page(), rules("Disallow: /"))

    assert (allowed.status, told(allowed), allowed.reason) == ("ok", HOME, "The robots.txt keeps programs from /about.")
    assert shut.reason == f"The robots.txt of www.{ACME} asks programs like ours to stay away, so it is not read."
    assert shut.request_key.split("; ")[2] == f"GET https://www.{ACME}/robots.txt"


def test_no_more_than_four_calls_are_made():
    found = answers(rules("Allow: /"), moved(f"https://www.{ACME}/"), page(), rules("Allow: /"), page(b"<p>About"))

    assert (found.status, found.calls) == ("ok", 4)


@pytest.mark.parametrize("shown", [[moved("https://xn--/")], [NO_RULES, moved("https://xn--/")]])
def test_an_address_that_we_refuse_is_no_word_of_the_site(shown):
    found = answers(*shown)

    assert (found.status, found.calls, found.http_status) == ("failed", len(shown), None)
    assert found.reason == f"{ACME} redirects to something that is no address"


# --- the page about the company


@pytest.mark.parametrize(
    ("link", "asked"),
    [
        ('<a href="/en/about-us/#team">', "/en/about-us/"), ('<a href="about.html">', "/about.html"), (f'<a href="https://{ACME}/Company">', "/Company"),
        ('<a href="/ueber-uns">', "/ueber-uns"), ('<a href="/about/careers">', "/about"), ('<a href="https://elsewhere.example/about-us">', "/about"),
        ('<a href="https://[::1/about">', "/about"), ('<a href="mailto:about@acme.example">', "/about"), ("", "/about"),
    ],
)  # fmt: skip
def test_the_page_about_the_company_is_found_by_its_link_or_where_it_mostly_is(link, asked):
    found = answers(NO_RULES, page(NAMED + link.encode()), page(b'<meta name="description" content="Polymers">'))

    assert found.request_key.split("; ")[-1] == f"GET https://{ACME}{asked}"
    assert told(found) == [*HOME, ("description", "Polymers", "/about/html#meta/description")]


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (page(b"gone", 404), ""),
        (Fault(200, b"%PDF-1.7", {"content-type": "application/pdf"}), ""),
        (Fault(500), f"The page about the company did not come: {ACME} answered 500."),
        (Fault(is_half=True, status=200, body=NAMED, headers=HTML), "The page about the company did not come: "),
    ],
)
def test_without_a_page_about_the_company_its_home_page_stands_alone(shown, reason):
    found = answers(NO_RULES, page(), shown)

    assert (found.status, told(found), found.payload["about"]) == ("ok", HOME, None)
    assert found.reason.startswith(reason) if reason else found.reason == ""


def test_an_about_address_that_leads_home_or_elsewhere_says_nothing_more():
    home = answers(NO_RULES, page(), moved(f"https://{ACME}/"), page())
    elsewhere = answers(
        NO_RULES, page(), moved("https://saltmarsh-freight.example/"), page(b"<meta name=description content=X>")
    )

    assert (told(home), home.payload["about"]) == (HOME, None)
    assert told(elsewhere) == HOME


# --- what is read


def test_what_a_company_says_of_itself_is_undated_and_what_it_uses_was_seen_today():
    found = answer("heartwood-devices.example")

    dated = {each.attribute for each in found.claims if each.as_of_date}
    assert dated == {"technology"}
    assert {each.as_of_date for each in found.claims if each.attribute == "technology"} == {AT.date()}


def test_a_page_without_data_for_machines_is_told_so():
    found = answers(NO_RULES, page(b"<h1>Hello</h1>"), Fault(404))

    assert (found.status, found.claims) == ("no_match", [])
    assert found.reason == ("The pages of Pinecrest Polymers say nothing in a form that we can read without guessing.")
