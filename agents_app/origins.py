"""Which exact prompt text, settings and model wrote an e-mail, or any other answer of a step: one query."""

from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject

from agents_app.models import Draft, FlowRun, PlannedPrompt, PromptVersion, StepRun


@dataclass(frozen=True)
class Origin:
    """`planned` is {"model", "effort", "max_tokens"} as fixed with the run; empty in runs from before that was kept.

    `answered` are the models that answered, in the order of their calls; `variant` {"experiment", "variant", "key"} of
    the experiment that gave the version, or {}. `run.config` are the settings in force, `step.prompt_sent` every word
    that was sent.
    """

    step: StepRun
    run: FlowRun
    version: PromptVersion | None
    planned: dict[str, Any]
    variant: dict[str, Any]
    answered: list[str]
    draft: Draft | None


def of_step(step_id: int, among: "QuerySet[StepRun] | None" = None) -> Origin | None:
    """None where there is no such step `among` those that may be seen. One query."""
    rows = StepRun.objects.all() if among is None else among
    rows = rows.select_related(
        "run__client",
        "run__request",
        "run__deployment",
        "prompt_version__author",
        "contact",
        "draft__contact",
        "draft__decided_by",
    ).defer("run__deployment__config", "run__deployment__connections", "run__deployment__rollouts")
    planned = PlannedPrompt.objects.filter(run=OuterRef("run"), agent=OuterRef("agent"))
    asked_with = JSONObject(model="model", effort="effort", max_tokens="max_tokens")
    step: Any = rows.annotate(asked_with=Subquery(planned.values(row=asked_with))).filter(pk=step_id).first()
    if step is None:
        return None
    if step.run.deployment is not None:
        step.run.deployment.client = step.run.client
    asked = step.asked_with or {}
    answered = [str(each["model"]) for each in step.attempts if each.get("status") == 200]
    return Origin(
        step,
        step.run,
        step.prompt_version,
        asked if asked.get("model") else {},
        step.run.variants.get(step.agent, {}),
        list(dict.fromkeys(answered)) or ([step.generator] if step.generator else []),
        getattr(step, "draft", None),
    )
