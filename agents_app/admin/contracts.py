"""Contracts: the kind is chosen first, then what that kind has to be told stands as fields of its own."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from pydantic.fields import FieldInfo

from agents_app import promising
from agents_app.models import Contract
from agents_app.promises import KINDS
from agents_app.promises.language import NAMES
from clients import access
from clients.access import user_of
from clients.scoped_admin import ScopedHistoryAdmin

PREFIX = "told_"  # before the name of a parameter, so that none meets a column's


class Lines(forms.CharField):
    """A list as a text area, one a line; empty lines and repetitions go."""

    widget = forms.Textarea(attrs={"rows": 6, "cols": 60})

    def prepare_value(self, value: object) -> object:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: object) -> list[str]:  # type: ignore[override]
        lines = value if isinstance(value, list) else str(super().to_python(value) or "").splitlines()
        return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


class ContractForm(forms.ModelForm):
    kind = ""  # set by `form_of`

    class Meta:
        model = Contract
        fields = ("agent", "name", "severity", "weight", "client", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.kind = self.kind
        for name, value in self.instance.parameters.items():
            if PREFIX + name in self.fields:
                self.initial.setdefault(PREFIX + name, value)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        told = {name: data[PREFIX + name] for name in KINDS[self.kind].parameters.model_fields if PREFIX + name in data}
        self.instance.parameters = {name: value for name, value in told.items() if value not in (None, "", [])}
        for name in ("agent", "name", "severity"):
            setattr(self.instance, name, data.get(name, ""))
        for name, problem in promising.problems(self.instance).items():
            field = PREFIX + name if PREFIX + name in self.fields else name
            if field not in self.errors:
                self.add_error(field if field in self.fields else None, problem)
        return data


@cache
def form_of(kind: str) -> type[ContractForm]:
    """The form of a kind, with a field for each of its parameters."""
    fields = {PREFIX + name: _field(info) for name, info in KINDS[kind].parameters.model_fields.items()}
    return type(f"{kind.title()}Form", (ContractForm,), {"kind": kind, **fields})


def _field(info: FieldInfo) -> forms.Field:
    shape = info.annotation
    said: dict[str, Any] = {"label": info.title, "help_text": info.description or "", "required": info.is_required()}
    if not info.is_required() and info.default is not None:
        said["initial"] = info.default
    if get_origin(shape) is Literal:
        choices = [(each, _label(each)) for each in get_args(shape)]
        return forms.ChoiceField(choices=choices, **said | {"required": True})
    if get_origin(shape) is list:
        return Lines(**said)
    limits = _limits(info)
    if shape is float:
        return forms.FloatField(**said, **limits)
    if shape is str:
        return forms.CharField(widget=forms.Textarea(attrs={"rows": 3, "cols": 60}), max_length=500, **said)
    return forms.IntegerField(**said, **limits)


def _label(value: str) -> str:
    return NAMES.get(value, value.replace("_", " "))


def _limits(info: FieldInfo) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for rule in info.metadata:
        if isinstance(rule, Ge):
            found["min_value"] = rule.ge
        elif isinstance(rule, Gt):
            found["min_value"] = 0.0001
        elif isinstance(rule, Le):
            found["max_value"] = rule.le
    return found


@admin.register(Contract)
class ContractAdmin(ScopedHistoryAdmin):
    list_display = ("name", "agent", "kind", "told", "severity", "weight", "scope", "is_active")
    list_filter = ("agent", "kind", "severity", "is_active", "client")
    list_select_related = ("client",)
    search_fields = ("name",)
    ordering = ("agent", "name", "client_id", "pk")
    readonly_fields = ("about", "author", "created_at")
    autocomplete_fields = ("client",)
    history_list_display = ["severity", "is_active"]
    empty_hint = "Choose “Add contract” to promise something of an agent's answers."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """What is promised to everybody is read by everybody: it is held against their answers too."""
        rows = Contract.objects.all()
        if not access.sees_all(request.user):
            rows = rows.filter(Q(client=None) | Q(client__in=access.visible_clients(request.user).values("pk")))
        return rows.order_by(*self.ordering).select_related("client", "author")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_change_permission(request, obj)
        return may and (obj is None or obj.client_id is not None or access.sees_all(request.user))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # switched off, so that its history stays

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **{"form": form_of(_kind(request, obj)), **kwargs})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        told = tuple(PREFIX + name for name in KINDS[_kind(request, obj)].parameters.model_fields)
        may = self.has_change_permission(request, obj) if obj else True
        promised = ("about", "agent", "name", *(told if may else ("told",)))
        counted = ("severity", "weight", "client", "is_active")
        past = (("Who", {"fields": ("author", "created_at")}),) if obj else ()
        return ((None, {"fields": promised}), ("For whom, and how much", {"fields": counted}), *past)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.readonly_fields, "told")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "client" and field is not None and not access.sees_all(request.user):
            field.required = True
            field.help_text = "One of your clients. What is promised to everybody is for operators to write."
        return field

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if request.GET.get("kind") in KINDS:
            return super().add_view(request, form_url, extra_context)
        if not self.has_add_permission(request):
            raise PermissionDenied
        context = {**self.admin_site.each_context(request), "kinds": KINDS.items(), "title": "Add contract"}
        return TemplateResponse(request, "agents_app/contract_kinds.html", context)

    def save_model(self, request: HttpRequest, obj: Contract, form: Any, change: bool) -> None:
        if not change:
            obj.author, obj.created_at = user_of(request), timezone.now()
        super().save_model(request, obj, form, change)

    @admin.display(description="kind")
    def about(self, contract: Contract) -> str:
        kind = KINDS.get(contract.kind)
        return f"{kind.label}. {kind.about}" if kind else ""

    @admin.display(description="what it is told")
    def told(self, contract: Contract) -> str:
        fields = KINDS[contract.kind].parameters.model_fields
        said = [(fields[name].title or name, value) for name, value in contract.parameters.items() if name in fields]
        words = [f"{title}: {', '.join(value) if isinstance(value, list) else value}" for title, value in said]
        return "; ".join(words) or "Nothing more."

    @admin.display(description="for", ordering="client__name")
    def scope(self, contract: Contract) -> str:
        return str(contract.client) if contract.client else "Everybody"


def _kind(request: HttpRequest, obj: Contract | None) -> str:
    asked = request.GET.get("kind", "")
    return obj.kind if obj else asked if asked in KINDS else next(iter(KINDS))
