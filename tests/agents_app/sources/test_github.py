"""GitHub: whose organisation it is, with and without a token, and when it may be asked again."""

import json

import pytest

from agents_app.research import SOURCES, Company, Question, SourceAccess
from agents_app.research.source import ask
from gtm.sandbox import faults
from gtm.sandbox.faults import Fault
from gtm.sandbox.world import COMPANIES
from tests.agents_app.sources.test_every_source import AT

STRANGER = next(each for each in COMPANIES.values() if each.industry == "retail" and each.number("github name", 2) == 1)
LIMITED = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1794823200"}
EXCEEDED = json.dumps(
    {"message": "API rate limit exceeded for 192.0.2.7.", "documentation_url": "https://docs.github.com"}
)


def asked(domain, login, credential=""):
    ids = {"github_org": login} if login else {}
    access = SourceAccess("github", sandbox=True, credential=credential)
    return ask(SOURCES["github"], Question(Company(domain, "", ids), AT), access, timeout_s=5)


def test_an_organisation_with_the_company_s_site_says_what_it_knows():
    found = asked("kitebase.example", "kitebase")

    assert (found.status, found.calls) == ("ok", 1)
    assert found.request_key == "GET https://api.github.com/orgs/kitebase"
    assert {each.attribute: each.value for each in found.claims}["github_org"] == "kitebase"


def test_without_a_known_name_nobody_is_asked():
    found = asked("kitebase.example", "")

    assert (found.status, found.calls) == ("no_match", 0)
    assert found.reason == "GitHub is asked by an organisation's name there, and none is known for kitebase.example."


def test_an_organisation_that_may_be_somebody_else_s_is_kept_and_claims_nothing():
    found = asked(STRANGER.domain, STRANGER.slug)

    assert (found.status, found.claims) == ("no_match", [])
    assert found.reason == (
        f"The organisation {STRANGER.slug} is not verified and names no site at {STRANGER.domain}: it may be another's."
    )
    assert found.payload["organisation"]["login"] == STRANGER.slug


def test_a_name_that_nobody_has_is_no_match():
    found = asked("kitebase.example", "kitebase-labs")

    assert (found.status, found.reason) == ("no_match", "GitHub has no organisation called kitebase-labs.")


def test_a_token_goes_along_where_there_is_one_and_nothing_where_there_is_none():
    good, bad = (
        asked("kitebase.example", "kitebase", "ghp_x"),
        asked("kitebase.example", "kitebase", "of-another-party"),
    )
    none = asked("kitebase.example", "kitebase")

    assert [each.status for each in (good, bad, none)] == ["ok", "failed", "ok"]
    assert bad.reason == "api.github.com answered 401: Bad credentials"


@pytest.mark.parametrize("status", [403, 429])
def test_a_used_up_limit_says_when_it_may_be_asked_again(status):
    with faults.inject("github", Fault(status, EXCEEDED.encode(), LIMITED)):
        found = asked("kitebase.example", "kitebase")

    assert (found.status, found.claims) == ("failed", [])
    assert found.reason == (
        "GitHub's limit of 60 calls an hour is used up until 10:00 UTC. A token on the connection allows 5,000."
    )


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(403, EXCEEDED.encode(), {**LIMITED, "x-ratelimit-limit": "5000", "x-ratelimit-reset": "soon"}),
         "GitHub's limit of 5000 calls an hour is used up."),
        (Fault(403, b'{"message": "You have exceeded a secondary rate limit."}', {"retry-after": "60"}),
         "api.github.com answered 403: You have exceeded a secondary rate limit."),
        (Fault(401, b'{"message": "Bad credentials"}'), "api.github.com answered 401: Bad credentials"),
        (Fault(200, b'{"message": "ok"}'), "The answer cannot be read: it has no login"),
    ],
)  # fmt: skip
def test_what_else_goes_wrong_is_told_in_its_own_words(fault, reason):
    with faults.inject("github", fault):
        found = asked("kitebase.example", "kitebase")

    assert (found.status, found.reason) == ("failed", reason)
