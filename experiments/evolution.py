"""A client's work → proposals to change its settings. Nothing is changed here: every proposal waits for a person."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from clients import config
from clients.config import Effective, Stand
from clients.config.layers import REMOVE, words_of
from clients.config.layers import at as value_at
from clients.keys import by_path
from clients.models import Client
from experiments import proposals, reading, tuning, tuning_rules
from experiments.figures import METRICS
from experiments.models import SettingProposal
from experiments.tuning import Finding, Hypothesis, InForce

LOOK_BACK = timedelta(weeks=12)
AWAY = timedelta(weeks=8)  # what was dismissed or rolled back does not come again before,
MORE = 2  # nor with less than so many times the evidence
FEWEST_DAYS = 2  # of a week that stay open for e-mails
AGAIN = (SettingProposal.Status.DISMISSED, SettingProposal.Status.ROLLED_BACK)


def propose(*, at: datetime) -> list[SettingProposal]:
    """Look at the work of every active client and write down what it speaks for; what waits already stays as it is.

    One look corrects for all that it looked at, so all clients are read before anything is written. Of two workers that
    look at once, one writes.
    """
    found = config.stand()
    clients = Client.objects.filter(status=Client.Status.ACTIVE).select_related("industry").order_by("pk")
    tested: dict[int, list[Hypothesis]] = {}
    for client in clients.iterator(chunk_size=100):
        work = reading.read(client, since=at - LOOK_BACK, until=at, at=at)
        tested[client.pk] = tuning_rules.look(work, in_force(found.effective(client), found))
    chosen = tuning.choose(tested)
    look = Look(at, sum(map(len, tested.values())), found)
    with transaction.atomic():
        return _write(look, chosen) if _alone() else []


@dataclass(frozen=True)
class Look:
    """`looked_at`: how many hypotheses were corrected for."""

    at: datetime
    looked_at: int
    found: Stand


def in_force(effective: Effective, found: Stand) -> InForce:
    keys = by_path(found.keys)
    return InForce({path: value_at(effective.document, path) for path in keys}, keys)


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('proposals of settings'))")
        return bool(cursor.fetchone()[0])


def _write(look: Look, chosen: Mapping[int, Sequence[Finding]]) -> list[SettingProposal]:
    held = Client.objects.select_for_update(of=("self",), no_key=True).select_related("industry").order_by("pk")
    before = _before(chosen)
    made = []
    for client in held.filter(pk__in=chosen):
        for finding in chosen[client.pk]:
            past = before[client.pk, finding.path]
            if may_come(finding, past, at=look.at) and (proposal := _proposal(client, finding, look)):
                proposal.save()
                made.append(proposal)
    return made


def _before(clients: Iterable[int]) -> dict[tuple[int, str], list[SettingProposal]]:
    """By client and path, the newest first."""
    found: dict[tuple[int, str], list[SettingProposal]] = defaultdict(list)
    for proposal in SettingProposal.objects.filter(client__in=list(clients)).order_by("-made_at", "-pk"):
        found[proposal.client_id, proposal.path].append(proposal)
    return found


def may_come(finding: Finding, past: Sequence[SettingProposal], *, at: datetime) -> bool:
    """Never beside one that waits; after a no only with clearly more behind it, and not for a while."""
    if any(each.status == SettingProposal.Status.OPEN for each in past):
        return False
    refused = next((each for each in past if each.status in AGAIN), None)
    if refused is None:
        return True
    since = refused.undone_at or refused.decided_at or refused.made_at
    return at - since >= AWAY and finding.n >= MORE * int(refused.evidence["n"])


def _proposal(client: Client, finding: Finding, look: Look) -> SettingProposal | None:
    """None where the client's layer cannot say so: a lock forbids it, something contradicts it, or it is so already."""
    effective = look.found.effective(client)
    said = word_of(finding, client.settings.get(finding.path), value_at(effective.document, finding.path))
    if said is None or proposals.hindrance_to(client, look.found, finding.path, said):
        return None
    return SettingProposal(
        client=client,
        rule=finding.rule,
        path=finding.path,
        own=client.settings.get(finding.path),
        in_force={
            "value": value_at(effective.document, finding.path),
            "sources": list(effective.origins[finding.path].sources),
        },
        proposed=said,
        evidence=_evidence(finding, look),
        expected=_expected(finding),
        risk=finding.risk[:300],
        made_at=look.at,
    )


def word_of(finding: Finding, own: Any, now: Any) -> Any:  # noqa: ANN401 values of any key
    """What the client's own layer would say; None where that would say more than the finding does."""
    if finding.how == "set":
        return finding.value
    if finding.how == "leave_out":
        kept = [each for each in now if each not in finding.value]
        return kept if len(kept) >= FEWEST_DAYS else None
    unset, removed, added = words_of(own)
    if unset:
        return None
    entries = [*(added or []), *finding.value]
    return {REMOVE: list(removed), "$add": entries} if removed else entries


def _evidence(finding: Finding, look: Look) -> dict[str, Any]:
    """Counts and rates are fractions of 1; `low` and `high` bound the share or the difference of the sentence, 95%."""
    return {
        "n": finding.n,
        "counts": {name: count.document() for name, count in finding.counts.items()},
        "low": round(finding.low, 4),
        "high": round(finding.high, 4),
        "sentence": finding.sentence,
        "caveat": finding.caveat,
        "since": (look.at - LOOK_BACK).isoformat(),
        "as_of": look.at.isoformat(),
        "looked_at": look.looked_at,
        "false_share": tuning.FALSE_SHARE,
        "drafts": list(finding.drafts),
        "runs": list(finding.runs),
    }


def _expected(finding: Finding) -> dict[str, Any]:
    metric = METRICS[finding.metric]
    then = finding.then
    held = (
        f"where the change would have held: {tuning.spoken(then)}" if then else "what it would be, nobody has seen yet"
    )
    return {
        "metric": finding.metric,
        "label": metric.label,
        "now": finding.now.document(),
        "then": then.document() if then else None,
        "sentence": f"{finding.expects} {metric.heading}: {tuning.spoken(finding.now)} now; {held}.",
    }
