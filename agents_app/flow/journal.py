"""What a driver reads and writes in every turn, as statements that travel together.

A turn reads and writes the same few columns again and again. The ORM would build each statement anew, and each would
wait for the one before: together that took most of a run's own time (tests/bench/engine.py). So statements are built
once and sent several in one message, which psycopg's client-side binding allows. Values are prepared by the models'
own fields.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, TypeVar

import psycopg
from django.db import connection
from django.db.models import Model

AnyField = Any  # a model's field, whose stubs know no column
Row = TypeVar("Row", bound=Model)
Read = Callable[[psycopg.Cursor[Any]], None]


@dataclass(frozen=True)
class Entry:
    """A statement, what gives its values when it is sent, and what becomes of its result."""

    sql: str
    values: Callable[[], Sequence[Any]]
    read: Read | None = None


class Journal:
    """The statements of one turn, in their order. They have happened once `send` has returned."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def insert(self, rows: Sequence[Model]) -> None:
        """Rows that have no number yet; it is set on them."""
        for row in rows:
            self._entries.append(Entry(_insert_sql(type(row), NUMBERED), partial(_columns_of, row), _numbering(row)))

    def keep(self, rows: Iterable[Model]) -> None:
        """Rows with a key of their own; one whose key is taken is left as it stands."""
        self._entries += [Entry(_insert_sql(type(row), KEPT), partial(_columns_of, row)) for row in rows]

    def update(self, row: Model, names: Sequence[str], *, otherwise: Exception | None = None, **where: Any) -> None:
        """These columns as they stand on the row by then, where the others (exact values) hold; else `otherwise` is
        raised."""
        model = type(row)
        same = [_prepared(_field(model, name), value) for name, value in where.items()]
        read = None if otherwise is None else _demanding(otherwise)
        sql = _update_sql(model, tuple(names), tuple(where))
        self._entries.append(Entry(sql, lambda: [*_values_of(row, names), *same, row.pk], read))

    def run(self, sql: str, values: Sequence[Any], read: Read | None = None) -> None:
        self._entries.append(Entry(sql, lambda: values, read))

    def find(self, model: type[Row], into: list[Row], *, ending: str = "", **where: Any) -> None:
        """The rows for which these columns have these values; they stand in `into` once sent. `ending` is plain SQL."""
        values = [_prepared(_field(model, name), value) for name, value in where.items()]

        def read(cursor: psycopg.Cursor[Any]) -> None:
            into.extend(_row(model, values) for values in cursor.fetchall())

        self._entries.append(Entry(_find_sql(model, tuple(where), ending), lambda: values, read))

    def send(self) -> None:
        """Everything since the last time. Raises what an entry says where its row did not hold any more."""
        entries, self._entries = self._entries, []
        if not entries:
            return
        with _wire() as wire:
            cursor = psycopg.ClientCursor(wire)
            values = [value for entry in entries for value in entry.values()]
            cursor.execute(";".join(entry.sql for entry in entries), values)
            for entry in entries:
                if entry.read:
                    entry.read(cursor)
                cursor.nextset()


def lock(row: Model, column: str, **where: Any) -> tuple[Any, ...] | None:
    """The column's value with the row locked until the transaction ends; None where `where` does not hold any more."""
    model = type(row)
    values = [_prepared(_field(model, name), value) for name, value in where.items()]
    return one(_lock_sql(model, column, tuple(where)), [*values, row.pk])


def one(sql: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
    """The first row of the answer, at once."""
    with _wire() as wire:
        found: tuple[Any, ...] | None = psycopg.ClientCursor(wire).execute(sql, values).fetchone()
    return found


@contextmanager
def _wire() -> Iterator[psycopg.Connection[Any]]:
    """Django's own connection, below its cursors; its errors become Django's."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        yield connection.connection


def _numbering(row: Model) -> Read:
    def read(cursor: psycopg.Cursor[Any]) -> None:
        found = cursor.fetchone()
        assert found is not None
        row.pk = found[0]
        row._state.adding, row._state.db = False, connection.alias

    return read


def _demanding(otherwise: Exception) -> Read:
    def read(cursor: psycopg.Cursor[Any]) -> None:
        if not cursor.rowcount:
            raise otherwise

    return read


def _row(model: type[Row], values: Sequence[Any]) -> Row:
    names, converters = _reading(model)
    read = [
        converter(value, None, connection) if converter else value
        for converter, value in zip(converters, values, strict=True)
    ]
    return model.from_db(connection.alias, names, read)


@lru_cache
def _reading(model: type[Model]) -> tuple[list[str], list[Callable[..., Any] | None]]:
    fields: Sequence[AnyField] = model._meta.concrete_fields
    return [field.attname for field in fields], [getattr(field, "from_db_value", None) for field in fields]


def _values_of(row: Model, names: Sequence[str]) -> list[Any]:
    fields = [_field(type(row), name) for name in names]
    return [_prepared(field, getattr(row, field.attname)) for field in fields]


def _columns_of(row: Model) -> list[Any]:
    return [_prepared(field, getattr(row, field.attname)) for field in _written(type(row))]


def _prepared(field: AnyField, value: object) -> Any:  # noqa: ANN401 what the driver takes
    return field.get_db_prep_save(value, connection)


@lru_cache
def _field(model: type[Model], name: str) -> AnyField:
    return model._meta.get_field(name)


@lru_cache
def _written(model: type[Model]) -> tuple[AnyField, ...]:
    """Everything but the number that the database gives, and what it computes."""
    meta = model._meta
    return tuple(field for field in meta.concrete_fields if field is not meta.auto_field and not field.generated)


NUMBERED = 'RETURNING "id"'
KEPT = "ON CONFLICT DO NOTHING"


@lru_cache
def _insert_sql(model: type[Model], ending: str) -> str:
    fields = _written(model)
    names, marks = ", ".join(_quoted(field) for field in fields), ", ".join("%s" for _ in fields)
    return f"INSERT INTO {_table(model)} ({names}) VALUES ({marks}) {ending}"  # noqa: S608 names of our own models


@lru_cache
def _update_sql(model: type[Model], names: tuple[str, ...], where: tuple[str, ...]) -> str:
    changed = ", ".join(f"{_quoted(_field(model, name))} = %s" for name in names)
    return f"UPDATE {_table(model)} SET {changed} WHERE {_same(model, where)} AND {_quoted(model._meta.pk)} = %s"  # noqa: S608


@lru_cache
def _lock_sql(model: type[Model], column: str, where: tuple[str, ...]) -> str:
    wanted, key = _quoted(_field(model, column)), _quoted(model._meta.pk)
    return f"SELECT {wanted} FROM {_table(model)} WHERE {_same(model, where)} AND {key} = %s FOR NO KEY UPDATE"  # noqa: S608


@lru_cache
def _find_sql(model: type[Model], where: tuple[str, ...], ending: str) -> str:
    names = ", ".join(_quoted(field) for field in model._meta.concrete_fields)
    same = " AND ".join(f"{_quoted(_field(model, name))} = %s" for name in where) or "TRUE"
    return f"SELECT {names} FROM {_table(model)} WHERE {same} {ending}"  # noqa: S608


def _same(model: type[Model], where: Sequence[str]) -> str:
    """An empty value is met by an empty one."""
    return " AND ".join(f"{_quoted(_field(model, name))} IS NOT DISTINCT FROM %s" for name in where) or "TRUE"


def _quoted(field: AnyField) -> str:
    return connection.ops.quote_name(field.column)


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)
