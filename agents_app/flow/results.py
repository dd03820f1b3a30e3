"""What a step leaves behind: sources, claims, facts, personas, the draft, the brief. In the driver's transaction."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from agents_app import confidence, contracts, routing
from agents_app.agents import email, persona
from agents_app.confidence import Term, term
from agents_app.flow import access, knowledge, noting
from agents_app.flow.hand import Hand
from agents_app.flow.work import Work
from agents_app.models import Brief, Claim, Draft, Fact, FlowRun, Persona, SourceRecord, StepContext, StepRun
from agents_app.research import FactValue, SourceAnswer
from agents_app.research.attributes import BY_KEY

ClaimKey = tuple[str, str, str]  # question, pointer, attribute
Status = StepRun.Status


def store(hand: Hand, row: StepRun, work: Work) -> None:
    """Close the step with everything that came of it. The caller holds the run in this transaction."""
    at = hand.clock()
    access.heed(work.gathered, at=at)
    records = [(_source_record(hand.run, row, answer, at), answer) for answer in work.gathered]
    claims = {key: claim for record, answer in records for key, claim in _claims(record, answer).items()}
    if work.error is not None:
        _close(hand, row, work, {}, at)
        return
    fact_ids = _facts(hand, row, work, claims)
    _close(hand, row, work, fact_ids, at)
    leave = LEAVES.get(row.agent or row.tool)
    if leave:
        leave(hand.run, row, work, at)


def digest(document: object) -> str:
    """SHA-256 (hex) of a document's canonical JSON."""
    return digest_of(canonical(document))


