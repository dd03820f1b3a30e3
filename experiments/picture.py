"""A result as two bars on one scale, in units of an SVG 600 wide. No Django."""

from typing import NamedTuple

from experiments.results import Result, percent

WIDTH, LEFT, ROW = 600, 150, 44


class Bar(NamedTuple):
    """One variant: its name, where the interval begins and how wide it is, where the rate stands, and both in words."""

    label: str
    y: int
    x: float
    width: float
    rate_x: float | None
    words: str


class Picture(NamedTuple):
    bars: list[Bar]
    height: int
    scale_end: str
    finding: str


def bars(result: Result) -> Picture | None:
    """None while no variant has anybody to show."""
    shown = [variant for variant in result["variants"] if variant["mature"]]
    if not shown:
        return None
    end = min(1.0, 1.1 * max(variant["high"] for variant in shown))
    drawn = [
        Bar(
            label=f"{variant['key']}: {variant['label']}",
            y=ROW * row + 22,
            x=_x(variant["low"], end),
            width=_x(variant["high"], end) - _x(variant["low"], end),
            rate_x=_x(variant["rate"] or 0.0, end),
            words=f"{percent(variant['rate'])}, {percent(variant['low'])} to {percent(variant['high'])}",
        )
        for row, variant in enumerate(shown)
    ]
    finding = "; ".join(f"{bar.label} {bar.words}" for bar in drawn)
    return Picture(drawn, ROW * len(drawn) + 24, percent(end), finding)


def _x(rate: float, end: float) -> float:
    return round(LEFT + (WIDTH - LEFT - 20) * rate / end, 1)
