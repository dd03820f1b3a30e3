"""What a driver reads and writes in every turn, as statements that travel together.

A turn reads and writes the same few columns again and again. The ORM would build each statement anew, and each would
wait for the one before. So statements are built once, prepared once a connection, and several go in one message, which
psycopg's client-side binding allows. What psycopg does not know how to quote is prepared by the models' own fields.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from itertools import count
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import psycopg
import psycopg.sql
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import JSONField, Model
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus

AnyField = Any  # a model's field, whose stubs know no column
Row = TypeVar("Row", bound=Model)
Statement = tuple[str, Sequence[Any]]
Build = Callable[[BaseDatabaseWrapper], Statement | None]
Read = Callable[[psycopg.Cursor[Any]], None]


@dataclass(frozen=True)
class Entry:
    """What makes a statement when it is sent (None: there is nothing to say), and what becomes of its result."""

    build: Build
    read: Read | None = None


class Journal:
    """The statements of one turn, in their order. They have happened once `send` has returned."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def insert(self, rows: Sequence[Model]) -> None:
        """Rows that have no number yet; it is set on them."""
        self._entries += [Entry(partial(_insert, row, NUMBERED), _numbering(row)) for row in rows]

    def keep(self, rows: Iterable[Model]) -> None:
        """Rows with a key of their own; one whose key is taken is left as it stands."""
        self._entries += [Entry(partial(_insert, row, KEPT)) for row in rows]

    def update(self, row: Model, names: Sequence[str]) -> None:
        """These columns as they stand on the row by then; those that a journal knows to stand there already apart."""
        self._entries.append(Entry(partial(_update, row, names)))

    def run(self, sql: str, values: Sequence[Any]) -> None:
        self._entries.append(Entry(lambda real: (sql, values)))

    def find(self, model: type[Row], into: list[Row], where: str = "true", *values: object) -> None:
        """The rows that this condition holds for; they stand in `into` once sent."""

        def read(cursor: psycopg.Cursor[Any]) -> None:
            into.extend(_row(model, values) for values in cursor.fetchall())

        self._entries.append(Entry(lambda real: (f"{_select_sql(model)} WHERE {where}", values), read))

    def read(self, model: type[Model], names: Sequence[str], into: list[Sequence[Any]]) -> None:
        """These columns of all rows, as plain values; they stand in `into` once sent."""

        def read(cursor: psycopg.Cursor[Any]) -> None:
            into.extend(cursor.fetchall())

        self._entries.append(Entry(lambda real: (_read_sql(model, tuple(names)), ()), read))

    def send(self, *, commit: bool = False) -> None:
        """Everything since the last time. With `commit` the transaction ends with the same message, where it is not
        part of another: Django's own end of it then finds nothing left to do."""
        entries, self._entries = self._entries, []
        with _wire() as (wire, real):
            built = [(statement, entry.read) for entry in entries if (statement := entry.build(real))]
            if not built:
                return
            calls = Calls(wire)
            for (sql, values), read in built:
                calls.add(sql, values, read)
            if commit and not real.savepoint_ids:
                calls.texts.append("COMMIT")
            cursor = psycopg.ClientCursor(wire)
            cursor.execute(";".join(calls.texts), calls.values)
            calls.succeeded()
            for read in calls.reads:
                if read:
                    read(cursor)
                cursor.nextset()


PREPARED: "WeakKeyDictionary[psycopg.Connection[Any], dict[str, str]]" = WeakKeyDictionary()  # {text: name}
MOST_PREPARED = 300  # of one connection


