"""A connection's sync: what waits to be written, what comparing found, and the buttons for both."""

from django.contrib import messages
from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods

from clients import access, contact_fields, drift, echoes, losses, outbox, pushing, sync
from clients.crm.connectors import CONNECTORS
from clients.models import Connection, Push, SyncSettings
from clients.sync_form import SyncForm
from gtm import loop
from gtm.admin_site import pill

STATES = (Push.State.HELD, Push.State.DEAD, Push.State.WAITING)
SHOWN = 10  # comparisons, and pushes of each kind
MOST_RELEASED = 1000  # of a dry run, at one press


@require_http_methods(["GET", "POST"])
def connection_sync(request: HttpRequest, connection_id: int) -> HttpResponse:
    seen = access.scope(Connection.objects.select_related("client"), request.user)
    connection = get_object_or_404(seen, pk=connection_id)
    if request.method == "GET" or connection.party not in CONNECTORS:
        return render(request, "clients/sync.html", _context(request, connection))
    if "save" in request.POST:
        return _save(request, connection)
    messages.info(request, _act(request, connection))
    return redirect("connection_sync", connection.pk)


def _save(request: HttpRequest, connection: Connection) -> HttpResponse:
    form = SyncForm(request.POST, instance=echoes.settings_of(connection))
    if not form.is_valid():
        return render(request, "clients/sync.html", _context(request, connection, form), status=400)
    settings = form.save()
    if not settings.is_dry_run and not settings.own_id:
        loop.later(loop.learn_own_id, connection.pk)
    messages.success(request, "Saved.")
    return redirect("connection_sync", connection.pk)


def _act(request: HttpRequest, connection: Connection) -> str:
    at = timezone.now()
    if "compare" in request.POST:
        pushing.resume(connection)
        run = sync.start(connection, at=at, by=access.user_of(request))
        loop.later(loop.compare, run.pk)
        return "Comparing has begun. Look here again in a while."
    if "release" in request.POST:
        shown = connection.pushes.filter(state=Push.State.SKIPPED, why=pushing.DRY_RUN).select_related(
            "record__contact"
        )
        waits = outbox.again(shown.order_by("-pk")[:MOST_RELEASED], by=access.user_of(request), at=at)
        loop.later(loop.push_to, connection.pk)
        return f"{len(waits):,} records are written now; the others stand there as they should."
    waiting = pushing.hurry(connection, at=at)
    loop.later(loop.push_to, connection.pk)
    return f"{waiting:,} pushes wait; those whose time has come are sent now."


def _context(request: HttpRequest, connection: Connection, form: SyncForm | None = None) -> dict[str, object]:
    settings = echoes.settings_of(connection)
    counts = _counts(connection)
    places = drift.way_out(connection).places
    runs = connection.reconciliations.select_related("asked_by").order_by("-started_at")[:SHOWN]
    return {
        "connection": connection,
        "can_sync": connection.party in CONNECTORS,
        "may_change": request.user.has_perm("clients.change_connection"),
        "settings": settings,
        "form": form or SyncForm(instance=settings),
        "shown_only": counts["shown_only"],
        "state": _state(settings),
        "written": pushing.written_today(connection, at=timezone.now()),
        "going_out": [f"{contact_fields.label(name)} ({place.name})" for name, place in places.items()],
        "groups": [(state, counts[state], newest) for state, newest in _newest(connection).items()],
        "runs": [(run, losses.in_words(run)) for run in runs],
    }


def _counts(connection: Connection) -> dict[str, int]:
    """How many pushes are in each state that is shown, and how many a dry run showed only; one query."""
    wanted = {state.value: Count("pk", filter=Q(state=state)) for state in STATES}
    dry = Count("pk", filter=Q(state=Push.State.SKIPPED, why=pushing.DRY_RUN))
    return connection.pushes.aggregate(**wanted, shown_only=dry)


def _newest(connection: Connection) -> dict[Push.State, list[Push]]:
    """The newest pushes of each of these states; one query."""
    place = Window(RowNumber(), partition_by=F("state"), order_by=(F("made_at").desc(), F("pk").desc()))
    rows = connection.pushes.filter(state__in=STATES).annotate(place=place).filter(place__lte=SHOWN)
    found = list(rows.select_related("record__contact").order_by("place"))
    return {state: [push for push in found if push.state == state] for state in STATES}


def _state(settings: SyncSettings) -> SafeString:
    if settings.paused_at:
        return pill("Paused", "bad")
    return pill("Dry run", "warn") if settings.is_dry_run else pill("Writes", "ok")
