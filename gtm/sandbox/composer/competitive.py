"""Competitive: the company's figures beside its peers', with both named in every comparison. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gtm.sandbox.composer import wording
from gtm.sandbox.composer.given import Fact, Given, Sentence

MOST = 5
NO_PEERS = "No other company of this industry is known from earlier runs; research two or three for a comparison."
FIGURES = {"headcount": "how many people {} employs", "funding_total_usd": "how much {} has raised"}


@dataclass(frozen=True)
class Peer:
    key: str
    name: str
    figures: Mapping[str, str] = field(compare=False)


def compose(given: Given) -> dict[str, Any]:
    peers = [_peer(each) for each in given.context.get("peers") or [] if given.is_clean(str(each.get("name") or ""))]
    return {
        "comparisons": [each.as_answer() for each in _clean(given, _comparisons(given, peers))[:MOST]],
        "positioning": [each.as_answer() for each in _clean(given, _positioning(given, peers))[:MOST]],
        "missing": list(_missing(given, peers)),
    }


def _clean(given: Given, sentences: Iterator[Sentence]) -> list[Sentence]:
    return [each for each in sentences if not wording.avoided(each.text, given.avoid)]


def _peer(told: Mapping[str, Any]) -> Peer:
    figures = {name: str(told.get(name) or "") for name in FIGURES}
    return Peer(str(told.get("key", "")), str(told.get("name", "")), figures)


def number(value: str) -> float | None:
    found = re.fullmatch(r"\$?(\d[\d,]*(?:\.\d+)?)(?: (million|billion))?", value)
    if found is None:
        return None
    return float(found[1].replace(",", "")) * {"million": 1e6, "billion": 1e9}.get(found[2] or "", 1.0)


def _comparisons(given: Given, peers: Sequence[Peer]) -> Iterator[Sentence]:
    for attribute in FIGURES:
        fact = given.fact(attribute)
        own = number(fact.value) if fact else None
        if fact is None or own is None:
            continue
        known = [(abs(own - theirs), peer) for peer in peers if (theirs := number(peer.figures[attribute])) is not None]
        for _, peer in sorted(known, key=lambda each: (each[0], each[1].key))[:3]:
            yield _beside(given, fact, own, peer)


def _beside(given: Given, fact: Fact, own: float, peer: Peer) -> Sentence:
    theirs = peer.figures[fact.attribute]
    other = number(theirs) or 0.0
    how = "as many as" if own == other else "more than" if own > other else "fewer than"
    if fact.attribute == "headcount":
        text = f"{given.company} employs {fact.value} people, {how} {peer.name} with {_figure(theirs)}."
    else:
        how = how.replace("fewer", "less").replace("as many", "as much")
        text = f"{given.company} has raised {fact.value}, {how} {peer.name} with {_money(theirs)}."
    return Sentence(text, (fact.key, peer.key))


def _figure(value: str) -> str:
    found = number(value)
    return value if found is None else f"{found:,.0f}"


def _money(value: str) -> str:
    """As the facts write it, also when the peer's figure comes as a bare number."""
    found = number(value)
    if found is None or value.startswith("$"):
        return value
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if found >= size:
            return f"${found / size:.1f}".removesuffix(".0") + f" {word}"
    return f"${found:,.0f}"


def _positioning(given: Given, peers: Sequence[Peer]) -> Iterator[Sentence]:
    if given.fact("headcount") and peers:
        yield from _rank(given, peers)
    year, location = given.fact("founded_year"), given.fact("location")
    if year and location:
        yield Sentence(
            f"{given.company} was founded in {year.value} and is based in {location.value}.", (location.key, year.key)
        )
    news = given.by_focus([fact for fact in given.facts if fact.attribute == "news"])
    if news:
        yield Sentence(f"What sets it apart in the news: “{news[0].value}”.", (news[0].key,))


def _rank(given: Given, peers: Sequence[Peer]) -> Iterator[Sentence]:
    """Only where all figures are known: a rank with gaps would be a guess."""
    fact = given.fact("headcount")
    own = number(fact.value) if fact else None
    sizes = {peer: number(peer.figures["headcount"]) for peer in peers[:MOST]} if peers else {}
    if fact is None or own is None or None in sizes.values():
        return
    names, keys = wording.listed([peer.name for peer in sizes]), tuple(peer.key for peer in sizes)
    known = [size for size in sizes.values() if size is not None]
    if own > max(known):
        text = f"Beside {names}, {given.company} is the largest employer, with {fact.value} people."
    elif own < min(known):
        text = f"Beside {names}, {given.company} is the smallest employer, with {fact.value} people."
    else:
        text = f"With {fact.value} people, {given.company} stands between the largest and the smallest of {names}."
    yield Sentence(text, (fact.key, *keys))


def _missing(given: Given, peers: Sequence[Peer]) -> Iterator[str]:
    if not peers:
        yield NO_PEERS
    for attribute, said in FIGURES.items():
        if given.fact(attribute) is None:
            yield f"It is not known well enough {said.format(given.company)}; connect a source that says so."
