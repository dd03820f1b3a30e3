"""What the import linter cannot see: the direction of foreign keys, hidden ways back, and the names of scheduled jobs."""

import ast
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models
from django.utils.module_loading import import_string

from gtm import caretaking, loop, schedules
from gtm.records import Record

ROOT = Path(__file__).resolve().parent.parent
APPS = ("clients", "agents_app", "experiments", "insights")  # left to right
OURS = [
    model
    for app in APPS
    for model in apps.get_app_config(app).get_models()
    if not model.__name__.startswith("Historical")
]
SOURCES = sorted(
    path for folder in ("gtm", *APPS) for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts
)


def relations(model: type[models.Model]) -> list[models.Field]:
    found = [*model._meta.fields, *model._meta.many_to_many]
    return [
        field
        for field in found
        if field.is_relation and field.related_model and field.related_model._meta.app_label in APPS
    ]


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_foreign_keys_point_left_or_stay(model):
    here = APPS.index(model._meta.app_label)

    right = [field.name for field in relations(model) if APPS.index(field.related_model._meta.app_label) > here]

    assert right == []


@pytest.mark.parametrize("app", ["experiments", "insights"])
def test_experiments_and_insights_leave_no_way_back_on_the_apps_to_their_left(app):
    ways_back = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config(app).get_models()
        if not model.__name__.startswith("Historical")
        for field in relations(model)
        if field.related_model._meta.app_label != app and not field.remote_field.hidden
    ]

    assert ways_back == []


def test_every_scheduled_job_is_a_function_of_the_loop_or_its_caretaker_under_its_own_name():
    for job in schedules.JOBS:
        places = [place for place in (loop, caretaking) if hasattr(place, job.function.__name__)]
        assert [getattr(place, job.function.__name__) for place in places] == [import_string(job.path)]


def test_jobs_are_passed_as_functions_never_as_strings():
    strings = [path for path in SOURCES if re.search(r"""(async_task|schedule)\(\s*f?["']""", path.read_text())]

    assert strings == []


@pytest.mark.parametrize(
    "model", [model for model in OURS if issubclass(model, Record)], ids=lambda model: model._meta.label
)
@pytest.mark.django_db
def test_what_a_record_records_is_guarded_by_the_database_too(model):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = %s::regclass", [model._meta.db_table]
        )
        triggers = dict(cursor.fetchall())

    guarded = triggers[f"{model._meta.db_table}_keeps"]
    assert [column for column in model.recorded if not re.search(rf"old\.{column}\b", guarded)] == []
    assert f"{model._meta.db_table}_stays" in triggers


def functions(path: Path) -> list[ast.FunctionDef]:
    return [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_functions_and_files_stay_within_the_budgets():
    lengths = sorted(
        (node.end_lineno - node.lineno + 1, f"{path.name}:{node.name}") for path in SOURCES for node in functions(path)
    )
    long_files = [path.name for path in SOURCES if len(path.read_text().splitlines()) > 400]

    assert lengths[-1][0] <= 50, lengths[-5:]
    assert lengths[len(lengths) // 2][0] <= 8
    assert lengths[len(lengths) * 9 // 10][0] <= 25
    assert long_files == []


def test_no_module_has_a_name_that_says_nothing():
    empty = {"utils", "util", "helpers", "helper", "common", "misc", "services", "managers", "core"}

    assert [path for path in SOURCES if empty & {path.stem, *path.parent.parts[-2:]}] == []


def test_nothing_receives_signals():
    assert [path for path in SOURCES if "django.dispatch" in path.read_text() or "@receiver" in path.read_text()] == []
