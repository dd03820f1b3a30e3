"""What a client's research knows of a company: each attribute with its evidence; and how the sources fare.

The newest research on a company counts; what was held before stands in the client's graph (`entities.timeline`).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Aggregate, Count, Exists, FloatField, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from agents_app import research
from agents_app.models import Claim, Fact, FlowRun, Request, SourceRecord
from agents_app.research import SOURCES, agree
from agents_app.research.attributes import ALL, BY_KEY, Attribute
from clients.models import Client

DAYS = 30  # that the figures of sources look back


class Known(NamedTuple):
    """A company and the newest run that holds facts on it."""

    domain: str
    run: FlowRun
    facts: int
    contested: int


@dataclass(frozen=True)
class Word:
    """What one source says, and whether it is what we hold."""

    claim: Claim
    source: str
    agrees: bool


@dataclass(frozen=True)
class Held:
    fact: Fact
    words: Sequence[Word]

    @property
    def voices(self) -> int:
        return research.voices(self.fact.confidence_terms)

    @property
    def sources(self) -> list[str]:
        """Who says so, each once."""
        return list(dict.fromkeys(word.source for word in self.words if word.agrees))

    @property
    def is_settled(self) -> bool:
        return research.is_decided(self.fact.confidence_terms)

    @property
    def is_contested(self) -> bool:
        return research.is_contested(self.fact.confidence_terms) and not self.is_settled

    @property
    def as_of(self) -> date | None:
        """Of the newest word for it; None where no source dates it."""
        return max(
            (word.claim.as_of_date for word in self.words if word.agrees and word.claim.as_of_date), default=None
        )

    @property
    def others(self) -> list[str]:
        """Other values that sources say, each once."""
        return list(dict.fromkeys(word.claim.value for word in self.words if not word.agrees))


@dataclass(frozen=True)
class Row:
    """An attribute with what is held of it: one value, or several where it has several."""

    attribute: Attribute
    held: Sequence[Held]


@dataclass(frozen=True)
class Dossier:
    domain: str
    run: FlowRun
    rows: Sequence[Row]
    search: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return next(
            (each.fact.value for row in self.rows if row.attribute.key == "name" for each in row.held), self.domain
        )

    @property
    def contested(self) -> list[tuple[Attribute, Held]]:
        return [(row.attribute, each) for row in self.rows for each in row.held if each.is_contested]


def _researched(client: Client) -> QuerySet[FlowRun]:
    """This client's runs in earnest that hold facts."""
    asked = Request.objects.in_earnest().filter(client=client).exclude(company_domain="")
    runs = FlowRun.objects.filter(Exists(Fact.objects.filter(run=OuterRef("pk"))), request__in=asked)
    return runs.select_related("request")


def companies(client: Client, *, search: str = "", most: int = 200) -> list[Known]:
    """The companies the client has researched, the last first."""
    runs = _researched(client)
    if search:
        runs = runs.filter(request__company_domain__icontains=search)
    newest = list(runs.order_by("request__company_domain", "-pk").distinct("request__company_domain"))
    newest.sort(key=lambda run: -run.pk)
    counts: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    decided = Q(confidence_terms__contains=[{"term": "person"}])
    contested = Count("pk", filter=Q(confidence_terms__contains=[{"term": "contradicts"}]) & ~decided)
    rows = Fact.objects.filter(run__in=newest[:most]).values("run").annotate(facts=Count("pk"), contested=contested)
    for row in rows:
        counts[row["run"]] = (row["facts"], row["contested"])
    return [Known(run.request.company_domain, run, *counts[run.pk]) for run in newest[:most]]


def newest_run(client: Client, domain: str) -> FlowRun | None:
    """Whose facts on the company count."""
    return _researched(client).filter(request__company_domain=domain).order_by("-pk").first()


