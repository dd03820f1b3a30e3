"""Trials of settings that nobody has saved, to be read."""

from django.contrib import admin
from django.utils.safestring import SafeString

from agents_app.admin.reading import ReadOnly
from agents_app.models import Trial
from gtm.admin_site import link


@admin.register(Trial)
class TrialAdmin(ReadOnly):
    client_path = "client"
    related = ("client", "contact", "author", "present", "proposed")
    json_columns = ("settings",)
    empty_hint = "Change settings in a client's form, and before saving choose “Try it on a contact” below them."
    list_display = ("page", "client", "contact", "what", "author", "created_at")
    list_display_links = None
    list_filter = ("client",)
    search_fields = ("contact__email_normalised", "contact__full_name")
    ordering = ("-created_at", "-id")
    fields = (
        "page", "client", "contact", "what", "author", "created_at", "in_force_then", "as_typed", "settings_json",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="trial", ordering="pk")
    def page(self, trial: Trial) -> SafeString:
        return link(trial, "trial", trial.pk)

    @admin.display(description="what was tried")
    def what(self, trial: Trial) -> str:
        return ", ".join(each["label"] for each in trial.differences)

    @admin.display(description="settings in force then")
    def in_force_then(self, trial: Trial) -> SafeString:
        return link(trial.present, "request_trace", trial.present_id)

    @admin.display(description="settings as typed")
    def as_typed(self, trial: Trial) -> SafeString:
        return link(trial.proposed, "request_trace", trial.proposed_id)
