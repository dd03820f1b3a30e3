"""The stand-in for Crunchbase's Data API v4: searches and entities of organisations at https://api.crunchbase.com/v4/data.

Keys and fields of another package are refused alike, in a list (LA401), as at the real party; its other errors are an
object with a `value`. It says nothing of limits in headers. A key called `firmographic` or `core-financials` reads that
package, every other one all of them.
"""

import re
import uuid
from typing import Any

from gtm.sandbox import keys
from gtm.sandbox.asked import Answer, Asked
from gtm.sandbox.world import COMPANIES, Company

KEY = "crunchbase"
SEARCH = "/v4/data/searches/organizations"
ENTITY = re.compile(r"/v4/data/entities/organizations/([^/]+)")
CORE = frozenset({"last_funding_type", "last_funding_at", "last_funding_total", "funding_stage", "num_funding_rounds"})
ADVANCED = frozenset({"funding_total", "equity_funding_total", "revenue_range", "valuation"})
OUTSIDE = {"firmographic": CORE | ADVANCED, "core-financials": ADVANCED}
BUCKETS = (10, 50, 100, 250, 500, 1000, 5000, 10000)


def answer(asked: Asked) -> Answer:
    key = asked.headers.get("x-cb-user-key") or asked.params.get("user_key", "")
    if key in ("", keys.INVALID):
        return _unauthorized()
    if key == keys.LIMITED:
        return _error(429, "Usage limit exceeded")
    if (asked.method, asked.path) == ("POST", SEARCH):
        return _search(asked.json_object() or {}, outside=OUTSIDE.get(key, frozenset()))
    if asked.method == "GET" and (found := ENTITY.fullmatch(asked.path)):
        return _entity(found[1], asked, outside=OUTSIDE.get(key, frozenset()))
    return _error(404, "Not found")


def _unauthorized() -> Answer:
    return Answer(401, [{"status": 401, "code": "LA401", "message": "Unauthorized user_key"}])


def _error(status: int, message: str) -> Answer:
    return Answer(status, {"value": message})


def _search(body: dict[str, Any], *, outside: frozenset[str]) -> Answer:
    field_ids, query, limit = body.get("field_ids"), body.get("query"), body.get("limit", 50)
    if not isinstance(field_ids, list) or not isinstance(query, list) or not isinstance(limit, int):
        return _error(400, "field_ids and query are lists, limit is a number")
    if set(field_ids) & outside:
        return _unauthorized()
    try:
        domains = [_domain(each) for each in query]
    except (KeyError, TypeError, ValueError) as error:
        return _error(400, f"Invalid predicate: {error}")
    known = [each for each in COMPANIES.values() if KEY not in each.unknown_to]
    found = [each for each in known if all(each.domain in wanted for wanted in domains)]
    entities = [{"uuid": _uuid(each.domain), "properties": _chosen(each, field_ids)} for each in found[:limit]]
    return Answer(200, {"count": len(found), "entities": entities})


def _domain(predicate: dict[str, Any]) -> list[str]:
    """The domains that a predicate asks for; raises for one that is not about domains."""
    said = (predicate["type"], predicate["field_id"], predicate["operator_id"])
    if said != ("predicate", "website_url", "domain_eq"):
        raise ValueError(" ".join(map(str, said)))
    return [str(each).lower().removeprefix("www.") for each in predicate["values"]]


def _entity(entity_id: str, asked: Asked, *, outside: frozenset[str]) -> Answer:
    found = next((each for each in COMPANIES.values() if entity_id in (each.slug, _uuid(each.domain))), None)
    if found is None or KEY in found.unknown_to:
        return _error(404, f"No organization {entity_id}")
    field_ids = [each for each in asked.params.get("field_ids", "identifier").split(",") if each]
    card_ids = [each for each in asked.params.get("card_ids", "").split(",") if each]
    if set(field_ids) & outside or ("raised_funding_rounds" in card_ids and outside):
        return _unauthorized()
    cards = {name: _card(found, name) for name in card_ids}
    return Answer(200, {"properties": _chosen(found, field_ids), **({"cards": cards} if cards else {})})


def _card(company: Company, name: str) -> list[dict[str, Any]]:
    if name == "child_organizations":
        owned = [each for each in COMPANIES.values() if each.parent == company.domain]
        return [_chosen(each, ["identifier", "short_description"]) for each in owned]
    if name == "parent_organization" and company.parent:
        return [_chosen(COMPANIES[company.parent], ["identifier", "short_description"])]
    return []


def _chosen(company: Company, field_ids: list[str]) -> dict[str, Any]:
    """A field without a value is left out."""
    every = _properties(company.as_seen_by(KEY))
    return {name: every[name] for name in ["identifier", *field_ids] if every.get(name) is not None}


def _properties(company: Company) -> dict[str, Any]:
    tags = [*company.tags, company.vendor_industry]
    total, on = company.funding_total_usd, company.funding_date
    return {
        "identifier": _identifier(company.domain, company.name, "organization", permalink=company.slug),
        "uuid": _uuid(company.domain),
        "permalink": company.slug,
        "name": company.name,
        "short_description": f"{company.name} works in {' and '.join(company.tags)}.",
        "website_url": f"https://www.{company.domain}",
        "linkedin": {"value": f"https://www.linkedin.com/company/{company.slug}"},
        "rank_org": company.number("crunchbase", 900_000),
        "founded_on": {"value": f"{company.founded}-01-01", "precision": "year"},
        "num_employees_enum": _bucket(company.headcount),
        "categories": [_identifier(each, each.title(), "category") for each in sorted(tags)],
        "location_identifiers": [
            _identifier(f"{company.domain} {kind}", place, "location") | {"location_type": kind}
            for kind, place in (("city", company.city), ("region", company.region), ("country", company.country))
        ],
        "owner_identifier": _owner(company),
        "last_funding_type": company.funding_stage or None,
        "last_funding_at": on.isoformat() if on else None,
        "num_funding_rounds": company.funding_rounds or None,
        "funding_total": {"value": total, "currency": "USD", "value_usd": total} if total else None,
    }


def _owner(company: Company) -> dict[str, Any] | None:
    owner = COMPANIES.get(company.parent)
    return _identifier(owner.domain, owner.name, "organization", permalink=owner.slug) if owner else None


def _identifier(seed: str, value: str, kind: str, *, permalink: str = "") -> dict[str, Any]:
    permalink = permalink or re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")
    return {"uuid": _uuid(seed), "value": value, "permalink": permalink, "entity_def_id": kind}


def _uuid(seed: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"crunchbase {seed}"))


def _bucket(headcount: int) -> str:
    most = next((each for each in BUCKETS if headcount <= each), None)
    if most is None:
        return "c_10001_max"
    least = BUCKETS[BUCKETS.index(most) - 1] + 1 if most > BUCKETS[0] else 1
    return f"c_{least:05d}_{most:05d}"
