"""The stand-in for LinkedIn's Organization Lookup: GET https://api.linkedin.com/rest/organizations by emailDomain or
vanityName, with what an app sees of a page that its member does not administer.

A token called `no-permission` belongs to an app without the permission. Places of a company are its own and those
that `seen_by` lists as offices; a staff range is of the place.
"""

import re
from typing import Any

from gtm.sandbox import keys
from gtm.sandbox.asked import Answer, Asked
from gtm.sandbox.world import COMPANIES, Company

KEY = "linkedin"
NO_PERMISSION = "no-permission"
VERSION = re.compile(r"20[2-9]\d(?:0[1-9]|1[0-2])(?:\.\d\d)?")
RANGES = ((1, "SIZE_1"), (10, "SIZE_2_TO_10"), (50, "SIZE_11_TO_50"), (200, "SIZE_51_TO_200"), (500, "SIZE_201_TO_500"),
          (1000, "SIZE_501_TO_1000"), (5000, "SIZE_1001_TO_5000"), (10000, "SIZE_5001_TO_10000"))  # fmt: skip
CODES = {
    "Australia": "AU", "Austria": "AT", "Belgium": "BE", "Canada": "CA", "Denmark": "DK", "Finland": "FI",
    "France": "FR", "Germany": "DE", "India": "IN", "Ireland": "IE", "Netherlands": "NL", "Norway": "NO",
    "Poland": "PL", "Portugal": "PT", "Spain": "ES", "Sweden": "SE", "Switzerland": "CH", "United Kingdom": "GB",
    "United States": "US",
}  # fmt: skip


def answer(asked: Asked) -> Answer:
    if (asked.method, asked.path) != ("GET", "/rest/organizations"):
        return _error(404, "RESOURCE_NOT_FOUND", f"No virtual resource found {asked.path}")
    refusal = _refusal(asked)
    if refusal:
        return refusal
    finder = asked.params.get("q", "")
    if finder not in FINDERS or not asked.params.get(finder):
        return _error(400, "ILLEGAL_ARGUMENT", f"Parameter {finder or 'q'} is required")
    wanted = asked.params[finder].lower()
    known = [each for each in COMPANIES.values() if KEY not in each.unknown_to]
    found = [_page(each) for each in known if FINDERS[finder](each) == wanted]
    return Answer(200, {"paging": {"start": 0, "count": 10, "links": []}, "elements": found})


def _refusal(asked: Asked) -> Answer | None:
    token = asked.headers.get("authorization", "").removeprefix("Bearer ").strip()
    version = asked.headers.get("linkedin-version", "")
    if not token:
        return Answer(401, {"status": 401, "serviceErrorCode": 401, "message": "Empty oauth2_access_token"})
    if token == keys.INVALID:
        return _error(401, "INVALID_ACCESS_TOKEN", "Invalid access token", service_code=65600)
    if not VERSION.fullmatch(version):
        return _of_no_version(version)
    if token == NO_PERMISSION:
        what = f"Not enough permissions to access: organizations.FINDER-{asked.params.get('q')}.{version}01"
        return _error(403, "ACCESS_DENIED", what, service_code=100)
    if token == keys.LIMITED:
        what = "Resource level throttle APPLICATION DAY limit for calls to this resource is reached."
        return _error(429, "TOO_MANY_REQUESTS", what, service_code=101)
    return None


def _of_no_version(version: str) -> Answer:
    if version:
        return _error(426, "NONEXISTENT_VERSION", f"Requested version {version} is not active")
    what = "A version must be present. Please specify a version by adding the LinkedIn-Version header."
    return _error(400, "VERSION_MISSING", what)


def _error(status: int, code: str, message: str, *, service_code: int = 0) -> Answer:
    numbered = {"serviceErrorCode": service_code} if service_code else {}
    return Answer(status, {"status": status, **numbered, "code": code, "message": message})


FINDERS = {"emailDomain": lambda company: company.domain, "vanityName": lambda company: company.slug}


def _page(company: Company) -> dict[str, Any]:
    company = company.as_seen_by(KEY)
    number = int(company.linkedin_id)
    return {
        "id": number,
        "$URN": f"urn:li:organization:{number}",
        "localizedName": company.name,
        "name": {
            "localized": {"en_US": company.name},
            "preferredLocale": {"country": "US", "language": "en"},
        },
        "vanityName": company.slug,
        "localizedWebsite": f"https://www.{company.domain}",
        "primaryOrganizationType": "NONE",
        "locations": [_seat(company), *_offices(company)],
    }


def _seat(company: Company) -> dict[str, Any]:
    address = {"city": company.city, "geographicArea": company.region, "country": CODES[company.country]}
    return {"locationType": "HEADQUARTERS", "address": address, "staffCountRange": _range(company.headcount)}


def _offices(company: Company) -> list[dict[str, Any]]:
    """“Paris, Île-de-France, France” each."""
    told = [place.split(", ") for place in company.seen_by.get(KEY, {}).get("offices", [])]
    return [
        {
            "locationType": "OTHER",
            "address": {"city": city, "geographicArea": region, "country": CODES[country]},
            "staffCountRange": "SIZE_11_TO_50",
        }
        for city, region, country in told
    ]


def _range(headcount: int) -> str:
    return next((name for most, name in RANGES if headcount <= most), "SIZE_10001_OR_MORE")
