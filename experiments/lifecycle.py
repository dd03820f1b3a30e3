"""An experiment from its plan to its end. Each step is a person's; only the decision at the planned size is not."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import NotRequired, TypedDict, Unpack

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet

from agents_app import versions
from agents_app.deployments import Rollout
from agents_app.models import PromptVersion, Send
from clients import access
from clients.models import Client
from experiments.models import Decision, Experiment, Variant
from gtm.stats.proportions import ImpossiblePlan, sample_size

PACE_OVER = timedelta(days=28)
LONGEST_SENSIBLE = timedelta(weeks=8)
LONGEST_WINDOW_DAYS = 60
NO_COLUMNS = {"control", "challenger", "pinned", "by", "at"}  # of a set-up


class ExperimentRefused(ValueError):
    """A step that cannot be taken; the words say why and what to do instead. `field` names the setting at fault."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class Setup(TypedDict):
    """What a person chooses. Rates are fractions of 1; `smallest_lift` is absolute. `pinned` is the version
    that the client's runs use in place of the live one, None: they use that."""

    name: str
    hypothesis: str
    agent: str
    control: PromptVersion
    challenger: PromptVersion
    metric: str
    base_rate: float
    smallest_lift: float
    window_days: int
    alpha: NotRequired[float]
    power: NotRequired[float]
    pinned: NotRequired[PromptVersion | None]
    by: User | None
    at: datetime


@dataclass(frozen=True)
class Outlook:
    """What an experiment needs at the client's present pace; `days` is None where nothing is being sent."""

    planned_per_variant: int
    first_emails_a_day: float
    days: int | None
    sentence: str


@transaction.atomic
def create(client: Client, **setup: Unpack[Setup]) -> Experiment:
    """A draft experiment of two variants with its size computed. Raises ExperimentRefused; then nothing is written."""
    setup["pinned"] = versions.pinned_for(client, setup["agent"])
    planned = planned_per_variant(**setup)
    experiment = Experiment(
        client=client,
        planned_per_variant=planned,
        salt=_salt(client, setup["name"], setup["at"]),
        created_at=setup["at"],
        **{name: value for name, value in setup.items() if name not in NO_COLUMNS},
    )
    _save(experiment, setup["by"], setup["at"])
    for key, version in (("a", setup["control"]), ("b", setup["challenger"])):
        Variant.objects.create(experiment=experiment, key=key, is_control=key == "a", prompt_version=version)
    return experiment


def planned_per_variant(**setup: Unpack[Setup]) -> int:
    """Contacts that each variant needs. Raises ExperimentRefused where the set-up makes no sense."""
    control, challenger = setup["control"], setup["challenger"]
    if control == challenger:
        raise ExperimentRefused(f"Both variants are {control}. Choose another version to try against it.", "challenger")
    for field, version in (("control", control), ("challenger", challenger)):
        if version.agent != setup["agent"]:
            raise ExperimentRefused(f"{version} is not a prompt of the agent under test.", field)
    pinned = setup.get("pinned")
    if challenger == pinned or (pinned is None and challenger.label == PromptVersion.Label.LIVE):
        state = "pinned for this client" if pinned else "live"
        raise ExperimentRefused(
            f"{challenger} is {state} already. Make it the control, and try another against it.", "challenger"
        )
    if not 1 <= setup["window_days"] <= LONGEST_WINDOW_DAYS:
        raise ExperimentRefused(
            f"The window is 1 to {LONGEST_WINDOW_DAYS} days; most answers come within 14.", "window_days"
        )
    if setup["smallest_lift"] <= 0:
        raise ExperimentRefused(
            "The smallest difference worth finding is above 0, for example 0.03 for 3 points.", "smallest_lift"
        )
    try:
        return sample_size(
            setup["base_rate"], setup["smallest_lift"], setup.get("alpha", 0.05), setup.get("power", 0.8)
        )
    except ImpossiblePlan as refusal:
        raise ExperimentRefused(str(refusal), "base_rate") from refusal


@transaction.atomic
def start(experiment: Experiment, *, by: User | None, at: datetime) -> Experiment:
    """From now on new contacts are drawn, and the challenger counts as a candidate. Raises ExperimentRefused."""
    experiment = _locked(experiment)
    if experiment.status != Experiment.Status.DRAFT:
        raise ExperimentRefused(
            f"“{experiment}” is {_state(experiment)}. Only a draft can start; plan a new experiment."
        )
    experiment.status, experiment.started_at = Experiment.Status.RUNNING, at
    try:
        with transaction.atomic():
            _save(experiment, by, at)
    except IntegrityError as refusal:
        raise ExperimentRefused(_occupied(experiment)) from refusal
    versions.try_out(_challenger(experiment), by=by, at=at, reason=f"Experiment “{experiment}” started")
    return experiment


@transaction.atomic
def stop(experiment: Experiment, *, by: User | None, at: datetime) -> Experiment:
    """End it without a decision. What was sent and answered stays. Raises ExperimentRefused."""
    experiment = _locked(experiment)
    if experiment.status != Experiment.Status.RUNNING:
        raise ExperimentRefused(f"“{experiment}” is {_state(experiment)}; only a running experiment can be stopped.")
    end(experiment, Experiment.Status.STOPPED, by=by, at=at)
    return experiment


