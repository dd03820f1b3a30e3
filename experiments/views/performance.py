"""The page that compares prompt versions, and the one that a recipient's unsubscribe link opens."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from clients import access, suppression
from experiments import outcomes
from experiments.performance import WINDOW, by_version

PERIODS = {"4": "Last 4 weeks", "12": "Last 12 weeks", "all": "Since the beginning"}


@require_safe
def prompt_performance(request: HttpRequest) -> HttpResponse:
    at = timezone.now()
    period = request.GET.get("weeks", "12")
    period = period if period in PERIODS else "12"
    seen = None if access.sees_all(request.user) else access.visible_clients(request.user)
    rows = by_version(since=None if period == "all" else at - timedelta(weeks=int(period)), until=at, clients=seen)
    context = {
        "rows": rows,
        "period": period,
        "periods": PERIODS,
        "window_days": WINDOW.days,
        "only_own": seen is not None,
    }
    return render(request, "experiments/performance.html", context)


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Looking changes nothing, because mail scanners follow links; a POST, by mail program or by page, acts at once."""
    try:
        contact = suppression.read_token(token)
    except suppression.BadToken as refusal:
        return render(request, "experiments/unsubscribe.html", {"refusal": str(refusal)}, status=404)
    if request.method == "POST":
        outcomes.unsubscribe(contact, at=timezone.now())
    is_done = suppression.is_suppressed(contact.client, contact.email)
    return render(request, "experiments/unsubscribe.html", {"contact": contact, "is_done": is_done})
