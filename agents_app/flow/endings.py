"""Does a run go on after a stage? If not, how it ends, in words for the person who asked for it."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from agents_app import llm, routing
from agents_app.flow.lease import Ending
from agents_app.flow.work import NothingKnown, SourcesUnavailable
from agents_app.models import FlowRun, StepRun
from clients.models import AgentKey

MOST_ATTEMPTS = 3
WAITS_S = (60.0, 600.0)  # before the second and the third attempt of a step that failed for a passing reason
PASSING = (llm.ModelUnavailable, llm.AnswerInvalid, SourcesUnavailable)

Status = FlowRun.Status

logger = logging.getLogger(__name__)


def verdict(finished: Sequence[tuple[StepRun, Exception | None]], *, at: datetime) -> Ending | None:
    """Of several failures the one that a person must mend comes first, then one that passes by itself."""
    failures = [(step, error) for step, error in finished if error is not None]
    endings = [_failure(step, error, at) for step, error in failures]
    endings += [ending for step, error in finished if error is None and (ending := _unwritten(step))]
    return min(endings, key=lambda ending: ORDER.index(ending.status), default=None)


ORDER = (Status.FAILED, Status.NEEDS_INPUT, Status.PLANNED)


def name(agent: str) -> str:
    """`persona_agent` → "The persona step"."""
    label = AgentKey(agent).label
    return f"The {label.lower()} step"


def _failure(step: StepRun, error: Exception, at: datetime) -> Ending:
    if isinstance(error, NothingKnown):
        return Ending(Status.NEEDS_INPUT, str(error))
    if isinstance(error, PASSING):
        return _later(step, error, at)
    if isinstance(error, llm.ModelRefused):
        return Ending(Status.FAILED, f"{name(step.agent)} got no answer: {error}")
    logger.error("step %s of run %s", step.pk, step.run_id, exc_info=error)
    return Ending(Status.FAILED, f"{name(step.agent)} stopped on a fault of this system; the log has it.")


def _later(step: StepRun, error: Exception, at: datetime) -> Ending:
    if step.attempt >= MOST_ATTEMPTS:
        return Ending(Status.FAILED, f"{name(step.agent)} was tried {step.attempt} times. The last time: {error}")
    asked_for = getattr(error, "retry_after_s", None) or 0.0
    again_at = at + timedelta(seconds=max(WAITS_S[step.attempt - 1], asked_for))
    return Ending(Status.PLANNED, f"{error} It is tried again by itself at {again_at:%H:%M}.", again_at)


def _unwritten(step: StepRun) -> Ending | None:
    """An e-mail step that finished without a draft: something is missing, or its text breaks a promise."""
    if step.agent != routing.EMAIL or StepRun.objects.filter(pk=step.pk, draft__isnull=False).exists():
        return None
    missing = (step.output or {}).get("missing", [])
    if not (step.output or {}).get("sentences"):
        return Ending(Status.NEEDS_INPUT, f"The e-mail was not written. {' '.join(missing)}".strip())
    broken = " ".join(check["detail"] for check in step.checks if check["must"] and not check["passed"])
    return Ending(
        Status.NEEDS_INPUT,
        f"The e-mail did not become a draft. {broken} Change the client's settings or the prompt, then ask again.",
    )
