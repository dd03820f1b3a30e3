"""For whoever watches from outside: is the process up, and can it do its work."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from gtm import doctor


@require_safe
@never_cache
def alive(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """Names and states only: what they mean is for people who are signed in."""
    findings = doctor.examine(timezone.now())
    body = {"ready": doctor.is_ready(findings), "checks": {found.name: found.state for found in findings}}
    return JsonResponse(body, status=200 if body["ready"] else 503)
