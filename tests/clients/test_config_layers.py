"""The layers of settings, merged: against a small merge written here, and law by law."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.config.layers import ADD, REMOVE, UNSET, Layer, Override, Said, at, merge
from clients.keys import AGENTS, BUILT_IN, DAYS, MERGES, Key, by_path

NAMES = ("agency", "industry", "size", "motion", "client", "campaign", "run")
WORDS = ["alpha", "beta", "Beta", "gamma", "delta", "ALPHA"]
KEYS = (
    Key("text", "Text", "text", "Test", lockable=True),
    Key("tone", "Tone", "choice", "Test", choices={"a": "A", "b": "B", "c": "C"}, default="a"),
    Key("deep.rising", "Rising", "whole", "Test", default=5, tightens="up"),
    Key("deep.falling", "Falling", "number", "Test", tightens="down"),
    Key("deep.flag", "Flag", "flag", "Test"),
    Key("words", "Words", "terms", "Test", merge="append_unique"),
    Key("sorted", "Sorted", "terms", "Test", merge="union"),
    Key("chosen", "Chosen", "choices", "Test", choices=DAYS, default=list(DAYS), tightens="down"),
    Key("any", "Any", "choices", "Test", choices=DAYS, merge="union"),
    Key("table", "Table", "table", "Test", merge="deep"),
    Key("whole_table", "Whole table", "table", "Test"),
    Key("entries", "Entries", "entries", "Test", merge="keyed"),
)


def merged(layers, keys=KEYS):
    return merge(layers, industry="fintech", client_name="Acme Fintech", keys=keys)


def one(key, *said, locks=()):
    """The value of `key` after layers that say this of it, None: nothing; `locks` are numbers of layers."""
    layers = [
        Layer(NAMES[n], {} if each is None else {key.path: each}, locks=frozenset([key.path] if n in locks else []))
        for n, each in enumerate(said)
    ]
    effective = merged(layers, (key,))
    return at(effective.document, key.path), effective.origins[key.path]


KEY = by_path(KEYS)


# --- random stacks, and the small merge that they have to equal


def random_value(rng, key):
    if key.kind == "table":
        return {rng.choice(WORDS): rng.choice(WORDS) for _ in range(rng.randint(1, 3))}
    if key.kind == "entries":
        names = rng.sample(["x", "y", "z"], rng.randint(1, 3))
        return [{"key": name, rng.choice(["text", "note"]): rng.choice(WORDS)} for name in names]
    if key.is_list:
        return rng.sample(list(key.choices or WORDS), rng.randint(1, 3))
    plain = {"text": WORDS, "choice": list(key.choices or ()), "whole": range(10), "number": [0.5, 1.5, 2.5]}
    return rng.choice(plain.get(key.kind, [True, False]))


def random_word(rng, key):
    """A value, or a word about what is inherited."""
    roll = rng.random()
    if roll < 0.1:
        return {UNSET: True}
    if roll < 0.3 and (key.is_list or key.kind == "table"):
        gone = rng.sample(["x", "y", *(key.choices or WORDS)], 2)
        return {REMOVE: gone} if rng.random() < 0.5 else {REMOVE: gone, ADD: random_value(rng, key)}
    return random_value(rng, key)


def random_stack(rng, *, locks=True):
    layers = []
    for name in NAMES:
        values = {key.path: random_word(rng, key) for key in KEYS if rng.random() < 0.5}
        locked = frozenset(key.path for key in KEYS if locks and rng.random() < 0.1)
        layers.append(Layer(name, values, locks=locked))
    return layers


def reference(layers, key):  # noqa: C901, PLR0912 - one piece, unlike what it checks
    """(value, [(name of an entry, its layer)]) in pairs, without anything that the product's merge is made of."""
    pairs = []  # of a list or table: [name, entry, layer]; of a plain value: ["", value, layer]
    locked, floor = False, []

    def as_pairs(value, layer):
        if key.kind == "table":
            return [[name, text, layer] for name, text in value.items()]
        if key.kind == "entries":
            return [[entry["key"], dict(entry), layer] for entry in value]
        return [[word, word, layer] for word in value] if key.is_list else [["", value, layer]]

    def fold(name):
        return name.lower()

    start = as_pairs(key.default, "built in") if key.default is not None else []
    pairs = list(start)
    for layer in layers:
        said = layer.values.get(key.path)
        if said not in (None, "", [], {}):
            is_word = isinstance(said, dict) and any(name.startswith("$") for name in said)
            own = said.get("$add") if is_word else said
            held = [fold(name) for name, _, _ in floor] if locked else []
            if is_word and "$unset" in said:
                pairs = pairs if locked else list(start)
            elif is_word:
                gone = [fold(name) for name in said.get("$remove", [])]
                pairs = [pair for pair in pairs if fold(pair[0]) not in gone or fold(pair[0]) in held]
            if own not in (None, "", [], {}):
                fresh = as_pairs(own, layer.name)
                if key.merge == "replace":
                    if not (locked and floor) or allowed(key, floor, fresh):
                        pairs = fresh
                elif key.merge in ("append_unique", "union"):
                    for pair in fresh:
                        if fold(pair[0]) not in [fold(name) for name, _, _ in pairs]:
                            pairs.append(pair)
                else:
                    held_exactly = [name for name, _, _ in floor] if locked else []
                    for name, entry, layer_name in fresh:
                        there = next((pair for pair in pairs if pair[0] == name), None)
                        if there is None:
                            pairs.append([name, entry, layer_name])
                        elif name not in held_exactly:
                            both = {**there[1], **entry} if key.kind == "entries" else entry
                            pairs[pairs.index(there)] = [name, both, layer_name]
        if key.path in layer.locks and not locked:
            locked, floor = True, [list(pair) for pair in pairs]
    if key.merge == "union":
        order = list(key.choices or ())
        pairs.sort(key=lambda pair: (order.index(pair[0]) if pair[0] in order else 99, fold(pair[0])))
    return pairs


