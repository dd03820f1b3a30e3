"""What the pages of this admin share: states as pills, JSON for reading, rows that are only read."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents_app.models import Request
from clients.scoped_admin import ScopedRecordAdmin
from gtm.admin_site import link, pill, pretty


class Readable:
    """Columns of `json_columns` get a readable display each: `config` is shown as `config_json`."""

    json_columns: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in cls.json_columns:
            setattr(cls, f"{name}_json", staticmethod(_json_display(name)))

    @admin.display(description="state", ordering="status")
    def state(self, row: Any) -> SafeString:
        return pill(row.get_status_display(), row.status)


def _json_display(name: str) -> Callable[[models.Model], SafeString]:
    @admin.display(description=name.replace("_", " "))
    def show(row: models.Model) -> SafeString:
        return pretty(getattr(row, name))

    return show


def dollars(
    column: str, description: str, *, digits: int = 4, note: str = "", ordering: str | None = None
) -> Callable[[object, Any], str]:
    """A display, to be a method of an admin: an amount in US dollars with `note` behind it; of none, $0."""

    @admin.display(description=description, ordering=ordering)
    def show(_: object, row: Any) -> str:
        return f"${getattr(row, column) or 0:.{digits}f}{note}"

    return show


class ReadOnly(Readable, ScopedRecordAdmin):
    """Rows to read. `related` are the foreign keys that every page of theirs shows."""

    client_path = "run__client"
    related: ClassVar[tuple[str, ...]] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).select_related(*self.related)
        return rows


class OfRun(ReadOnly):
    """Rows that a run made; they link back to its page."""

    related: ClassVar[tuple[str, ...]] = ("run__client",)
    search_fields: ClassVar[tuple[str, ...]] = ("run__request__company_domain",)
    ordering: ClassVar[tuple[str, ...]] = ("-id",)

    @admin.display(description="run", ordering="run")
    def page(self, row: Any) -> SafeString:
        return link(row.run, "run_page", row.run_id)

    @admin.display(description="client", ordering="run__client__name")
    def client(self, row: Any) -> str:
        return str(row.run.client)


class TrialFilter(admin.SimpleListFilter):
    """In earnest, a side of a trial, or a run done again."""

    title = "trial"
    parameter_name = "trial"
    column = "trial_side"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("no", "In earnest"), *Request.Side.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(**{self.column: "" if self.value() == "no" else self.value()})


def marked(label: SafeString, request: Request) -> SafeString:
    """With a mark where it belongs to a trial, or does a run again."""
    mark = "Again" if request.is_again else "Trial"
    return format_html("{} {}", label, pill(mark, "info")) if request.is_trial else label


def listed(count: int, noun: str, model: str, **where: object) -> SafeString:
    """“12 requests”, linked to the list of `model` ("app_model") narrowed to them."""
    return narrowed(f"{count:,} {noun}{'' if count == 1 else 's'}", model, **where)


def narrowed(label: object, model: str, **where: object) -> SafeString:
    """A link to the list of `model` ("app_model") narrowed to some rows."""
    query = "&".join(f"{key}={value}" for key, value in where.items())
    return format_html('<a href="{}?{}">{}</a>', reverse(f"admin:{model}_changelist"), query, label)
