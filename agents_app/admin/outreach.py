"""Requests, the rules that make them, and campaigns."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from agents_app import campaigns, requests, versions
from agents_app.admin.reading import Readable, TrialFilter, listed, marked
from agents_app.forms import CampaignForm
from agents_app.models import Campaign, CampaignContact, CampaignStep, FlowRun, Request, RequestRule
from clients.access import user_of
from clients.models import Contact
from clients.scoped_admin import ScopedAdmin, ScopedTabularInline
from clients.settings_admin import SettingsPage
from gtm import loop
from gtm.admin_site import link, pill


class RequestForm(forms.ModelForm):
    """What a person asks for; refused here, with everything typed kept, where `requests.ask` would refuse it."""

    class Meta:
        model = Request
        fields = ("client", "contact", "company_domain", "company_name", "purpose", "depth", "reason")
        help_texts = {
            "contact": "Empty: the company as a whole is looked at, and nobody is written to yet.",
            "company_domain": "For example northwind-bank.example. Empty: as the contact says.",
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            wanted = {name: value for name, value in data.items() if name not in {"client", "reason"}}
            try:
                requests.prepare(data["client"], **wanted)
            except requests.RequestRefused as refusal:
                raise forms.ValidationError(str(refusal)) from refusal
        return data

    def _post_clean(self) -> None:
        """The checks of `requests` say the same as the database's constraints, in words that help."""
        self.instance.company_domain = self.cleaned_data.get("company_domain", "")


@admin.register(Request)
class RequestAdmin(ScopedAdmin):
    form = RequestForm
    autocomplete_fields = ("client", "contact")
    list_display = ("story", "client", "whom", "purpose", "campaign", "run_state", "asked_at")
    list_display_links = None
    list_filter = ("purpose", "depth", TrialFilter, "client")
    search_fields = ("company_domain", "company_name", "contact__email_normalised", "contact__full_name")
    ordering = ("-asked_at", "-id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        latest = FlowRun.objects.filter(request=OuterRef("pk")).order_by("-planned_at", "-pk")
        rows: QuerySet[Any] = super().get_queryset(request).annotate(run_status=Subquery(latest.values("status")[:1]))
        return rows.select_related("client", "contact", "campaign", "asked_by", "follows")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        asked = ("campaign", "sequence_step", "follows", "asked_by", "asked_at")
        return RequestForm.Meta.fields if obj is None else ("story", "run_state", *RequestForm.Meta.fields, *asked)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj) if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Request, form: Any, change: bool) -> None:
        wanted = dict(form.cleaned_data)
        asked = requests.ask(wanted.pop("client"), by=user_of(request), at=timezone.now(), **wanted)
        loop.later(loop.start_run, asked.pk)
        obj.pk = asked.pk

    @admin.display(description="request", ordering="pk")
    def story(self, row: Request) -> SafeString:
        return marked(link(f"Request {row.pk}", "request_trace", row.pk), row)

    @admin.display(description="for whom")
    def whom(self, row: Request) -> str:
        return str(row.contact or row.company_name or row.company_domain)

    @admin.display(description="run")
    def run_state(self, row: Any) -> SafeString:
        status = row.run_status
        return pill(FlowRun.Status(status).label, status) if status else pill("No run yet")


class StepInline(ScopedTabularInline):
    model = CampaignStep
    verbose_name = "mail"
    verbose_name_plural = "mails"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("campaign")


class MemberForm(forms.ModelForm):
    def clean_contact(self) -> Contact:
        contact: Contact = self.cleaned_data["contact"]
        campaign: Campaign = self.instance.campaign
        if contact.client_id != campaign.client_id:
            raise forms.ValidationError(f"{contact} is no contact of {campaign.client}. Choose one of its own.")
        if campaign.members.filter(contact=contact).exists():
            raise forms.ValidationError(f"{contact} is in this campaign already.")
        return contact


class NewContactInline(ScopedTabularInline):
    """Adds people. Those who are in it already stand on a page of their own, as they may be thousands."""

    model = CampaignContact
    form = MemberForm
    fields = ("contact",)
    autocomplete_fields = ("contact",)
    verbose_name = "contact to add"
    verbose_name_plural = "contacts to add"
    extra = 1

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).none()


NEW_CAMPAIGN = ("client", "name", "goal")


