"""One setting of many clients at once: looked at first, made together, taken back together."""

import re
from urllib.parse import urlencode

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse

from clients import config
from clients.config import bulk, edits, sets
from clients.config.edits import INHERIT, PUT, SET, TAKE, Edit
from clients.config.layers import REMOVE
from clients.config.sets import SetRefused
from clients.keys import BUILT_IN, by_path
from clients.models import AgencySettings, ChangeSet, Client, ClientChange, ConfigKey, ConfigVersion
from tests.crowd import make_user_of
from tests.factories import AT, make_client, make_experiment, make_industry, make_user

pytestmark = pytest.mark.django_db

TONE = by_path(BUILT_IN)["tone"]
AVOID = by_path(BUILT_IN)["custom_fields.avoid_terms"]
BRIEF = [{"mode": "add", "text": "Be brief."}]


@pytest.fixture
def operator(client):
    client.force_login(make_user_of("operator"))
    return client


def address(*clients, setting=""):
    chosen = {"clients": ",".join(str(each.pk) for each in clients)}
    return f"{reverse('client_bulk_edit')}?{urlencode({**chosen, 'setting': setting})}"


def looked(browser, where, **typed):
    """The page that shows what would change, and the mark that it carries."""
    shown = browser.post(where, typed).content.decode()
    found = re.search(r'name="seen" value="([^"]+)"', shown)
    return shown, found[1] if found else ""


def applied(edit, *clients, reason="A test", by=None):
    looks = bulk.look(edit, sets.locked(each.pk for each in clients))
    author = config.Author(by or make_user(), reason, AT)
    return bulk.apply(edit, [each.pk for each in clients], seen=bulk.mark(looks), author=author)


def said(client):
    return Client.objects.get(pk=client.pk).settings


def looks_of(edit, *clients):
    return bulk.look(edit, list(Client.objects.select_related("industry").filter(pk__in=[c.pk for c in clients])))


# --- what becomes of one client


def test_a_value_is_set_and_inherited_again():
    acme = make_client("acme", tone="formal", industry=make_industry("ledgers"))

    [set_to], [back] = looks_of(Edit(TONE, SET, "direct"), acme), looks_of(Edit(TONE, INHERIT), acme)

    assert (set_to.said, set_to.own, list(map(str, set_to.in_force))) == (
        {"tone": "direct"},
        ("Formal", "Direct"),
        ["Tone: Formal becomes Direct"],
    )
    assert (back.said, back.own, list(map(str, back.in_force))) == (
        {},
        ("Formal", ""),
        ["Tone: Formal becomes Friendly"],
    )


@pytest.mark.parametrize(
    ("own", "how", "value", "becomes"),
    [
        (["bold"], PUT, ["brave"], ["bold", "brave"]),
        (["bold"], PUT, ["BOLD"], ["bold"]),
        (None, PUT, ["cheap"], None),  # inherited already
        ({REMOVE: ["cheap"]}, PUT, ["cheap"], None),
        ({"$unset": True}, PUT, ["bold"], {REMOVE: ["cheap"], "$add": ["bold"]}),
        (["bold", "brave"], TAKE, ["Bold"], ["brave"]),
        (["bold"], TAKE, ["bold"], None),
        (None, TAKE, ["cheap"], {REMOVE: ["cheap"]}),
        (["bold"], TAKE, ["cheap", "bold"], {REMOVE: ["cheap"]}),
        ({REMOVE: ["cheap"]}, TAKE, ["cheap"], {REMOVE: ["cheap"]}),
        ({"$unset": True}, TAKE, ["cheap"], {"$unset": True}),
        (["bold"], SET, ["calm"], ["calm"]),
        ({REMOVE: ["cheap"]}, INHERIT, None, None),
    ],
)
def test_words_are_added_to_a_list_and_taken_out_of_it(own, how, value, becomes):
    AgencySettings.objects.update(settings={})
    industry = make_industry("ledgers", settings={AVOID.path: ["cheap"]})
    acme = make_client("acme", industry=industry, settings={AVOID.path: own} if own else {})

    [look] = looks_of(Edit(AVOID, how, value), acme)

    assert look.said.get(AVOID.path) == becomes


