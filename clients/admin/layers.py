"""The two lower kinds of layers, and the settings of an agency's own."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agents_app import versions
from clients import access, config, layer_forms
from clients import keys as known
from clients.config import inheriting, own_keys, proposing
from clients.models import AgencySettings, Client, ConfigKey, ProposedChange, SettingsTemplate
from clients.settings_admin import SettingsPage
from experiments import lifecycle
from gtm.admin_site import HistoryAdmin, RecordAdmin, pill


class LayerPage(SettingsPage):
    def slots(self, layer: Any) -> dict[str, dict[str, str]]:
        return versions.components(layer if isinstance(layer, Client) and layer.pk else None)


class LowerLayerPage(LayerPage):
    """A change that reaches more clients than one person may change alone is written down, and waits for another."""

    def settings_form(self, obj: Any) -> Any:
        """It tells where an experiment runs, whose result the change would touch."""
        form: Any = super().settings_form(obj)
        form.running = staticmethod(lifecycle.running_at)
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not form.needs_second:
            super().save_model(request, obj, form, change)
            if form.spared and not form.reach:
                messages.info(request, " ".join(("No client changes by it.", *form.spared)))
            return
        told = {"reach": form.reach, "by": access.user_of(request), "at": timezone.now()}
        wanted = proposing.Wanted(form.said, form.locked, form.secrets)
        request.proposed = proposing.propose(obj, wanted, **told)  # type: ignore[attr-defined]

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None if hasattr(request, "proposed") else super().log_change(request, obj, message)  # type: ignore[misc]

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if not hasattr(request, "proposed"):
            response: HttpResponse = super().response_change(request, obj)  # type: ignore[misc]
            return response
        reach = request.proposed.reach
        messages.warning(
            request, f"Nothing is changed yet: it reaches {reach} clients, so a second person has to confirm it."
        )
        address = reverse("admin:clients_proposedchange_change", args=[request.proposed.pk])
        return HttpResponseRedirect(address)


class KeptWhileInUse:
    """A row that is in use is not deleted: the page that asks whether it is meant says what keeps it, and asks nothing.
    That holds for one row and for several that are ticked."""

    def why_kept(self, rows: Any) -> Iterable[str]:
        """A sentence for each thing that keeps one of the rows."""
        return ()

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        gone, counts, lacking, protected = super().get_deleted_objects(objs, request)  # type: ignore[misc]
        return gone, counts, lacking, [*protected, *self.why_kept(objs)]


@admin.register(AgencySettings)
class AgencySettingsAdmin(LowerLayerPage, HistoryAdmin):
    form = layer_forms.AgencySettingsForm

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a migration made the one row

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(SettingsTemplate)
class SettingsTemplateAdmin(KeptWhileInUse, LowerLayerPage, HistoryAdmin):
    form = layer_forms.SettingsTemplateForm
    columns = ((None, {"fields": (("name", "key"), ("kind", "parent"), "used_by")}),)
    readonly_fields = ("used_by",)
    list_display = ("name", "kind", "key", "parent", "sets", "used_by")
    list_filter = ("kind",)
    list_select_related = ("parent",)
    search_fields = ("name", "key")
    ordering = ("kind", "name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SettingsTemplate]:
        whole: QuerySet[SettingsTemplate] = super().get_queryset(request)
        if not hasattr(request, "clients_of"):  # the page asks for its rows several times
            request.clients_of = inheriting.clients_of()  # type: ignore[attr-defined]
        found: Mapping[int, int] = request.clients_of  # type: ignore[attr-defined]
        counts = [When(pk=pk, then=Value(count)) for pk, count in found.items()]
        return whole.annotate(client_count=Case(*counts, default=Value(0), output_field=IntegerField()))

    def why_kept(self, rows: Any) -> Iterable[str]:
        return inheriting.why_kept(rows)

    @admin.display(description="Sets")
    def sets(self, template: SettingsTemplate) -> str:
        labels = {key.path: key.label for key in known.BUILT_IN}
        own = (path for path in template.settings if not path.startswith(known.PROMPTS))
        return ", ".join(labels.get(path, path.rpartition(".")[2].replace("_", " ")) for path in own)

    @admin.display(description="Clients that inherit from it", ordering="client_count")
    def used_by(self, template: SettingsTemplate) -> str:
        return str(getattr(template, "client_count", 0))


@admin.register(ProposedChange)
class ProposedChangeAdmin(RecordAdmin):
    change_form_template = "clients/proposed_change.html"
    fields = ("layer", "author", "created_at", "who_changes", "kept_secret", "decision", "decided_by", "decided_at")
    readonly_fields = fields
    list_display = ("layer", "reach", "author", "created_at", "state")
    list_filter = ("decision",)
    list_select_related = ("agency", "template", "author")
    ordering = ("-created_at", "-id")
    empty_hint = "A change of a template that reaches many clients waits here for a second person."

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.decide)
        return [path("<int:change_id>/decide/", view, name="clients_proposedchange_decide"), *super().get_urls()]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        change = super().get_object(request, object_id, from_field)
        if change is not None:
            change.viewer = request.user
        return change

    def decide(self, request: HttpRequest, change_id: int) -> HttpResponse:
        """POST with `decision`: apply or decline."""
        change = get_object_or_404(ProposedChange, pk=change_id)
        if request.method != "POST" or not request.user.has_perm("clients.change_settingstemplate"):
            raise PermissionDenied("Your role cannot change what clients inherit. Ask an operator.")
        act = proposing.apply if request.POST.get("decision") == "apply" else proposing.decline
        try:
            act(change, by=access.user_of(request), at=timezone.now())
            messages.success(request, "It holds now." if act is proposing.apply else "It is declined. Nothing changed.")
        except proposing.ChangeNotTaken as refused:
            messages.error(request, str(refused))
        return HttpResponseRedirect(reverse("admin:clients_proposedchange_change", args=[change_id]))

    @admin.display(description="Of")
    def layer(self, change: ProposedChange) -> str:
        return str(change.agency or change.template)

    @admin.display(description="Secrets")
    def kept_secret(self, change: ProposedChange) -> str:
        """Which ones, never what they are."""
        labels = {key.path: key.label for key in config.known_keys()}
        told = [
            f"{labels.get(path, path)}: {'a new one, shown to nobody' if sealed else 'what is kept is forgotten'}"
            for path, sealed in change.secrets.items()
        ]
        return ". ".join(told) or "None"

    @admin.display(description="State", ordering="decision")
    def state(self, change: ProposedChange) -> SafeString:
        return pill(change.get_decision_display(), change.decision) if change.decision else pill("Waits", "warn")

    @admin.display(description="Whom it changes")
    def who_changes(self, change: Any) -> SafeString:
        """Of the clients that whoever looks may see."""
        if change.decision:
            return format_html("{} clients when it was proposed", change.reach)
        seen = access.visible_clients(change.viewer).select_related("industry").order_by("name")
        found = proposing.reaches(change, seen)
        running = lifecycle.running_at(each.client.pk for each in found)
        told = ((layer_forms.told(each, running.get(each.client.pk, 0)),) for each in found)
        rows = format_html_join("", "<li>{}</li>", told)
        return format_html('<ul class="plain">{}</ul>', rows)


@admin.register(ConfigKey)
class ConfigKeyAdmin(KeptWhileInUse, HistoryAdmin):
    form = layer_forms.ConfigKeyForm
    list_display = ("label", "name", "kind", "merge", "lockable", "sensitive")
    search_fields = ("label", "name")
    ordering = ("label",)
    fieldsets = (
        (None, {"fields": (("label", "name"), "help", "kind", "choices", ("least", "most"), "longest")}),
        ("How layers of it come together", {"fields": ("merge", ("lockable", "tightens"))}),
        ("Who is told", {"fields": ("agents", "sensitive")}),
    )

    def why_kept(self, rows: Any) -> Iterable[str]:
        return own_keys.why_kept(rows)
