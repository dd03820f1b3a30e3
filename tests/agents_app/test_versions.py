from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from agents_app import versions, wording
from agents_app.agents import first_prompt
from agents_app.models import PromptVersion
from agents_app.versions import VersionRefused
from clients.models import AgentKey
from gtm.records import RecordChanged
from tests.factories import AT, make_prompt, make_user

pytestmark = pytest.mark.usefixtures("installed_for_real")

AGENT = AgentKey.EMAIL


def make_live(*texts: str) -> list[PromptVersion]:
    made = [versions.create(AGENT, text=text, note="", by=None, at=AT) for text in texts]
    return [versions.go_live(version, by=None, at=AT) for version in made]


def labels() -> dict[int, str]:
    return dict(PromptVersion.objects.filter(agent=AGENT).order_by("number").values_list("number", "label"))


@pytest.mark.django_db
def test_a_new_text_becomes_the_next_number_as_a_draft():
    author = make_user("ann")

    first = versions.create(AGENT, text="Write.\n", note=" first ", by=author, at=AT)
    second = versions.create(AGENT, text="Write briefly.", note="shorter", by=author, at=AT)

    assert (first.number, first.text, first.note, first.author, first.label) == (
        1,
        "Write.\n",
        "first",
        author,
        "draft",
    )
    assert (second.number, second.text, second.created_at) == (2, "Write briefly.\n", AT)


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["Write.", "Write.  \r\n", "\n\nWrite.\n"])
def test_the_same_text_is_refused_in_words_that_name_the_version_that_has_it(text):
    versions.create(AGENT, text="Write.", note="", by=None, at=AT)

    with pytest.raises(VersionRefused, match=r"same as that of E-mail v1 \(draft\).*make v1 live"):
        versions.create(AGENT, text=text, note="", by=None, at=AT)

    assert labels() == {1: "draft"}


@pytest.mark.django_db
def test_another_agent_may_have_the_same_text():
    versions.create(AGENT, text="Write.", note="", by=None, at=AT)

    other = versions.create(AgentKey.PERSONA, text="Write.", note="", by=None, at=AT)

    assert other.number == 1


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["", " \n\t\n"])
def test_an_empty_text_is_refused(text):
    with pytest.raises(VersionRefused, match="The text is empty"):
        versions.create(AGENT, text=text, note="", by=None, at=AT)

    assert not PromptVersion.objects.exists()


@pytest.mark.django_db
def test_going_live_retires_the_old_one_and_remembers_who_and_why():
    ann = make_user("ann")
    first, second = (versions.create(AGENT, text=text, note="", by=None, at=AT) for text in ("One", "Two"))
    versions.go_live(first, by=None, at=AT)

    versions.go_live(second, by=ann, at=AT + timedelta(days=1), reason="Won the experiment")

    assert labels() == {1: "retired", 2: "live"}
    move = second.history.first()
    assert (move.label, move.history_user, move.history_change_reason) == ("live", ann, "Won the experiment")
    assert move.history_date == AT + timedelta(days=1)
    assert first.history.first().history_change_reason == "Replaced by v2"


@pytest.mark.django_db
def test_making_the_live_version_live_changes_nothing():
    (first,) = make_live("One")
    moves = PromptVersion.history.count()

    versions.go_live(first, by=None, at=AT)

    assert PromptVersion.history.count() == moves


@pytest.mark.django_db
def test_rolling_back_goes_to_the_version_that_was_live_before_not_to_the_number_before():
    first, _, third = (versions.create(AGENT, text=text, note="", by=None, at=AT) for text in ("One", "Two", "Three"))
    versions.go_live(first, by=None, at=AT)
    versions.go_live(third, by=None, at=AT)

    back = versions.roll_back(AGENT, by=None, at=AT)

    assert back == first
    assert labels() == {1: "live", 2: "draft", 3: "retired"}
    assert back.history.first().history_change_reason == "Rolled back from v3"


@pytest.mark.django_db
def test_a_second_step_back_goes_one_further_and_then_there_is_nothing():
    make_live("One", "Two", "Three")

    versions.roll_back(AGENT, by=None, at=AT)
    versions.roll_back(AGENT, by=None, at=AT)

    assert labels() == {1: "live", 2: "retired", 3: "retired"}
    with pytest.raises(VersionRefused, match="no version was live before"):
        versions.roll_back(AGENT, by=None, at=AT)
    assert labels() == {1: "live", 2: "retired", 3: "retired"}


@pytest.mark.django_db
def test_after_going_forward_to_an_old_version_a_step_back_returns_to_the_newer_one():
    first, second = make_live("One", "Two")
    versions.go_live(first, by=None, at=AT)

    assert versions.roll_back(AGENT, by=None, at=AT) == second


@pytest.mark.django_db
def test_the_database_refuses_a_second_live_version():
    make_live("One")

    with pytest.raises(IntegrityError, match="one_live_prompt_an_agent"), transaction.atomic():
        make_prompt(AGENT, 9, label="live")

    assert labels() == {1: "live"}


@pytest.mark.django_db
def test_the_text_of_a_version_never_changes():
    (version,) = make_live("One")
    version = PromptVersion.objects.get(pk=version.pk)
    version.text = "Other"

    with pytest.raises(RecordChanged, match="text cannot change"):
        version.save()
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        PromptVersion.objects.filter(pk=version.pk).update(text="Other")

    assert PromptVersion.objects.get(pk=version.pk).text == "One\n"


@pytest.mark.django_db
def test_every_agent_starts_with_the_text_that_lies_beside_it():
    live = versions.live(at=AT)

    assert list(live) == AgentKey.values
    assert {agent: (version.number, version.text) for agent, version in live.items()} == {
        agent: (1, first_prompt(agent).strip() + "\n") for agent in AgentKey.values
    }
    assert versions.live() == live
    assert PromptVersion.objects.count() == 4


@pytest.mark.django_db
def test_what_is_live_is_read_with_one_query(django_assert_num_queries):
    versions.live(at=AT)

    with django_assert_num_queries(1):
        versions.live(at=AT)


def test_a_difference_shows_only_lines_that_matter():
    lines = wording.difference("One\nTwo\nThree\n", "One\n2\nThree\n")

    assert lines == ["@@ -1,3 +1,3 @@", " One", "-Two", "+2", " Three"]
    assert wording.difference("One\n", "One\n") == []


@pytest.mark.django_db(transaction=True)
def test_two_people_at_once_leave_one_live_version_and_numbers_without_gaps():
    def write_and_release(number: int) -> None:
        try:
            version = versions.create(AGENT, text=f"Text {number}", note="", by=None, at=AT)
            versions.go_live(version, by=None, at=AT)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_and_release, range(8)))

    assert sorted(labels()) == list(range(1, 9))
    assert sorted(labels().values()) == ["live"] + ["retired"] * 7
