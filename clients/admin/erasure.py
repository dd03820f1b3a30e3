"""Who asked to be forgotten: what was done about it, and the two ways to ask."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from clients import access, erasure, forms
from clients.models import Contact, Erasure
from clients.scoped_admin import ScopedAdmin
from gtm import loop, personal
from gtm.admin_site import pill

ASKED = (
    "From now on nobody writes to this person. What stands of them is blanked within five minutes; this page says what "
    "was done."
)


@admin.register(Erasure)
class ErasureAdmin(ScopedAdmin):
    empty_hint = "Nobody has asked to be forgotten. Who is a contact is forgotten from the contact's own page."
    form = forms.ErasureForm
    list_display = ("asked_at", "state", "client", "reason", "asked_by", "done_at", "rows_blanked")
    list_filter = ("client", "reason", ("done_at", admin.EmptyFieldListFilter))
    list_select_related = ("client", "asked_by")
    ordering = ("-asked_at", "-pk")
    shown = ("state", "client", "reason", "contact", "asked_by", "asked_at", "done_at", "tables")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Erasure]:
        """Without the rows that only remember the hash of a further address."""
        named = Q(contact__isnull=False) | Q(record__isnull=False) | Q(delivery__isnull=False)
        rows: QuerySet[Erasure] = super().get_queryset(request)
        return rows.filter(named | Q(asked_by__isnull=False) | Q(done_at=None))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.shown if obj else ("client", "address")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.shown if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        ask = path(
            "contact/<path:object_id>/", self.admin_site.admin_view(self.contact_page), name="clients_erasure_contact"
        )
        return [ask, *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Erasure, form: Any, change: bool) -> None:
        if not access.may_see(request.user, obj.client):
            raise PermissionDenied("This client belongs to another account manager. Nothing was changed.")
        by, address = access.user_of(request), form.cleaned_data["address"]
        asked = erasure.ask_address(obj.client, address, by=by, at=timezone.now())
        loop.later(loop.erase_people)
        obj.pk, obj.asked_at, obj.reason = asked.pk, asked.asked_at, asked.reason

    def contact_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET says what will happen, POST asks for it."""
        contact = access.scope(Contact.objects.all(), request.user).filter(pk=_number(object_id)).first()
        if contact is None:
            raise Http404
        if not self.has_add_permission(request):
            raise PermissionDenied("Your role does not include this. Ask an operator to erase the contact.")
        if request.method != "POST":
            context = {**self.admin_site.each_context(request), "contact": contact}
            return TemplateResponse(request, "clients/erase_contact.html", context)
        with transaction.atomic():
            asked = erasure.ask(contact, by=access.user_of(request), at=timezone.now())
            loop.later(loop.erase_people)
        messages.success(request, f"Contact {contact.pk} is being erased. {ASKED}")
        return HttpResponseRedirect(reverse("admin:clients_erasure_change", args=[asked.pk]))

    @admin.display(description="State", ordering="done_at")
    def state(self, row: Erasure) -> SafeString:
        if row.done_at is not None:
            return pill("Done", "ok")
        late = timezone.now() - row.asked_at > erasure.WITHIN
        return pill("Overdue: see System health", "bad") if late else pill("Waiting, at most five minutes", "info")

    @admin.display(description="Rows blanked")
    def rows_blanked(self, row: Erasure) -> int:
        return sum(row.blanked.values())

    @admin.display(description="What was blanked")
    def tables(self, row: Erasure) -> SafeString:
        counted = [(personal.named(table), number) for table, number in sorted(row.blanked.items())]
        return render_to_string("clients/blanked.html", {"rows": counted})


def _number(object_id: str) -> int:
    text = str(unquote(object_id))
    return int(text) if text.isascii() and text.isdigit() else 0
