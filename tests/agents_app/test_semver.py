"""Prompt versions as releases: their semantic version, what else they decide, the changelog, and the way back."""

import time
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from agents_app import contents, migrations, versions
from agents_app.agents import AGENTS
from agents_app.models import ClientPrompt, PlannedPrompt, PromptVersion, Release
from agents_app.versions import VersionRefused
from clients import erasure
from clients.erasure import rows as rows_of_erasure
from clients.models import AgentKey
from gtm import loop
from gtm.records import RecordChanged
from tests.factories import AT, make_client, make_contact, make_prompt, make_ready_client, make_request, make_user

pytestmark = pytest.mark.usefixtures("installed_for_real")

AGENT = AgentKey.EMAIL
TEXT = "You write one e-mail.\n\n## Rules\n\nNo figure from memory. At most 120 words.\n"


def write(text=TEXT, **asked):
    return versions.create(AGENT, text=text, note="", by=None, at=AT, **asked)


def live(text=TEXT, **asked):
    return versions.go_live(write(text, **asked), by=None, at=AT)


def changed(text="", note="", reason=""):
    version = versions.create(AGENT, text=text or TEXT.replace("120", "90"), note=note, by=None, at=AT)
    return versions.go_live(version, by=None, at=AT, reason=reason)


def erase(contact):
    erasure.ask(contact, by=None, at=AT)
    erasure.run(contact.client_id, at=AT)


def plan(contact):
    return loop.plan_run(make_request(contact).pk, at=AT)


@pytest.mark.django_db
def test_the_first_version_is_1_0_0_and_the_next_are_as_large_as_what_they_change():
    first = live()
    second = live(TEXT.replace("At most 120", "At most 90"))
    third = live(TEXT.replace("At most 120", "At most 90").replace("You write one", "You write just one"))
    fourth = live(TEXT, model="claude-haiku-5-5")

    made = [first, second, third, fourth]
    assert [(each.semver, each.level) for each in made] == [
        ("1.0.0", "first"),
        ("1.1.0", "minor"),
        ("1.2.0", "minor"),
        ("2.0.0", "major"),
    ]
    assert [each.parent for each in made] == [None, first, second, third]
    assert second.change_reasons[0] == {
        "level": "minor",
        "where": "Rules",
        "what": "a number or an amount changed: “120” becomes “90”",
    }
    assert fourth.title == "E-mail 2.0.0 (v4)"


@pytest.mark.django_db
def test_two_made_from_the_same_version_get_a_number_each():
    first = live()

    drafts = [write(TEXT.replace("120", number), parent=first) for number in ("90", "80")]

    assert [(each.semver, each.parent) for each in drafts] == [("1.1.0", first), ("1.2.0", first)]


@pytest.mark.django_db
def test_who_writes_it_may_say_that_it_changes_more_and_not_less():
    live()

    more = write(TEXT.replace("120", "90"), at_least="major")
    less = write(TEXT.replace("No figure", "A figure"), at_least="patch")

    assert (more.semver, more.level) == ("2.0.0", "major")
    assert more.change_reasons[0]["where"] == "By hand"
    assert (less.semver, less.level) == ("1.1.0", "minor")


@pytest.mark.django_db
def test_a_version_keeps_what_its_agent_gives_and_is_given_and_a_hash_of_it_all():
    made = write(effort="high", max_tokens=900)

    assert made.output_schema == AGENTS[AGENT].schema.model_json_schema()
    assert made.interface == {"inputs": list(AGENTS[AGENT].needed())}
    assert made.digest == contents.digest(PromptVersion.objects.get(pk=made.pk))
    assert write(effort="low", max_tokens=900).digest != made.digest


@pytest.mark.django_db
def test_the_same_text_with_other_settings_is_another_version_and_with_the_same_is_refused():
    write(effort="high")
    write(effort="low")

    with pytest.raises(VersionRefused, match="same as that of E-mail v1"):
        write(effort="high")
    assert PromptVersion.objects.count() == 2


