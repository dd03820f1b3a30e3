"""The stand-ins for companies' sites and for those who look at them, in their own shapes."""

import json
import re
from collections import Counter

import httpx
import pytest

from gtm import sandbox
from gtm.sandbox import faults
from gtm.sandbox.site_parts import PARTS, parts_of
from gtm.sandbox.website import about_path
from gtm.sandbox.world import COMPANIES

LOOKUP = "https://api.builtwith.com/v22/api.json"
TECHNOLOGIES = "https://api.wappalyzer.com/v2/lookup/"


@pytest.fixture
def party():
    with httpx.Client(transport=sandbox.transport()) as client:
        yield client


# --- sites


def test_every_company_has_a_site_that_answers_as_sites_do(party):
    answers = Counter()
    for domain in COMPANIES:
        home = party.get(f"https://{domain}/")
        answers[home.status_code] += 1
        assert home.headers["content-type"] == "text/html; charset=utf-8" or home.is_redirect
        assert party.get(f"https://{domain}/nothing-here").status_code in (301, 403, 404)

    assert answers == {200: len(COMPANIES) - 3, 301: 2, 403: 1}


def test_two_of_three_sites_hold_structured_data_and_one_holds_it_broken(party):
    pages = {domain: party.get(f"https://{domain}/", follow_redirects=True).text for domain in COMPANIES}
    blocks = {
        domain: re.findall(r"<script type=\"application/ld\+json\">(.*?)</script>", page, re.S)
        for domain, page in pages.items()
    }

    assert 0.6 < sum(map(bool, blocks.values())) / len(COMPANIES) < 0.85
    with pytest.raises(json.JSONDecodeError):
        json.loads(blocks["pepperbox-toys.example"][0])
    told = [
        json.loads(block) for domain, found in blocks.items() for block in found if domain != "pepperbox-toys.example"
    ]
    assert all(each["@context"] == "https://schema.org" for each in told)
    assert any("@graph" in each for each in told)


def test_the_host_decides_where_a_site_lives(party):
    def leads_to(url):
        return party.get(url).headers.get("location")

    assert leads_to("https://www.bramblewick.example/about") == "https://bramblewick.example/about"
    assert leads_to("https://holzmann-reuter.example/robots.txt") == "https://www.holzmann-reuter.example/robots.txt"
    assert leads_to("https://coldharbour-logistics.example/") == "https://saltmarsh-freight.example/"
    with pytest.raises(httpx.ConnectError, match=r"no stand-in for shop\.bramblewick\.example"):
        party.get("https://shop.bramblewick.example/")


def test_a_site_shows_its_technologies_and_its_page_about_itself(party):
    company = COMPANIES["voltaire-bikes.example"]
    home = party.get(f"https://{company.domain}/")

    assert parts_of(company)[:2] == ("Shopify", "Zendesk")
    assert "//cdn.shopify.com/s/files/1/" in home.text
    assert home.headers["powered-by"] == "Shopify"
    assert not re.search(r"\{number\}|\{\{", home.text)
    bank = COMPANIES["northwind-bank.example"]
    assert "Marta Kowalska" in party.get(f"https://{bank.domain}{about_path(bank)}").text
    assert any(not about_path(each) for each in COMPANIES.values())


def test_some_sites_have_no_robots_txt_and_one_shuts_everybody_out(party):
    found = {domain: party.get(f"https://{domain}/robots.txt") for domain in COMPANIES}

    assert found["quaystone-capital.example"].text == "User-agent: *\nDisallow: /\n"
    assert {each.status_code for each in found.values()} == {200, 301, 404}
    assert found["bramblewick.example"].headers["content-type"] == "text/plain; charset=utf-8"


def test_a_page_that_stops_in_the_middle_breaks_the_connection(party):
    with (
        faults.inject("website", faults.HALF),
        pytest.raises(httpx.RemoteProtocolError, match=r"closed after \d+ of \d+"),
    ):
        party.get("https://bramblewick.example/")


# --- DNS


def resolve(party, **params):
    return party.get("https://dns.google/resolve", params=params)


def test_mail_exchangers_are_told_as_the_public_resolver_tells_them(party):
    reply = resolve(party, name="Marlow-Clinics.example.", type="MX")

    assert reply.headers["content-type"] == "application/json; charset=UTF-8"
    assert reply.json() == {
        "Status": 0, "TC": False, "RD": True, "RA": True, "AD": False, "CD": False,
        "Question": [{"name": "Marlow-Clinics.example.", "type": 15}],
        "Answer": [{"name": "marlow-clinics.example.", "type": 15, "TTL": 3600, "data": "0 marlow-clinics-example.mail.protection.outlook.com."}],
    }  # fmt: skip


def test_names_that_are_unknown_empty_or_asked_for_otherwise(party):
    unknown = resolve(party, name="nobody.example", type="15").json()

    assert (unknown["Status"], "Answer" in unknown, unknown["Authority"][0]["type"]) == (3, False, 6)
    assert "Answer" not in resolve(party, name="marlow-clinics.example", type="TXT").json()
    assert [each["data"] for each in resolve(party, name="redfern-haulage.example", type="MX").json()["Answer"]] == [
        "0 ."
    ]
    assert [each["type"] for each in resolve(party, name="blue-anchor.example", type="mx").json()["Answer"]][:2] == [
        5,
        15,
    ]
    for name in ("", "a..example", "x" * 64 + ".example", ".".join(["abc"] * 70)):
        refused = resolve(party, name=name, type="MX")
        assert (refused.status_code, refused.headers["content-type"]) == (400, "text/html; charset=UTF-8")


