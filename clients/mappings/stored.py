"""Versions of a connection's mapping: the draft, the one in force, the way back."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max

from clients import mapping
from clients.crm import presets
from clients.mapping import Problem, Row
from clients.mappings import rules
from clients.models import Connection, ContactField, Mapping, MappingRow

Status = Mapping.Status
FIELDS = tuple(ContactField.values)


class MappingRefused(Exception):
    """Rows that cannot be used; `problems` say where and why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(" ".join(in_words(problem) for problem in problems))
        self.problems = problems


class Moved(Exception):
    """Somebody else saved or activated a version meanwhile. Nothing was written."""


def in_words(problem: Problem) -> str:
    return f"Row {problem.number + 1}, {problem.part.replace('_', ' ')}: {problem.words}"


def in_force(connection: Connection) -> tuple[tuple[Row, ...], Mapping | None]:
    """The rows that the connection's deliveries are read by, and the version they are of; None: the preset's rows."""
    active = connection.mappings.filter(status=Status.ACTIVE).first()
    return (rows_of(active), active) if active else (preset(connection), None)


def preset(connection: Connection) -> tuple[Row, ...]:
    """The rows that fit most accounts of the connection's party; none where it has no fields of its own."""
    return tuple(presets.PRESETS.get(connection.party, ()))


def draft(connection: Connection) -> Mapping | None:
    return connection.mappings.filter(status=Status.DRAFT).select_related("made_by").first()


def rows_of(version: Mapping) -> tuple[Row, ...]:
    return tuple(row.as_row() for row in version.rows.all())


def mark(rows: Sequence[Row]) -> str:
    """What a form carries, to tell whether the draft is still the one that it was opened with."""
    return sha256(repr(tuple(rows)).encode()).hexdigest()[:16]


@transaction.atomic
def save_draft(
    connection: Connection, rows: Sequence[Row], *, by: User, at: datetime, note: str = "", seen: str | None = None
) -> Mapping:
    """The connection's draft with these rows, a new version where there is none. `seen` is the mark of the draft that
    was open, None where it does not matter. Raises MappingRefused, Moved."""
    refuse(rows)
    _hold(connection)
    found = draft(connection)
    if found and seen is not None and seen != mark(rows_of(found)):
        raise Moved
    if found is None:
        found = _new(connection, Status.DRAFT, rows, by=by, at=at, note=note)
    else:
        Mapping.objects.filter(pk=found.pk).update(note=note, made_by=by, made_at=at)
        _replace(found, rows)
    return found


def refuse(rows: Sequence[Row]) -> None:
    """Raises MappingRefused where a row cannot be used."""
    if problems := mapping.check(rows, FIELDS):
        raise MappingRefused(problems)


@transaction.atomic
def activate(version: Mapping, *, by: User, at: datetime, seen: str | None = None) -> Mapping:
    """From now on deliveries are read by the draft, and the rules that its rows ask for hold for the client. Raises
    Moved where it is no draft any more, or not the one with the mark `seen`; MappingRefused."""
    connection = version.connection
    _hold(connection)
    held = Mapping.objects.get(pk=version.pk)
    rows = rows_of(held)
    if held.status != Status.DRAFT or (seen is not None and seen != mark(rows)):
        raise Moved
    refuse(rows)
    return _activate(held, rows, by=by, at=at)


@transaction.atomic
def go_back(version: Mapping, *, by: User, at: datetime, note: str = "") -> Mapping:
    """A new version with the rows of an earlier one, in force at once; a draft stays. Raises MappingRefused."""
    _hold(version.connection)
    rows = rows_of(version)
    refuse(rows)
    words = note or f"Back to version {version.number}"
    copy = _new(version.connection, Status.RETIRED, rows, by=by, at=at, note=words)
    return _activate(copy, rows, by=by, at=at)


@transaction.atomic
def discard(version: Mapping) -> bool:
    """The draft is set aside, kept among the versions. False where it is none any more."""
    _hold(version.connection)
    return bool(Mapping.objects.filter(pk=version.pk, status=Status.DRAFT).update(status=Status.RETIRED))


def _hold(connection: Connection) -> None:
    """Until the transaction ends nobody else saves or activates a mapping of this connection."""
    Connection.objects.select_for_update(of=("self",)).get(pk=connection.pk)


def _new(connection: Connection, status: str, rows: Sequence[Row], *, by: User, at: datetime, note: str) -> Mapping:
    number = (connection.mappings.aggregate(highest=Max("number"))["highest"] or 0) + 1
    made = Mapping.objects.create(
        connection=connection, number=number, status=status, note=note, made_by=by, made_at=at
    )
    _replace(made, rows)
    return made


def _replace(version: Mapping, rows: Sequence[Row]) -> None:
    version.rows.all().delete()
    MappingRow.objects.bulk_create(
        MappingRow(mapping=version, position=position, **{**vars(row), "transforms": list(row.transforms)})
        for position, row in enumerate(rows)
    )


def _activate(version: Mapping, rows: Sequence[Row], *, by: User, at: datetime) -> Mapping:
    version.connection.mappings.filter(status=Status.ACTIVE).update(status=Status.RETIRED)
    version.status, version.activated_by, version.activated_at = Status.ACTIVE, by, at
    version.save(update_fields=["status", "activated_by", "activated_at"])
    rules.write(version.connection, rows, by=by, at=at)
    return version
