"""How often voters and sources were right: what they said, beside what people decided.

A voter is judged by the draft that came of the vote. A source is judged where a person worked on facts: at a gate that
asked which value is right, or at one where the person put a fact right (whoever did that has read the others too), and
on a company's page, where one value was decided.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby

from django.db.models import Exists, OuterRef

from agents_app import consensus, research
from agents_app.models import Claim, Correction, Draft, Fact, Gate, SourceRecord, StepRun
from agents_app.research import plan
from agents_app.research.learning import Decision, Said

LOOKED_AT = 200  # newest decided drafts that came of a vote
GATES_LOOKED_AT = 500  # newest at which facts were decided
RECORDS_LOOKED_AT = 1000  # newest answers of sources
USUAL = 10  # how many answers the usual rate of a source counts as
Counts = dict[str, tuple[int, int]]


def of_voters(agent: str, at: datetime) -> dict[str, float]:
    """{voter: reliability}. It was right when its choice won and was approved unedited, or lost to one that was not."""
    decided = Draft.objects.filter(
        step__agent=agent,
        decided_at__lt=at,
        status__in=[Draft.Status.APPROVED, Draft.Status.SENDING, Draft.Status.SENT, Draft.Status.REJECTED],
    ).exclude(step__votes={})
    counts: Counts = {}
    for draft in decided.select_related("step").order_by("-decided_at", "-pk")[:LOOKED_AT]:
        _count(counts, draft.step, is_good=draft.status != Draft.Status.REJECTED and not draft.was_edited)
    return {voter: consensus.reliability(right, seen) for voter, (right, seen) in sorted(counts.items())}


def _count(counts: Counts, step: StepRun, *, is_good: bool) -> None:
    for vote in step.votes.get("votes", []):
        if not vote["choice"]:
            continue
        right, seen = counts.get(vote["voter"], (0, 0))
        chose_winner = vote["choice"] == step.votes["winner"]
        counts[vote["voter"]] = (right + (chose_winner == is_good), seen + 1)


def of_sources(at: datetime, modes: Mapping[str, bool]) -> research.Reliabilities:
    """Of these sources, {key: whether it is asked in the sandbox}. What was practised in the sandbox teaches nothing
    about the real one. Two queries, none where no source is named."""
    if not modes:
        return {}
    return research.learned(_decisions(at, modes))


def answer_rates(modes: Mapping[str, bool]) -> dict[str, float]:
    """{source: how often it had an answer}, of these sources as they are asked (see `of_sources`), by the newest
    records of all clients; one that was hardly asked counts as usual."""
    newest = SourceRecord.objects.filter(same_as=None, elapsed_ms__gt=0).order_by("-pk")
    asked: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    for source, is_sandbox, status in newest.values_list("source", "is_sandbox", "status")[:RECORDS_LOOKED_AT]:
        if modes.get(source) is is_sandbox:
            asked[source] += 1
            answered[source] += status == SourceRecord.Status.OK
    return {key: (answered[key] + plan.ANSWERS * USUAL) / (count + USUAL) for key, count in asked.items()}


def _decisions(at: datetime, modes: Mapping[str, bool]) -> Iterator[Decision]:
    """Newest first."""
    worked_on = Exists(Fact.objects.filter(step=OuterRef("step")))
    gates = Gate.objects.filter(worked_on, decided_at__lt=at, step__run__request__trial_side="")
    gates = gates.select_related("step__run__request")
    newest = list(gates.order_by("-decided_at", "-pk")[:GATES_LOOKED_AT])
    rows = Correction.objects.filter(run__isnull=False, withdrawn_at=None, at__lt=at).order_by("-at", "-pk")
    corrections = list(rows[:GATES_LOOKED_AT])
    said = _said({gate.step.run_id for gate in newest} | {row.run_id or 0 for row in corrections}, modes)
    found = [each for gate in newest for each in _at_gate(gate, said)]
    found += [each for row in corrections for each in _on_page(row, said)]
    yield from sorted(found, key=lambda decision: decision.on, reverse=True)


def _at_gate(gate: Gate, said: Mapping[int, tuple[Said, ...]]) -> Iterator[Decision]:
    assert gate.decided_at is not None
    before = {each["key"]: each["value"] for each in gate.shown.get("facts", [])}
    for fact in (gate.answer or gate.shown).get("facts", []):
        yield Decision(
            company=gate.step.run.request.company_domain or str(gate.step.run_id),
            attribute=fact["attribute"],
            before=before[fact["key"]],
            value=fact["value"],
            on=gate.decided_at.date(),
            said=said.get(gate.step.run_id, ()),
        )


def _on_page(row: Correction, said: Mapping[int, tuple[Said, ...]]) -> Iterator[Decision]:
    """Of one value only, so what was held before does not matter."""
    words = said.get(row.run_id or 0, ())
    yield Decision(row.company_domain, row.attribute, row.value, row.value, row.at.date(), words)


def _said(runs: Iterable[int], modes: Mapping[str, bool]) -> dict[int, tuple[Said, ...]]:
    """{run id: what these sources said in it}"""
    claims = Claim.objects.filter(source_record__run__in=list(runs), source_record__source__in=list(modes))
    rows = claims.order_by("source_record__run", "pk").values_list(
        "source_record__run", "source_record__is_sandbox", "source_record__source", "attribute", "value", "as_of_date"
    )
    return {
        run: tuple(Said(*row[2:]) for row in found if row[1] == modes[row[2]])
        for run, found in groupby(rows, key=lambda row: row[0])
    }