@pytest.mark.django_db
def test_a_model_without_a_price_is_refused_in_words_and_nothing_is_written():
    with pytest.raises(VersionRefused, match=r"No price of gpt-9 is known.*Model prices"):
        write(model="gpt-9")

    assert not PromptVersion.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("text", "Other"),
        ("model", "claude-haiku-5-5"),
        ("effort", "high"),
        ("max_tokens", 9),
        ("output_schema", {"a": 1}),
        ("interface", {"inputs": []}),
        ("digest", "1" * 64),
        ("parent_id", None),
        ("change_reasons", []),
    ],
)
def test_what_a_version_holds_changes_neither_by_the_orm_nor_by_sql(column, value):
    live()
    version = PromptVersion.objects.get(pk=live(TEXT.replace("120", "90")).pk)
    stood = PromptVersion.objects.values().get(pk=version.pk)
    setattr(version, column, value)

    with pytest.raises(RecordChanged, match=column):
        version.save()
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        PromptVersion.objects.filter(pk=version.pk).update(**{column: value})
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic(), connection.cursor() as cursor:
        fresh = "NULL" if value is None else "'[0]'" if isinstance(value, dict | list) else f"'{value}'"
        cursor.execute(f"UPDATE agents_app_promptversion SET {column} = {fresh} WHERE id = %s", [version.pk])
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM agents_app_promptversion WHERE id = %s", [version.pk])

    assert PromptVersion.objects.values().get(pk=version.pk) == stood


@pytest.mark.django_db
def test_a_draft_may_be_raised_by_how_it_behaves_until_it_goes_live():
    live()
    draft, ann = write(TEXT.replace("120", "90")), make_user("ann")

    made = versions.raise_to(draft, "major", by=ann, at=AT, reason="34 of 100 cases changed")

    assert (made.semver, made.level) == ("2.0.0", "major")
    move = made.history.first()
    assert (move.history_user, move.history_change_reason) == (ann, "Raised to major: 34 of 100 cases changed")
    versions.go_live(made, by=None, at=AT)
    assert versions.may_rise_to(made) == []


@pytest.mark.django_db
def test_a_version_that_was_live_once_is_not_raised_while_it_is_tried_again():
    live()
    second = live(TEXT.replace("120", "90"))
    live(TEXT.replace("120", "80"))
    versions.try_out(second, by=None, at=AT)

    with pytest.raises(VersionRefused, match="until it first goes live"):
        versions.raise_to(second, "major", by=None, at=AT)

    assert PromptVersion.objects.get(pk=second.pk).semver == "1.1.0"


@pytest.mark.django_db
@pytest.mark.parametrize("level", ["patch", "minor", "huge", ""])
def test_a_level_is_never_lowered_and_never_another_word(level):
    live()
    draft = write(TEXT.replace("120", "90"))

    with pytest.raises(VersionRefused, match="can only be raised"):
        versions.raise_to(draft, level, by=None, at=AT)

    assert PromptVersion.objects.get(pk=draft.pk).semver == "1.1.0"


@pytest.mark.django_db
@pytest.mark.parametrize("label", ["live", "retired", "draft"])
def test_the_database_keeps_a_released_semantic_version_and_lowers_none(label):
    live()
    version = live(TEXT.replace("120", "90"))
    if label == "retired":
        live(TEXT.replace("120", "80"))
    if label == "draft":
        version = write(TEXT.replace("120", "70"))
    lower = {"minor": 0, "patch": 1} if label == "draft" else {"major": 9}

    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        PromptVersion.objects.filter(pk=version.pk).update(**lower)

    fresh = PromptVersion.objects.get(pk=version.pk)
    assert (fresh.label, fresh.semver) == (label, version.semver)


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["tried again", "a draft again", "a candidate before releases were rows"])
@pytest.mark.parametrize("way", ["orm", "sql", "while erasing"])
def test_what_was_live_once_rises_no_more_whatever_its_label_says(how, way):
    live()
    if how.endswith("rows"):
        version = make_prompt(AGENT, 901, minor=5, level="minor", label="retired", text="Older.")
        PromptVersion.history.filter(id=version.pk).update(label="live")
    else:
        version = live(TEXT.replace("120", "90"))
        live(TEXT.replace("120", "80"))
    PromptVersion.objects.filter(pk=version.pk).update(label="draft" if how == "a draft again" else "candidate")
    stood = PromptVersion.objects.values().get(pk=version.pk)

    with pytest.raises(IntegrityError, match="never change"), transaction.atomic(), connection.cursor() as cursor:
        if way == "while erasing":
            cursor.execute("SET LOCAL gtm.erasing = 'on'")
        if way == "sql":
            cursor.execute("UPDATE agents_app_promptversion SET major = 9, level = 'major' WHERE id = %s", [version.pk])
        else:
            PromptVersion.objects.filter(pk=version.pk).update(major=9, level="major")

    assert PromptVersion.objects.values().get(pk=version.pk) == stood


