"""Names of companies: what is compared, what is alike, and that likeness never merges."""

import time
from itertools import combinations
from random import Random

import pytest

from agents_app import entities
from agents_app.entities import likeness
from agents_app.models import Entity, EntityId, EntityMerge, MergeProposal
from tests.factories import AT, make_client


@pytest.mark.parametrize(
    ("name", "normalised"),
    [
        ("Nordhaven Bank A/S", "nordhaven bank"), ("NORDHAVEN  Bank, Inc.", "nordhaven bank"), ("Nordhaven Bank plc", "nordhaven bank"),
        ("Nordhaven Pty. Ltd.", "nordhaven"), ("Nordhaven (Private) Limited", "nordhaven"), ("Nordhaven Sdn. Bhd.", "nordhaven"),
        ("Nordhaven S.A. de C.V.", "nordhaven"), ("Nordhaven S. de R.L. de C.V.", "nordhaven"), ("Nordhaven Sp. z o.o.", "nordhaven"),
        ("Nordhaven S.p.A.", "nordhaven"), ("Nordhaven s.r.o.", "nordhaven"), ("Nordhaven d.o.o.", "nordhaven"), ("Nordhaven B.V.", "nordhaven"),
        ("Nordhaven OÜ", "nordhaven"), ("Nordhaven Oyj", "nordhaven"), ("Nordhaven AB (publ)", "nordhaven"), ("Nordhaven a.s.", "nordhaven"),
        ("Nordhaven K.K.", "nordhaven"), ("PT Nordhaven Tbk", "nordhaven"), ("Nordhaven GmbH & Co. KG", "nordhaven"), ("Nordhaven LLC", "nordhaven"),
        ("Nordhaven Société Anonyme", "nordhaven"), ("Nordhaven Anonim Şirketi", "nordhaven"), ("Nordhaven Ltd. Şti.", "nordhaven"),
        ("株式会社北港", "北港"), ("北港有限公司", "北港"), ("\u041e\u041e\u041e Ромашка", "ромашка"),
        ("Vogt & Co.", "vogt"), ("Vogt and Sons Ltd", "vogt and sons"), ("Møller + Söhne AG", "moller and sohne"), ("A.B.C. Systems, L.L.C.", "abc systems"),
        ("Group Holding", "group holding"), ("Limited", "limited"), ("Co", "co"), ("!!!", "!!!"), ("", ""),
    ],
)  # fmt: skip
def test_a_name_is_compared_without_case_accents_signs_and_legal_form(name, normalised):
    assert likeness.normalised(name) == normalised


@pytest.mark.parametrize(
    ("one", "other", "is_alike"),
    [
        ("nordhaven bank", "nordhaven bank", True), ("nordhaven bank", "bank nordhaven", True), ("nordhaven bank", "nordhavn bank", True),
        ("nordhaven bank", "nordhavenbank", True), ("o brien s", "obriens", True), ("nordhaven holding", "nordhaven holdings", True),
        ("vera therapeutics", "verve therapeutics", False), ("nordhaven bank", "nordhaven foods", False), ("nordhaven", "norden", False),
        ("nordhaven fund 2018", "nordhaven fund 2019", False), ("first data 24", "first data 42", False), ("nordhaven bank", "nordhaven bank leasing", False),
    ],
)  # fmt: skip
def test_names_are_alike_where_they_differ_in_spelling_only(one, other, is_alike):
    assert (likeness.alike(one, other) >= likeness.LIKE) is is_alike
    assert likeness.alike(one, other) == likeness.alike(other, one)


STARTS = (
    "nord", "hav", "arden", "mer", "vel", "kor", "bri", "stan", "lund", "sel", "tor", "fal", "ver", "gran", "ost", "hel", "mir", "sol",
    "wend", "bar", "cal", "dun", "esk", "fen", "gil",
)  # fmt: skip
ENDS = (
    "haven", "wick", "ton", "berg", "mark", "field", "stad", "gate", "more", "ley", "dale", "by", "ford", "holm", "ridge", "port", "worth",
)  # fmt: skip
TRADES = (
    "Bank", "Payments", "Systems", "Therapeutics", "Logistics", "Energy", "Foods", "Software", "Insurance", "Capital", "Health", "Robotics",
)  # fmt: skip
FORMS = (
    "Inc.", "Ltd", "GmbH", "S.A.", "B.V.", "AB", "Oy", "A/S", "plc", "LLC", "Pty Ltd", "K.K.", "Sp. z o.o.", "",
)  # fmt: skip


def invented(rng: Random) -> str:
    words = [rng.choice(STARTS) + rng.choice(ENDS) for _ in range(rng.choice((1, 1, 2)))]
    return " ".join([*words, rng.choice(TRADES)]).title()


def misspelt(rng: Random, name: str) -> str:
    at = rng.randrange(1, len(name) - 1)
    return rng.choice(
        (name[:at] + name[at + 1 :], name[:at] + name[at] + name[at:], name.upper(), name.replace(" ", ""))
    )


def crowded(rng: Random, count: int) -> list[str]:
    """Names of which a third collide: the same under another legal form, misspelt, or near but another one's."""
    names = [invented(rng) for _ in range(count * 2 // 3)]
    while len(names) < count:
        name = rng.choice(names[: count // 2])
        turned = " ".join(reversed(name.split()))
        names.append(rng.choice((name, misspelt(rng, name), misspelt(rng, turned), f"{name} {rng.randint(1, 9)}")))
    return [f"{name} {rng.choice(FORMS)}".strip() for name in names]


def test_blocks_lose_no_pair_that_comparing_all_with_all_finds():
    names = {number: likeness.normalised(name) for number, name in enumerate(crowded(Random(1), 900))}

    everywhere = {
        (one, other): score
        for one, other in combinations(names, 2)
        if (score := likeness.alike(names[one], names[other])) >= likeness.LIKE
    }

    assert len(everywhere) > 200
    assert likeness.pairs(names) == everywhere


def test_pairs_of_a_few_are_those_in_which_they_stand():
    names = {number: likeness.normalised(name) for number, name in enumerate(crowded(Random(2), 300))}

    whole = likeness.pairs(names)

    for few in ([7], list(range(40)), list(range(200))):
        assert likeness.pairs(names, of=few) == {pair: score for pair, score in whole.items() if set(pair) & set(few)}


@pytest.mark.django_db
def test_of_six_thousand_companies_none_is_merged_for_its_name():
    client, rng = make_client(), Random(20261129)
    names = crowded(rng, 6000)
    basis = {"client": client, "kind": "company", "created_at": AT}
    companies = Entity.objects.bulk_create(
        [Entity(name=name, normalised=likeness.normalised(name), **basis) for name in names]
    )
    EntityId.objects.bulk_create(
        [
            EntityId(client=client, entity=one, scheme="domain", value=f"company-{number}.example", created_at=AT)
            for number, one in enumerate(companies)
        ]
    )
    assert len({one.normalised for one in companies}) < 5500, "names collide"

    started = time.monotonic()
    proposals = entities.look_for_twins(client.pk, at=AT)
    took = time.monotonic() - started

    assert EntityMerge.objects.count() == 0
    assert entities.canonical(one.pk for one in companies) == {one.pk: one.pk for one in companies}
    assert len(proposals) > 1000
    assert MergeProposal.objects.exclude(status="open").count() == 0
    assert took < 20, "seconds, on a busy machine"
