"""A look at a rollout: its share grows, stays or goes; who may do that by hand, and what is kept of it."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from agents_app import rollout_rules, versions
from agents_app.models import PromptVersion, Rollout, RolloutDecision
from agents_app.rollout_rules import Found, Past, Verdict
from agents_app.rollouts import impact, proxies
from agents_app.rollouts.proxies import Bounced
from agents_app.rollouts.starting import RolloutRefused

Status, Step = Rollout.Status, RolloutDecision.Step
ENDS = {Status.ROLLED_BACK: Step.ROLL_BACK, Status.FINISHED: Step.FINISH, Status.STOPPED: Step.STOP}


def look_at_all(bounced: Bounced, *, at: datetime) -> None:
    for rollout in Rollout.objects.filter(status__in=Rollout.OPEN).order_by("pk"):
        look(rollout, bounced, at=at)


@transaction.atomic
def look(rollout: Rollout, bounced: Bounced, *, at: datetime) -> Rollout:
    """Do what the rules say to the rollout as it stands now. Looking again at once changes nothing."""
    row = _locked(rollout)
    if not row.is_open:
        return row
    row.looked_at = at
    if not PromptVersion.objects.filter(pk=row.control_id, label=PromptVersion.Label.LIVE).exists():
        return _overtaken(row, at)
    verdict = rollout_rules.judge(proxies.periods(row, bounced, at=at), Past(**row.past))
    row.stand = {"reasons": list(verdict.reasons), "found": [each.document() for each in verdict.found]}
    _move(row, verdict, at)
    row.save()
    return row


@transaction.atomic
def stop(rollout: Rollout, *, by: User, at: datetime, reason: str) -> Rollout:
    """A person takes the candidate back. Raises RolloutRefused."""
    row = _locked(rollout)
    if not row.is_open:
        raise RolloutRefused(f"{row} is over already: {row.get_status_display().lower()}.")
    if not reason.strip():
        raise RolloutRefused("Say why it is stopped: the reason stands beside your name.")
    versions.retire(row.candidate, by=by, at=at, reason=f"Rollout {row.pk} was stopped")
    row.ended_by = by
    return _end(row, Status.STOPPED, [reason.strip()[:300]], (), at)


def _locked(rollout: Rollout) -> Rollout:
    rows = Rollout.objects.select_for_update(of=("self",)).select_related("candidate", "control")
    return rows.get(pk=rollout.pk)


def _overtaken(row: Rollout, at: datetime) -> Rollout:
    """Somebody moved the live label by hand: with what it was compared is no more."""
    is_live = PromptVersion.objects.filter(pk=row.candidate_id, label=PromptVersion.Label.LIVE).exists()
    said = "It was made live by hand." if is_live else f"{row.control} is live no more, so nothing can be compared."
    if not is_live:
        versions.retire(row.candidate, by=None, at=at, reason=f"Rollout {row.pk} was overtaken")
    return _end(row, Status.FINISHED if is_live else Status.STOPPED, [said], (), at)


def _move(row: Rollout, verdict: Verdict, at: datetime) -> None:
    reasons = list(verdict.reasons)
    if verdict.step == "roll_back":
        versions.retire(row.candidate, by=None, at=at, reason=f"Rollout {row.pk} was rolled back")
        _end(row, Status.ROLLED_BACK, reasons, verdict.found, at)
    elif verdict.step == "finish":
        versions.go_live(row.candidate, by=None, at=at, reason=f"Rollout {row.pk} went through all its stages")
        row.share = 100
        _end(row, Status.FINISHED, reasons, verdict.found, at)
    else:
        row.status = Status.HELD if verdict.step in ("hold", "alarm") else Status.RUNNING
        row.share = verdict.share or row.share
        last = row.decisions.order_by("-pk").first()
        if last is None or (last.step, last.share) != (verdict.step, row.share):
            _note(row, verdict.step, reasons, verdict.found, at)


def _end(row: Rollout, status: Rollout.Status, reasons: list[str], found: tuple[Found, ...], at: datetime) -> Rollout:
    row.status, row.ended_at = status, at
    contracts = next((each for each in found if each.guard.key == "contracts"), None)
    row.observed = impact.observed(*contracts.counts) if contracts else {}
    if status in (Status.ROLLED_BACK, Status.FINISHED) and found:
        row.scores = impact.scores(row.expected, row.observed)
    row.save()
    _note(row, ENDS[status], reasons, found, at)
    return row


def _note(row: Rollout, step: str, reasons: list[str], found: tuple[Found, ...], at: datetime) -> None:
    documents = [each.document() for each in found]
    RolloutDecision.objects.create(rollout=row, step=step, share=row.share, reasons=reasons, found=documents, at=at)
