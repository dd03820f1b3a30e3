"""The steps of a run on one line of time, as the geometry of an SVG drawing. Pure. Lengths are SVG user units."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, LABELS, TIMES, ROW, BAR = 790, 200, 70, 28, 14
INDENT, THIN_ROW, THIN_BAR = 12, 18, 8  # of what a step asked
NARROWEST = 2.0  # a step of no measurable length still shows


@dataclass(frozen=True)
class Span:
    """A step with its `parts`, or one of these: what it asked. `ended_at` is None while it runs; `tone` is the word its
    bar's colour goes by."""

    label: str
    tone: str
    started_at: datetime
    ended_at: datetime | None
    parts: tuple["Span", ...] = ()


@dataclass(frozen=True)
class Bar:
    label: str
    label_x: int
    tone: str
    x: float
    y: int
    width: float
    height: int
    text_y: int
    seconds: str
    is_part: bool


@dataclass(frozen=True)
class Waterfall:
    bars: list[Bar]
    width: int
    height: int
    summary: str  # what the drawing shows, for those who do not see it


@dataclass(frozen=True)
class _Scale:
    start: datetime
    until: datetime
    a_second: float

    def bar(self, span: Span, top: int, *, is_part: bool) -> Bar:
        lasted = _lasted(span, self.until)
        row, height = (THIN_ROW, THIN_BAR) if is_part else (ROW, BAR)
        return Bar(
            label=span.label,
            label_x=INDENT if is_part else 0,
            tone=span.tone,
            x=round(LABELS + (span.started_at - self.start).total_seconds() * self.a_second, 1),
            y=top + (row - height) // 2,
            width=round(max(lasted * self.a_second, NARROWEST), 1),
            height=height,
            text_y=top + row // 2 + 4,
            seconds=_seconds(lasted),
            is_part=is_part,
        )


def draw(spans: Sequence[Span], *, until: datetime) -> Waterfall:
    """Each step with what it asked below it. `until` closes the bars of steps that still run."""
    if not spans:
        return Waterfall([], WIDTH, 0, "No step has started.")
    everything = [span for step in spans for span in (step, *step.parts)]
    start = min(span.started_at for span in everything)
    total = max((_end(span, until) - start).total_seconds() for span in everything) or 1.0
    bars = list(_bars(spans, _Scale(start, until, (WIDTH - LABELS - TIMES) / total)))
    height = sum(THIN_ROW if bar.is_part else ROW for bar in bars)
    told = ", ".join(_told(step, until) for step in spans)
    return Waterfall(bars, WIDTH, height + 8, f"{_seconds(total)} in all: {told}.")


def _bars(spans: Sequence[Span], scale: _Scale) -> Iterator[Bar]:
    top = 4
    for step in spans:
        yield scale.bar(step, top, is_part=False)
        top += ROW
        for part in step.parts:
            yield scale.bar(part, top, is_part=True)
            top += THIN_ROW


def _told(span: Span, until: datetime) -> str:
    parts = ", ".join(_told(part, until) for part in span.parts)
    return f"{span.label} {_seconds(_lasted(span, until))}" + (f" ({parts})" if parts else "")


def _lasted(span: Span, until: datetime) -> float:
    return (_end(span, until) - span.started_at).total_seconds()


def _end(span: Span, until: datetime) -> datetime:
    return max(span.ended_at or until, span.started_at)


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
