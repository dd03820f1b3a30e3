"""Steps that ask no model: ask sources again, weigh what disagrees, keep the sentences of a brief.

Each tool says here, in the driver, what it works on; the work that it makes of that runs in the step's thread, on plain
data.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from agents_app import consensus, contracts, corrections, evidence, research, routing
from agents_app.flow import access, kept, knowledge, reliability, work
from agents_app.flow.hand import Hand
from agents_app.flow.work import Work
from agents_app.graph import Node
from agents_app.models import Claim, FlowRun, SourceRecord, StepKind, StepRun

Do = Callable[[], Work]
Document = dict[str, Any]
MOST_BRIEF_SENTENCES = 20
LEAST_S = 1.0


class Shape(BaseModel):
    """Of what a step that is no agent's works on, as JSON."""

    model_config = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class Tool:
    """`given` is what its step works on, JSON-ready, of the shape that `schema` describes; `prepare` makes the work of
    it."""

    schema: type[Shape]
    given: Callable[[Hand, Node], Document]
    prepare: Callable[[Hand, Document], Do]


def known_company(hand: Hand) -> research.Company:
    """The company under the name that is known by now."""
    return work.company_of(
        knowledge.named(knowledge.company(hand.run.request), knowledge.known_facts(hand.run, hand.recalled))
    )


def asked(run: FlowRun) -> list[SourceRecord]:
    return list(SourceRecord.objects.filter(run__in=knowledge.asked_by(run)).order_by("pk"))


def conflicts(run: FlowRun) -> list[str]:
    """Wanted attributes on which this run's sources disagree, in the order they are wanted."""
    facts = list(run.facts.all())
    contested = {fact.attribute for fact in facts if research.is_contested(fact.confidence_terms)}
    decided = {fact.attribute for fact in facts if research.is_decided(fact.confidence_terms)}
    return [name for name in knowledge.required(run) if name in contested - decided]


# --- ask again


def _is_source(key: str) -> str:
    if key not in research.SOURCES:
        raise ValueError(f"there is no source {key}; the sources are {', '.join(research.SOURCES)}")
    return key


class Company(Shape):
    domain: str
    name: str


class ToDeepen(Shape):
    """`again` are the sources to ask; `kept` the ids of the answers that stand beside what those say."""

    company: Company
    again: list[Annotated[str, AfterValidator(_is_source)]]
    kept: list[int]


def _to_deepen(hand: Hand, node: Node) -> Document:
    company, records = known_company(hand), asked(hand.run)
    again = research.again(records, company, at=hand.clock())
    return {
        "company": {"domain": company.domain, "name": company.name},
        "again": again,
        "kept": [record.pk for record in records if record.source not in again],
    }


def _deepen(hand: Hand, given: Document) -> Do:
    at, records, company = hand.clock(), asked(hand.run), work.company_of(given["company"])
    accesses = [each for each in access.sources(hand.run, at=at) if each.key in given["again"]]
    known = kept.answers(accesses, company, at=at)
    accesses = access.paced(hand.run, accesses, besides={answer.source for answer in known}, at=at)
    stand = _answers([record for record in records if record.pk in given["kept"]])
    weigh = partial(
        research.facts,
        at=at,
        reliabilities=_reliabilities(hand, records),
        decided=corrections.standing(hand.run.client_id, company.domain),
    )
    budget_s = max(LEAST_S, hand.seconds_left())
    gather = partial(_gathered, company, accesses, known, budget_s=budget_s, at=at)
    return partial(_ask_again, gather, stand, weigh)


def _gathered(
    company: research.Company,
    sources: Sequence[research.SourceAccess],
    kept: Sequence[research.SourceAnswer],
    *,
    budget_s: float,
    at: datetime,
) -> list[research.SourceAnswer]:
    """An answer a source, in the order of `sources`; who has a kept one is not asked."""
    question = research.Question(company, at)
    answers = {each.source: each for each in kept if each.question == research.SOURCES[each.source].key_of(question)}
    left = [access for access in sources if access.key not in answers]
    asked = research.gather(company, sources=left, budget_s=budget_s, at=at)
    answers |= {answer.source: answer for answer in asked}
    return [answers[access.key] for access in sources]


def _ask_again(
    gather: Callable[[], list[research.SourceAnswer]],
    stand: Sequence[research.SourceAnswer],
    weigh: Callable[[Sequence[research.SourceAnswer]], list[research.FactValue]],
) -> Work:
    """`stand` are the run's answers of sources that are not asked again."""
    done = Work(gathered=gather())
    done.facts = weigh([*stand, *done.gathered])
    done.output = {
        "asked": [
            {"source": answer.source, "status": answer.status, "reason": answer.reason} for answer in done.gathered
        ],
        "facts": [
            {"attribute": fact.attribute, "value": fact.value, "confidence": fact.confidence} for fact in done.facts
        ],
    }
    return done


