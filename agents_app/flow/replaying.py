"""A finished step once more, from its row alone: the same path, with the recorded answers at its other end.

Nothing is sent, paid or written. What comes out is compared with what is stored, so that one can see whether an answer
still follows from what the step was given, its prompt version and its settings.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone
from pydantic import ValidationError

from agents_app import llm, prices, promises
from agents_app.agents import AGENTS
from agents_app.flow import judges, means, planner, reliability, results, work
from agents_app.flow.hand import Prompt
from agents_app.flow.work import Task, Work
from agents_app.models import FlowRun, StepKind, StepRun

ASKS_A_MODEL = (StepKind.AGENT, StepKind.MAP, StepKind.PLANNER)


@dataclass(frozen=True)
class Replayed:
    """`work` is what came of it, None where nothing could be replayed: then `reason` says why. `differences` from what
    is stored, in words."""

    step: StepRun
    work: Work | None = None
    differences: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_same(self) -> bool:
        return self.work is not None and not self.differences

    @property
    def told(self) -> str:
        """How it came out, in words."""
        if self.reason:
            return f"Not replayed: {self.reason}"
        if self.differences:
            return f"Different: {' '.join(self.differences)}"
        count = len(llm.answered(self.step.attempts))
        return f"The same, from {'1 recorded answer' if count == 1 else f'{count} recorded answers'}."


def replays(run: FlowRun) -> Iterator[Replayed]:
    """Each step of the run that asks a model, in the order of the plan."""
    rows = StepRun.objects.filter(run=run, kind__in=ASKS_A_MODEL).order_by("stage", "pk")
    rows = rows.select_related("run__request", "prompt_version", "context", "contact")
    for row in rows.prefetch_related("run__prompts"):
        yield replay(row)


def replay(row: StepRun) -> Replayed:
    """The step's work done again with its recorded answers, beside what is stored of it."""
    if reason := _nothing_to_replay(row):
        return Replayed(row, reason=reason)
    try:
        again = _again(row, llm.Replay(row.attempts))
    except (KeyError, ValidationError) as error:
        return Replayed(row, Work(error=error), ("What it was given is no longer what its agent needs.", *_since(row)))
    found = _differences(row, again)
    return Replayed(row, again, (*found, *_since(row)) if found else ())


def _nothing_to_replay(row: StepRun) -> str:
    if removed := row.run.calls_removed_at:
        return f"Its recorded calls were removed on {timezone.localtime(removed):%-d %B %Y}."
    if not row.attempts:
        return f"It called no model. {row.error}".strip()
    if not llm.answered(row.attempts):
        outcomes = ", ".join(dict.fromkeys(str(each["outcome"]) for each in row.attempts))
        return f"No call of it brought an answer ({outcomes})."
    if row.status != StepRun.Status.DONE:
        return f"It ended without an answer of its own ({row.get_status_display().lower()}). {row.error}".strip()
    return ""


# --- the work


def _again(row: StepRun, recorded: llm.Replay) -> Work:
    if row.kind == StepKind.PLANNER:
        return planner.do(row.input, prices.load(), row.started_at, llm.Unlimited(), recorded)
    return work.do(_task(row, recorded))


def _task(row: StepRun, recorded: llm.Replay) -> Task:
    """As when the step began; but research has gathered already, so its facts are given and no source is asked."""
    agent, run = AGENTS[row.agent], row.run
    planned = next((each for each in run.prompts.all() if each.agent == row.agent), Prompt(0, ""))
    asked_with = means.of(planned, row.agent, run.config, run.request.depth)
    return Task(
        agent=agent,
        prompt=row.prompt_version.text if row.prompt_version else "",
        promises=promises.of_agent(row.run.promises, row.agent),
        needs=agent.given(row.input),
        prices=prices.load(),
        at=row.started_at,
        purse=llm.Unlimited(),
        effort=asked_with.effort,
        max_tokens=asked_with.max_tokens,
        models=recorded,
        proposals=next((node.proposals for node in run.plan_now if node.key == row.key), 1),
        reliabilities=_reliabilities(row),
        judges=judges.of if set(judges.NAMES) & _voters(row) else None,
    )


def _voters(row: StepRun) -> set[str]:
    """Who stood ready to vote then; whether models judge depends on the service of the day."""
    return {*(vote["voter"] for vote in row.votes.get("votes", [])), *row.votes.get("not_asked", [])}


def _reliabilities(row: StepRun) -> Mapping[str, float]:
    """As they counted then, by the votes that were cast: people may have decided otherwise on old drafts since."""
    if not row.votes:
        return {}
    counted = {vote["voter"]: vote["reliability"] for vote in row.votes["votes"]}
    return reliability.of_voters(row.agent, row.started_at) | counted


# --- beside what is stored


def _differences(row: StepRun, again: Work) -> tuple[str, ...]:
    if again.error is not None:
        return (str(again.error),)
    compared = {
        "Its answer is another one.": results.output(again) == row.output,
        "Its prompt is another one.": results.prompt_sent(again) == row.prompt_sent,
        "Not the same recorded answers were read.": _read(again.attempts) == _read(row.attempts),
        "What it was given has changed since it was stored.": results.digest(row.input) == row.context_id,
    }
    return tuple(words for words, is_same in compared.items() if not is_same)


def _read(attempts: list[dict[str, object]]) -> list[tuple[object, ...]]:
    """Every answer with its request, to the byte; proposals are asked side by side, so in no order of their own."""
    return sorted((each["request_sha256"], each["model"], each["response"]) for each in llm.answered(attempts))


def _since(row: StepRun) -> tuple[str, ...]:
    then, now = row.run.code_revision, settings.CODE_REVISION
    return (f"The code was {then} then and is {now} now.",) if then != now and then and now else ()
