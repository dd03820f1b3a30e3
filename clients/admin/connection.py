"""Connections, their keys and their signing secrets: shown once."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from clients import connections, credentials, signing
from clients.connection_form import ConnectionForm
from clients.models import Connection, SigningSecret
from clients.scoped_admin import ScopedHistoryAdmin
from gtm.admin_site import link, pill

SIGNED = (
    "signing_scheme",
    "held_secrets",
    "signing_secret",
    "make_signing_secret",
    "end_old_secrets",
    "last_refused",
)
MOST_SECRETS = 10
TYPED = ("signing_secret", "make_signing_secret", "end_old_secrets")


@admin.register(Connection)
class ConnectionAdmin(ScopedHistoryAdmin):
    empty_hint = "Connect a client's CRM, so that its contacts come in."
    form = ConnectionForm
    change_form_template = "clients/connection_form.html"
    list_display = ("name", "client", "party", "mode", "is_active", "key_hint")
    list_filter = ("client", "party", "mode", "is_active")
    list_select_related = ("client",)
    search_fields = ("name", "client__name")
    ordering = ("client__name", "name")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = ("client", "party", "key_hint", "last_call", "created_at", "held_secrets", "last_refused")
        return shown if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        basis = (None, {"fields": ("client", "party", "name", "mode", "is_active", "secret")})
        calls = ("Calls from the party", {"fields": ("key_hint", "last_call", "created_at")})
        if obj is None:
            return (basis,)
        return (
            (basis, calls, ("Signed calls", {"fields": SIGNED}))
            if obj.party in connections.CALLS_US
            else (basis, calls)
        )

    def get_urls(self) -> list[URLPattern]:
        rotate = path(
            "<path:object_id>/new-key/", self.admin_site.admin_view(self.new_key), name="clients_connection_new_key"
        )
        return [rotate, *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:
        if not change:
            obj.created_at = timezone.now()
        if secret := form.cleaned_data.get("secret"):
            obj.credential = credentials.encrypt(secret)
        super().save_model(request, obj, form, change)
        if "signing_scheme" in form.fields:
            obj.made_secret = signing.save(obj, at=timezone.now(), **{name: form.cleaned_data[name] for name in TYPED})  # type: ignore[attr-defined]

    def response_change(self, request: HttpRequest, obj: Connection) -> HttpResponse:
        secret = getattr(obj, "made_secret", "")
        if not secret:
            return super().response_change(request, obj)
        context = {**self.admin_site.each_context(request), "connection": obj, "secret": secret}
        return TemplateResponse(request, "clients/secret_shown.html", context)

    def response_add(self, request: HttpRequest, obj: Connection, post_url_continue: str | None = None) -> HttpResponse:
        if obj.party not in connections.CALLS_US:
            return super().response_add(request, obj, post_url_continue)
        return self._show_key(request, obj)

    def new_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET asks, POST makes a key and shows it, this once."""
        connection = self.get_object(request, unquote(object_id))
        if connection is None or connection.party not in connections.CALLS_US:
            raise Http404
        if not self.has_change_permission(request, connection):
            raise PermissionDenied
        if request.method == "POST":
            return self._show_key(request, connection)
        context = {**self.admin_site.each_context(request), "connection": connection}
        return TemplateResponse(request, "clients/new_key.html", context)

    def _show_key(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        key = connections.rotate_key(connection)
        call = connections.example(connection, key, base=settings.PUBLIC_URL)
        address = f"{settings.PUBLIC_URL}/api/hooks/{key}"
        context = {
            **self.admin_site.each_context(request),
            "connection": connection,
            "key": key,
            "address": address,
            "call": call,
        }
        return TemplateResponse(request, "clients/key_shown.html", context)

    @admin.display(description="Key ends with")
    def key_hint(self, connection: Connection) -> str:
        return f"…{connection.endpoint_key_hint}" if connection.endpoint_key_hint else "no key: it never calls us"

    @admin.display(description="Last call")
    def last_call(self, connection: Connection) -> SafeString | str:
        last = connection.deliveries.order_by("-received_at", "-pk").first()
        if last is None:
            return "Waiting for the first event."
        return format_html(
            "{} {}",
            link(_when(last.received_at), "admin:clients_delivery_change", last.pk),
            pill(last.get_status_display(), last.status),
        )

    @admin.display(description="Secrets")
    def held_secrets(self, connection: Connection) -> SafeString | str:
        rows = [(f"…{each.hint}", _validity(each)) for each in connection.signing_secrets.all()[:MOST_SECRETS]]
        if not rows:
            return "None yet."
        return format_html_join(mark_safe("<br>"), "ends with <code>{}</code>, {}", rows)

    @admin.display(description="Last refused call")
    def last_refused(self, connection: Connection) -> str:
        if connection.last_refused_at is None:
            return "None was refused."
        when, calls = _when(connection.last_refused_at), connection.refused_calls
        return f"{when}: {connection.last_refused_why} ({calls:,} {'call' if calls == 1 else 'calls'} refused so far.)"


def _validity(secret: SigningSecret) -> str:
    if secret.active_until is None:
        return f"valid since {_when(secret.active_from)}"
    ended = secret.active_until <= timezone.now()
    return f"{'ended' if ended else 'replaced; valid until'} {_when(secret.active_until)}"


def _when(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%d %B %Y, %H:%M")
