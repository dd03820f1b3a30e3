"""A CRM's fields to ours: where a path looks, what a transform makes, what a sender may write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients import mapping
from clients.mapping import Row, paths, transforms
from clients.mapping.paths import MISSING, PathError

FIELDS = ("email", "title", "company_name", "phone", "full_name")
PERSON = {
    "properties": {"jobtitle": {"value": "CFO"}, "company": "Northwind Bank", "email": None, "note": " "},
    "emails": [{"label": "home", "value": "ada@home.example"}, {"label": "work", "primary": True, "value": "ada@x.example"}],
    "Attributes": [{"key": "emailaddress1", "value": "ada@d.example"}, {"key": "two words", "value": 7}],
    "custom.field": {"name": "dotted"},
    "First Name": "Ada",
    "age": 41,
    "active": True,
    "address": {"city": "Lund"},
}  # fmt: skip


def value_of(path, *specs, on_blank="ignore", fields=PERSON):
    return mapping.apply([Row("title", path, specs, on_blank)], fields).values.get("title")


def warning_of(path, *specs, fields=PERSON):
    return mapping.apply([Row("title", path, specs)], fields).trace[0].warning


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("properties.jobtitle.value", "CFO"),
        ("properties.jobtitle.value | properties.jobtitle", "CFO"),
        ("properties.company.value | properties.company", "Northwind Bank"),
        ("properties.email | properties.note | properties.company", "Northwind Bank"),
        ("First Name", "Ada"),
        (' First Name + ="(x)" + age ', "Ada (x) 41"),
        ("emails[0].value", "ada@home.example"),
        ("emails[-1].value", "ada@x.example"),
        ("emails[?primary=true].value", "ada@x.example"),
        ('emails[? label = "work" ].value', "ada@x.example"),
        ("Attributes{key=emailaddress1}", "ada@d.example"),
        ("Attributes{key=two words}", "7"),
        ("Attributes[?key=emailaddress1].value", "ada@d.example"),
        ('"custom.field".name', "dotted"),
        ('="Germany"', "Germany"),
        ('="say ""hi"""', 'say "hi"'),
        ("age", "41"),
        ("active", "true"),
        ("missing", None),
        ("properties.missing.deeper", None),
        ("emails[7].value", None),
        ("emails[?label=mobile].value", None),
        ("emails.value", None),
        ("properties.email", None),
        ('missing + ="x"', None),
    ],
)
def test_a_path_names_where_to_look(path, value):
    assert value_of(path) == value


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "The name of a field is missing: at the end."),
        ("a..b", "The name of a field is missing: character 3, before “.b”."),
        ("a | ", "The name of a field is missing: at the end."),
        ("a b]", "Write a dot, “[”, “{”, “ | ” or “ + ” here: character 4, before “]”."),
        ("a[x]", "Write a place in the list, like [0], or what to pick, like [?primary=true]: character 3, before “x]”."),
        ("a[?k]", "Write what “k” has to be, like k=work: character 5, before “]”."),
        ("a[?k=]", "Write what “k” has to be: character 6, before “]”."),
        ("a[?k=v", "Close the bracket with “]”: at the end."),
        ("a{k=v]", "Close the bracket with “}”: at the end."),
        ('"a.b', "The closing quote is missing: character 1, before “\"a.b”."),
        ("=Germany", "A text that is always the same stands in quotes, like =\"Germany\": character 2, before “Germany”."),
        ("a" * 501, "The path has 501 characters. Write at most 500."),
    ],
)  # fmt: skip
def test_a_path_that_cannot_be_read_is_refused_with_the_place(path, words):
    with pytest.raises(PathError) as refused:
        paths.parse(path)

    assert str(refused.value) == words
    assert mapping.check([Row("title", path)], FIELDS) == [mapping.Problem(0, "path", words)]


