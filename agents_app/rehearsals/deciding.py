"""What a rehearsal came to: kept on it, and told where versions are made live."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from pydantic import ValidationError

from agents_app import change_levels, llm, names, versions
from agents_app.agents import AGENTS, Agent
from agents_app.change_levels import Level
from agents_app.models import GoldenCase, PromptVersion, Rehearsal, RehearsalAnswer
from agents_app.rehearsals import gate
from agents_app.rehearsals.asking import RehearsalRefused
from agents_app.rehearsals.gate import Answer, Pair

Verdict = Rehearsal.Verdict
BY_COMPOSER = Exists(RehearsalAnswer.objects.filter(rehearsal=OuterRef("pk"), generator__startswith=names.COMPOSER))


def conclude(rehearsal: Rehearsal) -> None:
    """Set the report and the verdict; the caller saves them."""
    rows = RehearsalAnswer.objects.filter(rehearsal=rehearsal).order_by("case", "side", "repeat")
    report = gate.report(pairs(rows))
    rehearsal.report, rehearsal.verdict = report.document(), report.verdict


def raise_level(rehearsal: Rehearsal, *, at: datetime) -> None:
    """How large a change its version is, by how it behaves beside the one that it was made from: raised, never lowered,
    and only by cases enough to tell."""
    version, report = rehearsal.candidate, rehearsal.report
    if rehearsal.against_id != version.parent_id or report["answered"] < gate.ENOUGH:
        return
    level = change_levels.raised(Level[version.level.upper()], report["changed"] / report["cases"])
    if level.key in versions.may_rise_to(version):
        reason = f"{report['changed']} of {report['cases']} cases came out otherwise than with {rehearsal.against}"
        versions.raise_to(version, level.key, by=rehearsal.author, at=at, reason=reason)


def pairs(rows: Iterable[RehearsalAnswer]) -> list[Pair]:
    """By case, in the order of the rows; without the cases of people who were forgotten meanwhile."""
    rows = list(rows)
    kept = GoldenCase.objects.filter(pk__in={row.case_id for row in rows}).exclude(context={})
    agents = dict(kept.values_list("pk", "agent"))
    found: dict[int, dict[str, list[Answer]]] = {
        row.case_id: {side: [] for side in RehearsalAnswer.Side.values} for row in rows if row.case_id in agents
    }
    for row in rows:
        if row.case_id in found:
            found[row.case_id][row.side].append(_answer(row, AGENTS[agents[row.case_id]]))
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
    """The newest rehearsal of this version that is over, beside the one that is live now. Where a model is connected,
    those that the offline composer answered do not count: it reads no prompt."""
    counted = _over(version) if llm.is_offline() else _over(version).exclude(BY_COMPOSER)
    return counted.select_related("candidate", "against").order_by("-pk").first()


def warning(version: PromptVersion) -> str:
    """Why this version should not go live yet, in a sentence; empty where a rehearsal beside the live one passed, or
    nothing is live or it is itself."""
    live = versions.live_of(version.agent)
    if live is None or live.pk == version.pk:
        return ""
    found = newest(version)
    if found is None and _over(version).exists():
        return (
            f"{version} was rehearsed beside {live} by the offline composer alone, which reads no prompt. A model is "
            "connected now, and it may answer otherwise."
        )
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


def _over(version: PromptVersion) -> QuerySet[Rehearsal]:
    live = PromptVersion.objects.filter(agent=version.agent, label=PromptVersion.Label.LIVE)
    return Rehearsal.objects.filter(candidate=version, against__in=live).exclude(status__in=Rehearsal.OPEN)


def _answer(row: RehearsalAnswer, agent: Agent) -> Answer:
    failed = row.status != RehearsalAnswer.Status.DONE
    usd = float(row.cost_usd + row.uncertain_usd)
    return Answer(row.checks, row.text, row.words, usd, row.ms, failed, wrote=_wrote(row, agent))


def _wrote(row: RehearsalAnswer, agent: Agent) -> bool:
    """Whether it claims anything. Of an answer whose fields are not the agent's any more, the text decides."""
    try:
        answer = agent.schema.model_validate(row.output)
    except ValidationError:
        return bool(row.text.strip())
    return any(each.text.strip() for each in agent.sentences(answer))