def test_what_is_taken_out_is_not_in_force_and_what_is_added_is_whatever_the_layers_say():
    ConfigKey.objects.create(name="pairs", label="Pairs", kind="table", merge="deep")
    ConfigKey.objects.create(name="days", label="Days", kind="choices", choices=["a", "b", "c"], merge="replace")
    ConfigKey.objects.create(name="points", label="Points", kind="entries", merge="keyed")
    known = by_path(config.known_keys())
    below = {
        "custom_fields.pairs": {"x": "1", "y": "1"},
        "custom_fields.days": ["a", "b"],
        "custom_fields.points": [{"key": "p", "text": "1"}],
    }
    acme = make_client("acme", industry=make_industry("ledgers", settings=below))

    for path, put, take, left in [
        ("custom_fields.pairs", {"z": "2"}, ["x"], {"y": "1", "z": "2"}),
        ("custom_fields.days", ["c"], ["a"], ["b", "c"]),
        ("custom_fields.points", [{"key": "q", "text": "2"}], ["p"], [{"key": "q", "text": "2"}]),
    ]:
        applied(Edit(known[path], PUT, put), acme)
        applied(Edit(known[path], TAKE, take), acme)

        document = config.effective(Client.objects.get()).document
        assert document["custom_fields"][path.rpartition(".")[2]] == left


def test_of_a_list_only_what_comes_and_goes_is_told():
    acme = make_client("acme", industry=make_industry("ledgers", settings={AVOID.path: ["bold", "dull"]}))

    [more] = looks_of(Edit(AVOID, PUT, ["brave"]), acme)
    [less] = looks_of(Edit(AVOID, TAKE, ["dull"]), acme)

    assert list(map(str, more.in_force)) == ["Words to avoid: now also brave"]
    assert list(map(str, less.in_force)) == ["Words to avoid: no longer dull"]


def test_a_word_to_an_agent_is_added_once_and_taken_back():
    acme = make_client("acme")
    add, back = Edit(None, PUT, BRIEF, agent="email_agent"), Edit(None, INHERIT, agent="email_agent")

    applied(add, acme)
    [again] = looks_of(add, acme)
    [taken] = looks_of(back, acme)

    assert said(acme) == {"prompt_overrides.email_agent": BRIEF}
    assert again.stays
    assert taken.said == {}


def test_a_lock_a_check_and_a_bound_each_refuse_it_in_words():
    locks = make_industry("ledgers", settings={"tone": "formal", AVOID.path: ["cheap"]}, locks=["tone", AVOID.path])
    locked, offers = make_client("locked", industry=locks), make_client("offers", offer="A cheap audit.")
    full = make_client("full", settings={AVOID.path: [f"word {n}" for n in range(100)]})

    [tone] = looks_of(Edit(TONE, SET, "casual"), locked)
    [same] = looks_of(Edit(TONE, SET, "formal"), locked)
    [out] = looks_of(Edit(AVOID, TAKE, ["cheap"]), locked)
    [odd] = looks_of(Edit(AVOID, PUT, ["cheap"]), offers)
    [many] = looks_of(Edit(AVOID, PUT, ["one more"]), full)

    assert tone.problems == ("Ledgers template locks it: it can only be tightened.",)
    assert same.problems == ()
    assert out.problems == ("Ledgers template locks “cheap”: it cannot be taken out.",)
    assert odd.problems == (
        "“cheap” is among the words to avoid, and stands in the offer. Take it out of one of them.",
    )
    assert many.problems == ("There are more than 100 entries. Keep the most important ones.",)


def test_what_contradicts_itself_already_does_not_refuse_another_change():
    acme = make_client("acme", offer="A cheap audit.", avoid_terms=["cheap"])

    [look] = looks_of(Edit(TONE, SET, "direct"), acme)

    assert look.changes


def test_a_tone_that_nobody_of_the_industry_has_is_pointed_out():
    others = [make_client(tone="formal") for _ in range(5)]
    acme = make_client("acme")

    [look] = looks_of(Edit(TONE, SET, "casual"), acme)

    assert look.asked == ("Tone “Casual” is unusual for Fintech: 0 of 5 clients use it.",)
    assert looks_of(Edit(TONE, SET, "formal"), acme)[0].asked == ()
    assert len(others) == 5


