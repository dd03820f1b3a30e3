"""What a person's answer at a gate changes of what the steps before it left: facts, personas, drafts."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from agents_app import confidence, corrections, research, routing
from agents_app.agents import email, persona
from agents_app.confidence import term
from agents_app.flow import knowledge
from agents_app.flow.hand import Hand
from agents_app.models import Draft, Fact, Gate, Persona, StepRun
from clients import access

Decision = Gate.Decision


def decided(hand: Hand, row: StepRun) -> None:
    """A gate ended. One that asks for no more than a yes decides about no text, and nobody's silence about any; a pause
    is about what comes."""
    gate = row.gate
    if not gate.may_edit or gate.decision == Decision.EXPIRED or hand.node(row.key).guards:
        return
    rows = hand.done(*hand.node(row.key).after)
    if gate.decision != Decision.REJECTED:
        _correct(hand, row, gate, confirms=any(each.tool == "adjudicate" for each in rows))
    for each, said in zip(rows, _answers(gate, len(rows)), strict=True):
        if each.agent in _DECIDE:
            _DECIDE[each.agent](each, gate, said)


def _answers(gate: Gate, count: int) -> list[Mapping[str, Any]]:
    """What was said of each step that was shown, as it was or as it was edited."""
    said = gate.answer if gate.answer is not None else gate.shown
    return [said] if count == 1 else said.get("answers", [])


def _correct(hand: Hand, row: StepRun, gate: Gate, *, confirms: bool) -> None:
    """Facts as a person left them; those left as they were only where the question was which is right."""
    shown = {each["key"]: each["value"] for each in gate.shown.get("facts", [])}
    said = (gate.answer or gate.shown).get("facts", [])
    changed = [each for each in said if confirms or shown.get(each["key"]) != each["value"]]
    number = hand.run.facts.count()
    for place, each in enumerate(changed, start=1):
        old = hand.run.facts.filter(key=each["key"]).first()
        who = access.called(gate.decided_by, otherwise="A person")
        terms = [term("person", confidence.log_odds(research.PERSON_IS_RIGHT), 1.0, f"{who} says so.")]
        fact = Fact.objects.create(
            run=hand.run,
            step=row,
            key=f"f{number + place}",
            attribute=each["attribute"],
            value=each["value"],
            confidence=confidence.confidence(terms),
            confidence_terms=terms,
        )
        fact.claims.set(old.claims.filter(value=fact.value) if old else [])
        _keep(hand, gate, fact)
    hand.recalled.forget(hand.run)


def _keep(hand: Hand, gate: Gate, fact: Fact) -> None:
    """What a person decided here holds for later research too, where it can be read as a value of its attribute."""
    domain = knowledge.company(hand.run.request)["domain"]
    if domain and not hand.run.request.is_trial:
        with suppress(corrections.CorrectionRefused):
            spot = corrections.Spot(hand.run.client, domain, fact.attribute)
            note = f"Asked by run {hand.run.pk}."
            corrections.decide(spot, fact.value, by=gate.decided_by, at=hand.clock(), note=note)


def _decide_personas(before: StepRun, gate: Gate, said: Mapping[str, Any]) -> None:
    """Edited ones as new rows; of a contact the newest counts (`knowledge`). A person's words need no source."""
    if gate.decision != Decision.EDITED:
        return
    for each in said.get("answers", [said]):
        answer = persona.PersonaAnswer.model_validate(each)
        Persona.objects.create(
            run_id=before.run_id,
            contact_id=before.contact_id,
            role=answer.role,
            pains=[pain.model_dump() for pain in answer.pains],
            angle=answer.angle.text,
            rests_on=answer.angle.rests_on,
        )


def _decide_draft(before: StepRun, gate: Gate, said: Mapping[str, Any]) -> None:
    """A mail that a person edited or rejected inside the run; one that went on its way meanwhile stays as it is."""
    draft = Draft.objects.filter(step=before, status=Draft.Status.WAITING)
    if gate.decision == Decision.REJECTED:
        draft.update(
            status=Draft.Status.REJECTED,
            rejection=Draft.Rejection.OTHER,
            comment=gate.comment,
            decided_by=gate.decided_by,
            decided_at=gate.decided_at,
        )
    if gate.decision == Decision.EDITED:
        answer = email.EmailAnswer.model_validate(said)
        draft.update(final_subject=answer.subject, final_body=email.body(answer), was_edited=True)


_DECIDE: Mapping[str, Callable[[StepRun, Gate, Mapping[str, Any]], None]] = {
    routing.PERSONA: _decide_personas,
    routing.EMAIL: _decide_draft,
}
