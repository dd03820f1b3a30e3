"""The page of what a client runs on: what it shows, the way back with one press, and who may press."""

from datetime import timedelta

import pytest
from django.urls import reverse

from agents_app import versions
from agents_app.models import ClientPrompt, Deployment
from clients import config
from clients.models import AgentKey, Client, ConfigVersion, Connection
from experiments import analysis
from experiments.models import Experiment
from gtm import loop, standing
from tests.crowd import make_user_of
from tests.factories import (
    AT,
    fill_variant,
    make_client,
    make_connected_client,
    make_connection,
    make_contact,
    make_experiment,
    make_prompt,
    make_request,
)  # fmt: skip

pytestmark = pytest.mark.django_db
AGENT = AgentKey.EMAIL


@pytest.fixture
def acme():
    return make_connected_client()


@pytest.fixture
def operator(client):
    client.force_login(make_user_of("operator"))
    return client


@pytest.fixture
def changed(acme):
    """acme@1 with a formal tone, acme@2 with a direct one and the CRM live."""
    standing.keep(acme.pk, at=AT)
    document = {"industry": "fintech", "tone": "direct"}
    config.apply(document, client=Client.objects.get(pk=acme.pk), by=None, reason="", at=AT)
    acme.connections.update(mode="live")
    standing.keep(acme.pk, at=AT)
    return acme


def page(slug="acme"):
    return reverse("client_deployments", args=[slug])


def text(answer):
    return " ".join(answer.content.decode().split())


def messages(answer):
    return [str(message) for message in answer.context["messages"]]


def test_it_shows_what_the_client_runs_on_now(operator, acme):
    control = versions.live()[AGENT]
    experiment = make_experiment(acme, name="Question", control=control, challenger=make_prompt(AGENT, 8))
    persona = make_prompt(AgentKey.PERSONA, 5, label="retired")
    versions.pin(acme, persona, by=None, at=AT, reason="Their lawyers read it")
    standing.keep(acme.pk, at=AT)

    shown = text(operator.get(page()))

    assert "Now: acme@1" in shown
    assert reverse("admin:agents_app_promptversion_change", args=[persona.pk]) in shown
    assert 'Pinned</span> <span class="small">v1 is live; pinned because: Their lawyers read it' in shown
    assert reverse("admin:experiments_experiment_change", args=[experiment.pk]) in shown
    assert "E-mail, v1 for 50% against v8 for 50% of its contacts" in shown
    assert "Changed since" not in shown


def test_what_has_changed_since_the_newest_tag_is_said(operator, acme):
    standing.keep(acme.pk, at=AT)
    acme.connections.update(mode="live")

    shown = text(operator.get(page()))

    assert "Changed since acme@1." in shown
    assert "HubSpot: Sandbox becomes Live" in shown


def test_a_client_of_which_nothing_was_kept_yet_says_what_keeps_its_first(operator, acme):
    assert "becomes acme@1" in text(operator.get(page()))


def test_the_history_says_how_many_runs_were_planned_on_each_and_leads_to_them(operator, changed):
    runs = [loop.plan_run(make_request(make_contact(changed)).pk, at=AT) for _ in range(2)]
    second = Deployment.objects.get(number=2)

    answer = operator.get(page())
    listed = reverse("admin:agents_app_flowrun_changelist") + f"?deployment__id__exact={second.pk}"

    assert [(row.number, row.run_count) for row in answer.context["rows"]] == [(2, 2), (1, 0)]
    assert listed in answer.content.decode()
    found = operator.get(listed).context["cl"].queryset
    assert {run.pk for run in found} == {run.pk for run in runs}


def test_any_two_are_compared_side_by_side(operator, changed):
    changed.connections.update(is_active=False)
    standing.keep(changed.pk, at=AT)

    answer = operator.get(page(), {"left": 1, "right": 2})
    last = operator.get(page())

    assert [(pair.label, pair.left, pair.right) for pair in answer.context["compared"]["changed"]] == [
        ("The client's own version", "v1", "v2"), ("Tone", "Formal", "Direct"), ("HubSpot", "Sandbox", "Live"),
    ]  # fmt: skip
    assert "<del>Formal</del>" in text(answer)
    assert [pair.label for pair in last.context["compared"]["changed"]] == ["HubSpot"]


