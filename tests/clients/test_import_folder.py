"""Many clients' settings from JSON files, on a page: uploaded, looked at by client, made together."""

import json
import re
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from clients import config
from clients.config import importing, sets
from clients.keys import by_path
from clients.models import ChangeSet, Client
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_industry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fintech():
    make_industry("fintech")


@pytest.fixture
def operator(client):
    client.force_login(make_user_of("operator"))
    return client


def upload(name, document):
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return SimpleUploadedFile(name, content)


def zipped(files):
    content = BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as archive:
        for name, document in files.items():
            archive.writestr(name, document if isinstance(document, str | bytes) else json.dumps(document))
    return content.getvalue()


def tone(value):
    return {"industry": "fintech", "tone": value}


def compared(browser, *uploads, **typed):
    """The page that shows what the files change, and what it carries."""
    answer = browser.post(reverse("clients_import_folder"), {"uploads": list(uploads), **typed})
    shown = answer.content.decode()
    hidden = {name: re.search(f'name="{name}" value="([^"]+)"', shown) for name in ("carried", "seen")}
    return shown, {name: found[1] for name, found in hidden.items() if found}


def apply(browser, kept, *names, **typed):
    form = {**kept, "take": names, "apply": "yes", "reason": "New year", **typed}
    return browser.post(reverse("clients_import_folder"), form, follow=True)


def said(slug):
    return Client.objects.get(slug=slug).settings


def test_each_file_is_told_by_its_client_and_nothing_is_written(operator):
    make_client("acme", tone="formal")
    make_client("same", tone="direct")
    before = Client.objects.count()

    shown, _ = compared(
        operator,
        upload("client_acme.json", tone("direct")),
        upload("client_same.json", tone("direct")),
        upload("client_new-one.json", tone("direct")),
        upload("client_wrong.json", {"industry": "fintech", "tonne": "direct"}),
    )

    assert "Changes</span> 1 setting<" in shown
    assert "<del>Formal</del></td><td><ins>Direct</ins>" in shown
    assert "Exactly these already" in shown
    assert "New client, in draft</span> with 2 settings" in shown
    assert "<strong>tonne</strong>: This setting is not known. Did you mean tone?" in shown
    assert (said("acme"), Client.objects.count(), ChangeSet.objects.count()) == ({"tone": "formal"}, before, 0)


def test_applying_makes_all_of_it_as_one_set_without_uploading_again(operator):
    make_client("acme", tone="formal", company_size="1-50")
    _, kept = compared(
        operator, upload("client_acme.json", tone("direct")), upload("client_new_one.json", tone("casual"))
    )

    answer = apply(operator, kept, "client_acme.json", "client_new_one.json")

    made, new = ChangeSet.objects.get(), Client.objects.get(slug="new-one")
    assert (made.kind, made.what, made.reason) == (
        "import",
        "Import from JSON: 1 client changed, 1 client made",
        "New year",
    )
    assert dict(made.changes.values_list("client__slug", "paths")) == {
        "acme": {"tone": ["formal", "direct"], "company_size": ["1-50", "51-500"]},
        "new-one": {
            "industry": [None, "fintech"],
            "company_size": [None, "51-500"],
            "sales_motion": [None, "outbound"],
            "tone": [None, "casual"],
        },
    }
    assert (new.name, new.status, new.settings) == ("New One", "draft", {"tone": "casual"})
    assert config.newest_version(new).reason == "New year"
    assert re.search(r"In draft, inheriting from Fintech template[^:]*: New One\.", answer.content.decode())
    assert "You can take the changes back here." in answer.content.decode()


def test_a_file_with_a_problem_is_left_out_by_taking_its_tick_away(operator):
    make_client("acme")
    _, kept = compared(operator, upload("client_acme.json", tone("direct")), upload("client_bad.json", b"{"))

    whole = apply(operator, kept, "client_acme.json", "client_bad.json")
    written = ChangeSet.objects.count()
    apply(operator, kept, "client_acme.json")

    assert "Nothing was imported. Mend these files or leave them out: client_bad.json." in whole.content.decode()
    assert (whole.status_code, written, said("acme")) == (400, 0, {"tone": "direct"})


