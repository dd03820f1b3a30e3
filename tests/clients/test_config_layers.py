"""The layers of settings, merged."""

from hypothesis import given
from hypothesis import strategies as st

from clients.config.layers import AGENTS, CUSTOM_LISTS, VALUES, Layer, Override, merge

words = st.text("abcdeé", min_size=1, max_size=4)
lists = st.lists(words, max_size=4)
values = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.one_of(st.just(""), words) for name in VALUES if name not in {"max_words", "confidence_floor"}},
        "max_words": st.one_of(st.none(), st.integers(40, 400)),
        "confidence_floor": st.one_of(st.none(), st.floats(0, 1)),
        **dict.fromkeys(CUSTOM_LISTS, lists),
        "enabled_agents": st.lists(st.sampled_from(AGENTS), unique=True),
    },
)
overrides = st.dictionaries(st.sampled_from(AGENTS), st.builds(Override, st.sampled_from(["add", "replace"]), words))
stacks = st.tuples(values, overrides, values, overrides, values, overrides).map(
    lambda parts: (
        Layer("agency", parts[0], parts[1]),
        Layer("industry", parts[2], parts[3]),
        Layer("client", parts[4], parts[5]),
    )
)


def merged(layers):
    return merge(layers, industry="fintech", client_name="Acme Fintech")


def leaves(document):
    for key, value in document.items():
        if key == "custom_fields":
            yield from ((f"custom_fields.{name}", inner) for name, inner in value.items())
        elif key == "prompt_overrides":
            yield from ((f"prompt_overrides.{agent}", value.get(agent, [])) for agent in AGENTS)
        else:
            yield key, value


def test_the_highest_layer_that_sets_a_value_wins():
    layers = [Layer("agency", {"tone": "direct"}), Layer("industry", {"tone": "formal"}), Layer("client", {"tone": ""})]

    effective = merged(layers)

    assert effective.document["tone"] == "formal"
    assert effective.sources["tone"] == "industry"


def test_lists_are_joined_in_order_and_a_word_stands_once_whatever_its_case():
    layers = [
        Layer("agency", {"avoid_terms": ["synergy", "disruptive"]}),
        Layer("industry", {"avoid_terms": ["guaranteed returns"]}),
        Layer("client", {"avoid_terms": ["Disruptive", "revolutionary"]}),
    ]

    effective = merged(layers)

    avoid = effective.document["custom_fields"]["avoid_terms"]
    assert avoid == ["synergy", "disruptive", "guaranteed returns", "revolutionary"]
    assert effective.sources["custom_fields.avoid_terms"] == "agency + industry + client"


def test_overrides_of_one_agent_stack_with_their_layers():
    layers = [
        Layer("agency", {}, {"email_agent": Override("add", "Sign off simply.")}),
        Layer("industry", {}),
        Layer("client", {}, {"email_agent": Override("replace", "Write a haiku.")}),
    ]

    effective = merged(layers)

    assert effective.document["prompt_overrides"] == {
        "email_agent": [
            {"mode": "add", "text": "Sign off simply.", "layer": "agency"},
            {"mode": "replace", "text": "Write a haiku.", "layer": "client"},
        ]
    }
    assert effective.sources["prompt_overrides.email_agent"] == "agency + client"
    assert effective.sources["prompt_overrides.research_agent"] == ""


def test_without_any_layer_every_key_is_there():
    effective = merged([])

    assert effective.document == {
        "industry": "fintech",
        "tone": "friendly",
        "prompt_overrides": {},
        "custom_fields": {
            "emphasis": "",
            "avoid_terms": [],
            "offer": "",
            "proof_points": [],
            "call_to_action": "",
            "sender_name": "",
            "sender_title": "",
            "max_words": 150,
        },
        "enabled_agents": list(AGENTS),
        "confidence_floor": 0.5,
        "client_name": "Acme Fintech",
    }


def test_a_floor_of_zero_is_a_value():
    effective = merged([Layer("agency", {"confidence_floor": 0.7}), Layer("client", {"confidence_floor": 0.0})])

    assert effective.document["confidence_floor"] == 0.0
    assert effective.sources["confidence_floor"] == "client"


@given(stacks)
def test_every_leaf_has_a_source_and_is_what_that_source_says(layers):
    effective = merged(layers)

    by_name = {layer.name: layer for layer in layers}
    paths = dict(leaves(effective.document))
    assert paths.keys() == effective.sources.keys()
    for name in VALUES:
        path = f"custom_fields.{name}" if f"custom_fields.{name}" in paths else name
        source = effective.sources[path]
        if source in by_name:
            assert paths[path] == by_name[source].values[name]


@given(stacks, values)
def test_a_lower_layer_never_changes_what_a_higher_one_sets(layers, lower):
    before = merged(layers)

    after = merged((Layer("agency", lower, layers[0].overrides), *layers[1:]))

    for path, value in leaves(before.document):
        if before.sources[path] == "client" and path.removeprefix("custom_fields.") in {*VALUES, "enabled_agents"}:
            assert dict(leaves(after.document))[path] == value


@given(stacks)
def test_no_layer_takes_a_word_to_avoid_away(layers):
    effective = merged(layers)

    avoid = {term.casefold() for term in effective.document["custom_fields"]["avoid_terms"]}
    said = {term.casefold() for layer in layers for term in layer.values.get("avoid_terms", [])}
    assert avoid == said


@given(stacks)
def test_the_same_layers_give_the_same_bytes(layers):
    assert merged(layers) == merged(layers)
    assert merged(layers).sha256 == merged(list(layers)).sha256


def test_the_digest_changes_with_any_value():
    digests = {merged([Layer("client", {"max_words": number})]).sha256 for number in range(40, 60)}

    assert len(digests) == 20
