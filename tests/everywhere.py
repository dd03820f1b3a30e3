"""Everything the database holds, as text: where a value still stands."""

import re

from django.contrib.sessions.models import Session
from django.db import connection
from django_q.models import OrmQ, Task

TABLES = """
    SELECT c.table_name, array_agg(CASE WHEN c.data_type = 'bytea' THEN format('encode(%I, ''escape'')', c.column_name)
                                        ELSE format('%I::text', c.column_name) END)
    FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' GROUP BY c.table_name
"""


def places(*values: str) -> list[str]:
    """The tables that hold one of the values, in any case of letters, with the beginning of what they hold."""
    wanted = re.compile("|".join(re.escape(value) for value in values), re.IGNORECASE)
    return sorted({f"{table}: …{text[max(found.start() - 60, 0) : found.end() + 40]}…"
                   for table, text in _texts() if (found := wanted.search(text))})  # fmt: skip


def _texts():
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        for table, columns in cursor.fetchall():
            cursor.execute(f'SELECT concat_ws(chr(10), {", ".join(columns)}) FROM "{table}"')
            yield from ((table, row[0]) for row in cursor.fetchall())
    yield from (("django_q_task", repr((task.args, task.kwargs, task.result))) for task in Task.objects.all())
    yield from (("django_q_ormq", repr(row.task)) for row in OrmQ.objects.all())
    yield from (("django_session", repr(session.get_decoded())) for session in Session.objects.all())
