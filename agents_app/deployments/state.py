"""The parts of a deployment, and the digest that tells two apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypedDict

from clients.config.layers import content_sha256, sha256


class Arm(TypedDict):
    """One variant of a rollout; `version` is the id of its prompt version."""

    key: str
    version: int
    weight: int
    is_control: bool


class Rollout(TypedDict):
    """A running experiment of the client: which versions of an agent's prompt its contacts are given."""

    experiment: int
    name: str
    agent: str
    variants: list[Arm]


class Wire(TypedDict):
    """A connection of the client. `fingerprint` changes with its credential or key, and tells nothing of them."""

    id: int
    party: str
    name: str
    mode: str
    is_active: bool
    fingerprint: str


class Parts(Protocol):
    """What a kept deployment and the present state have in common."""

    @property
    def config_version_id(self) -> int | None: ...
    @property
    def config(self) -> Mapping[str, Any]: ...
    @property
    def prompts(self) -> Mapping[str, int]: ...
    @property
    def rollouts(self) -> Sequence[Rollout]: ...
    @property
    def connections(self) -> Sequence[Wire]: ...


@dataclass(frozen=True)
class State:
    """What a client would run on now. `prompts` is {agent: id of a version}."""

    config_version_id: int | None
    config: Mapping[str, Any]
    prompts: Mapping[str, int]
    rollouts: Sequence[Rollout]
    connections: Sequence[Wire]

    @cached_property
    def config_sha256(self) -> str:
        return content_sha256(self.config)

    @cached_property
    def sha256(self) -> str:
        """Of what runs can tell apart: no names, and no connections that are switched off."""
        used = [wire for wire in self.connections if wire["is_active"]]
        return sha256(
            {
                "config_version": self.config_version_id,
                "config": self.config_sha256,
                "prompts": dict(self.prompts),
                "rollouts": [_without_name(rollout) for rollout in self.rollouts],
                "connections": [_without_name(wire) for wire in used],
            }
        )


def _without_name(part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != "name"}
