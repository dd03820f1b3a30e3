"""Rows that record what happened: their recorded columns never change, by the ORM or by SQL.

The model says which columns record (`recorded`); `guard` adds the same rule to the database, where it also holds for
`QuerySet.update`, raw SQL and other programs. Two paths may empty them, by setting `gtm.erasing` for
their own transaction: erasure what is personal, retention what only debugging needs of old runs. What retention has
emptied is filled again where a step is given the very same, by its hash (`agents_app/flow/journal.py`). What neither of
them ever needs is guarded for good: not even they may change it. Where only words of a person may ever go
(`only_erased`), not even they may write other ones, and a table may be kept from TRUNCATE (`stays_full`).
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self

from django.db import models
from django.db.migrations.operations.special import RunSQL


class RecordChanged(Exception):
    """Somebody tried to change or delete what only records."""

    def __init__(self, row: models.Model, columns: Iterable[str] = ()) -> None:
        what = ", ".join(columns) or "the row itself"
        super().__init__(
            f"{row._meta.verbose_name} {row.pk} records what happened; {what} cannot change. Add a new row instead."
        )


class Record(models.Model):
    """Columns named in `recorded` are written once; the others (a status, a label) may move."""

    recorded: ClassVar[Sequence[str]] = ()

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Self:
        row = super().from_db(*args, **kwargs)
        row._as_recorded = {name: row.__dict__[name] for name in cls.recorded if name in row.__dict__}  # type: ignore[attr-defined]
        return row

    def save(self, *args: Any, **kwargs: Any) -> None:
        changed = [name for name, old in getattr(self, "_as_recorded", {}).items() if self.__dict__.get(name) != old]
        if changed:
            raise RecordChanged(self, changed)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise RecordChanged(self)


REFUSE = """
CREATE FUNCTION gtm_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('gtm.erasing', true) = 'on' THEN
        RETURN COALESCE(NEW, OLD);
    END IF;
    RAISE EXCEPTION 'rows of % record what happened and never change', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
"""


REFUSE_FOR_GOOD = """
CREATE FUNCTION gtm_refuse_change_for_good() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % record what happened and never change', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
"""


ONLY_ERASED = r"""
CREATE FUNCTION gtm_only_erased(before text, after text, room integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT before LIKE replace(
        regexp_replace(
            CASE WHEN length(after) >= room THEN regexp_replace(after, '\[[erasd]*$', '') ELSE after END,
            '([\\%_])', '\\\1', 'g'
        ), '[erased]', '____%'
    ) || CASE WHEN length(after) >= room THEN '%' ELSE '' END
$$;
"""
"""Whether `after` is `before` with nothing but [erased] in the place of words; no word that erasure is sure of has less
than four characters. What would be longer than `room` is cut at its end."""


def only_erased(table: str, waits: str, **rooms: int | None) -> RunSQL:
    """The migration operation that makes PostgreSQL refuse any change of these columns {name: characters it has room
    for} but that of erasure, also from whoever says to be erasing. `waits` is a call of SQL that answers whether an
    erasure was asked for and is not done. Stands beside `guard`."""
    unchanged = " AND ".join(f"OLD.{name} IS NOT DISTINCT FROM NEW.{name}" for name in rooms)
    taken_out = " AND ".join(
        f"gtm_only_erased(OLD.{name}::text, NEW.{name}::text, {'NULL' if room is None else room})"
        for name, room in rooms.items()
    )
    return RunSQL(
        f"CREATE TRIGGER {table}_only_erased AFTER UPDATE OF {', '.join(rooms)} ON {table} "
        f"FOR EACH ROW WHEN (NOT ({unchanged} OR ({waits} AND {taken_out}))) "
        "EXECUTE FUNCTION gtm_refuse_change_for_good();",
        f"DROP TRIGGER {table}_only_erased ON {table};",
    )


def stays_full(table: str) -> RunSQL:
    """The migration operation that makes PostgreSQL refuse TRUNCATE, but where a test run empties its own database and
    says so (`gtm.emptying`)."""
    return RunSQL(
        f"CREATE TRIGGER {table}_stays_full BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT WHEN (current_setting('gtm.emptying', true) IS DISTINCT FROM 'on') "
        "EXECUTE FUNCTION gtm_refuse_change_for_good();",
        f"DROP TRIGGER {table}_stays_full ON {table};",
    )


def guard(table: str, *columns: str, for_good: bool = False) -> RunSQL:
    """The migration operation that makes PostgreSQL refuse a change of `columns`, and any delete, in `table`.

    `for_good`: also while something is erased. That stands beside the other guard, which lets erasure through.

    Foreign keys are named by their column (`contact_id`). An update that names none of the columns is not looked at. It
    looks after the row was written: before, PostgreSQL would lock each row for it and log that.
    """
    changed = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns)
    suffix = "_for_good" if for_good else ""
    keeps, stays = f"{table}_keeps{suffix}", f"{table}_stays{suffix}"
    refuse = f"EXECUTE FUNCTION gtm_refuse_change{suffix}()"
    return RunSQL(
        f"CREATE TRIGGER {keeps} AFTER UPDATE OF {', '.join(columns)} ON {table} "
        f"FOR EACH ROW WHEN ({changed}) {refuse};"
        f"CREATE TRIGGER {stays} AFTER DELETE ON {table} FOR EACH ROW {refuse};",
        f"DROP TRIGGER {keeps} ON {table}; DROP TRIGGER {stays} ON {table};",
    )
