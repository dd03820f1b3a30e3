"""Which variant a contact gets: drawn once by a salted hash, stored, and the same for ever after."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from agents_app.deployments import Arm, Rollout
from agents_app.models import PromptVersion, Send
from clients import contacts, suppression
from clients.models import Client, Contact
from experiments.models import Assignment, Experiment, Variant
from gtm.stats import sampling


class Drawn(TypedDict):
    """What a run keeps of a draw; `experiment` and `variant` are ids."""

    experiment: int
    variant: int
    key: str


@dataclass(frozen=True)
class Assigned:
    """The prompt version that each agent uses for one contact, and the draws behind those that are not simply live."""

    prompts: dict[str, PromptVersion]
    variants: dict[str, Drawn]


class NobodyToChoose(ValueError):
    """No variant carries weight, so no contact can be given one."""


def choose(place: float, weights: Sequence[int]) -> int:
    """The index whose share of the summed weights holds `place` in [0, 1). A weight of 0 is never chosen."""
    whole = sum(weights)
    if whole <= 0:
        raise NobodyToChoose("Give at least one variant a weight above 0.")
    reached = 0
    for index, weight in enumerate(weights):
        reached += weight
        if place * whole < reached:
            return index
    raise ValueError(f"{place} lies outside [0, 1).")


def prompts_for(
    client: Client,
    contact: Contact | None,
    *,
    live: Mapping[str, PromptVersion],
    at: datetime,
    experiments: Sequence[Experiment] | None = None,
) -> Assigned:
    """The live prompts, with those under test replaced by the contact's variant.

    Only running experiments of this client count: `experiments`, where they were read already. Without a contact
    nothing is tested, and an address that asked for silence is kept out, because it could never be exposed.
    """
    prompts, variants = dict(live), dict[str, Drawn]()
    if experiments is None and contact is not None:
        experiments = running(client.pk)
    found = [each for each in experiments or () if each.agent in live]
    if contact is None or not found or suppression.is_suppressed(client, contact.email):
        return Assigned(prompts, variants)
    for assignment in _assignments(found, contact, at):
        experiment, variant = assignment.experiment, assignment.variant
        prompts[experiment.agent] = variant.prompt_version
        variants[experiment.agent] = Drawn(experiment=experiment.pk, variant=variant.pk, key=variant.key)
    return Assigned(prompts, variants)


def expose(send: Send) -> None:
    """Note on the contact's assignments when the first e-mail written with them went out. Later ones do not count."""
    drawn = send.draft.run.variants.values()
    Assignment.objects.filter(
        contact_id=send.contact_id, variant_id__in=[draw["variant"] for draw in drawn], exposed_at=None
    ).update(exposed_at=send.sent_at)


def running(*clients: int) -> list[Experiment]:
    """The running experiments of the clients of these ids, or of all, with their variants; two queries at most."""
    found = Experiment.objects.filter(status=Experiment.Status.RUNNING, **({"client__in": clients} if clients else {}))
    return list(found.prefetch_related("variants").order_by("pk"))


def rollouts(experiments: Iterable[Experiment]) -> list[Rollout]:
    """Running experiments as deployments keep them."""
    return [
        Rollout(experiment=each.pk, name=each.name, agent=each.agent, variants=[_arm(one) for one in _by_key(each)])
        for each in experiments
    ]


def rollouts_by_client() -> Callable[[int], list[Rollout]]:
    """(id of a client) → its rollouts; read once for all of them."""
    found: dict[int, list[Experiment]] = {}
    for experiment in running():
        found.setdefault(experiment.client_id, []).append(experiment)
    return lambda client: rollouts(found.get(client, ()))


def _arm(variant: Variant) -> Arm:
    return Arm(key=variant.key, version=variant.prompt_version_id, weight=variant.weight, is_control=variant.is_control)


def _by_key(experiment: Experiment) -> list[Variant]:
    return sorted(experiment.variants.all(), key=lambda variant: variant.key)


def _assignments(experiments: Sequence[Experiment], contact: Contact, at: datetime) -> list[Assignment]:
    """The contact's row in every experiment, drawn now where there was none.

    Two workers may draw at once: the draw is the same, the second insert does nothing, and both read what stands.
    """
    stored = Assignment.objects.filter(contact=contact, experiment__in=experiments).order_by("experiment_id")
    stored = stored.select_related("experiment", "variant__prompt_version")
    found = list(stored)
    known = {assignment.experiment_id for assignment in found}
    missing = [experiment for experiment in experiments if experiment.pk not in known]
    if not missing:
        return found
    drawn = [_draw(experiment, contact, at) for experiment in missing]
    Assignment.objects.bulk_create(drawn, ignore_conflicts=True)
    return list(stored.all())


def _draw(experiment: Experiment, contact: Contact, at: datetime) -> Assignment:
    variants = _by_key(experiment)
    place = sampling.place(experiment.salt, contacts.key(contact))
    variant = variants[choose(place, [variant.weight for variant in variants])]
    return Assignment(experiment=experiment, contact=contact, variant=variant, bucket=place, assigned_at=at)
