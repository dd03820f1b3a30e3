"""Versions of a connection's mapping: what may change, what holds, what a trial says, and who would win."""

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from clients import mappings
from clients.mapping import Problem, Row
from clients.mappings import MappingRefused, Moved, comparing, contest, documents, left_over, replaying, trying
from clients.models import Connection, Delivery, FieldRule, Mapping, MappingRow, Observation, SourceRecord
from gtm.records import RecordChanged
from tests.factories import AT, make_client, make_connection, make_contact, make_user

pytestmark = pytest.mark.django_db

EMAIL = Row("email", "mail", ("email",), required=True)
TITLE = Row("title", "role", ("trim",))


@pytest.fixture
def connection():
    return make_connection(make_client("acme"), Connection.Party.GENERIC, name="Events")


@pytest.fixture
def kim():
    return make_user("kim", first_name="Kim", last_name="Novak")


def deliver(connection, *entries, status="applied", at=AT, **values):
    body = json.dumps(list(entries)).encode()
    return Delivery.objects.create(
        connection=connection, received_at=at, body=body, body_sha256="0" * 64, status=status, **values
    )


def activated(connection, rows, kim, at=AT):
    return mappings.activate(mappings.save_draft(connection, rows, by=kim, at=at), by=kim, at=at)


def test_without_a_version_the_preset_reads(connection):
    rows, version = mappings.in_force(connection)

    assert version is None
    assert rows == mappings.preset(connection) != ()


def test_a_draft_changes_nothing_until_it_is_activated(connection, kim):
    before = mappings.in_force(connection)

    draft = mappings.save_draft(connection, [EMAIL, TITLE], by=kim, at=AT, note="A new form")

    assert mappings.in_force(connection) == before
    assert (draft.number, draft.status, draft.note, draft.made_by) == (1, "draft", "A new form", kim)
    assert mappings.rows_of(draft) == (EMAIL, TITLE)


def test_saving_again_changes_the_one_draft(connection, kim):
    first = mappings.save_draft(connection, [EMAIL], by=kim, at=AT)

    again = mappings.save_draft(connection, [TITLE, EMAIL], by=make_user("lou"), at=AT + timedelta(hours=1), note="b")

    assert again.pk == first.pk
    assert mappings.rows_of(again) == (TITLE, EMAIL)
    row = Mapping.objects.get()
    assert (row.made_by.username, row.note, row.made_at) == ("lou", "b", AT + timedelta(hours=1))


def test_rows_that_cannot_work_are_refused_and_nothing_is_written(connection, kim):
    with pytest.raises(MappingRefused) as refused:
        mappings.save_draft(connection, [EMAIL, Row("title", "a..b")], by=kim, at=AT)

    assert refused.value.problems == [Problem(1, "path", "The name of a field is missing: character 3, before “.b”.")]
    assert str(refused.value).startswith("Row 2, path: ")
    assert not Mapping.objects.exists()


def test_a_draft_that_moved_meanwhile_is_not_overwritten(connection, kim):
    opened = mappings.mark(mappings.rows_of(mappings.save_draft(connection, [EMAIL], by=kim, at=AT)))
    mappings.save_draft(connection, [EMAIL, TITLE], by=kim, at=AT, seen=opened)

    with pytest.raises(Moved):
        mappings.save_draft(connection, [EMAIL], by=kim, at=AT, seen=opened)
    with pytest.raises(Moved):
        mappings.activate(Mapping.objects.get(), by=kim, at=AT, seen=opened)

    assert mappings.rows_of(Mapping.objects.get(status="draft")) == (EMAIL, TITLE)


def test_activating_retires_the_one_before(connection, kim):
    first = activated(connection, [EMAIL], kim)

    second = activated(connection, [EMAIL, TITLE], kim, at=AT + timedelta(hours=1))

    assert mappings.in_force(connection) == ((EMAIL, TITLE), second)
    first.refresh_from_db()
    assert (first.status, second.number, second.activated_by) == ("retired", 2, kim)


def test_going_back_is_a_new_version_and_leaves_the_draft(connection, kim):
    first = activated(connection, [EMAIL], kim)
    activated(connection, [EMAIL, TITLE], kim)
    draft = mappings.save_draft(connection, [TITLE], by=kim, at=AT)

    back = mappings.go_back(first, by=kim, at=AT)

    assert (back.number, back.note, mappings.in_force(connection)) == (4, "Back to version 1", ((EMAIL,), back))
    assert mappings.rows_of(mappings.draft(connection)) == mappings.rows_of(draft) == (TITLE,)


