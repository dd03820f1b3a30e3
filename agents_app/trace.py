"""What happened to a request, read from the rows alone: each run with steps, sources, facts, drafts and outcomes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from django.db.models import Prefetch, QuerySet

from agents_app import explaining
from agents_app.models import (
    Draft,
    Fact,
    FlowRun,
    Gate,
    Persona,
    PlannedPrompt,
    PlanRevision,
    Request,
    SourceRecord,
    StepRun,
)
from clients.access import called

ANSWERS = SourceRecord.objects.select_related("same_as").defer("payload", "same_as__payload")
STEPS = StepRun.objects.select_related("prompt_version", "context", "contact", "gate")
DRAFTS = Draft.objects.select_related("send", "decided_by")


class Outcome(Protocol):
    """See `experiments.models.OutcomeEvent`, which stands above this app."""

    kind: str
    occurred_at: datetime
    source: str


OutcomesOf = Callable[[Sequence[Draft]], Mapping[int, Sequence[Outcome]]]


def nothing_back(drafts: Sequence[Draft]) -> Mapping[int, Sequence[Outcome]]:
    """For whoever looks at a run before anything of it can have been sent."""
    return {}


@dataclass(frozen=True)
class StepTrace:
    """`key` is the step's name in the plan; tools, gates and joins have no agent, `tool` is a tool's name.

    `contact` is whom a step of a map is about. `offset_s` counts from the run's start; both seconds are None while they
    are not known. `why` is what it rests on. `gate` is {"question", "decision", "comment"} of a gate that was asked.
    """

    id: int
    key: str
    kind: str
    agent: str
    tool: str
    contact: str
    stage: int
    attempt: int
    status: str
    started_at: datetime
    finished_at: datetime | None
    offset_s: float | None
    seconds: float | None
    prompt: str
    prompt_sent: str
    input: dict[str, Any]
    input_sha256: str
    output: dict[str, Any] | None
    confidence: float | None
    confidence_terms: list[dict[str, Any]]
    checks: list[dict[str, Any]]
    generator: str
    attempts: list[dict[str, Any]]
    tokens: dict[str, int]
    cost_usd: Decimal
    uncertain_usd: Decimal
    votes: dict[str, Any]
    gate: dict[str, str] | None
    error: str
    why: explaining.Explanation


@dataclass(frozen=True)
class RevisionTrace:
    """A change of the plan while it ran, and the plan from then on as node documents."""

    number: int
    trigger: str
    rule: str
    reason: str
    nodes: list[dict[str, Any]]


@dataclass(frozen=True)
class SourceTrace:
    """`answer_of` is when an earlier answer came that was used again; None: the source was asked."""

    source: str
    status: str
    reason: str
    http_status: int | None
    elapsed_ms: int
    is_sandbox: bool
    claims: int
    answer_of: datetime | None


@dataclass(frozen=True)
class FactTrace:
    """`evidence` is [{"source", "pointer", "value"}]: the claims it rests on."""

    key: str
    attribute: str
    value: str
    confidence: float
    confidence_terms: list[dict[str, Any]]
    evidence: list[dict[str, str]]


@dataclass(frozen=True)
class OutcomeTrace:
    kind: str
    occurred_at: datetime
    source: str


@dataclass(frozen=True)
class DraftTrace:
    """`subject` and `body` are the agent's, `final_` what goes out. `decided_by` is a name, empty where nobody has
    decided; `message_id` is empty until the mail server took it."""

    id: int
    subject: str
    body: str
    final_subject: str
    final_body: str
    was_edited: bool
    status: str
    generator: str
    sentences: list[dict[str, Any]]
    decided_by: str
    decided_at: datetime | None
    message_id: str
    sent_at: datetime | None
    outcomes: list[OutcomeTrace]


@dataclass(frozen=True)
class RunTrace:
    """`stages` are lists of node documents, the plan as it began; `skipped` is [{"key", "agent", "reason"}]."""

    id: int
    status: str
    error: str
    rule: str
    reason: str
    stages: list[list[dict[str, Any]]]
    skipped: list[dict[str, str]]
    revisions: list[RevisionTrace]
    planned_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    recoveries: int
    config_sha256: str
    prompts: dict[str, str]
    variants: dict[str, Any]
    hints: list[str]
    steps: list[StepTrace]
    sources: list[SourceTrace]
    facts: list[FactTrace]
    personas: list[dict[str, Any]]
    brief: list[dict[str, Any]]
    drafts: list[DraftTrace]
    generators: list[str]
    cost_usd: Decimal


def of_request(request: Request, outcomes_of: OutcomesOf = nothing_back) -> list[RunTrace]:
    """The runs of a request, oldest first, in a constant number of queries. `outcomes_of` says what came back to a
    draft (`experiments.outcomes`)."""
    runs = list(whole(FlowRun.objects.filter(request=request).order_by("pk")))
    back = outcomes_of([draft for run in runs for draft in run.drafts.all()])
    return [_run(run, back) for run in runs]


def of_run(run: FlowRun, outcomes_of: OutcomesOf = nothing_back) -> RunTrace:
    """One run, that was read `whole`."""
    return _run(run, outcomes_of(list(run.drafts.all())))


def document(trace: RunTrace) -> dict[str, Any]:
    """The trace as JSON-ready values: times in ISO 8601, money as a number of US dollars."""
    plain: dict[str, Any] = _plain(asdict(trace))
    return plain


def whole(runs: QuerySet[FlowRun]) -> QuerySet[FlowRun]:
    """With all that a trace tells."""
    return runs.select_related("brief", "rules_version").prefetch_related(
        Prefetch("prompts", PlannedPrompt.objects.select_related("version").order_by("agent")),
        Prefetch("steps", STEPS.order_by("stage", "pk")),
        Prefetch("revisions", PlanRevision.objects.order_by("number")),
        Prefetch("source_records", ANSWERS.prefetch_related("claims").order_by("pk")),
        Prefetch("facts", Fact.objects.prefetch_related("claims__source_record").order_by("pk")),
        Prefetch("personas", Persona.objects.order_by("pk")),
        Prefetch("drafts", DRAFTS.order_by("pk")),
    )


def _run(run: FlowRun, back: Mapping[int, Sequence[Outcome]]) -> RunTrace:
    known = explaining.Around(run, list(run.revisions.all()), list(run.source_records.all()))
    steps = [_step(step, known) for step in run.steps.all()]
    return RunTrace(
        id=run.pk,
        status=run.status,
        error=run.error,
        rule=run.route,
        reason=run.reason,
        stages=run.stages,
        skipped=run.skipped,
        revisions=[_revision(revision) for revision in run.revisions.all()],
        planned_at=run.planned_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        recoveries=run.recoveries,
        config_sha256=run.config_sha256,
        prompts={planned.agent: str(planned.version) for planned in run.prompts.all()},
        variants=run.variants,
        hints=run.hints,
        steps=steps,
        sources=[_source(record) for record in run.source_records.all()],
        facts=[_fact(fact) for fact in run.facts.all()],
        personas=[_persona(persona) for persona in run.personas.all()],
        brief=run.brief.sentences if hasattr(run, "brief") else [],
        drafts=[_draft(draft, back.get(draft.pk, ())) for draft in run.drafts.all()],
        generators=sorted({step.generator for step in steps if step.generator}),
        cost_usd=sum((step.cost_usd for step in steps), Decimal(0)),
    )


def _step(step: StepRun, known: explaining.Around) -> StepTrace:
    return StepTrace(
        id=step.pk,
        key=step.key,
        kind=step.kind,
        agent=step.agent,
        tool=step.tool,
        contact=str(step.contact) if step.contact else "",
        stage=step.stage,
        attempt=step.attempt,
        status=step.status,
        started_at=step.started_at,
        finished_at=step.finished_at,
        offset_s=_seconds(known.run.started_at, step.started_at),
        seconds=_seconds(step.started_at, step.finished_at),
        prompt=str(step.prompt_version or ""),
        prompt_sent=step.prompt_sent,
        input=step.input,
        input_sha256=step.input_sha256,
        output=step.output,
        confidence=step.confidence,
        confidence_terms=step.confidence_terms,
        checks=step.checks,
        generator=step.generator,
        attempts=step.attempts,
        tokens={
            "input": step.tokens_input,
            "output": step.tokens_output,
            "cache_read": step.tokens_cache_read,
            "cache_write": step.tokens_cache_write,
            "cache_write_1h": step.tokens_cache_write_1h,
        },
        cost_usd=step.cost_usd,
        uncertain_usd=step.uncertain_usd,
        votes=step.votes,
        gate=_gate(step.gate) if hasattr(step, "gate") else None,
        error=step.error,
        why=explaining.explain(step, known),
    )


def _gate(gate: Gate) -> dict[str, str]:
    return {"question": gate.question, "decision": gate.decision, "comment": gate.comment}


def _revision(row: PlanRevision) -> RevisionTrace:
    return RevisionTrace(row.number, row.trigger, row.rule, row.reason, row.nodes)


def _source(record: SourceRecord) -> SourceTrace:
    return SourceTrace(
        source=record.source,
        status=record.status,
        reason=record.reason,
        http_status=record.http_status,
        elapsed_ms=record.elapsed_ms,
        is_sandbox=record.is_sandbox,
        claims=len(record.claims.all()),
        answer_of=record.same_as.fetched_at if record.same_as else None,
    )


def _fact(fact: Fact) -> FactTrace:
    claims = fact.claims.all()
    evidence = [{"source": each.source_record.source, "pointer": each.pointer, "value": each.value} for each in claims]
    return FactTrace(fact.key, fact.attribute, fact.value, fact.confidence, fact.confidence_terms, evidence)


def _persona(persona: Persona) -> dict[str, Any]:
    return {"role": persona.role, "pains": persona.pains, "angle": persona.angle, "rests_on": persona.rests_on}


def _draft(draft: Draft, back: Sequence[Outcome]) -> DraftTrace:
    send = getattr(draft, "send", None)
    return DraftTrace(
        id=draft.pk,
        subject=draft.subject,
        body=draft.body,
        final_subject=draft.final_subject,
        final_body=draft.final_body,
        was_edited=draft.was_edited,
        status=draft.status,
        generator=draft.generator,
        sentences=draft.sentences,
        decided_by=called(draft.decided_by) if draft.decided_at else "",
        decided_at=draft.decided_at,
        message_id=send.message_id if send else "",
        sent_at=send.sent_at if send else None,
        outcomes=[OutcomeTrace(each.kind, each.occurred_at, each.source) for each in back],
    )


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return round((end - start).total_seconds(), 3) if start and end else None


def _plain(value: object) -> Any:  # noqa: ANN401 JSON has no narrower type
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