# --- the page


def test_the_action_leads_to_the_page_with_the_chosen_clients(operator):
    acme, zeta = make_client("acme"), make_client("zeta")
    form = {"action": "change_setting", "_selected_action": [acme.pk, zeta.pk]}

    answer = operator.post(reverse("admin:clients_client_changelist"), form, follow=True)

    shown = answer.content.decode()
    assert "Acme, Zeta" in shown
    assert '<option value="tone">Tone</option>' in shown
    assert '<option value="prompt_overrides.email_agent">' in shown


def test_a_secret_is_not_offered_and_cannot_be_asked_for(operator):
    ConfigKey.objects.create(name="token", label="Token", kind="text", sensitive=True)
    acme = make_client("acme")

    shown = operator.get(address(acme, setting="custom_fields.token")).content.decode()
    posted = operator.post(address(acme, setting="custom_fields.token"), {"how": "set", "value": "x", "apply": "yes"})

    assert "Token" not in shown
    assert (posted.status_code, said(acme), ChangeSet.objects.count()) == (200, {}, 0)


def test_the_preview_shows_who_changes_who_does_not_and_who_cannot_and_writes_nothing(operator):
    locks = make_industry("ledgers", settings={"tone": "formal"}, locks=["tone"])
    acme, same = make_client("acme", tone="formal"), make_client("same", tone="direct")
    locked = make_client("locked", industry=locks)

    shown, _ = looked(operator, address(acme, same, locked, setting="tone"), how="set", value="direct")

    assert "<del>Formal</del> <ins>Direct</ins>" in shown
    assert "Tone: Formal becomes Direct" in shown
    assert "Says so already" in shown
    assert "Ledgers template locks it: it can only be tightened." in shown
    assert "Apply to 1 client<" in shown
    assert [said(each) for each in (acme, same, locked)] == [{"tone": "formal"}, {"tone": "direct"}, {}]
    assert ChangeSet.objects.count() == 0


def test_a_client_whose_experiment_runs_is_marked(operator):
    acme, zeta = make_client("acme"), make_client("zeta")
    make_experiment(acme)

    shown, _ = looked(operator, address(acme, zeta, setting="tone"), how="set", value="direct")

    assert shown.count("Experiment runs") == 1


def test_applying_makes_all_of_it_as_one_set_with_a_version_each(operator):
    acme, zeta, same = make_client("acme"), make_client("zeta", tone="formal"), make_client("same", tone="direct")
    where = address(acme, zeta, same, setting="tone")
    _, seen = looked(operator, where, how="set", value="direct")

    answer = operator.post(
        where, {"how": "set", "value": "direct", "seen": seen, "reason": "New voice", "apply": "yes"}, follow=True
    )

    made = ChangeSet.objects.get()
    assert (made.kind, made.what, made.reason, made.author.username, made.undone_at) == (
        "edit",
        "Tone: set it to “Direct”",
        "New voice",
        "operator",
        None,
    )
    assert list(
        made.changes.order_by("client__slug").values_list("client__slug", "paths", "after__number", "is_new")
    ) == [
        ("acme", {"tone": [None, "direct"]}, 1, False),
        ("zeta", {"tone": ["formal", "direct"]}, 1, False),
    ]
    assert [said(each) for each in (acme, zeta, same)] == [{"tone": "direct"}] * 3
    versions = ConfigVersion.objects.order_by("client__slug").values_list("client__slug", "reason", "author__username")
    assert list(versions) == [("acme", "New voice", "operator"), ("zeta", "New voice", "operator")]
    assert Client.objects.get(slug="acme").touched["tone"][0] == "operator"
    assert "2 clients are changed. You can take it back here, all at once." in answer.content.decode()


def test_an_active_client_needs_a_reason_and_a_draft_does_not(operator):
    active, draft = make_client("active"), make_client("draft", status="draft")
    both, alone = address(active, draft, setting="tone"), address(draft, setting="tone")
    _, seen_both = looked(operator, both, how="set", value="direct")
    _, seen_alone = looked(operator, alone, how="set", value="direct")

    refused = operator.post(both, {"how": "set", "value": "direct", "seen": seen_both, "apply": "yes"})
    written = said(draft)
    operator.post(alone, {"how": "set", "value": "direct", "seen": seen_alone, "apply": "yes"})

    assert "Say in a few words why their settings change." in refused.content.decode()
    assert (refused.status_code, written, said(active), said(draft)) == (400, {}, {}, {"tone": "direct"})