def _answers(records: Sequence[SourceRecord]) -> list[research.SourceAnswer]:
    """Stored answers as they were when they came."""
    claims: dict[int, list[research.ClaimValue]] = {}
    for claim in Claim.objects.filter(source_record__in=[record.pk for record in records]).order_by("pk"):
        value = research.ClaimValue(claim.attribute, claim.value, claim.pointer, claim.as_of_date)
        claims.setdefault(claim.source_record_id, []).append(value)
    return [
        research.SourceAnswer(
            source=record.source,
            status=record.status,  # type: ignore[arg-type]
            reason=record.reason,
            request_key=record.request_key,
            question=record.question,
            sandbox=record.is_sandbox,
            http_status=record.http_status,
            elapsed_ms=record.elapsed_ms,
            claims=claims.get(record.pk, []),
        )
        for record in records
    ]


def _reliabilities(hand: Hand, records: Sequence[SourceRecord]) -> research.Reliabilities:
    return reliability.of_sources(hand.clock(), {record.source: record.is_sandbox for record in records})


# --- weigh what disagrees


@dataclass(frozen=True)
class Claimed(research.Weighed):
    attribute: str


class ToWeigh(Shape):
    """`contested` are attributes, `keys` {attribute: the key of its fact}."""

    contested: list[str]
    keys: dict[str, str]
    claims: list[Claimed]

    @model_validator(mode="after")
    def _is_whole(self) -> "ToWeigh":
        said = {claim.attribute for claim in self.claims}
        for name in self.contested:
            if name not in self.keys or name not in said:
                raise ValueError(f"{name} is contested, so it needs a key and at least one claim")
        return self


def _to_weigh(hand: Hand, node: Node) -> Document:
    contested = conflicts(hand.run)
    rows = knowledge.known_facts(hand.run, hand.recalled)
    keys = {row["attribute"]: row["key"] for row in rows}
    records = asked(hand.run) if contested else []
    answers, reliabilities = _answers(records), _reliabilities(hand, records)
    said = [
        {"attribute": name} | asdict(each)
        for name in contested
        for each in research.weighed(name, answers, at=hand.clock(), reliabilities=reliabilities)
    ]
    return {"contested": contested, "keys": {name: keys[name] for name in contested}, "claims": said}


def _weigh(context: Mapping[str, Any]) -> Work:
    """`close` names the attributes on which the vote was too close to call."""
    done = Work()
    facts, elections = [], {}
    for attribute in context["contested"]:
        claims = [each for each in context["claims"] if each["attribute"] == attribute]
        election = consensus.values(
            [
                consensus.Claim(each["counts_for"], each["source"], each["reliability"], each["group"])
                for each in claims
            ],
            among=claims[0]["among"],
        )
        elections[attribute] = election.document()
        facts.append({"key": context["keys"][attribute], "attribute": attribute, "value": election.winner})
    close = [name for name, each in elections.items() if each["is_close"]]
    options = {
        name: sorted({each["value"] for each in context["claims"] if each["attribute"] == name}) for name in elections
    }
    done.output = {"facts": facts, "close": close, "options": options}
    done.votes = {"attributes": elections}
    return done


# --- the brief


class ToKeep(Shape):
    sentences: list[contracts.Sentence]


def _to_keep(hand: Hand, node: Node) -> Document:
    sentences = [
        each
        for row in sorted(hand.rows, key=lambda row: (row.stage, row.pk))
        if row.status == StepRun.Status.DONE and row.agent in (routing.RESEARCH, routing.COMPETITIVE)
        for each in _sound_sentences(row, _as_decided(hand, row), hand.run.config)
    ]
    return {"sentences": sentences}


def _keep(given: Document) -> Work:
    return Work(output={"sentences": given["sentences"][:MOST_BRIEF_SENTENCES]})


def _as_decided(hand: Hand, row: StepRun) -> Mapping[str, Any]:
    """What the step said, as a person left it at the gate behind it, where there is one."""
    said = [each.output for each in hand.rows if each.kind == StepKind.GATE and hand.node(each.key).after == (row.key,)]
    decided = [output for output in said if output is not None]
    return decided[-1] if decided else row.output or {}


def _sound_sentences(row: StepRun, output: Mapping[str, Any], config: Mapping[str, Any]) -> list[dict[str, Any]]:
    material = evidence.materials(row.input, config)[0]
    said = [each for part in ("summary", "comparisons", "positioning") for each in output.get(part, [])]
    return [each for each in said if contracts.sound(contracts.Sentence(**each), material)]


TOOLS: Mapping[str, Tool] = {
    "deepen": Tool(ToDeepen, _to_deepen, _deepen),
    "adjudicate": Tool(ToWeigh, _to_weigh, lambda hand, given: partial(_weigh, given)),
    "brief": Tool(ToKeep, _to_keep, lambda hand, given: partial(_keep, given)),
}
