"""The steps of a run on one line of time, as the geometry of an SVG drawing. Pure. Lengths are SVG user units."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, LABELS, TIMES, ROW, BAR = 760, 170, 70, 28, 14
NARROWEST = 2.0  # a step of no measurable length still shows


@dataclass(frozen=True)
class Span:
    """A step. `ended_at` is None while it runs; `tone` is the word its bar's colour goes by."""

    label: str
    tone: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Bar:
    label: str
    tone: str
    x: float
    y: int
    width: float
    text_y: int
    seconds: str


@dataclass(frozen=True)
class Waterfall:
    bars: list[Bar]
    width: int
    height: int
    summary: str  # what the drawing shows, for those who do not see it


def draw(spans: Sequence[Span], *, until: datetime) -> Waterfall:
    """`until` closes the bars of steps that still run."""
    if not spans:
        return Waterfall([], WIDTH, 0, "No step has started.")
    start = min(span.started_at for span in spans)
    total = max((_end(span, until) - start).total_seconds() for span in spans) or 1.0
    scale = (WIDTH - LABELS - TIMES) / total
    bars = [_bar(row, span, start, scale, until) for row, span in enumerate(spans)]
    told = ", ".join(f"{bar.label} {bar.seconds}" for bar in bars)
    return Waterfall(bars, WIDTH, ROW * len(bars) + 8, f"{_seconds(total)} in all: {told}.")


def _bar(row: int, span: Span, start: datetime, scale: float, until: datetime) -> Bar:
    lasted = (_end(span, until) - span.started_at).total_seconds()
    x = round(LABELS + (span.started_at - start).total_seconds() * scale, 1)
    width = round(max(lasted * scale, NARROWEST), 1)
    y = 4 + row * ROW
    return Bar(span.label, span.tone, x, y + (ROW - BAR) // 2, width, y + ROW // 2 + 4, _seconds(lasted))


def _end(span: Span, until: datetime) -> datetime:
    return max(span.ended_at or until, span.started_at)


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
