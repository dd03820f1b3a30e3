"""manage.py import_clients."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from clients import config
from clients.models import Client
from tests.factories import AT, make_industry

SEED = Path(__file__).parent.parent / "payloads/config/client_123.json"

pytestmark = pytest.mark.django_db


def run(path, *options):
    out, err = StringIO(), StringIO()
    call_command("import_clients", str(path), *options, stdout=out, stderr=err)
    return out.getvalue()


@pytest.fixture(autouse=True)
def _fintech():
    make_industry("fintech")


def test_it_shows_what_would_change_and_changes_nothing():
    printed = run(SEED)

    assert printed.splitlines() == [
        "client_123.json: new client “123” (123), in draft",
        '  industry: inherited becomes "fintech"',
        '  tone: inherited becomes "formal"',
        '  prompt_overrides → research_agent: inherited becomes "Focus on compliance and security"',
        '  prompt_overrides → persona_agent: inherited becomes "Target CFOs and risk managers"',
        '  custom_fields → emphasis: inherited becomes "regulatory_compliance"',
        '  custom_fields → avoid_terms: inherited becomes ["disruptive", "revolutionary"]',
        "Nothing was changed. Add --apply to import.",
    ]
    assert not Client.objects.exists()


def test_applying_makes_the_client_and_applying_again_finds_no_difference():
    run(SEED, "--apply")

    printed = run(SEED, "--apply")

    assert printed.splitlines() == ["client_123.json: 123", "  no difference"]
    assert config.as_text(config.export(Client.objects.get(slug="123"))) == SEED.read_text()


def test_a_folder_brings_the_good_files_and_names_the_bad_ones(tmp_path, capsys):
    (tmp_path / "client_good.json").write_text(SEED.read_text())
    (tmp_path / "client_typo.json").write_text('{"industry": "fintech", "prompt_overrides": {"reserch_agent": "x"}}')
    (tmp_path / "client_broken.json").write_text('{"industry": ')
    (tmp_path / "client_latin.json").write_bytes('{"industry": "Bäcker"}'.encode("latin-1"))
    err = StringIO()

    with pytest.raises(
        CommandError, match=r"Not imported: client_broken\.json, client_latin\.json, client_typo\.json\."
    ):
        call_command("import_clients", str(tmp_path), "--apply", stdout=StringIO(), stderr=err)

    assert err.getvalue().splitlines() == [
        "client_broken.json: The document: This is not JSON: Expecting value, line 1, column 14. Mend it there.",
        "client_latin.json: The document: The file is not UTF-8 text. Save it in UTF-8.",
        "client_typo.json: prompt_overrides → reserch_agent: This setting is not known. Did you mean research_agent?",
    ]
    assert list(Client.objects.values_list("slug", flat=True)) == ["good"]


def test_a_refused_file_leaves_its_client_as_it_was(tmp_path):
    before = {"industry": "fintech", "tone": "direct"}
    config.create_client(before, slug="acme", name="Acme", by=None, at=AT)
    file = tmp_path / "client_acme.json"
    file.write_text(json.dumps({"industry": "fintech", "tone": "formal", "custom_fields": {"max_words": 1}}))

    with pytest.raises(CommandError):
        run(file, "--apply")

    assert config.export(Client.objects.get()) == before


@pytest.mark.parametrize("name", ["nowhere.json", ".", "acme.json"])
def test_a_path_without_client_files_is_refused_in_words(tmp_path, name):
    (tmp_path / "acme.json").write_text("{}")

    with pytest.raises(CommandError, match=r"client_|There is no file"):
        run(tmp_path / name)
