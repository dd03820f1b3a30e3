"""A connection's sync: what waits to be written, what comparing found, and the buttons for both."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods

from clients import access, contact_fields, drift, losses, pushing, sync
from clients.crm.connectors import CONNECTORS
from clients.models import Connection, Push, SyncSettings
from gtm import loop
from gtm.admin_site import pill

SHOWN = 10  # comparisons, and pushes of each kind


@require_http_methods(["GET", "POST"])
def connection_sync(request: HttpRequest, connection_id: int) -> HttpResponse:
    seen = access.scope(Connection.objects.select_related("client"), request.user)
    connection = get_object_or_404(seen, pk=connection_id)
    if request.method == "POST" and connection.party in CONNECTORS:
        messages.info(request, _act(request, connection))
        return redirect("connection_sync", connection.pk)
    return render(request, "clients/sync.html", _context(request, connection))


def _act(request: HttpRequest, connection: Connection) -> str:
    at = timezone.now()
    if "compare" in request.POST:
        pushing.resume(connection)
        run = sync.start(connection, at=at, by=access.user_of(request))
        loop.later(loop.compare, run.pk)
        return "Comparing has begun. Look here again in a while."
    waiting = pushing.hurry(connection, at=at)
    loop.later(loop.push_to, connection.pk)
    return f"{waiting:,} pushes wait; those whose time has come are sent now."


def _context(request: HttpRequest, connection: Connection) -> dict[str, object]:
    settings = drift.settings_of(connection)
    pushes = connection.pushes.select_related("record__contact").order_by("-made_at", "-pk")
    states = [Push.State.HELD, Push.State.DEAD, Push.State.WAITING]
    places = drift.way_out(connection).places
    runs = connection.reconciliations.select_related("asked_by").order_by("-started_at")[:SHOWN]
    return {
        "connection": connection,
        "can_sync": connection.party in CONNECTORS,
        "may_change": request.user.has_perm("clients.change_connection"),
        "settings": settings,
        "state": _state(settings),
        "written": pushing.written_today(connection, at=timezone.now()),
        "going_out": [f"{contact_fields.label(name)} ({place.name})" for name, place in places.items()],
        "groups": [(state, pushes.filter(state=state).count(), pushes.filter(state=state)[:SHOWN]) for state in states],
        "runs": [(run, losses.in_words(run)) for run in runs],
    }


def _state(settings: SyncSettings) -> SafeString:
    if settings.paused_at:
        return pill("Paused", "bad")
    return pill("Dry run", "warn") if settings.is_dry_run else pill("Writes", "ok")
