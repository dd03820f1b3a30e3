"""What a step leaves behind: sources, claims, facts, personas, the draft; at the end of deep research, the brief."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from agents_app import contracts, evidence, routing
from agents_app.agents import email, persona
from agents_app.confidence import Term, confidence, term
from agents_app.flow import knowledge
from agents_app.flow.work import Work
from agents_app.models import Brief, Claim, Draft, Fact, FlowRun, Persona, SourceRecord, StepRun
from agents_app.research import FactValue, SourceAnswer

MOST_BRIEF_SENTENCES = 20

ClaimKey = tuple[str, str, str]  # source, pointer, attribute


def store(run: FlowRun, step: StepRun, work: Work, *, at: datetime) -> None:
    """Close the step with everything that came of it. The caller holds the run's lease in this transaction."""
    records = [(_source_record(run, answer, at), answer) for answer in work.gathered]
    claims = {key: row for record, answer in records for key, row in _claims(record, answer).items()}
    if work.error is not None:
        _close(step, work, {}, at)
        return
    _close(step, work, _facts(run, work, claims), at)
    if step.agent in LEAVES:
        LEAVES[step.agent](run, step, work, at)


def brief(run: FlowRun) -> None:
    """The sentences of the run's research and comparison that stand on what they cite."""
    sentences: list[dict[str, Any]] = []
    for step in run.steps.filter(status=StepRun.Status.DONE).order_by("stage", "pk"):
        if step.agent in (routing.RESEARCH, routing.COMPETITIVE):
            sentences += _sound_sentences(step, run.config)
    if sentences:
        Brief.objects.get_or_create(run=run, defaults={"sentences": sentences[:MOST_BRIEF_SENTENCES]})