class Calls:
    """Statements of one message as calls of what this connection has prepared: each is parsed and planned once.

    Names are never given twice, because a message that fails may have prepared some of its own.
    """

    def __init__(self, wire: psycopg.Connection[Any]) -> None:
        self.texts: list[str] = []
        self.values: list[Any] = []
        self.reads: list[Read | None] = []
        self._known = PREPARED.setdefault(wire, {})
        self._new: dict[str, str] = {}

    def add(self, sql: str, values: Sequence[Any], read: Read | None = None) -> None:
        name = self._known.get(sql) or self._new.get(sql)
        if name is None and len(self._known) + len(self._new) < MOST_PREPARED:
            name = self._new[sql] = f"journal_{next(NAMES)}"
            self._say(f"PREPARE {name} AS {_numbered(sql)}")
        marks = ", ".join("%s" for _ in values)
        self._say((f"EXECUTE {name}({marks})" if marks else f"EXECUTE {name}") if name else sql, values, read)

    def succeeded(self) -> None:
        self._known.update(self._new)

    def _say(self, text: str, values: Sequence[Any] = (), read: Read | None = None) -> None:
        self.texts.append(text)
        self.values += values
        self.reads.append(read)


NAMES = count(1)


@lru_cache(maxsize=512)
def _numbered(sql: str) -> str:
    """With the marks of PREPARE."""
    parts = sql.split("%s")
    return parts[0] + "".join(f"${number}{part}" for number, part in enumerate(parts[1:], start=1))


