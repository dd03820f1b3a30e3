"""Many rows at once, each with values of its own: Django's bulk_update writes a CASE a row, which costs more than the
work itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, models


def assign(model: type[models.Model], columns: Sequence[str], values: Mapping[int, Sequence[Any]]) -> None:
    """Set `columns` (as the database calls them) of the rows with these primary keys, in one UPDATE. No column may be
    one that only records (`gtm/records.py`)."""
    if not values:
        return
    meta, quote = model._meta, connection.ops.quote_name
    fields = {field.column: field for field in meta.concrete_fields}
    kinds = [fields[name].db_type(connection) for name in columns]
    names = ", ".join(quote(name) for name in columns)
    rows = ", ".join(["(%s::bigint, " + ", ".join(f"%s::{kind}" for kind in kinds) + ")"] * len(values))
    sets = ", ".join(f"{quote(name)} = v.{quote(name)}" for name in columns)
    sql = (
        f"UPDATE {quote(meta.db_table)} AS t SET {sets} FROM (VALUES {rows}) AS v(id, {names}) "  # noqa: S608 - names alone
        f"WHERE t.{quote(str(meta.pk.column))} = v.id"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [value for key, told in values.items() for value in (key, *told)])
