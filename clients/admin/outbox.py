"""What goes back to CRMs, and what comparing with them found."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from clients import access, contact_fields, losses, outbox
from clients.admin.filters import PartyFilter
from clients.deciding import Change
from clients.models import Contact, Push, Reconciliation
from clients.scoped_admin import ScopedRecordAdmin
from gtm import loop
from gtm.admin_site import link, pill

PUSHED_TONES = {"waiting": "info", "sending": "info", "held": "warn"}


class ReasonForm(ActionForm):
    reason = forms.CharField(
        required=False, max_length=300, widget=forms.TextInput(attrs={"placeholder": "Why, if you discard"})
    )


@admin.register(Push)
class PushAdmin(ScopedRecordAdmin):
    empty_hint = "When a contact changes, its CRMs are told, of the fields that their mappings send out."
    client_path = "connection__client"
    list_display = ("made_at", "contact", "connection", "changes", "state_shown", "why")
    list_filter = ("state", "connection__client", PartyFilter)
    list_select_related = ("record__contact", "connection__client")
    search_fields = ("record__ext_id", "record__contact__email")
    fields = (
        "connection", "record_shown", "contact", "state_shown", "why", "changes_shown", "made_at", "due_at", "sent_at",
        "ended_at", "attempts", "asked_by", "mapping_shown",
    )  # fmt: skip
    readonly_fields = fields
    ordering = ("-made_at", "-pk")
    action_form = ReasonForm
    actions = ("send_again", "discard")

    def has_repair_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("clients.change_push")

    @admin.display(description="Contact")
    def contact(self, push: Push) -> SafeString | str:
        found = push.record.contact
        return link(found, "admin:clients_contact_change", found.pk) if found else "nobody known yet"

    @admin.display(description="Record there")
    def record_shown(self, push: Push) -> str:
        return f"{push.record.object_type} {push.record.ext_id}"

    @admin.display(description="What is written")
    def changes(self, push: Push) -> str:
        named = [f"{contact_fields.label(name)}: {value or 'emptied'}" for name, value in push.fields.items()]
        return "; ".join(named)[:200] or "nothing left"

    @admin.display(description="What is written")
    def changes_shown(self, push: Push) -> SafeString:
        rows = [(contact_fields.label(name), push.before.get(name, ""), to) for name, to in push.fields.items()]
        return render_to_string("clients/push_fields.html", {"rows": rows})

    @admin.display(description="State", ordering="state")
    def state_shown(self, push: Push) -> SafeString:
        return pill(push.get_state_display(), PUSHED_TONES.get(push.state, push.state))

    @admin.display(description="By the mapping")
    def mapping_shown(self, push: Push) -> str:
        return f"Version {push.mapping_version}" if push.mapping_version else "as it comes with the CRM"

    @admin.action(description="Send again, with what holds now", permissions=["repair"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Push]) -> None:
        pushes = list(queryset.select_related("record__contact"))
        waits = outbox.again(pushes, by=access.user_of(request), at=timezone.now())
        for connection_id in {push.connection_id for push in pushes if push.record_id in waits}:
            loop.later(loop.push_to, connection_id)
        idle = len({push.record_id for push in pushes} - waits)
        messages.info(request, f"{len(waits)} are sent now; {idle} have nothing to write, or wait already.")

    @admin.action(description="Discard, with a reason", permissions=["repair"])
    def discard(self, request: HttpRequest, queryset: QuerySet[Push]) -> None:
        reason = request.POST.get("reason", "").strip()
        if not reason:
            messages.error(request, "Nothing was discarded: say why, beside the action.")
            return
        by, at = access.user_of(request), timezone.now()
        done = [outbox.discard(push, reason[:300], by=by, at=at) for push in queryset]
        left = done.count(False)
        messages.info(request, f"{done.count(True)} discarded; {left} were being sent or had ended.")


@admin.register(Reconciliation)
class ReconciliationAdmin(ScopedRecordAdmin):
    empty_hint = "Each CRM that can be asked is compared with once a day; a connection's sync page does it at once."
    client_path = "connection__client"
    list_display = ("started_at", "connection", "records_seen", "found_only_here", "loss_rate", "state", "error")
    list_filter = ("connection__client", PartyFilter)
    list_select_related = ("connection__client",)
    fields = (
        "connection", "from_at", "until_at", "started_at", "ended_at", "again_at", "asked_by", "state", "said",
        "records_seen", "found_only_here", "loss_rate", "answers_shown",
    )  # fmt: skip
    readonly_fields = fields
    ordering = ("-started_at", "-pk")

    @admin.display(description="Lost by webhooks")
    def loss_rate(self, run: Reconciliation) -> str:
        is_known = run.records_seen and run.ended_at
        return f"{100 * run.found_only_here / run.records_seen:.0f} %" if is_known else "not known"

    @admin.display(description="State", ordering="ended_at")
    def state(self, run: Reconciliation) -> SafeString:
        if run.ended_at is None:
            return pill("Goes on", "running")
        return pill("Ended early", "bad") if run.error else pill("Complete", "ok")

    @admin.display(description="In words")
    def said(self, run: Reconciliation) -> str:
        return losses.in_words(run)

    @admin.display(description="What it answered")
    def answers_shown(self, run: Reconciliation) -> str:
        return f"{run.answers.count():,} deliveries, under Deliveries as “We asked the party”"


def push_correction(contact_id: int, fields: dict[str, tuple[str, str]], *, by: User, at: datetime) -> None:
    """What a person corrected goes to the contact's CRMs at once. Call it in the transaction that wrote it."""
    change = Change(Contact.objects.get(pk=contact_id), created=False, fields=fields)
    for connection_id in outbox.note([change], at=at, by=by):
        loop.later(loop.push_to, connection_id)


def on_its_way(contact: Any) -> SafeString | str:
    """What waits for a contact's records, for the contact's page."""
    found = outbox.on_its_way(contact.pk)
    rows = [(push, pill(push.get_state_display(), PUSHED_TONES.get(push.state, ""))) for push in found]
    lists = f"{reverse('admin:clients_push_changelist')}?{urlencode({'q': contact.email})}"
    if not rows:
        return format_html('Nothing waits. <a href="{}">What was written before</a>', lists)
    return render_to_string("clients/on_its_way.html", {"rows": rows, "lists": lists})
