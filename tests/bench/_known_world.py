"""Invented companies whose truth is known, and vendors that tell of it as vendors do.

What goes wrong is drawn, with every seed anew, and follows other rules than `agents_app/research/fusion.py` assumes:
how right vendors are lies around what is assumed of them, and so does how fast the truth changes; every company has a
wrong value of each attribute that tempts whoever errs; other errors are near the truth, or popular; units slip; resellers
copy most of what their origin says and not all, some of it when it was out of date; one vendor copies without anybody
knowing; a part of all dates flatters.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents_app.research import SourceAnswer

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
DAYS = 2600  # of history
SCATTER = 0.35  # nats: how far a vendor is from what is assumed of it (0.90 is 0.86 to 0.93 for two of three)
TEMPTED, SLIPPED = 0.3, 0.1  # of all errors
FLATTERED = 0.15  # of all dates
OUT_OF_DATE = 0.2  # of all copies
STATIC_HALF_LIFE = 9000  # days: head offices move too, though that is not what is assumed
SIZES = ("headcount", "revenue_usd", "funding_total_usd")
EVENTS = ("funding_total_usd", "last_funding_stage")
ATTRIBUTES = ("headcount", "founded_year", "location", "industry", "revenue_usd", *EVENTS[:1], *EVENTS[1:], "ticker")
TOWNS = [
    f"{first}{last}, {country}"
    for country in ("United Kingdom", "Germany", "United States")
    for first in ("Ash", "Bel", "Car", "Dun", "Elm")
    for last in ("ton", "ford", "ham", "burg")
]
TRADES = [
    f"{kind} {trade}"
    for kind in ("retail", "commercial", "marine", "industrial")
    for trade in ("banking", "software", "logistics", "insurance", "machinery")
]
STAGES = ["pre_seed", "seed", "series_a", "series_b", "series_c", "series_d", "series_e", "private_equity"]
BUCKETS = ((1, 10), (11, 50), (51, 100), (101, 250), (251, 500), (501, 1000), (1001, 5000), (5001, 10000))
POPULAR = {"last_funding_stage": STAGES, "location": TOWNS, "industry": TRADES}

Raw = int | str
History = list[tuple[float, Raw]]  # days ago from which on it was so, the newest last


@dataclass(frozen=True)
class Vendor:
    """`covers`: of how many companies it says an attribute; `lag_days`: how old its words are on average; `dated`: how
    many of them have a date. It copies the share `copied` of what `copies` says."""

    key: str
    tells: dict[str, float]
    covers: float = 0.6
    lag_days: float = 90.0
    dated: float = 0.5
    group: str = ""
    copies: str = ""
    copied: float = 0.0
    in_ranges: bool = False


def _tells(*rights: float) -> dict[str, float]:
    """In the order of ATTRIBUTES; 0 where it tells nothing."""
    return {name: right for name, right in zip(ATTRIBUTES, rights, strict=True) if right}


FIELD = (
    Vendor("atlas", _tells(0.78, 0.92, 0.92, 0.87, 0, 0.90, 0.92, 0.97), 0.7, 90, 0.7, in_ranges=True),
    Vendor("beacon", _tells(0.76, 0.86, 0.84, 0.79, 0.65, 0.78, 0.80, 0.93), 0.9, 150, 0.0),
    Vendor("ledger", _tells(0.70, 0.82, 0.80, 0.75, 0.62, 0.72, 0.74, 0.93), 0.9, 150, 0.3, "union"),
    Vendor("resold", _tells(0.72, 0.84, 0.82, 0.77, 0.62, 0.74, 0.76, 0.93), 0.85, 200, 0.3, "union", "ledger", 0.9),
    Vendor("resold again", _tells(0.70, 0.82, 0.80, 0, 0.60, 0.72, 0.74, 0), 0.7, 220, 0.3, "union", "ledger", 0.75),
    Vendor("gazetteer", _tells(0.75, 0.94, 0.93, 0.88, 0, 0, 0, 0.93), 0.4, 500, 0.8),
    Vendor("own site", _tells(0.84, 0.95, 0.95, 0.90, 0, 0, 0, 0), 0.5, 150, 0.0),
    Vendor("census", _tells(0.84, 0.86, 0.86, 0.81, 0.70, 0, 0, 0.93), 0.7, 45, 1.0, "", "atlas", 0.15),
    Vendor("registry", _tells(0.93, 0, 0, 0, 0.97, 0, 0, 0.97), 0.15, 140, 1.0),
)


@dataclass
class Company:
    """Attribute → its value in reading form, as it is today; what vendors answered, in the order of arrival."""

    truth: dict[str, str]
    answers: "list[SourceAnswer]" = field(default_factory=list)


@dataclass(frozen=True)
class _World:
    """What is drawn once a seed: true reliabilities, lags, and how fast each attribute changes."""

    rng: random.Random
    vendors: Sequence[Vendor]
    right: dict[tuple[str, str], float]
    lag_days: dict[str, float]
    half_lives: dict[str, float]


def companies(seed: int, count: int, vendors: Sequence[Vendor]) -> list[Company]:
    from agents_app.research.attributes import BY_KEY

    rng = random.Random(seed)
    half_lives = {name: (BY_KEY[name].half_life_days or STATIC_HALF_LIFE) * _about(rng, 0.25) for name in ATTRIBUTES}
    right = {
        (vendor.key, name): 1 / (1 + math.exp(-math.log(share / (1 - share)) - rng.gauss(0, SCATTER)))
        for vendor in vendors
        for name, share in vendor.tells.items()
    }
    lags = {vendor.key: vendor.lag_days * _about(rng, 0.3) for vendor in vendors}
    origins_first = sorted(vendors, key=lambda vendor: bool(vendor.copies))
    world = _World(rng, origins_first, right, lags, half_lives)
    return [_company(world) for _ in range(count)]


def _about(rng: random.Random, scatter: float) -> float:
    return math.exp(rng.gauss(0, scatter))


def _company(world: _World) -> Company:
    from agents_app.research import SourceAnswer
    from agents_app.research.attributes import read

    truth: dict[str, str] = {}
    said: dict[str, list[object]] = {}
    for name in ATTRIBUTES:
        history = _history(world, name)
        value = read(name, history[-1][1])
        assert value is not None
        truth[name] = value
        for key, claim in _claims(world, name, history):
            said.setdefault(key, []).append(claim)
    answers = [
        SourceAnswer(source=key, status="ok", reason="", request_key="", sandbox=True, claims=claims)  # type: ignore[arg-type]
        for key, claims in said.items()
    ]
    world.rng.shuffle(answers)
    return Company(truth, answers)


# --- the truth and how it changes


def _history(world: _World, name: str) -> History:
    rng, value, ago = world.rng, _first(world.rng, name), float(DAYS)
    found: History = [(ago, value)]
    if name in ("founded_year", "ticker"):
        return found
    while (ago := ago - rng.expovariate(math.log(2) / world.half_lives[name])) > 0:
        found.append((ago, _next(rng, name, found[-1][1])))
    return found


def _first(rng: random.Random, name: str) -> Raw:
    sizes = {"headcount": (5.5, 1.3), "revenue_usd": (17.0, 1.4), "funding_total_usd": (15.5, 1.0)}
    if name in sizes:
        return max(5, round(math.exp(rng.gauss(*sizes[name]))))
    if name == "founded_year":
        return rng.randint(1960, 2022)
    return STAGES[rng.choice((0, 1, 1, 2, 2))] if name == "last_funding_stage" else _any(rng, name)


def _any(rng: random.Random, name: str) -> Raw:
    return rng.choice(POPULAR[name]) if name in POPULAR else "".join(rng.choices("ABCDEFGHKLM", k=3))


def _next(rng: random.Random, name: str, now: Raw) -> Raw:
    """Companies grow more often than they shrink, rounds follow each other; some changes are too small to matter."""
    if name == "funding_total_usd":
        return int(now) + round(int(now) * math.exp(rng.gauss(-0.2, 0.8)))
    if name in SIZES:
        return max(1, round(int(now) * math.exp(rng.gauss(0.08, 0.35))))
    if name == "last_funding_stage":
        return STAGES[min(STAGES.index(str(now)) + 1, len(STAGES) - 1)]
    return _any(rng, name)


def _as_of(history: History, ago: float) -> Raw:
    return next((value for began, value in reversed(history) if began >= ago), history[0][1])


# --- what vendors make of it


def _claims(world: _World, name: str, history: History) -> "list[tuple[str, object]]":
    """(vendor, claim) of everybody who says something."""
    rng, tempting = world.rng, _tempting(world.rng, name, history[-1][1])
    found: list[tuple[str, object]] = []
    told: dict[str, tuple[Raw, float]] = {}
    for vendor in (each for each in world.vendors if name in each.tells):
        if vendor.copies in told and rng.random() < vendor.copied:
            raw, lag = _copied(rng, history, *told[vendor.copies])
        elif rng.random() < vendor.covers:
            lag = rng.expovariate(1 / world.lag_days[vendor.key])
            raw = _as_of(history, lag)
            if rng.random() >= world.right[vendor.key, name]:
                raw = _wrong(rng, name, raw, tempting)
        else:
            continue
        told[vendor.key] = raw, lag
        found += [(vendor.key, claim) for claim in _claim(world, vendor, name, history, raw, lag)]
    return found


def _copied(rng: random.Random, history: History, raw: Raw, lag: float) -> tuple[Raw, float]:
    if rng.random() >= OUT_OF_DATE or raw != _as_of(history, lag):
        return raw, lag
    older = lag + rng.expovariate(1 / 120)
    return _as_of(history, older), older


def _tempting(rng: random.Random, name: str, true: Raw) -> Raw:
    """The figure of the group instead of the company's, the year of the register, a branch."""
    if name in SIZES:
        return max(1, round(int(true) * rng.choice((0.3, 0.5, 2, 3, 5))))
    return int(true) + rng.choice((-1, 1, 2)) if name == "founded_year" else _any(rng, name)