def test_a_draft_is_set_aside_once_and_kept(connection, kim):
    draft = mappings.save_draft(connection, [EMAIL], by=kim, at=AT)

    assert mappings.discard(draft) is True
    assert mappings.discard(draft) is False

    row = Mapping.objects.get()
    assert (row.status, row.was_used, mappings.rows_of(row)) == ("retired", False, (EMAIL,))
    with pytest.raises(Moved):
        mappings.activate(row, by=kim, at=AT)


@pytest.mark.parametrize(
    "change",
    [
        lambda version: Mapping.objects.filter(pk=version.pk).update(note="changed"),
        lambda version: Mapping.objects.filter(pk=version.pk).update(activated_at=None),
        lambda version: MappingRow.objects.filter(mapping=version).update(path="other"),
        lambda version: MappingRow.objects.filter(mapping=version).delete(),
        lambda version: MappingRow.objects.create(mapping=version, position=9, field="phone", path="phone"),
    ],
    ids=["note", "activation", "row", "row gone", "row more"],
)
def test_the_database_refuses_to_change_what_was_in_force(connection, kim, change):
    version = activated(connection, [EMAIL], kim)

    with pytest.raises(IntegrityError), transaction.atomic():
        change(version)

    assert mappings.in_force(connection) == ((EMAIL,), version)


def test_no_version_is_ever_deleted(connection, kim):
    draft = mappings.save_draft(connection, [EMAIL], by=kim, at=AT)

    with pytest.raises(RecordChanged):
        draft.delete()

    assert Mapping.objects.count() == 1


def test_activating_sets_the_rules_that_the_rows_ask_for_and_no_others(connection, kim):
    FieldRule.objects.create(client=connection.client, field="title", rule="priority", sources=["salesforce"])
    FieldRule.objects.create(client=connection.client, field="phone", rule="longest")
    rows = [
        EMAIL,
        Row("title", "role", rule="priority"),
        Row("country", "land", rule="priority_unless_older"),
        Row("phone", "tel"),
    ]

    draft = mappings.save_draft(connection, rows, by=kim, at=AT)
    assert FieldRule.objects.count() == 2
    mappings.activate(draft, by=kim, at=AT)

    held = {each.field: (each.rule, each.sources, each.days) for each in FieldRule.objects.all()}
    assert held == {
        "title": ("priority", ["generic", "salesforce"], None),
        "country": ("priority_unless_older", ["generic"], 90),
        "phone": ("longest", [], None),
    }
    assert FieldRule.history.filter(history_user=kim).count() == 2


def test_what_differs_is_told_in_words():
    before = [EMAIL, TITLE, Row("custom.lead_score", "score")]
    after = [
        Row("email", "mail | email", ("trim", "email"), required=True),
        Row("title", "role", ("trim",), "clear", rule="manual"),
        Row("phone", "tel", ("phone:DE",)),
    ]

    assert comparing.differences(before, after) == [
        ("E-mail", "path: was mail, is mail | email"),
        ("E-mail", "transforms: was e-mail address, is trim, then E-mail address"),
        ("Title", "where it is blank: was keep what we have, is clear the field"),
        ("Title", "rule: was the client's own rule, is a person decides"),
        ("Phone", "is read from tel, phone number (DE)"),
        ("Lead score", "is not read any more (was score)"),
    ]
    assert comparing.differences(after, after[::-1]) == []


def test_an_export_comes_back_as_the_same_rows(connection):
    rows = (EMAIL, TITLE, Row("custom.x", '"a.b"', ("picklist:a=b",), "clear", rule="priority", direction="both"))

    text = documents.export(connection, rows)

    assert documents.read(text) == rows
    assert json.loads(text)["rows"][1] == {"field": "title", "path": "role", "transforms": ["trim"]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "It is not JSON: Expecting property name enclosed in double quotes, line 1, column 2."),
        ("[]", 'It is no mapping. It has to begin with {"format": "mapping/1", …}, as an export does.'),
        ('{"format": "mapping/1", "rows": []}', "“rows” has to be a list of 1 to 100 rows."),
        (
            '{"format": "mapping/1", "row": []}',
            "“row” does not belong there. A mapping has: format, party, rows.",
        ),
        ('{"format": "mapping/1", "rows": [1]}', 'Row 1 is no object like {"field": "title", "path": "jobtitle"}.'),
        ('{"format": "mapping/1", "rows": [{"field": "title"}]}', "Row 1: “path” is missing."),
        (
            '{"format": "mapping/1", "rows": [{"field": "title", "path": "a", "required": "yes"}]}',
            "Row 1: “required” has to be true or false.",
        ),
        (
            '{"format": "mapping/1", "rows": [{"field": "title", "path": "a", "transforms": [1]}]}',
            "Row 1: “transforms” has to be a list of texts.",
        ),
    ],
)
def test_a_document_that_is_no_mapping_is_refused_with_the_place(text, words):
    with pytest.raises(documents.Unreadable) as refused:
        documents.read(text)

    assert str(refused.value) == words


