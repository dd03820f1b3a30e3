"""Which stand-in answers for which host, over the transport of gtm/http.py."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from gtm.sandbox import faults, github, hubspot, newsapi, people_data_labs, salesforce, wikidata
from gtm.sandbox.asked import Answer, Asked


@dataclass(frozen=True)
class Party:
    """`account` names whose records a question is about, for parties whose stand-ins remember."""

    key: str
    answer: Callable[[Asked], Answer]
    account: Callable[[Asked], str] = lambda asked: ""


PARTIES = {
    "api.peopledatalabs.com": Party("people_data_labs", people_data_labs.answer),
    "newsapi.org": Party("newsapi", newsapi.answer),
    "www.wikidata.org": Party(wikidata.KEY, wikidata.answer),
    "api.github.com": Party(github.KEY, github.answer),
    "api.hubapi.com": Party(hubspot.KEY, hubspot.answer, hubspot.account_key),
}
MY_DOMAIN = Party(salesforce.KEY, salesforce.answer, salesforce.account_key)


def answer(request: httpx.Request) -> httpx.Response:
    host = request.url.host
    party = MY_DOMAIN if host.endswith(".my.salesforce.com") else PARTIES.get(host)
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
        return httpx.Response(fault.status, headers=dict(fault.headers), content=fault.sent(fault.body))
    reply = party.answer(asked)
    content = reply.content()
    sent = fault.sent(content) if fault else content
    return httpx.Response(reply.status, headers={"content-type": "application/json", **reply.headers}, content=sent)


def _asked(request: httpx.Request) -> Asked:
    url, body = request.url, request.read()
    return Asked(request.method, url.path, dict(url.params), request.headers, url.host, body)
