"""From plan to end: what a person may do, and what is refused in words."""

from datetime import timedelta

import pytest

from agents_app import versions
from agents_app.models import PromptVersion
from clients.models import AgentKey
from experiments import analysis, lifecycle
from experiments.models import Decision, Experiment, Variant
from tests.factories import (
    AT,
    fill_variant,
    make_client,
    make_contact,
    make_draft,
    make_experiment,
    make_prompt,
    make_request,
    make_run,
    make_send,
    make_user,
)

pytestmark = pytest.mark.django_db
LATER = AT + timedelta(days=20)


def decided(replies_b=20):
    experiment = make_experiment(size=100)
    fill_variant(experiment, "a", 100, replies=5), fill_variant(experiment, "b", 100, replies=replies_b)
    return analysis.decide(experiment, at=LATER)


class TestCreate:
    def test_the_size_follows_from_the_plan(self):
        control, challenger = make_prompt(), make_prompt()

        experiment = make_experiment(
            starts=False, control=control, challenger=challenger, base_rate=0.04, smallest_lift=0.02
        )

        assert (experiment.planned_per_variant, experiment.status, experiment.started_at) == (1863, "draft", None)
        assert list(
            experiment.variants.order_by("key").values_list("key", "is_control", "weight", "prompt_version")
        ) == [
            ("a", True, 1, control.pk),
            ("b", False, 1, challenger.pk),
        ]

    def test_a_stricter_plan_needs_more_people(self):
        assert make_experiment(starts=False, alpha=0.01, power=0.9).planned_per_variant > (
            make_experiment(starts=False).planned_per_variant
        )

    def test_every_experiment_has_a_salt_of_its_own_that_the_same_plan_gives_again(self):
        client = make_client()

        first, again, other = (make_experiment(client, starts=False, name=name) for name in ["One", "One", "Two"])

        assert first.salt == again.salt != other.salt
        assert len(first.salt) == 32

    @pytest.mark.parametrize(
        ("setup", "field", "words"),
        [
            ({"base_rate": 5.0}, "base_rate", "0.05 for 5 %"),
            ({"base_rate": 0.0}, "base_rate", "between 0 and 1"),
            ({"smallest_lift": 0.0}, "smallest_lift", "0.03 for 3 points"),
            ({"smallest_lift": -0.02}, "smallest_lift", "above 0"),
            ({"smallest_lift": 0.96}, "base_rate", "another difference"),
            ({"window_days": 0}, "window_days", "1 to 60 days"),
            ({"window_days": 90}, "window_days", "1 to 60 days"),
        ],
    )
    def test_numbers_that_make_no_sense_are_refused(self, setup, field, words):
        with pytest.raises(lifecycle.ExperimentRefused, match=words) as refusal:
            make_experiment(starts=False, **setup)

        assert refusal.value.field == field
        assert not Experiment.objects.exists()
        assert not Variant.objects.exists()

    def test_the_same_version_twice_is_refused(self):
        version = make_prompt()

        with pytest.raises(lifecycle.ExperimentRefused, match="Both variants are E-mail v"):
            make_experiment(starts=False, control=version, challenger=version)

    def test_a_version_of_another_agent_is_refused(self):
        with pytest.raises(lifecycle.ExperimentRefused, match="not a prompt of the agent under test"):
            make_experiment(starts=False, control=make_prompt(), challenger=make_prompt(AgentKey.PERSONA))

    def test_a_challenger_that_is_live_is_refused(self):
        with pytest.raises(lifecycle.ExperimentRefused, match="is live already"):
            make_experiment(starts=False, control=make_prompt(), challenger=make_prompt(label="live"))


class TestStart:
    def test_it_runs_and_its_challenger_is_a_candidate(self):
        experiment = make_experiment(starts=False, control=make_prompt(label="live"), challenger=make_prompt())

        started = lifecycle.start(experiment, by=None, at=LATER)

        assert (started.status, started.started_at) == ("running", LATER)
        labels = started.variants.order_by("key").values_list("prompt_version__label", flat=True)
        assert list(labels) == ["live", "candidate"]

    def test_a_second_one_for_the_same_client_and_agent_is_refused_and_nothing_changes(self):
        running = make_experiment()
        second = make_experiment(running.client, starts=False)

        with pytest.raises(lifecycle.ExperimentRefused, match="already runs for"):
            lifecycle.start(second, by=None, at=LATER)

        second.refresh_from_db()
        assert (second.status, second.started_at) == ("draft", None)
        assert second.variants.get(key="b").prompt_version.label == "draft"

    def test_only_a_draft_starts(self):
        stopped = lifecycle.stop(make_experiment(), by=None, at=AT)

        with pytest.raises(lifecycle.ExperimentRefused, match=r"is stopped by a person\. Only a draft"):
            lifecycle.start(stopped, by=None, at=LATER)


