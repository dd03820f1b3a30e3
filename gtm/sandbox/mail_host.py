"""The stand-in for Google's public resolver: GET https://dns.google/resolve?name=…&type=MX, as JSON.

One company takes no mail, one stands behind an alias, some run their mail themselves. Only mail exchangers are told.
"""

from typing import Any

from gtm.sandbox.asked import Answer, Asked
from gtm.sandbox.world import COMPANIES, Company

KEY = "mail_host"
MX, CNAME, SOA = 15, 5, 6
JSON = {"content-type": "application/json; charset=UTF-8"}
TAKES_NO_MAIL = "redfern-haulage.example"
BEHIND_AN_ALIAS = "blue-anchor.example"
GOOGLE = (
    "1 aspmx.l.google.com.",
    "5 alt1.aspmx.l.google.com.",
    "5 alt2.aspmx.l.google.com.",
    "10 alt3.aspmx.l.google.com.",
)
GOOGLE_NEW = ("1 smtp.google.com.",)
MICROSOFT = ("0 {dashed}.mail.protection.outlook.com.",)
PROOFPOINT = ("10 mxa-00{number}.gslb.pphosted.com.", "10 mxb-00{number}.gslb.pphosted.com.")
MIMECAST = ("10 eu-smtp-inbound-1.mimecast.com.", "10 eu-smtp-inbound-2.mimecast.com.")
ZOHO = ("10 mx.zoho.eu.", "20 mx2.zoho.eu.", "50 mx3.zoho.eu.")
OWN = ("10 mail.{domain}.", "20 mail2.{domain}.")
SERVICES = (GOOGLE, MICROSOFT, MICROSOFT, GOOGLE_NEW, PROOFPOINT, MIMECAST, ZOHO, OWN)
USED_WITH = {"Microsoft 365": MICROSOFT, "Azure": MICROSOFT, "Dynamics 365": MICROSOFT, "Google Cloud": GOOGLE}


def answer(asked: Asked) -> Answer:
    if asked.method != "GET":
        return _html(501, "Not Implemented")
    if asked.path != "/resolve":
        return _html(404, "Not Found")
    name, kind = asked.params.get("name", "").rstrip("."), asked.params.get("type", "A").upper()
    if not name or len(name) > 253 or any(not 0 < len(label) < 64 for label in name.split(".")):
        return _html(400, "Bad Request")
    company = COMPANIES.get(name.lower())
    if company is None or KEY in company.unknown_to:
        root = "a.root-servers.net. nstld.verisign-grs.com. 2026111600 1800 900 604800 86400"
        return _told(3, name, {"Authority": [_record("", SOA, 86400, root)]})
    records = _records(company.as_seen_by(KEY)) if kind in ("MX", str(MX)) else []
    return _told(0, name, {"Answer": records} if records else {})


def _html(status: int, said: str) -> Answer:
    page = f"<!DOCTYPE html>\n<title>Error {status} ({said})!!1</title>\n<p><b>{status}.</b> {said}"
    return Answer(status, page.encode(), {"content-type": "text/html; charset=UTF-8"})


def _told(status: int, name: str, found: dict[str, Any]) -> Answer:
    flags = {"Status": status, "TC": False, "RD": True, "RA": True, "AD": status == 3, "CD": False}
    return Answer(200, {**flags, "Question": [{"name": f"{name}.", "type": MX}], **found}, JSON)


def _record(name: str, kind: int, ttl_s: int, data: str) -> dict[str, Any]:
    return {"name": f"{name}.", "type": kind, "TTL": ttl_s, "data": data}


def _records(company: Company) -> list[dict[str, Any]]:
    """In any order, as resolvers turn them round."""
    if company.domain == TAKES_NO_MAIL:
        return [_record(company.domain, MX, 300, "0 .")]
    used = next((USED_WITH[name] for name in company.technologies if name in USED_WITH), None)
    service = used or SERVICES[company.number("mail", len(SERVICES)) - 1]
    filled = {
        "domain": company.domain,
        "dashed": company.domain.replace(".", "-"),
        "number": company.number("mail account", 899_999) + 100_000,
    }
    owner = f"mail-zone.{company.domain}" if company.domain == BEHIND_AN_ALIAS else company.domain
    alias = [_record(company.domain, CNAME, 300, f"{owner}.")] if owner != company.domain else []
    turn = company.number("mail turn", len(service)) - 1
    return alias + [_record(owner, MX, 3600, each.format(**filled)) for each in service[turn:] + service[:turn]]
