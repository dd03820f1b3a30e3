"""The doors that CRMs, mail and calendar services knock at.

What is verified is stored and answered with 200, also when nobody can read the body (`clients/reception.py`). Beyond
that each party is told what makes it do the right thing: who has no key 401 or 404, who sends too much 413, and 503
only where neither database nor disk took the call. Never 429: HubSpot's workflows and others would drop the call.
"""

from collections.abc import Callable
from contextlib import suppress

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from ninja import Router, Schema

from clients import endpoints, reception
from clients.crm import salesforce
from clients.endpoints import Endpoint
from clients.models import Connection
from clients.outage import DATABASE
from clients.reception import Arrival
from clients.signatures import Call
from gtm import loop

router = Router(tags=["Webhooks"])

TOO_LARGE = "The body is larger than {limit:,} bytes. Send fewer entries in one call."
BROKEN_OFF = "The body ended before its announced length, or that is no number. Send the call again."
NO_KEY = "No active connection has this key. Copy the address again from the connection's page."
WHERE_KEY = "Send the key that was shown when the connection was made in the header X-Webhook-Key, or as ?key=."
LATER = "The call could not be stored just now. Send it again."
RETRY_AFTER_S = "30"
ADDRESS_SIGNS = 64


class Receipt(Schema):
    """`new` is false when this call (same Webhook-Id, same body) was stored before."""

    stored: bool
    new: bool


class _Refusal(Exception):
    """An answer that ends the call."""

    def __init__(self, status: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.hint = status, code, message, hint


@router.post("/hooks/{endpoint_key}", response=Receipt, summary="Bring events to one connection")
def receive(request: HttpRequest, endpoint_key: str) -> HttpResponse:
    """Any JSON object, or a list of them, in the form of the connection's party."""
    return _answered(request, lambda: _at_key(request, endpoint_key), _receipt)


@router.api_operation(["GET", "HEAD"], "/hooks/{endpoint_key}", include_in_schema=False)
def probe(request: HttpRequest, endpoint_key: str) -> HttpResponse:
    """Some senders look whether the address answers before they use it. It tells nothing about keys."""
    return HttpResponse()


@csrf_exempt
@require_http_methods(["POST", "GET", "HEAD"])
def flat_hubspot(request: HttpRequest) -> HttpResponse:
    """POST {"email", "firstname", "lastname", "company", "jobtitle"}, with the connection's key in X-Webhook-Key; or
    notifications, which name their portal."""
    return _flat(request, Connection.Party.HUBSPOT)


@csrf_exempt
@require_http_methods(["POST", "GET", "HEAD"])
def flat_salesforce(request: HttpRequest) -> HttpResponse:
    """POST {"Email", "Name", "Account": {"Name"}, "Title"}, with the connection's key in X-Webhook-Key; or outbound
    messages, which name their organization."""
    return _flat(request, Connection.Party.SALESFORCE)


def _flat(request: HttpRequest, party: str) -> HttpResponse:
    if request.method != "POST":
        return HttpResponse()
    return _answered(request, lambda: _at_party(request, party), lambda new: HttpResponse("OK", "text/plain"))


def _at_key(request: HttpRequest, key: str) -> tuple[Endpoint, Arrival]:
    endpoint = endpoints.by_key(key, at=timezone.now())
    if endpoint is None:
        raise _Refusal(404, "refused", NO_KEY)
    return endpoint, _arrival(request)


def _at_party(request: HttpRequest, party: str) -> tuple[Endpoint, Arrival]:
    """By the key; without one by the account that the body names."""
    key = request.headers.get("X-Webhook-Key") or request.GET.get("key", "")
    if key:
        endpoint = endpoints.by_key(key, at=timezone.now())
        if endpoint is None or endpoint.party != party:
            raise reception.NoKey(reception.NOBODYS)
        return endpoint, _arrival(request)
    arrival = _arrival(request)
    return reception.by_account(party, arrival), arrival


def _answered(
    request: HttpRequest, find: Callable[[], tuple[Endpoint, Arrival]], accepted: Callable[[bool], HttpResponse]
) -> HttpResponse:
    party = ""
    try:
        endpoint, arrival = find()
        party = endpoint.party
        new = reception.keep(endpoint, arrival, ring=_ring)
    except _Refusal as refusal:
        return _refused(refusal)
    except reception.NoKey as unknown:
        return _refused(_Refusal(401, "bad_key", str(unknown), WHERE_KEY))
    except reception.NotAccepted as refused:
        return _refused(_Refusal(401, "refused", f"The call was refused. {refused}"))
    except (reception.NotKept, endpoints.Away):
        return _not_now(party)
    _empty_the_spool()
    is_soap = party == Connection.Party.SALESFORCE and salesforce.is_soap(arrival.call.body)
    return HttpResponse(salesforce.ack(), "text/xml; charset=utf-8") if is_soap else accepted(new)


def _ring(delivery_id: int) -> None:
    loop.later(loop.process_delivery, delivery_id)


def _empty_the_spool() -> None:
    """Once after an outage. Where even this cannot be queued, the clock sees to it."""
    if DATABASE.came_back():
        with suppress(Error):
            loop.later(loop.drain_spool)


def _receipt(new: bool) -> HttpResponse:  # noqa: FBT001 - as `_answered` calls it
    return JsonResponse({"stored": True, "new": new})


def _arrival(request: HttpRequest) -> Arrival:
    """At our public address: senders sign the one that they call, and a proxy may stand between it and us."""
    body, query = _body(request), request.META.get("QUERY_STRING", "")
    uri = f"{settings.PUBLIC_URL}{request.path}{'?' if query else ''}{query}"
    call = Call(method=request.method or "", uri=uri, headers=request.headers, body=body)
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()  # what our own proxy added
    address = forwarded or request.META.get("REMOTE_ADDR", "")
    return Arrival(call, address.replace("\x00", "")[:ADDRESS_SIGNS], timezone.now())


def _body(request: HttpRequest) -> bytes:
    """Nothing is read of a body that says it is too long, and no more than the limit of one that does not say."""
    limit = settings.WEBHOOK_MAX_BYTES
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if not announced.isdecimal():
        raise _Refusal(400, "broken_off", BROKEN_OFF)
    if int(announced[:20]) > limit:
        raise _too_large()
    in_pieces = "chunked" in request.headers.get("Transfer-Encoding", "").lower()  # Django takes such a body for empty
    try:
        body: bytes = request.META["wsgi.input"].read(limit + 1) if in_pieces else request.body
    except RequestDataTooBig:
        raise _too_large() from None
    except (OSError, ValueError):  # UnreadablePostError is an OSError
        raise _Refusal(400, "broken_off", BROKEN_OFF) from None
    if len(body) > limit:
        raise _too_large()
    return body


def _too_large() -> _Refusal:
    return _Refusal(413, "too_large", TOO_LARGE.format(limit=settings.WEBHOOK_MAX_BYTES))


def _refused(refusal: _Refusal) -> JsonResponse:
    problem = {"code": refusal.code, "message": refusal.message, "field": "", "hint": refusal.hint}
    return JsonResponse(problem, status=refusal.status)


def _not_now(party: str) -> JsonResponse:
    """HubSpot reads Retry-After as milliseconds; where the party is not known, it may be HubSpot."""
    response = _refused(_Refusal(503, "not_stored", LATER))
    if party and party != Connection.Party.HUBSPOT:
        response["Retry-After"] = RETRY_AFTER_S
    return response