@pytest.mark.parametrize(
    ("path", "on_blank", "said"),
    [
        ("properties.email", "ignore", {}),
        ("properties.email", "clear", {"title": ""}),
        ("properties.note | missing", "clear", {"title": ""}),
        ("missing", "clear", {}),
        ("address", "clear", {}),
        ("address | age", "clear", {"title": "41"}),
    ],
)
def test_only_what_is_there_and_blank_clears_a_field_and_only_where_the_row_says_so(path, on_blank, said):
    assert mapping.apply([Row("title", path, (), on_blank)], PERSON).values == said


def test_a_required_field_that_is_missing_is_a_problem_in_words():
    rows = [
        Row("email", "email | mail", required=True),
        Row("custom.lead_score", "address", required=True),
        Row("title", "age", required=True),
    ]

    mapped = mapping.apply(rows, PERSON)

    assert mapped.values == {"title": "41"}
    assert mapped.problems == [
        "There is no e-mail address in it, which is required. Nothing stands at email | mail.",
        "There is no lead score in it, which is required. It is a group of fields. Name the one that is meant, after a dot.",
    ]


def test_rows_that_only_write_or_rest_read_nothing():
    rows = [Row("title", "age", direction="out"), Row("phone", "age", direction="none"), Row("email", "age", direction="both")]  # fmt: skip

    assert mapping.apply(rows, PERSON).values == {"email": "41"}


def test_the_trace_tells_which_place_counted_what_stood_there_and_what_became_of_it():
    rows = [Row("phone", "mobile | phone", ("phone:DE",)), Row("title", "role")]

    told, silent = mapping.apply(rows, {"phone": "0151 23456789"}).trace

    assert (told.place, told.raw, told.value, told.warning) == ("phone", "0151 23456789", "+49 1512 3456789", "")
    assert (silent.place, silent.raw, silent.value, silent.warning) == ("", None, None, "")


@pytest.mark.parametrize(
    ("spec", "raw", "value"),
    [
        ("trim", ' "Ada\u200b  Lee" ', "Ada Lee"),
        ("lower", "ADA", "ada"),
        ("upper", "de", "DE"),
        ("title_case", "ADA VAN DYKE-O'NEILL", "Ada van Dyke-O'Neill"),
        ("title_case", "Ada McKay", "Ada McKay"),
        ("full_name", "Lee, Ada", "Ada Lee"),
        ("full_name", "Ada Lee, PhD", "Ada Lee"),
        ("full_name", "Kite, Inc", "Kite, Inc"),
        ("full_name", {"first_name": "Ada", "last_name": "Lee"}, "Ada Lee"),
        ("full_name", [{"full_name": "Ada Lee", "first_name": "A"}], "Ada Lee"),
        ("first_name", "Dr. Ada Mary Lee", "Ada Mary"),
        ("first_name", "Ada", "Ada"),
        ("last_name", "Ada van der Berg", "van der Berg"),
        ("last_name", "Lee, Ada", "Lee"),
        ("last_name", "Ada Lee Jr.", "Lee"),
        ("email", "Ada Lee <ada@x.example>", "ada@x.example"),
        ("email", "mailto:ada@x.example?subject=x", "ada@x.example"),
        ("email", "ada@x.example; other@x.example", "ada@x.example"),
        ("email", "nobody", "nobody"),
        ("phone:DE", "0151 23456789", "+49 1512 3456789"),
        ("phone", "+1 (212) 555-0199", "+1 212-555-0199"),
        ("phone", "ask the desk", "ask the desk"),
        ("domain", "https://kim:pw@WWW.Acme.example:8443/about?x=1", "acme.example"),
        ("domain", "ada@acme.example", "acme.example"),
        ("date_ms", 1790000000000, "2026-09-21T14:13:20Z"),
        ("date_ms", "1790000000", "2026-09-21T14:13:20Z"),
        ("date_ms", "/Date(1790000000000+0200)/", "2026-09-21T14:13:20Z"),
        ("date_iso", "2026-11-16", "2026-11-16"),
        ("date_iso", "2026-11-16T09:30:00+02:00", "2026-11-16T07:30:00Z"),
        ("date_iso:dmy", "16/11/2026", "2026-11-16"),
        ("date_iso:mdy", "11/16/26", "2026-11-16"),
        ("list_primary", [{"value": "a", "primary": False}, {"value": "b", "primary": True}], "b"),
        ("list_primary", ["", "a"], "a"),
        ("list_primary", [{"email": "a@x.example", "type": "office"}], "a@x.example"),
        ("list_primary:nick", [{"nick": "al"}], "al"),
        ("list_primary", "plain", "plain"),
        ("list_joined", [{"value": "a"}, {"value": "b"}, {"value": "a"}], "a, b"),
        ("list_joined", "a;b, c", "a, b c"),
        ("bool", "Yes", "true"),
        ("bool", 0, "false"),
        ("constant:VIP", "anything", "VIP"),
        ("picklist:lead=Lead; customer=Customer", "LEAD", "Lead"),
        ("picklist:lead=Lead; *=Other", "partner", "Other"),
        ("picklist:lead=Lead", "partner", "partner"),
    ],
)
def test_a_transform_makes_one_spelling(spec, raw, value):
    assert value_of("at", spec, fields={"at": raw}) == value


