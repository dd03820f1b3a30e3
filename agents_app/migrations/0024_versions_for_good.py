"""A published version cannot change: not its level after it was live once, and what holds nothing of a person not even
while somebody is erased. Expectations of rollouts are scored by what they are about."""

from django.db import migrations

from gtm.records import REFUSE_FOR_GOOD, guard

OLD_RISES = """
CREATE TRIGGER agents_app_promptversion_rises AFTER UPDATE OF level, major, minor, patch ON agents_app_promptversion
    FOR EACH ROW WHEN (
        (OLD.level, OLD.major, OLD.minor, OLD.patch) IS DISTINCT FROM (NEW.level, NEW.major, NEW.minor, NEW.patch)
        AND (OLD.label NOT IN ('draft', 'candidate')
             OR (NEW.major, NEW.minor, NEW.patch) <= (OLD.major, OLD.minor, OLD.patch))
    ) EXECUTE FUNCTION gtm_refuse_change();
"""
NO_RISES = "DROP TRIGGER agents_app_promptversion_rises ON agents_app_promptversion;"

# What was ever released keeps its semantic version, whatever its label says now; before that it may rise, never fall.
# There is no release of what went live before releases were rows: of that, the history tells.
RISES = """
CREATE FUNCTION agents_app_refuse_semver() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    levels CONSTANT text[] := ARRAY['patch', 'minor', 'major'];
BEGIN
    IF OLD.label IN ('draft', 'candidate')
       AND (NEW.major, NEW.minor, NEW.patch) > (OLD.major, OLD.minor, OLD.patch)
       AND array_position(levels, NEW.level::text) >= array_position(levels, OLD.level::text)
       AND NOT EXISTS (SELECT FROM agents_app_release WHERE version_id = OLD.id)
       AND NOT EXISTS (SELECT FROM agents_app_historicalpromptversion WHERE id = OLD.id AND label = 'live') THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'rows of % record what happened and never change', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER agents_app_promptversion_rises AFTER UPDATE OF level, major, minor, patch ON agents_app_promptversion
    FOR EACH ROW WHEN (
        (OLD.level, OLD.major, OLD.minor, OLD.patch) IS DISTINCT FROM (NEW.level, NEW.major, NEW.minor, NEW.patch)
    ) EXECUTE FUNCTION agents_app_refuse_semver();
"""

# They held the chance that the share of kept contracts does not fall against whether the candidate went live.
SCORES = """
UPDATE agents_app_rollout SET scores = CASE
    WHEN jsonb_exists(observed, 'difference') THEN scores || jsonb_build_object('brier', round(power(
        (expected->>'chance')::numeric - ((observed->>'difference')::numeric >= 0)::int, 2), 4))
    ELSE '{}' END
WHERE jsonb_exists(scores, 'brier');
"""


class Migration(migrations.Migration):
    dependencies = [("agents_app", "0023_debugging")]
    operations = [
        migrations.RunSQL(REFUSE_FOR_GOOD, "DROP FUNCTION gtm_refuse_change_for_good();"),
        # erasure takes people out of texts, notes and reasons (agents_app/personal.py), and out of nothing else
        guard("agents_app_promptversion", "agent", "number", "sha256", "author_id", "created_at", "model", "effort", "max_tokens", "output_schema", "interface", "digest", "parent_id", for_good=True),
        guard("agents_app_release", "version_id", "replaced_id", "level", "stays", "going_back", "author_id", "released_at", for_good=True),
        guard("agents_app_plannedprompt", "run_id", "agent", "version_id", "model", "effort", "max_tokens", for_good=True),
        migrations.RunSQL(NO_RISES + RISES, NO_RISES + "DROP FUNCTION agents_app_refuse_semver();" + OLD_RISES),
        migrations.RunSQL(SCORES, migrations.RunSQL.noop),
    ]
