"""What is held of entities, and between them: one row a word, and a newer word closes the older one.

When a word was known is the moment at which its step ended, whenever it is taken over, so that runs may come in any
order.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import NamedTuple, TypeVar

from django.db.models import Q, QuerySet

from agents_app.entities import periods, telling
from agents_app.entities.periods import Word
from agents_app.models import Edge, Entity, Fact, Statement
from agents_app.research.attributes import BY_KEY
from gtm import rows

TITLE = "title"
Row = TypeVar("Row", Edge, Statement)
Ends = tuple[int, str, int, datetime]  # subject, relation, object, known since


class Linked(NamedTuple):
    """A fact that speaks of another entity, and how."""

    fact: Fact
    link: telling.Link
    entity: Entity


def known_at(fact: Fact) -> datetime:
    """When the run knew it."""
    ended = fact.step.finished_at if fact.step else None
    return ended or fact.run.finished_at or fact.run.planned_at


def state(company: Entity, facts: Sequence[Fact], linked: Iterable[Linked]) -> list[Statement]:
    """Each fact is a word about the company, and of a person also one about what the person is there."""
    said = [_statement(company, fact.attribute, fact.value, fact) for fact in facts]
    said += [_statement(each.entity, TITLE, each.link.title, each.fact) for each in linked if each.link.title]
    made = Statement.objects.bulk_create(said)
    about = {row.entity_id for row in made}
    touched = Statement.objects.filter(entity__in=about, attribute__in={row.attribute for row in made})
    held = _not_over(touched, min(row.created_at for row in made))
    words = [
        Word(row.pk, statement_place(row), row.value.casefold(), row.created_at, row.fact_id, row.valid_at)
        for row in held
    ]
    _close(held, words)
    return made


def connect(company: Entity, linked: Sequence[Linked]) -> list[Edge]:
    """Each link is an edge; what several facts of one moment say is one edge with the evidence of all."""
    wanted: dict[Ends, list[Fact]] = defaultdict(list)
    for each in linked:
        subject, obj = (each.entity, company) if each.link.is_subject else (company, each.entity)
        wanted[subject.pk, each.link.relation, obj.pk, known_at(each.fact)].append(each.fact)
    if not wanted:
        return []
    beside = Edge.objects.filter(Q(subject=company) | Q(object=company))
    there = {
        (row.subject_id, row.relation, row.object_id, row.created_at): row
        for row in beside.filter(created_at__in={known for *_, known in wanted})
    }
    made = Edge.objects.bulk_create(_edge(ends, facts) for ends, facts in wanted.items() if ends not in there)
    there |= {(row.subject_id, row.relation, row.object_id, row.created_at): row for row in made}
    _keep_evidence({there[ends]: facts for ends, facts in wanted.items()})
    held = _not_over(beside, min(known for *_, known in wanted))
    _close(held, [_word_of_edge(row) for row in held])
    return made


def statement_place(row: Statement) -> tuple[object, ...]:
    """The same for statements of which one is held at a time; of some attributes each value stands for itself."""
    known = BY_KEY.get(row.attribute)
    own = (row.value.casefold(),) if known and known.is_many else ()
    return (row.entity_id, row.attribute, *own)


def _statement(entity: Entity, attribute: str, value: str, fact: Fact) -> Statement:
    known = BY_KEY.get(attribute)
    return Statement(
        entity=entity,
        attribute=attribute,
        value=value,
        unit=known.unit if known else "",
        confidence=fact.confidence,
        fact=fact,
        valid_at=_since([fact]),
        created_at=known_at(fact),
    )


def _edge(ends: Ends, facts: Sequence[Fact]) -> Edge:
    subject, relation, obj, known = ends
    return Edge(subject_id=subject, relation=relation, object_id=obj, valid_at=_since(facts), created_at=known)


def _since(facts: Iterable[Fact]) -> datetime | None:
    """The first day of which a claim says the very value."""
    claims = [claim for fact in facts for claim in fact.claims.all() if claim.value == fact.value]
    days = [claim.as_of_date for claim in claims if claim.as_of_date]
    return datetime.combine(min(days), time(), UTC) if days else None


def _keep_evidence(facts: Mapping[Edge, Sequence[Fact]]) -> None:
    links = Edge.claims.through
    pairs: set[tuple[int, int]] = {
        (edge.pk, claim.pk) for edge, each in facts.items() for fact in each for claim in fact.claims.all()
    }
    links.objects.bulk_create(
        [links(edge_id=edge, claim_id=claim) for edge, claim in sorted(pairs)], ignore_conflicts=True
    )


def _word_of_edge(row: Edge) -> Word:
    ends = (row.subject_id, row.object_id)
    place = telling.place(row.subject_id, row.relation, row.object_id)
    return Word(row.pk, place, ends, row.created_at, row.pk, row.valid_at)


def _not_over(touched: "QuerySet[Row]", since: datetime) -> list[Row]:
    """Those that a word of that moment, or a later one, may close."""
    return list(touched.filter(Q(expired_at=None) | Q(expired_at__gte=since)))


def _close(held: Sequence[Edge] | Sequence[Statement], words: Sequence[Word]) -> None:
    """Write down what changed of when each was replaced and ended."""
    if not held:
        return
    now = {row.pk: (row.expired_at, row.invalid_at) for row in held}
    changed = {pk: told for pk, told in periods.closed(words).items() if told != now[pk]}
    rows.assign(type(held[0]), ("expired_at", "invalid_at"), changed)
