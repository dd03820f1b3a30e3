"""Where personal data may stand: each model's columns, declared once. Erasure walks the declarations, nothing else.

Every app declares its models in its own `personal.py`, as a tuple DECLARED; those of the floor and of packages stand
here. A text, JSON or binary column that is declared nowhere fails a test, so that no new model is forgotten.
Histories (simple-history) follow the model whose history they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.module_loading import module_has_submodule
from picklefield.fields import PickledObjectField


@dataclass(frozen=True)
class Personal:
    """One model's columns, and how its rows are reached from a person.

    A row is a person's own where a lookup of `contact` or `record` leads to them, or where `mine` (a column) holds the
    contact's id. It is one of several people's where a lookup of `among` leads to them, where `company` (a lookup) is
    the domain they worked at, or where the table is looked through (`scan`); `client` (a lookup) keeps those inside
    the client, with those of others that `shown_to` (lookups) says are shown to it. `through` names a model whose
    reached rows hold, in `through_columns`, primary keys of this one.

    `blank` columns are emptied in a person's own rows, and searched in the others; of `search` columns the person's
    words are taken out; `keys` are searched, and replaced whole so that they stay unique; `placeholders` are written
    into own rows, {column: text with {pk}}; `free` columns hold nothing personal. `elsewhere`: this model has a path
    of its own in clients/erasure.
    """

    model: str
    blank: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    placeholders: dict[str, str] = field(default_factory=dict)
    free: tuple[str, ...] = ()
    contact: tuple[str, ...] = ()
    record: tuple[str, ...] = ()
    mine: str = ""
    among: tuple[str, ...] = ()
    company: str = ""
    client: str = ""
    shown_to: tuple[str, ...] = ()
    through: str = ""
    through_columns: tuple[str, ...] = ()
    scan: bool = False
    elsewhere: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Those that erasure may change."""
        return (*self.blank, *self.search, *self.keys, *self.placeholders)


DECLARED = (
    Personal("gtm.Heartbeat", free=("name",)),
    Personal("gtm.RateLimit", free=("name",)),
    Personal("gtm.Breaker", free=("name", "why")),
    Personal("gtm.Bucket", free=("name",)),
    Personal(  # what a CRM keeps itself, at its stand-in
        "gtm.SandboxRecord", free=("party", "account", "object_type", "ext_id", "values", "links", "merged_into")
    ),
    Personal("admin.LogEntry", search=("object_repr", "change_message"), free=("object_id",), scan=True),
    Personal("auth.User", free=("password", "username", "first_name", "last_name", "email")),  # who works here
    Personal("auth.Group", free=("name",)),
    Personal("auth.Permission", free=("name", "codename")),
    Personal("contenttypes.ContentType", free=("app_label", "model")),
    Personal("sessions.Session", elsewhere=("session_data",), free=("session_key",)),
    Personal(
        "django_q.Task",
        elsewhere=("args", "kwargs", "result"),
        free=("id", "name", "func", "hook", "group", "cluster"),
    ),
    Personal("django_q.OrmQ", elsewhere=("payload",), free=("key",)),
    Personal(
        "django_q.Schedule",
        free=("name", "func", "hook", "args", "kwargs", "cron", "task", "cluster", "intended_date_kwarg"),
    ),
)
WRITABLE = (models.CharField, models.TextField, models.JSONField, models.BinaryField, ArrayField, PickledObjectField)


@cache
def declared() -> dict[type[models.Model], Personal]:
    """Every declaration by its model, histories among them."""
    found: dict[type[models.Model], Personal] = {}
    for one in _all():
        model = apps.get_model(one.model)
        found[model] = one
        if hasattr(model, "history"):
            found[model.history.model] = _of_history(model, one)
    return found


def undeclared() -> list[str]:
    """Columns that could hold personal data and that no declaration names, as "app.Model.column"."""
    known = declared()
    return [
        f"{model._meta.label}.{name}"
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy
        for name in sorted(writable(model) - _named(known.get(model)))
    ]


def writable(model: type[models.Model]) -> set[str]:
    """The columns that take any text. What is chosen from a list of ours says nothing about a person."""
    return {
        column.name
        for column in model._meta.concrete_fields
        if isinstance(column, WRITABLE) and not column.choices and not column.remote_field
    }


def named(table: str) -> str:
    """A declared model for people, as "drafts"; what is no model, as it is."""
    app, _, model = table.partition(".")
    if not model:
        return table[:1].upper() + table[1:]
    try:
        return str(apps.get_model(app, model)._meta.verbose_name_plural).capitalize()
    except LookupError:
        return table


def _all() -> Iterator[Personal]:
    for config in apps.get_app_configs():
        if module_has_submodule(config.module, "personal"):
            yield from import_module(f"{config.name}.personal").DECLARED


def _of_history(model: type[models.Model], one: Personal) -> Personal:
    """The history's rows name the row they are of by `id`; what it leaves out needs no declaration."""
    history = model.history.model  # type: ignore[attr-defined]
    there = {column.name for column in history._meta.concrete_fields}
    own = tuple("id" if lookup == "pk" else lookup for lookup in one.contact)
    return replace(
        one,
        model=history._meta.label,
        contact=own,
        blank=tuple(name for name in one.blank if name in there),
        search=(*(name for name in one.search if name in there), "history_change_reason"),
        free=tuple(name for name in one.free if name in there),
        placeholders={name: text for name, text in one.placeholders.items() if name in there},
    )


def _named(one: Personal | None) -> set[str]:
    return {*one.columns, *one.free, *one.elsewhere} if one else set()