@pytest.mark.django_db
@pytest.mark.parametrize("values", [{"major": 9, "level": "patch"}, {"level": "patch"}, {"level": "first", "major": 9}])
def test_a_drafts_level_never_falls_though_its_number_rises(values):
    live()
    draft = write(TEXT.replace("120", "90"))
    told = ", ".join(f"{name} = '{value}'" for name, value in values.items())

    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        PromptVersion.objects.filter(pk=draft.pk).update(**values)
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE agents_app_promptversion SET {told} WHERE id = %s", [draft.pk])

    fresh = PromptVersion.objects.get(pk=draft.pk)
    assert (fresh.semver, fresh.level) == ("1.1.0", "minor")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "values"),
    [
        *(
            (PromptVersion, {name: value})
            for name, value in [
                ("model", "claude-haiku-5-5"),
                ("effort", "high"),
                ("max_tokens", 9),
                ("output_schema", {"a": 1}),
                ("interface", {"inputs": []}),
                ("digest", "1" * 64),
                ("sha256", "1" * 64),
                ("number", 99),
                ("parent_id", None),
            ]
        ),
        (Release, {"level": "major"}),
        (Release, {"stays": [{}]}),
        (Release, {"replaced_id": None}),
        (PlannedPrompt, {"model": "claude-haiku-5-5"}),
        (PlannedPrompt, {"effort": "high"}),
    ],
)
def test_what_holds_nothing_of_a_person_changes_not_even_while_somebody_is_erased(model, values):
    live()
    live(TEXT.replace("120", "90"))
    plan(make_contact(make_ready_client()))
    rows = model.objects.filter(**{"version__agent" if model is not PromptVersion else "agent": AGENT})
    row = rows.latest("pk")
    stood = model.objects.values().get(pk=row.pk)

    with pytest.raises(IntegrityError, match="never change"), rows_of_erasure.allowed():
        model.objects.filter(pk=row.pk).update(**values)
    with pytest.raises(IntegrityError, match="never change"), rows_of_erasure.allowed():
        model.objects.filter(pk=row.pk)._raw_delete("default")

    assert model.objects.values().get(pk=row.pk) == stood


@pytest.mark.django_db
def test_erasure_takes_a_person_out_of_a_text_and_its_hashes_tell_of_it():
    version = live()
    erasure.ask(make_contact(make_ready_client()), by=None, at=AT)

    with rows_of_erasure.allowed():
        PromptVersion.objects.filter(pk=version.pk).update(text=TEXT.replace("one e-mail", "[erased]"))

    fresh = PromptVersion.objects.get(pk=version.pk)
    assert (fresh.sha256, fresh.digest) == (version.sha256, version.digest)
    assert contents.sha256(fresh.text) != fresh.sha256


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Write as Ada Lee does.", "Write as Bob Lee does."),
        ("Write as Ada Lee does.", "Write as does."),
        ("Write as Ada Lee does.", "Write as [erased] never does."),
        ("Write as Ada Lee does.", "Write as Ada[erased] Lee does."),
        ("Write 100 % as Ada Lee.", "Write 100 x as [erased]."),
        ("Write it_s as Ada Lee.", "Write itts as [erased]."),
        ("Write as Ada Lee does.", ""),
    ],
)
def test_who_says_to_be_erasing_may_take_names_out_of_a_text_and_do_nothing_else(before, after):
    version = make_prompt(AGENT, 901, text=before, label="live")
    erasure.ask(make_contact(make_ready_client()), by=None, at=AT)

    with pytest.raises(IntegrityError, match="never change"), rows_of_erasure.allowed():
        PromptVersion.objects.filter(pk=version.pk).update(text=after)

    assert PromptVersion.objects.get(pk=version.pk).text == before


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["[erased]", TEXT.replace("one e-mail", "[erased]")])
def test_who_says_to_be_erasing_while_nobody_asked_for_an_erasure_takes_nothing_out(text):
    version = live()

    with pytest.raises(IntegrityError, match="never change"), rows_of_erasure.allowed():
        PromptVersion.objects.filter(pk=version.pk).update(text=text)

    assert PromptVersion.objects.get(pk=version.pk).text == TEXT


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("column", "value"),
    [("note", "Another note."), ("change_reasons", []), ("changes", []), ("reason", "Another reason.")],
)
def test_nor_do_notes_reasons_and_changes_get_other_words(column, value):
    live()
    version = changed(note="As Ada Lee asked.", reason="As Ada Lee asked.")
    erasure.ask(make_contact(make_ready_client()), by=None, at=AT)
    row = version if hasattr(version, column) else Release.objects.get(version=version)
    assert getattr(row, column)

    with pytest.raises(IntegrityError, match="never change"), rows_of_erasure.allowed():
        type(row).objects.filter(pk=row.pk).update(**{column: value})

    assert getattr(type(row).objects.get(pk=row.pk), column) == getattr(row, column)