def _wrong(rng: random.Random, name: str, true: Raw, tempting: Raw) -> Raw:
    kind = rng.random()
    if kind < TEMPTED:
        return tempting
    if name in SIZES:
        if kind >= TEMPTED + SLIPPED:
            return max(1, round(int(true) * _about(rng, 0.6)))
        times = 1000 if name == "headcount" else rng.choice((1000, 1000, 1_000_000))
        return max(1, round(int(true) / times)) if rng.random() < 0.6 else int(true) * times
    if name == "founded_year":
        return int(true) + rng.choice((-3, -2, -1, -1, 1, 1, 2, 4, 7))
    if name == "ticker":
        return _any(rng, name)
    return POPULAR[name][min(int(rng.expovariate(1 / 6)), len(POPULAR[name]) - 1)]  # the popular ones more often


def _claim(world: _World, vendor: Vendor, name: str, history: History, raw: Raw, lag: float) -> "list[object]":
    from agents_app.research import ClaimValue
    from agents_app.research.attributes import read

    rng = world.rng
    ago = _since(rng, history, raw, lag) if name in EVENTS else lag * (rng.random() if rng.random() < FLATTERED else 1)
    dated = max(vendor.dated, 0.8) if name in EVENTS else vendor.dated
    on = (AT - timedelta(days=ago)).date() if rng.random() < dated else None
    value = read(name, _bucket(int(raw)) if vendor.in_ranges and name == "headcount" else raw)
    return [ClaimValue(name, value, f"/{name}", on)] if value else []


def _since(rng: random.Random, history: History, raw: Raw, lag: float) -> float:
    """Days since the round that a value is of; who has the value wrong often has the round right."""
    began = next((ago for ago, value in reversed(history) if value == raw), None)
    if began is None and rng.random() < 0.7:
        began = next((ago for ago, _ in reversed(history) if ago >= lag), None)
    return began if began is not None else lag + rng.expovariate(1 / 400)


def _bucket(count: int) -> str:
    return next((f"{least}-{most}" for least, most in BUCKETS if count <= most), "10001+")
