"""The admin's pages of what we learned. A ticket's change is carried out on a page of its own, through the loop."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from clients.scoped_admin import ScopedAdmin, ScopedHistoryAdmin, ScopedRecordAdmin
from gtm import loop
from gtm.admin_site import RecordAdmin, link, pill, pretty
from insights import feedback, metrics, tickets
from insights.forms import ExperimentForm, PromptForm, ReasonForm, SettingForm
from insights.models import (
    ChangeLink,
    ClientPattern,
    OutcomeEvaluation,
    SatisfactionScore,
    SharedInsight,
    Suggestion,
    SupportTicket,
    Ticket,
    WeeklyReport,
)

CHANGES = (
    ("prompt", "Make a prompt version live", "agents_app.move_label", PromptForm),
    ("setting", "Change a client's setting", "clients.change_client", SettingForm),
    ("experiment", "Start an experiment", "experiments.change_experiment", ExperimentForm),
)


@admin.register(Ticket)
class TicketAdmin(ScopedHistoryAdmin):
    list_display = ["title", "state", "owner", "due_date", "client", "effect"]
    list_filter = ["status", "owner", "client"]
    list_select_related = ["owner", "client", "change", "decision"]
    search_fields = ["title", "description"]
    date_hierarchy = "created_at"
    ordering = ["-created_at", "-pk"]
    autocomplete_fields = ["client"]
    fieldsets = [
        (None, {"fields": ["title", "description", "owner", "due_date", "client"]}),
        ("What came of it", {"fields": ["state", "next_step", "changed", "effect", "closed_reason"]}),
        ("Where it comes from", {"fields": ["source", "run_link", "metric_name", "created_at"]}),
    ]
    readonly_fields = [
        "state",
        "next_step",
        "changed",
        "effect",
        "closed_reason",
        "source",
        "run_link",
        "metric_name",
        "created_at",
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("evaluations")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj else self.fieldsets[:1]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*self.readonly_fields, "client"] if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The owner is chosen among those who can sign in, without buttons to make or mend accounts."""
        if db_field.name != "owner":
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        people = User.objects.filter(is_active=True, is_staff=True).order_by("first_name", "username")
        return db_field.formfield(queryset=people)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        if not change:
            obj.created_at = timezone.now()
        super().save_model(request, obj, form, change)

    @admin.display(description="status", ordering="status")
    def state(self, ticket: Ticket) -> SafeString:
        return pill(ticket.get_status_display(), ticket.status)

    @admin.display(description="next step")
    def next_step(self, ticket: Ticket) -> SafeString | str:
        if ticket.status in (Ticket.Status.OPEN, Ticket.Status.APPLIED):
            words = "Carry it out, or drop it" if ticket.status == Ticket.Status.OPEN else "Drop it"
            return link(words, "admin:insights_ticket_carry_out", ticket.pk)
        return "None; it is closed."

    @admin.display(description="what it changed")
    def changed(self, ticket: Ticket) -> SafeString | str:
        if not hasattr(ticket, "change"):
            return "Nothing yet."
        found = ticket.change
        kind = found.content_type
        url = reverse(f"admin:{kind.app_label}_{kind.model}_change", args=[found.object_id])
        said = f"{found.applied_at:%d %B %Y}, by {found.applied_by or 'the system'}"
        return format_html('<a href="{}">{}</a> ({})', url, found.description, said)

    @admin.display(description="effect")
    def effect(self, ticket: Ticket) -> str:
        rows = [str(row) for row in ticket.evaluations.all()]
        if rows:
            return rows[-1]
        return "Being measured." if ticket.status == Ticket.Status.APPLIED and ticket.metric else "Not measured."

    @admin.display(description="from")
    def source(self, ticket: Ticket) -> SafeString | str:
        if ticket.run_id:
            return "The system: a run was given up."
        if ticket.decision:
            return f"The system: a rollout was {ticket.decision.get_step_display().split(':')[0].lower()}."
        if ticket.report is None:
            return "A person's own idea."
        args = (ticket.report.week, ticket.report.version)
        return link(f"Review of the week of {ticket.report.week:%d %B %Y}", "weekly_review_version", *args)

    @admin.display(description="run")
    def run_link(self, ticket: Ticket) -> SafeString | str:
        if ticket.decision:
            return link(f"Rollout {ticket.decision.rollout_id}", "rollout", ticket.decision.rollout_id)
        return link(f"Run {ticket.run_id}", "run_page", ticket.run_id) if ticket.run_id else "None."

    @admin.display(description="measured on")
    def metric_name(self, ticket: Ticket) -> str:
        return metrics.label(ticket.metric) if ticket.metric else "No figure; its effect is not measured."

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(self.carry_out)
        return [path("<int:ticket_id>/carry-out/", page, name="insights_ticket_carry_out"), *super().get_urls()]

    def carry_out(self, request: HttpRequest, ticket_id: int) -> HttpResponseBase:
        """One change, linked to the ticket; or the ticket is dropped, with a reason."""
        ticket = self.get_object(request, str(ticket_id))
        if ticket is None or not self.has_change_permission(request, ticket):
            raise PermissionDenied(
                "Carrying out a ticket needs the permission to change tickets, and to see its client."
            )
        user = request.user
        assert isinstance(user, User)
        forms = [(key, name, form(user, ticket)) for key, name, need, form in CHANGES if user.has_perm(need)]
        drop = ReasonForm(prefix="drop")
        refusal = ""
        if request.method == "POST":
            action = request.POST.get("action", "")
            drop = ReasonForm(request.POST, prefix="drop") if action == "drop" else drop
            forms = [
                (key, name, type(form)(user, ticket, request.POST) if key == action else form)
                for key, name, form in forms
            ]
            chosen = drop if action == "drop" else next((form for key, _, form in forms if key == action), None)
            refusal = self._carry_out(request, ticket, chosen)
            if not refusal and (chosen is None or chosen.is_valid()):
                return redirect("admin:insights_ticket_change", ticket.pk)
        context = {
            "ticket": ticket,
            "forms": forms,
            "drop": drop,
            "refusal": refusal,
            "can_drop": ticket.status in ("open", "applied"),
        }
        return render(request, "insights/ticket_change.html", {**self.admin_site.each_context(request), **context})

    def _carry_out(self, request: HttpRequest, ticket: Ticket, form: Any) -> str:
        """What stood in the way, in words; empty when it is done, or when the form says what is missing."""
        if form is None or not form.is_valid():
            return "" if form else "Choose one of the changes on this page."
        by = request.user
        assert isinstance(by, User)
        try:
            if isinstance(form, ReasonForm):
                tickets.drop(ticket, reason=form.cleaned_data["reason"], by=by, at=timezone.now())
                done = "Dropped."
            else:
                done = (
                    f"{loop.apply_ticket(ticket, change=form.change, by=by).description}. Its effect will be measured."
                )
        except tickets.TicketRefused as refusal:
            return str(refusal)
        self.message_user(request, done, messages.SUCCESS)
        return ""