def test_one_press_returns_and_the_message_says_what_came_back_and_how_to_undo_it(operator, changed):
    answer = operator.post(page(), {"back": 1}, follow=True)

    acme = Client.objects.get()
    assert config.effective(acme).document == Deployment.objects.get(number=1).config
    assert acme.connections.get().mode == "sandbox"
    assert messages(answer) == [
        "Acme runs on acme@1 again, as acme@3. Settings v2 become v3: Tone. HubSpot: Live becomes Sandbox. "
        "To undo this, return to acme@2."
    ]
    assert Deployment.objects.get(number=3).author.username == "operator"


def test_what_could_not_come_back_is_said_too(operator, changed):
    press = make_connection(changed, Connection.Party.NEWSAPI, name="Press")
    standing.keep(changed.pk, at=AT)
    press.delete()
    standing.keep(changed.pk, at=AT)

    answer = operator.post(page(), {"back": 3}, follow=True)

    assert messages(answer)[-1] == (
        "What did not come back: The connection Press (NewsAPI) was deleted since. Make it again, with its credential."
    )


def test_pressing_twice_returns_once(operator, changed):
    operator.post(page(), {"back": 1})

    answer = operator.post(page(), {"back": 1}, follow=True)

    assert Deployment.objects.count() == 3
    assert "Nothing was changed." in messages(answer)[-1]


@pytest.mark.parametrize("back", ["", "9", "1x", "-1", "99999999999"])
def test_a_number_that_is_none_returns_to_nothing(operator, changed, back):
    assert operator.post(page(), {"back": back}).status_code == 404
    assert Deployment.objects.count() == 2


def everything():
    return (
        Deployment.objects.count(), ConfigVersion.objects.count(), ClientPrompt.objects.count(),
        list(Connection.objects.values_list("mode", "is_active")), list(Experiment.objects.values_list("status")),
        list(Client.objects.values_list("settings")),
    )  # fmt: skip


@pytest.mark.parametrize("pressed", [{"back": 1}, {"unpin": "email_agent"}, {"pin": 1}])
def test_a_viewer_sees_it_and_presses_nothing(client, changed, pressed):
    client.force_login(make_user_of("viewer"))
    versions.pin(changed, make_prompt(AGENT, 9, label="retired"), by=None, at=AT)
    before = everything()

    shown = text(client.get(page()))

    assert client.post(page(), pressed).status_code == 403
    assert everything() == before
    assert "Return to" not in shown
    assert "Pin it" not in shown


def test_an_account_manager_returns_an_own_client_and_finds_no_other(client, changed):
    manager = make_user_of("manager")
    client.force_login(manager)
    before = everything()

    assert client.get(page()).status_code == 404
    assert client.post(page(), {"back": 1}).status_code == 404
    assert everything() == before

    changed.managers.add(manager)
    client.post(page(), {"back": 1})
    assert Deployment.objects.get(number=3).author == manager


def test_another_clients_number_is_no_way_back(operator, changed):
    other = make_client("other")
    for tone in ("casual", "direct"):
        config.apply({"industry": "fintech", "tone": tone}, client=other, by=None, reason="", at=AT)
        standing.keep(other.pk, at=AT)
    standing.return_to(Deployment.objects.get(client=other, number=1), by=make_user_of("admin"), at=AT)

    assert operator.post(page(), {"back": 3}).status_code == 404


def test_a_version_is_pinned_and_let_go_on_the_page_and_the_new_number_is_there_at_once(operator, changed):
    version = make_prompt(AGENT, 9, label="retired")

    operator.post(page(), {"pin": version.pk, "reason": "Lawyers"})
    pinned = Deployment.objects.get(number=3)
    operator.post(page(), {"unpin": AGENT})

    assert (pinned.prompts[AGENT], pinned.cause) == (version.pk, "E-mail prompt: v1 becomes v9")
    assert pinned.author.username == "operator"
    assert not ClientPrompt.objects.exists()
    assert Deployment.objects.count() == 4


