"""Deliveries that could not be read: by kind and connection, and one of them with all that is known of it."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Min, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from clients import bodies, outbox, quarantine, traces, troubles
from clients.access import scope, user_of, visible_clients
from clients.models import Connection, Delivery, Replay
from clients.quarantine_forms import DiscardAllForm, DiscardForm, MendForm, ReplayForm
from gtm import loop
from gtm.admin_site import CappedPaginator

Status = Delivery.Status
ACT = "clients.change_delivery"
STATES = {
    "quarantined": ("Waiting", Q(status=Status.QUARANTINED)),
    "partly": ("Applied in part", Q(status=Status.APPLIED) & ~Q(error_class="")),
    "discarded": ("Discarded", Q(status=Status.DISCARDED)),
}
REPLAYS_SHOWN = 5


@require_http_methods(["GET", "HEAD", "POST"])
def quarantine_page(request: HttpRequest) -> HttpResponseBase:
    """All kinds, or one kind of one connection (`connection`, `kind`). A POST acts on such a kind: `action`."""
    if request.method == "POST":
        return _act_on_all(request)
    return _overview(request)


@require_http_methods(["GET", "HEAD", "POST"])
def quarantined(request: HttpRequest, delivery_id: int) -> HttpResponseBase:
    """One delivery. A POST decides what becomes of it: `action` is a key of ACTIONS."""
    delivery = get_object_or_404(_visible(request), pk=delivery_id)
    act = ACTIONS.get(request.POST.get("action", "")) if request.method == "POST" else None
    return act(request, delivery) if act else _delivery_page(request, delivery)


def _visible(request: HttpRequest) -> QuerySet[Delivery]:
    rows = Delivery.objects.select_related("connection__client", "original", "discarded_by")
    return scope(rows, request.user, "connection__client")


# --- all of them


def _overview(request: HttpRequest, **forms_: Any) -> HttpResponse:
    state = request.GET.get("state", "")
    state = state if state in STATES else "quarantined"
    client, chosen = request.GET.get("client", ""), _chosen(request)
    rows = scope(Delivery.objects.filter(STATES[state][1]), request.user, "connection__client")
    rows = rows.filter(connection__client__slug=client) if client else rows
    page = {
        "state": state,
        "states": [(key, label) for key, (label, _) in STATES.items()],
        "client": client,
        "clients": list(visible_clients(request.user).order_by("name")),
        "groups": [] if chosen else quarantine.groups(rows),
        "figures": rows.aggregate(count=Count("pk"), oldest=Min("received_at")),
        "replays": _replays(request),
        "pushes": [] if chosen else outbox.given_up(user_of(request), client),
        "may_act": request.user.has_perm(ACT),
        "at": timezone.now(),
        **(_of_one_kind(request, rows, *chosen) if chosen else {}),
        **forms_,
    }
    return render(request, "clients/quarantine.html", page)


def _chosen(request: HttpRequest) -> tuple[Connection, str] | None:
    """The connection and kind that are asked for."""
    number = request.GET.get("connection", "")
    if not number.isdecimal() or len(number) > 17:
        return None
    rows = scope(Connection.objects.select_related("client"), request.user)
    return get_object_or_404(rows, pk=int(number)), request.GET.get("kind", "")[:30]


def _of_one_kind(
    request: HttpRequest, rows: QuerySet[Delivery], connection: Connection, error_class: str
) -> dict[str, Any]:
    own = rows.filter(connection=connection, error_class=error_class).defer("body")
    return {
        "connection": connection,
        "kind": error_class,
        "named": troubles.named(error_class),
        "page": CappedPaginator(own.order_by("received_at", "pk"), 50).get_page(request.GET.get("page")),
        "kept": f"connection={connection.pk}&{urlencode({'kind': error_class, 'state': request.GET.get('state', '')})}",
        "replay_form": ReplayForm(auto_id="replay-%s"),
        "discard_form": DiscardAllForm(auto_id="discard-%s"),
    }


def _replays(request: HttpRequest) -> list[tuple[Replay, str]]:
    rows = scope(Replay.objects.select_related("connection__client", "asked_by"), request.user, "connection__client")
    newest = rows.order_by("ended_at", "-pk")[:REPLAYS_SHOWN]  # those that still run first, as NULL sorts last
    found = sorted(newest, key=lambda row: (row.ended_at is not None, -row.pk))
    return [(row, troubles.named(row.error_class).label) for row in found]


def _act_on_all(request: HttpRequest) -> HttpResponseBase:
    _refuse_unless_allowed(request)
    action = request.POST.get("action", "")
    if action == "stop":
        return _stop(request)
    chosen = _chosen(request)
    if chosen is None or action not in ("replay_all", "discard_all"):
        return _overview(request)
    name, form_class = ("replay_form", ReplayForm) if action == "replay_all" else ("discard_form", DiscardAllForm)
    form: forms.Form = form_class(request.POST, auto_id=f"{name.removesuffix('_form')}-%s")
    if not form.is_valid():
        return _overview(request, **{name: form})
    which = quarantine.Which(*chosen, form.cleaned_data["since"], form.cleaned_data["until"])
    try:
        done = _replay(request, which, form) if action == "replay_all" else _discard(request, which, form)
    except quarantine.NotDone as refused:
        form.add_error(None, str(refused))
        return _overview(request, **{name: form})
    messages.success(request, done)
    return redirect("quarantine")


def _replay(request: HttpRequest, which: quarantine.Which, form: forms.Form) -> str:
    pace = form.cleaned_data["per_minute"]
    with transaction.atomic():
        quarantine.ask_replay(which, per_minute=pace, by=user_of(request), at=timezone.now())
        loop.later(loop.replay_quarantined)
    return f"They are tried again, {pace:,} a minute, the oldest first."


def _discard(request: HttpRequest, which: quarantine.Which, form: forms.Form) -> str:
    why = form.cleaned_data["why"]
    count = quarantine.discard(which.rows(), why=why, by=user_of(request), at=timezone.now())
    if not count:
        raise quarantine.NotDone("No delivery of this kind waits in that time.")
    return f"Discarded: {count:,}. They stay readable under “Discarded”, and can be tried again there."


def _stop(request: HttpRequest) -> HttpResponseBase:
    number = request.POST.get("replay", "")
    rows = scope(Replay.objects.all(), request.user, "connection__client")
    replay = get_object_or_404(rows, pk=int(number) if number.isdecimal() and len(number) < 17 else 0)
    quarantine.stop(replay, at=timezone.now())
    messages.success(request, "Stopped. What was not tried yet waits on.")
    return redirect("quarantine")


# --- one of them


def _delivery_page(request: HttpRequest, delivery: Delivery, **forms_: Any) -> HttpResponse:
    try:
        text, unmendable = quarantine.text_of(delivery), ""
    except quarantine.NotDone as refused:
        text, unmendable = "", str(refused)
    page = {
        "delivery": delivery,
        "named": troubles.named(delivery.error_class),
        "body": bodies.shown(bytes(delivery.body)),
        "trace": traces.of(delivery),
        "events": list(delivery.events.select_related("contact").order_by("pk")[:50]),
        "mended": delivery.mended.order_by("-pk").first(),
        "is_open": delivery.status == Status.QUARANTINED,
        "may_act": request.user.has_perm(ACT),
        "mend_form": None if unmendable else MendForm(initial={"body": text}),
        "unmendable": unmendable,
        "discard_form": DiscardForm(auto_id="discard-%s"),
        **forms_,
    }
    return render(request, "clients/quarantined.html", page)


def _retry(request: HttpRequest, delivery: Delivery) -> HttpResponseBase:
    with transaction.atomic():
        quarantine.retry(delivery)
        loop.later(loop.process_delivery, delivery.pk)
    messages.success(request, f"Delivery {delivery.pk} is tried again. Reload its page to see what became of it.")
    return redirect("quarantined", delivery.pk)


def _mend(request: HttpRequest, delivery: Delivery) -> HttpResponseBase:
    form = MendForm(request.POST)
    if not form.is_valid():
        return _delivery_page(request, delivery, mend_form=form)
    try:
        with transaction.atomic():
            made = quarantine.mend(delivery, form.cleaned_data["body"], by=user_of(request), at=timezone.now())
            loop.later(loop.process_delivery, made.pk)
    except quarantine.NotDone as refused:
        form.add_error("body", str(refused))
        return _delivery_page(request, delivery, mend_form=form)
    messages.success(request, f"Kept as delivery {made.pk}, and tried. Reload the page to see what became of it.")
    return redirect("quarantined", made.pk)


def _discard_one(request: HttpRequest, delivery: Delivery) -> HttpResponseBase:
    form = DiscardForm(request.POST, auto_id="discard-%s")
    if not form.is_valid():
        return _delivery_page(request, delivery, discard_form=form)
    here = Delivery.objects.filter(pk=delivery.pk)
    if not quarantine.discard(here, why=form.cleaned_data["why"], by=user_of(request), at=timezone.now()):
        raise quarantine.NotDone("It does not stand in quarantine any more.")
    messages.success(request, f"Delivery {delivery.pk} is discarded.")
    return redirect(_next(request, delivery))


def _next(request: HttpRequest, delivery: Delivery) -> str:
    """The oldest of the same kind that still waits, else all kinds."""
    waiting = scope(
        quarantine.Which(delivery.connection, delivery.error_class).rows(), request.user, "connection__client"
    )
    following = waiting.order_by("received_at", "pk").values_list("pk", flat=True).first()
    return reverse("quarantined", args=[following]) if following else reverse("quarantine")


def _guarded(act: Callable[[HttpRequest, Delivery], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """What was refused is told on the delivery's page, as it stands now."""

    def guarded(request: HttpRequest, delivery: Delivery) -> HttpResponseBase:
        _refuse_unless_allowed(request)
        try:
            return act(request, delivery)
        except quarantine.NotDone as refused:
            messages.error(request, str(refused))
            return redirect("quarantined", delivery.pk)

    return guarded


def _refuse_unless_allowed(request: HttpRequest) -> None:
    if not request.user.has_perm(ACT):
        raise PermissionDenied("Your role reads deliveries only. Ask an operator or the client's account manager.")


ACTIONS = {"retry": _guarded(_retry), "mend": _guarded(_mend), "discard": _guarded(_discard_one)}
