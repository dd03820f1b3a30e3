"""The stand-in for GitHub's REST API: GET https://api.github.com/orgs/{org}.

Companies that make software have an organisation, most with their site in its profile. Some names belong to somebody
else: who came first has the name.
"""

from typing import Any

from gtm.sandbox.asked import Answer, Asked
from gtm.sandbox.world import COMPANIES, Company

KEY = "github"
DOCS = "https://docs.github.com/rest"
MAKE_SOFTWARE = ("saas", "fintech")
TOKENS = ("ghp_", "gho_", "ghu_", "ghs_", "github_pat_")
RESET = "1794820800"  # seconds since 1970
NO_AGENT = (
    b"Request forbidden by administrative rules. Please make sure your request has a User-Agent header "
    b"(https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required)."
)


def answer(asked: Asked) -> Answer:
    if not asked.headers.get("user-agent"):
        return Answer(403, NO_AGENT, {"content-type": "text/plain"})
    scheme, _, token = asked.headers.get("authorization", "").partition(" ")
    if scheme and (scheme.lower() not in ("bearer", "token") or not token.startswith(TOKENS)):
        return _error(401, "Bad credentials", limit=60)
    limit = 5000 if token else 60
    login = asked.path.removeprefix("/orgs/")
    if asked.method != "GET" or login == asked.path or "/" in login:
        return _error(404, "Not Found", limit=limit)
    organisation = _organisation(login.lower())
    if organisation is None:
        return _error(404, "Not Found", limit=limit)
    return Answer(200, organisation, _headers(limit))


def _headers(limit: int) -> dict[str, str]:
    return {
        "content-type": "application/json; charset=utf-8",
        "x-github-media-type": "github.v3; format=json",
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(limit - 1),
        "x-ratelimit-used": "1",
        "x-ratelimit-reset": RESET,
        "x-ratelimit-resource": "core",
    }


def _error(status: int, message: str, *, limit: int) -> Answer:
    return Answer(status, {"message": message, "documentation_url": DOCS, "status": str(status)}, _headers(limit))


def _organisation(login: str) -> dict[str, Any] | None:
    company = next((each for each in COMPANIES.values() if each.slug == login), None)
    if company is None or KEY in company.unknown_to:
        return None
    if company.industry in MAKE_SOFTWARE:
        return _body(company.as_seen_by(KEY), **_theirs(company))
    return _body(company, **_somebody_s(company)) if company.number("github name", 2) == 1 else None


def _theirs(company: Company) -> dict[str, Any]:
    shape = company.number("github profile", 4)
    return {
        "name": company.name if shape != 2 else None,
        "description": f"{company.tags[0].capitalize()}, in the open",
        "blog": {1: company.domain, 2: f"http://www.{company.domain}/", 3: ""}.get(shape, f"https://{company.domain}"),
        "location": f"{company.city}, {company.country}" if shape != 4 else company.city,
        "is_verified": shape == 3,
        "public_repos": company.number("repos", 60),
        "followers": company.number("followers", 900),
        "created_at": f"{max(company.founded, 2009)}-05-14T09:26:53Z",
    }


def _somebody_s(company: Company) -> dict[str, Any]:
    return {
        "name": company.slug,
        "description": None,
        "blog": "https://weekend-code.example" if company.number("github blog", 2) == 1 else None,
        "location": "Internet, mostly",
        "is_verified": False,
        "public_repos": 1,
        "followers": 0,
        "created_at": "2013-02-03T17:11:08Z",
    }


def _body(company: Company, **profile: Any) -> dict[str, Any]:
    login, url = company.slug, f"https://api.github.com/orgs/{company.slug}"
    return {
        "login": login,
        "id": company.number("github", 99_999_999),
        "node_id": f"O_kgDO{company.number('github node', 99_999):05d}",
        "url": url,
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events",
        "hooks_url": f"{url}/hooks",
        "issues_url": f"{url}/issues",
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"https://avatars.githubusercontent.com/u/{company.number('github', 99_999_999)}?v=4",
        "company": None,
        "email": None,
        "twitter_username": None,
        "has_organization_projects": True,
        "has_repository_projects": True,
        "public_gists": 0,
        "following": 0,
        "html_url": f"https://github.com/{login}",
        "updated_at": "2026-10-02T08:15:30Z",
        "archived_at": None,
        "type": "Organization",
        **profile,
    }