def test_a_document_whose_rows_cannot_work_is_refused_row_by_row():
    rows = [{"field": "nose", "path": "a"}, {"field": "title", "path": "[", "rule": "latest"}]

    with pytest.raises(MappingRefused) as refused:
        documents.read(json.dumps({"format": "mapping/1", "rows": rows}))

    assert [(each.number, each.part) for each in refused.value.problems] == [(0, "field"), (1, "path")]


def test_a_trial_counts_what_would_be_read_and_names_what_would_change(connection, kim):
    activated(connection, [EMAIL, TITLE], kim)
    deliver(connection, {"mail": "ada@x.example", "role": "CFO", "job": "Chief Financial Officer"}, at=AT)
    deliver(connection, {"mail": "bo@x.example", "role": "CTO", "job": "CTO"}, at=AT + timedelta(hours=1))
    deliver(connection, {"address": "cy@x.example", "job": "Clerk"}, status="quarantined", at=AT + timedelta(hours=2))
    rows = [Row("email", "mail | address", ("email",), required=True), Row("title", "job")]
    before = (Observation.objects.count(), list(Delivery.objects.values_list("status", flat=True).order_by("pk")))

    trial = trying.run(connection, rows, instead_of=mappings.in_force(connection)[0])

    assert (trial.deliveries, trial.before.read, trial.after.read) == (3, 2, 3)
    assert (trial.before.quarantined, trial.after.quarantined, trial.newly_read, trial.newly_set_aside) == (1, 0, 1, 0)
    assert [(each.label, each.contacts) for each in trial.changes] == [("Title", 2), ("E-mail", 1)]
    assert [(each.whom, each.before, each.after) for each in trial.changes[0].examples] == [
        ("ada@x.example", "CFO", "Chief Financial Officer"),
        ("cy@x.example", "not said", "Clerk"),
    ]
    assert trial.before.why == [("There is no e-mail address in it, which is required. Nothing stands at mail.", 1)]
    after = (Observation.objects.count(), list(Delivery.objects.values_list("status", flat=True).order_by("pk")))
    assert after == before


def test_of_several_deliveries_about_one_person_a_trial_counts_the_last_word(connection):
    deliver(connection, {"contact_id": "7", "mail": "ada@x.example", "role": "old"}, at=AT)
    deliver(connection, {"contact_id": "7", "mail": "ada@x.example", "role": "new"}, at=AT + timedelta(hours=1))

    trial = trying.run(connection, [EMAIL, TITLE], instead_of=[EMAIL])

    assert [(each.label, each.contacts, each.examples[0].after) for each in trial.changes] == [("Title", 1, "new")]


def test_what_a_draft_would_set_aside_is_told_as_such(connection):
    deliver(connection, {"mail": "ada@x.example"})

    trial = trying.run(connection, [Row("email", "post", required=True)], instead_of=[EMAIL])

    assert (trial.newly_set_aside, trial.after.why[0][1]) == (1, 1)


def test_what_nobody_reads_is_counted_with_an_example_that_gives_no_secret_away(connection):
    deliver(connection, {"mail": "ada@x.example", "Job Title": "CFO", "token": "s3cret", "deep": {"score": 5}})
    deliver(connection, {"mail": "bo@x.example", "Job Title": "CTO"}, at=AT + timedelta(hours=1))

    found = left_over.of(connection, [EMAIL])

    assert found == [
        ("Job Title", 2, "CTO", "title"),
        ("deep.score", 1, "5", "custom.score"),
        ("token", 1, "(hidden)", "custom.token"),
    ]


