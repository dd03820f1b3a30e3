"""Two runs from their rows, as `comparing` sets them side by side; and which runs one may want to compare with."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet

from agents_app import comparing
from agents_app.comparing import Comparison, Step, Whole
from agents_app.models import FlowRun, PlannedPrompt, StepRun

Whose = Callable[[StepRun], int]
STEPS = StepRun.objects.select_related("context", "prompt_version", "contact")
RUNS = FlowRun.objects.select_related("client", "request__contact", "template_version", "deployment").defer(
    "deployment__config", "deployment__connections", "deployment__rollouts"
)
OFFERED = 6  # runs of a kind, the newest
ELSEWHERE = ("config", "context", "search")  # of what a step was given: compared under names of their own


@dataclass(frozen=True)
class Offer:
    """Runs that one may want to compare with, and why."""

    why: str
    runs: list[FlowRun]


def of(left: FlowRun, right: FlowRun) -> Comparison:
    """Two queries, whatever the number of steps."""
    rows = list(STEPS.filter(run__in={left.pk, right.pk}).order_by("stage", "key", "map_index", "attempt"))
    planned = PlannedPrompt.objects.filter(run__in={left.pk, right.pk}).select_related("version").order_by("agent")
    prompts = [(each.run_id, each.get_agent_display(), str(each.version)) for each in planned]
    whose = _told_apart(rows, left, right)
    rows.sort(key=lambda row: (row.stage, row.key, whose(row), row.attempt))
    whole_left, whole_right = (
        _whole(
            run,
            [row for row in rows if row.run_id == run.pk],
            whose,
            {agent: version for of_run, agent, version in prompts if of_run == run.pk},
        )
        for run in (left, right)
    )
    if left.request.is_again or right.request.is_again:
        whole_left, whole_right = _without_place(whole_left), _without_place(whole_right)
    return comparing.compare(whole_left, whole_right)


def _told_apart(rows: Iterable[StepRun], left: FlowRun, right: FlowRun) -> Whose:
    """Contacts of a map by who they are, where both runs have one in common, else by their place."""
    ours, theirs = ({row.contact_id for row in rows if row.run_id == run.pk and row.map_index} for run in (left, right))
    return (lambda row: row.contact_id or 0) if ours & theirs else (lambda row: row.map_index)


def _whole(run: FlowRun, steps: Sequence[StepRun], whose: Whose, prompts: Mapping[str, str]) -> Whole:
    """`steps` in the order of the plan; `prompts` {agent: version} as planned."""
    documents = {
        "config": run.config,
        "hints": run.hints,
        "plan": run.nodes,
        "variants": run.variants,
        "error": run.error,
    }
    tries = Counter((step.key, step.map_index) for step in steps)
    told = [_step(step, whose(step), tries[step.key, step.map_index] - step.attempt) for step in steps]
    return Whole(documents, _figures(run, steps, prompts), told)


def _without_place(whole: Whole) -> Whole:
    """A run again is in no experiment and on no deployment, so it differs in that from every run in earnest."""
    documents = {name: each for name, each in whole.documents.items() if name != "variants"}
    return replace(whole, documents=documents, figures={**whole.figures, "Runs on": ""})


def offers(run: FlowRun, seen: QuerySet[FlowRun]) -> list[Offer]:
    """Of `seen`, the runs that somebody may see: what it does again and what does it again, of the same request, of the
    same person or company, and planned with the same version of a prompt. Kinds without a run are left out."""
    others = seen.exclude(pk=run.pk).select_related("client", "request__contact").order_by("-pk")
    about = Q(request__contact=run.request.contact_id) if run.request.contact_id else Q(pk__in=[])
    if run.request.company_domain:
        about |= Q(client=run.client_id, request__company_domain=run.request.company_domain)
    versions = PlannedPrompt.objects.filter(run=run).values("version")
    alike = PlannedPrompt.objects.filter(version__in=versions).exclude(run=run).order_by("-run_id")
    first = run.request.rerun.original_id if run.request.is_again else run.pk
    kinds = {
        "The same run, done again": others.filter(Q(pk=first) | Q(request__rerun__original=first)),
        "Of the same request": others.filter(request=run.request_id),
        "About the same person or company": others.filter(about).exclude(request=run.request_id),
        "Planned with the same version of a prompt": others.filter(
            pk__in=list(alike.values_list("run_id", flat=True)[: 10 * OFFERED])
        ),
    }
    found = [Offer(why, list(rows[:OFFERED])) for why, rows in kinds.items()]
    return [offer for offer in found if offer.runs]


def _figures(run: FlowRun, steps: Sequence[StepRun], prompts: Mapping[str, str]) -> dict[str, comparing.Figure]:
    return {
        "State": run.get_status_display(),
        "Flow": str(run.template_version or ""),
        "Runs on": f"@{run.deployment.number}" if run.deployment else "",
        "Version of the settings": run.config_version,
        **{f"{agent} prompt": version for agent, version in prompts.items()},
        "Depth": run.request.get_depth_display(),
        "Code": run.code_revision[:12],
        "Cost": sum((step.cost_usd for step in steps), Decimal(0)),
        **_tokens(steps),
        "Seconds": _seconds(run.started_at, run.finished_at),
    }


def _step(step: StepRun, whose: int, tries_left: int) -> Step:
    return Step(
        id=step.pk,
        key=step.key,
        worker=step.agent or step.key,
        whose=whose,
        label=f"{step.label}, attempt {step.attempt}" if step.attempt > 1 else step.label,
        documents={
            "input": given(step.input),
            "search": _search(step.input.get("search")),
            "prompt_sent": step.prompt_sent,
            "output": step.output,
            "checks": step.checks,
            "error": step.error,
        },
        figures={
            "State": step.get_status_display(),
            "Prompt": str(step.prompt_version or ""),
            "Model": step.generator,
            "Confidence": None if step.confidence is None else round(step.confidence, 4),
            **({} if step.is_taken_over else _spent(step)),
        },
        is_taken_over=step.is_taken_over,
        tries_left=tries_left,
    )


def _search(said: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Without the moments of its questions, which no two runs have in common."""
    if not said:
        return None
    actions = [{name: value for name, value in each.items() if name != "at_s"} for each in said.get("actions", [])]
    return {**said, "actions": actions}


def _spent(step: StepRun) -> dict[str, comparing.Figure]:
    return {
        "Cost": step.cost_usd,
        **_tokens([step]),
        "Seconds": _seconds(step.started_at, step.finished_at),
    }


def _tokens(steps: Sequence[StepRun]) -> dict[str, comparing.Figure]:
    """What a cache held, or holds from now on, has prices of its own: where those change, a cost does without more
    tokens."""
    return {
        "Tokens in": sum(step.tokens_in for step in steps),
        "Tokens read from a cache": sum(step.tokens_cache_read for step in steps),
        "Tokens written to a cache": sum(step.tokens_cache_written for step in steps),
        "Tokens out": sum(step.tokens_output for step in steps),
    }


def given(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a step was given, without the numbers of rows, which differ in any two runs."""
    found = {name: value for name, value in document.items() if name not in ELSEWHERE}
    if "facts" in found:
        found["facts"] = [{name: fact[name] for name in fact if name != "fact_id"} for fact in found["facts"] or []]
    if origin := found.get("facts_from"):
        found["facts_from"] = origin.get("why")
    return found


def _seconds(start: Any, end: Any) -> float | None:  # noqa: ANN401 moments, or None
    return round((end - start).total_seconds(), 1) if start and end else None