def one(sql: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
    """The first row of the answer, at once. The first statement of a transaction travels with its BEGIN."""
    with _wire() as (wire, real):
        calls = Calls(wire)
        calls.add(sql, values)
        text = psycopg.ClientCursor(wire).mogrify(";".join(calls.texts), calls.values)
        if real.in_atomic_block and wire.info.transaction_status == TransactionStatus.IDLE:
            text = f"BEGIN;{text}"
        result = wire.pgconn.exec_(text.encode(wire.info.encoding))
        if result.status != ExecStatus.TUPLES_OK:
            raise error_from_result(result, wire.info.encoding)
        calls.succeeded()
        reader = Transformer(wire)
        reader.set_pgresult(result)
        return reader.load_row(0, tuple) if result.ntuples else None


def first(model: type[Row], where: str, values: Sequence[Any]) -> Row | None:
    """The first row that this condition holds for."""
    found = one(f"{_select_sql(model)} WHERE {where}", values)
    if found is None:
        return None
    row = _row(model, found)
    _remember(row, _columns(model).values())
    return row


@contextmanager
def _wire() -> Iterator[tuple[psycopg.Connection[Any], BaseDatabaseWrapper]]:
    """Django's own connection, below its cursors, and Django's face of it; its errors become Django's."""
    real = connections[DEFAULT_DB_ALIAS]
    real.ensure_connection()
    with real.wrap_database_errors:
        yield real.connection, real


def _numbering(row: Model) -> Read:
    def read(cursor: psycopg.Cursor[Any]) -> None:
        found = cursor.fetchone()
        assert found is not None
        row.pk = found[0]
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS

    return read


def _row(model: type[Row], values: Sequence[Any]) -> Row:
    names, converters = _reading(model)
    if any(converters):
        real = connections[DEFAULT_DB_ALIAS]
        values = [
            converter(value, None, real) if converter else value
            for converter, value in zip(converters, values, strict=True)
        ]
    return model.from_db(DEFAULT_DB_ALIAS, names, values)


@lru_cache
def _reading(model: type[Model]) -> tuple[list[str], list[Callable[..., Any] | None]]:
    fields: Sequence[AnyField] = model._meta.concrete_fields
    return [field.attname for field in fields], [getattr(field, "from_db_value", None) for field in fields]


@dataclass(frozen=True, eq=False)
class Column:
    """`name` is the row's attribute. JSON may change in place, so it is not known what the database has of it."""

    field: AnyField
    name: str
    default: Any
    is_json: bool


KNOWN = "_known_to_the_journal"  # a row's attribute: {column's name: value} as the database has it
NATIVE = (str, int, float, bool, Decimal, datetime, date, type(None))  # what psycopg quotes as it is


def _insert(row: Model, ending: str, real: BaseDatabaseWrapper) -> Statement:
    """What stands at its default is part of the text, so that only the rest is quoted anew."""
    columns, values = _written(type(row)), vars(row)
    given = [each for each in columns if values[each.name] != each.default]
    _remember(row, columns)
    return _insert_sql(type(row), tuple(each.name for each in given), ending), _prepared(row, given, real)


def _update(row: Model, names: Sequence[str], real: BaseDatabaseWrapper) -> Statement | None:
    columns, values, known = _columns(type(row)), vars(row), vars(row).get(KNOWN, {})
    wanted = [columns[name] for name in names]
    changed = [each for each in wanted if each.name not in known or known[each.name] != values[each.name]]
    if not changed:
        return None
    _remember(row, changed)
    sql = _update_sql(type(row), tuple(each.name for each in changed))
    return sql, [*_prepared(row, changed, real), row.pk]


def _prepared(row: Model, columns: Iterable[Column], real: BaseDatabaseWrapper) -> list[Any]:
    values = [(each.field, getattr(row, each.name)) for each in columns]
    return [value if type(value) in NATIVE else field.get_db_prep_save(value, real) for field, value in values]


def _remember(row: Model, columns: Iterable[Column]) -> None:
    values = vars(row)
    values.setdefault(KNOWN, {}).update({each.name: values[each.name] for each in columns if not each.is_json})


@lru_cache
def _columns(model: type[Model]) -> dict[str, Column]:
    """By the names of their fields and of their attributes, which differ for keys to other rows."""
    fields: Iterable[AnyField] = model._meta.concrete_fields
    made = [Column(each, each.attname, each.get_default(), isinstance(each, JSONField)) for each in fields]
    return {each.field.name: each for each in made} | {each.name: each for each in made}


@lru_cache
def _written(model: type[Model]) -> list[Column]:
    """Everything but the number that the database gives, and what it computes."""
    numbered = model._meta.auto_field
    own = {each.name: each for each in _columns(model).values()}
    return [each for each in own.values() if each.field is not numbered and not each.field.generated]


NUMBERED = 'RETURNING "id"'
KEPT = "ON CONFLICT DO NOTHING"


@lru_cache(maxsize=512)
def _insert_sql(model: type[Model], given: tuple[str, ...], ending: str) -> str:
    columns = _written(model)
    names = ", ".join(_quoted(each.field) for each in columns)
    marks = ", ".join("%s" if each.name in given else _literal(each) for each in columns)
    return f"INSERT INTO {_table(model)} ({names}) VALUES ({marks}) {ending}"  # noqa: S608 names of our own models


@lru_cache(maxsize=512)
def _update_sql(model: type[Model], names: tuple[str, ...]) -> str:
    changed = ", ".join(f"{_quoted(_columns(model)[name].field)} = %s" for name in names)
    return f"UPDATE {_table(model)} SET {changed} WHERE {_quoted(model._meta.pk)} = %s"  # noqa: S608


@lru_cache
def _select_sql(model: type[Model]) -> str:
    return f"SELECT {_names(model)} FROM {_table(model)}"  # noqa: S608


@lru_cache
def _read_sql(model: type[Model], names: tuple[str, ...]) -> str:
    wanted = ", ".join(_quoted(_columns(model)[name].field) for name in names)
    return f"SELECT {wanted} FROM {_table(model)}"  # noqa: S608


@lru_cache
def _names(model: type[Model]) -> str:
    return ", ".join(_quoted(field) for field in model._meta.concrete_fields)


def _literal(column: Column) -> str:
    with _wire() as (wire, real):
        text: str = psycopg.sql.Literal(column.field.get_db_prep_save(column.default, real)).as_string(wire)
    return text.replace("%", "%%")


def _quoted(field: AnyField) -> str:
    return connections[DEFAULT_DB_ALIAS].ops.quote_name(field.column)


def _table(model: type[Model]) -> str:
    return connections[DEFAULT_DB_ALIAS].ops.quote_name(model._meta.db_table)
