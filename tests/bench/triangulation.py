"""How often a fact is right that sources disagree about, and whether it is as often right as it says.

A thousand invented companies a seed, whose truth is known (`_known_world.py`): eight attributes, the registered sources
with what is assumed of them, and vendors that copy each other. Beside it what comes of the first answer to arrive, of
the source that is assumed to be best, of a majority of the sources, and of copies that count. No database.
"""

import os
import secrets
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import _measure
from _known_world import AT, ATTRIBUTES, FIELD, Company, Vendor, companies
from _measure import say

if TYPE_CHECKING:
    from agents_app.research import SourceAnswer
    from agents_app.research.source import Source

SEEDS = (20261116, 2, 3, 4, 5)
BINS = 15
SURE = 0.9
COPIED = 0.7  # of what the first of a group of registered sources says, by the others
TARGETS: dict[str, _measure.Target] = {
    "points_above_first_answer": (">=", 5.0), "ece": ("<=", 0.03), "sure_right_share": (">=", 0.98),
    "worst_points_above_first_answer": (">=", 5.0), "worst_ece": ("<=", 0.03), "worst_sure_right_share": (">=", 0.98),
}  # fmt: skip

Judged = list[tuple[float, bool]]  # confidence, right


def set_up() -> None:
    """The product's settings, as on a server; no database is asked."""
    os.environ |= {"DJANGO_SETTINGS_MODULE": "gtm.settings", "DEBUG": "0", "SECRET_KEY": secrets.token_urlsafe(50)}
    os.environ.setdefault("DATABASE_URL", "postgres://nobody@127.0.0.1:9/none")
    import django

    django.setup()


def panel() -> tuple[Vendor, ...]:
    """Those of the field and all that are registered and tell something of it. Who is in one group copies its first."""
    from agents_app.research import SOURCES

    found, firsts = list(FIELD), {}
    for key, source in SOURCES.items():
        tells = {name: right for name, right in source.tells.items() if name in ATTRIBUTES}
        if tells:
            origin = firsts.setdefault(source.group or key, key)
            copies = origin if origin != key else ""
            found.append(Vendor(key, tells, group=source.group, copies=copies, copied=COPIED if copies else 0.0))
    return tuple(found)


def sources(vendors: Iterable[Vendor]) -> "dict[str, Source]":
    """As `facts` knows them: what is assumed, which is not what is true."""
    from agents_app.research import SOURCES

    some = next(iter(SOURCES.values()))
    return {
        each.key: replace(some, key=each.key, name=each.key, tells=each.tells, group=each.group) for each in vendors
    }


# --- ways to know


def fused(company: Company, known: "Mapping[str, Source]") -> dict[str, tuple[str, float]]:
    from agents_app.research import facts

    return {each.attribute: (each.value, each.confidence) for each in facts(company.answers, at=AT, sources=known)}


def counting_copies(company: Company, known: "Mapping[str, Source]") -> dict[str, tuple[str, float]]:
    """As `fused`, but that nobody knows who passes on whose data."""
    return fused(company, {key: replace(source, group="") for key, source in known.items()})


def first_answer(company: Company, known: "Mapping[str, Source]") -> dict[str, tuple[str, float]]:
    found: dict[str, tuple[str, float]] = {}
    for source, name, value in _words(company.answers):
        found.setdefault(name, (value, known[source].tells[name]))
    return found


def best_source(company: Company, known: "Mapping[str, Source]") -> dict[str, tuple[str, float]]:
    found: dict[str, tuple[str, float]] = {}
    for source, name, value in _words(company.answers):
        right = known[source].tells[name]
        if right > found.get(name, ("", 0.0))[1]:
            found[name] = value, right
    return found


def majority(company: Company, known: "Mapping[str, Source]") -> dict[str, tuple[str, float]]:
    """The value that most sources agree with; of equals the first to arrive."""
    from agents_app.research import agree

    found = {}
    for name in ATTRIBUTES:
        said = [value for _, about, value in _words(company.answers) if about == name]
        votes = {value: sum(agree(name, value, other) for other in said) for value in dict.fromkeys(said)}
        if votes:
            value = max(votes, key=lambda each: votes[each])
            found[name] = value, votes[value] / len(said)
    return found


def _words(answers: "Sequence[SourceAnswer]") -> Iterable[tuple[str, str, str]]:
    return ((each.source, claim.attribute, claim.value) for each in answers for claim in each.claims)


# --- how good they are

Way = Callable[[Company, "Mapping[str, Source]"], dict[str, tuple[str, float]]]
PEERS: tuple[Way, ...] = (first_answer, best_source, majority, counting_copies)


def judged(way: Way, known: "Mapping[str, Source]", world: Sequence[Company]) -> Judged:
    from agents_app.research import agree

    return [
        (confidence, agree(name, value, company.truth[name]))
        for company in world
        for name, (value, confidence) in way(company, known).items()
    ]


def figures(found: Judged) -> dict[str, float]:
    sure = [right for confidence, right in found if confidence >= SURE]
    return {
        "accuracy": statistics.mean(right for _, right in found),
        "ece": calibration_error(found),
        "sure_right_share": statistics.mean(sure) if sure else 0.0,
        "sure_share": len(sure) / len(found),
    }


def calibration_error(found: Judged) -> float:
    """Expected calibration error over 15 bins of equal width (Naeini et al. 2015)."""
    bins: dict[int, Judged] = {}
    for confidence, right in found:
        bins.setdefault(min(BINS - 1, int(confidence * BINS)), []).append((confidence, right))
    gaps = (abs(sum(confidence for confidence, _ in each) - sum(right for _, right in each)) for each in bins.values())
    return sum(gaps) / len(found)


def measure(seed: int, count: int, vendors: Sequence[Vendor]) -> dict[str, dict[str, float]]:
    known = sources(vendors)
    world = companies(seed, count, vendors)
    started = time.perf_counter()
    found = {"fused": figures(judged(fused, known, world))}
    found["fused"]["ms_a_company"] = (time.perf_counter() - started) * 1000 / count
    found |= {way.__name__: figures(judged(way, known, world)) for way in PEERS}
    ours, first = found["fused"], found["first_answer"]
    ours["points_above_first_answer"] = (ours["accuracy"] - first["accuracy"]) * 100
    say(
        f"seed {seed}: {ours['accuracy']:.1%} right (first answer {first['accuracy']:.1%}, majority "
        f"{found['majority']['accuracy']:.1%}), calibration error {ours['ece']:.3f}, of those at {SURE} or more "
        f"({ours['sure_share']:.0%}) {ours['sure_right_share']:.1%} right"
    )
    return found


def main() -> None:
    quick = _measure.is_quick(str(__doc__))
    set_up()
    vendors = panel()
    found = [measure(seed, 300 if quick else 1000, vendors) for seed in (SEEDS[:1] if quick else SEEDS)]
    ours = _mean(each["fused"] for each in found)
    ours |= {
        f"worst_{name}": (max if sign == "<=" else min)(each["fused"][name] for each in found)
        for name, (sign, _) in TARGETS.items()
        if not name.startswith("worst_")
    }
    peer = {name: _mean(each[name] for each in found) for name in found[0] if name != "fused"}
    figures = ours | {"seeds": len(found), "sources": len(vendors)}
    _measure.report("triangulation", figures, TARGETS, peer=peer, machine=_measure.machine_alone())


def _mean(found: Iterable[Mapping[str, float]]) -> dict[str, float]:
    rows = list(found)
    return {name: statistics.mean(row[name] for row in rows) for name in rows[0]}


if __name__ == "__main__":
    main()
