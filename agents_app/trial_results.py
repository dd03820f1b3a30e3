"""What came of a trial: both sides as a person compares them. It reads rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from agents_app import names, progress, routing, wording
from agents_app.agents import email
from agents_app.models import FlowRun, Gate, PlanRevision, Request, StepRun, Trial
from agents_app.wording import Compared

WAITS, WORKS, ASKS, LATER, WRITTEN, UNWRITTEN, FAILED = (
    "waits", "works", "asks", "later", "written", "unwritten", "failed",
)  # fmt: skip
STATES = {
    FlowRun.Status.PLANNED: WORKS,
    FlowRun.Status.RUNNING: WORKS,
    FlowRun.Status.WAITING: ASKS,
    FlowRun.Status.RETRY: LATER,
    FlowRun.Status.SUCCEEDED: WRITTEN,
    FlowRun.Status.NEEDS_INPUT: UNWRITTEN,
}
NAMES = {
    WAITS: "Waits for its turn", WORKS: "Being written", ASKS: "Needs a person", LATER: "Goes on later",
    WRITTEN: "Written", UNWRITTEN: "Not written", FAILED: "Failed",
}  # fmt: skip


@dataclass(frozen=True)
class Side:
    """One side. `state` is one of the names above, `words` what a person has to know about it. `text` is empty where
    nothing was written; where it breaks a promise that decides, it stands there all the same, and `broken` says which.
    `checks` are [{"check", "passed", "detail", "must"}]; `usd` is what it really cost, in US dollars, when it was
    written; `seconds` what it took; `rests_on` the run whose facts it rests on, None where it found its own."""

    request: Request
    run: FlowRun | None
    state: str
    words: str = ""
    subject: str = ""
    text: str = ""
    signed: str = ""
    checks: Sequence[Mapping[str, Any]] = ()
    confidence: float | None = None
    generators: Sequence[str] = ()
    usd: Decimal = Decimal(0)
    seconds: float | None = None
    steps_over: int = 0
    steps: int = 0
    questions: Sequence[Gate] = ()

    @property
    def name(self) -> str:
        return NAMES[self.state]

    @property
    def is_open(self) -> bool:
        return self.state in (WAITS, WORKS, ASKS, LATER)

    @property
    def is_working(self) -> bool:
        return self.state in (WAITS, WORKS)

    @property
    def is_offline(self) -> bool:
        return any(names.is_composer(each) for each in self.generators)

    @property
    def kept(self) -> int:
        return sum(bool(check["passed"]) for check in self.checks if check.get("judged", True))

    @property
    def judged(self) -> int:
        return sum(check.get("judged", True) for check in self.checks)

    @property
    def broken(self) -> list[Mapping[str, Any]]:
        return [check for check in self.checks if not check["passed"]]


@dataclass(frozen=True)
class Result:
    """`subjects` and `texts` are compared word by word once both sides have a text."""

    present: Side
    proposed: Side
    subjects: Compared | None
    texts: Compared | None

    @property
    def is_open(self) -> bool:
        return self.present.is_open or self.proposed.is_open

    @property
    def is_working(self) -> bool:
        return self.present.is_working or self.proposed.is_working


def of(trial: Trial) -> Result:
    """Three queries, one more where a plan was changed. The trial's requests stand on it already."""
    sides = (trial.present, trial.proposed)
    runs = {run.request_id: run for run in FlowRun.objects.filter(request__in=sides).order_by("pk")}
    steps = StepRun.objects.filter(run__in=runs.values()).select_related("gate", "contact").order_by("pk")
    rows = list(steps.defer("attempts", "prompt_sent", "votes", "confidence_terms"))
    revised = [run for run in runs.values() if run.revised]
    changes = list(PlanRevision.objects.filter(run__in=revised).order_by("number")) if revised else []
    present, proposed = (_side(each, runs.get(each.pk), rows, changes) for each in sides)
    if not (present.text and proposed.text):
        return Result(present, proposed, None, None)
    subjects = wording.compare(present.subject, proposed.subject)
    return Result(present, proposed, subjects, wording.compare(present.text, proposed.text))


def _side(asked: Request, run: FlowRun | None, rows: Sequence[StepRun], changes: Sequence[PlanRevision]) -> Side:
    if run is None:
        return Side(asked, None, WAITS, _why_it_waits(asked))
    own = [row for row in rows if row.run_id == run.pk]
    found = progress.of(run, own, [each for each in changes if each.run_id == run.pk])
    return Side(
        request=asked,
        run=run,
        state=STATES.get(FlowRun.Status(run.status), FAILED),
        words=run.error,
        signed=_signed(run.config),
        generators=sorted({row.generator for row in own if row.generator}),
        usd=found.cost_usd,
        seconds=(run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None,
        steps_over=found.steps_over,
        steps=len(found.plan),
        questions=found.questions,
        **_written(own),
    )


def _why_it_waits(asked: Request) -> str:
    if asked.trial_side == Request.Side.PROPOSED and asked.follows_id is None:
        return "It begins once the other side has found its facts, so that both rest on the same."
    return "A worker takes it up within seconds."


def _signed(config: Mapping[str, Any]) -> str:
    own = config.get("custom_fields") or {}
    return ", ".join(filter(None, (own.get("sender_name"), own.get("sender_title"))))


def _written(rows: Sequence[StepRun]) -> dict[str, Any]:
    """What the e-mail step answered."""
    done = [row for row in rows if row.agent == routing.EMAIL and row.status == StepRun.Status.DONE]
    if not done:
        return {}
    row = done[-1]
    found = {"checks": row.checks, "confidence": row.confidence}
    try:
        answer = email.EmailAnswer.model_validate(row.output)
    except ValidationError:  # of an older release
        return found
    return {**found, "subject": answer.subject, "text": email.body(answer)} if answer.sentences else found
