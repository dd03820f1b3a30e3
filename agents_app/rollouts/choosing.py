"""Which version a run gets while something is rolled out; fixed when the run is planned."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from agents_app import rollout_rules, versions
from agents_app.models import PromptVersion, Request, Rollout, RolloutDraw


@dataclass(frozen=True)
class Chosen:
    """`draws` are not saved yet: the run they belong to is not there."""

    prompts: dict[str, PromptVersion]
    draws: list[RolloutDraw] = field(default_factory=list)


def prompts_for(request: Request, prompts: Mapping[str, PromptVersion], *, tested: Container[str]) -> Chosen:
    """The prompts with the candidate in the place of the live version for the units of its share.

    Left out are agents whose version an experiment chose for this contact (`tested`), clients that have a version
    pinned, and runs that would not use the version which the rollout is compared with. One query while nothing is
    rolled out.
    """
    chosen = Chosen(dict(prompts))
    unit = unit_of(request)
    for rollout in Rollout.objects.filter(status__in=Rollout.OPEN).select_related("candidate").order_by("pk"):
        used = prompts.get(rollout.agent)
        is_compared = used is not None and used.pk == rollout.control_id and rollout.agent not in tested
        if unit and is_compared and not _is_pinned(request, rollout.agent):
            _draw(chosen, rollout, unit)
    return chosen


def _is_pinned(request: Request, agent: str) -> bool:
    return versions.pinned(agent).filter(client=request.client_id).exists()


def unit_of(request: Request) -> str:
    """The contact, else the company at its client; empty where neither is known."""
    if request.contact_id:
        return f"contact:{request.contact_id}"
    domain = request.company_domain.casefold()
    return f"company:{request.client_id}:{domain}" if domain else ""


def _draw(chosen: Chosen, rollout: Rollout, unit: str) -> None:
    is_candidate = rollout_rules.is_in(rollout.seed, unit, rollout.share)
    if is_candidate:
        chosen.prompts[rollout.agent] = rollout.candidate
    chosen.draws.append(RolloutDraw(rollout=rollout, unit=unit, is_candidate=is_candidate, share=rollout.share))
