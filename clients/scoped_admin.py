"""Admin classes under the rule of `clients.access`: lists, object pages, choices, filters and autocomplete alike.

Register a model that belongs to a client with one of these, and name the way from its rows to the client in
`client_path`. A ModelAdmin that does not inherit from here shows every client's rows to everybody.
"""

from typing import Any

from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist, PermissionDenied
from django.db.models import Field, ForeignKey, ManyToManyField, Model, QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase

from clients import access
from clients.models import Client
from gtm.admin_site import HistoryAdmin, ModelAdmin, RecordAdmin, StackedInline, TabularInline


def scope_of(model: type[Model], site: admin.AdminSite) -> str | None:
    """The way from `model` to its client: as its own admin says, else as its required foreign keys say."""
    try:
        model_admin = site.get_model_admin(model)
    except NotRegistered:
        return access.path_to_client(model)
    return model_admin.client_path if isinstance(model_admin, ScopedAdmin) else access.path_to_client(model)


class ScopedFilter(admin.RelatedFieldListFilter):
    """The sidebar filter, naming only rows of the user's clients."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        path = scope_of(field.remote_field.model, model_admin.admin_site)
        ordering = self.field_admin_ordering(field, request, model_admin)
        limit = {} if path is None else _limit(request, path)
        return field.get_choices(include_blank=False, ordering=ordering, limit_choices_to=limit)


def _limit(request: HttpRequest, path: str) -> dict[str, Any]:
    if access.sees_all(request.user):
        return {}
    return {f"{path or 'pk'}__in": access.visible_clients(request.user).values("pk")}


class ScopedChoices:
    """Foreign-key and many-to-many fields offer, and accept, only rows of the user's clients."""

    admin_site: admin.AdminSite

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if getattr(cls, "raw_id_fields", ()):
            raise ImproperlyConfigured(
                f"{cls.__name__}.raw_id_fields would print the name of any row whose number is typed in. "
                "Use autocomplete_fields, which stay inside the user's clients."
            )

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> QuerySet[Any] | None:
        queryset: QuerySet[Any] | None = super().get_field_queryset(db, db_field, request)  # type: ignore[misc]
        model = db_field.remote_field.model
        path = scope_of(model, self.admin_site)
        if path is None:
            return queryset
        return access.scope(model._default_manager.using(db) if queryset is None else queryset, request.user, path)


class ScopedTabularInline(ScopedChoices, TabularInline):
    """Rows inside a scoped page; their choices follow the same rule."""


class ScopedStackedInline(ScopedChoices, StackedInline):
    """Rows inside a scoped page; their choices follow the same rule."""


class ScopedAdmin(ScopedChoices, ModelAdmin):
    """`client_path` leads from a row to its client: "client", "run__client", or "" for Client itself."""

    client_path = "client"
    empty_hint = ""  # what to do where the list has no rows yet

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"empty_hint": self.empty_hint, **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return access.scope(super().get_queryset(request), request.user, self.client_path)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [self._scoped_filter(entry) for entry in super().get_list_filter(request)]

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        """The last guard: whatever a form let through, no row is written to a client that the user cannot see."""
        if self.client_path and not access.may_see(request.user, client_of(obj, self.client_path)):
            raise PermissionDenied(f"{obj} belongs to a client of another account manager. Nothing was saved.")
        super().save_model(request, obj, form, change)

    def _scoped_filter(self, entry: Any) -> Any:
        if not isinstance(entry, str):
            return (entry[0], ScopedFilter) if _is_stock_relation_filter(entry) else entry
        field = _field_at(self.model, entry)
        return (entry, ScopedFilter) if isinstance(field, ForeignKey | ManyToManyField) else entry


def _is_stock_relation_filter(entry: Any) -> bool:
    return isinstance(entry, tuple | list) and entry[1] is admin.RelatedFieldListFilter


def _field_at(model: type[Model], path: str) -> Field | None:
    """The model field that a filter's path ends at."""
    return get_fields_from_path(model, path)[-1]


def client_of(row: Model, path: str) -> Client | None:
    """The client at the end of `path`; None where a link of the way is not set."""
    here: Any = row
    for part in path.split("__"):
        try:
            here = getattr(here, part, None)
        except ObjectDoesNotExist:
            return None
    return here if isinstance(here, Client) else None


class ScopedRecordAdmin(ScopedAdmin, RecordAdmin):
    """For rows that only record: read under the rule, never added, changed or deleted by hand."""


class ScopedHistoryAdmin(ScopedAdmin, HistoryAdmin):
    """With the pages of who changed what. A past version is seen by those who may see the row as it is now."""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        self._refuse_unseen(request, object_id)
        return super().history_view(request, object_id, extra_context)

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponseBase:
        self._refuse_unseen(request, object_id)
        return super().history_form_view(request, object_id, version_id, extra_context)

    def _refuse_unseen(self, request: HttpRequest, object_id: str) -> None:
        if not access.sees_all(request.user) and self.get_object(request, object_id) is None:
            raise Http404