@pytest.mark.parametrize("moves", ["the client", "its template", "what was typed"])
def test_what_moved_since_it_was_looked_at_is_shown_again_and_nothing_is_written(operator, moves):
    ledgers = make_industry("ledgers", settings={"tone": "formal"})
    acme, zeta = make_client("acme", industry=ledgers), make_client("zeta")
    where = address(acme, zeta, setting="tone")
    _, seen = looked(operator, where, how="set", value="direct")
    typed = {"how": "set", "value": "direct", "seen": seen, "reason": "x", "apply": "yes"}
    if moves == "the client":
        Client.objects.filter(pk=acme.pk).update(settings={"tone": "casual"}, revision=7)
    elif moves == "its template":
        type(ledgers).objects.filter(pk=ledgers.pk).update(settings={"tone": "casual"})
    else:
        typed["value"] = "casual"
    before = [said(acme), said(zeta)]

    answer = operator.post(where, typed)

    assert answer.status_code == 409
    assert "Nothing was written: something changed since you looked" in answer.content.decode()
    assert ([said(acme), said(zeta)], ChangeSet.objects.count()) == (before, 0)


def test_a_mark_that_somebody_made_up_counts_as_none(operator):
    acme = make_client("acme")

    answer = operator.post(
        address(acme, setting="tone"),
        {"how": "set", "value": "direct", "seen": "made-up", "reason": "x", "apply": "yes"},
    )

    assert (answer.status_code, said(acme)) == (409, {})


def test_when_one_client_cannot_be_written_none_is(monkeypatch):
    acme, zeta = make_client("acme"), make_client("zeta")
    put = sets.writing.save
    monkeypatch.setattr(sets.writing, "save", lambda row, author: put(row, author) if row.slug == "acme" else 1 / 0)

    with pytest.raises(ZeroDivisionError):
        applied(Edit(TONE, SET, "direct"), acme, zeta)

    assert (said(acme), said(zeta), ChangeSet.objects.count(), ClientChange.objects.count()) == ({}, {}, 0, 0)


def test_nothing_to_change_makes_no_set():
    acme = make_client("acme", tone="direct")

    with pytest.raises(SetRefused, match="Nothing would change"):
        applied(Edit(TONE, SET, "direct"), acme)

    assert ChangeSet.objects.count() == 0


def test_without_a_value_it_asks_for_one(operator):
    acme = make_client("acme", tone="formal")

    answer = operator.post(address(acme, setting="tone"), {"how": "set", "value": ""})

    assert answer.status_code == 400
    assert "“Set it to” needs something here." in answer.content.decode()


@pytest.mark.parametrize(
    ("setting", "typed", "becomes"),
    [
        ("custom_fields.max_words", {"how": "set", "value": "90"}, 90),
        ("custom_fields.avoid_terms", {"how": "put", "value": "bold\ncheap"}, ["bold", "cheap"]),
        ("send_window.days", {"how": "set", "value": ["mon", "tue"]}, ["mon", "tue"]),
        ("custom_fields.own", {"how": "put", "value": "a: 1"}, {"a": "1"}),
        (
            "prompt_overrides.email_agent",
            {"how": "put", "mode": "prepend", "slot": "", "text": "Be brief."},
            [{"mode": "prepend", "text": "Be brief."}],
        ),
    ],
)
def test_the_field_fits_the_kind_of_the_setting(operator, setting, typed, becomes):
    ConfigKey.objects.create(name="own", label="Own", kind="table", merge="deep")
    acme = make_client("acme")
    where = address(acme, setting=setting)
    _, seen = looked(operator, where, **typed)

    operator.post(where, {**typed, "seen": seen, "reason": "x", "apply": "yes"})

    assert said(acme) == {setting: becomes}


