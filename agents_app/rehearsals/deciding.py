"""What a rehearsal came to: kept on it, and told where versions are made live."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from agents_app import change_levels, versions
from agents_app.change_levels import Level
from agents_app.models import PromptVersion, Rehearsal, RehearsalAnswer
from agents_app.rehearsals import gate
from agents_app.rehearsals.asking import RehearsalRefused
from agents_app.rehearsals.gate import Answer, Pair

Verdict = Rehearsal.Verdict


def conclude(rehearsal: Rehearsal) -> None:
    """Set the report and the verdict; the caller saves them."""
    rows = RehearsalAnswer.objects.filter(rehearsal=rehearsal).order_by("case", "side", "repeat")
    report = gate.report(pairs(rows))
    rehearsal.report, rehearsal.verdict = report.document(), report.verdict


def raise_level(rehearsal: Rehearsal, *, at: datetime) -> None:
    """How large a change its version is, by how it behaves beside the one that it was made from: raised, never lowered,
    and only by cases enough to tell."""
    version, report = rehearsal.candidate, rehearsal.report
    if rehearsal.against_id != version.parent_id or report["cases"] < gate.ENOUGH:
        return
    level = change_levels.raised(Level[version.level.upper()], report["changed"] / report["cases"])
    if level.key in versions.may_rise_to(version):
        reason = f"{report['changed']} of {report['cases']} cases came out otherwise than with {rehearsal.against}"
        versions.raise_to(version, level.key, by=rehearsal.author, at=at, reason=reason)


def pairs(rows: Iterable[RehearsalAnswer]) -> list[Pair]:
    """By case, in the order of the rows."""
    found: dict[int, dict[str, list[Answer]]] = {}
    for row in rows:
        sides = found.setdefault(row.case_id, {side: [] for side in RehearsalAnswer.Side.values})
        sides[row.side].append(_answer(row))
    return [Pair(case, sides["old"], sides["new"]) for case, sides in found.items()]


@transaction.atomic
def approve(rehearsal: Rehearsal, *, by: User, at: datetime, reason: str) -> Rehearsal:
    """Let a candidate pass that keeps fewer of the lesser contracts. Raises RehearsalRefused: what must be kept, or too
    few cases, nobody can wave through."""
    row = Rehearsal.objects.select_for_update().get(pk=rehearsal.pk)
    if row.verdict != Verdict.WORSE:
        raise RehearsalRefused(
            f"This rehearsal stands at “{row.get_verdict_display() or row.get_status_display()}”. Only one that keeps "
            "fewer of the lesser contracts can be let pass."
        )
    if not reason.strip():
        raise RehearsalRefused("Say why it may pass: the reason stands beside your name.")
    if row.approved_at is None:
        row.approved_by, row.approved_at, row.approved_because = by, at, reason.strip()[:300]
        row.save()
    return row


def newest(version: PromptVersion) -> Rehearsal | None:
    """The newest rehearsal of this version that is over, beside the one that is live now."""
    live = PromptVersion.objects.filter(agent=version.agent, label=PromptVersion.Label.LIVE)
    over = Rehearsal.objects.filter(candidate=version, against__in=live).exclude(status__in=Rehearsal.OPEN)
    return over.select_related("candidate", "against").order_by("-pk").first()


def warning(version: PromptVersion) -> str:
    """Why this version should not go live yet, in a sentence; empty where a rehearsal beside the live one passed, or
    nothing is live or it is itself."""
    live = versions.live_of(version.agent)
    if live is None or live.pk == version.pk:
        return ""
    found = newest(version)
    if found is None:
        return f"{version} was never rehearsed beside {live}, which is live."
    if found.has_passed:
        return ""
    said = found.error if found.status == Rehearsal.Status.FAILED else " ".join(found.report.get("reasons", []))
    verdict = found.get_verdict_display() or found.get_status_display()
    return f"The rehearsal of {version} beside {live} has not passed ({verdict}). {said}".strip()


def must_pass() -> bool:
    """Whether a version without a passed rehearsal cannot go live at all."""
    return bool(settings.REHEARSAL_IS_NEEDED)


def _answer(row: RehearsalAnswer) -> Answer:
    failed = row.status != RehearsalAnswer.Status.DONE
    return Answer(row.checks, row.text, row.words, float(row.cost_usd + row.uncertain_usd), row.ms, failed)
