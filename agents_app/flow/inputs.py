"""What a step is given, as a person may read and edit it before the step is done: of agents, tools and the planner."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import ValidationError

from agents_app.agents import AGENTS
from agents_app.flow import planner, tools
from agents_app.models import StepKind

HELD = "config"  # settings are changed for a run, not for one of its steps


class Worker(Protocol):
    """A step, of a plan or of a run."""

    @property
    def kind(self) -> str: ...
    @property
    def agent(self) -> str: ...
    @property
    def tool(self) -> str: ...


def parts(worker: Worker) -> tuple[str, ...]:
    """The names of what it is given; of gates and joins none."""
    if worker.agent:
        return tuple(name for name in AGENTS[worker.agent].needed() if name != HELD)
    schema = _schema(worker)
    return tuple(schema.model_fields) if schema else ()


def of(worker: Worker, document: Mapping[str, Any]) -> dict[str, Any]:
    """These parts of a step's stored input."""
    return {name: document[name] for name in parts(worker) if name in document}


def problem(worker: Worker, said: Mapping[str, Any]) -> str:
    """Why the step cannot be given that, in words; empty where it can."""
    try:
        if worker.agent:
            AGENTS[worker.agent].given({HELD: {}, **said})
        elif schema := _schema(worker):
            schema.model_validate_json(json.dumps(said))
    except KeyError as missing:
        return f"It lacks {missing.args[0]}."
    except ValidationError as invalid:
        return in_words(invalid)
    return ""


def _schema(worker: Worker) -> type[tools.Shape] | None:
    if worker.tool:
        return tools.TOOLS[worker.tool].schema
    return planner.Seen if worker.kind == StepKind.PLANNER else None


def in_words(invalid: ValidationError) -> str:
    """The first thing that is wrong, with its place."""
    first = invalid.errors()[0]
    place = " ".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}." if place else f"{first['msg']}."
