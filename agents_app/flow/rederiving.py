"""What a run holds to be true once more, from its stored answers alone: the claims are found again where they point,
and the facts stand on them. Nothing is asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agents_app import confidence, research
from agents_app.flow import results
from agents_app.models import Claim, Fact, FlowRun, SourceRecord


@dataclass(frozen=True)
class Rederived:
    """`answers`, `claims` and `facts` are how many were looked at; `problems` say what no longer follows, in words."""

    answers: int
    claims: int
    facts: int
    problems: tuple[str, ...]

    @property
    def told(self) -> str:
        counted = f"{self.facts} facts, {self.claims} claims in {self.answers} stored answers"
        return f"{counted}: {' '.join(self.problems)}" if self.problems else f"{counted}: all follow."


def rederive(run: FlowRun) -> Rederived:
    records = list(run.source_records.select_related("same_as").prefetch_related("claims").order_by("pk"))
    facts = list(run.facts.prefetch_related("claims").order_by("pk"))
    problems = [problem for record in records for problem in _of_answer(record)]
    problems += [problem for fact in facts for problem in _of_fact(fact)]
    claims = sum(len(record.claims.all()) for record in records)
    return Rederived(len(records), claims, len(facts), tuple(problems))


def _of_answer(record: SourceRecord) -> Iterator[str]:
    payload, original = record.original.payload, record.original
    is_whole = payload is not None and results.digest(payload) == original.payload_sha256
    if payload is not None and not is_whole:
        yield f"{record.source}: its stored answer is not as it came; erasing a person takes words out of it."
    read = _read(record, payload) if is_whole else None
    for claim in record.claims.all():
        if not research.check_pointer(claim, payload):
            yield f"{record.source}: “{claim}” does not stand at {claim.pointer}."
        elif read is not None and (claim.value, claim.pointer) not in read:
            yield f"{record.source}: its reader no longer finds “{claim}” at {claim.pointer}."


def _read(record: SourceRecord, payload: Any) -> set[tuple[str, str]] | None:  # noqa: ANN401 as the source sends it
    """What the reader finds in it; None where the claims were found by another version of it."""
    source = research.SOURCES.get(record.source)
    by = {claim.extractor for claim in record.claims.all()}
    if source is None or by != {source.extractor}:
        return None
    return {(claim.value, claim.pointer) for claim in source.read(payload)}


def _of_fact(fact: Fact) -> Iterator[str]:
    claims: list[Claim] = list(fact.claims.all())
    if not claims and not research.is_decided(fact.confidence_terms):
        yield f"{fact.key}: “{fact}” stands on no claim and on no person's word."
    for claim in claims:
        if claim.attribute != fact.attribute or not research.agree(fact.attribute, fact.value, claim.value):
            yield f"{fact.key}: “{fact}” cites “{claim}”, which says something else."
    if confidence.confidence(fact.confidence_terms) != fact.confidence:
        yield f"{fact.key}: the terms of “{fact}” do not make its confidence of {fact.confidence:.4f}."
