"""Deployments of all clients, and the prompts that are pinned for them. Both are changed on a client's own page."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from agents_app.admin.reading import ReadOnly
from agents_app.models import ClientPrompt, Deployment
from clients.scoped_admin import ScopedHistoryAdmin
from gtm.admin_site import link


class OfClient:
    """Rows with the way to their client's page."""

    @admin.display(description="client's page")
    def page(self, row: Any) -> SafeString:
        return link(f"What {row.client} runs on", "client_deployments", row.client.slug)


@admin.register(Deployment)
class DeploymentAdmin(OfClient, ReadOnly):
    client_path = "client"
    related = ("client", "author", "config_version")
    list_display = ("tag", "cause", "author", "created_at", "page")
    list_filter = ("client",)
    search_fields = ("cause", "client__name", "client__slug")
    ordering = ("-created_at", "-id")
    json_columns = ("config", "prompts", "rollouts", "connections")
    fields = (
        "tag", "page", "cause", "author", "created_at", "config_version", "prompts_json", "rollouts_json",
        "connections_json", "config_json", "sha256", "config_sha256",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="deployment", ordering="number")
    def tag(self, deployment: Deployment) -> str:
        return deployment.tag


@admin.register(ClientPrompt)
class ClientPromptAdmin(OfClient, ScopedHistoryAdmin):
    list_display = ("version", "client", "reason", "page")
    list_filter = ("agent", "client")
    list_select_related = ("version", "client")
    ordering = ("client__name", "agent")
    fields = ("client", "agent", "version", "reason", "page")
    readonly_fields = fields
    empty_hint = "A version is pinned on a client's page of deployments."

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