@admin.register(SatisfactionScore)
class SatisfactionScoreAdmin(ScopedAdmin):
    list_display = ["client", "score", "answered_at", "comment"]
    list_filter = ["client", "score"]
    list_select_related = ["client"]
    ordering = ["-answered_at", "-pk"]
    autocomplete_fields = ["client"]


@admin.register(SupportTicket)
class SupportTicketAdmin(ScopedAdmin):
    list_display = ["subject", "client", "state", "opened_at", "solved_at"]
    list_filter = ["status", "client"]
    list_select_related = ["client"]
    search_fields = ["subject", "text"]
    ordering = ["-opened_at", "-pk"]
    autocomplete_fields = ["client"]
    readonly_fields = ["solved_at"]

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        super().save_model(request, feedback.settle(obj, at=timezone.now()), form, change)

    @admin.display(description="status", ordering="status")
    def state(self, ticket: SupportTicket) -> SafeString:
        return pill(ticket.get_status_display(), ticket.status)


@admin.register(WeeklyReport)
class WeeklyReportAdmin(RecordAdmin):
    """The stored payload stays out: it names every client, and the page shows each reader the part they may see."""

    list_display = ["week", "version", "built_at", "page"]
    ordering = ["-week", "-version"]
    fields = ["week", "version", "built_at", "sha256", "page"]
    readonly_fields = ["page"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("payload", "charts")

    @admin.display(description="page")
    def page(self, report: WeeklyReport) -> SafeString:
        return link("Open the review", "weekly_review_version", report.week, report.version)


@admin.register(Suggestion)
class SuggestionAdmin(ScopedRecordAdmin):
    list_display = ["title", "report", "rank", "state", "client"]
    list_filter = ["status", "rule"]
    list_select_related = ["report", "client"]
    ordering = ["-report__week", "-report__version", "rank"]
    fields = ["title", "text", "report", "rule", "client", "metric", "state", "dismissal", "decided_by", "rows"]
    readonly_fields = ["state", "rows"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("report__payload", "report__charts")

    @admin.display(description="status", ordering="status")
    def state(self, suggestion: Suggestion) -> SafeString:
        return pill(suggestion.get_status_display(), suggestion.status)

    @admin.display(description="evidence")
    def rows(self, suggestion: Suggestion) -> SafeString:
        return pretty(suggestion.evidence)


@admin.register(ClientPattern)
class ClientPatternAdmin(ScopedRecordAdmin):
    """Protected: a client's own figures, for those who look after it."""

    list_display = ["client", "pattern", "vote", "effect", "campaigns", "on_contacts", "off_contacts"]
    list_filter = ["pattern", "client"]
    list_select_related = ["client"]
    ordering = ["client__name", "pattern"]


@admin.register(SharedInsight)
class SharedInsightAdmin(RecordAdmin):
    list_display = ["sentence", "week", "clients_rounded", "effect_rounded"]
    list_filter = ["pattern"]
    ordering = ["-week", "pattern"]


@admin.register(ChangeLink)
class ChangeLinkAdmin(ScopedRecordAdmin):
    client_path = "ticket__client"
    list_display = ["description", "ticket", "applied_by", "applied_at"]
    list_select_related = ["ticket", "applied_by"]
    ordering = ["-applied_at", "-pk"]
    fields = ["ticket", "description", "was", "became", "applied_by", "applied_at"]
    readonly_fields = ["was", "became"]

    @admin.display(description="before")
    def was(self, row: ChangeLink) -> SafeString:
        return pretty(row.before)

    @admin.display(description="after")
    def became(self, row: ChangeLink) -> SafeString:
        return pretty(row.after)


@admin.register(OutcomeEvaluation)
class OutcomeEvaluationAdmin(ScopedRecordAdmin):
    client_path = "ticket__client"
    list_display = ["ticket", "sentence", "measured_at"]
    list_select_related = ["ticket"]
    ordering = ["-measured_at", "-pk"]
    fields = ["ticket", "sentence", "figures", "measured_at"]
    readonly_fields = ["sentence", "figures"]

    @admin.display(description="effect")
    def sentence(self, row: OutcomeEvaluation) -> str:
        return str(row)

    @admin.display(description="figures")
    def figures(self, row: OutcomeEvaluation) -> SafeString:
        return pretty(row.result)
