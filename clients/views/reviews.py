"""The queue of questions about contacts, and one of them side by side. The pages read rows and call a function."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib import messages
from django.db.models import Count, Min, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from clients import contact_fields, likeness, review_decisions, reviews
from clients.access import scope, user_of, visible_clients
from clients.models import Contact, ContactField, FieldState, Observation, ReviewItem, SourceRecord
from clients.review_decisions import ReviewRefused
from gtm.admin_site import CappedPaginator

ACT = "clients.change_reviewitem"
STATES = {"open": "Open", "decided": "Decided", "closed": "Closed by themselves"}
OF_FIELDS = review_decisions.OF_FIELDS


class Word(NamedTuple):
    """What one party says of a field. `holds`: the contact shows it now."""

    observation: Observation
    source: str
    holds: bool


class Line(NamedTuple):
    """One field of two people side by side; `alike` in words."""

    label: str
    left: str
    right: str
    alike: str


class Side(NamedTuple):
    """One of the two: what it is called, where it comes from, since when, and what it says, by field."""

    title: str
    origin: str
    since: datetime
    said: Mapping[str, str]
    contact: Contact | None


@require_safe
def contact_reviews(request: HttpRequest) -> HttpResponse:
    """The queue, the oldest first, with the first one opened. Filters: `state`, `kind`, `client`."""
    return _queue(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
def contact_review(request: HttpRequest, item_id: int) -> HttpResponseBase:
    """The queue with one question opened. A POST decides: `action` is a key of DECISIONS."""
    item = get_object_or_404(_visible(request), pk=item_id)
    decide = DECISIONS.get(request.POST.get("action", "")) if request.method == "POST" else None
    return _decide(request, item, decide) if decide else _queue(request, item)


def _visible(request: HttpRequest) -> QuerySet[ReviewItem]:
    rows = ReviewItem.objects.select_related(
        "client", "contact", "record__connection", "record__contact", "other_record__connection", "decided_by"
    )
    return scope(rows, request.user)


def _queue(request: HttpRequest, item: ReviewItem | None, **more: Any) -> HttpResponse:
    if item and item.state == ReviewItem.State.OPEN:
        reviews.close_solved(ReviewItem.objects.filter(pk=item.pk), at=timezone.now())
        item.refresh_from_db()
    asked = request.GET.get("state", item.state if item else "open")
    state = asked if asked in STATES else "open"
    kind, client = request.GET.get("kind", ""), request.GET.get("client", "")
    rows = _visible(request).filter(state=state)
    in_state = rows.filter(client__slug=client) if client else rows
    rows = in_state.filter(kind=kind) if kind in ReviewItem.Kind.values else in_state
    rows = rows.order_by("opened_at", "pk") if state == "open" else rows.order_by("-decided_at", "-pk")
    page = CappedPaginator(rows, 30).get_page(request.GET.get("page"))
    opened = item or (page[0] if len(page) else None)
    kept = {name: value for name, value in (("state", state), ("kind", kind), ("client", client)) if value}
    context = {
        "page": page,
        "item": opened,
        "state": state,
        "states": STATES.items(),
        "kinds": _by_kind(in_state),
        "kind": kind,
        "by_client": _by_client(request),
        "client": client,
        "clients": list(visible_clients(request.user).order_by("name")),
        "kept": urlencode(kept),
        "may_act": request.user.has_perm(ACT),
        "at": timezone.now(),
        **(_shown(opened) if opened else {}),
        **more,
    }
    return render(request, "clients/reviews.html", context)


def _by_kind(rows: QuerySet[ReviewItem]) -> list[tuple[str, str, int]]:
    counts = dict(rows.order_by().values_list("kind").annotate(n=Count("pk")))
    return [(key, label, counts.get(key, 0)) for key, label in ReviewItem.Kind.choices]


def _by_client(request: HttpRequest) -> list[Any]:
    rows = scope(ReviewItem.objects.filter(state=ReviewItem.State.OPEN), request.user).order_by()
    counted = rows.values("client__name", "client__slug").annotate(n=Count("pk"), oldest=Min("opened_at"))
    return list(counted.order_by("oldest")[:20])


# --- one of them


def _shown(item: ReviewItem) -> dict[str, Any]:
    if item.kind in OF_FIELDS:
        return {"words": _words(item), "label": contact_fields.label(item.field), "is_locked": _is_locked(item)}
    left, right = _sides(item)
    return {"left": left, "right": right, "lines": _lines(left, right)}


def _words(item: ReviewItem) -> list[Word]:
    rows = Observation.objects.filter(pk__in=item.observations).select_related("record__connection", "event__delivery")
    by_id = {row.pk: row for row in rows}
    now = contact_fields.value_of(item.contact, item.field)
    return [
        Word(by_id[pk], _source(by_id[pk].record), by_id[pk].value == now) for pk in item.observations if pk in by_id
    ]


def _is_locked(item: ReviewItem) -> bool:
    return FieldState.objects.filter(contact=item.contact, field=item.field).exclude(locked_by=None).exists()


def _source(record: SourceRecord) -> str:
    return str(
        record.connection.name if record.connection else "a person" if record.source == "person" else record.source
    )


def _sides(item: ReviewItem) -> tuple[Side, Side]:
    assert item.record is not None, "a question of two has a record"
    if item.other_record is not None:
        return _side_of_record(item.record), _side_of_record(item.other_record)
    contact = item.contact
    said = {name: value for name in ContactField.values if (value := contact_fields.value_of(contact, name))}
    return Side("The contact", contact.source, contact.created_at, said, contact), _side_of_record(item.record)


def _side_of_record(record: SourceRecord) -> Side:
    rows = Observation.objects.filter(record=record, field__in=ContactField.values).order_by("occurred_at", "pk")
    said = {row.field: row.value for row in rows}
    origin = f"{_source(record)}, {record.object_type} {record.ext_id}"
    return Side("A record", origin, record.created_at, said, record.contact)


def _lines(left: Side, right: Side) -> list[Line]:
    pairs = [(name, label, left.said.get(name, ""), right.said.get(name, "")) for name, label in ContactField.choices]
    return [Line(label, one, other, _alike(name, one, other)) for name, label, one, other in pairs if one or other]


def _alike(name: str, one: str, other: str) -> str:
    if not one or not other:
        return "only one"
    if likeness.fold(one) == likeness.fold(other):
        return "the same"
    is_name = name in ("full_name", "first_name", "last_name")
    return "alike" if is_name and _name_alike(one, other) >= likeness.LIKE else "differs"


def _name_alike(one: str, other: str) -> float:
    """Of one part of a name, too."""
    return likeness.names_alike(likeness.person(f"x {one}"), likeness.person(f"x {other}"))


# --- decisions


def _decide(
    request: HttpRequest, item: ReviewItem, decide: Callable[[HttpRequest, ReviewItem, dict[str, Any]], str]
) -> HttpResponseBase:
    told = {"by": user_of(request), "at": timezone.now(), "reason": request.POST.get("reason", "").strip()}
    try:
        done = decide(request, item, told)
    except ReviewRefused as refused:
        item = get_object_or_404(_visible(request), pk=item.pk)
        return _queue(request, item, problem=str(refused), typed=request.POST.get("value", ""))
    messages.success(request, done)
    return redirect(_next(request, item))


def _next(request: HttpRequest, item: ReviewItem) -> str:
    """The next one of the queue as it was filtered, else the queue."""
    kept = {name: request.GET[name] for name in ("kind", "client") if request.GET.get(name)}
    rows = _visible(request).filter(state=ReviewItem.State.OPEN)
    rows = rows.filter(kind=kept["kind"]) if kept.get("kind") in ReviewItem.Kind.values else rows
    rows = rows.filter(client__slug=kept["client"]) if "client" in kept else rows
    later = Q(opened_at__gt=item.opened_at) | Q(opened_at=item.opened_at, pk__gt=item.pk)
    ordered = rows.order_by("opened_at", "pk")
    following = ordered.filter(later).first() or ordered.first()
    address = reverse("contact_review", args=[following.pk]) if following else reverse("contact_reviews")
    return f"{address}?{urlencode(kept)}" if kept else address


def _take(request: HttpRequest, item: ReviewItem, told: dict[str, Any]) -> str:
    number = request.POST.get("observation", "")
    known = number.isdecimal() and len(number) < 18 and int(number) in item.observations
    if not known:
        raise ReviewRefused("Choose one of the values on the page.")
    observation = Observation.objects.select_related("record").get(pk=int(number))
    review_decisions.take(item, observation, **told)
    return f"Taken: {observation.value}."


def _edit(request: HttpRequest, item: ReviewItem, told: dict[str, Any]) -> str:
    review_decisions.edit(item, request.POST.get("value", ""), **told)
    return "Entered. It holds as your word."


def _lock(request: HttpRequest, item: ReviewItem, told: dict[str, Any]) -> str:
    review_decisions.lock(item, **told)
    return "Locked: no source changes this field of the contact any more."


def _merge(request: HttpRequest, item: ReviewItem, told: dict[str, Any]) -> str:
    review_decisions.merge(item, **told)
    return "They are one person from now on."


def _apart(request: HttpRequest, item: ReviewItem, told: dict[str, Any]) -> str:
    review_decisions.keep_apart(item, **told)
    return "Two people. It is not asked again."


DECISIONS = {"take": _take, "edit": _edit, "lock": _lock, "merge": _merge, "apart": _apart}
