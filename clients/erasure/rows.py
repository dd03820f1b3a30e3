"""Rows of tables without a person's data, as `gtm/personal.py` has them declared.

A person's own rows are reached by indexed keys, and so are those of several people (the runs for their company). Tables
that nobody's key leads into are looked through with one regular expression, in the database: the log of the admin,
reviews, suggestions, tickets and their changes, what clients wrote, prompt versions, and a client's events.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Cast

from clients.erasure.people import Person
from clients.erasure.words import GONE, Words
from gtm import personal
from gtm.personal import Personal

Model = type[models.Model]
BATCH = 200  # rows a transaction
LAST = frozenset({"clients.Contact", "clients.HistoricalContact", "clients.Observation", "clients.SourceRecord"})


@dataclass(frozen=True)
class Reached:
    own: set[Any]
    shared: set[Any]


@contextmanager
def allowed() -> Iterator[None]:
    """A transaction in which what records may be changed (gtm/records.py). The guard is back at its end, also where
    it lies inside another one."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL gtm.erasing = 'on'")
        yield
        cursor.execute("SET LOCAL gtm.erasing = 'off'")


def blank(person: Person) -> Counter[str]:
    """All rows that keys lead to, but those that say who the person is. How many of each table were changed."""
    found = {model: one for model, one in personal.declared().items() if one.columns and one.model not in LAST}
    done: Counter[str] = Counter()
    for model, one in found.items():
        reached = _reached(person, model, one)
        done[one.model] += _change(model, one, reached.own, person.words, own=True)
        done[one.model] += _change(model, one, reached.shared - reached.own, person.words, own=False)
    return +done


def look_through(person: Person) -> Counter[str]:
    """The tables that have to be read from one end to the other; for several people at once (`people.together`)."""
    done: Counter[str] = Counter()
    for model, one in personal.declared().items():
        if one.scan:
            rows = model._base_manager.filter(**({one.client: person.client} if one.client else {}))
            done[one.model] += _change(model, one, _mentioning(rows, one, person.words), person.words, own=False)
    return +done


def blank_last(person: Person) -> Counter[str]:
    """What says who the person is. In one transaction with the note that it is done: until then all can be found."""
    done: Counter[str] = Counter()
    for model, one in personal.declared().items():
        if one.model in LAST:
            own = _reached(person, model, one).own
            done[one.model] += _change(model, one, own, person.words, own=True)
    return +done


def _reached(person: Person, model: Model, one: Personal) -> Reached:
    if one.through:
        return _through(person, one)
    rows = model._base_manager.all()
    own = _pks(rows, one.contact, person.contacts) | _pks(rows, one.record, person.records)
    shared = _pks(rows, one.among, person.contacts) | _at_company(rows, one, person)
    if one.mine:
        own |= _pks(rows.filter(pk__in=shared), (one.mine,), person.contacts)
    return Reached(own, shared if one.mine else _mentioning(rows.filter(pk__in=shared), one, person.words))


def _through(person: Person, one: Personal) -> Reached:
    """Rows that the reached rows of another model name by their keys. Others may name them too, so a row is the
    person's own only where it speaks of them."""
    holder, model = (apps.get_model(name) for name in (one.through, one.model))
    reached = _reached(person, holder, personal.declared()[holder])
    named = [_named(holder, pks, one.through_columns) for pks in (reached.own, reached.shared)]
    own, shared = (_mentioning(model._base_manager.filter(pk__in=pks), one, person.words) for pks in named)
    return Reached(own, shared)


def _named(holder: Model, pks: set[Any], columns: tuple[str, ...]) -> set[Any]:
    rows = holder._base_manager.filter(pk__in=pks).values_list(*columns)
    return {each for row in rows for each in row if each}


def _pks(rows: QuerySet[Any], lookups: Iterable[str], ids: Collection[int]) -> set[Any]:
    """One query a lookup: together, PostgreSQL would find no index to begin with."""
    if not ids:
        return set()
    return {pk for lookup in lookups for pk in rows.filter(**{f"{lookup}__in": ids}).values_list("pk", flat=True)}


def _at_company(rows: QuerySet[Any], one: Personal, person: Person) -> set[Any]:
    if not one.company or not person.domains:
        return set()
    there = rows.filter(**{f"{one.company}__in": person.domains})
    return _pks(there, (one.client, *one.shown_to), [person.client])


def _mentioning(rows: QuerySet[Any], one: Personal, words: Words) -> set[Any]:
    if not words.sql:
        return set()
    as_text = {f"text_of_{name}": Cast(name, models.TextField()) for name in one.columns}
    said = Q()
    for name in as_text:
        said |= Q(**{f"{name}__iregex": words.sql})
    return set(rows.annotate(**as_text).filter(said).values_list("pk", flat=True))


def _change(model: Model, one: Personal, pks: set[Any], words: Words, *, own: bool) -> int:
    return sum(_change_batch(model, one, batch, words, own=own) for batch in _batches(sorted(pks)))


def _change_batch(model: Model, one: Personal, pks: list[Any], words: Words, *, own: bool) -> int:
    """A row that is as it should be is not written again, so that a second time changes nothing."""
    changed = 0
    names = ["pk", *one.columns, *(["id"] if one.contact == ("id",) else [])]
    with allowed():
        for row in model._base_manager.filter(pk__in=pks).order_by("pk").values(*names):
            values = {name: _value(model, one, name, row, words, own=own) for name in one.columns}
            different = {name: value for name, value in values.items() if value != row[name]}
            if different:
                changed += model._base_manager.filter(pk=row["pk"]).update(**different)
    return changed


def _value(model: Model, one: Personal, name: str, row: dict[str, Any], words: Words, *, own: bool) -> Any:  # noqa: ANN401
    present = row[name]
    if own and name in one.placeholders:
        return one.placeholders[name].format(pk=row.get("id", row["pk"]))
    if own and name in one.blank:
        return _empty(model._meta.get_field(name), present)
    if name in one.keys:
        return f"erased:{row['pk']}" if words.speak_in(present) else present
    if isinstance(present, str):
        return words.taken_out(present, own=own)[: model._meta.get_field(name).max_length]  # type: ignore[union-attr]
    return words.taken_out(present, own=own)


def _empty(column: Any, present: Any) -> Any:  # noqa: ANN401
    """What is empty stays so; of what is not, a text says that it is gone where the column has room for the words."""
    if present is None or not present:
        return present
    if isinstance(present, str):
        return GONE if (column.max_length or len(GONE)) >= len(GONE) else ""
    if isinstance(present, bytes | memoryview):
        return b""
    return None if column.null else type(present)()


def _batches(pks: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(pks)
    while batch := list(islice(left, BATCH)):
        yield batch