@pytest.mark.django_db
def test_a_person_is_erased_from_all_that_a_version_and_its_release_say():
    client = make_ready_client()
    ada = make_contact(client, full_name="Ada Lee-Berg", email="ada.lee@berg.example")
    live()
    text = TEXT.replace("120", "90") + "\nNever 100% as Ada Lee-Berg \\ ada_lee: ask ada.lee@berg.example.\n"
    full = "Ada Lee-Berg asked. " * 14 + "And Ada Lee-Berg."
    version = changed(text, note=full, reason="Ada Lee-Berg asked.")
    assert "Ada Lee-Berg" in str(version.change_reasons)

    erase(ada)

    version.refresh_from_db()
    assert version.text == text.replace("Ada Lee-Berg", "[erased]").replace("ada.lee@berg.example", "[erased]")
    assert version.note == full.replace("Ada Lee-Berg", "[erased]")
    assert "[erased]" in str(version.change_reasons)
    assert "Ada Lee-Berg" not in str(version.change_reasons)
    assert Release.objects.get(version=version).reason == "[erased] asked."


@pytest.mark.django_db
@pytest.mark.parametrize("named", ["Ada Lee-Berg", "ada.lee@berg.example", "O'Neil Straße", "Ada\u2019s Lee"])
def test_a_person_is_erased_from_the_words_that_tell_a_change_of_one_word(named):
    is_address = "@" in named
    ada = make_contact(
        make_ready_client(),
        full_name="Ada Lee" if is_address else named,
        email=named if is_address else "a@berg.example",
    )
    live(TEXT + "Ask the lead.\n")
    version = changed(TEXT + f"Ask {named}.\n")
    assert named in version.change_reasons[0]["what"]

    erase(ada)

    version.refresh_from_db()
    told = f"{version.change_reasons} {Release.objects.get(version=version).changes}"
    assert "“the lead” becomes “[erased]”" in told
    assert named not in told


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("full_name", "text"), [("Will", "You will write."), ("None", "None of the terms."), ("J  D", "As J D has it.")]
)
def test_a_name_of_one_word_or_of_hardly_any_letters_changes_nobodys_prompt(full_name, text):
    somebody = make_contact(
        make_ready_client(), full_name=full_name, first_name="", last_name="", email="a@berg.example"
    )
    version = make_prompt(AGENT, 901, text=text, label="live")

    erase(somebody)

    version.refresh_from_db()
    assert version.text == text
    assert erasure.to_do().count() == 0


@pytest.mark.django_db
def test_a_note_that_grows_over_its_room_is_cut_while_somebody_is_erased():
    ada = make_contact(make_ready_client(), full_name="Ada L", email="ada@berg.example")
    note = "Ada L, " * 42
    version = make_prompt(AGENT, 901, note=note, label="live")

    erase(ada)

    version.refresh_from_db()
    assert version.note == note.replace("Ada L", "[erased]")[:300]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["agents_app_promptversion", "agents_app_release", "agents_app_plannedprompt"])
