"""What the model costs, and what each client's runs spent on it."""

from django.contrib import admin

from agents_app.admin.reading import ReadOnly, dollars
from agents_app.models import BudgetDay, ModelPrice
from gtm.admin_site import ModelAdmin


@admin.register(ModelPrice)
class ModelPriceAdmin(ModelAdmin):
    list_display = (
        "model", "valid_from", "prompt_band_max", "input", "output", "cache_read", "cache_write", "cache_write_1h",
    )  # fmt: skip
    list_filter = ("model",)
    ordering = ("model", "-valid_from", "prompt_band_max")


@admin.register(BudgetDay)
class BudgetDayAdmin(ReadOnly):
    client_path = "client"
    related = ("client",)
    list_display = ("day", "client", "cap", "spent", "reserved", "left")
    list_filter = ("client",)
    search_fields = ("client__name", "client__slug")
    date_hierarchy = "day"
    ordering = ("-day", "client__name", "pk")
    fields = ("day", "client", "cap", "spent", "reserved", "left")
    readonly_fields = fields
    empty_hint = "One is written on each day on which a client's runs ask a real model."

    cap = dollars("cap_usd", "may spend", digits=2, ordering="cap_usd")
    spent = dollars("spent_usd", "has spent", ordering="spent_usd")
    reserved = dollars("reserved_usd", "set aside for runs at work", ordering="reserved_usd")
    left = dollars("left_usd", "left")
