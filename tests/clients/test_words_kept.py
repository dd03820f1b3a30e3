"""What a layer says of its inheritance stands in its form, whatever is inherited by now: saving something else keeps
it, and whoever clears it takes it back."""

import pytest

from clients import config
from clients.config.layers import ADD, REMOVE, UNSET
from clients.models import AgencySettings, Client, ConfigKey
from tests.clients.test_admin import page
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_industry, make_user

pytestmark = pytest.mark.django_db

GONE = {REMOVE: ["gone"], ADD: ["own"]}
TAKEN_BACK = {UNSET: True}


@pytest.fixture
def operator(client):
    client.force_login(make_user_of("operator"))
    return client


def draft(settings):
    """A client whose template says nothing."""
    return make_client("acme", status="draft", industry=make_industry("ledgers"), settings=settings)


def sent_by(form):
    """What a browser sends of the form as it is opened."""
    shown = {field.html_name: field.value() for field in form}
    return {name: "on" if value is True else value for name, value in shown.items() if value not in (None, False)}


def saved(browser, client, **changes):
    """Open the form, change something in it, save."""
    address = page("change", "client", client.pk)
    sent = sent_by(browser.get(address).context["adminform"].form)
    answer = browser.post(address, {**sent, "reason": "A test", **changes})
    assert answer.status_code == 302, answer.context["errors"]
    return Client.objects.get(pk=client.pk).settings


def agency(locks=(), **settings):
    row = AgencySettings.objects.get()
    config.put(row, settings, config.Author(make_user(), "", AT), locks=list(locks))
    config.save(row, config.Author(make_user(), "", AT))


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("model_tier", TAKEN_BACK),  # only what is built in is inherited
        ("send_window.days", TAKEN_BACK),  # the last list counts whole
        ("send_window.days", {REMOVE: ["sat", "sun"]}),
        ("custom_fields.avoid_terms", TAKEN_BACK),
        ("custom_fields.avoid_terms", GONE),  # nobody says the removed one any more
        ("custom_fields.region", TAKEN_BACK),
        ("custom_fields.notes", {REMOVE: ["old"], ADD: {"new": "text"}}),
    ],
)
def test_a_word_is_kept_when_something_else_is_saved(operator, path, word):
    ConfigKey.objects.create(name="region", label="Region", kind="text")
    ConfigKey.objects.create(name="notes", label="Notes", kind="table", merge="deep")
    acme = draft({path: word})

    assert saved(operator, acme, custom_fields__offer="An offer") == {path: word, "custom_fields.offer": "An offer"}


def test_a_word_is_kept_under_a_lock(operator):
    agency(["tone", "custom_fields.avoid_terms"], **{"tone": "formal", "custom_fields.avoid_terms": ["Cheap"]})
    words = {"tone": TAKEN_BACK, "custom_fields.avoid_terms": {REMOVE: ["cheap"], ADD: ["own"]}}
    acme = draft(words)

    assert saved(operator, acme, custom_fields__offer="An offer") == {**words, "custom_fields.offer": "An offer"}


def test_an_entry_is_left_out_as_it_is_spelt_already(operator):
    agency(**{"custom_fields.avoid_terms": ["Cheap", "bold"]})
    acme = draft({"custom_fields.avoid_terms": {REMOVE: ["cheap"]}})
    form = operator.get(page("change", "client", acme.pk)).context["adminform"].form

    kept = saved(operator, acme, custom_fields__offer="An offer")

    assert [name for name, _ in form.fields["custom_fields__avoid_terms__out"].choices] == ["cheap", "bold"]
    assert kept["custom_fields.avoid_terms"] == {REMOVE: ["cheap"]}


def test_whoever_clears_the_word_takes_it_back(operator):
    words = {"tone": TAKEN_BACK, "send_window.days": TAKEN_BACK, "custom_fields.avoid_terms": GONE}
    acme = draft(words)
    cleared = {"tone__unset": "", "send_window__days__unset": "", "custom_fields__avoid_terms__out": []}

    assert saved(operator, acme, **cleared) == {"custom_fields.avoid_terms": ["own"]}


def test_what_nobody_took_back_needs_no_place(operator):
    acme = draft({"model_tier": "cheaper", "custom_fields.avoid_terms": ["own"]})

    form = operator.get(page("change", "client", acme.pk)).context["adminform"].form

    names = {
        "model_tier__unset",
        "send_window__days__unset",
        "send_window__days__out",
        "custom_fields__avoid_terms__unset",
    }
    assert not names & form.fields.keys()
