import html
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils.html import strip_tags

from agents_app import campaigns, versions
from agents_app.models import Campaign, PromptVersion, Rehearsal, Request
from clients.models import AgentKey
from gtm import loop
from tests.crowd import make_crowd, make_user_of
from tests.factories import AT, make_client, make_contact, make_draft, make_industry, make_run, make_send, make_step

pytestmark = pytest.mark.django_db


def make_versions(*texts: str) -> list[PromptVersion]:
    made = [versions.create(AgentKey.EMAIL, text=text, note="", by=None, at=AT) for text in texts]
    versions.go_live(made[0], by=None, at=AT)
    return made


def labels() -> list[str]:
    return list(PromptVersion.objects.order_by("number").values_list("label", flat=True))


def url(model: str, page: str, *args: Any) -> str:
    return reverse(f"admin:agents_app_{model}_{page}", args=args)


# --- prompt versions


def test_a_new_version_starts_from_the_text_it_was_opened_from(operator):
    (first,) = make_versions("Write with care.")

    shown = operator.get(f"{url('promptversion', 'add')}?from={first.pk}").content.decode()

    assert "Write with care." in shown


def test_a_new_version_is_a_draft_with_author_and_note(operator):
    make_versions("One")

    operator.post(url("promptversion", "add"), {"agent": "email_agent", "text": "Two", "note": "Shorter"})

    second = PromptVersion.objects.get(number=2)
    assert (second.text, second.note, second.author.username, second.label) == ("Two\n", "Shorter", "operator", "draft")


def test_the_same_text_is_refused_and_stays_in_the_form(operator):
    make_versions("One")

    shown = operator.post(
        url("promptversion", "add"), {"agent": "email_agent", "text": "One", "note": "Mine"}
    ).content.decode()

    assert "The text is the same as that of E-mail v1" in shown
    assert 'value="Mine"' in shown
    assert PromptVersion.objects.count() == 1


def test_a_saved_version_has_no_field_to_change(operator):
    (first,) = make_versions("One")

    shown = operator.get(url("promptversion", "change", first.pk)).content.decode()
    answer = operator.post(url("promptversion", "change", first.pk), {"agent": "email_agent", "text": "Other"})

    assert "<textarea" not in shown
    assert answer.status_code == 403
    assert PromptVersion.objects.get().text == "One\n"


def test_making_live_shows_the_difference_and_whom_it_does_not_reach(operator):
    _, second = make_versions("One\nTwo", "One\nThree")
    owner = make_client("acme-fintech")
    owner.settings = {"prompt_overrides.email_agent": [{"mode": "replace", "text": "Ours"}]}
    owner.save()

    shown = operator.get(url("promptversion", "make_live", second.pk)).content.decode()

    for words in ("-Two", "+Three", "Acme Fintech"):
        assert words in shown
    assert labels() == ["live", "draft"]


def test_before_a_release_one_sees_whose_words_lose_their_place_and_whom_it_does_not_reach(operator):
    _, second = make_versions("Write.\n\n## Rules\n\nBe kind.\n\n## Form\n\nShort.", "Write.\n\n## Form\n\nShorter.")
    said = {"mode": "add", "text": "Cite the regulator.", "slot": "rules"}
    make_industry("rail", settings={"prompt_overrides.email_agent": [said]})
    make_client(
        "acme", settings={"prompt_overrides.email_agent": [{"mode": "replace", "text": "A haiku.", "slot": "form"}]}
    )

    shown = html.unescape(operator.get(url("promptversion", "make_live", second.pk)).content.decode())

    text = " ".join(strip_tags(shown).split())
    assert "Rail: “Cite the regulator.” is said to the component “rules”." in text
    assert "Acme replaces the component “form”." in text
    assert "Acme: “" not in text


def test_making_live_and_rolling_back_take_one_press_each(operator):
    first, second = make_versions("One", "Two")

    operator.post(url("promptversion", "make_live", second.pk), {"reason": "Won the test"})
    assert labels() == ["retired", "live"]
    move = second.history.first()
    assert (move.history_user.username, move.history_change_reason) == ("operator", "Won the test")

    operator.post(url("promptversion", "roll_back", second.pk), {"reason": "Too short"})
    assert labels() == ["live", "retired"]
    assert first.history.first().history_change_reason == "Rolled back from v2: Too short"


def test_with_nothing_to_go_back_to_rolling_back_says_so(operator):
    (first,) = make_versions("One")

    answer = operator.post(url("promptversion", "roll_back", first.pk), follow=True)

    assert "nothing to go back to" in answer.content.decode()
    assert labels() == ["live"]


def test_the_list_has_both_as_actions(operator):
    first, second = make_versions("One", "Two")
    chosen = {"_selected_action": [second.pk]}
    Rehearsal.objects.create(
        candidate=second, against=first, agent="email_agent", budget_usd=0, asked_at=AT, status="done", verdict="passed"
    )

    operator.post(url("promptversion", "changelist"), {"action": "make_live", **chosen})
    assert labels() == ["retired", "live"]
    operator.post(url("promptversion", "changelist"), {"action": "roll_back", **chosen})
    assert labels() == ["live", "retired"]