def test_a_mended_file_takes_the_place_of_the_one_of_its_name(operator):
    make_client("acme")
    _, kept = compared(operator, upload("client_acme.json", tone("direct")), upload("client_zeta.json", b"{"))

    shown, kept = compared(operator, upload("client_zeta.json", tone("casual")), **kept, take=["client_acme.json"])
    apply(operator, kept, "client_acme.json", "client_zeta.json")

    assert "Cannot be used" not in shown
    assert (said("acme"), said("zeta")) == ({"tone": "direct"}, {"tone": "casual"})


def test_a_tick_that_was_taken_away_stays_away_when_the_page_comes_back(operator):
    make_client("acme")
    make_client("zeta")
    _, kept = compared(operator, upload("client_acme.json", tone("direct")), upload("client_zeta.json", tone("direct")))

    shown = apply(operator, kept, "client_acme.json", reason="").content.decode()

    assert "Say in a few words why their settings change." in shown
    assert re.search(r'value="client_acme.json" checked', shown)
    assert not re.search(r'value="client_zeta.json" checked', shown)


def test_what_moved_since_it_was_looked_at_is_shown_again_and_nothing_is_written(operator):
    make_client("acme", tone="formal")
    make_client("zeta")
    _, kept = compared(operator, upload("client_acme.json", tone("direct")), upload("client_zeta.json", tone("direct")))
    Client.objects.filter(slug="acme").update(settings={"tone": "casual"}, revision=3)

    answer = apply(operator, kept, "client_acme.json", "client_zeta.json")

    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "Nothing was written: something changed since you looked." in shown
    assert "<del>Casual</del>" in shown
    assert (said("acme"), said("zeta"), ChangeSet.objects.count()) == ({"tone": "casual"}, {}, 0)


