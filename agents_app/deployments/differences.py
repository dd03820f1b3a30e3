"""Two deployments side by side, and what changed from one to the other in words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from agents_app.deployments.state import Arm, Parts, Rollout, Wire
from agents_app.models import PromptVersion
from clients.config import shown, stored
from clients.config.layers import at, without_layer
from clients.keys import AGENTS, Key
from clients.models import ConfigVersion, Connection

SETTINGS, PROMPTS, ROLLOUTS, CONNECTIONS = "Settings", "Prompts", "Experiments", "Connections"
VERSION = "The client's own version"
NOT_SET, NOT_THERE, NOT_RUNNING, NO_VERSION, NOTHING = "not set", "not there", "does not run", "none yet", "nothing"
NAME = "The client's name"
COLUMNS = {"industry": "Industry", "client_name": NAME}
TOLD = "What agents are told of our own settings"
MODES = {"sandbox": "Sandbox", "live": "Live"}


class Pair(NamedTuple):
    """One part on both sides, in words."""

    group: str
    label: str
    left: str
    right: str

    @property
    def differs(self) -> bool:
        return self.left != self.right


class Names(NamedTuple):
    """What ids are called: {id of a prompt version: its number}, {id of a config version: its number}."""

    prompts: Mapping[int, int]
    versions: Mapping[int, int]


def names_of(*parts: Parts) -> Names:
    """Two queries."""
    prompts = {pk for each in parts for pk in (*each.prompts.values(), *_tried(each.rollouts))}
    versions = {each.config_version_id or 0 for each in parts}
    return Names(
        dict(PromptVersion.objects.filter(pk__in=prompts).values_list("pk", "number")),
        dict(ConfigVersion.objects.filter(pk__in=versions).values_list("pk", "number")),
    )


def side_by_side(left: Parts, right: Parts, *, keys: Sequence[Key], names: Names) -> list[Pair]:
    return [
        *_settings(left, right, keys, names),
        *_prompts(left, right, names),
        *_rollouts(left, right, names),
        *_connections(left, right),
    ]


def between(left: Parts, right: Parts) -> list[str]:
    """What changed from one to the other, in words."""
    return told(side_by_side(left, right, keys=stored.known_keys(), names=names_of(left, right)))


def told(pairs: Sequence[Pair]) -> list[str]:
    """What changed, a sentence a part; nothing where nothing did."""
    changed = [pair for pair in pairs if pair.differs]
    by_group = {group: [pair for pair in changed if pair.group == group] for group in _TOLD}
    return [words for group, found in by_group.items() if found for words in _TOLD[group](found)]


# --- the parts in words


def _settings(left: Parts, right: Parts, keys: Sequence[Key], names: Names) -> Iterator[Pair]:
    numbers = [names.versions.get(each.config_version_id or 0) for each in (left, right)]
    yield Pair(SETTINGS, VERSION, *(f"v{number}" if number else NO_VERSION for number in numbers))
    for path, label in COLUMNS.items():
        yield Pair(SETTINGS, label, *(str(each.config.get(path) or NOT_SET) for each in (left, right)))
    for key in keys:
        yield Pair(
            SETTINGS, key.label, *(shown.readable(key, at(each.config, key.path)) or NOT_SET for each in (left, right))
        )
    for agent, label in AGENTS.items():
        yield Pair(SETTINGS, f"To the {label.lower()} agent", *(_words(each.config, agent) for each in (left, right)))
    lists = [_list_told(each.config) for each in (left, right)]
    if lists != [NOTHING, NOTHING]:
        yield Pair(SETTINGS, TOLD, *lists)


def _words(config: Mapping[str, Any], agent: str) -> str:
    words = [without_layer(word) for word in config.get("prompt_overrides", {}).get(agent, ())]
    return "\n".join(shown.word(each) for each in words) or NOTHING


def _list_told(config: Mapping[str, Any]) -> str:
    told = config.get("told", {})
    return (
        "\n".join(f"{AGENTS.get(agent, agent)}: {', '.join(paths)}" for agent, paths in told.items() if paths)
        or NOTHING
    )


def _prompts(left: Parts, right: Parts, names: Names) -> Iterator[Pair]:
    for agent, label in AGENTS.items():
        yield Pair(PROMPTS, label, *(_version(each.prompts.get(agent), names) for each in (left, right)))


def _version(pk: int | None, names: Names) -> str:
    number = names.prompts.get(pk or 0)
    return f"v{number}" if number else NOT_THERE


def _rollouts(left: Parts, right: Parts, names: Names) -> Iterator[Pair]:
    both = [{each["experiment"]: each for each in parts.rollouts} for parts in (left, right)]
    for pk in dict.fromkeys((*both[0], *both[1])):
        name = (both[1].get(pk) or both[0][pk])["name"]
        yield Pair(ROLLOUTS, name, *(_rollout(side.get(pk), names) for side in both))


def _rollout(rollout: Rollout | None, names: Names) -> str:
    if rollout is None:
        return NOT_RUNNING
    return f"{AGENTS.get(rollout['agent'], rollout['agent'])}: {shares(rollout, names)}"


def shares(rollout: Rollout, names: Names) -> str:
    """Its versions with what part of the contacts each gets: "v3 for 50% against v4 for 50%"."""
    whole = sum(arm["weight"] for arm in rollout["variants"]) or 1
    return " against ".join(_arm(arm, whole, names) for arm in sorted(rollout["variants"], key=_control_first))


def _arm(arm: Arm, whole: int, names: Names) -> str:
    return f"{_version(arm['version'], names)} for {100 * arm['weight'] / whole:.0f}%"


def _control_first(arm: Arm) -> tuple[bool, str]:
    return not arm["is_control"], arm["key"]


def _tried(rollouts: Sequence[Rollout]) -> Iterator[int]:
    return (arm["version"] for rollout in rollouts for arm in rollout["variants"])


def _connections(left: Parts, right: Parts) -> Iterator[Pair]:
    both = [{each["id"]: each for each in parts.connections} for parts in (left, right)]
    for pk in dict.fromkeys((*both[0], *both[1])):
        old, new = both[0].get(pk), both[1].get(pk)
        label = _wire_name(both[1].get(pk) or both[0][pk])
        is_other = bool(old and new and old["fingerprint"] != new["fingerprint"])
        yield Pair(CONNECTIONS, label, _wire(old, tells_credential=is_other), _wire(new, tells_credential=is_other))


def _wire_name(wire: Wire) -> str:
    party = Connection.Party(wire["party"]).label
    return party if party == wire["name"] else f"{wire['name']} ({party})"


def _wire(wire: Wire | None, *, tells_credential: bool) -> str:
    if wire is None:
        return NOT_THERE
    mode = (
        MODES.get(wire["mode"], wire["mode"])
        if wire["is_active"]
        else f"{MODES.get(wire['mode'], wire['mode'])}, switched off"
    )
    return f"{mode}, credential or key {wire['fingerprint'][:6]}" if tells_credential else mode


# --- what changed


def _settings_told(pairs: Sequence[Pair]) -> Iterator[str]:
    labels = ", ".join(pair.label for pair in pairs if pair.label not in (VERSION, NAME))
    version = next((pair for pair in pairs if pair.label == VERSION), None)
    yield from _each_told([pair for pair in pairs if pair.label == NAME])
    if version is None and labels:
        yield f"What is inherited: {labels}"
    elif version is not None:
        moved = f"are {version.right} now" if version.left == NO_VERSION else f"{version.left} become {version.right}"
        yield f"Settings {moved}" + (f": {labels}" if labels else ", and the same holds as before")


def _rollouts_told(pairs: Sequence[Pair]) -> Iterator[str]:
    for pair in pairs:
        began, ended = pair.left == NOT_RUNNING, pair.right == NOT_RUNNING
        happened = "began" if began else "ended" if ended else f"was {pair.left} and is {pair.right}"
        yield f"Experiment “{pair.label}” {happened}"


def _each_told(pairs: Sequence[Pair]) -> Iterator[str]:
    for pair in pairs:
        what = f"{pair.label} prompt" if pair.group == PROMPTS else pair.label
        yield f"{what}: {pair.left} becomes {pair.right}"


_TOLD = {SETTINGS: _settings_told, PROMPTS: _each_told, ROLLOUTS: _rollouts_told, CONNECTIONS: _each_told}
