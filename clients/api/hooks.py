"""The doors that CRMs, mail and calendar services knock at.

Authenticated means stored and answered with 200, also when nobody can read the body: several senders never try again.
"""

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from ninja import Router, Schema
from ninja.errors import HttpError

from clients import connections, inbox, signing
from clients.models import Connection
from clients.signatures import Call
from gtm import loop

router = Router(tags=["Webhooks"])

TOO_LARGE = "The body is larger than {limit:,} bytes. Send fewer entries in one call."


class Receipt(Schema):
    """`new` is false when this call (same Webhook-Id, same body) was stored before."""

    stored: bool
    new: bool


class _TooLarge(Exception):
    """The body is longer than WEBHOOK_MAX_BYTES."""


class _NotSigned(Exception):
    """The call is not signed as its connection demands, with the reason in words."""


@router.post("/hooks/{endpoint_key}", response=Receipt, summary="Bring events to one connection")
def receive(request: HttpRequest, endpoint_key: str) -> Receipt:
    """Any JSON object, or a list of them, in the form of the connection's party."""
    connection = connections.authenticate(endpoint_key)
    if connection is None:
        raise HttpError(404, "No active connection has this key. Copy the address again from the connection's page.")
    try:
        return Receipt(stored=True, new=_keep(connection, request))
    except _TooLarge:
        raise HttpError(413, TOO_LARGE.format(limit=settings.WEBHOOK_MAX_BYTES)) from None
    except _NotSigned as refused:
        raise HttpError(401, f"The call was refused. {refused}") from None


@router.api_operation(["GET", "HEAD"], "/hooks/{endpoint_key}", include_in_schema=False)
def probe(request: HttpRequest, endpoint_key: str) -> HttpResponse:
    """Some senders look whether the address answers before they use it. It tells nothing about keys."""
    return HttpResponse()


@csrf_exempt
@require_http_methods(["POST", "GET", "HEAD"])
def flat_hubspot(request: HttpRequest) -> HttpResponse:
    """POST {"email", "firstname", "lastname", "company", "jobtitle"}, with the connection's key in X-Webhook-Key."""
    return _flat(request, Connection.Party.HUBSPOT)


@csrf_exempt
@require_http_methods(["POST", "GET", "HEAD"])
def flat_salesforce(request: HttpRequest) -> HttpResponse:
    """POST {"Email", "Name", "Account": {"Name"}, "Title"}, with the connection's key in X-Webhook-Key."""
    return _flat(request, Connection.Party.SALESFORCE)


def _flat(request: HttpRequest, party: str) -> HttpResponse:
    if request.method != "POST":
        return HttpResponse()
    connection = connections.authenticate(request.headers.get("X-Webhook-Key") or request.GET.get("key", ""))
    if connection is None or connection.party != party:
        return _refusal(
            401,
            "bad_key",
            "The key is missing, or belongs to no active connection of this kind.",
            "Send the key that was shown when the connection was made in the header X-Webhook-Key, or as ?key=.",
        )
    try:
        _keep(connection, request)
    except _TooLarge:
        return _refusal(413, "too_large", TOO_LARGE.format(limit=settings.WEBHOOK_MAX_BYTES), "")
    except _NotSigned as refused:
        return _refusal(401, "refused", f"The call was refused. {refused}", "")
    return HttpResponse("OK", content_type="text/plain")


def _keep(connection: Connection, request: HttpRequest) -> bool:
    """Store the call and queue its application, both or neither. True when it is new. Raises _TooLarge, _NotSigned."""
    body, at = _body(request), timezone.now()
    verdict = signing.check(connection, _call(request, body), at=at)
    if not verdict.ok:
        raise _NotSigned(verdict.why)
    with transaction.atomic():
        stored = inbox.store(connection, headers=request.headers, body=body, at=at)
        if stored.is_new:
            loop.later(loop.process_delivery, stored.delivery.pk)
    return stored.is_new


def _call(request: HttpRequest, body: bytes) -> Call:
    """At our public address: senders sign the one that they call, and a proxy may stand between it and us."""
    query = request.META.get("QUERY_STRING", "")
    uri = f"{settings.PUBLIC_URL}{request.path}{'?' if query else ''}{query}"
    return Call(method=request.method or "", uri=uri, headers=request.headers, body=body)


def _body(request: HttpRequest) -> bytes:
    if int(request.META.get("CONTENT_LENGTH") or 0) > settings.WEBHOOK_MAX_BYTES:
        raise _TooLarge
    try:
        body = request.body
    except RequestDataTooBig:
        raise _TooLarge from None
    if len(body) > settings.WEBHOOK_MAX_BYTES:
        raise _TooLarge
    return body


def _refusal(status: int, code: str, message: str, hint: str) -> JsonResponse:
    return JsonResponse({"code": code, "message": message, "field": "", "hint": hint}, status=status)
