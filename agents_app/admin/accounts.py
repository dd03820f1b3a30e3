"""The agency's own accounts at research sources. They belong to no client: only who may change them sees them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from agents_app import accounts
from agents_app.models import SourceAccount
from clients import access, credentials, secret_form
from gtm.admin_site import HistoryAdmin


class SourceAccountForm(secret_form.SecretForm):
    class Meta:
        model = SourceAccount
        fields = ("source", "mode", "is_active", "credential_ref", "credits_a_month", "note")


@admin.register(SourceAccount)
class SourceAccountAdmin(HistoryAdmin):
    form = SourceAccountForm
    list_display = ("source", "mode", "is_active", "credits_a_month", "note")
    list_filter = ("mode", "is_active")
    search_fields = ("source", "note")
    ordering = ("source", "-is_active", "pk")
    readonly_fields = ("key", "credits_this_month", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.readonly_fields, "source") if obj else self.readonly_fields

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        basis = (None, {"fields": ("source", "mode", "is_active", "secret", "credential_ref")})
        limits = ("What it may cost", {"fields": ("credits_a_month", "note")})
        if obj is None:
            return (basis, limits)
        return (basis, limits, ("How it stands", {"fields": ("key", "credits_this_month", "created_at")}))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type("UsersAccountForm", (form,), {"may_name_places": access.sees_all(request.user)})

    def save_model(self, request: HttpRequest, obj: SourceAccount, form: Any, change: bool) -> None:
        if not change:
            obj.created_at = timezone.now()
        secret_form.keep(obj, form.cleaned_data)
        super().save_model(request, obj, form, change)

    @admin.display(description="credential")
    def key(self, account: SourceAccount) -> str:
        if account.credential_ref:
            return f"It stands at {account.credential_ref}. {credentials.problem(account.credential_ref)}".strip()
        return "One is kept here, encrypted." if account.credential else "None."

    @admin.display(description="credits spent this month")
    def credits_this_month(self, account: SourceAccount) -> str:
        spent = accounts.spent([account], at=timezone.now()).get(account.pk, 0.0)
        limit = account.credits_a_month
        return f"{spent:,g}" if limit is None else f"{spent:,g} of {limit:,}"
