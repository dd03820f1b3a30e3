"""What a driver reads and writes in every turn, as statements that travel together.

A turn reads and writes the same few columns again and again. The ORM would build each statement anew, and each would
wait for the one before. So statements are built once, prepared once a connection, and several go in one message, which
psycopg's client-side binding allows. What psycopg does not know how to quote is prepared by the models' own fields.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from itertools import count
from typing import Any, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import JSONField, Model
from psycopg import generators
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from agents_app.evidence import EMPTIED
from agents_app.models import StepContext

AnyField = Any  # a model's field, whose stubs know no column
Row = TypeVar("Row", bound=Model)
Statement = tuple[str, Sequence[Any]]
Build = Callable[[BaseDatabaseWrapper], Statement | None]
Answer = Sequence[tuple[Any, ...]]
Read = Callable[[Answer], None]


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
        self._entries += [Entry(partial(_insert, row), _numbering(row)) for row in rows]

    def keep(self, contexts: Iterable[StepContext]) -> None:
        """Each by the hash of its content. One that stands already is left as it stands, unless retention has emptied
        it: what a step is given once more is kept whole again."""
        self._entries += [Entry(partial(_keep, each)) for each in contexts]
        self.run(GUARDED, ())

    def update(self, row: Model, names: Sequence[str]) -> None:
        """These columns as they stand on the row by then; those that a journal knows to stand there already apart."""
        self._entries.append(Entry(partial(_update, row, names)))

    def run(self, sql: str, values: Sequence[Any]) -> None:
        self._entries.append(Entry(lambda real: (sql, values)))

    def find(self, model: type[Row], into: list[Row], where: str = "true", *values: object) -> None:
        """The rows that this condition holds for; they stand in `into` once sent."""

        def read(found: Answer) -> None:
            into.extend(_row(model, values) for values in found)

        self._entries.append(Entry(lambda real: (f"{_select_sql(model)} WHERE {where}", values), read))

    def read(
        self, model: type[Model], names: Sequence[str], into: list[Sequence[Any]], where: str = "true", *values: object
    ) -> None:
        """These columns as plain values, of the rows that this condition holds for; they stand in `into` once sent."""
        self._entries.append(
            Entry(lambda real: (f"{_read_sql(model, tuple(names))} WHERE {where}", values), into.extend)
        )

    def send(self, *, commit: bool = False) -> None:
        """Everything since the last time. The first message of a transaction begins it. With `commit` it ends with this
        message, where it is not part of another: Django's own end of it then finds nothing left to do."""
        entries, self._entries = self._entries, []
        with _session() as (session, real):
            built = [(statement, entry.read) for entry in entries if (statement := entry.build(real))]
            if not built:
                return
            message = Message(session)
            for (sql, values), read in built:
                message.add(sql, values, read)
            message.send(begin=real.in_atomic_block, commit=commit and not real.savepoint_ids)


MOST_PREPARED = 300  # of one connection
NAMES = count(1)
SUCCEEDED = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class Session:
    """What a connection has prepared, {statement: name}, and what quotes and reads its values: both know its types."""

    def __init__(self, wire: psycopg.Connection[Any]) -> None:
        self.wire = wire
        self.encoding = wire.info.encoding
        self.prepared: dict[str, bytes] = {}
        self._quoting, self._reading = Transformer(wire), Transformer(wire)

    def literal(self, value: object) -> bytes:
        return b"NULL" if value is None else bytes(self._quoting.as_literal(value))

    def rows(self, result: PGresult) -> Answer:
        self._reading.set_pgresult(result)
        return self._reading.load_rows(0, result.ntuples, tuple)


class Message:
    """Statements that are sent as calls of what this connection has prepared: each is parsed and planned once.

    Names are never given twice, because a message that fails may have prepared some of its own.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._texts: list[bytes] = []
        self._reads: list[Read | None] = []
        self._new: dict[str, bytes] = {}

    def add(self, sql: str, values: Sequence[Any], read: Read | None = None) -> None:
        session = self._session
        name = session.prepared.get(sql) or self._new.get(sql)
        if name is None and len(session.prepared) + len(self._new) < MOST_PREPARED:
            name = self._new[sql] = b"journal_%d" % next(NAMES)
            numbered = "".join(_woven(sql.split("%s"), [f"${number + 1}" for number in range(len(values))]))
            self._say(b"PREPARE %b AS %b" % (name, numbered.encode(session.encoding)))
        literals = [session.literal(value) for value in values]
        if name is None:
            self._say(b"".join(_woven(sql.encode(session.encoding).split(b"%s"), literals)), read)
        else:
            self._say(b"EXECUTE %b(%b)" % (name, b", ".join(literals)) if literals else b"EXECUTE %b" % name, read)

    def send(self, *, begin: bool, commit: bool = False) -> None:
        """The message, and its answers to those who read them. Raises psycopg's errors."""
        session, wire = self._session, self._session.wire
        if begin and wire.info.transaction_status == TransactionStatus.IDLE:
            self._texts, self._reads = [b"BEGIN", *self._texts], [None, *self._reads]
        if commit:
            self._say(b"COMMIT")
        wire.pgconn.send_query(b";".join(self._texts))
        results = wire.wait(generators.execute(wire.pgconn))
        for result in results:
            if result.status not in SUCCEEDED:
                raise error_from_result(result, session.encoding)
        session.prepared.update(self._new)
        for read, result in zip(self._reads, results, strict=True):
            if read:
                read(session.rows(result))

    def _say(self, text: bytes, read: Read | None = None) -> None:
        self._texts.append(text)
        self._reads.append(read)


