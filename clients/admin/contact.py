"""Contacts, what was said of them, and whom we never write to again."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from clients import access, contact_fields, contacts, forms, hold, observations, quality, scores, suppression
from clients.admin.links import to_lists
from clients.admin.outbox import on_its_way, push_correction
from clients.models import Contact, Observation, Suppression
from clients.scoped_admin import ScopedAdmin, ScopedHistoryAdmin, ScopedRecordAdmin


@admin.register(Contact)
class ContactAdmin(ScopedHistoryAdmin):
    change_form_template = "clients/contact_form.html"
    empty_hint = "They come in by themselves once a client's CRM is connected; or add one by hand."
    list_display = ("email", "full_name", "title", "company_name", "client", "source", "created_at")
    list_filter = ("client", "source")
    list_select_related = ("client",)
    search_fields = ("email", "full_name", "company_name", "company_domain")
    autocomplete_fields = ("client",)
    ordering = ("-created_at", "-pk")
    names = ("first_name", "last_name", "full_name", "title", "company_name", "company_domain")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = forms.ContactForm if obj else forms.NewContactForm
        return super().get_form(request, obj, change=change, **{"form": form, **kwargs})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ((None, {"fields": forms.NewContactForm.Meta.fields}),)
        return (
            (None, {"fields": ("client", "email", "suppressed", "elsewhere")}),
            ("As we know them", {"fields": (*self.names, "evidence")}),
            ("On its way to CRMs", {"fields": ("pushes",)}),
            ("Origin", {"fields": ("source", "created_at", "updated_at")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (
            (
                "client",
                "email",
                "suppressed",
                "elsewhere",
                "evidence",
                "pushes",
                "source",
                "created_at",
                "updated_at",
            )
            if obj
            else ()
        )

    def save_model(self, request: HttpRequest, obj: Contact, form: Any, change: bool) -> None:
        at = timezone.now()
        said = {name: form.cleaned_data.get(name) or "" for name in (form.changed_data if change else self.names)}
        if not change:
            obj.email_normalised = contacts.normalise_email(obj.email)
            obj.company_domain = obj.company_domain or contacts.work_domain(obj.email_normalised)
            obj.source, obj.created_at, obj.updated_at = observations.BY_HAND, at, at
            super().save_model(request, obj, form, change)
        changed = observations.by_hand(obj, said, by=access.user_of(request), at=at)
        push_correction(obj.pk, changed, by=access.user_of(request), at=at)

    @admin.display(description="Writing to them")
    def suppressed(self, contact: Contact) -> SafeString:
        found = scores.findings_of([contact], at=timezone.now())[contact.pk]
        return render_to_string(
            "clients/standing.html",
            {
                "why": hold.why_not(contact, found),
                "never": hold.SUPPRESSED,
                "score": quality.score(found),
                "findings": found,
            },
        )

    @admin.display(description="Where this comes from")
    def evidence(self, contact: Contact) -> SafeString:
        states = contact.field_states.select_related("observation__record").order_by("pk")
        rows = [
            (each, contact_fields.label(each.field), contact_fields.value_of(contact, each.field)) for each in states
        ]
        return render_to_string("clients/evidence.html", {"rows": rows})

    @admin.display(description="Pushes")
    def pushes(self, contact: Contact) -> SafeString | str:
        return on_its_way(contact)

    @admin.display(description="Elsewhere")
    def elsewhere(self, contact: Contact) -> SafeString:
        said = to_lists(contact.pk, "record__contact__id__exact", (("What sources said", "clients_observation"),))
        done = to_lists(contact.pk, "contact__id__exact", (
            ("Events", "clients_event"), ("Requests", "agents_app_request"), ("Drafts", "agents_app_draft"),
        ))  # fmt: skip
        return format_html("{} · {}", said, done)


@admin.register(Observation)
class ObservationAdmin(ScopedRecordAdmin):
    client_path = "record__client"
    list_display = ("occurred_at", "contact", "field", "value", "source")
    list_filter = ("record__source", "field")
    list_select_related = ("record__contact",)
    fields = ("contact", "field", "value", "source", "record", "occurred_at", "event")
    readonly_fields = fields
    search_fields = ("value", "record__contact__email")
    ordering = ("-occurred_at", "-pk")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "record__contact__id__exact" or super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    @admin.display(description="Contact")
    def contact(self, observation: Observation) -> Contact | None:
        return observation.record.contact

    @admin.display(description="Source", ordering="record__source")
    def source(self, observation: Observation) -> str:
        return observation.record.source


@admin.register(Suppression)
class SuppressionAdmin(ScopedAdmin):
    empty_hint = "Nobody has unsubscribed, complained or bounced."
    form = forms.SuppressionForm
    list_display = ("client", "reason", "created_at", "fingerprint")
    list_filter = ("client", "reason")
    list_select_related = ("client",)
    ordering = ("-created_at", "-pk")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("client", "reason", "created_at", "fingerprint") if obj else ("client", "email")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("client", "reason", "created_at", "fingerprint") if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Suppression, form: Any, change: bool) -> None:
        email, reason = form.cleaned_data["email"], Suppression.Reason.MANUAL
        standing = suppression.suppress(obj.client, email, reason=reason, at=timezone.now())
        obj.pk, obj.address_hmac, obj.reason = standing.pk, standing.address_hmac, standing.reason

    @admin.display(description="Hash of the address")
    def fingerprint(self, row: Suppression) -> str:
        return f"{row.address_hmac[:12]}…"