def allowed(key, floor, fresh):
    if [pair[:2] for pair in floor] == [pair[:2] for pair in fresh]:
        return True
    old, new = [pair[1] for pair in floor], [pair[1] for pair in fresh]
    if key.kind in ("whole", "number"):
        return {"up": new[0] >= old[0], "down": new[0] <= old[0]}.get(key.tightens, False)
    if key.is_list:
        return {"up": set(old) <= set(new), "down": set(new) <= set(old)}.get(key.tightens, False)
    return False


def as_value(key, pairs):
    if key.kind == "table":
        return {name: text for name, text, _ in pairs}
    if key.is_list:
        return [entry for _, entry, _ in pairs]
    empty = "" if key.kind in ("text", "choice") else None
    return pairs[0][1] if pairs else empty


def names_in(value):
    """What the entries of a list or table go by."""
    if isinstance(value, dict):
        return list(value)
    return [each["key"] if isinstance(each, dict) else each for each in value] if isinstance(value, list) else []


def test_ten_thousand_random_stacks_equal_the_small_merge_to_the_last_origin():
    rng = random.Random(20261128)
    for number in range(10_000):
        layers = random_stack(rng)
        effective = merged(layers)
        for key in KEYS:
            pairs, origin = reference(layers, key), effective.origins[key.path]
            assert at(effective.document, key.path) == as_value(key, pairs), (number, key.path, layers)
            if key.is_list or key.kind == "table":
                assert dict(origin.entries) == {name: layer for name, _, layer in pairs}, (number, key.path, layers)
            else:
                assert list(origin.sources) == [layer for _, _, layer in pairs], (number, key.path, layers)


def test_every_leaf_has_an_origin_and_a_source():
    rng = random.Random(1)
    for _ in range(300):
        effective = merged(random_stack(rng))
        for key in KEYS:
            value, origin = at(effective.document, key.path), effective.origins[key.path]
            assert sorted(origin.entries) == sorted(names_in(value))
            assert bool(origin.sources) == (value not in (None, "", [], {}))
            assert effective.sources[key.path] == " + ".join(origin.sources)


