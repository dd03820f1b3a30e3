"""Drafts and what was sent. Decisions are taken in the approval queue."""

from django.contrib import admin
from django.utils.safestring import SafeString

from agents_app.admin.reading import ReadOnly
from agents_app.models import Draft, Send
from experiments.models import OutcomeEvent
from gtm.admin_site import link, pill


@admin.register(Draft)
class DraftAdmin(ReadOnly):
    related = ("run__client", "contact", "decided_by", "step")
    list_display = ("subject", "state", "client", "contact", "sequence_step", "was_edited", "written_at", "open")
    list_filter = ("status", "rejection", "was_edited", "run__client")
    search_fields = ("subject", "contact__email_normalised", "contact__company_name")
    ordering = ("-written_at", "-id")
    json_columns = ("sentences",)
    fields = (
        "open", "state", "client", "contact", "run_link", "wrote", "sequence_step", "final_subject", "final_body",
        "was_edited", "subject", "body", "sentences_json", "generator", "written_at", "decided_by", "decided_at",
        "rejection", "comment", "send_at", "refusal",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="client", ordering="run__client__name")
    def client(self, draft: Draft) -> str:
        return str(draft.run.client)

    @admin.display(description="run")
    def run_link(self, draft: Draft) -> SafeString:
        return link(draft.run, "run_page", draft.run_id)

    @admin.display(description="what wrote it")
    def wrote(self, draft: Draft) -> SafeString:
        return link("Prompt, settings and model", "written_by", draft.step_id)

    @admin.display(description="decide")
    def open(self, draft: Draft) -> SafeString:
        return link("Open in the queue", "approval", draft.pk)


@admin.register(Send)
class SendAdmin(ReadOnly):
    client_path = "draft__run__client"
    related = ("draft__run__client", "contact")
    list_display = ("draft", "client", "contact", "sent_at", "generator", "address")
    list_filter = ("address_is_reserved", "draft__run__client")
    search_fields = ("message_id", "contact__email_normalised")
    ordering = ("-sent_at", "-id")
    fields = ("draft_link", "wrote", "client", "contact", "message_id", "sent_at", "generator", "address", "answers")
    readonly_fields = fields

    @admin.display(description="client", ordering="draft__run__client__name")
    def client(self, send: Send) -> str:
        return str(send.draft.run.client)

    @admin.display(description="draft")
    def draft_link(self, send: Send) -> SafeString:
        return link(send.draft, "approval", send.draft_id)

    @admin.display(description="what wrote it")
    def wrote(self, send: Send) -> SafeString:
        return link("Prompt, settings and model", "written_by", send.draft.step_id)

    @admin.display(description="address", ordering="address_is_reserved")
    def address(self, send: Send) -> SafeString:
        return pill("Invented") if send.address_is_reserved else pill("Real", "info")

    @admin.display(description="what came back")
    def answers(self, send: Send) -> str:
        found = OutcomeEvent.objects.filter(send=send).order_by("occurred_at", "pk")
        return "; ".join(str(outcome) for outcome in found) or "Nothing yet."
