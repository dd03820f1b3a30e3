"""A client's unsaved settings on one contact, beside those in force: what is said first, what runs, what is shown."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from agents_app import llm, versions, wording
from agents_app.agents import email
from agents_app.models import BudgetDay, FlowRun, Request, Trial
from clients import config, suppression
from clients.models import Client, SettingsTemplate
from gtm import loop
from tests import queue
from tests.agents_app import flows_that, models_that
from tests.agents_app.tries import form_of, look, post, runs, start, words
from tests.crowd import make_user_of
from tests.factories import make_contact, make_industry, make_ready_client, make_template, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return make_ready_client("acme")


@pytest.fixture
def ada(acme):
    return make_contact(acme, "ada@northwind-bank.example")


def nothing_was_asked():
    return (Request.objects.count(), FlowRun.objects.count(), Trial.objects.count()) == (0, 0, 0)


def test_what_is_typed_is_tried_beside_what_is_in_force_and_then_saved(acme, ada, operator):
    first = words(post(operator, acme, tone="direct", avoid_terms="audit preparation", proof_points=""))
    trial = start(operator, acme, tone="direct", avoid_terms="audit preparation", proof_points="", try_contact=ada.pk)
    both = words(look(operator, trial))

    assert "Tone: Formal becomes Direct" in first
    assert "Words to avoid: with audit preparation" in first
    assert [run.status for run in runs(trial)] == ["succeeded", "succeeded"]
    assert "Dear Ada Lee," in both
    assert "Hello Ada," in both
    assert both.count("Signed by Kim Novak, Partner") == 2
    assert "Save these settings" in both
    typed = form_of(acme, tone="direct", avoid_terms="audit preparation", proof_points="", _continue="1")
    answer = operator.post(reverse("admin:clients_client_change", args=[acme.pk]), typed)
    assert answer.status_code == 302
    assert Client.objects.get().settings["tone"] == "direct"
    assert "These settings are in force now." in words(look(operator, trial))


def test_the_cost_is_shown_before_anything_is_asked(acme, ada, operator, settings, rung):
    settings.ANTHROPIC_API_KEY = "sk-test"
    today = timezone.now().date()
    BudgetDay.objects.create(client=acme, day=today, cap_usd=25, spent_usd=Decimal("5.5"), reserved_usd=Decimal("0.5"))

    shown = words(post(operator, acme, tone="direct"))

    for said in (
        "The settings in force: 3 steps", "With what is typed: 2 steps", "and never above $1.20",
        "Acme has $19.00 of its $25.00 of today left", "Nothing has been asked yet.",
    ):  # fmt: skip
        assert said in shown
    assert nothing_was_asked()
    assert rung == []


def test_the_typed_side_is_written_with_the_typed_words_to_avoid_and_none_of_it_is_saved(acme, ada, operator):
    before = (acme.settings, acme.revision)

    trial = start(operator, acme, avoid_terms="evidence", offer="We gather proof for audits on demand.")

    present, proposed = runs(trial)
    assert "evidence" in proposed.config["custom_fields"]["avoid_terms"]
    assert "evidence" not in present.config["custom_fields"]["avoid_terms"]
    step = proposed.steps.get(agent="email_agent")
    assert "evidence" in step.input["config"]["custom_fields"]["avoid_terms"]
    assert (
        "we gather proof for audits on demand" in email.body(email.EmailAnswer.model_validate(step.output)).casefold()
    )
    stored = Client.objects.get()
    assert (stored.settings, stored.revision) == before
    assert config.newest_version(stored) is None
    assert proposed.config_version is None


def test_both_sides_rest_on_the_same_facts(acme, ada, operator):
    trial = start(operator, acme, tone="direct")

    present, proposed = runs(trial)
    given = [run.steps.get(agent="email_agent").input["facts"] for run in (present, proposed)]
    assert given[0] == given[1] != []
    assert [node["key"] for node in present.nodes] == ["research", "persona", "email"]
    assert [node["key"] for node in proposed.nodes] == ["persona", "email"]
    assert trial.proposed.follows == present
    assert proposed.route == present.route == "default"


def test_the_typed_side_waits_for_the_facts_of_the_other(acme, ada, operator, rung):
    post(operator, acme, tone="direct", **{"try": "start"})
    trial = Trial.objects.get()

    loop.start_run(trial.proposed_id)
    waiting = words(look(operator, trial))

    assert FlowRun.objects.count() == 0
    assert "It begins once the other side has found its facts" in waiting
    loop.start_run(trial.present_id)
    loop.start_run(trial.proposed_id)
    assert [run.request_id for run in FlowRun.objects.all()] == [trial.present_id]
    rung.clear()
    loop.execute_run(FlowRun.objects.get().pk)
    assert rung == [(loop.start_run, trial.proposed_id)]


def test_where_the_company_is_known_both_start_from_its_newest_facts_and_at_once(acme, ada, operator):
    known = loop.plan_run(
        Request.objects.create(client=acme, company_domain=ada.company_domain, asked_at=timezone.now()).pk
    )
    loop.execute_run(known.pk)

    trial = start(operator, acme, tone="direct")

    assert {trial.present.follows_id, trial.proposed.follows_id} == {known.pk}
    assert [[node["key"] for node in run.nodes] for run in runs(trial)] == [["persona", "email"]] * 2
    assert [run.status for run in runs(trial)] == ["succeeded", "succeeded"]


def test_the_present_result_is_reused_where_nothing_changed_and_says_so(acme, ada, operator):
    first = start(operator, acme, tone="direct")

    quoted = words(post(operator, acme, tone="casual"))
    second = start(operator, acme, tone="casual")

    assert f"by Run {first.present.runs.get().pk} with the same settings and prompts" in quoted
    assert second.present == first.present
    assert (second.is_reused, first.is_reused) == (True, False)
    assert Request.objects.count() == 3
    shown = words(look(operator, second))
    assert "As written on" in shown
    assert "nothing now; nothing then" in shown


def test_a_mail_that_was_written_in_earnest_is_reused_as_well(acme, ada, operator):
    earnest = loop.plan_run(
        Request.objects.create(client=acme, contact=ada, company_domain=ada.company_domain, asked_at=timezone.now()).pk
    )
    loop.execute_run(earnest.pk)

    trial = start(operator, acme, tone="direct")

    assert trial.present == earnest.request
    assert trial.proposed.follows == earnest


@pytest.mark.parametrize("change", ["settings", "prompt", "model"])
def test_the_present_result_is_written_anew_once_anything_changed(acme, ada, operator, settings, change):
    start(operator, acme, tone="direct")
    at = timezone.now()
    if change == "settings":
        acme.settings = {**acme.settings, "tone": "technical"}
        acme.save()
    if change == "prompt":
        text = versions.live()["email_agent"].text + "\nBe brief."
        versions.go_live(versions.create("email_agent", text=text, note="", by=None, at=at), by=None, at=at)
    if change == "model":
        settings.ANTHROPIC_API_KEY = "sk-test"

    post(operator, acme, tone="casual", **{"try": "start"})

    assert Trial.objects.latest("pk").is_reused is False


def test_a_second_click_finds_the_trial_that_is_under_way(acme, ada, operator, rung):
    for _ in range(2):
        post(operator, acme, tone="direct", **{"try": "start"})

    assert (Trial.objects.count(), Request.objects.count()) == (1, 2)


def test_a_typed_size_or_industry_chooses_its_templates(acme, ada, operator):
    SettingsTemplate.objects.filter(kind="size", key="501+").delete()
    make_template("size", "501+", tone="technical")
    acme.settings = {path: said for path, said in acme.settings.items() if path != "tone"}
    acme.save()
    other = make_industry("health", confidence_floor=0.1)

    trial = start(operator, acme, company_size="501+", industry=other.pk)

    present, proposed = runs(trial)
    assert (proposed.config["tone"], proposed.config["industry"]) == ("technical", "health")
    assert proposed.facts_routed["company_size"] == "501+"
    assert present.facts_routed["company_size"] == "51-500"
    assert [each["label"] for each in trial.differences][:2] == ["Industry", "Company size"]
    assert Client.objects.get().company_size == "51-500"


def test_what_the_form_refuses_is_not_tried_and_is_named(acme, ada, operator, rung):
    wrong = words(post(operator, acme, max_words="9", **{"try": "start"}))
    odd = words(post(operator, acme, avoid_terms="on demand", **{"try": "start"}))

    assert "What is typed cannot be saved, so it is not tried. Longest e-mail: Enter 40 or more" in wrong
    assert "“on demand” is among the words to avoid, and stands in the offer" in odd
    assert nothing_was_asked()


def test_what_is_only_asked_about_at_a_save_is_tried_all_the_same(acme, ada, operator, rung):
    """The reason for the change, and a word that replaces a whole prompt."""
    word = {"words__email_agent__0__mode": "replace", "words__email_agent__0__text": "Write.", "reason": ""}

    post(operator, acme, **word, **{"try": "start"})

    assert Trial.objects.get().settings["prompt_overrides.email_agent"] == [{"mode": "replace", "text": "Write."}]


def test_what_changes_nothing_is_not_tried(acme, ada, operator, rung):
    assert "changes nothing that is in force" in words(post(operator, acme, **{"try": "start"}))
    assert nothing_was_asked()


def test_without_an_e_mail_agent_it_says_what_to_switch_on(acme, ada, operator, rung):
    shown = words(post(operator, acme, enabled_agents=["research_agent"]))

    assert "With these settings no e-mail can be written." in shown
    assert ">Try it</button>" not in shown
    post(operator, acme, enabled_agents=["research_agent"], **{"try": "start"})
    assert nothing_was_asked()


def test_with_nothing_left_of_the_day_nothing_is_asked(acme, ada, operator, settings, rung):
    settings.ANTHROPIC_API_KEY = "sk-test"
    Client.objects.update(daily_budget_usd=3)
    BudgetDay.objects.create(client=acme, day=timezone.now().date(), cap_usd=3, spent_usd=3)

    shown = words(post(operator, acme, tone="direct", **{"try": "start"}))

    assert "Acme has spent its $3.00 of today." in shown
    assert nothing_was_asked()


def test_a_paused_client_is_refused_in_words(acme, ada, operator, rung):
    Client.objects.update(status="paused")

    assert "Acme is paused." in words(post(operator, acme, tone="direct", **{"try": "start"}))
    assert nothing_was_asked()


def test_nobody_is_offered_who_must_not_be_written_to_and_nobody_of_another_client(acme, ada, operator, rung):
    bob = make_contact(acme, "bob@northwind-bank.example", full_name="Bob Ray")
    suppression.suppress(acme, bob.email, reason="unsubscribed", at=timezone.now())
    eve = make_contact(make_ready_client("other"), "eve@elsewhere.example")

    offered = words(post(operator, acme, tone="direct"))
    forced = words(post(operator, acme, tone="direct", try_contact=bob.pk, **{"try": "start"}))
    post(operator, acme, tone="direct", try_contact=eve.pk, **{"try": "cost"})

    assert ada.email in offered
    assert bob.email not in offered
    assert eve.email not in offered
    assert "must not be written to" in forced
    assert nothing_was_asked()


def test_contacts_are_found_by_name_or_address(acme, ada, operator):
    make_contact(acme, "bob@harbour.example", full_name="Bob Ray")

    found = words(post(operator, acme, tone="direct", try_search="bob r", **{"try": "find"}))

    assert "bob@harbour.example" in found
    assert ada.email not in found
    assert "Nobody of this name" in words(post(operator, acme, tone="direct", try_search="zzz", **{"try": "find"}))


def test_a_client_without_contacts_is_led_to_add_one(acme, operator):
    answer = post(operator, acme, tone="direct")

    assert "so there is nobody to try it on" in words(answer)
    assert reverse("admin:clients_contact_add") in answer.content.decode()


def test_only_who_may_change_the_client_tries_its_settings(acme, ada, client, rung):
    manager = make_user_of("manager")
    client.force_login(manager)
    assert post(client, acme, tone="direct", **{"try": "start"}).status_code == 404
    acme.managers.add(manager)
    assert post(client, acme, tone="direct", **{"try": "start"}).status_code == 200
    assert Trial.objects.get().author == manager

    client.force_login(make_user_of("viewer"))
    assert post(client, acme, tone="casual", **{"try": "start"}).status_code == 403
    client.force_login(make_user_of("manager", "other"))
    assert look(client, Trial.objects.get()).status_code == 404
    assert Trial.objects.count() == 1


def test_a_side_that_needs_a_person_says_what_is_asked(acme, ada, operator):
    flows_that.draw(
        flows_that.agent("research"), flows_that.gate("check", "research"), flows_that.agent("persona", "check"),
        flows_that.agent("email", "persona"),
    )  # fmt: skip

    trial = start(operator, acme, tone="direct")

    shown = words(look(operator, trial))
    assert "Needs a person A person is asked: Is research right?" in shown
    assert "Not finished yet" in shown
    present, proposed = runs(trial)
    assert (present.status, proposed.status) == ("waiting", "succeeded")  # its facts are there, so the other goes on


def test_a_text_that_breaks_a_promise_is_shown_and_says_that_it_would_be_no_draft(acme, ada, operator, monkeypatch):
    unfilled = models_that.answering("email_agent", lambda said, call: {**said, "closing": "[Your name]"})
    monkeypatch.setattr(llm, "ask", unfilled)

    trial = start(operator, acme, tone="direct")

    shown = words(look(operator, trial))
    assert [run.status for run in runs(trial)] == ["needs_input", "needs_input"]
    assert shown.count("The e-mail did not become a draft. Unfilled: [Your name].") == 2
    assert shown.count("Broken, and it would not become a draft: Unfilled: [Your name].") == 2
    assert "Kind regards" not in shown


def test_a_side_that_writes_nothing_says_what_is_missing(acme, ada, operator, monkeypatch):
    silent = {"subject": "", "greeting": "", "sentences": [], "closing": "", "missing": ["There is no offer."]}
    monkeypatch.setattr(llm, "ask", models_that.answering("email_agent", lambda said, call: silent))

    trial = start(operator, acme, tone="direct")

    shown = words(look(operator, trial))
    assert shown.count("The e-mail was not written. There is no offer.") == 2
    assert "It has ended, and not both sides were written." in shown


def test_a_side_that_fails_says_so_as_its_run_does(acme, ada, operator, monkeypatch):
    monkeypatch.setattr(llm, "ask", models_that.failing("email_agent", llm.ModelRefused, "The model refused."))

    trial = start(operator, acme, tone="direct")

    assert words(look(operator, trial)).count("The e-mail step got no answer: The model refused.") == 2


def test_the_page_asks_again_by_itself_until_both_ended_and_not_for_ever(acme, ada, operator, rung):
    post(operator, acme, tone="direct", **{"try": "start"})
    trial = Trial.objects.get()

    early, late = look(operator, trial, look="3").content.decode(), look(operator, trial, look="100").content.decode()

    assert "?look=4&amp;in=page" in early
    assert "load delay" not in late
    assert "This page has stopped asking by itself." in late
    for request_id in (trial.present_id, trial.proposed_id):
        loop.start_run(request_id)
        loop.execute_run(FlowRun.objects.get(request=request_id).pk)
    assert "load delay" not in look(operator, trial).content.decode()


def test_words_that_differ_are_marked_on_their_side(acme, ada, operator):
    page = look(operator, start(operator, acme, tone="direct")).content.decode()

    assert "<del>Dear</del>" in page
    assert "<ins>Hello</ins>" in page
    compared = wording.compare("Dear Ada,\n\nwe write.", "Hello Ada,\n\nwe write well.")
    assert "".join(piece.text for piece in compared.left) == "Dear Ada,\n\nwe write."
    assert [piece.text for piece in compared.right if piece.is_changed] == ["Hello", "write well."]
    assert (compared.gone, compared.new) == (2, 3)


def test_what_is_too_old_is_neither_reused_nor_written_on(acme, ada, operator, rung, monkeypatch):
    asked = {"client": acme, "contact": ada, "company_domain": ada.company_domain, "asked_at": timezone.now()}
    loop.execute_run(loop.plan_run(Request.objects.create(**asked).pk).pk)
    later = timezone.now() + timedelta(days=181)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    operator.force_login(make_user("late", is_superuser=True))

    post(operator, acme, tone="direct", **{"try": "start"})

    trial = Trial.objects.get()
    assert (trial.is_reused, trial.present.follows) == (False, None)


def test_trials_of_a_client_are_listed_with_what_was_tried(acme, ada, operator):
    trial = start(operator, acme, tone="direct")

    shown = words(operator.get(reverse("client_try", args=["acme"])))

    assert f"Trial {trial.pk}" in shown
    assert "Tone: Formal becomes Direct" in shown
    assert queue.drain() == []


def test_what_is_typed_after_its_cost_was_shown_is_quoted_again_before_it_starts(acme, ada, operator):
    quoted = post(operator, acme, tone="direct", **{"try": "cost"}).context["quoted"]

    again = post(operator, acme, tone="direct", effort="high", **{"try": "start", "try_quoted": quoted})

    assert nothing_was_asked()
    assert "What is typed has changed since its cost was shown." in words(again)
    start(operator, acme, tone="direct", effort="high")
    assert Trial.objects.get().settings["effort"] == "high"


def as_it_stands(page):
    """What a browser would send of the form."""
    form = page.context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value not in (None, "")} | {"reason": "Tried"}


def test_saving_an_earlier_trial_takes_back_nothing_that_others_saved_since(acme, ada, operator):
    trial = start(operator, acme, tone="direct")
    acme.refresh_from_db()
    author = config.Author(make_user("priya"), "Theirs", timezone.now())
    config.put(acme, {**acme.settings, "custom_fields.emphasis": "safety"}, author)
    config.save(acme, author)
    address = reverse("admin:clients_client_change", args=[acme.pk])
    shown = operator.get(address, {"trial": trial.pk})

    met = operator.post(address, as_it_stands(shown))

    assert "Tone" in words(shown)
    assert "priya saved other settings" in words(met)
    assert "Taken over from them: Emphasis." in words(met)
    assert Client.objects.get().settings["tone"] != "direct"
    assert operator.post(address, as_it_stands(met)).status_code == 302
    saved = Client.objects.get().settings
    assert (saved["tone"], saved["custom_fields.emphasis"]) == ("direct", "safety")
