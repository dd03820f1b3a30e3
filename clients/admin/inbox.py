"""What parties sent us."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from clients import bodies, inbox
from clients.admin.filters import PartyFilter
from clients.admin.links import to_lists
from clients.mappings import reading
from clients.models import Delivery, Event, RejectedCall
from clients.scoped_admin import ScopedRecordAdmin
from gtm import loop
from gtm.admin_site import pill, pretty


@admin.register(Delivery)
class DeliveryAdmin(ScopedRecordAdmin):
    empty_hint = "Nobody has called. Make a connection: its page prints a call to try."
    client_path = "connection__client"
    list_display = ("received_at", "connection", "state", "attempts", "what_is_wrong")
    list_filter = ("status", "connection__client", PartyFilter)
    list_select_related = ("connection__client",)
    search_fields = ("error", "sender_event_id")
    fields = (
        "connection",
        "state",
        "received_at",
        "applied_at",
        "attempts",
        "error",
        "read_by",
        "events_made",
        "readable_body",
        "readable_headers",
        "sender_event_id",
        "body_sha256",
    )
    readonly_fields = fields
    ordering = ("-received_at", "-pk")
    actions = ("apply_again",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        whole = super().get_queryset(request)
        return (
            whole.defer("body")
            if request.resolver_match and request.resolver_match.url_name == "clients_delivery_changelist"
            else whole
        )

    def has_repair_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("clients.change_delivery")

    @admin.display(description="State", ordering="status")
    def state(self, delivery: Delivery) -> SafeString:
        return pill(delivery.get_status_display(), delivery.status)

    @admin.display(description="What is wrong")
    def what_is_wrong(self, delivery: Delivery) -> str:
        return delivery.error[:120]

    @admin.display(description="Read by")
    def read_by(self, delivery: Delivery) -> SafeString | str:
        """The version of the mapping, and the way to see what a draft would make of this delivery."""
        if not reading.maps(delivery.connection):
            return "It holds no contacts, so nothing is mapped."
        address = f"{reverse('connection_mapping', args=[delivery.connection_id])}?delivery={delivery.pk}"
        preset = "The preset" if delivery.applied_at else "Not yet"
        words = f"{delivery.mapping} of the mapping" if delivery.mapping else preset
        return format_html('{}. <a href="{}">See it in the mapping</a>', words, address)

    @admin.display(description="Events in it")
    def events_made(self, delivery: Delivery) -> SafeString:
        return to_lists(delivery.pk, "delivery__id__exact", (("Show them", "clients_event"),))

    @admin.display(description="Body")
    def readable_body(self, delivery: Delivery) -> SafeString:
        return pretty(bodies.shown(bytes(delivery.body)))

    @admin.display(description="Headers we kept")
    def readable_headers(self, delivery: Delivery) -> SafeString:
        return pretty(delivery.headers)

    @admin.action(description="Apply again", permissions=["repair"])
    def apply_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        for delivery in queryset.exclude(status=Delivery.Status.APPLIED):
            inbox.release(delivery)
            loop.later(loop.process_delivery, delivery.pk)


@admin.register(RejectedCall)
class RejectedCallAdmin(ScopedRecordAdmin):
    """What a person looks at whose sender says that it is refused."""

    empty_hint = "No call was refused in the last 24 hours."
    client_path = "connection__client"
    list_display = ("at", "connection", "why", "address")
    list_filter = ("connection__client", PartyFilter)
    list_select_related = ("connection__client",)
    search_fields = ("why", "address")
    fields = ("connection", "at", "why", "address", "readable_headers", "beginning")
    readonly_fields = fields
    ordering = ("-at", "-pk")

    @admin.display(description="Headers, secrets hidden")
    def readable_headers(self, call: RejectedCall) -> SafeString:
        return pretty(call.headers)

    @admin.display(description="Beginning of the body, secrets hidden")
    def beginning(self, call: RejectedCall) -> SafeString:
        return pretty(call.body)


@admin.register(Event)
class EventAdmin(ScopedRecordAdmin):
    list_display = ("occurred_at", "client", "source", "kind", "contact")
    list_filter = ("client", "source", "kind")
    list_select_related = ("client", "contact")
    fields = ("client", "kind", "source", "occurred_at", "contact", "delivery", "event_key", "readable_payload")
    readonly_fields = fields
    search_fields = ("event_key", "contact__email")
    ordering = ("-occurred_at", "-pk")

    @admin.display(description="What it says")
    def readable_payload(self, event: Event) -> SafeString:
        return pretty(event.payload)
