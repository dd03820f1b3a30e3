"""What happened in a run after a number, read from its steps and revisions alone: nothing twice, nothing missing.

Each change of a run has a number of the run (`seq`), written in the same transaction as the change. Only changes up to
the number that the run had when it was read are told; rows that came in between are told the next time, so that no
event is passed over by a later one that happened to be read first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from agents_app import lanes
from agents_app.graph import Node, nodes_of
from agents_app.models import FlowRun, Gate, PlanRevision, StepKind, StepRun

ENDED = {
    StepRun.Status.DONE: "is done",
    StepRun.Status.FAILED: "failed",
    StepRun.Status.LOST: "was lost",
    StepRun.Status.SKIPPED: "is left out",
    StepRun.Status.REJECTED: "was rejected",
}
HEAVY = ("attempts", "prompt_sent", "output", "votes", "checks", "confidence_terms")


@dataclass(frozen=True)
class Event:
    """`seq` is the run's number of the change; `tone` the status of the step or run from then on."""

    seq: int
    at: datetime
    words: str
    tone: str

    @property
    def clock(self) -> str:
        return timezone.localtime(self.at).strftime("%H:%M:%S")


@dataclass(frozen=True)
class Progress:
    """`last` is what to ask after the next time. `is_working` is False while it waits for a person or for its time.
    `plan` is the plan as it stands, `tries` the attempts of its steps. Amounts are US dollars.
    """

    events: list[Event]
    last: int
    is_open: bool
    is_working: bool
    state: str
    waits_for: str
    questions: list[Gate]
    plan: list[Node]
    tries: list[StepRun]
    cost_usd: Decimal
    set_aside_usd: Decimal
    steps_over: int


def after(run: FlowRun, seq: int) -> Progress:
    """What happened since `seq`; 0: everything. Two queries; `run` is as it was read before them."""
    rows = run.steps.select_related("gate", "contact").defer(*HEAVY).order_by("pk")
    return of(run, list(rows), list(run.revisions.order_by("number")), seq)


def of(run: FlowRun, rows: Sequence[StepRun], revisions: Sequence[PlanRevision], seq: int = 0) -> Progress:
    """The same from rows that were read already: the steps with their gates and contacts."""
    rows = sorted(rows, key=lambda row: row.pk)
    plan = nodes_of(revisions[-1].nodes if revisions else run.nodes)
    events = [event for event in _events(run, rows, revisions) if seq < event.seq <= run.seq]
    is_open = run.status in FlowRun.OPEN
    questions = [row.gate for row in rows if _is_asked(run, row)]
    return Progress(
        events=sorted(events, key=lambda event: event.seq),
        last=max(seq, run.seq),
        is_open=is_open,
        is_working=is_open and not questions and run.status != FlowRun.Status.RETRY,
        state="Being cancelled" if is_open and run.cancel_asked_at else run.get_status_display(),
        waits_for=run.error if is_open else "",
        questions=questions,
        plan=plan,
        tries=list(rows),
        cost_usd=max(sum((row.cost_usd + row.uncertain_usd for row in rows), Decimal(0)), run.spent_usd),
        set_aside_usd=run.reserved_usd,
        steps_over=lanes.over(plan, rows),
    )


def document(progress: Progress) -> dict[str, Any]:
    """JSON-ready: times in ISO 8601, amounts as numbers of US dollars."""
    return {
        "events": [
            {"seq": each.seq, "at": each.at.isoformat(), "words": each.words, "tone": each.tone}
            for each in progress.events
        ],
        "last": progress.last,
        "is_open": progress.is_open,
        "state": progress.state,
        "waits_for": progress.waits_for,
        "questions": [{"id": gate.pk, "question": gate.question} for gate in progress.questions],
        "cost_usd": float(progress.cost_usd),
        "set_aside_usd": float(progress.set_aside_usd),
        "steps_over": progress.steps_over,
        "steps": len(progress.plan),
    }


def _events(run: FlowRun, rows: Sequence[StepRun], revisions: Sequence[PlanRevision]) -> Iterator[Event]:
    for row in rows:
        yield from _of_step(row)
    for revision in revisions:
        yield Event(revision.seq, revision.at, f"The plan was changed. {revision.reason}", "info")
    if run.finished_at:
        why = f" {run.error}" if run.error else ""
        yield Event(
            run.seq, run.finished_at, f"The run has ended: {run.get_status_display().lower()}.{why}", run.status
        )


def _of_step(row: StepRun) -> Iterator[Event]:
    name = _name(row)
    is_gate = row.kind == StepKind.GATE
    if row.finished_seq != row.started_seq:  # else it ended as it began: only the end is told
        question = f" “{row.gate.question}”" if is_gate and hasattr(row, "gate") else ""
        begins = f"{name} asks a person.{question}" if is_gate else f"{name} begins."
        yield Event(row.started_seq, row.started_at, begins, "waiting" if is_gate else "running")
    if row.finished_at and row.status in ENDED:
        ended = _decided(row) if is_gate and hasattr(row, "gate") else ENDED[StepRun.Status(row.status)]
        why = f" {row.error}" if row.error else ""
        yield Event(row.finished_seq, row.finished_at, f"{name} {ended}.{why}", row.status)


def _decided(row: StepRun) -> str:
    """The end of a gate in the words of its answer; what it says of a rejection stands in the step's error."""
    decision = row.gate.decision
    if decision in (Gate.Decision.APPROVED, Gate.Decision.EDITED):
        return f"was {row.gate.get_decision_display().lower()}"
    if decision == Gate.Decision.EXPIRED and row.status == StepRun.Status.DONE:
        return "got no answer in time, and the run goes on"
    return ENDED[StepRun.Status(row.status)]


def _name(row: StepRun) -> str:
    """“Research”, “Persona for Ada Lee, try 2”."""
    name = row.label
    if row.map_index and row.contact:
        name = f"{row.get_agent_display()} for {row.contact.full_name or row.contact.email}"
    return f"{name}, try {row.attempt}" if row.attempt > 1 else name


def _is_asked(run: FlowRun, row: StepRun) -> bool:
    return row.status == StepRun.Status.WAITING and hasattr(row, "gate") and run.awaits(row.gate)