def test_names_are_taken_out_of_a_table(operator):
    ConfigKey.objects.create(name="own", label="Own", kind="table", merge="deep")
    acme = make_client("acme", settings={"custom_fields.own": {"a": "1", "b": "2"}})
    where = address(acme, setting="custom_fields.own")
    _, seen = looked(operator, where, how="take", names="a")

    operator.post(where, {"how": "take", "names": "a", "seen": seen, "reason": "x", "apply": "yes"})

    assert said(acme) == {"custom_fields.own": {"b": "2"}}


def test_a_manager_changes_own_clients_only(client):
    mine, theirs = make_client("mine"), make_client("theirs")
    mine.managers.add(manager := make_user_of("manager"))
    client.force_login(manager)
    where = address(mine, theirs, setting="tone")
    shown, seen = looked(client, where, how="set", value="direct")

    client.post(where, {"how": "set", "value": "direct", "seen": seen, "reason": "x", "apply": "yes"})

    assert "Theirs" not in shown
    assert (said(mine), said(theirs)) == ({"tone": "direct"}, {})


def test_a_viewer_neither_looks_nor_applies(client):
    acme = make_client("acme")
    client.force_login(make_user_of("viewer"))

    assert client.get(address(acme)).status_code == 403
    assert client.post(address(acme, setting="tone"), {"how": "set", "value": "direct"}).status_code == 403
    listed = client.get(reverse("admin:clients_client_changelist")).content.decode()
    assert "change_setting" not in listed


def test_looking_asks_no_more_for_many_clients_than_for_few(django_assert_num_queries):
    few, many = [make_client() for _ in range(2)], [make_client() for _ in range(30)]
    everyone = list(Client.objects.select_related("industry"))
    first = [each for each in everyone if each in few]

    for clients in (first, everyone):
        with django_assert_num_queries(3):
            bulk.look(Edit(TONE, SET, "direct"), clients)
    assert len(many) == 30


# --- taking it back


def test_one_press_gives_every_client_back_what_it_said(operator):
    acme, zeta = make_client("acme", tone="formal", offer="Audits."), make_client("zeta")
    made = applied(Edit(TONE, SET, "direct"), acme, zeta)

    answer = operator.post(reverse("admin:clients_changeset_undo", args=[made.pk]), follow=True)

    made.refresh_from_db()
    assert [said(acme), said(zeta)] == [{"tone": "formal", "custom_fields.offer": "Audits."}, {}]
    assert (made.undone_by.username, made.undone_at is not None) == ("operator", True)
    newest = config.newest_version(acme)
    assert (newest.number, newest.reason, newest.author.username) == (2, "Taken back: A test", "operator")
    assert "Taken back: 2 clients say again what was said before." in answer.content.decode()


def test_what_else_the_client_says_since_stays():
    acme = make_client("acme", tone="formal")
    made = applied(Edit(TONE, SET, "direct"), acme)
    Client.objects.filter(pk=acme.pk).update(settings={"tone": "direct", "custom_fields.offer": "Audits."})

    sets.undo(made, by=make_user_of("operator"), at=AT)

    assert said(acme) == {"tone": "formal", "custom_fields.offer": "Audits."}


def test_a_client_whose_value_moved_since_is_left_and_named(operator):
    acme, zeta = make_client("acme", tone="formal"), make_client("zeta")
    made = applied(Edit(TONE, SET, "direct"), acme, zeta)
    Client.objects.filter(pk=acme.pk).update(settings={"tone": "casual"})

    answer = operator.post(reverse("admin:clients_changeset_undo", args=[made.pk]), follow=True)

    shown = answer.content.decode()
    assert [said(acme), said(zeta)] == [{"tone": "casual"}, {}]
    assert "Left as it is: Acme: Changed since: Tone." in shown
    assert dict(made.changes.values_list("client__slug", "left")) == {"acme": "Changed since: Tone.", "zeta": ""}
    assert shown.count("Changed since: Tone.") == 2  # in the message, and on the page of the set


def test_twice_is_refused_in_words():
    acme, tom = make_client("acme"), make_user_of("operator", "tom")
    made = applied(Edit(TONE, SET, "direct"), acme)
    sets.undo(made, by=tom, at=AT)
    version = config.newest_version(acme).number

    with pytest.raises(SetRefused, match="tom took it back already: 16 November 2026, 09:00"):
        sets.undo(made, by=make_user_of("operator"), at=AT)

    assert config.newest_version(acme).number == version


