"""The versions of a connection's mapping: what differs, a trial before one holds, the way back."""

from collections.abc import Callable
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from clients import access, contact_fields, inbox, mappings
from clients.mappings import MappingRefused, Moved, comparing, replaying, rules, trying
from clients.mappings.comparing import Difference
from clients.models import Connection, FieldRule, Mapping
from clients.views.mappings import connection_of
from gtm import loop

MOST = 50  # versions on the page
MOVED = "Somebody changed the mapping since you opened this page. Nothing was done; look again."


class Row(NamedTuple):
    version: Mapping
    changes: list[Difference]


@require_http_methods(["GET", "HEAD", "POST"])
def connection_mapping_versions(request: HttpRequest, connection_id: int) -> HttpResponse:
    """The newest first. `left` and `right` are the numbers of two to compare. POST: `activate` the draft, `discard` it,
    `back` to a version (their numbers), or `replay` what stands in quarantine and can be read now."""
    connection = connection_of(request, connection_id)
    if request.method == "POST":
        return _act(request, connection)
    versions = connection.mappings.select_related("made_by", "activated_by").prefetch_related("rows")
    found = list(versions.order_by("-number")[: MOST + 1])
    before = [*(mappings.rows_of(each) for each in found[1:]), mappings.preset(connection)]
    left, right = (_asked(request, found, side) for side in ("left", "right"))
    page = {
        "connection": connection,
        "rows": [
            Row(each, comparing.differences(old, mappings.rows_of(each)))
            for each, old in zip(found[:MOST], before, strict=False)
        ],
        "left": left,
        "right": right,
        "compared": comparing.differences(mappings.rows_of(left), mappings.rows_of(right)) if left and right else [],
        "may_change": request.user.has_perm("clients.change_connection"),
        "quarantined": connection.deliveries.filter(status="quarantined").count(),
    }
    return render(request, "clients/mapping_versions.html", page)


def _asked(request: HttpRequest, found: list[Mapping], side: str) -> Mapping | None:
    number = request.GET.get(side, "")
    if number:
        return next((each for each in found if str(each.number) == number), None)
    return next(iter(found[1:2] if side == "left" else found[:1]), None)


def _act(request: HttpRequest, connection: Connection) -> HttpResponse:
    action = next((name for name in ACTIONS if name in request.POST), "")
    if not action:
        raise PermissionDenied("Press one of the buttons of the page.")
    try:
        ACTIONS[action](request, connection)
    except Moved:
        messages.error(request, MOVED)
    except MappingRefused as refused:
        messages.error(request, f"It cannot be used as it is: {refused}")
    return HttpResponseRedirect(reverse("connection_mapping_versions", args=[connection.pk]))


def _activate(request: HttpRequest, connection: Connection) -> None:
    version = _version(request, connection, "activate")
    seen = request.POST.get("seen") or None
    with transaction.atomic():
        mappings.activate(version, by=access.user_of(request), at=timezone.now(), seen=seen)
        _decide_by(version)
    messages.success(request, f"{version} is in force: deliveries are read by it from now on.")


def _back(request: HttpRequest, connection: Connection) -> None:
    version = _version(request, connection, "back")
    with transaction.atomic():
        made = mappings.go_back(version, by=access.user_of(request), at=timezone.now())
        _decide_by(made)
    messages.success(request, f"{made} is in force, with the rows of version {version.number}.")


def _decide_by(version: Mapping) -> None:
    """The rules that the version set hold for what was said before, too."""
    if rules.wanted(mappings.rows_of(version)):
        loop.later(loop.decide_again, version.connection.client_id)


def _discard(request: HttpRequest, connection: Connection) -> None:
    if not mappings.discard(_version(request, connection, "discard")):
        raise Moved
    messages.success(request, "The draft is set aside. It stays in the list of versions.")


def _replay(request: HttpRequest, connection: Connection) -> None:
    """Each is released and queued in one transaction, oldest first."""
    found, looked_at = replaying.readable(connection)
    with transaction.atomic():
        for delivery in found:
            inbox.release(delivery)
            loop.later(loop.process_delivery, delivery.pk)
    left = looked_at - len(found)
    stay = f" {left} of the last {looked_at} cannot be read yet and stay in quarantine." if left else ""
    messages.success(
        request, f"{len(found)} {'delivery is' if len(found) == 1 else 'deliveries are'} applied again.{stay}"
    )


ACTIONS: dict[str, Callable[[HttpRequest, Connection], None]] = {
    "activate": _activate, "back": _back, "discard": _discard, "replay": _replay,
}  # fmt: skip


def _version(request: HttpRequest, connection: Connection, name: str) -> Mapping:
    number = request.POST.get(name, "")
    versions = Mapping.objects.select_related("connection__client").filter(connection=connection)
    return get_object_or_404(versions, number=number if number.isdecimal() and len(number) < 9 else 0)


@require_safe
def connection_mapping_trial(request: HttpRequest, connection_id: int) -> HttpResponse:
    """The draft on the last deliveries of the connection, against what is in force. Nothing is written."""
    connection = connection_of(request, connection_id)
    draft = mappings.draft(connection)
    in_force, active = mappings.in_force(connection)
    page: dict[str, Any] = {"connection": connection, "draft": draft, "active": active}
    if draft:
        rows = mappings.rows_of(draft)
        page |= {
            "trial": trying.run(connection, rows, instead_of=in_force),
            "differences": comparing.differences(in_force, rows),
            "seen": mappings.mark(rows),
            "rules": _rules(connection, rules.wanted(rows)),
            "may_change": request.user.has_perm("clients.change_connection"),
        }
    return render(request, "clients/mapping_trial.html", page)


def _rules(connection: Connection, wanted: dict[str, str]) -> list[tuple[str, str, str]]:
    """The client's rules of fields that activating would set: field, now, then."""
    held = {each.field: each.get_rule_display() for each in connection.client.field_rules.filter(field__in=wanted)}
    usual = FieldRule.Rule.LATEST.label
    return [
        (contact_fields.label(field), str(held.get(field, usual)), str(FieldRule.Rule(rule).label))
        for field, rule in wanted.items()
    ]