@pytest.mark.parametrize(
    ("spec", "raw", "words"),
    [
        ("first_name", "Müller & Söhne GmbH", "It cannot be split into first and last name safely, so it stays whole."),
        ("first_name", "Acme Ltd.", "It cannot be split into first and last name safely, so it stays whole."),
        ("last_name", "山田太郎", "It cannot be split into first and last name safely, so it stays whole."),
        ("domain", "n/a", "“n/a” is no web address."),
        ("date_ms", "soon", "“soon” is no number of milliseconds since 1970."),
        ("date_ms", "9999999999999999", "“9999999999999999” lies outside the calendar."),
        (
            "date_iso",
            "16/11/2026",
            "“16/11/2026” is no date like 2026-11-16. If it is written otherwise, say dmy or mdy.",
        ),
        ("date_iso:mdy", "16/11/2026", "“16/11/2026” is no date when read as mdy."),
        ("bool", "perhaps", "“perhaps” is neither yes nor no. Replace it by a table first."),
        ("list_primary", [{"x": 1}], "Name the member to read, one of: x."),
        ("lower", ["a"], "It is a list. Put “Of a list, the main one” first."),
        ("no_such", "a", "There is no transform “no_such”."),
    ],
)
def test_what_a_transform_cannot_read_is_not_said_and_told(spec, raw, words):
    assert value_of("at", spec, on_blank="clear", fields={"at": raw}) is None
    assert warning_of("at", spec, fields={"at": raw}) == words


def test_what_is_only_doubtful_is_kept_as_written_and_told():
    assert (
        warning_of("at", "phone:DE", fields={"at": "+1 212 555"})
        == "“+1 212 555” has too few or too many digits for a phone number."
    )
    assert warning_of("at", "picklist:a=b", "lower", fields={"at": "X"}) == "“X” does not stand in the table."
    assert value_of("at", "picklist:a=b", "lower", fields={"at": "X"}) == "x"


def test_transforms_follow_one_another():
    raw = [{"value": "x"}, {"value": " LEE, ADA ", "primary": True}]

    assert value_of("at", "list_primary", "trim", "full_name", "title_case", fields={"at": raw}) == "Ada Lee"


def test_a_long_text_is_cut_and_told():
    assert value_of("at", fields={"at": "x" * 5000}) == "x" * 1000
    assert warning_of("at", fields={"at": "x" * 5000}) == "Only the first 1,000 of 5,000 characters are kept."


