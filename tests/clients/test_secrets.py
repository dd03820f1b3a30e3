"""Secrets: typed once, kept encrypted, waiting encrypted, given up on request, and found nowhere else."""

import re
from io import BytesIO, StringIO
from zipfile import ZipFile

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from agents_app.models import Campaign, FlowRun, Request
from clients import config
from clients.config import ChangeNotTaken, proposing
from clients.config.edits import SET, Edit
from clients.keys import BUILT_IN, by_path
from clients.models import AgencySettings, Client, ConfigKey, ProposedChange, SettingsTemplate
from tests.clients.test_admin import whole_form
from tests.clients.test_bulk_edit import applied
from tests.clients.test_config_radius import form_of
from tests.crowd import make_crowd, make_user_of
from tests.factories import AT, make_client, make_industry, make_user
from tests.gtm import places

pytestmark = pytest.mark.django_db

TOKEN = "custom_fields.token"
FIELD = "custom_fields__token"
SECRET = "s3cret-Token-0815"


@pytest.fixture(autouse=True)
def _token():
    ConfigKey.objects.create(name="token", label="Token", kind="text", sensitive=True)


@pytest.fixture
def operator(client):
    client.force_login(make_user_of("operator"))
    return client


def address(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def keep(row, text=SECRET):
    config.put_secrets(row, {TOKEN: text}, config.Author(None, "", AT))
    row.save()
    return row


def kept_in(row):
    return config.secret(type(row).objects.get(pk=row.pk), TOKEN)


def pressed_until_saved(browser, row, basis, **typed):
    """As somebody saves who reads what the page asks and presses again, the secret typed anew each time."""
    shown = browser.post(address(row), {**basis, **typed}).content.decode()
    mark = re.search(r'name="heeded" value="([^"]+)"', shown)
    return browser.post(address(row), {**basis, **typed, "heeded": mark[1]}, follow=True).content.decode()


# --- one that waits with a change


@pytest.fixture
def ledgers(settings):
    settings.TEMPLATE_REACH_ALONE = 1
    ledgers = make_industry("ledgers", settings={"tone": "formal"})
    for number in range(2):
        make_client(f"client-of-ledgers-{number}", industry=ledgers)
    return ledgers


def proposed(ledgers, secrets, **settings):
    wanted = proposing.Wanted({"tone": "direct", **settings}, [], secrets)
    return proposing.propose(ledgers, wanted, reach=2, by=make_user("priya"), at=AT)


def test_one_that_is_typed_with_a_change_that_waits_waits_too_and_is_kept_when_another_confirms(ledgers, operator):
    shown = pressed_until_saved(operator, ledgers, form_of(ledgers), **{FIELD: SECRET}, tone="direct")

    change = ProposedChange.objects.get()
    assert "Token: a new one, shown to nobody" in shown
    assert SECRET not in str(change.secrets)
    assert kept_in(ledgers) == ""
    proposing.apply(change, by=make_user("tom"), at=AT)
    assert (kept_in(ledgers), ProposedChange.objects.get().secrets) == (SECRET, {})


def test_setting_one_for_many_clients_is_itself_a_change_of_many(ledgers, operator):
    shown = pressed_until_saved(operator, ledgers, form_of(ledgers), **{FIELD: SECRET}, tone="formal")

    assert "Client Of Ledgers 0: Token: not set becomes Kept, not shown." in shown
    assert (kept_in(ledgers), ProposedChange.objects.count()) == ("", 1)


def test_declining_erases_it(ledgers):
    change = proposed(ledgers, {TOKEN: SECRET})

    proposing.decline(change, by=make_user("tom"), at=AT)

    assert (ProposedChange.objects.get().secrets, kept_in(ledgers)) == ({}, "")


def test_one_that_is_forgotten_by_a_change_that_waits_is_forgotten_when_another_confirms(ledgers):
    keep(ledgers)
    change = proposed(ledgers, {TOKEN: None})
    before = kept_in(ledgers)

    proposing.apply(change, by=make_user("tom"), at=AT)

    assert (before, kept_in(ledgers)) == (SECRET, "")


def test_a_change_that_says_nothing_of_it_leaves_it(ledgers):
    keep(ledgers)

    proposing.apply(proposed(ledgers, {}), by=make_user("tom"), at=AT)

    assert kept_in(ledgers) == SECRET


def test_a_change_that_is_refused_keeps_what_waits(ledgers):
    change = proposed(ledgers, {TOKEN: SECRET})
    SettingsTemplate.objects.filter(pk=ledgers.pk).update(revision=5)

    with pytest.raises(ChangeNotTaken):
        proposing.apply(change, by=make_user("tom"), at=AT)

    assert set(ProposedChange.objects.get().secrets) == {TOKEN}


# --- typing and giving up


def test_one_is_given_up_with_a_tick(operator):
    acme = keep(make_client("acme"))
    shown = operator.get(address(acme)).content.decode()

    operator.post(address(acme), whole_form(acme, **{f"{FIELD}__forget": "on"}))

    assert "Forget the token that is kept here" in shown
    assert (kept_in(acme), Client.objects.get().secrets) == ("", {})
    assert Client.objects.get().touched[TOKEN][0] == "operator"
    assert "Forget the token" not in operator.get(address(acme)).content.decode()


def test_typing_a_new_one_and_giving_it_up_at_once_is_refused(operator):
    acme = keep(make_client("acme"))

    shown = operator.post(address(acme), whole_form(acme, **{f"{FIELD}__forget": "on", FIELD: "new"})).content.decode()

    assert "Type a new one, or forget the one that is kept; not both." in shown
    assert kept_in(acme) == SECRET


def test_one_that_is_typed_into_a_form_that_comes_back_is_asked_for_again_and_never_lost_in_silence(ledgers, operator):
    basis = form_of(ledgers, tone="direct")
    first = operator.post(address(ledgers), {**basis, FIELD: SECRET}).content.decode()
    mark = re.search(r'name="heeded" value="([^"]+)"', first)[1]

    forgotten = operator.post(address(ledgers), {**basis, "heeded": mark})

    assert "Type it again: what is typed here is never sent back to the page." in first
    assert SECRET not in first
    assert "Save again if it is meant so." in forgotten.content.decode()
    assert ProposedChange.objects.count() == 0


# --- the search


class Kept:
    """A secret on every layer, and one that waits; what they say in clear and encrypted."""

    def __init__(self, browser):
        self.rows = make_crowd(1)
        template, acme, campaign = (self.rows[model][0] for model in (SettingsTemplate, Client, Campaign))
        agency = AgencySettings.objects.get()
        layers = {"agency": agency, "template": template, "client": acme, "campaign": campaign}
        for name, row in layers.items():
            keep(type(row).objects.get(pk=row.pk), f"clear-of-{name}-0815")
        browser.post(address(acme), whole_form(acme, tone="formal", **{FIELD: "clear-of-client-typed-0815"}))
        applied(Edit(by_path(BUILT_IN)["tone"], SET, "direct"), acme)
        wanted = proposing.Wanted({"tone": "direct"}, [], {TOKEN: "clear-of-waiting-0815"})
        self.change = proposing.propose(template, wanted, reach=1, by=make_user("who-waits"), at=AT)
        fresh = [*(type(row).objects.get(pk=row.pk) for row in layers.values()), self.change]
        self.ciphers = [row.secrets[TOKEN] for row in fresh]
        self.clears = [config.secret(row, TOKEN) for row in fresh]
        places.build_review()

    def found_in(self, text):
        marks = [*self.clears, *(each.encode().hex() for each in self.clears), *self.ciphers]
        return [mark for mark in marks if mark in text]


@pytest.fixture
def admin():
    browser = Browser(raise_request_exception=False)
    browser.force_login(make_user_of("admin"))
    return browser


@pytest.fixture
def kept(admin, caplog):
    caplog.set_level("DEBUG")
    found = Kept(admin)
    assert sorted(found.clears) == [
        "clear-of-agency-0815",
        "clear-of-campaign-0815",
        "clear-of-client-typed-0815",
        "clear-of-template-0815",
        "clear-of-waiting-0815",
    ]
    return found


def every_address(kept):
    rows = kept.rows | {AgencySettings: [AgencySettings.objects.get()]}
    yield from (places.own_url(name, rows) for name in places.own_names() if not name.startswith("flat_"))
    kinds = ("change", "history", "delete")
    for page in [*places.list_pages(), *places.add_pages(), *places.row_pages(rows, kinds=kinds)]:
        yield page.url
    yield reverse("admin:clients_proposedchange_change", args=[kept.change.pk])
    for row in (AgencySettings.objects.get(), rows[SettingsTemplate][0], rows[Client][0]):
        for past in row.history.all():
            name = f"admin:{row._meta.app_label}_{row._meta.model_name}_simple_history"
            yield reverse(name, args=[row.pk, past.history_id])
    clients = f"?clients={rows[Client][0].pk}&setting="
    yield from (f"{reverse('client_bulk_edit')}{clients}{path}" for path in ("tone", TOKEN))
    yield "/api/openapi.json"


def test_it_stands_on_no_page(admin, kept, caplog):
    addresses = list(dict.fromkeys(every_address(kept)))

    answers = {url: admin.get(url) for url in addresses}

    broken = {url: answer.status_code for url, answer in answers.items() if answer.status_code >= 500}
    assert broken.keys() <= {"/healthz/ready"}
    assert {
        url: kept.found_in(answer.content.decode())
        for url, answer in answers.items()
        if kept.found_in(answer.content.decode())
    } == {}
    assert len(addresses) > 200
    assert kept.found_in(caplog.text) == []


def test_it_stands_in_no_export_and_in_no_command_s_output(admin, kept, caplog):
    acme = kept.rows[Client][0]
    make_client("another")
    chosen = {"action": "export_json", "_selected_action": list(Client.objects.values_list("pk", flat=True))}
    zipped = admin.post(reverse("admin:clients_client_changelist"), chosen)
    with ZipFile(BytesIO(zipped.content)) as archive:
        texts = [archive.read(name).decode() for name in archive.namelist()]
    texts.append(admin.get(reverse("client_export", args=[acme.slug])).content.decode())
    out = StringIO()
    for command in (
        ["trace", str(kept.rows[Request][0].pk)],
        ["trace", str(kept.rows[Request][0].pk), "--replay"],
        ["doctor"],
    ):
        try:
            call_command(*command, stdout=out, stderr=out)
        except (CommandError, SystemExit) as refused:
            out.write(str(refused))

    assert kept.found_in("".join([*texts, out.getvalue(), caplog.text])) == []
    assert len(texts) == 3
    assert len(out.getvalue()) > 100
    assert kept.rows[FlowRun]


def table_texts(*, without):
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT (to_jsonb(t) - %s)::text FROM "{table}" t', [without])
            yield table, "\n".join(row for (row,) in cursor.fetchall())


def test_it_stands_in_no_column_of_the_database_but_the_encrypted_ones(admin, kept):
    for url in every_address(kept):
        admin.get(url)

    tables = dict(table_texts(without="secrets"))
    with_secrets = dict(table_texts(without="nothing"))

    assert {name: kept.found_in(text) for name, text in tables.items() if kept.found_in(text)} == {}
    holding = {name for name, text in with_secrets.items() if kept.found_in(text)}
    assert holding == {
        "agents_app_campaign",
        "clients_agencysettings",
        "clients_client",
        "clients_proposedchange",
        "clients_settingstemplate",
    }
    assert not any(clear in text for clear in kept.clears for text in with_secrets.values())


def test_a_page_that_fails_and_its_report_by_mail_say_nothing_of_it(admin, kept, caplog, settings, monkeypatch):
    settings.ADMINS = [("Ann", "ann@agency.example")]
    acme = Client.objects.get(pk=kept.rows[Client][0].pk)

    def fails(row, secrets, author):
        text = secrets[TOKEN]
        raise RuntimeError(f"no room for {len(text)} signs")

    monkeypatch.setattr(config, "put_secrets", fails)
    answer = admin.post(address(acme), whole_form(acme, tone="casual", **{FIELD: "clear-of-client-typed-0815"}))

    [report] = mail.outbox
    whole = [report.body, *(str(content) for content, _ in report.alternatives)]
    assert answer.status_code == 500
    assert "no room for 26 signs" in report.body
    assert FIELD in report.body  # which values there were
    assert [kept.found_in(text) for text in (answer.content.decode(), *whole, caplog.text)] == [[]] * (2 + len(whole))
