"""A layer that leaves out what the layers below say to an agent: every page knows the word, which has no text."""

import html
import re

import pytest
from django.urls import reverse

from clients import config
from clients.config import sets
from clients.config.edits import PUT, Edit
from clients.keys import AGENTS
from clients.models import ChangeSet, Client
from tests.clients.test_admin import page
from tests.clients.test_bulk_edit import address, applied, looked
from tests.clients.test_two_editors import opened, saved_by_priya, send
from tests.crowd import make_user_of
from tests.factories import make_client, make_industry

pytestmark = pytest.mark.django_db

WORDS = "prompt_overrides.email_agent"
LEFT_OUT = {"mode": "unset", "text": ""}
BRIEF = {"mode": "add", "text": "Be brief."}
TOLD = "What the layers below say is left out / Added to the agent's prompt: Be brief."


@pytest.fixture
def operator(client):
    client.force_login(make_user_of("operator"))
    return client


def text(answer):
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def said(client):
    return Client.objects.get(pk=client.pk).settings


def test_an_edit_of_many_tells_who_leaves_out_already(operator):
    acme = make_client("acme", settings={WORDS: [LEFT_OUT, BRIEF]})

    answer = operator.post(address(acme, setting=WORDS), {"how": "put", "text": "Be kind.", "mode": "add"})

    assert TOLD in text(answer)
    assert said(acme) == {WORDS: [LEFT_OUT, BRIEF]}


@pytest.mark.parametrize(
    ("typed", "words"),
    [("", [LEFT_OUT]), ("Be brief.", [LEFT_OUT, BRIEF])],
)
def test_many_leave_out_what_is_inherited_with_and_without_a_text(operator, typed, words):
    template = make_industry("ledgers", settings={WORDS: [{"mode": "add", "text": "Be loud."}]})
    acme = make_client("acme", status="draft", industry=template)
    sent = {"how": "set", "mode": "unset", "text": typed}

    shown, mark = looked(operator, address(acme, setting=WORDS), **sent)
    operator.post(address(acme, setting=WORDS), {**sent, "seen": mark, "apply": "yes"})

    assert "What the layers below say is left out" in shown
    assert said(acme) == {WORDS: words}
    inherited = config.effective(Client.objects.get()).document["prompt_overrides"].get("email_agent", [])
    assert [each["text"] for each in inherited] == [each["text"] for each in words if each["text"]]


def test_an_edit_of_many_needs_a_text_for_what_is_added(operator):
    acme = make_client("acme")

    answer = operator.post(address(acme, setting=WORDS), {"how": "set", "mode": "add", "text": ""})

    assert "needs something here" in text(answer)
    assert said(acme) == {}


def test_a_set_of_changes_tells_it(operator):
    acme = make_client("acme", status="draft")
    applied(Edit(None, PUT, [LEFT_OUT, BRIEF], "email_agent"), acme)
    made = ChangeSet.objects.get()

    answer = operator.get(reverse("admin:clients_changeset_change", args=[made.pk]))

    assert made.what == "What we say to the e-mail agent: add “What the layers below say is left out / Be brief.”"
    assert TOLD in text(answer)
    [part] = made.changes.all()
    assert sets.told(part, {}) == [("What we say to the e-mail agent", "inherited", TOLD)]


def test_one_who_edits_at_once_reads_it_of_the_other(operator):
    acme = make_client("acme", status="draft")
    base = opened(operator, acme)
    saved_by_priya(acme, **{WORDS: [LEFT_OUT, BRIEF]})

    answer = send(operator, acme, base, words__email_agent__0__text="Mine", words__email_agent__0__mode="add")

    assert f"they set it to “{TOLD}”" in text(answer)
    assert said(acme) == {WORDS: [LEFT_OUT, BRIEF]}


def test_the_settings_page_shows_what_is_left(operator):
    acme = make_client("acme", settings={WORDS: [LEFT_OUT, BRIEF]})

    answer = operator.get(reverse("client_settings", args=[acme.slug]))

    to_email = [row for row in answer.context["additions"] if row["agent"] == AGENTS["email_agent"]]
    assert [(row["how"], row["text"]) for row in to_email] == [("Added to the agent's prompt", "Be brief.")]
    assert to_email[0]["source"].address.endswith("#id_words__email_agent__1__text")


def test_one_who_may_read_only_reads_every_word_with_its_label(client):
    client.force_login(make_user_of("viewer"))
    acme = make_client("acme", settings={WORDS: [LEFT_OUT, BRIEF]})

    shown = text(client.get(page("change", "client", acme.pk)))

    assert "What we say to the e-mail agent : What the layers below say is left out" in shown
    assert "What we say to the e-mail agent : Added to the agent's prompt: Be brief." in shown
    assert WORDS not in shown