def test_when_one_client_cannot_be_written_none_is(operator, monkeypatch):
    make_client("acme")
    _, kept = compared(operator, upload("client_acme.json", tone("direct")), upload("client_zeta.json", tone("direct")))
    monkeypatch.setattr(importing.writing, "create", lambda *args, **kwargs: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        apply(operator, kept, "client_acme.json", "client_zeta.json")

    assert (said("acme"), ChangeSet.objects.count()) == ({}, 0)


def test_taking_it_back_gives_back_settings_and_columns_and_leaves_the_clients_that_were_made(operator):
    make_client("acme", tone="formal", company_size="1-50")
    _, kept = compared(operator, upload("client_acme.json", tone("direct")), upload("client_new.json", tone("casual")))
    apply(operator, kept, "client_acme.json", "client_new.json")
    made = ChangeSet.objects.get()
    page = operator.get(reverse("admin:clients_changeset_change", args=[made.pk])).content.decode()

    answer = operator.post(reverse("admin:clients_changeset_undo", args=[made.pk]), follow=True)

    acme = Client.objects.get(slug="acme")
    assert (acme.settings, acme.company_size, said("new")) == ({"tone": "formal"}, "1-50", {"tone": "casual"})
    assert "Clients that were made stay when it is taken back." in page
    assert "New: It was made by this import, and stays." in answer.content.decode()


def test_an_import_that_only_made_clients_cannot_be_taken_back_and_says_why(operator):
    _, kept = compared(operator, upload("client_new.json", tone("casual")))
    apply(operator, kept, "client_new.json")
    made = ChangeSet.objects.get()

    page = operator.get(reverse("admin:clients_changeset_change", args=[made.pk])).content.decode()
    answer = operator.post(reverse("admin:clients_changeset_undo", args=[made.pk]), follow=True).content.decode()

    assert "Take it back" not in page
    assert "Nothing can be taken back. New: It was made by this import, and stays." in answer
    assert ChangeSet.objects.get().undone_at is None


def test_what_is_carried_is_signed_and_does_not_last(operator, monkeypatch):
    make_client("acme")
    _, kept = compared(operator, upload("client_acme.json", tone("direct")))

    forged = apply(operator, {**kept, "carried": kept["carried"][:-4] + "AAAA"}, "client_acme.json")
    monkeypatch.setattr("clients.bulk_forms.KEPT_S", -1)
    late = apply(operator, kept, "client_acme.json")

    for answer in (forged, late):
        assert "The files were uploaded too long ago. Choose them again." in answer.content.decode()
    assert said("acme") == {}


def test_without_a_file_it_asks_for_one(operator):
    shown, _ = compared(operator)

    assert "Choose .json files named client_&lt;slug&gt;.json, or one .zip of them." in shown


# --- zips


def test_an_export_of_many_comes_back_as_it_was(operator):
    make_client("acme", tone="formal")
    make_client("zeta", tone="direct")
    name, content = config.download(Client.objects.select_related("industry").order_by("slug"))
    Client.objects.filter(slug="zeta").update(settings={})

    shown, kept = compared(operator, SimpleUploadedFile(name, content))
    apply(operator, kept, "client_acme.json", "client_zeta.json")

    assert "Exactly these already" in shown
    assert (said("acme"), said("zeta")) == ({"tone": "formal"}, {"tone": "direct"})


def test_a_folder_in_the_zip_and_what_a_desktop_adds_to_it_are_no_trouble():
    content = zipped(
        {"clients/client_acme.json": tone("direct"), "__MACOSX/._client_acme.json": "x", "clients/.DS_Store": "x"}
    )

    assert list(importing.unpacked([("a.zip", content)])) == ["client_acme.json"]


def bomb():
    """Small when packed, far larger than any settings when not."""
    return zipped({"client_acme.json": b" " * 50_000_000})


def liar():
    """It claims to hold ten bytes."""
    content = bytearray(bomb())
    for place in (content.find(b"PK\x03\x04") + 22, content.find(b"PK\x01\x02") + 24):
        content[place : place + 4] = (10).to_bytes(4, "little")
    return bytes(content)


def linked():
    content = BytesIO()
    with ZipFile(content, "w") as archive:
        entry = ZipInfo("client_acme.json")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    return content.getvalue()


def locked():
    content = bytearray(zipped({"client_acme.json": "{}"}))
    for place in (content.find(b"PK\x03\x04") + 6, content.find(b"PK\x01\x02") + 8):
        content[place] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (bomb, "client_acme.json is larger than 200 kB unpacked."),
        (liar, "cannot be read as a zip"),
        (linked, "client_acme.json is a link to another file."),
        (locked, "client_acme.json is locked with a password."),
        (lambda: b"no zip at all", "cannot be read as a zip"),
        (lambda: zipped({"../client_acme.json": "{}"}), "leads somewhere else"),
        (lambda: zipped({"/etc/client_acme.json": "{}"}), "leads somewhere else"),
        (lambda: zipped({"C:client_acme.json": "{}"}), "leads somewhere else"),
        (lambda: zipped({"a.zip": "x"}), "a.zip is no JSON file."),
        (lambda: zipped({"a/client_acme.json": "{}", "b/client_acme.json": "{}"}), "client_acme.json stands twice"),
        (lambda: zipped({f"client_{n}.json": "{}" for n in range(201)}), "more than 200 files"),
        (lambda: zipped({f"client_{n}.json": b" " * 190_000 for n in range(9)}), "larger than 1.5 MB together"),
        (lambda: b"PK" + b"x" * 2_000_000, "a.zip is larger than 2 MB."),
        (lambda: zipped({}), "Choose .json files"),
    ],
)
def test_a_zip_that_is_made_to_do_harm_is_refused_in_words(content, words):
    with pytest.raises(importing.FilesRefused, match=re.escape(words)):
        importing.unpacked([("a.zip", content())])


