"""What is looked at: a run and its steps as plain values, and what was found in them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Tier = Literal["rule", "baseline", "shift"]

METRICS: Mapping[str, str] = {
    "latency_s": "took {}",
    "tokens": "used {} tokens",
    "cost_usd": "cost {}",
    "output_chars": "answered in {} characters",
    "confidence": "is {} sure of its answer",
    "retries": "was tried again {} times",
}
"""What is measured, and how it is said of a step."""

UNITS: Mapping[str, str] = {"latency_s": "{:.1f} s", "cost_usd": "${:.4f}", "confidence": "{:.2f}"}


@dataclass(frozen=True)
class Figures:
    """One answer of one agent in numbers: {metric: value} of METRICS, what is not known left out. `version` is the id
    of its prompt version."""

    step: int
    run: int
    agent: str
    version: int
    client: int
    at: datetime
    values: Mapping[str, float]


@dataclass(frozen=True)
class Seen:
    """A step of a run that ended. `calls` are its recorded calls to a model; `label` is what people call it."""

    id: int
    label: str
    key: str
    map_index: int
    worker: str  # agent or tool
    status: str
    input_sha256: str
    asks_model: bool
    output: Mapping[str, Any] | None
    checks: Sequence[Mapping[str, Any]]
    calls: Sequence[Mapping[str, Any]]
    tokens: int
    error_class: str
    figures: Figures | None = None

    @property
    def is_done(self) -> bool:
        return self.status == "done"


@dataclass(frozen=True)
class RunSeen:
    """`expected` {key: name} are the steps of its plan in the end."""

    id: int
    status: str
    expected: Mapping[str, str]
    steps: Sequence[Seen]


@dataclass(frozen=True)
class Found:
    """`kind` is one of `names.ANOMALIES`. `baseline` is what is usual, `value` what was seen, in the unit of `metric`;
    None where nothing is measured. `first_run` is where it began, where that is another run. `key` is the same for the
    same finding, however often it is looked for."""

    tier: Tier
    kind: str
    words: str
    key: str
    step: int | None = None
    agent: str = ""
    metric: str = ""
    baseline: float | None = None
    value: float | None = None
    first_run: int | None = None


def spoken(metric: str, value: float) -> str:
    """The value with its unit."""
    return UNITS.get(metric, "{:,.0f}").format(value)


def said(metric: str, value: float) -> str:
    return METRICS[metric].format(spoken(metric, value))
