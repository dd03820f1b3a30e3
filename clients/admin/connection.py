"""Connections: their form, their keys and their signing secrets."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from clients import access, connection_steps, connections, mappings, secret_form, signing
from clients.admin.connection_views import ConnectionViews, apex, state_context
from clients.admin.filters import PartyFilter
from clients.admin.links import to_lists
from clients.connection_form import ConnectionForm
from clients.crm import accounts
from clients.mappings import reading
from clients.models import Connection, SigningSecret
from clients.scoped_admin import ScopedHistoryAdmin
from gtm.admin_site import link

SIGNED = (
    "signing_scheme",
    "held_secrets",
    "signing_secret",
    "signing_ref",
    "make_signing_secret",
    "end_old_secrets",
    "last_refused",
)
ACCOUNT = ("external_account", "takes_unsigned")
MOST_SECRETS = 10
TYPED = ("signing_secret", "make_signing_secret", "end_old_secrets")


@admin.register(Connection)
class ConnectionAdmin(ConnectionViews, ScopedHistoryAdmin):
    empty_hint = "Connect a client's CRM, so that its contacts come in."
    form = ConnectionForm
    change_form_template = "clients/connection_form.html"
    list_display = ("name", "client", "party", "mode", "is_active", "key_hint")
    list_filter = ("client", PartyFilter, "mode", "is_active")
    list_select_related = ("client",)
    search_fields = ("name", "client__name")
    ordering = ("client__name", "name")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = ("client", "party", "key_hint", "created_at", "held_secrets", "last_refused", "mapping")
        rare = () if access.sees_all(request.user) else ("takes_unsigned",)
        return (*shown, *rare) if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        basis = (None, {"fields": ("client", "party", "name", "mode", "is_active", "secret", "credential_ref")})
        calls = ("Calls from the party", {"fields": ("key_hint", "mapping", "created_at")})
        if obj is None:
            return (basis,)
        if obj.party not in connections.CALLS_US:
            return (basis, calls)
        own = (("The client's account there", {"fields": ACCOUNT}),) if obj.party in accounts.ACCOUNT else ()
        return (basis, calls, ("Signed calls", {"fields": SIGNED}), *own)

    def get_urls(self) -> list[URLPattern]:
        return [*self.view_urls(), *super().get_urls()]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type("UsersConnectionForm", (form,), {"may_name_places": access.sees_all(request.user)})

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Connection | None = None,
    ) -> HttpResponse:
        if obj is not None:
            context |= self._beside_the_form(obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _beside_the_form(self, connection: Connection) -> dict[str, Any]:
        steps = connection_steps.of(connection.party) if connection.party in connections.CALLS_US else ()
        return {**state_context(connection), "steps": steps, "apex": apex(connection)}

    def save_model(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:
        if not change:
            obj.created_at = timezone.now()
        secret_form.keep(obj, form.cleaned_data)
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
        return self.show_key(request, obj)

    @admin.display(description="Key ends with")
    def key_hint(self, connection: Connection) -> str:
        if not connection.endpoint_key_hint:
            return "no key: it never calls us"
        return f"…{connection.endpoint_key_hint}"

    @admin.display(description="Mapping")
    def mapping(self, connection: Connection) -> SafeString | str:
        if not reading.maps(connection):
            return "It sends no contacts, so there is nothing to map."
        version = mappings.in_force(connection)[1]
        words = f"{version} is in force" if version else "The preset is in force"
        return link(f"{words}: see and change it", "connection_mapping", connection.pk)

    @admin.display(description="Secrets")
    def held_secrets(self, connection: Connection) -> SafeString | str:
        rows = [(str(each), _validity(each)) for each in connection.signing_secrets.all()[:MOST_SECRETS]]
        if not rows:
            return "None yet."
        return format_html_join(mark_safe("<br>"), "<code>{}</code>, {}", rows)

    @admin.display(description="Last refused call")
    def last_refused(self, connection: Connection) -> SafeString | str:
        if connection.last_refused_at is None:
            return "None was refused."
        when, calls = _when(connection.last_refused_at), connection.refused_calls
        words = f"{when}: {connection.last_refused_why} ({calls:,} {'call' if calls == 1 else 'calls'} refused so far.)"
        kept = to_lists(connection.pk, "connection__id__exact", (("Those of the last day", "clients_rejectedcall"),))
        return format_html("{} {}", words, kept)


def _validity(secret: SigningSecret) -> str:
    if secret.active_until is None:
        return f"valid since {_when(secret.active_from)}"
    ended = secret.active_until <= timezone.now()
    return f"{'ended' if ended else 'replaced; valid until'} {_when(secret.active_until)}"


def _when(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%d %B %Y, %H:%M")
