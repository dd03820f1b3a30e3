"""What a run asks a person. Asking and answering write rows; the driver takes answers up, and repeats nothing for them.

An answer is written once, by a conditional update: the second of two people is told who was first.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from pydantic import ValidationError

from agents_app import routing
from agents_app.agents import AGENTS
from agents_app.flow import again, inputs, knowledge
from agents_app.flow.hand import Hand
from agents_app.gate_texts import FIXED
from agents_app.graph import Node
from agents_app.models import FlowRun, Gate, StepKind, StepRun
from clients import access

Decision = Gate.Decision
DECISIONS = (Decision.APPROVED, Decision.EDITED, Decision.REJECTED)
LONGEST_VALUE = 300  # characters of a fact's value


class AnswerRefused(Exception):
    """The answer cannot be taken; the text says why and what to do."""


def open_for(hand: Hand, row: StepRun, node: Node) -> Gate:
    """The question of a gate's step, with the output of the step before it."""
    return Gate.objects.create(
        step=row,
        question=node.question,
        shown=_shown(hand, node),
        may_edit=node.may_edit,
        goes_on=node.goes_on,
        asked_at=row.started_at,
        expires_at=row.started_at + timedelta(hours=node.expires_hours),
    )


@transaction.atomic
def answer(
    gate: Gate, decision: str, *, by: User, at: datetime, edited: Mapping[str, Any] | None = None, comment: str = ""
) -> Gate:
    """Write down what a person decided. Raises AnswerRefused, and changes nothing.

    `edited` has the shape of `gate.shown`; it makes an approval an edit.
    """
    run = FlowRun.objects.select_for_update(no_key=True, of=("self",)).get(steps__gate=gate)
    _check(gate, run, decision, edited, at)
    if decision != Decision.REJECTED:
        decision = Decision.EDITED if edited is not None and edited != gate.shown else Decision.APPROVED
    written = Gate.objects.filter(pk=gate.pk, decision="").update(
        decision=decision,
        answer=dict(edited) if decision == Decision.EDITED and edited is not None else None,
        comment=" ".join(comment.split())[:300],
        decided_by=by,
        decided_at=at,
    )
    gate.refresh_from_db()
    if not written:
        who = access.called(gate.decided_by, otherwise="Somebody")
        raise AnswerRefused(f"{who} was first: {gate.get_decision_display().lower()}, {gate.decided_at:%H:%M}.")
    return gate


def take_up(hand: Hand) -> list[StepRun]:
    """Close the gates that were answered, or whose time is over; the rows that ended."""
    waiting = {row.pk: row for row in hand.rows if row.status == StepRun.Status.WAITING}
    if not waiting:
        return []
    at = hand.clock()
    ended = []
    for gate in Gate.objects.filter(step__in=list(waiting)).order_by("pk"):
        if not gate.decision and gate.expires_at <= at:
            _expire(gate, at)
        if gate.decision:
            ended.append(_close(hand, waiting[gate.step_id], gate, at))
    return ended


def question_of(hand: Hand) -> str:
    """What the run waits for, in words; empty when it waits for nobody."""
    waiting = [row for row in hand.rows if row.status == StepRun.Status.WAITING]
    questions = [hand.node(row.key).question for row in waiting]
    return " ".join(questions)


def _shown(hand: Hand, node: Node) -> dict[str, Any]:
    """The output of the step before, of a map {"answers": [an output a contact]}; of research also its facts, so that a
    wrong one can be put right. At a pause, what the step behind it would be given."""
    if node.guards:
        return again.shown(hand, hand.node(node.guards))
    done = hand.done(*node.after)
    outputs: list[dict[str, Any]] = [row.output or {} for row in done]
    shown = outputs[0] if len(outputs) == 1 else {"answers": outputs}
    if not any(row.agent == routing.RESEARCH for row in done):
        return shown
    rows = knowledge.known_facts(hand.run, hand.recalled)
    return shown | {"facts": [{name: row[name] for name in ("key", "attribute", "value")} for row in rows]}


def _check(gate: Gate, run: FlowRun, decision: str, edited: Mapping[str, Any] | None, at: datetime) -> None:
    if decision not in DECISIONS:
        raise AnswerRefused("Choose whether to approve or to reject.")
    if run.status not in FlowRun.OPEN:
        raise AnswerRefused(
            f"{run} has ended ({run.get_status_display().lower()}); there is nothing to decide any more."
        )
    if run.cancel_asked_at is not None:
        raise AnswerRefused(f"{run} is being cancelled; there is nothing to decide any more.")
    if edited is not None and decision != Decision.REJECTED:
        _check_edit(gate, run, edited)
    if gate.decision in ("", Decision.EXPIRED) and gate.expires_at <= at:
        raise AnswerRefused(f"The question expired on {gate.expires_at:%-d %B, %H:%M}. Ask for the work again.")