def test_a_lower_layer_never_changes_a_key_that_is_set_higher():
    rng = random.Random(2)
    for _ in range(500):
        layers = random_stack(rng, locks=False)
        before = merged(layers)
        lower = Layer("lowest", {key.path: random_value(rng, key) for key in KEYS})
        after = merged([lower, *layers])
        for key in KEYS:
            last = next((layer.values[key.path] for layer in reversed(layers) if key.path in layer.values), None)
            sets = not isinstance(last, dict) or ADD in last or not last.keys() & {UNSET, REMOVE}
            if key.merge == "replace" and last is not None and sets:
                assert at(after.document, key.path) == at(before.document, key.path)


def test_merging_is_the_same_each_time_and_its_digest_too():
    rng = random.Random(3)
    for _ in range(100):
        layers = random_stack(rng)
        assert merged(layers) == merged(list(layers))
        assert merged(layers).sha256 == merged(layers).sha256


def test_the_digest_changes_with_any_value():
    digests = {
        merged([Layer("client", {"custom_fields.max_words": number})], BUILT_IN).sha256 for number in range(40, 60)
    }

    assert len(digests) == 20


# --- how values come together


def test_of_one_value_the_last_layer_wins_and_what_it_overrode_is_told():
    value, origin = one(KEY["tone"], "b", None, "c")

    assert (value, origin.sources) == ("c", ("size",))
    assert origin.said == (Said("agency", "b", "set"), Said("size", "c", "set"))


@pytest.mark.parametrize("zero", [0, False])
def test_zero_and_no_are_values(zero):
    key = KEY["deep.rising"] if zero == 0 and zero is not False else KEY["deep.flag"]

    assert one(key, 7 if key.kind == "whole" else True, zero)[0] == zero


def test_lists_are_joined_in_order_and_a_word_stands_once_whatever_its_case():
    value, origin = one(KEY["words"], ["synergy", "disruptive"], ["guaranteed"], ["Disruptive", "bold"])

    assert value == ["synergy", "disruptive", "guaranteed", "bold"]
    assert origin.sources == ("agency", "industry", "size")
    assert origin.entries["disruptive"] == "agency"


def test_a_union_stands_in_the_order_of_its_choices():
    assert one(KEY["any"], ["wed"], ["mon", "wed"])[0] == ["mon", "wed"]


def test_tables_are_merged_by_name_and_entries_by_key():
    table, names = one(KEY["table"], {"a": "1", "b": "1"}, {"b": "2"})
    entries, keys = one(
        KEY["entries"], [{"key": "x", "text": "1", "note": "n"}, {"key": "y", "text": "1"}], [{"key": "x", "text": "2"}]
    )

    assert (table, names.entries) == ({"a": "1", "b": "2"}, {"a": "agency", "b": "industry"})
    assert entries == [{"key": "x", "text": "2", "note": "n"}, {"key": "y", "text": "1"}]
    assert keys.entries == {"x": "industry", "y": "agency"}


def test_an_inherited_entry_can_be_taken_out_and_an_inherited_value_taken_back():
    words, origin = one(KEY["words"], ["one", "two"], {REMOVE: ["ONE"], ADD: ["three"]})

    assert (words, origin.sources) == (["two", "three"], ("agency", "industry"))
    assert one(KEY["text"], "said", {UNSET: True})[0] == ""
    assert one(KEY["tone"], "c", {UNSET: True}) == ("a", one(KEY["tone"], "c", {UNSET: True})[1])
    assert one(KEY["tone"], "c", {UNSET: True})[1].sources == ("built in",)


# --- locks


def test_a_locked_list_can_be_extended_and_nothing_of_it_taken_away():
    value, origin = one(KEY["words"], ["guaranteed"], {REMOVE: ["guaranteed"], ADD: ["bold"]}, {UNSET: True}, locks=[0])

    assert (value, origin.locked_by) == (["guaranteed", "bold"], "agency")
    assert [said.effect for said in origin.said] == ["set", "added", "not heard"]


def test_what_came_after_the_lock_can_be_taken_out_again():
    assert one(KEY["words"], ["a"], ["b"], {REMOVE: ["a", "b"]}, locks=[0])[0] == ["a"]