def digest_of(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def canonical(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, ensure_ascii=False).encode()


# --- the step itself

CLOSING = (
    "status", "error", "error_class", "finished_at", "finished_seq", "generator", "provider_request_id", "attempts",
    "tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write", "tokens_cache_write_1h", "cost_usd",
    "uncertain_usd", "reserved_usd", "decisions",
)  # fmt: skip
ENDING = ("output", "votes")
SEEING = ("context", "planned_sha256")
ANSWERING = (*SEEING, "prompt_sent", "checks", "confidence_terms", "confidence")


def _close(hand: Hand, row: StepRun, work: Work, fact_ids: Mapping[str, int], at: datetime) -> None:
    hand.run.seq += 1
    row.status = Status.FAILED if work.error else Status.DONE
    row.error, row.error_class = str(work.error or ""), type(work.error).__name__ if work.error else ""
    row.finished_at, row.finished_seq = at, hand.run.seq
    row.generator, row.provider_request_id, row.attempts = work.generator, work.request_id, work.attempts
    row.decisions = _decisions(row, work)
    row.tokens_input, row.tokens_output = work.usage.input, work.usage.output
    row.tokens_cache_read, row.tokens_cache_write = work.usage.cache_read, work.usage.cache_write
    row.tokens_cache_write_1h = work.usage.cache_write_1h
    settled = row.uncertain_usd  # until now all that the step spent; what its work does not tell of stays uncertain
    row.cost_usd, row.uncertain_usd = work.cost_usd, max(work.uncertain_usd, settled - work.cost_usd)
    names: tuple[str, ...] = CLOSING
    if not work.error:
        row.output, row.votes = output(work), work.votes
        names += ENDING
    if not work.error and work.answers:
        _answer(hand, row, work, fact_ids)
        names += ANSWERING
    elif work.search:
        _saw(hand, row, {**row.input, "search": work.search})
        names += SEEING
    hand.journal.update(row, names)


def _decisions(row: StepRun, work: Work) -> dict[str, Any]:
    """What the driver decided about it before, and what was decided in its thread."""
    values = noting.outweighed(work.facts)
    return {**row.decisions, **work.decided, **({"values": values} if values else {})}


def _answer(hand: Hand, row: StepRun, work: Work, fact_ids: Mapping[str, int]) -> None:
    terms = _all_terms(work)
    _see(hand, row, work, fact_ids)
    row.prompt_sent = prompt_sent(work)
    row.checks = _checks(work)
    row.confidence_terms = terms
    row.confidence = confidence.confidence(terms)


def _see(hand: Hand, row: StepRun, work: Work, fact_ids: Mapping[str, int]) -> None:
    """The context with what the agent really saw in the end; facts keep the ids of their rows."""
    contexts = [dict(answer.material.context) for answer in work.answers]
    given = asdict(work.given)
    facts = [{**fact, "fact_id": fact_ids.get(fact["key"], fact.get("fact_id"))} for fact in given["facts"]]
    seen = {"company": given["company"], "facts": facts, "context": contexts if len(contexts) > 1 else contexts[0]}
    document = {**row.input, **seen, **({"search": work.search} if work.search else {})}
    _saw(hand, row, document)


def _saw(hand: Hand, row: StepRun, document: Mapping[str, Any]) -> None:
    row.planned_sha256 = row.context_id or ""
    row.context = StepContext(sha256=digest(document), document=document)
    hand.journal.keep([row.context])


def prompt_sent(work: Work) -> str:
    """The prompt of every question, as a person reads them."""
    return "\n\n".join(answer.prompt_sent for answer in work.answers)


def output(work: Work) -> dict[str, Any]:
    """What a tool made, or what an agent answered: to one question, or to several."""
    if work.output is not None:
        return work.output
    answers = [answer.parsed.model_dump(mode="json") for answer in work.answers]
    return answers[0] if len(answers) == 1 else {"answers": answers}


def _checks(work: Work) -> list[dict[str, Any]]:
    """Each check once; of several questions, a failed one stands for all."""
    found: dict[str, dict[str, Any]] = {}
    for answer in work.answers:
        for check in answer.all_checks:
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


def _source_record(run: FlowRun, row: StepRun, answer: SourceAnswer, at: datetime) -> SourceRecord:
    """A payload that was used again stays where it is."""
    return SourceRecord.objects.create(
        run=run,
        step=row,
        source=answer.source,
        company_domain=knowledge.company(run.request)["domain"],
        request_key=answer.request_key[:300],
        status=answer.status,
        reason=answer.reason[:300],
        http_status=answer.http_status,
        payload=answer.payload if answer.same_as is None else None,
        payload_sha256=digest(answer.payload) if answer.payload is not None else "",
        elapsed_ms=answer.elapsed_ms,
        is_sandbox=answer.sandbox,
        fetched_at=at,
        question=answer.question,
        calls=answer.calls,
        credits=answer.credits,
        asked_with=answer.asked_with,
        same_as_id=answer.same_as,
    )


def _claims(record: SourceRecord, answer: SourceAnswer) -> dict[ClaimKey, Claim]:
    rows = Claim.objects.bulk_create(
        Claim(source_record=record, unit=BY_KEY[claim.attribute].unit, extractor=answer.extractor, **asdict(claim))
        for claim in answer.claims
    )
    return {_key(row): row for row in rows}


def _key(claim: Claim) -> ClaimKey:
    record = claim.source_record
    return (record.question or record.source, claim.pointer, claim.attribute)


def _facts(hand: Hand, row: StepRun, work: Work, claims: dict[ClaimKey, Claim]) -> dict[str, int]:
    """{fact key: id of its row}. A later step of the run adds only what differs from what is known, under new keys."""
    if not work.facts:
        return {}
    values = work.facts
    if row.tool:
        values = list(_changed(hand, work.facts))
        claims = _earlier_claims(hand.run) | claims
    rows = Fact.objects.bulk_create(_fact(hand.run, row, value) for value in values)
    links = Fact.claims.through
    links.objects.bulk_create(
        links(fact_id=fact.pk, claim_id=claims[question, pointer, value.attribute].pk)
        for fact, value in zip(rows, values, strict=True)
        for question, pointer in value.claim_refs
    )
    hand.recalled.forget(hand.run)
    return {fact.key: fact.pk for fact in rows}


def _changed(hand: Hand, facts: Iterable[FactValue]) -> Iterable[FactValue]:
    known = {(fact.attribute, fact.value, fact.confidence) for fact in hand.run.facts.all()}
    number = hand.run.facts.count()
    for value in facts:
        if (value.attribute, value.value, value.confidence) not in known:
            number += 1
            yield replace(value, key=f"f{number}")


def _earlier_claims(run: FlowRun) -> dict[ClaimKey, Claim]:
    asked = knowledge.asked_by(run)
    rows = Claim.objects.filter(source_record__run__in=asked).select_related("source_record").order_by("pk")
    return {_key(row): row for row in rows}


def _fact(run: FlowRun, row: StepRun, value: FactValue) -> Fact:
    return Fact(
        run=run,
        step=row,
        key=value.key,
        attribute=value.attribute,
        value=value.value[:300],
        confidence=value.confidence,
        confidence_terms=value.terms,
    )


# --- what other steps leave


def _personas(run: FlowRun, row: StepRun, work: Work, at: datetime) -> None:
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
                contact=row.contact,
                role=answer.role,
                pains=pains,
                angle=angle.text if angle else "",
                rests_on=angle.rests_on if angle else [],
            )


def _draft(run: FlowRun, row: StepRun, work: Work, at: datetime) -> None:
    """No draft of an answer that lacks something or breaks a promise that decides, and none of a trial at all: what is
    not there can be neither approved nor sent. Its answer stays on the step."""
    if run.request.is_trial:
        return
    answered = work.answers[0]
    answer = answered.parsed
    assert isinstance(answer, email.EmailAnswer)
    if not answer.sentences or contracts.broken(answered.checks):
        return
    text = email.body(answer)
    Draft.objects.create(
        run=run,
        step=row,
        contact=row.contact if row.map_index else run.request.contact,
        sequence_step=run.request.sequence_step,
        subject=answer.subject,
        body=text,
        final_subject=answer.subject,
        final_body=text,
        sentences=[line.model_dump() for line in answer.sentences],
        generator=work.generator,
        written_at=at,
    )


def _brief(run: FlowRun, row: StepRun, work: Work, at: datetime) -> None:
    sentences = (work.output or {})["sentences"]
    if sentences:
        Brief.objects.get_or_create(run=run, defaults={"sentences": sentences})


Leave = Callable[[FlowRun, StepRun, Work, datetime], None]
LEAVES: Mapping[str, Leave] = {routing.PERSONA: _personas, routing.EMAIL: _draft, "brief": _brief}
