"""The pages of a connection beside its form: how it fares, a test, and its key, shown once."""

from typing import Any

from django.conf import settings
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from clients import connection_state, connection_steps, connections
from clients.models import Connection

APEX = "clients/apex_snippet.txt"


class ConnectionViews:
    """For ConnectionAdmin; each view finds the connection under the rule of `clients.access`."""

    admin_site: Any
    get_object: Any
    has_change_permission: Any
    has_view_permission: Any

    def view_urls(self) -> list[URLPattern]:
        pages = (("new-key", "new_key", self.new_key), ("state", "state", self.state), ("test", "test", self.test))
        return [
            path(f"<path:object_id>/{slug}/", self.admin_site.admin_view(view), name=f"clients_connection_{name}")
            for slug, name, view in pages
        ]

    def state(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The part of the page that asks again by itself while the connection waits for its first event."""
        connection = self._found(request, object_id)
        if not self.has_view_permission(request, connection):
            raise PermissionDenied
        return TemplateResponse(request, "clients/connection_state.html", state_context(connection))

    def test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """POST only: what the party's example would become. Nothing of it stays."""
        connection = self._found(request, object_id)
        if request.method != "POST":
            raise Http404
        self._refuse_unless_changing(request, connection)
        tried = connection_state.try_sample(connection, at=timezone.now())
        context = {**self._base(request, connection), "tried": tried, "sample": connections.sample(connection).decode()}
        return TemplateResponse(request, "clients/connection_tried.html", context)

    def new_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET asks, POST makes a key and shows it, this once."""
        connection = self._found(request, object_id)
        self._refuse_unless_changing(request, connection)
        if request.method == "POST":
            return self.show_key(request, connection, at_once="end_old" in request.POST)
        return TemplateResponse(request, "clients/new_key.html", self._base(request, connection))

    def show_key(self, request: HttpRequest, connection: Connection, *, at_once: bool = True) -> HttpResponse:
        overlap = {"overlap": connections.OVERLAP * 0} if at_once else {}
        key = connections.rotate_key(connection, at=timezone.now(), **overlap)
        context = {
            **self._base(request, connection),
            "key": key,
            "address": f"{settings.PUBLIC_URL}/api/hooks/{key}",
            "call": connections.example(connection, key, base=settings.PUBLIC_URL),
            "steps": connection_steps.of(connection.party),
            "apex": apex(connection),
        }
        return TemplateResponse(request, "clients/key_shown.html", context)

    def _found(self, request: HttpRequest, object_id: str) -> Connection:
        connection: Connection | None = self.get_object(request, unquote(object_id))
        if connection is None or connection.party not in connections.CALLS_US:
            raise Http404
        return connection

    def _refuse_unless_changing(self, request: HttpRequest, connection: Connection) -> None:
        if not self.has_change_permission(request, connection):
            raise PermissionDenied

    def _base(self, request: HttpRequest, connection: Connection) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "connection": connection}


def state_context(connection: Connection) -> dict[str, Any]:
    return {
        "state": connection_state.of(connection, at=timezone.now()),
        "connection": connection,
        "calls_us": connection.party in connections.CALLS_US,
    }


def apex(connection: Connection) -> str:
    """The class that a Salesforce admin copies, where this version has one."""
    if connection.party != Connection.Party.SALESFORCE:
        return ""
    try:
        return get_template(APEX).render({"connection": connection})
    except TemplateDoesNotExist:
        return ""
