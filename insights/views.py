"""The weekly review and the rows behind its figures: a stored report, and tickets as they stand now."""

from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from clients.access import scope, sees_all, visible_clients
from insights import evidence, sharing, tickets
from insights.forms import AcceptForm, ReasonForm, owners
from insights.models import Suggestion, Ticket, WeeklyReport
from insights.payload import narrow
from insights.weeks import week as week_span

SHOWN_TICKETS = 20
SHOWN_WEEKS = 26
LIVE = (Ticket.Status.OPEN, Ticket.Status.APPLIED)


@require_http_methods(["GET", "HEAD", "POST"])
def weekly_review(request: HttpRequest) -> HttpResponseBase:
    """The newest report. A POST decides on a suggestion: `action` is accept or dismiss, `suggestion` its number."""
    report = WeeklyReport.objects.order_by("-week", "-version").first()
    if report is None:
        return render(request, "insights/no_review.html")
    return _review(request, report)


@require_http_methods(["GET", "HEAD", "POST"])
def weekly_review_version(request: HttpRequest, week: str, version: int) -> HttpResponseBase:
    """One report as it was shown."""
    return _review(request, get_object_or_404(WeeklyReport, week=_day(week), version=version))


@require_safe
def review_rows(request: HttpRequest) -> HttpResponse:
    """The rows that a figure counts, as they were known when its report was built."""
    if not request.GET:
        return render(request, "insights/rows.html", {"refusal": ""})
    try:
        question = evidence.parse(request.GET.dict())
    except evidence.QuestionRefused as refusal:
        return render(request, "insights/rows.html", {"refusal": refusal}, status=400)
    report = WeeklyReport.objects.filter(pk=_number(request.GET.get("report"))).first()
    own = None if sees_all(request.user) else list(visible_clients(request.user).values_list("pk", flat=True))
    rows = question.rows(at=report.built_at if report else timezone.now(), clients=own)
    return render(request, "insights/rows.html", _rows_context(request, question, rows, report))


def _review(request: HttpRequest, report: WeeklyReport) -> HttpResponseBase:
    refused = None
    if request.method == "POST":
        refused = _decide(request, report)
        if refused is None:
            return redirect(f"{reverse('weekly_review_version', args=[report.week, report.version])}#suggestions")
    return render(request, "insights/review.html", _context(request, report, refused), status=422 if refused else 200)


def _decide(request: HttpRequest, report: WeeklyReport) -> Any:  # noqa: ANN401 - the form as it was filled in
    """None when it was done; else the form, with what is wrong and all that was typed."""
    own = scope(Suggestion.objects.filter(report=report), request.user)
    suggestion = get_object_or_404(own, pk=_number(request.POST.get("suggestion")))
    if request.POST.get("action") == "accept":
        return _accept(request, suggestion)
    form = ReasonForm(request.POST, prefix=f"dismiss-{suggestion.pk}")
    form.is_valid()
    try:
        tickets.dismiss(suggestion, reason=form.cleaned_data.get("reason", ""), by=_person(request))
    except tickets.TicketRefused as refusal:
        return _refuse(form, refusal)
    messages.success(request, f"Dismissed: {suggestion.title}. The same suggestion stays away for four weeks.")
    return None


def _accept(request: HttpRequest, suggestion: Suggestion) -> Any:  # noqa: ANN401 - the form as it was filled in
    if not request.user.has_perm("insights.add_ticket"):
        raise PermissionDenied(
            "Making a ticket needs the permission to add tickets. An operator or admin can grant it."
        )
    form = AcceptForm(suggestion, owners(), timezone.localdate(), request.POST)
    if not form.is_valid():
        return form
    given = form.cleaned_data
    owner = User.objects.get(pk=given["owner"])
    try:
        ticket = tickets.accept(
            suggestion,
            owner=owner,
            due_date=given["due_date"],
            by=_person(request),
            at=timezone.now(),
            description=given["description"],
        )
    except tickets.TicketRefused as refusal:
        return _refuse(form, refusal)
    messages.success(request, f"Ticket {ticket.pk} is open: {ticket.title}. {owner} has until {ticket.due_date:%d %B}.")
    return None


