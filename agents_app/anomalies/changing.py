"""What was changed between a run that was as usual and the first one that was not."""

from collections.abc import Iterator
from typing import Any

from agents_app.models import FlowRun, PlannedPrompt
from clients.models import AgentKey


def between(good: FlowRun | None, bad: FlowRun) -> dict[str, Any]:
    """{"before_run", "words"}; no words where nothing of ours was changed. One query."""
    if good is None:
        return {"before_run": None, "words": ["It is the first run of this client that is known."]}
    return {"before_run": good.pk, "words": [*_prompts(good, bad), *_rest(good, bad)]}


def _prompts(good: FlowRun, bad: FlowRun) -> Iterator[str]:
    rows = PlannedPrompt.objects.filter(run__in=[good.pk, bad.pk]).select_related("version").order_by("agent")
    versions: dict[str, dict[int, int]] = {}
    for row in rows:
        versions.setdefault(row.agent, {})[row.run_id] = row.version.number
    for agent, numbers in versions.items():
        old, new = numbers.get(good.pk), numbers.get(bad.pk)
        if old and new and old != new:
            yield f"The prompt of {AgentKey(agent).label} went from version {old} to {new}."


def _rest(good: FlowRun, bad: FlowRun) -> Iterator[str]:
    if good.config_sha256 != bad.config_sha256:
        numbers = (good.config_version, bad.config_version)
        named = f" (version {numbers[0]} to {numbers[1]})" if numbers[0] != numbers[1] and all(numbers) else ""
        yield f"The client's settings changed{named}."
    if good.template_version_id != bad.template_version_id:
        yield "The flow is another one, or another version of it."
    if good.code_revision != bad.code_revision:
        yield f"The code went from {good.code_revision[:12] or 'unknown'} to {bad.code_revision[:12] or 'unknown'}."
    if good.deployment_id != bad.deployment_id and good.deployment and bad.deployment:
        yield f"The client ran on deployment {bad.deployment.number} instead of {good.deployment.number}."
