"""Which version a run gets while something is rolled out; fixed when the run is planned."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents_app import prompts, rollout_rules, versions
from agents_app.models import PromptVersion, Request, Rollout, RolloutDraw


@dataclass(frozen=True)
class Chosen:
    """`draws` are not saved yet: the run they belong to is not there."""

    prompts: dict[str, PromptVersion]
    draws: list[RolloutDraw] = field(default_factory=list)


def prompts_for(
    request: Request, assigned: Mapping[str, PromptVersion], *, tested: Container[str], config: Mapping[str, Any]
) -> Chosen:
    """The prompts with the candidate in the place of the live version for the units of its share.

    Left out are agents whose version an experiment chose for this contact (`tested`), clients that have a version
    pinned, runs that would not use the version which the rollout is compared with, and those whose settings (`config`)
    speak in the place of the whole prompt. One query while nothing is rolled out.
    """
    chosen = Chosen(dict(assigned))
    unit = unit_of(request)
    for rollout in Rollout.objects.filter(status__in=Rollout.OPEN).select_related("candidate").order_by("pk"):
        used = assigned.get(rollout.agent)
        is_compared = used is not None and used.pk == rollout.control_id and rollout.agent not in tested
        if unit and is_compared and not _is_deaf(request, rollout.agent, config):
            _draw(chosen, rollout, unit)
    return chosen


def _is_deaf(request: Request, agent: str, config: Mapping[str, Any]) -> bool:
    words = config.get("prompt_overrides", {}).get(agent, ())
    return prompts.is_replaced(words) or versions.pinned(agent).filter(client=request.client_id).exists()


def unit_of(request: Request) -> str:
    """The company at its client, whoever there is written to, so that nobody meets both versions; the contact where no
    company is known; empty where neither is."""
    contact = request.contact
    domain = (request.company_domain or (contact.company_domain if contact else "")).casefold()
    if domain:
        return f"company:{request.client_id}:{domain}"
    return f"contact:{contact.pk}" if contact else ""


def _draw(chosen: Chosen, rollout: Rollout, unit: str) -> None:
    is_candidate = rollout_rules.is_in(rollout.seed, unit, rollout.share)
    if is_candidate:
        chosen.prompts[rollout.agent] = rollout.candidate
    chosen.draws.append(RolloutDraw(rollout=rollout, unit=unit, is_candidate=is_candidate, share=rollout.share))