def test_a_draft_cannot_be_pinned_and_is_not_offered(operator, changed):
    draft = make_prompt(AGENT, 9)

    offered = operator.get(page()).context["prompts"]
    answer = operator.post(page(), {"pin": draft.pk}, follow=True)

    assert draft not in [version for prompt in offered for version in prompt.offered]
    assert "is a draft that no run ever used" in messages(answer)[0]
    assert not ClientPrompt.objects.exists()


def test_no_secret_reaches_the_page(operator, changed):
    from clients import connections

    connection, key = connections.create(changed, party="hubspot", name="CRM", mode="live", credential="s3cret", at=AT)
    standing.keep(changed.pk, at=AT)
    connections.rotate_key(connection)

    shown = operator.get(page(), {"left": 2, "right": 3}).content.decode()

    stored = Connection.objects.get(pk=connection.pk)
    for secret in ("s3cret", key, stored.endpoint_key_sha256, bytes(stored.credential).decode()):
        assert secret not in shown


def test_the_page_asks_no_more_of_a_long_history(operator, changed, django_assert_max_num_queries):
    for number in range(3, 40):
        changed.connections.update(mode="live" if number % 2 else "sandbox")
        standing.keep(changed.pk, at=AT)
    make_experiment(changed)
    operator.get("/")  # what is remembered for the life of a process is asked for here

    with django_assert_max_num_queries(12):
        operator.get(page())


def test_a_run_and_its_request_show_the_tag_with_the_way_to_it(operator, changed):
    run = loop.plan_run(make_request(make_contact(changed)).pk, at=AT)

    for address in (reverse("run_page", args=[run.pk]), reverse("request_trace", args=[run.request_id])):
        assert f'<a href="{page()}?right=2">acme@2</a>' in text(operator.get(address))


def test_the_pages_of_a_client_lead_here(operator, changed):
    for address in (
        reverse("client_settings", args=["acme"]),
        reverse("admin:clients_client_change", args=[changed.pk]),
    ):
        assert page() in operator.get(address).content.decode()


def test_the_page_of_a_version_names_the_clients_it_is_pinned_for_that_one_may_see(client, changed):
    manager = make_user_of("manager")
    changed.managers.add(manager)
    other = make_client("hidden", name="Hidden Harbour")
    version = make_prompt(AGENT, 9, label="retired")
    for each in (changed, other):
        versions.pin(each, version, by=None, at=AT)
    client.force_login(manager)

    shown = client.get(reverse("admin:agents_app_promptversion_change", args=[version.pk])).content.decode()

    assert f'<a href="{page()}">Acme</a>' in shown
    assert "Hidden Harbour" not in shown


def test_a_release_says_which_clients_stay_with_a_pinned_version(operator, changed):
    old, new = make_prompt(AGENT, 8, label="retired"), make_prompt(AGENT, 9, label="retired")
    versions.pin(changed, old, by=None, at=AT, reason="Lawyers")

    shown = text(operator.get(reverse("admin:agents_app_promptversion_make_live", args=[new.pk])))
    same = text(operator.get(reverse("admin:agents_app_promptversion_make_live", args=[old.pk])))

    assert f'<a href="{page()}">Acme</a> stays with v8: Lawyers' in shown
    assert "stays with" not in same


@pytest.mark.parametrize("made_live_by", ["release", "experiment"])
def test_who_makes_a_version_live_is_told_which_clients_stay_with_a_pinned_one(operator, changed, made_live_by):
    old, new = make_prompt(AGENT, 8, label="retired"), make_prompt(AGENT, 9, label="retired")
    versions.pin(changed, old, by=None, at=AT)
    if made_live_by == "release":
        url = reverse("admin:agents_app_promptversion_make_live", args=[new.pk])
    else:
        experiment = make_experiment(make_client(), size=100, control=versions.live()[AGENT], challenger=new)
        fill_variant(experiment, "a", 100, replies=5), fill_variant(experiment, "b", 100, replies=20)
        analysis.decide(experiment, at=AT + timedelta(days=60))
        url = reverse("admin:experiments_experiment_step", args=[experiment.pk, "promote"])

    answer = operator.post(url, {"reason": "It was tried."}, follow=True)

    assert versions.live()[AGENT] == new
    assert messages(answer)[-1] == "Not for clients that have another version pinned: Acme with v8."