def test_where_every_value_moved_nothing_is_taken_back_and_the_set_stays_open():
    acme = make_client("acme")
    made = applied(Edit(TONE, SET, "direct"), acme)
    Client.objects.filter(pk=acme.pk).update(settings={"tone": "casual"})

    with pytest.raises(SetRefused, match=r"Nothing can be taken back\. Acme: Changed since: Tone\."):
        sets.undo(made, by=make_user_of("operator"), at=AT)

    assert (ChangeSet.objects.get().undone_at, ClientChange.objects.get().left) == (None, "")


def test_a_value_that_is_not_allowed_any_more_is_not_given_back():
    ConfigKey.objects.create(name="motto", label="Motto", kind="text")
    key = by_path(config.known_keys())["custom_fields.motto"]
    acme, zeta = make_client("acme", settings={key.path: "Old."}), make_client("zeta")
    made = applied(Edit(key, SET, "New."), acme, zeta)
    ConfigKey.objects.update(longest=3)

    undone = sets.undo(made, by=make_user_of("operator"), at=AT)

    assert [str(each) for each in undone.given_back] == ["Zeta"]
    assert undone.left[0].left.startswith("What it said before is not allowed any more.")
    assert said(acme) == {key.path: "New."}


def test_a_manager_sees_the_own_clients_of_a_set_and_takes_back_only_what_is_all_theirs(client):
    mine, theirs = make_client("mine"), make_client("theirs")
    mine.managers.add(manager := make_user_of("manager"))
    client.force_login(manager)
    shared, own = applied(Edit(TONE, SET, "direct"), mine, theirs), applied(Edit(TONE, SET, "casual"), mine)
    other = applied(Edit(TONE, SET, "casual"), theirs)
    page = {each: reverse("admin:clients_changeset_change", args=[each.pk]) for each in (shared, own, other)}

    listed = client.get(reverse("admin:clients_changeset_changelist")).content.decode()
    seen = client.get(page[shared]).content.decode()
    refused = client.post(reverse("admin:clients_changeset_undo", args=[shared.pk]), follow=True).content.decode()
    hidden = client.post(reverse("admin:clients_changeset_undo", args=[other.pk]))
    client.post(reverse("admin:clients_changeset_undo", args=[own.pk]))

    assert (page[shared] in listed, page[own] in listed, page[other] in listed) == (True, True, False)
    assert "Theirs" not in seen
    assert "And 1 client that you do not look after" in seen
    assert "Take it back" not in seen
    assert "It changed clients that you do not look after." in refused
    assert (hidden.status_code, client.get(page[other]).status_code) == (404, 302)
    assert (said(mine), said(theirs)) == ({"tone": "direct"}, {"tone": "casual"})


def test_a_viewer_sees_a_set_and_takes_back_nothing(client):
    acme = make_client("acme")
    made = applied(Edit(TONE, SET, "direct"), acme)
    client.force_login(make_user_of("viewer"))

    shown = client.get(reverse("admin:clients_changeset_change", args=[made.pk])).content.decode()
    answer = client.post(reverse("admin:clients_changeset_undo", args=[made.pk]))

    assert "Acme" in shown
    assert "Take it back" not in shown
    assert (answer.status_code, said(acme)) == (403, {"tone": "direct"})


def test_what_a_set_records_never_changes():
    made = applied(Edit(TONE, SET, "direct"), make_client("acme"))

    for change in (
        lambda: ChangeSet.objects.filter(pk=made.pk).update(reason="Another"),
        lambda: ClientChange.objects.update(paths={}),
        lambda: ChangeSet.objects.filter(pk=made.pk)._raw_delete("default"),
    ):
        with pytest.raises(DatabaseError, match="never change"), transaction.atomic():
            change()


def test_the_ways_of_a_list_are_more_than_those_of_a_value():
    assert list(edits.ways(TONE)) == [SET, INHERIT]
    assert list(edits.ways(AVOID)) == [PUT, TAKE, SET, INHERIT]
    assert list(edits.ways(None)) == [PUT, SET, INHERIT]
