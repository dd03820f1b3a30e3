"""Which stand-in answers for which host, over the transport of gtm/http.py."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx

from gtm.sandbox import (
    apollo,
    builtwith,
    crunchbase,
    faults,
    gdelt,
    github,
    hubspot,
    linkedin,
    mail_host,
    newsapi,
    newscatcher,
    people_data_labs,
    salesforce,
    sec_edgar,
    wappalyzer,
    website,
    wikidata,
)
from gtm.sandbox.asked import Answer, Asked


@dataclass(frozen=True)
class Party:
    """`account` names whose records a question is about, for parties whose stand-ins remember."""

    key: str
    answer: Callable[[Asked], Answer]
    account: Callable[[Asked], str] = lambda asked: ""


PARTIES = {
    "api.peopledatalabs.com": Party("people_data_labs", people_data_labs.answer),
    "api.apollo.io": Party(apollo.KEY, apollo.answer),
    "api.crunchbase.com": Party(crunchbase.KEY, crunchbase.answer),
    "api.linkedin.com": Party(linkedin.KEY, linkedin.answer),
    "newsapi.org": Party("newsapi", newsapi.answer),
    "v3-api.newscatcherapi.com": Party(newscatcher.KEY, newscatcher.answer),
    "api.gdeltproject.org": Party(gdelt.KEY, gdelt.answer),
    "www.sec.gov": Party(sec_edgar.KEY, sec_edgar.answer),
    "data.sec.gov": Party(sec_edgar.KEY, sec_edgar.answer),
    "dns.google": Party(mail_host.KEY, mail_host.answer),
    "api.builtwith.com": Party(builtwith.KEY, builtwith.answer),
    "api.wappalyzer.com": Party(wappalyzer.KEY, wappalyzer.answer),
    "www.wikidata.org": Party(wikidata.KEY, wikidata.answer),
    "api.github.com": Party(github.KEY, github.answer),
    "api.hubapi.com": Party(hubspot.KEY, hubspot.answer, hubspot.account_key),
}
MY_DOMAIN = Party(salesforce.KEY, salesforce.answer, salesforce.account_key)
SITE = Party(website.KEY, website.answer)


def answer(request: httpx.Request) -> httpx.Response:
    host = request.url.host
    party = _party(host)
    if party is None:
        raise httpx.ConnectError(f"the sandbox has no stand-in for {request.url.host}", request=request)
    asked = _asked(request)
    try:
        fault = faults.meet(party.key, timeout_s=request.extensions["timeout"]["read"], account=party.account(asked))
    except faults.TooSlow as error:
        raise httpx.ReadTimeout("no answer in time", request=request) from error
    except faults.Reset as error:
        raise httpx.ReadError("the connection was closed", request=request) from error
    if fault and fault.status:
        return httpx.Response(fault.status, headers=dict(fault.headers), content=_sent(fault.body, fault))
    reply = party.answer(asked)
    headers = {"content-type": "application/json", **reply.headers}
    return httpx.Response(reply.status, headers=headers, content=_sent(reply.content(), fault))


def _party(host: str) -> Party | None:
    if host.endswith(".my.salesforce.com"):
        return MY_DOMAIN
    return SITE if website.is_one(host) else PARTIES.get(host)


def _sent(content: bytes, fault: faults.Fault | None) -> bytes | Iterator[bytes]:
    """A body that ends in the middle breaks the connection, as its length was announced."""
    return _halved(fault.sent(content), len(content)) if fault and fault.is_half else content


def _halved(sent: bytes, whole: int) -> Iterator[bytes]:
    yield sent
    raise httpx.RemoteProtocolError(f"the connection was closed after {len(sent)} of {whole} bytes")


def _asked(request: httpx.Request) -> Asked:
    url, body = request.url, request.read()
    return Asked(request.method, url.path, dict(url.params), request.headers, url.host, body)