# --- those who look at sites


@pytest.mark.parametrize(
    ("params", "headers", "code"),
    [
        ({"LOOKUP": "bramblewick.example"}, {}, -2),
        ({"LOOKUP": "bramblewick.example"}, {"Authorization": "API "}, -2),
        ({"KEY": "k"}, {}, -8),
        ({"KEY": "k", "LOOKUP": "bramblewick"}, {}, -8),
        ({"KEY": "k", "LOOKUP": ",".join(["a.example"] * 17)}, {}, -7),
    ],
)
def test_builtwith_refuses_with_a_success(party, params, headers, code):
    reply = party.get(LOOKUP, params=params, headers=headers)

    assert reply.status_code == 200
    assert [each["Code"] for each in reply.json()["Errors"]] == [code]
    assert reply.headers["x-api-credits-remaining"] == "2000"


def test_builtwith_tells_of_a_company_beside_the_result_or_in_it(party):
    domains = list(COMPANIES)
    results = [
        each
        for start in range(0, len(domains), 16)
        for each in party.get(LOOKUP, params={"LOOKUP": ",".join(domains[start : start + 16])}, headers={"Authorization": "API k"}).json()["Results"]
    ]  # fmt: skip

    assert [each.get("Lookup") or each["Result"]["Lookup"] for each in results] == domains
    assert {("Meta" in each, "Meta" in each["Result"]) for each in results} == {(True, False), (False, True)}
    moments = [
        technology["LastDetected"]
        for each in results
        for path in each["Result"]["Paths"]
        for technology in path["Technologies"]
    ]
    assert all(1_600_000_000_000 < each < 1_800_000_000_000 for each in moments)


def test_builtwith_keeps_people_back_where_it_is_asked_to(party):
    def meta(**params):
        [found] = party.get(LOOKUP, params={"KEY": "k", "LOOKUP": "northwind-bank.example", **params}).json()["Results"]
        return found.get("Meta") or found["Result"]["Meta"]

    assert any(each["Name"] == "Marta Kowalska" for each in meta()["Names"])
    assert {"Names", "Emails", "Telephones"} & set(meta(NOPII="yes")) == set()


def test_builtwith_knows_no_path_of_a_site_that_it_has_not_looked_at(party):
    reply = party.get(LOOKUP, params={"KEY": "k", "LOOKUP": "nobody.example"}).json()

    assert reply["Results"][0]["Result"] == {"SpendHistory": [], "IsDB": "False", "Spend": 0, "Paths": []}


@pytest.mark.parametrize(
    ("url", "params", "headers", "status", "message"),
    [
        (TECHNOLOGIES, {"urls": "https://bramblewick.example"}, {}, 403, "Forbidden"),
        ("https://api.wappalyzer.com/v3/lookup/", {}, {"x-api-key": "k"}, 403, "Missing Authentication Token"),
        (TECHNOLOGIES, {}, {"x-api-key": "k"}, 400, "urls: between one and ten website URLs"),
        (TECHNOLOGIES, {"urls": "bramblewick.example"}, {"x-api-key": "k"}, 400, "urls: between one and ten website URLs"),
        (TECHNOLOGIES, {"urls": ",".join(["https://a.example"] * 11)}, {"x-api-key": "k"}, 400, "urls: between one and ten website URLs"),
    ],
)  # fmt: skip
def test_wappalyzer_refuses_in_its_own_shape(party, url, params, headers, status, message):
    reply = party.get(url, params=params, headers=headers)

    assert (reply.status_code, reply.json()) == (status, {"message": message})


def test_wappalyzer_tells_of_each_site_what_it_has(party):
    urls = "https://bramblewick.example,https://nobody.example,https://brightmoor-credit.example"
    reply = party.get(TECHNOLOGIES, params={"urls": urls}, headers={"x-api-key": "k"})

    stored, crawled, failed = reply.json()
    assert {"slug", "name", "versions", "categories", "trafficRank", "confirmedAt"} == set(stored["technologies"][0])
    assert 1_700_000_000 < stored["technologies"][0]["confirmedAt"] < 1_800_000_000
    assert crawled == {"url": "https://nobody.example", "crawl": True}
    assert failed == {"url": "https://brightmoor-credit.example", "errors": ["RESPONSE_NOT_OK"]}
    assert (reply.headers["wappalyzer-credits-spent"], reply.headers["wappalyzer-credits-remaining"]) == ("1", "4999")


def test_all_who_look_at_a_site_tell_of_the_same_parts(party):
    company = COMPANIES["northwind-bank.example"]
    named = {
        "Google Analytics 4": "Google Analytics",
        "LinkedIn Insights": "LinkedIn Insight Tag",
        "Facebook Pixel": "Meta Pixel",
    }

    [built] = party.get(LOOKUP, params={"KEY": "k", "LOOKUP": company.domain}).json()["Results"]
    [wapped] = party.get(TECHNOLOGIES, params={"urls": f"https://{company.domain}"}, headers={"x-api-key": "k"}).json()

    seen = {named.get(each["Name"], each["Name"]) for each in built["Result"]["Paths"][0]["Technologies"]}
    looked = {named.get(each["name"], each["name"]) for each in wapped["technologies"]}
    assert set(parts_of(company)) <= {each.replace("Linkedin", "LinkedIn") for each in looked}
    assert set(parts_of(company)) <= {each.replace("Cloudflare CDN", "Cloudflare") for each in seen}
    assert set(parts_of(company)) <= set(PARTS)
