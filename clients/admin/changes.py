"""Changes of several clients at once: what was changed, and the button that takes it back."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from clients import access, config
from clients.config import sets
from clients.keys import by_path
from clients.models import ChangeSet, ClientChange
from gtm.admin_site import RecordAdmin, pill


@admin.register(ChangeSet)
class ChangeSetAdmin(RecordAdmin):
    """An account manager sees the sets that changed an own client, and of them the own clients only."""

    change_form_template = "clients/change_set.html"
    fields = ("kind", "what", "reason", "author", "created_at", "state")
    readonly_fields = fields
    list_display = ("what", "author", "created_at", "how_many", "state")
    list_filter = ("kind",)
    list_select_related = ("author", "undone_by")
    search_fields = ("what", "reason")
    ordering = ("-created_at", "-id")
    empty_hint = "Tick clients in their list and choose “Change a setting”, or import JSON files."

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChangeSet]:
        whole: QuerySet[ChangeSet] = super().get_queryset(request)
        if access.sees_all(request.user):
            return whole.annotate(client_count=Count("changes"))
        own = access.visible_clients(request.user).values("pk")
        seen = ClientChange.objects.filter(change_set=OuterRef("pk"), client__in=own)
        return whole.filter(Exists(seen)).annotate(client_count=Count("changes", filter=Q(changes__client__in=own)))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.undo)
        return [path("<int:set_id>/undo/", view, name="clients_changeset_undo"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, {"empty_hint": self.empty_hint, **(extra_context or {})})

    def render_change_form(self, request: HttpRequest, context: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        change_set = kwargs["obj"]
        whole = change_set.changes.select_related("client", "before", "after").order_by("client__name", "pk")
        parts, known = list(access.scope(whole, request.user)), by_path(config.known_keys())
        page = {
            "parts": [(part, sets.told(part, known)) for part in parts],
            "hidden": change_set.changes.count() - len(parts),
            "may_undo": sets.can_undo(change_set, request.user),
            "makes": any(part.is_new for part in parts),
        }
        return super().render_change_form(request, context | page, **kwargs)

    def undo(self, request: HttpRequest, set_id: int) -> HttpResponse:
        change_set = get_object_or_404(self.get_queryset(request), pk=set_id)
        if request.method != "POST" or not request.user.has_perm("clients.change_client"):
            raise PermissionDenied("Your role cannot change clients. Ask an account manager.")
        try:
            _tell(request, sets.undo(change_set, by=access.user_of(request), at=timezone.now()))
        except sets.SetRefused as refused:
            messages.error(request, str(refused))
        return HttpResponseRedirect(reverse("admin:clients_changeset_change", args=[set_id]))

    @admin.display(description="Clients", ordering="client_count")
    def how_many(self, change_set: Any) -> str:
        return str(change_set.client_count)

    @admin.display(description="State", ordering="undone_at")
    def state(self, change_set: ChangeSet) -> SafeString:
        if change_set.undone_at is None:
            return pill("Made", "ok")
        who = access.called(change_set.undone_by, otherwise="Somebody")
        return pill(f"Taken back by {who}, {timezone.localtime(change_set.undone_at):%-d %b %Y, %H:%M}")


def _tell(request: HttpRequest, undone: sets.Undone) -> None:
    count = len(undone.given_back)
    clients = "1 client says" if count == 1 else f"{count} clients say"
    messages.success(request, f"Taken back: {clients} again what was said before.")
    if undone.left:
        left = " ".join(f"{each.client}: {each.left}" for each in undone.left)
        messages.warning(request, f"Left as it is: {left}")
