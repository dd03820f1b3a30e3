"""Which stand-in answers for which host, over the transport of gtm/http.py."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from gtm.sandbox import faults, newsapi, people_data_labs
from gtm.sandbox.asked import Answer, Asked


@dataclass(frozen=True)
class Party:
    key: str
    answer: Callable[[Asked], Answer]


PARTIES = {
    "api.peopledatalabs.com": Party("people_data_labs", people_data_labs.answer),
    "newsapi.org": Party("newsapi", newsapi.answer),
}


def answer(request: httpx.Request) -> httpx.Response:
    party = PARTIES.get(request.url.host)
    if party is None:
        raise httpx.ConnectError(f"the sandbox has no stand-in for {request.url.host}", request=request)
    try:
        fault = faults.meet(party.key, timeout_s=request.extensions["timeout"]["read"])
    except faults.TooSlow as error:
        raise httpx.ReadTimeout("no answer in time", request=request) from error
    except faults.Reset as error:
        raise httpx.ReadError("the connection was closed", request=request) from error
    if fault and fault.status:
        return httpx.Response(fault.status, headers=dict(fault.headers), content=fault.sent(fault.body))
    reply = party.answer(_asked(request))
    content = json.dumps(reply.body).encode()
    sent = fault.sent(content) if fault else content
    return httpx.Response(reply.status, headers={"content-type": "application/json", **reply.headers}, content=sent)


def _asked(request: httpx.Request) -> Asked:
    return Asked(request.method, request.url.path, dict(request.url.params), request.headers)