def _woven(texts: Sequence[Any], marks: Sequence[Any]) -> list[Any]:
    """The texts with a mark between each two."""
    return [each for pair in zip(texts, [*marks, texts[-1][:0]], strict=True) for each in pair]


def one(sql: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
    """The first row of the answer, at once."""
    found: list[tuple[Any, ...]] = []
    with _session() as (session, real):
        message = Message(session)
        message.add(sql, values, found.extend)
        message.send(begin=real.in_atomic_block)
    return found[0] if found else None


def remember(row: Model, names: Iterable[str]) -> None:
    """These columns stand in the database as they stand on the row; `update` writes those that change from now on."""
    columns = _columns(type(row))
    _note(row, [columns[name] for name in names])


class _OfThread(threading.local):
    session: Session | None = None


_of_thread = _OfThread()


@contextmanager
def _session() -> Iterator[tuple[Session, BaseDatabaseWrapper]]:
    """Django's own connection, below its cursors, and Django's face of it; its errors become Django's."""
    real = connections[DEFAULT_DB_ALIAS]
    real.ensure_connection()
    session = _of_thread.session
    if session is None or session.wire is not real.connection:
        session = _of_thread.session = Session(real.connection)
    with real.wrap_database_errors:
        yield session, real


def _numbering(row: Model) -> Read:
    def read(found: Answer) -> None:
        [[row.pk]] = found
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
    """`name` is the row's attribute. JSON may change in place, so what the database has of it is known only where that
    is empty."""

    field: AnyField
    name: str
    default: Any
    is_json: bool


KNOWN = "_known_to_the_journal"  # a row's attribute: {column's name: value} as the database has it
NATIVE = (str, int, float, bool, Decimal, datetime, date, type(None))  # what psycopg quotes as it is


def _insert(row: Model, real: BaseDatabaseWrapper) -> Statement:
    """What stands at its default is part of the text, so that only the rest is quoted anew."""
    columns, values = _written(type(row)), vars(row)
    given = [each for each in columns if values[each.name] != each.default]
    _note(row, columns)
    return _insert_sql(type(row), tuple(each.name for each in given)), _prepared(row, given, real)


def _update(row: Model, names: Sequence[str], real: BaseDatabaseWrapper) -> Statement | None:
    columns, values, known = _columns(type(row)), vars(row), vars(row).get(KNOWN, {})
    wanted = [columns[name] for name in names]
    changed = [each for each in wanted if each.name not in known or known[each.name] != values[each.name]]
    if not changed:
        return None
    _note(row, changed)
    sql = _update_sql(type(row), tuple(each.name for each in changed))
    return sql, [*_prepared(row, changed, real), row.pk]


def _prepared(row: Model, columns: Iterable[Column], real: BaseDatabaseWrapper) -> list[Any]:
    values = [(each.field, getattr(row, each.name)) for each in columns]
    return [value if type(value) in NATIVE else field.get_db_prep_save(value, real) for field, value in values]


def _note(row: Model, columns: Iterable[Column]) -> None:
    values = vars(row)
    known = values.setdefault(KNOWN, {})
    for each in columns:
        value = values[each.name]
        if not each.is_json or value is None:
            known[each.name] = value
        elif value:
            known.pop(each.name, None)
        else:
            known[each.name] = type(value)()


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


# the guard of records (gtm/records.py) is lifted by the one row that is filled again, until the next statement
KEEP = f"""
WITH given (sha256, document) AS (VALUES (%s::varchar, %s::jsonb)),
kept AS (INSERT INTO agents_app_stepcontext (sha256, document) TABLE given ON CONFLICT DO NOTHING)
UPDATE agents_app_stepcontext SET document = (SELECT document FROM given) WHERE sha256 = (SELECT sha256 FROM given)
AND CASE WHEN document ? '{EMPTIED}' THEN set_config('gtm.erasing', 'on', true) = 'on' ELSE false END
"""  # noqa: S608 a key of our own
GUARDED = "SELECT set_config('gtm.erasing', 'off', true)"


def _keep(row: StepContext, real: BaseDatabaseWrapper) -> Statement:
    columns = _columns(StepContext)
    return KEEP, _prepared(row, [columns["sha256"], columns["document"]], real)


@lru_cache(maxsize=512)
def _insert_sql(model: type[Model], given: tuple[str, ...]) -> str:
    columns = _written(model)
    names = ", ".join(_quoted(each.field) for each in columns)
    marks = ", ".join("%s" if each.name in given else _literal(each) for each in columns)
    return f"INSERT INTO {_table(model)} ({names}) VALUES ({marks}) RETURNING id"  # noqa: S608 names of our own models


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
    with _session() as (session, real):
        return session.literal(column.field.get_db_prep_save(column.default, real)).decode(session.encoding)


def _quoted(field: AnyField) -> str:
    return connections[DEFAULT_DB_ALIAS].ops.quote_name(field.column)


def _table(model: type[Model]) -> str:
    return connections[DEFAULT_DB_ALIAS].ops.quote_name(model._meta.db_table)