@pytest.mark.parametrize(
    ("path", "locked", "said", "holds"),
    [
        ("deep.rising", 5, 7, 7),
        ("deep.rising", 5, 3, 5),
        ("deep.falling", 2.5, 1.5, 1.5),
        ("deep.falling", 1.5, 2.5, 1.5),
        ("tone", "b", "c", "b"),
        ("deep.flag", True, False, True),
        ("chosen", ["mon", "tue"], ["tue"], ["tue"]),
        ("chosen", ["mon", "tue"], ["tue", "wed"], ["mon", "tue"]),
        ("whole_table", {"a": "1"}, {"a": "2"}, {"a": "1"}),
        ("table", {"a": "1"}, {"a": "2", "b": "2"}, {"a": "1", "b": "2"}),
        ("entries", [{"key": "x", "text": "1"}], [{"key": "x", "text": "2"}], [{"key": "x", "text": "1"}]),
    ],
)
def test_what_is_locked_is_tightened_or_stays(path, locked, said, holds):
    assert one(KEY[path], locked, said, locks=[0])[0] == holds


def test_the_layer_that_locks_may_say_what_it_likes_itself():
    assert one(KEY["tone"], "b", "c", locks=[1])[0] == "c"


said_words = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=3),
    st.just({UNSET: True}),
    st.fixed_dictionaries({REMOVE: st.lists(st.sampled_from(WORDS), max_size=3)}),
    st.fixed_dictionaries({REMOVE: st.lists(st.sampled_from(WORDS)), ADD: st.lists(st.sampled_from(WORDS))}),
)


@given(st.lists(said_words, min_size=2, max_size=7), st.integers(0, 5))
def test_no_layer_takes_away_what_a_lock_holds(said, number):
    number = min(number, len(said) - 1)
    below, _ = one(KEY["words"], *said[: number + 1])

    above, _ = one(KEY["words"], *said, locks=[number])

    assert {word.casefold() for word in below} <= {word.casefold() for word in above}


@given(st.lists(st.one_of(st.none(), st.integers(0, 9)), min_size=2, max_size=7), st.integers(0, 5))
def test_no_layer_loosens_a_locked_number(said, number):
    number = min(number, len(said) - 1)
    floor, _ = one(KEY["deep.rising"], *said[: number + 1])

    assert one(KEY["deep.rising"], *said, locks=[number])[0] >= floor


# --- the document


def test_without_any_layer_every_key_is_there():
    document = merged([], BUILT_IN).document

    assert document["custom_fields"] == {
        "emphasis": "",
        "avoid_terms": [],
        "max_words": 150,
        "offer": "",
        "proof_points": [],
        "call_to_action": "",
        "sender_name": "",
        "sender_title": "",
    }
    assert (document["tone"], document["confidence_floor"], document["enabled_agents"]) == (
        "friendly",
        0.5,
        list(AGENTS),
    )
    assert document["send_window"] == {"days": list(DAYS), "from_hour": 0, "to_hour": 24}
    assert (document["model_tier"], document["effort"], document["run_budget_usd"]) == ("usual", "", None)


def test_a_secret_is_not_in_the_document():
    key = Key("token", "Token", "text", "Test", sensitive=True)

    effective = merged([Layer("client", {"token": "sealed:abc"})], (key,))

    assert effective.document["token"] is True
    assert "abc" not in repr(effective.document)


def test_words_to_an_agent_stack_with_their_layers():
    layers = [
        Layer("agency", {}, {"email_agent": [Override("add", "Sign off simply.")]}),
        Layer("client", {}, {"email_agent": [Override("replace", "Be brief.", "constraints"), Override("add", "Hi.")]}),
    ]

    effective = merged(layers)

    assert effective.document["prompt_overrides"] == {
        "email_agent": [
            {"mode": "add", "text": "Sign off simply.", "layer": "agency"},
            {"mode": "replace", "text": "Be brief.", "layer": "client", "slot": "constraints"},
            {"mode": "add", "text": "Hi.", "layer": "client"},
        ]
    }
    assert effective.sources["prompt_overrides.email_agent"] == "agency + client"
    assert effective.sources["prompt_overrides.research_agent"] == ""


def test_every_built_in_key_comes_together_in_a_way_that_its_kind_allows():
    assert [key.path for key in BUILT_IN if key.merge not in MERGES[key.kind]] == []
    assert len({key.path for key in BUILT_IN}) == len(BUILT_IN)