def test_a_refused_zip_is_told_on_the_page_and_keeps_what_was_there(operator):
    make_client("acme")
    _, kept = compared(operator, upload("client_acme.json", tone("direct")))

    shown, again = compared(operator, SimpleUploadedFile("a.zip", bomb()), **kept)

    assert "client_acme.json is larger than 200 kB unpacked." in shown
    assert "Changes</span> 1 setting<" in shown
    assert apply(operator, again, "client_acme.json").status_code == 200
    assert said("acme") == {"tone": "direct"}


# --- who may what


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("notes.json", "Name it client_&lt;slug&gt;.json."),
        ("client_b@d.json", "is no short name of a client."),
        (f"client_{'x' * 61}.json", "is longer than 60 characters."),
        ("client_latin.json", "The file is not UTF-8 text."),
    ],
)
def test_a_file_that_cannot_be_used_says_why(operator, name, words):
    shown, _ = compared(operator, upload(name, '{"industry": "é"}'.encode("latin-1")))

    assert words in shown


def test_two_files_of_one_client_are_refused(operator):
    shown, _ = compared(operator, upload("client_a-b.json", tone("direct")), upload("client_a_b.json", tone("formal")))

    assert shown.count("Two of the files are for this client.") == 2


def test_a_manager_imports_own_clients_and_learns_nothing_of_others(client):
    mine = make_client("mine")
    make_client("theirs", name="Hidden Harbour", tone="formal")
    mine.managers.add(manager := make_user_of("manager"))
    client.force_login(manager)

    shown, kept = compared(
        client, upload("client_mine.json", tone("direct")), upload("client_theirs.json", tone("direct"))
    )
    refused = apply(client, kept, "client_mine.json", "client_theirs.json")
    before = said("mine")
    apply(client, kept, "client_mine.json")

    assert "The short name theirs is taken." in shown
    assert "Hidden Harbour" not in shown
    assert "formal" not in shown
    assert (refused.status_code, before, said("mine"), said("theirs")) == (
        400,
        {},
        {"tone": "direct"},
        {"tone": "formal"},
    )


def test_who_may_not_make_clients_is_told_so():
    user = make_user_of("manager")

    [look] = importing.look({"client_new.json": b"{}"}, Client.objects.all(), may_add=False)

    assert (
        str(look.problems[0]) == "The document: There is no client new, and your role cannot make one. Ask an operator."
    )
    assert user.has_perm("clients.add_client")


def test_a_manager_manages_the_clients_that_the_import_made(client):
    client.force_login(manager := make_user_of("manager"))
    _, kept = compared(client, upload("client_new.json", tone("direct")))

    apply(client, kept, "client_new.json")

    assert list(Client.objects.get().managers.all()) == [manager]


def test_a_viewer_may_not_import(client):
    client.force_login(make_user_of("viewer"))

    assert client.get(reverse("clients_import_folder")).status_code == 403
    assert client.post(reverse("clients_import_folder")).status_code == 403


def test_the_list_of_clients_leads_here(operator):
    shown = operator.get(reverse("admin:clients_client_changelist")).content.decode()

    assert f'<a href="{reverse("clients_import_folder")}">Import JSON files</a>' in shown


def test_looking_asks_no_more_for_many_files_than_for_few(django_assert_num_queries):
    for number in range(20):
        make_client(f"client-{number}")
    files = {f"client_client-{number}.json": json.dumps(tone("direct")).encode() for number in range(20)}

    for some in (dict(list(files.items())[:2]), files):
        with django_assert_num_queries(4):
            importing.look(some, Client.objects.all(), may_add=True)


def test_what_a_set_changed_is_told_in_words():
    make_client("acme")
    author = config.Author(None, "x", AT)

    made = importing.apply(
        {"client_acme.json": json.dumps(tone("direct")).encode()},
        Client.objects.all(),
        may_add=True,
        seen=None,
        author=author,
    )

    known = by_path(config.known_keys())
    assert sets.told(made.changes.get(), known) == [("Tone", "inherited", "Direct")]
