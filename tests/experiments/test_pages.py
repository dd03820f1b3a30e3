"""The doors: admin, the performance page, the unsubscribe link and the API."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser
from django.urls import reverse

from agents_app.models import PlannedPrompt
from clients import suppression
from experiments import analysis, picture
from experiments.models import AnalysisSnapshot, Experiment, OutcomeEvent
from tests.factories import (
    AT,
    fill_variant,
    make_client,
    make_contact,
    make_draft,
    make_experiment,
    make_outcome,
    make_prompt,
    make_request,
    make_run,
    make_send,
    make_user,
)

pytestmark = pytest.mark.django_db
RIPE = AT + timedelta(days=15)


@pytest.fixture(autouse=True)
def now(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: RIPE)


def login(**values):
    browser = Browser()
    browser.force_login(make_user(is_staff=True, **values))
    return browser


def manager_of(*clients, permissions=("view_experiment", "change_experiment", "add_experiment")):
    user = make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    for client in clients:
        client.managers.add(user)
    browser = Browser()
    browser.force_login(user)
    return browser


def page_of(experiment):
    return reverse("admin:experiments_experiment_change", args=[experiment.pk])


def press(browser, experiment, step):
    return browser.post(reverse("admin:experiments_experiment_step", args=[experiment.pk, step]), follow=True)


def plan(**values):
    client = values.pop("client", None) or make_client()
    control, challenger = make_prompt(label="live"), make_prompt()
    basis = {"client": client.pk, "name": "Question last", "hypothesis": "It brings more.", "agent": "email_agent"}
    rest = {"metric": "replied", "base_rate": "0.05", "smallest_lift": "0.05", "window_days": "14"}
    return {**basis, **rest, "control": control.pk, "challenger": challenger.pk, **values}


class TestPlanning:
    def test_saving_computes_the_size_and_says_how_long_it_takes(self):
        browser = login(is_superuser=True)

        answer = browser.post(reverse("admin:experiments_experiment_add"), plan(), follow=True)

        experiment = Experiment.objects.get()
        assert (experiment.planned_per_variant, experiment.status, experiment.variants.count()) == (435, "draft", 2)
        assert "It needs 435 contacts in each of two variants." in answer.content.decode()

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("base_rate", "5", "0.05 for 5 %"),
            ("smallest_lift", "0", "0.03 for 3 points"),
            ("window_days", "0", "1 to 60"),
        ],
    )
    def test_nonsense_is_refused_beside_its_field_and_nothing_typed_is_lost(self, field, value, words):
        answer = login(is_superuser=True).post(reverse("admin:experiments_experiment_add"), plan(**{field: value}))

        assert words in "".join(answer.context["adminform"].form.errors[field])
        assert "Question last" in answer.content.decode()
        assert not Experiment.objects.exists()

    def test_a_manager_cannot_plan_for_somebody_elses_client(self):
        own, other = make_client(), make_client()

        answer = manager_of(own).post(reverse("admin:experiments_experiment_add"), plan(client=other))

        assert "client" in answer.context["adminform"].form.errors
        assert not Experiment.objects.exists()


class TestResultPage:
    def test_the_sentence_comes_first_with_rates_and_checks(self):
        experiment = make_experiment(size=100)
        fill_variant(experiment, "a", 100, replies=5), fill_variant(experiment, "b", 100, replies=20)
        analysis.decide(experiment, at=RIPE)

        text = login(is_superuser=True).get(page_of(experiment)).content.decode()

        assert "gets more replies: 20.0% against 5.0%" in text
        assert "+15.0 points (+5.9 to +24.3), challenger minus control" in text
        assert "within what is allowed" in text
        assert "Make the winner live" in text
        assert 'aria-label="Rate of each variant' in text

    def test_an_experiment_without_anybody_is_a_page_and_not_a_fault(self):
        answer = login(is_superuser=True).get(page_of(make_experiment()))

        assert answer.status_code == 200
        assert "no e-mail of this experiment has been sent" in answer.content.decode()

    @pytest.mark.parametrize("people", [1, 40])
    def test_at_most_twelve_queries_beside_the_navigation(self, people, django_assert_max_num_queries):
        experiment = make_experiment(size=100)
        fill_variant(experiment, "a", people, replies=1), fill_variant(experiment, "b", people)
        for _ in range(people // 10):
            analysis.analyse(experiment, at=RIPE)
        browser = login(is_superuser=True)
        browser.get(page_of(experiment))

        with django_assert_max_num_queries(12):
            browser.get(page_of(experiment))

    @pytest.mark.parametrize("experiments", [1, 8])
    def test_the_list_too(self, experiments, django_assert_max_num_queries):
        for _ in range(experiments):
            fill_variant(make_experiment(size=10), "a", 3)
        browser, url = login(is_superuser=True), reverse("admin:experiments_experiment_changelist")
        browser.get(url)

        with django_assert_max_num_queries(12):
            answer = browser.get(url)

        assert "3 of 20 contacts written to (15%)" in answer.content.decode()

    def test_another_managers_experiment_is_not_there(self):
        experiment = make_experiment()
        browser = manager_of(make_client())

        assert browser.get(page_of(experiment), follow=True).redirect_chain
        assert experiment.name not in browser.get(reverse("admin:experiments_experiment_changelist")).content.decode()

    @pytest.mark.parametrize("name", ["assignment", "outcomeevent", "analysissnapshot", "decision"])
    def test_what_was_recorded_can_be_read_and_not_changed(self, name, django_assert_max_num_queries):
        experiment = make_experiment(size=2)
        fill_variant(experiment, "a", 5, replies=2), fill_variant(experiment, "b", 5, replies=1)
        contact = make_contact(experiment.client)
        make_outcome(contact, send=make_send(make_draft(make_run(make_request(contact)))))
        analysis.decide(experiment, at=RIPE)
        browser = login(is_superuser=True)
        url = reverse(f"admin:experiments_{name}_changelist")
        browser.get(url)

        with django_assert_max_num_queries(12):
            assert browser.get(url).status_code == 200
        row = browser.get(url).context["cl"].result_list[0]
        one = reverse(f"admin:experiments_{name}_change", args=[row.pk])
        assert browser.get(one).status_code == 200
        assert browser.post(one, {}).status_code == 403


class TestButtons:
    def test_start_stop_and_analyse_do_what_they_say(self):
        experiment, browser = make_experiment(starts=False), login(is_superuser=True)

        started = press(browser, experiment, "start").content.decode()
        experiment.refresh_from_db()
        assert (experiment.status, "runs: from now on" in started) == ("running", True)

        press(browser, experiment, "analyse")
        assert AnalysisSnapshot.objects.get().experiment == experiment

        press(browser, experiment, "stop")
        experiment.refresh_from_db()
        assert (experiment.status, experiment.ended_at) == ("stopped", RIPE)
        assert experiment.history.first().history_user.is_superuser

    def test_a_refusal_is_shown_in_words(self):
        running, browser = make_experiment(), login(is_superuser=True)
        second = make_experiment(running.client, starts=False)

        answer = press(browser, second, "start")

        assert "already runs for" in answer.content.decode()
        second.refresh_from_db()
        assert second.status == "draft"

    def test_the_winner_goes_live_by_an_operators_click_only(self):
        experiment = make_experiment(size=100)
        fill_variant(experiment, "a", 100, replies=5), fill_variant(experiment, "b", 100, replies=20)
        decision = analysis.decide(experiment, at=RIPE)
        manager = manager_of(experiment.client)

        assert "Make the winner live" not in manager.get(page_of(experiment)).content.decode()
        assert press(manager, experiment, "promote").status_code == 403
        decision.refresh_from_db()
        assert (decision.promoted_at, decision.winner.prompt_version.label) == (None, "candidate")

        press(login(is_superuser=True), experiment, "promote")
        decision = type(decision).objects.get()
        assert (decision.promoted_at, decision.winner.prompt_version.label) == (RIPE, "live")

    def test_a_step_is_no_address_to_look_at_and_no_way_to_somebody_elses_experiment(self):
        experiment = make_experiment(starts=False)
        url = reverse("admin:experiments_experiment_step", args=[experiment.pk, "start"])

        assert login(is_superuser=True).get(url).status_code == 404
        assert login(is_superuser=True).post(url.replace("start", "nonsense")).status_code == 404
        assert manager_of(make_client()).post(url).status_code == 404
        assert manager_of(experiment.client, permissions=["view_experiment"]).post(url).status_code == 403

        experiment.refresh_from_db()
        assert experiment.status == "draft"

    def test_the_lists_actions_are_the_same_steps(self):
        experiment, browser = make_experiment(starts=False), login(is_superuser=True)
        url = reverse("admin:experiments_experiment_changelist")

        browser.post(url, {"action": "start", "_selected_action": [experiment.pk]})

        experiment.refresh_from_db()
        assert experiment.status == "running"

    def test_a_running_experiment_cannot_be_deleted(self):
        experiment, browser = make_experiment(), login(is_superuser=True)

        answer = browser.post(reverse("admin:experiments_experiment_delete", args=[experiment.pk]), {"post": "yes"})

        assert answer.status_code == 403
        assert Experiment.objects.filter(pk=experiment.pk).exists()

    def test_a_draft_can(self):
        experiment, browser = make_experiment(starts=False), login(is_superuser=True)

        browser.post(reverse("admin:experiments_experiment_delete", args=[experiment.pk]), {"post": "yes"})

        assert not Experiment.objects.exists()


class TestUnsubscribe:
    def link(self, contact):
        return reverse("unsubscribe", args=[suppression.token(contact)])

    def test_looking_changes_nothing(self):
        contact, browser = make_contact(), Browser(enforce_csrf_checks=True)

        answers = [browser.get(self.link(contact)), browser.head(self.link(contact))]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert "Shall that stop?" in answers[0].content.decode()
        assert not OutcomeEvent.objects.exists()
        assert not suppression.is_suppressed(contact.client, contact.email)

    def test_one_post_without_login_or_token_acts_at_once_and_once(self):
        contact, browser = make_contact(), Browser(enforce_csrf_checks=True)

        answers = [browser.post(self.link(contact), {"List-Unsubscribe": "One-Click"}) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert "will not write to" in answers[1].content.decode()
        outcome = OutcomeEvent.objects.get()
        assert (outcome.contact, outcome.kind, outcome.occurred_at) == (contact, "unsubscribed", RIPE)
        assert suppression.is_suppressed(contact.client, contact.email)

    def test_who_is_unsubscribed_already_is_told_so(self):
        contact, browser = make_contact(), Browser()
        browser.post(self.link(contact))

        assert "You are unsubscribed" in browser.get(self.link(contact)).content.decode()

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_a_broken_link_is_a_page_in_words_and_changes_nothing(self, method):
        link = self.link(make_contact())

        answer = getattr(Browser(), method)(link[:-4] + "x/")

        assert answer.status_code == 404
        assert "This unsubscribe link is not complete" in answer.content.decode()
        assert not OutcomeEvent.objects.exists()

    def test_other_methods_are_refused(self):
        assert Browser().put(self.link(make_contact())).status_code == 405


class TestPerformancePage:
    def used(self, version, client=None):
        run = make_run(make_request(make_contact(client)))
        PlannedPrompt.objects.create(run=run, agent=version.agent, version=version)
        send = make_send(make_draft(run, status="sent"))
        make_outcome(send.contact, send=send)

    def test_rates_stand_with_their_denominators(self):
        version = make_prompt(number=77)
        self.used(version), self.used(version)

        text = login(is_superuser=True).get(reverse("prompt_performance")).content.decode()

        assert "v77" in text
        assert "2 of 2<br>34.2% to 100.0%" in text

    def test_a_manager_sees_only_the_own_clients(self):
        own, version = make_client(), make_prompt(number=78)
        self.used(version, own), self.used(version)

        text = manager_of(own, permissions=["view_promptversion"]).get(reverse("prompt_performance")).content.decode()

        assert "1 of 1<br>20.7% to 100.0%" in text
        assert "Only your own clients count." in text

    @pytest.mark.parametrize("weeks", ["4", "all", "nonsense"])
    def test_an_empty_period_says_what_next(self, weeks):
        answer = login(is_superuser=True).get(reverse("prompt_performance"), {"weeks": weeks})

        assert answer.status_code == 200
        assert "No draft was written" in answer.content.decode()

    @pytest.mark.parametrize("versions", [1, 6])
    def test_at_most_twelve_queries(self, versions, django_assert_max_num_queries):
        for _ in range(versions):
            self.used(make_prompt())
        browser = login(is_superuser=True)
        browser.get(reverse("prompt_performance"))

        with django_assert_max_num_queries(12):
            browser.get(reverse("prompt_performance"))


class TestApi:
    def url(self, experiment):
        return f"/api/experiments/{experiment.pk}/result"

    def test_the_result_as_json(self):
        experiment = make_experiment()
        fill_variant(experiment, "a", 4, replies=1)

        answer = manager_of(experiment.client).get(self.url(experiment))

        assert answer.status_code == 200
        assert answer.json()["result"] == analysis.measure(experiment, at=RIPE)
        assert not AnalysisSnapshot.objects.exists()

    def test_strangers_are_refused_in_the_right_way(self):
        experiment = make_experiment()

        assert Browser().get(self.url(experiment)).status_code == 401
        assert manager_of(make_client()).get(self.url(experiment)).status_code == 404
        assert manager_of(experiment.client, permissions=[]).get(self.url(experiment)).status_code == 403
        assert manager_of(experiment.client).get("/api/experiments/999999/result").status_code == 404


def test_the_picture_stays_on_its_paper():
    experiment = make_experiment()
    fill_variant(experiment, "a", 3), fill_variant(experiment, "b", 3, replies=3)

    drawn = picture.bars(analysis.measure(experiment, at=RIPE))

    assert [bar.y for bar in drawn.bars] == [22, 66]
    assert all(150 <= bar.x <= bar.rate_x <= bar.x + bar.width <= 580 for bar in drawn.bars)