def test_looking_does_not_move_a_label(operator):
    _, second = make_versions("One", "Two")

    operator.get(url("promptversion", "make_live", second.pk))

    assert labels() == ["live", "draft"]


@pytest.mark.parametrize("role", ["manager", "viewer"])
def test_only_who_may_move_labels_can(client, role):
    _, second = make_versions("One", "Two")
    client.force_login(make_user_of(role))

    page = client.get(url("promptversion", "change", second.pk)).content.decode()
    refused = client.post(url("promptversion", "make_live", second.pk))
    client.post(url("promptversion", "changelist"), {"action": "make_live", "_selected_action": [second.pk]})

    assert "Make live" not in page
    assert refused.status_code == 403
    assert labels() == ["live", "draft"]


def test_a_version_has_a_history_page(operator):
    (first,) = make_versions("One")

    shown = operator.get(url("promptversion", "history", first.pk)).content.decode()

    assert "Made live" in shown


# --- requests and campaigns


def test_a_request_made_by_hand_starts_its_run(operator, rung):
    contact = make_contact()

    typed = {
        "client": contact.client_id,
        "contact": contact.pk,
        "purpose": "outreach",
        "depth": "quick",
        "reason": "A hunch",
    }
    answer = operator.post(url("request", "add"), typed)

    asked = Request.objects.get()
    assert answer.status_code == 302
    assert (asked.contact, asked.company_domain, asked.asked_by.username) == (
        contact,
        "northwind-bank.example",
        "operator",
    )
    assert rung == [(loop.start_run, asked.pk)]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({}, "Name a contact, or the domain of a company."),
        ({"company_domain": "not a domain"}, "is not a company&#x27;s domain"),
        ({"company_domain": "bank.example", "purpose": "follow_up"}, "A follow-up goes to a person"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_with_what_was_typed(operator, rung, typed, words):
    basis = {"client": make_client().pk, "purpose": "outreach", "depth": "quick", "reason": "A hunch"}

    shown = operator.post(url("request", "add"), {**basis, **typed}).content.decode()

    assert words in shown
    assert "A hunch" in shown
    assert (Request.objects.count(), rung) == (0, [])


def test_a_request_is_never_changed_by_hand(operator):
    contact = make_contact()
    asked = Request.objects.create(client=contact.client, contact=contact, asked_at=AT)

    assert (
        f'href="{reverse("request_trace", args=[asked.pk])}"'
        in operator.get(url("request", "change", asked.pk)).content.decode()
    )
    assert operator.post(url("request", "change", asked.pk), {"reason": "x"}).status_code == 403


def test_a_campaign_is_made_filled_and_launched(operator, rung):
    owner = make_client()
    ada = make_contact(owner)

    operator.post(url("campaign", "add"), {"client": owner.pk, "name": "Spring", "goal": "Book meetings."})
    campaign = Campaign.objects.get()
    assert list(campaign.steps.values_list("number", "wait_days")) == [(1, 0), (2, 4), (3, 7)]

    mails = list(campaign.steps.values_list("pk", flat=True))
    form = {
        "name": "Spring",
        "goal": "Book meetings.",
        "steps-TOTAL_FORMS": 3,
        "steps-INITIAL_FORMS": 3,
        "members-TOTAL_FORMS": 1,
        "members-INITIAL_FORMS": 0,
    }
    for at, pk in enumerate(mails):
        form |= {
            f"steps-{at}-id": pk,
            f"steps-{at}-campaign": campaign.pk,
            f"steps-{at}-number": at + 1,
            f"steps-{at}-wait_days": at * 3,
        }
    answer = operator.post(
        url("campaign", "change", campaign.pk), {**form, "members-0-campaign": campaign.pk, "members-0-contact": ada.pk}
    )
    assert answer.status_code == 302
    assert list(campaign.steps.values_list("number", "wait_days")) == [(1, 0), (2, 3), (3, 6)]
    assert list(campaign.contacts.all()) == [ada]

    shown = operator.post(url("campaign", "launch", campaign.pk), follow=True).content.decode()

    asked = Request.objects.get()
    assert (asked.contact, asked.campaign, asked.asked_by.username) == (ada, campaign, "operator")
    assert rung == [(loop.start_run, asked.pk)]
    assert "“Spring” runs: 1 first mails are being written." in shown


def test_a_contact_twice_in_a_campaign_is_refused_in_the_form(operator):
    owner = make_client()
    ada = make_contact(owner)
    campaign = campaigns.create(owner, name="Spring", goal="Book meetings.", contacts=[ada], waits=(), at=AT)
    form = {
        "name": "Spring",
        "goal": "Book meetings.",
        "steps-TOTAL_FORMS": 0,
        "steps-INITIAL_FORMS": 0,
        "members-TOTAL_FORMS": 1,
        "members-INITIAL_FORMS": 0,
    }

    answer = operator.post(
        url("campaign", "change", campaign.pk), {**form, "members-0-campaign": campaign.pk, "members-0-contact": ada.pk}
    )

    assert answer.status_code == 200
    assert "is in this campaign already" in answer.content.decode()
    assert campaign.members.count() == 1


def test_a_contact_of_another_client_is_refused_in_the_form(operator):
    theirs = make_contact()
    campaign = campaigns.create(make_client(), name="Spring", goal="Book meetings.", waits=(), at=AT)
    form = {
        "name": "Spring",
        "goal": "Book meetings.",
        "steps-TOTAL_FORMS": 0,
        "steps-INITIAL_FORMS": 0,
        "members-TOTAL_FORMS": 1,
        "members-INITIAL_FORMS": 0,
    }

    answer = operator.post(
        url("campaign", "change", campaign.pk),
        {**form, "members-0-campaign": campaign.pk, "members-0-contact": theirs.pk},
    )

    assert "is no contact of" in answer.content.decode()
    assert campaign.members.count() == 0


def test_a_launch_that_cannot_be_says_why(operator, rung):
    owner = make_client(status="paused")
    campaign = campaigns.create(owner, name="Spring", goal="Book meetings.", contacts=[make_contact(owner)], at=AT)

    shown = operator.post(url("campaign", "launch", campaign.pk), follow=True).content.decode()

    assert "is paused, so “Spring” cannot start" in shown
    assert (Request.objects.count(), rung) == (0, [])


def test_nobody_launches_what_they_do_not_see_or_by_looking(client, rung):
    owner = make_client()
    campaign = campaigns.create(owner, name="Spring", goal="Book meetings.", contacts=[make_contact(owner)], at=AT)
    manager = make_user_of("manager")
    client.force_login(manager)

    assert client.post(url("campaign", "launch", campaign.pk)).status_code == 403
    owner.managers.add(manager)
    assert client.get(url("campaign", "launch", campaign.pk)).status_code == 403
    assert (Request.objects.count(), rung) == (0, [])

    assert client.post(url("campaign", "launch", campaign.pk)).status_code == 302
    assert Request.objects.count() == 1


# --- every page


def make_rows(owner: Any, rows: int = 1) -> None:
    for number in range(rows):
        contact = make_contact(owner)
        campaign = campaigns.create(
            owner, name=f"Spring {number} of {owner.slug}", goal="Book meetings.", contacts=[contact], at=AT
        )
        (asked,) = campaigns.launch(campaign, by=None, at=AT)
        run = make_run(asked, started_at=AT, finished_at=AT + timedelta(seconds=2))
        make_send(make_draft(run, step=make_step(run), status="sent"))


READ = [
    "request",
    "campaign",
    "campaigncontact",
    "flowrun",
    "steprun",
    "draft",
    "send",
    "sourcerecord",
    "claim",
    "fact",
    "persona",
    "brief",
    "planrevision",
    "stepcontext",
    "gate",
    "budgetday",
    "flowtemplate",
    "routingrule",
    "flowversion",
]


@pytest.mark.parametrize("model", [*READ, "requestrule", "promptversion", "modelprice"])
def test_every_list_opens_and_costs_the_same_for_one_row_as_for_many(operator, model, django_assert_max_num_queries):
    make_crowd(12)
    make_rows(make_client("one"), 6)
    make_versions("One", "Two", "Three")
    operator.get(url(model, "changelist"))

    with django_assert_max_num_queries(12):
        assert operator.get(url(model, "changelist")).status_code == 200


@pytest.mark.parametrize("model", ["request", "campaign", "campaigncontact", "flowrun", "steprun", "draft", "send"])
def test_every_row_opens_with_few_queries_and_only_for_those_who_see_its_client(
    client, model, django_assert_max_num_queries
):
    owner = make_client()
    make_rows(owner, 3)
    row = admin.site._registry[
        next(known for known in admin.site._registry if known._meta.label_lower == f"agents_app.{model}")
    ].model.objects.first()
    manager = make_user_of("manager")
    client.force_login(manager)

    assert client.get(url(model, "change", row.pk)).status_code == 302

    owner.managers.add(manager)
    client.get(url(model, "change", row.pk))
    with django_assert_max_num_queries(12):
        assert client.get(url(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize(
    "model",
    [
        "flowrun", "steprun", "planrevision", "stepcontext", "gate", "budgetday", "flowversion", "draft", "send", "sourcerecord",
        "claim", "fact", "persona", "brief",
    ],
)  # fmt: skip
def test_records_offer_no_way_to_change_them(client, model):
    client.force_login(make_user_of("admin"))

    assert client.get(url(model, "add")).status_code == 403
    page = client.get(url(model, "changelist")).content.decode()
    assert "delete_selected" not in page


@pytest.mark.parametrize("model", ["request", "campaign", "flowrun", "draft", "send"])
def test_lists_hide_the_clients_of_others(client, model):
    mine, other = make_client("mine-fintech"), make_client("other-fintech")
    make_rows(mine)
    make_rows(other)
    manager = make_user_of("manager")
    mine.managers.add(manager)
    client.force_login(manager)

    shown = client.get(url(model, "changelist")).content.decode()

    assert "Mine Fintech" in shown
    assert "Other Fintech" not in shown
