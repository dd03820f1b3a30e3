"""What a run that is done again takes over from the original: rows as they ended, which cost nothing once more.

Rows that were taken over have no fence: no driver of their run has ever done them.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Model

from agents_app import graph, routing
from agents_app.graph import Node
from agents_app.models import Fact, FlowRun, Gate, Persona, Rerun, StepRun

ANSWER = (
    "key", "kind", "agent", "tool", "stage", "map_index", "contact_id", "prompt_version_id", "context_id",
    "started_at", "finished_at", "status", "planned_sha256", "output", "confidence", "confidence_terms", "checks",
    "votes", "prompt_sent", "generator", "error",
)  # fmt: skip
QUESTION = (
    "question", "shown", "may_edit", "goes_on", "asked_at", "expires_at", "decision", "answer", "comment",
    "decided_by_id", "decided_at",
)  # fmt: skip
FACT = ("key", "attribute", "value", "confidence", "confidence_terms")
PERSONA = ("contact_id", "role", "pains", "angle", "rests_on")


def take_over(rerun: Rerun, run: FlowRun, plan: Sequence[Node]) -> None:
    """Everything that stands before the chosen step, or beside it, and had ended: steps with the answers of people,
    facts, personas."""
    taken = {row.pk: row for row in _taken(rerun, plan)}
    made = {pk: _copied(StepRun, row, ANSWER, run=run, fence=0) for pk, row in taken.items()}
    for number, row in enumerate(made.values(), start=1):
        row.started_seq = row.finished_seq = number
    StepRun.objects.bulk_create(made.values())
    FlowRun.objects.filter(pk=run.pk).update(seq=len(made))
    gates = Gate.objects.filter(step__in=taken).order_by("pk")
    Gate.objects.bulk_create(_copied(Gate, gate, QUESTION, step=made[gate.step_id]) for gate in gates)
    _facts(rerun, run, made)
    _personas(rerun, run, taken.values())


def _taken(rerun: Rerun, plan: Sequence[Node]) -> Iterable[StepRun]:
    """Of a map, the contacts that the chosen step is not about are taken over too."""
    step, known = rerun.step, {node.key for node in plan}
    again = {step.key} | {node.key for node in graph.behind(plan, {step.key})}
    rows = StepRun.objects.filter(run=rerun.original_id, status__in=graph.SETTLED, key__in=known).order_by("pk")
    last = {(row.key, row.map_index): row for row in rows}
    for row in last.values():
        is_others = bool(step.map_index and row.map_index) and row.contact_id != step.contact_id
        if row.key not in again or is_others:
            yield row


def _facts(rerun: Rerun, run: FlowRun, made: dict[int, StepRun]) -> None:
    """Those of the steps that were taken over, and of research that is given the facts of then."""
    of_chosen = [] if rerun.asks_sources else [rerun.step_id]
    rows = list(Fact.objects.filter(run=rerun.original_id, step__in=[*made, *of_chosen]).order_by("pk"))
    copies = [_copied(Fact, row, FACT, run=run, step=made.get(row.step_id or 0)) for row in rows]
    Fact.objects.bulk_create(copies)
    links = Fact.claims.through
    own = {row.pk: copy.pk for row, copy in zip(rows, copies, strict=True)}
    known = links.objects.filter(fact__in=own).order_by("pk").values_list("fact_id", "claim_id")
    links.objects.bulk_create(links(fact_id=own[fact], claim_id=claim) for fact, claim in known)


def _personas(rerun: Rerun, run: FlowRun, taken: Iterable[StepRun]) -> None:
    whose = {row.contact_id for row in taken if row.agent == routing.PERSONA}
    rows = Persona.objects.filter(run=rerun.original_id).order_by("pk") if whose else ()
    Persona.objects.bulk_create(_copied(Persona, row, PERSONA, run=run) for row in rows if row.contact_id in whose)


def _copied(model: type[Model], row: Model, names: Sequence[str], **own: Any) -> Any:  # noqa: ANN401 a row of `model`
    return model(**{name: getattr(row, name) for name in names}, **own)