def _check_edit(gate: Gate, run: FlowRun, edited: Mapping[str, Any]) -> None:
    """Its texts may change and nothing else, within the bounds that hold for the step that was shown."""
    if not gate.may_edit:
        raise AnswerRefused("This question takes a yes or a no; there is no text to edit.")
    if guarded := guarded_by(gate, run):
        _check_given(guarded, gate, edited)
        return
    if not _fits(gate.shown, edited):
        raise AnswerRefused("Only the texts of what is shown can be changed. Open the question again and change them.")
    for fact in edited.get("facts", []):
        if not 0 < len(fact["value"].strip()) <= LONGEST_VALUE:
            raise AnswerRefused(f"The value of {fact['attribute']} needs 1 to {LONGEST_VALUE} characters.")
    if agent := _agent_before(gate, run):
        _check_bounds(agent, edited)


def _fits(shown: object, said: object) -> bool:
    if isinstance(shown, dict):
        if not isinstance(said, dict) or set(said) != set(shown):
            return False
        return all(said[k] == v if k in FIXED else _fits(v, said[k]) for k, v in shown.items())
    if isinstance(shown, list):
        return isinstance(said, list) and len(said) == len(shown) and all(map(_fits, shown, said))
    return isinstance(said, str) if isinstance(shown, str) else said == shown


def guarded_by(gate: Gate, run: FlowRun) -> Node | None:
    """The step that this pause stands before; None for a question about what was written."""
    nodes = {node.key: node for node in run.plan_now}
    own = nodes.get(gate.step.key)
    return nodes.get(own.guards) if own else None


def _check_given(node: Node, gate: Gate, said: Mapping[str, Any]) -> None:
    """Of a map, what each contact's step is given."""
    _check_parts(gate.shown, said)
    if node.kind != StepKind.MAP:
        _check_shape(node, said)
        return
    for number, each in said.items():
        _check_parts(gate.shown[number], each)
        _check_shape(node, each, f" for contact {number}")


def _check_shape(node: Node, said: Mapping[str, Any], whose: str = "") -> None:
    if problem := inputs.problem(node, said):
        raise AnswerRefused(f"The step cannot be given that{whose}. {problem}")


def _check_parts(shown: Mapping[str, Any], said: object) -> None:
    if not isinstance(said, Mapping) or set(said) != set(shown):
        raise AnswerRefused(f"Keep all parts of what the step is given, and no others: {', '.join(shown)}.")


def _agent_before(gate: Gate, run: FlowRun) -> str:
    nodes = {node.key: node for node in run.plan_now}
    before = [nodes[key] for key in nodes[gate.step.key].after]
    return before[0].agent if before else ""


def _check_bounds(agent: str, said: Mapping[str, Any]) -> None:
    if "answers" in said:
        for each in said["answers"]:
            _check_bounds(agent, each)
        return
    schema = AGENTS[agent].schema
    try:
        schema.model_validate({name: value for name, value in said.items() if name in schema.model_fields})
    except ValidationError as invalid:
        raise AnswerRefused(f"The text cannot be taken: {inputs.in_words(invalid)}") from None


def _expire(gate: Gate, at: datetime) -> None:
    Gate.objects.filter(pk=gate.pk, decision="").update(decision=Decision.EXPIRED, decided_at=at)
    gate.refresh_from_db()


def _close(hand: Hand, row: StepRun, gate: Gate, at: datetime) -> StepRun:
    goes_on = gate.decision in (Decision.APPROVED, Decision.EDITED) or (
        gate.decision == Decision.EXPIRED and gate.goes_on
    )
    gate.step = row  # and with it row.gate, which may have been read before the answer came
    row.status = StepRun.Status.DONE if goes_on else StepRun.Status.REJECTED
    row.output = gate.answer if gate.answer is not None else gate.shown
    row.error = "" if goes_on else _why(gate)
    hand.run.seq += 1
    row.finished_at, row.finished_seq = at, hand.run.seq
    row.save(update_fields=["status", "output", "error", "finished_at", "finished_seq"])
    return row


def _why(gate: Gate) -> str:
    if gate.decision == Decision.EXPIRED:
        return f"Nobody answered “{gate.question}” by {gate.expires_at:%-d %B, %H:%M}."
    who = access.called(gate.decided_by, otherwise="A person")
    return f"{who} rejected it: “{gate.question}”{f' {gate.comment}' if gate.comment else ''}"