def digest(document: object) -> str:
    """SHA-256 (hex) of a document's JSON with sorted keys."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


# --- the step itself


def _close(step: StepRun, work: Work, fact_ids: Mapping[str, int], at: datetime) -> None:
    terms = _all_terms(work)
    step.status = StepRun.Status.FAILED if work.error else StepRun.Status.DONE
    step.error = str(work.error or "")
    step.error_class = type(work.error).__name__ if work.error else ""
    step.finished_at = at
    step.generator, step.provider_request_id, step.attempts = work.generator, work.request_id, work.attempts
    step.tokens_input, step.tokens_output = work.usage.input, work.usage.output
    step.tokens_cache_read, step.tokens_cache_write = work.usage.cache_read, work.usage.cache_write
    step.cost_usd = work.cost_usd
    if work.answers:
        step.input = _input(step, work, fact_ids)
        step.input_sha256 = digest(step.input)
        step.output = _output(work)
        step.prompt_sent = "\n\n".join(answer.prompt_sent for answer in work.answers)
        step.checks = _checks(work)
        step.confidence_terms = terms
        step.confidence = confidence(terms)
    step.save()


def _input(step: StepRun, work: Work, fact_ids: Mapping[str, int]) -> dict[str, Any]:
    """As it was planned, with what the agents really saw; facts keep the ids of their rows."""
    contexts = [dict(answer.material.context) for answer in work.answers]
    seen = {"company": dict(work.known.company), "context": contexts if len(contexts) > 1 else contexts[0]}
    facts = [{**fact, "fact_id": fact_ids.get(fact["key"], fact.get("fact_id"))} for fact in work.known.facts]
    return {**step.input, **seen, "facts": facts}


def _output(work: Work) -> dict[str, Any]:
    answers = [answer.parsed.model_dump(mode="json") for answer in work.answers]
    return answers[0] if len(answers) == 1 else {"answers": answers}


def _checks(work: Work) -> list[dict[str, Any]]:
    """Each check once; of several questions, a failed one stands for all."""
    found: dict[str, dict[str, Any]] = {}
    for answer in work.answers:
        for check in answer.checks:
            if check.check not in found or not check.passed:
                found[check.check] = asdict(check)
    return list(found.values())


def _all_terms(work: Work) -> list[Term]:
    """Of several questions each counts its share, so that the sum stays a mean of log-odds."""
    count = len(work.answers)
    if count == 1:
        return work.answers[0].terms
    return [
        term(f"{each['term']} {number}", each["value"], each["weight"] / count, each["why"])
        for number, answer in enumerate(work.answers, start=1)
        for each in answer.terms
    ]


# --- research


def _source_record(run: FlowRun, answer: SourceAnswer, at: datetime) -> SourceRecord:
    return SourceRecord.objects.create(
        run=run,
        source=answer.source,
        company_domain=knowledge.company(run.request)["domain"],
        request_key=answer.request_key[:300],
        status=answer.status,
        reason=answer.reason[:300],
        http_status=answer.http_status,
        payload=answer.payload,
        payload_sha256=digest(answer.payload) if answer.payload is not None else "",
        elapsed_ms=answer.elapsed_ms,
        is_sandbox=answer.sandbox,
        fetched_at=at,
    )


def _claims(record: SourceRecord, answer: SourceAnswer) -> dict[ClaimKey, Claim]:
    rows = Claim.objects.bulk_create(Claim(source_record=record, **asdict(claim)) for claim in answer.claims)
    return {(record.source, row.pointer, row.attribute): row for row in rows}


def _facts(run: FlowRun, work: Work, claims: Mapping[ClaimKey, Claim]) -> dict[str, int]:
    """{fact key: id of its row}."""
    rows = Fact.objects.bulk_create(_fact(run, value) for value in work.facts)
    links = Fact.claims.through
    links.objects.bulk_create(
        links(fact_id=row.pk, claim_id=claims[source, pointer, value.attribute].pk)
        for row, value in zip(rows, work.facts, strict=True)
        for source, pointer in value.claim_refs
    )
    return {row.key: row.pk for row in rows}


def _fact(run: FlowRun, value: FactValue) -> Fact:
    return Fact(
        run=run,
        key=value.key,
        attribute=value.attribute,
        value=value.value[:300],
        confidence=value.confidence,
        confidence_terms=value.terms,
    )


def _sound_sentences(step: StepRun, config: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    material = evidence.materials(step.input, config)[0]
    output = step.output or {}
    for part in ("summary", "comparisons", "positioning"):
        for each in output.get(part, []):
            if contracts.sound(contracts.Sentence(**each), material):
                yield each


# --- what other agents leave


def _personas(run: FlowRun, step: StepRun, work: Work, at: datetime) -> None:
    """A persona an answer, with the sentences that stand on what they cite."""
    for answered in work.answers:
        answer, material = answered.parsed, answered.material
        assert isinstance(answer, persona.PersonaAnswer)
        sound = [each for each in persona.sentences(answer) if contracts.sound(each, material)]
        angle = next((each for each in sound if each.text == answer.angle.text), None)
        pains = [each.model_dump() for each in answer.pains if each in sound]
        if answer.role:
            Persona.objects.create(
                run=run,
                role=answer.role,
                pains=pains,
                angle=angle.text if angle else "",
                rests_on=angle.rests_on if angle else [],
            )


def _draft(run: FlowRun, step: StepRun, work: Work, at: datetime) -> None:
    """No draft of an answer that lacks something or breaks a promise that decides."""
    answered = work.answers[0]
    answer = answered.parsed
    assert isinstance(answer, email.EmailAnswer)
    if not answer.sentences or contracts.broken(answered.checks):
        return
    text = email.body(answer)
    Draft.objects.create(
        run=run,
        step=step,
        contact=run.request.contact,
        sequence_step=run.request.sequence_step,
        subject=answer.subject,
        body=text,
        final_subject=answer.subject,
        final_body=text,
        sentences=[line.model_dump() for line in answer.sentences],
        generator=work.generator,
        written_at=at,
    )


Leave = Callable[[FlowRun, StepRun, Work, datetime], None]
LEAVES: Mapping[str, Leave] = {routing.PERSONA: _personas, routing.EMAIL: _draft}
