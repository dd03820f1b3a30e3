"""The house's own pages: start, search, health, and what a refused person reads."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from agents_app import finding
from clients.access import user_of
from gtm import desk, doctor, schedules


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "gtm/home.html", {"desk": desk.of(user_of(request), at=timezone.now()), "week": desk.WEEK})


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Places for the search box as JSON; as a page, also requests, runs, e-mails and what was said in them."""
    text, user = request.GET.get("q", "")[:100], user_of(request)
    places = desk.find(user, text)
    if not request.accepts("text/html"):
        return JsonResponse({"places": [place._asdict() for place in places]})
    found = finding.find(user, text)
    context = {
        "places": places,
        "text": text,
        "found": found,
        "said": [each for each in found.said if each.text.kind != finding.Kind.ABOUT],
        "outcomes": desk.outcomes_of(user, found.mails),
    }
    return render(request, "gtm/search.html", context)


@require_safe
def system_health(request: HttpRequest) -> HttpResponse:
    findings = doctor.examine(timezone.now())
    context = {"findings": findings, "is_ready": doctor.is_ready(findings), "jobs": schedules.JOBS}
    return render(request, "gtm/health.html", context)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "403.html", {"reason": str(exception)}, status=403)
