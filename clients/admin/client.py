"""Clients."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from clients import access, config, settings_forms, setup, typed
from clients.admin.layers import LayerPage
from clients.admin.links import to_lists
from clients.config import bulk, shown
from clients.keys import AGENTS, BUILT_IN, by_path
from clients.models import Client
from clients.scoped_admin import ScopedHistoryAdmin
from clients.settings_admin import SettingsPage
from clients.settings_tabs import CHANGE, COST
from experiments.models import SettingProposal
from gtm.admin_site import link, pill

TONE = by_path(BUILT_IN)["tone"]
LISTS = (
    ("Contacts", "clients_contact"),
    ("Connections", "clients_connection"),
    ("Rules where sources differ", "clients_fieldrule"),
    ("Campaigns", "agents_app_campaign"),
    ("Requests", "agents_app_request"),
    ("Runs", "agents_app_flowrun"),
    ("Deployments", "agents_app_deployment"),
    ("Spending by day", "agents_app_budgetday"),
    ("Experiments", "experiments_experiment"),
)


@admin.register(Client)
class ClientAdmin(LayerPage, ScopedHistoryAdmin):
    client_path = ""
    empty_hint = "Make one from an industry template, or import its settings from JSON."
    form = settings_forms.ClientForm
    change_form_template = "clients/client_form.html"
    change_list_template = "clients/client_list.html"
    columns = (
        ("At a glance", {"fields": ("checklist", "elsewhere")}),
        (
            "Who they are",
            {
                "fields": (
                    "name", "slug", "industry", "company_size", "sales_motion", "status", "website", "postal_address",
                )
            },
        ),
        (COST, {"fields": ("daily_budget_usd",)}),
        ("Who looks after them", {"fields": ("managers", "shares_patterns")}),
    )  # fmt: skip
    last = ((CHANGE, {"fields": ("reason",)}),)
    add_fieldsets = (
        (
            None,
            {
                "fields": ("name", "slug", "industry", "company_size", "sales_motion"),
                "description": "The rest is inherited from the templates for these; change it on the next page.",
            },
        ),
    )
    filter_horizontal = ("managers",)
    list_display = ("name", "industry", "state", "people", "own_tone", "settings_link")
    list_filter = ("status", "industry")
    list_select_related = ("industry",)
    search_fields = ("name", "slug", "website")
    ordering = ("name",)
    actions = ("change_setting", "export_json")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Client]:
        whole: QuerySet[Client] = super().get_queryset(request).select_related("industry")
        waiting = SettingProposal.objects.filter(client=OuterRef("pk"), status=SettingProposal.Status.OPEN).order_by()
        count = waiting.values("client").annotate(n=Count("pk")).values("n")
        return whole.annotate(
            contact_count=Count("contacts", distinct=True), proposal_count=Coalesce(Subquery(count), 0)
        )

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """`?trial=` shows the settings of a trial typed in."""
        found = super().get_object(request, object_id, from_field)
        number = request.GET.get("trial", "")
        is_number = number.isdecimal() and len(number) < 10
        if request.method != "GET" or not is_number or not self.has_change_permission(request, found) or not found:
            return found
        return _with_trial(found, found.trials.filter(pk=number).first())

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            whole = access.sees_all(request.user)
            fields = [*settings_forms.NewClientForm.Meta.fields, *(["managers"] if whole else [])]
            new = {"form": settings_forms.NewClientForm, "fields": fields}
            return super(SettingsPage, self).get_form(request, obj, change=change, **{**kwargs, **new})
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            return super().get_fieldsets(request, obj)
        if access.sees_all(request.user):
            return (*self.add_fieldsets, ("Who looks after them", {"fields": ("managers",)}))
        return self.add_fieldsets

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        return super().render_change_form(request, context | {"agents": AGENTS.items()}, **kwargs)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return {} if obj else {"slug": ("name",)}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ()
        always = ("checklist", "elsewhere", "slug", "settings_shown")
        return always if access.sees_all(request.user) else (*always, "managers", "daily_budget_usd")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "managers":
            kwargs["queryset"] = User.objects.filter(is_active=True, is_staff=True).order_by("username")
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        obj.created_at = timezone.now()
        config.save(obj, config.Author(access.user_of(request), "Created", obj.created_at))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if not change and not access.sees_all(request.user):
            form.instance.managers.add(request.user)

    def response_add(self, request: HttpRequest, obj: Client, post_url_continue: str | None = None) -> HttpResponse:
        if "_popup" in request.POST or "_addanother" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        messages.success(request, f"{config.made_in_words(obj)} Add its own settings below.")
        return HttpResponseRedirect(reverse("admin:clients_client_change", args=[obj.pk]))

    @admin.display(description="State", ordering="status")
    def state(self, client: Client) -> SafeString:
        return pill(client.get_status_display(), client.status)

    @admin.display(description="Contacts", ordering="contact_count")
    def people(self, client: Client) -> str:
        return f"{getattr(client, 'contact_count', 0):,}"

    @admin.display(description="Own tone", ordering="settings__tone")
    def own_tone(self, client: Client) -> str:
        return shown.said(TONE, client.settings.get("tone")) or "inherited"

    @admin.display(description="Settings")
    def settings_link(self, client: Client) -> SafeString:
        return link("In force", "client_settings", client.slug)

    @admin.display(description="Before the first e-mail")
    def checklist(self, client: Any) -> SafeString:
        steps = setup.steps(client, config.stand_of(client).effective(client))
        rows = ((_done(step.done), step.label, "" if step.done else step.mend) for step in steps)
        items = format_html_join("", '<li>{} {} <span class="quiet">{}</span></li>', rows)
        return format_html('<ul class="plain">{}</ul>', items)

    @admin.display(description="Elsewhere")
    def elsewhere(self, client: Client) -> SafeString:
        return to_lists(client.pk, "client__id__exact", LISTS)

    @admin.action(description="Change a setting", permissions=["change"])
    def change_setting(self, request: HttpRequest, queryset: QuerySet[Client]) -> HttpResponse | None:
        ids = list(queryset.order_by("name").values_list("pk", flat=True)[: bulk.MOST_CLIENTS + 1])
        if len(ids) > bulk.MOST_CLIENTS:
            messages.error(request, f"Choose {bulk.MOST_CLIENTS} clients at most, and do it in several parts.")
            return None
        chosen = urlencode({"clients": ",".join(map(str, ids))})
        return HttpResponseRedirect(f"{reverse('client_bulk_edit')}?{chosen}")

    @admin.action(description="Export settings as JSON")
    def export_json(self, request: HttpRequest, queryset: QuerySet[Client]) -> HttpResponse:
        name, content = config.download(queryset.select_related("industry"))
        return HttpResponse(
            content,
            content_type="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def _with_trial(client: Any, trial: Any) -> Any:
    """The client with the settings of a trial typed in, to be looked over and saved."""
    if trial is None:
        return client
    tried: Any = typed.as_typed(client, trial.settings, trial.columns)
    tried.base, tried.trial_typed_in = trial.base, trial
    return tried


def _done(done: bool) -> SafeString:
    return pill("Done", "ok") if done else pill("To do", "warn")
