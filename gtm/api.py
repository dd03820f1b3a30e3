"""The HTTP API: what the apps' routers offer, under one shape of error.

Every refusal answers {"code", "message", "field", "hint"}; `field` is a dotted path, empty where none is at fault. A
refused document names every problem beside the first, under "problems".
"""

from typing import Any

from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from clients.api import router as clients_router
from clients.config import ConfigRefused
from experiments.api import router as experiments_router

api = NinjaAPI(
    title="GTM", version="1", urls_namespace="api", docs_decorator=staff_member_required,
    description="Where CRMs, mail and calendar services bring their events, and programs read and change settings.",
)  # fmt: skip
api.add_router("", clients_router)
api.add_router("", experiments_router)


def _refuse(request: HttpRequest, status: int, **error: Any) -> HttpResponse:
    return api.create_response(request, {"code": "", "message": "", "field": "", "hint": "", **error}, status=status)


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, refused: ValidationError) -> HttpResponse:
    first = refused.errors[0]
    field = ".".join(str(part) for part in first["loc"][1:])
    return _refuse(
        request,
        422,
        code="invalid",
        message=first["msg"],
        field=field,
        hint="The API's page lists every field with its type.",
    )


@api.exception_handler(AuthenticationError)
def unknown_caller(request: HttpRequest, refused: AuthenticationError) -> HttpResponse:
    return _refuse(
        request, 401, code="not_authenticated", message="The caller is not known.", hint="Sign in, or send a valid key."
    )


@api.exception_handler(HttpError)
def refused(request: HttpRequest, refused: HttpError) -> HttpResponse:
    return _refuse(request, refused.status_code, code="refused", message=refused.message)


@api.exception_handler(ConfigRefused)
def document_refused(request: HttpRequest, refused: ConfigRefused) -> HttpResponse:
    problems = [{"field": each.path, "message": each.message, "hint": each.hint} for each in refused.problems]
    return _refuse(request, 422, code="document_refused", problems=problems, **problems[0])