class TestStop:
    def test_it_ends_without_a_decision_and_the_challenger_retires(self):
        experiment = make_experiment()

        stopped = lifecycle.stop(experiment, by=None, at=LATER)

        assert (stopped.status, stopped.ended_at) == ("stopped", LATER)
        assert stopped.variants.get(key="b").prompt_version.label == "retired"
        assert not Decision.objects.exists()

    def test_a_challenger_that_another_experiment_tries_stays_a_candidate(self):
        control, challenger = make_prompt(), make_prompt()
        one = make_experiment(control=control, challenger=challenger)
        make_experiment(control=control, challenger=challenger)

        lifecycle.stop(one, by=None, at=LATER)

        assert PromptVersion.objects.get(pk=challenger.pk).label == "candidate"

    def test_a_draft_cannot_be_stopped(self):
        with pytest.raises(lifecycle.ExperimentRefused, match="only a running experiment"):
            lifecycle.stop(make_experiment(starts=False), by=None, at=LATER)


class TestPromote:
    def test_a_person_makes_the_winner_live(self):
        decision, user = decided(), make_user("priya")

        version = lifecycle.promote(decision, by=user, at=LATER)

        decision.refresh_from_db()
        assert (decision.promoted_at, decision.promoted_by) == (LATER, user)
        assert version == decision.winner.prompt_version
        assert versions.live()[AgentKey.EMAIL] == version

    def test_a_second_click_is_told_who_was_first(self):
        decision = decided()
        lifecycle.promote(decision, by=make_user("priya"), at=LATER)

        with pytest.raises(lifecycle.ExperimentRefused, match="priya made the winner live on 06 December 2026"):
            lifecycle.promote(decision, by=make_user("tom"), at=LATER)

    def test_without_a_winner_nothing_goes_live(self):
        decision = decided(replies_b=6)

        with pytest.raises(lifecycle.ExperimentRefused, match="has no winner"):
            lifecycle.promote(decision, by=make_user(), at=LATER)

        assert not PromptVersion.objects.filter(label="live").exists()

    def test_what_waits_for_a_person_is_listed_until_done(self):
        decision = decided()
        assert list(lifecycle.waiting_for_promotion()) == [decision]

        lifecycle.promote(decision, by=make_user(), at=LATER)

        assert list(lifecycle.waiting_for_promotion()) == []


class TestOutlook:
    def test_a_client_that_sends_nothing_is_told_that_it_never_ends(self):
        experiment = make_experiment(starts=False)

        outlook = lifecycle.outlook(experiment, at=AT)

        assert (outlook.days, outlook.first_emails_a_day) == (None, 0.0)
        assert "435 contacts in each of two variants" in outlook.sentence
        assert "sent no first e-mail in the last four weeks" in outlook.sentence

    def test_the_days_follow_from_the_pace_of_first_emails(self):
        experiment = make_experiment(starts=False, size=7)
        for step in [1] * 14 + [2] * 14:
            draft = make_draft(make_run(make_request(make_contact(experiment.client))), sequence_step=step)
            make_send(draft, sent_at=AT - timedelta(days=3))

        outlook = lifecycle.outlook(experiment, at=AT)

        assert (outlook.first_emails_a_day, outlook.days) == (0.5, 28 + 14)
        assert "about 42 days, the last 14 of them waiting" in outlook.sentence

    def test_a_plan_of_many_months_says_so(self):
        experiment = make_experiment(starts=False, size=5000)
        make_send(make_draft(make_run(make_request(make_contact(experiment.client)))), sent_at=AT - timedelta(days=3))

        assert "look for a bigger difference" in lifecycle.outlook(experiment, at=AT).sentence


@pytest.mark.django_db
def test_a_client_with_a_pinned_version_may_try_the_live_one_against_it_and_not_what_it_uses():
    live = versions.live()[AgentKey.EMAIL]
    client, pinned = make_client(), make_prompt(AgentKey.EMAIL, 7, label="retired")
    versions.pin(client, pinned, by=None, at=AT)

    experiment = make_experiment(client, control=pinned, challenger=live)
    with pytest.raises(lifecycle.ExperimentRefused, match="E-mail v7 is pinned for this client already"):
        make_experiment(client, control=live, challenger=pinned)

    assert experiment.variants.get(is_control=True).prompt_version == pinned
    assert Experiment.objects.count() == 1
