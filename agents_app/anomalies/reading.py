"""Rows → what is looked at. A constant number of queries, of a bounded number of rows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import CharField, Prefetch, QuerySet
from django.db.models.functions import Cast, Length

from agents_app import names
from agents_app.anomalies.seen import Figures, RunSeen, Seen
from agents_app.graph import Node, nodes_of
from agents_app.models import FlowRun, PlanRevision, StepKind, StepRun
from clients.models import AgentKey

CLIENT_RUNS, LATEST_RUNS = 150, 400  # how far back one looks: in a client's runs, and in everybody's
ASK_A_MODEL = (StepKind.AGENT, StepKind.MAP, StepKind.PLANNER)
COLUMNS = (
    "pk", "run_id", "agent", "prompt_version_id", "run__client_id", "started_at", "finished_at", "cost_usd", "attempt",
    "confidence", "tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write", "tokens_cache_write_1h",
    "chars",
)  # fmt: skip
IN_EARNEST = FlowRun.objects.filter(is_open=False, request__trial_side="")
OF_EARNEST = {"run__is_open": False, "run__request__trial_side": ""}
_ANSWERS = StepRun.objects.filter(status=StepRun.Status.DONE, prompt_version__isnull=False).exclude(agent="")


def whole(runs: QuerySet[FlowRun]) -> QuerySet[FlowRun]:
    """With all that the rules look at."""
    steps = StepRun.objects.select_related("contact").defer("prompt_sent", "confidence_terms", "votes", "decisions")
    return runs.select_related("request", "client", "deployment").defer("deployment__config").prefetch_related(
        Prefetch("steps", steps.order_by("pk")),
        Prefetch("revisions", PlanRevision.objects.order_by("number")),
    )  # fmt: skip


def seen(run: FlowRun, answers: Iterable[Figures]) -> RunSeen:
    """`answers` are those of this run."""
    figures = {each.step: each for each in answers}
    revisions = list(run.revisions.all())
    plan = nodes_of(revisions[-1].nodes if revisions else run.nodes)
    steps = [_step(step, figures.get(step.pk)) for step in run.steps.all()]
    return RunSeen(run.pk, run.status, {node.key: _named(node) for node in plan if _is_expected(node)}, steps)


def _is_expected(node: Node) -> bool:
    """A map over nobody has no step."""
    return node.kind != StepKind.MAP or bool(node.items)


def _named(node: Node) -> str:
    name = AgentKey(node.agent).label if node.agent else names.in_words(node.key)
    return f"its step “{name}”"


def _step(step: StepRun, figures: Figures | None) -> Seen:
    return Seen(
        id=step.pk,
        label=f"“{step.label}”",
        key=step.key,
        map_index=step.map_index,
        worker=step.agent or step.tool,
        status=step.status,
        input_sha256=step.input_sha256,
        asks_model=step.kind in ASK_A_MODEL,
        output=step.output,
        checks=step.checks,
        calls=step.attempts,
        tokens=_tokens(step.__dict__),
        error_class=step.error_class,
        figures=figures,
    )


# --- answers in numbers


def of_runs(runs: Iterable[FlowRun | int]) -> list[Figures]:
    """Every answer of an agent in these runs, in the order in which they ended. One query."""
    return _in_order(_ANSWERS.filter(run__in=list(runs)))


def of_young(agent: str, version: int, *, most: int) -> list[Figures]:
    """All answers of a version from its first one on; none where it has more than `most`, and is young no more."""
    own = _ANSWERS.filter(agent=agent, prompt_version=version, **OF_EARNEST)
    return _in_order(own) if own[: most + 1].count() <= most else []


def preceding(first: Figures) -> list[Figures]:
    """The answers of the version that was asked before that of `first`, the newest of them, before `first` came."""
    earlier = _ANSWERS.filter(agent=first.agent, pk__lt=first.step, **OF_EARNEST).exclude(prompt_version=first.version)
    found = _in_order(earlier.order_by("-pk")[:LATEST_RUNS])
    return [each for each in found if each.version == found[-1].version]


def _in_order(rows: QuerySet[StepRun]) -> list[Figures]:
    long = rows.annotate(chars=Length(Cast("output", CharField())))
    return sorted((_figures(row) for row in long.values(*COLUMNS)), key=lambda each: (each.at, each.step))


def before(run: FlowRun) -> Sequence[int]:
    """The client's runs that ended before this one."""
    earlier = IN_EARNEST.filter(client=run.client_id, finished_at__lte=run.finished_at).exclude(pk=run.pk)
    return list(earlier.order_by("-finished_at", "-pk").values_list("pk", flat=True)[:CLIENT_RUNS])


def latest(*, at: datetime) -> list[Figures]:
    """The answers of the newest runs of all clients."""
    newest = IN_EARNEST.filter(planned_at__lte=at).order_by("-planned_at", "-pk")
    return of_runs(newest.values_list("pk", flat=True)[:LATEST_RUNS])


def _figures(row: Mapping[str, Any]) -> Figures:
    took = (row["finished_at"] - row["started_at"]).total_seconds()
    values = {
        "latency_s": took,
        "tokens": float(_tokens(row)),
        "cost_usd": float(row["cost_usd"] or Decimal(0)),
        "output_chars": float(row["chars"] or 0),
        "confidence": row["confidence"],
        "retries": float(row["attempt"] - 1),
    }
    return Figures(
        step=row["pk"],
        run=row["run_id"],
        agent=row["agent"],
        version=row["prompt_version_id"],
        client=row["run__client_id"],
        at=row["finished_at"],
        values={name: value for name, value in values.items() if value is not None},
    )


def _tokens(row: Mapping[str, Any]) -> int:
    return sum(row[f"tokens_{kind}"] for kind in ("input", "output", "cache_read", "cache_write", "cache_write_1h"))