def test_no_table_of_what_was_published_is_emptied(table):
    live()
    held = PromptVersion.objects.count(), Release.objects.count()

    with pytest.raises(IntegrityError, match="never change"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL gtm.emptying = 'off'")
        cursor.execute(f"TRUNCATE {table} CASCADE")

    assert (PromptVersion.objects.count(), Release.objects.count()) == held


# --- what a version decides is fixed with the run


@pytest.mark.django_db
def test_a_run_keeps_the_model_effort_and_longest_answer_that_it_was_planned_with():
    live(model="claude-haiku-5-5", effort="high", max_tokens=700)
    contact = make_contact(make_ready_client())

    run = plan(contact)

    planned = {row.agent: (row.model, row.effort, row.max_tokens) for row in run.prompts.all()}
    assert planned[AGENT] == ("claude-haiku-5-5", "high", 700)
    assert planned[AgentKey.PERSONA] == ("claude-sonnet-5-5", "low", 2000)


@pytest.mark.django_db
def test_what_a_version_leaves_open_the_clients_settings_decide_and_then_the_depth():
    live(effort="medium")
    client = make_ready_client(effort="high", model_tier="cheaper")

    run = plan(make_contact(client))

    planned = {row.agent: (row.model, row.effort) for row in run.prompts.all()}
    assert planned[AGENT] == ("claude-haiku-5-5", "medium")
    assert planned[AgentKey.PERSONA] == ("claude-haiku-5-5", "high")


@pytest.mark.django_db
def test_what_was_planned_never_changes():
    run = plan(make_contact(make_ready_client()))
    planned = PlannedPrompt.objects.filter(run=run).first()
    planned.effort = "high"

    with pytest.raises(RecordChanged, match="effort"):
        planned.save()
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        PlannedPrompt.objects.filter(pk=planned.pk).update(model="other")

    assert PlannedPrompt.objects.get(pk=planned.pk).effort == "low"


# --- the changelog, and the way back


@pytest.mark.django_db
def test_going_live_writes_what_changed_who_stays_and_how_to_go_back():
    first, ann = live(), make_user("ann")
    acme = make_client(name="Acme")
    versions.pin(acme, first, by=None, at=AT)
    plan(make_contact(make_ready_client()))

    second = versions.go_live(write(TEXT.replace("120", "90")), by=ann, at=AT, reason="Won the test")

    release = Release.objects.latest("pk")
    assert (release.version, release.replaced, release.level, release.author) == (second, first, "minor", ann)
    assert release.changes == second.change_reasons
    assert release.stays == [{"client": acme.pk, "name": "Acme", "number": 1}]
    assert release.reason == "Won the test"
    assert release.going_back[0] == (
        "“Roll back” on the list of versions or on E-mail 1.1.0 (v2) makes E-mail 1.0.0 (v1) live again, at once."
    )
    assert release.going_back[2].endswith("keep it to their end: 1.")


@pytest.mark.django_db
def test_a_step_back_is_a_release_too_and_making_the_live_one_live_is_none():
    live()
    second = live(TEXT.replace("120", "90"))
    versions.go_live(second, by=None, at=AT)

    versions.roll_back(AGENT, by=None, at=AT)

    assert list(
        Release.objects.order_by("pk").values_list("version__number", "replaced__number", "level", "reason")
    ) == [
        (1, None, "first", "Made live"),
        (2, 1, "minor", "Made live"),
        (1, 2, "minor", "Rolled back from v2"),
    ]


@pytest.mark.django_db
def test_the_changelog_begins_with_the_text_that_comes_with_the_product():
    versions.live(at=AT)

    begun = Release.objects.filter(version__agent=AGENT).values_list("version__number", "level", "reason")
    assert list(begun) == [(1, "first", "The first live version")]


@pytest.mark.django_db
def test_a_refused_step_back_leaves_no_entry():
    live()

    with pytest.raises(VersionRefused):
        versions.roll_back(AGENT, by=None, at=AT)

    assert Release.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_step_back_is_one_transaction_and_the_next_run_uses_it_within_a_second():
    first = live()
    live(TEXT.replace("120", "90"))
    contact = make_contact(make_ready_client())
    under_way = plan(contact)
    began = time.monotonic()

    with CaptureQueriesContext(connection) as seen:
        versions.roll_back(AGENT, by=None, at=AT)
    after = plan(contact)

    assert time.monotonic() - began < 1
    said = [query["sql"] for query in seen.captured_queries]
    assert [sum(sql == word for sql in said) for word in ("BEGIN", "COMMIT")] == [1, 1]
    assert after.prompts.get(agent=AGENT).version == first
    assert under_way.prompts.get(agent=AGENT).version.number == 2
    assert not ClientPrompt.objects.exists()


@pytest.mark.django_db
def test_versions_from_before_get_their_semantic_version_from_what_changed_in_their_texts():
    texts = (
        TEXT,
        TEXT.replace("120", "90"),
        TEXT.replace("120", "90").replace("memory. ", "memory.  "),
        "Another one.\n",
    )
    made = [make_prompt(AGENT, 901 + place, text=text, minor=900 * place) for place, text in enumerate(texts)]
    folder = Path(migrations.__file__).parent
    [name] = [path.stem for path in folder.glob("*_prompt_semver.py")]
    fill = import_module(f"agents_app.migrations.{name}").fill

    with connection.cursor() as cursor:  # the guards are new with that migration
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE agents_app_promptversion DISABLE TRIGGER USER")
        fill(apps, connection.schema_editor())
        cursor.execute("ALTER TABLE agents_app_promptversion ENABLE TRIGGER USER")

    rows = PromptVersion.objects.filter(agent=AGENT).order_by("number")
    assert [(row.semver, row.level, row.parent) for row in rows] == [
        ("1.0.0", "first", None),
        ("1.1.0", "minor", made[0]),
        ("1.1.1", "patch", made[1]),
        ("1.2.0", "minor", made[2]),
    ]
    assert [row.digest for row in rows] == [contents.digest(row) for row in rows]
    assert rows[2].change_reasons[0]["what"] == "only signs, spaces or capitals changed"
