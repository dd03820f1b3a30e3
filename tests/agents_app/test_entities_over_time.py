"""What was held when: by what was known on a date, and of a moment in the world."""

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest

from agents_app import entities
from agents_app.entities.periods import Word, closed
from agents_app.models import Statement
from tests.agents_app.found import EVER, company_at, held, run_that_found
from tests.factories import AT, make_client

DAY = timedelta(days=1)
BANK = "northwind.example"


def on(day, month=1):
    return datetime(2026, month, day, tzinfo=UTC)


def word(pk, value, known, since=None, place="headcount"):
    return Word(pk, place, value, on(known), pk, on(since) if since else None)


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        ([], {}),
        ([word(1, "10", 5)], {1: (None, None)}),
        ([word(1, "10", 5, 1), word(2, "20", 9, 7)], {1: (on(9), on(7)), 2: (None, None)}),
        ([word(2, "20", 9, 7), word(1, "10", 5, 1)], {1: (on(9), on(7)), 2: (None, None)}),
        ([word(1, "10", 5, 1), word(2, "20", 9)], {1: (on(9), None), 2: (None, None)}),
        ([word(1, "10", 5), word(2, "20", 9, 7)], {1: (on(9), on(7)), 2: (None, None)}),
        ([word(1, "10", 5, 1), word(2, "10", 9, 7)], {1: (on(9), None), 2: (None, None)}),
        ([word(1, "10", 5, 4), word(2, "20", 9, 2)], {1: (on(9), on(4)), 2: (None, None)}),
        ([word(1, "10", 5), word(2, "20", 9, place="revenue")], {1: (None, None), 2: (None, None)}),
        ([word(1, "10", 5), word(2, "20", 5)], {1: (on(5), None), 2: (None, None)}),
    ],
    ids=[
        "nothing", "one word", "the next one closes it", "in any order", "nobody says since when the next holds",
        "nobody says since when it held", "the same again", "the next held before it", "other places", "one moment",
    ],
)  # fmt: skip
def test_a_word_is_closed_by_the_next_one_in_its_place(words, ends):
    assert closed(words) == ends


@pytest.fixture
def bank():
    """10 people since 1 January, known on the 5th; 20 since the 10th, known on the 15th."""
    client = make_client()
    for value, known, since in (("10", 5, 1), ("20", 15, 10)):
        run = run_that_found(client, BANK, ("headcount", value), on=on(known), as_of=date(2026, 1, since))
        entities.absorb(run, at=on(20))
    return company_at(BANK, client)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("known_at", "valid_at", "value"),
    [
        (4, None, None), (5, None, "10"), (14, None, "10"), (15, None, "20"), (30, None, "20"),
        (6, 3, "10"), (6, 12, "10"), (16, 3, "10"), (16, 9, "10"), (16, 10, "20"), (16, 12, "20"),
    ],
)  # fmt: skip
def test_what_was_held_depends_on_what_was_known(bank, known_at, valid_at, value):
    asked = {} if valid_at is None else {"valid_at": on(valid_at)}

    assert held(bank, known_at=on(known_at), **asked).get("headcount") == value


@pytest.mark.django_db
def test_before_it_began_nothing_was_held_to_be_so(bank):
    assert entities.as_known_on(bank, on(16), valid_at=datetime(2025, 12, 31, tzinfo=UTC)) == []


@pytest.mark.django_db
def test_a_correction_that_reaches_further_back_takes_the_place_of_what_was_thought_before(bank):
    run = run_that_found(bank.client, BANK, ("headcount", "15"), on=on(20), as_of=date(2025, 12, 1))
    entities.absorb(run, at=on(20))

    assert [held(bank, known_at=on(known), valid_at=on(12))["headcount"] for known in (6, 16, 21)] == ["10", "20", "15"]
    assert [row.invalid_at for row in entities.timeline(bank, "headcount")] == [on(10), on(10), None]


@pytest.mark.django_db
def test_what_nobody_dates_counts_from_when_it_was_known():
    client = make_client()
    for value, known in (("banking", 5), ("insurance", 15)):
        entities.absorb(run_that_found(client, BANK, ("industry", value), on=on(known)), at=AT)
    bank = company_at(BANK, client)

    seen = [held(bank, known_at=EVER, valid_at=on(day)).get("industry") for day in (4, 6, 16)]

    assert seen == [None, "banking", "insurance"]


@pytest.mark.django_db
def test_an_edge_is_there_while_it_was_held():
    client = make_client()
    for parent, known, since in (("Harbour Group", 5, 1), ("Odyne Holding", 15, 10)):
        run = run_that_found(client, BANK, ("parent", parent), on=on(known), as_of=date(2026, 1, since))
        entities.absorb(run, at=AT)
    bank = company_at(BANK, client)

    def parents(**asked):
        return [node.name for node in entities.neighbourhood(bank, **asked).nodes[1:]]

    assert parents() == parents(known_at=on(15)) == ["Odyne Holding"]
    assert parents(known_at=on(4)) == []
    assert parents(known_at=on(14)) == ["Harbour Group"]
    assert parents(at=on(9)) == parents(at=on(12), known_at=on(14)) == ["Harbour Group"]
    assert parents(at=on(12)) == ["Odyne Holding"]
    assert parents(at=datetime(2025, 12, 31, tzinfo=UTC)) == []


# --- five hundred updates


class Known:
    """The model: every update as it was told; what was held is looked up by going through all of them."""

    def __init__(self):
        self.told = []

    def tell(self, known, attribute, value, since):
        self.told.append((known, attribute, value, since or known))

    def at(self, known_at, valid_at=None):
        held = {}
        for known, attribute, value, since in sorted(self.told):
            if known <= known_at and (valid_at is None or since <= valid_at):
                held[attribute] = value
        return held


@pytest.mark.django_db
def test_of_five_hundred_updates_every_value_is_known_on_its_date():
    rng, client, model = Random(20261129), make_client(), Known()
    runs = []
    for number in range(125):
        known = on(1) + number * DAY + timedelta(seconds=rng.randrange(80_000))
        since = known.date() - timedelta(days=rng.randrange(60)) if rng.random() < 0.7 else None
        said = [(attribute, str(rng.randint(1, 9))) for attribute in ("headcount", "revenue_usd", "ticker", "location")]
        for attribute, value in said:
            model.tell(known, attribute, value, since and datetime(since.year, since.month, since.day, tzinfo=UTC))
        runs.append(run_that_found(client, BANK, *said, on=known, as_of=since))
    rng.shuffle(runs)
    for run in runs:
        entities.absorb(run, at=AT)
    bank = company_at(BANK, client)
    assert Statement.objects.count() == 500

    moments = {known + shift for known, *_ in model.told for shift in (-timedelta(seconds=1), timedelta())}
    wrong = [moment for moment in moments if held(bank, known_at=moment) != model.at(moment)]
    for _ in range(200):
        known_at, valid_at = (on(1) + timedelta(days=rng.uniform(-70, 130)) for _ in range(2))
        if held(bank, known_at=known_at, valid_at=valid_at) != model.at(known_at, valid_at):
            wrong.append((known_at, valid_at))

    assert wrong == []