@pytest.mark.parametrize(
    ("path", "row"),
    [
        ("properties.jobtitle.value", Row("title", "properties.jobtitle.value")),
        ("Website", Row("company_domain", "Website", ("domain",))),
        ("email", Row("custom.email", "email")),
        ("Attributes{key=Budget 2026}", Row("custom.budget_2026", "Attributes{key=Budget 2026}")),
        ('"7up.score"', Row("custom.field_7up_score", '"7up.score"')),
        ("score", Row("custom.score_2", "score")),
    ],
)
def test_a_row_for_a_path_goes_where_its_name_suggests_and_never_takes_a_field_twice(path, row):
    assert left_over.row_for(path, [EMAIL, Row("custom.score", "x")]) == row


def test_replay_names_the_quarantined_that_can_be_read_now(connection, kim):
    activated(connection, [EMAIL], kim)
    readable = deliver(connection, {"mail": "ada@x.example"}, status="quarantined")
    deliver(connection, {"post": "bo@x.example"}, status="quarantined", at=AT + timedelta(hours=1))
    deliver(connection, {"mail": "cy@x.example"}, at=AT + timedelta(hours=2))
    other = make_connection(connection.client, Connection.Party.GENERIC, name="Other")
    deliver(other, {"mail": "di@x.example"}, status="quarantined")

    assert replaying.readable(connection) == ([readable], 2)


# Who would win


@pytest.fixture
def ada(connection):
    """Known from Salesforce, which said CFO a day ago."""
    contact = make_contact(connection.client, "ada@x.example", title="CFO", full_name="Ada Lee")
    crm = make_connection(connection.client, Connection.Party.SALESFORCE, name="CRM")
    record = SourceRecord.objects.create(
        client=connection.client, connection=crm, source="salesforce", ext_id="1", contact=contact, created_at=AT
    )
    said = {"title": "CFO", "full_name": "Ada Lee"}
    basis = {"record": record, "occurred_at": AT - timedelta(days=1)}
    contact.said = {name: Observation.objects.create(field=name, value=value, **basis) for name, value in said.items()}
    return contact


def would_hold(connection, contact, said, rows=(), at=AT):
    return contest.outcomes(connection, contact, said, rows, at=at)


def test_the_latest_word_would_win(connection, ada):
    now = would_hold(connection, ada, {"title": "CEO"})["title"]
    late = would_hold(connection, ada, {"title": "CEO"}, at=AT - timedelta(days=2))["title"]

    assert (now.value, now.by, now.is_this) == ("CEO", "this entry (latest word)", True)
    assert (late.value, late.by, late.is_this) == ("CFO", "Salesforce, 15 Nov 2026 (latest word)", False)


def test_the_clients_rule_decides_and_the_rule_of_a_row_above_it(connection, ada):
    FieldRule.objects.create(client=connection.client, field="title", rule="priority", sources=["salesforce"])

    ruled = would_hold(connection, ada, {"title": "CEO"})["title"]
    asked = would_hold(connection, ada, {"title": "CEO"}, [Row("title", "role", rule="priority")])["title"]

    assert (ruled.value, ruled.by) == ("CFO", "Salesforce, 15 Nov 2026 (Salesforce comes first)")
    assert (asked.value, asked.by) == ("CEO", "this entry (Any other sender comes first)")
    assert FieldRule.objects.get().sources == ["salesforce"]


def test_where_a_person_decides_the_preview_says_that_one_would_be_asked(connection, ada):
    FieldRule.objects.create(client=connection.client, field="title", rule="manual")

    outcome = would_hold(connection, ada, {"title": "CEO"})["title"]

    assert (outcome.value, outcome.is_disputed) == ("CFO", True)


def test_a_locked_field_stays(connection, ada, kim):
    ada.field_states.create(field="title", observation=ada.said["title"], rule="latest", decided_at=AT, locked_by=kim)

    outcome = would_hold(connection, ada, {"title": "CEO"})["title"]

    assert (outcome.value, outcome.by, outcome.is_this) == ("CFO", "locked by kim", False)


def test_a_name_in_parts_would_win_over_an_older_whole_one(connection, ada):
    whole = would_hold(connection, ada, {"full_name": "Lee"}, at=AT - timedelta(days=2))["full_name"]
    parts = {"full_name": "Lee", "first_name": "Ada", "last_name": "Lee-Park"}

    assert whole.value == "Ada Lee"
    assert would_hold(connection, ada, parts)["full_name"].value == "Ada Lee-Park"


def test_for_somebody_new_everything_said_would_hold(connection):
    assert would_hold(connection, None, {"title": "CEO"})["title"].value == "CEO"