def _context(request: HttpRequest, report: WeeklyReport, refused: Any) -> dict[str, Any]:  # noqa: ANN401 - a form or None
    user = _person(request)
    payload, charts = report.payload, report.charts
    if not sees_all(user):
        payload, charts = narrow(payload, set(visible_clients(user).values_list("pk", flat=True))), {}
    return {
        "report": report,
        "review": payload,
        "charts": charts,
        "last_day": report.week + timedelta(days=6),
        "weeks": WeeklyReport.objects.order_by("-week", "-version")
        .distinct("week")
        .defer("payload", "charts")[:SHOWN_WEEKS],
        "versions": WeeklyReport.objects.filter(week=report.week).defer("payload", "charts").order_by("-version")[:10],
        "tickets": _tickets(user, report, payload),
        "suggestions": _suggestions(user, report, refused),
        "sharing_clients": None if payload.get("insights") else sharing.sharing_clients(),
    }


def _suggestions(user: User, report: WeeklyReport, refused: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a form or None
    """Each with the ticket it became, in whichever version of the week, and its forms."""
    rows = scope(report.suggestions.select_related("client", "decided_by"), user).order_by("rank")
    made = Ticket.objects.filter(suggestion__report__week=report.week).select_related("owner", "suggestion")
    by_key = {_key(ticket.suggestion): ticket for ticket in made[:100] if ticket.suggestion}
    people = owners()
    found = []
    for row in rows:
        accept = AcceptForm(row, people, timezone.localdate(), user=user.pk)
        dismiss = ReasonForm(prefix=f"dismiss-{row.pk}")
        if refused is not None and refused.prefix == accept.prefix:
            accept = refused
        elif refused is not None and refused.prefix == dismiss.prefix:
            dismiss = refused
        found.append({"row": row, "ticket": by_key.get(_key(row)), "accept": accept, "dismiss": dismiss})
    return found


def _tickets(user: User, report: WeeklyReport, payload: Any) -> dict[str, Any]:  # noqa: ANN401 - stored JSON
    """Those the report names, then all others that were being worked on, as they stand now."""
    end = week_span(report.week, timezone.get_default_timezone()).until
    named = [row["ticket_id"] for row in payload.get("decided", [])]
    rows = scope(Ticket.objects.filter(Q(pk__in=named) | Q(status__in=LIVE, created_at__lt=end)), user)
    shown = (
        rows.select_related("owner", "client", "change").prefetch_related("evaluations").order_by("-created_at", "pk")
    )
    found = list(shown[: SHOWN_TICKETS + 1])
    return {"rows": found[:SHOWN_TICKETS], "has_more": len(found) > SHOWN_TICKETS}


def _rows_context(
    request: HttpRequest, question: evidence.Question, rows: QuerySet[Any], report: WeeklyReport | None
) -> dict[str, Any]:
    counted = rows.order_by().aggregate(numerator=Count("pk", filter=Q(hit=True)), denominator=Count("pk"))
    only = request.GET.get("only") == "hits"
    pages = Paginator(evidence.joined(rows.filter(hit=True) if only else rows), 50)
    pages.count = counted["numerator" if only else "denominator"]
    page = pages.get_page(request.GET.get("page"))
    kept = request.GET.copy()
    for name in ("page", "only"):
        kept.pop(name, None)
    return {
        "question": question,
        "counted": counted,
        "only": only,
        "page": page,
        "lines": [evidence.line(row) for row in page],
        "report": report,
        "kept": kept.urlencode(),
    }


def _refuse(form: Any, refusal: tickets.TicketRefused) -> Any:  # noqa: ANN401 - the form, whichever it is
    form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    return form


def _key(row: Suggestion) -> tuple[str, int | None, str]:
    return row.rule, row.client_id, row.metric


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _number(text: str | None) -> int:
    """A row's number as an address or a form gives it; 0, which no row has, where it gives none."""
    return int(text) if text and text.isdecimal() and len(text) < 18 else 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Http404("There is no such day.") from None
