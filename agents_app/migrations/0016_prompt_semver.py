"""Prompt versions say what they depend on besides their text, and how large their change is; a release is a row.

Versions that are there become 1.0.0, 1.1.0 … in the order of their numbers, by what changed in their texts. Which shape
their answers had then is not known and stays empty.
"""

import hashlib
import json

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from agents_app import change_levels
from gtm.records import guard

RECORDED = ("agent", "number", "text", "sha256", "note", "author_id", "created_at")
NOW_TOO = ("model", "effort", "max_tokens", "output_schema", "interface", "digest", "parent_id", "change_reasons")
BEFORE = guard("agents_app_promptversion", *RECORDED)
LEVELS = [("first", "First"), ("patch", "Patch"), ("minor", "Minor"), ("major", "Major")]
EFFORTS = [("low", "Low"), ("medium", "Medium"), ("high", "High")]
FILLED = ("parent", "level", "major", "minor", "patch", "change_reasons", "digest")

# What was released keeps its semantic version; before that it may rise, never fall.
RISES = """
CREATE TRIGGER agents_app_promptversion_rises AFTER UPDATE OF level, major, minor, patch ON agents_app_promptversion
    FOR EACH ROW WHEN (
        (OLD.level, OLD.major, OLD.minor, OLD.patch) IS DISTINCT FROM (NEW.level, NEW.major, NEW.minor, NEW.patch)
        AND (OLD.label NOT IN ('draft', 'candidate')
             OR (NEW.major, NEW.minor, NEW.patch) <= (OLD.major, OLD.minor, OLD.patch))
    ) EXECUTE FUNCTION gtm_refuse_change();
"""
HISTORY = """
UPDATE agents_app_historicalpromptversion AS past SET level = version.level, major = version.major,
    minor = version.minor, patch = version.patch, parent_id = version.parent_id, digest = version.digest,
    change_reasons = version.change_reasons
FROM agents_app_promptversion AS version WHERE version.id = past.id;
"""


def fill(apps, schema_editor):
    versions = apps.get_model("agents_app", "PromptVersion")
    for agent in versions.objects.order_by("agent").values_list("agent", flat=True).distinct():
        before, taken, rows = None, set(), list(versions.objects.filter(agent=agent).order_by("number"))
        for version in rows:
            if before is not None:
                _measure(version, before, taken)
            whole = {"text": version.text, "model": "", "effort": "", "max_tokens": None, "output_schema": {}, "interface": {}}
            version.digest = hashlib.sha256(json.dumps(whole, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
            taken.add((version.major, version.minor, version.patch))
            before = version
        versions.objects.bulk_update(rows, FILLED, batch_size=100)
    schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _measure(version, before, taken):
    change = change_levels.between(change_levels.Content(before.text), change_levels.Content(version.text))
    version.parent, version.level, version.change_reasons = before, change.level.key, change.document()
    number = (before.major, before.minor, before.patch)
    version.major, version.minor, version.patch = change_levels.following(number, change.level, taken)


def empty(apps, schema_editor):
    """The columns go with what stands in them."""


def columns():
    """Of a version and of its history."""
    return {
        "model": models.CharField(blank=True, help_text="Empty: the one that the client's settings choose.", max_length=80),
        "effort": models.CharField(
            blank=True, choices=EFFORTS, help_text="Empty: as the client's settings or the depth ask.", max_length=10
        ),
        "max_tokens": models.PositiveIntegerField(
            blank=True, help_text="In tokens. Empty: as much as the agent usually may.", null=True, verbose_name="longest answer"
        ),
        "output_schema": models.JSONField(blank=True, default=dict),
        "interface": models.JSONField(blank=True, default=dict),
        "digest": models.CharField(blank=True, max_length=64),
        "change_reasons": models.JSONField(blank=True, default=list),
        "level": models.CharField(choices=LEVELS, default="first", max_length=5),
        "major": models.PositiveIntegerField(default=1),
        "minor": models.PositiveIntegerField(default=0),
        "patch": models.PositiveIntegerField(default=0),
    }


class Migration(migrations.Migration):
    dependencies = [
        ("agents_app", "0015_research_wants"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        *(
            migrations.AddField(model_name=model, name=name, field=field)
            for model in ("promptversion", "historicalpromptversion")
            for name, field in columns().items()
        ),
        migrations.AddField(
            model_name="promptversion",
            name="parent",
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="children", to="agents_app.promptversion"),
        ),
        migrations.AddField(
            model_name="historicalpromptversion",
            name="parent",
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="agents_app.promptversion"),
        ),
        migrations.RunSQL(BEFORE.reverse_sql, BEFORE.sql),
        migrations.RunPython(fill, empty),
        migrations.RunSQL(HISTORY, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="promptversion",
            constraint=models.UniqueConstraint(fields=("agent", "major", "minor", "patch"), name="one_prompt_version_a_semver"),
        ),
        guard("agents_app_promptversion", *RECORDED, *NOW_TOO),
        migrations.RunSQL(RISES, "DROP TRIGGER agents_app_promptversion_rises ON agents_app_promptversion;"),
        migrations.AddField(model_name="plannedprompt", name="model", field=models.CharField(blank=True, max_length=80)),
        migrations.AddField(model_name="plannedprompt", name="effort", field=models.CharField(blank=True, max_length=10)),
        migrations.AddField(model_name="plannedprompt", name="max_tokens", field=models.PositiveIntegerField(blank=True, null=True)),
        guard("agents_app_plannedprompt", "run_id", "agent", "version_id", "model", "effort", "max_tokens"),
        migrations.CreateModel(
            name="Release",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("level", models.CharField(choices=LEVELS, max_length=5)),
                ("changes", models.JSONField(blank=True, default=list)),
                ("stays", models.JSONField(blank=True, default=list)),
                ("going_back", models.JSONField(blank=True, default=list)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("released_at", models.DateTimeField(db_index=True)),
                ("author", models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("replaced", models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agents_app.promptversion")),
                ("version", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="releases", to="agents_app.promptversion")),
            ],
            options={"verbose_name": "prompt release"},
        ),
        guard("agents_app_release", "version_id", "replaced_id", "level", "changes", "stays", "going_back", "reason", "author_id", "released_at"),
    ]