def dossier(client: Client, domain: str) -> Dossier | None:
    """None where this client has never researched the company."""
    run = newest_run(client, domain)
    if run is None:
        return None
    claims = defaultdict(list)
    said = Claim.objects.filter(source_record__run=run).select_related("source_record").defer("source_record__payload")
    for claim in said.order_by("pk"):
        claims[claim.attribute].append(claim)
    facts = defaultdict(list)
    for fact in _in_force(run):
        facts[fact.attribute].append(fact)
    rows = [
        Row(attribute, [_held(fact, claims[attribute.key], attribute) for fact in facts[attribute.key]])
        for attribute in ALL
        if facts[attribute.key]
    ]
    return Dossier(domain, run, rows, _search(run))


def _in_force(run: FlowRun) -> list[Fact]:
    """Of an attribute that the run looked at again, the newest facts."""
    facts = list(Fact.objects.filter(run=run).annotate(own=ArrayAgg("claims", default=[])).order_by("pk"))
    last: dict[str, int | None] = {fact.attribute: fact.step_id for fact in facts}
    return [fact for fact in facts if BY_KEY[fact.attribute].is_many or fact.step_id == last[fact.attribute]]


def _held(fact: Fact, claims: Sequence[Claim], attribute: Attribute) -> Held:
    """Of an attribute with several values only the words for this one."""
    own: Sequence[int] = fact.own  # type: ignore[attr-defined]
    words = []
    for claim in claims:
        is_same = claim.pk in own or agree(attribute.key, fact.value, claim.value)
        if is_same or not attribute.is_many:
            words.append(Word(claim, name_of(claim.source_record.source), is_same))
    return Held(fact, words)


def name_of(source: str) -> str:
    return SOURCES[source].name if source in SOURCES else source


def _search(run: FlowRun) -> Mapping[str, object]:
    """How the run's sources were asked, as its research step kept it."""
    steps = run.steps.filter(context__document__has_key="search").select_related("context").order_by("-pk")
    step = steps.first()
    found: Mapping[str, object] = step.context.document["search"] if step and step.context else {}
    return found


# --- sources


class _Median(Aggregate):
    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


class Fare(NamedTuple):
    """How a source fared: `asked` counts questions that went out, `reused` those that a kept answer spared."""

    source: str
    name: str
    asked: int
    answered: int
    silent: int
    failed: int
    reused: int
    median_ms: float | None
    calls: int
    credits: float
    trouble: str

    @property
    def share(self) -> float | None:
        """How often it had an answer."""
        return self.answered / self.asked if self.asked else None


def fares(records: QuerySet[SourceRecord], *, at: datetime) -> list[Fare]:
    """Of these records, those of the last 30 days; the most asked source first."""
    recent = records.filter(fetched_at__gt=at - timedelta(days=DAYS))
    asked = Q(same_as=None)
    status = SourceRecord.Status
    rows = (
        recent.order_by()
        .values("source")
        .annotate(
            asked=Count("pk", filter=asked),
            answered=Count("pk", filter=asked & Q(status=status.OK)),
            silent=Count("pk", filter=asked & Q(status=status.NO_MATCH)),
            failed=Count("pk", filter=asked & Q(status=status.FAILED)),
            reused=Count("pk", filter=~asked),
            median_ms=_Median("elapsed_ms", filter=asked & Q(elapsed_ms__gt=0)),
            calls_made=Coalesce(Sum("calls"), 0),
            credits_spent=Coalesce(Sum("credits"), 0.0),
        )
    )
    last = recent.filter(status=status.FAILED).order_by("source", "-fetched_at", "-pk").distinct("source")
    trouble = dict(last.values_list("source", "reason"))
    found = [
        Fare(
            row["source"], name_of(row["source"]), row["asked"], row["answered"], row["silent"], row["failed"],
            row["reused"], row["median_ms"], row["calls_made"], row["credits_spent"], trouble.get(row["source"], ""),
        )
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda fare: (-fare.asked, fare.name))