@transaction.atomic
def back_to(client_id: int, rollouts: Sequence[Rollout], *, by: User | None, at: datetime) -> list[str]:
    """Stop the client's running experiments that do not stand among `rollouts`, which ran once. Answers which of those
    cannot run again, a sentence each: what has ended was counted, and counting it on would spoil it."""
    wanted = {rollout["experiment"]: rollout["name"] for rollout in rollouts}
    running = Experiment.objects.filter(client=client_id, status=Experiment.Status.RUNNING).order_by("pk")
    ids = {experiment.pk for experiment in running}
    for experiment in running:
        if experiment.pk not in wanted:
            stop(experiment, by=by, at=at)
    return [
        f"The experiment “{name}” has ended, and cannot be started again. Plan a new one if it is wanted."
        for pk, name in wanted.items()
        if pk not in ids
    ]


def end(
    experiment: Experiment, status: Experiment.Status, *, by: User | None = None, at: datetime, won: bool = False
) -> None:
    """Close a running experiment; a challenger that did not win is retired unless another experiment still tries it."""
    experiment.status, experiment.ended_at = status, at
    _save(experiment, by, at)
    challenger = _challenger(experiment)
    elsewhere = Variant.objects.filter(prompt_version=challenger, experiment__status=Experiment.Status.RUNNING)
    if not won and not elsewhere.exists():
        versions.retire(challenger, by=by, at=at, reason=f"Experiment “{experiment}” ended without it winning")


@transaction.atomic
def promote(decision: Decision, *, by: User, at: datetime) -> PromptVersion:
    """A person makes the winner live, for every client. Raises ExperimentRefused."""
    decision = (
        Decision.objects.select_for_update(of=("self",))
        .select_related("winner__prompt_version", "promoted_by", "experiment")
        .get(pk=decision.pk)
    )
    if decision.winner is None:
        raise ExperimentRefused("This experiment has no winner, so there is nothing to make live.")
    if decision.promoted_at is not None:
        who = access.called(decision.promoted_by, otherwise="Somebody")
        raise ExperimentRefused(f"{who} made the winner live on {decision.promoted_at:%d %B %Y} already.")
    version = decision.winner.prompt_version
    version = versions.go_live(version, by=by, at=at, reason=f"Won the experiment “{decision.experiment}”")
    decision.promoted_at, decision.promoted_by = at, by
    decision.save(update_fields=["promoted_at", "promoted_by"])
    return version


def decision_of(experiment: Experiment) -> Decision:
    """Raises ExperimentRefused while there is none."""
    decision = Decision.objects.filter(experiment=experiment).first()
    if decision is None:
        raise ExperimentRefused(
            f"“{experiment}” is {_state(experiment)} and has no decision, so there is no winner yet."
        )
    return decision


def waiting_for_promotion() -> QuerySet[Decision]:
    """Decisions with a winner that nobody has made live yet, oldest first."""
    waiting = Decision.objects.filter(outcome=Decision.Outcome.WINNER, promoted_at=None)
    return waiting.select_related("experiment__client", "winner__prompt_version").order_by("decided_at", "pk")


def outlook(experiment: Experiment, *, at: datetime) -> Outlook:
    """How long the experiment takes at the pace of the client's last four weeks."""
    firsts = Send.objects.filter(contact__client_id=experiment.client_id, draft__sequence_step=1, sent_at__lte=at)
    pace = firsts.filter(sent_at__gt=at - PACE_OVER).count() / PACE_OVER.days
    planned = experiment.planned_per_variant
    needs = f"It needs {planned:,} contacts in each of two variants."
    if not pace:
        words = (
            f"{needs} This client sent no first e-mail in the last four weeks, so it will not end until sending starts."
        )
        return Outlook(planned, 0.0, None, words)
    days = ceil(2 * planned / pace) + experiment.window_days
    words = (
        f"{needs} At the present {pace:.1f} first e-mails a day that takes about {days:,} days, "
        f"the last {experiment.window_days} of them waiting for answers."
    )
    if timedelta(days=days) > LONGEST_SENSIBLE:
        words += " That is long: look for a bigger difference, or give the client more contacts."
    return Outlook(planned, pace, days, words)


def running_at(client_ids: Iterable[int]) -> dict[int, int]:
    """{client: how many of its experiments run}, of those where one does."""
    running = Experiment.objects.filter(client__in=list(client_ids), status=Experiment.Status.RUNNING)
    return dict(running.values_list("client").annotate(count=Count("pk")).order_by("client"))


def _salt(client: Client, name: str, at: datetime) -> str:
    """Unlike that of any other experiment, and the same when the same plan is made again in an empty database."""
    return hashlib.sha256(f"{client.slug}:{name}:{at.isoformat()}".encode()).hexdigest()[:32]


def _locked(experiment: Experiment) -> Experiment:
    return Experiment.objects.select_for_update(of=("self",)).select_related("client").get(pk=experiment.pk)


def _challenger(experiment: Experiment) -> PromptVersion:
    return PromptVersion.objects.get(pk=experiment.variants.get(is_control=False).prompt_version_id)


def _occupied(experiment: Experiment) -> str:
    other = Experiment.objects.get(client=experiment.client, agent=experiment.agent, status=Experiment.Status.RUNNING)
    return (
        f"“{other}” already runs for {experiment.client} and the agent {experiment.get_agent_display()}. "
        "Stop it, or wait for its decision: two at once could not be told apart."
    )


def _state(experiment: Experiment) -> str:
    return Experiment.Status(experiment.status).label.lower()


def _save(experiment: Experiment, by: User | None, at: datetime) -> None:
    experiment._history_user, experiment._history_date = by, at  # type: ignore[attr-defined]
    experiment.save()