@pytest.mark.parametrize(
    ("row", "part", "words"),
    [
        (Row("nose", "a"), "field", "A contact has no field “nose”."),
        (Row("custom.Lead Score", "a"), "field", "“Lead Score” cannot name a field. Use small letters, digits and _, a letter first, at most 50."),
        (Row("title", "a", ("shout",)), "transforms", "There is no transform “shout”. Choose one of the list."),
        (Row("title", "a", ("lower:DE",)), "transforms", "“Small letters” takes nothing more. Empty the field beside it."),
        (Row("title", "a", ("constant",)), "transforms", "“Always this text” needs to know: the text."),
        (Row("title", "a", ("phone:Germany",)), "transforms", "“Germany” is no country of two letters, like DE or US."),
        (Row("title", "a", ("date_iso:ymd",)), "transforms", "Write dmy (day first) or mdy (month first)."),
        (Row("title", "a", ("picklist:lead",)), "transforms", "“lead” is no pair. Write what stands there, “=”, and what it becomes."),
        (Row("title", "a", ("picklist:a=b;A=c",)), "transforms", "The same word stands twice on the left. Keep one of the pairs."),
        (Row("title", "a", ("trim",) * 6), "transforms", "These are 6 transforms. At most 4 follow one another."),
        (Row("title", "a", (), "erase"), "on_blank", "Choose ignore or clear."),
        (Row("title", "a", direction="up"), "direction", "Choose in, out, both, none."),
    ],
)  # fmt: skip
def test_a_row_that_cannot_work_is_refused_where_it_is_wrong(row, part, words):
    assert mapping.check([Row("email", "email"), row], FIELDS) == [mapping.Problem(1, part, words)]


def test_a_field_is_filled_by_one_row():
    rows = [Row("title", "a"), Row("title", "b")]

    assert mapping.check(rows, FIELDS) == [
        mapping.Problem(
            1, "field", "Another row fills this field already. Put both paths into one row, parted by “ | ”."
        )
    ]


def test_what_no_row_reads_is_told_with_a_path_that_reads_it():
    rows = [
        Row("title", "properties.jobtitle.value | age"),
        Row("email", "emails[?primary=true].value"),
        Row("full_name", "address", ("full_name",)),
    ]

    unread = mapping.unread(rows, PERSON)

    assert unread == {
        "properties.company": "Northwind Bank",
        "emails[0].label": "home",
        "Attributes{key=emailaddress1}": "ada@d.example",
        "Attributes{key=two words}": 7,
        '"custom.field".name': "dotted",
        "First Name": "Ada",
        "active": True,
    }
    assert {path: value_of(path) for path in unread} == {path: paths.text(value) for path, value in unread.items()}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
SPECS = st.sampled_from([*transforms.TRANSFORMS, "phone:DE", "date_iso:dmy", "picklist:a=b", "list_primary:x", "?"])


@given(raw=JSON, specs=st.lists(SPECS, max_size=3))
def test_nothing_that_a_sender_writes_raises_or_comes_out_as_anything_but_a_text(raw, specs):
    mapped = mapping.apply([Row("title", "at", tuple(specs), "clear")], {"at": raw})

    assert all(isinstance(value, str) and len(value) <= 1000 for value in mapped.values.values())


@given(fields=st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_every_unread_path_can_be_read_and_is_read_then(fields):
    for path, value in mapping.unread([], fields).items():
        way = paths.parse(path)[0].terms[0]
        assert paths.follow(way, fields) is not MISSING
        assert path not in mapping.unread([Row("title", path)], fields), value


@given(path=st.text(alphabet="ab.[]{}|?=+\"' 01", max_size=40))
def test_a_path_is_read_or_refused_and_never_anything_else(path):
    try:
        places = paths.parse(path)
    except PathError:
        return
    assert all(place.terms for place in places)


def test_a_hostile_entry_takes_no_time():
    deep: dict = {}
    for _ in range(50_000):
        deep = {"a": deep}
    entry = {"a": deep, "list": [{"key": str(n), "value": "x" * 50} for n in range(20_000)], "text": "@" * 1_000_000}
    rows = [
        Row("email", "text", tuple(transforms.TRANSFORMS)[:5]), Row("title", "list[?key=19999].value"),
        Row("phone", "text", ("phone:DE",)), Row("full_name", "a", ("full_name",)),
        *(Row(f"custom.n{n}", "text", ("email", "domain", "trim", "last_name", "list_joined")) for n in range(50)),
    ]  # fmt: skip

    mapped = mapping.apply(rows, entry)

    assert "title" not in mapped.values
    assert len(mapping.unread(rows, entry)) <= 500