@admin.register(Campaign)
class CampaignAdmin(SettingsPage, Readable, ScopedAdmin):
    change_form_template = "admin/agents_app/campaign/change_form.html"
    form = CampaignForm
    columns = ((None, {"fields": ("client", "name", "goal", "status", "people", "asked")}),)
    readonly_fields = ("status", "people", "asked")
    autocomplete_fields = ("client",)
    list_display = ("name", "client", "state", "goal", "created_at")
    list_filter = ("status", "client")
    search_fields = ("name", "goal")
    ordering = ("-created_at", "-id")
    actions = ("launch",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).select_related("client__industry")
        return rows

    def slots(self, layer: Any) -> dict[str, dict[str, str]]:
        return versions.components(layer.client if layer.pk else None)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None:
            return super().get_form(request, obj, change=change, **kwargs)
        new = {"form": forms.ModelForm, "fields": NEW_CAMPAIGN}
        return super(SettingsPage, self).get_form(request, obj, change=change, **{**kwargs, **new})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else ((None, {"fields": NEW_CAMPAIGN}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_readonly_fields(request, obj), "client") if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        return [StepInline, NewContactInline] if obj else []

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<int:campaign_id>/launch/",
                self.admin_site.admin_view(self.launch_one),
                name="agents_app_campaign_launch",
            ),
            path(
                "<int:campaign_id>/finish/",
                self.admin_site.admin_view(self.finish_one),
                name="agents_app_campaign_finish",
            ),
        ]
        return [*own, *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Campaign, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
        else:
            obj.pk = campaigns.create(**form.cleaned_data, at=timezone.now()).pk

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        messages.success(
            request, "The campaign is made with a first mail and two follow-ups. Add people, then launch it."
        )
        return HttpResponseRedirect(reverse("admin:agents_app_campaign_change", args=[obj.pk]))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        for row in formset.save(commit=False):
            if isinstance(row, CampaignContact):
                row.added_at = timezone.now()
            row.save()
        for row in formset.deleted_objects:
            row.delete()

    @admin.action(description="Launch", permissions=["change"])
    def launch(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> None:
        for campaign in queryset:
            self._launch(request, campaign)

    def launch_one(self, request: HttpRequest, campaign_id: int) -> HttpResponseBase:
        return self._press(request, campaign_id, self._launch)

    def finish_one(self, request: HttpRequest, campaign_id: int) -> HttpResponseBase:
        return self._press(request, campaign_id, lambda _, campaign: campaigns.finish(campaign))

    @admin.display(description="contacts")
    def people(self, campaign: Campaign) -> SafeString:
        return listed(
            campaign.members.count(), "contact", "agents_app_campaigncontact", campaign__id__exact=campaign.pk
        )

    @admin.display(description="requests")
    def asked(self, campaign: Campaign) -> SafeString:
        return listed(campaign.requests.count(), "request", "agents_app_request", campaign__id__exact=campaign.pk)

    def _press(self, request: HttpRequest, campaign_id: int, act: Callable[..., None]) -> HttpResponseBase:
        campaign = self.get_object(request, str(campaign_id))
        if campaign is None or request.method != "POST" or not self.has_change_permission(request, campaign):
            raise PermissionDenied("Only who may change this campaign can do this, with its button.")
        try:
            act(request, campaign)
        except campaigns.CampaignRefused as refusal:
            messages.error(request, str(refusal))
        return HttpResponseRedirect(reverse("admin:agents_app_campaign_change", args=[campaign_id]))

    def _launch(self, request: HttpRequest, campaign: Campaign) -> None:
        try:
            with transaction.atomic():
                made = campaigns.launch(campaign, by=user_of(request), at=timezone.now())
                for asked in made:
                    loop.later(loop.start_run, asked.pk)
        except campaigns.CampaignRefused as refusal:
            messages.error(request, str(refusal))
            return
        left_out = campaign.members.count() - campaign.requests.filter(sequence_step=1).count()
        told = f" {left_out} left out: they must not be written to, or their company is unknown." if left_out else ""
        messages.success(request, f"“{campaign}” runs: {len(made)} first mails are being written.{told}")


@admin.register(CampaignContact)
class CampaignContactAdmin(ScopedAdmin):
    client_path = "campaign__client"
    list_display = ("contact", "campaign", "added_at")
    list_filter = ("campaign",)
    list_select_related = ("contact", "campaign")
    ordering = ("-added_at", "-id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(RequestRule)
class RequestRuleAdmin(ScopedAdmin):
    autocomplete_fields = ("client",)
    list_display = ("client", "change", "field", "contains", "purpose", "depth", "is_active")
    list_display_links = ("client", "change")
    list_filter = ("is_active", "change", "client")
    list_select_related = ("client",)
