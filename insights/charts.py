"""The review's charts: Vega-Lite turned into SVG here, once, and kept with the report.

Text and rules take the page's own colour (`currentColor`) and marks are mid tones, so one picture stands on light and
dark paper. What a mark means is never told by colour alone. Nothing in the SVG needs a style or a script.
"""

import re
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from insights.payload import AgentWeek, Payload, WeekRow

if TYPE_CHECKING:
    import altair

WIDTH, HEIGHT = 560, 170
BLUE, GREEN, ORANGE, PURPLE = "#3b82c4", "#2f9e74", "#c9792b", "#9b6bc9"
_SHAPES = ("circle", "square", "triangle-up", "diamond")
_INSIDE = re.compile(r'\s(?:role|class|aria-[a-z]+|style)="[^"]*"')


def draw(payload: Payload) -> dict[str, str]:
    """{name: SVG} for the names in `findings`; a chart without two weeks of figures is left out."""
    drawn = {}
    if sum(row["sent"] > 0 for row in payload["weeks"]) > 1:
        drawn["replies"] = _svg(_replies(payload["weeks"]), payload["findings"]["replies"])
    if len({row["week"] for row in payload["agent_weeks"] if row["steps"]}) > 1:
        drawn["confidence"] = _svg(_confidence(payload["agent_weeks"]), payload["findings"]["confidence"])
    return drawn


def _replies(rows: list[WeekRow]) -> "altair.VConcatChart":
    """Sends as bars; below them the reply rate with its interval, hollow where answers are still coming in."""
    import altair as alt

    data = {"values": [_week(row) for row in rows if row["sent"]]}
    weeks = alt.X("week:O", title=None, sort=None, axis=alt.Axis(labelAngle=0))
    sends = alt.Y("sent:Q", title="E-mails sent", axis=alt.Axis(tickCount=3))
    bars = alt.Chart(data).mark_bar(color=BLUE, opacity=0.7).encode(x=weeks, y=sends)
    rate = alt.Y("rate:Q", title="Answered", axis=alt.Axis(format="%", tickCount=4))
    low = alt.Y("low:Q", title="Answered")
    band = alt.Chart(data).mark_rule(color=GREEN, opacity=0.55, strokeWidth=6).encode(x=weeks, y=low, y2="high:Q")
    line = alt.Chart(data).transform_filter("datum.mature").mark_line(color=GREEN).encode(x=weeks, y=rate)
    dots = alt.Chart(data).mark_point(color=GREEN, size=60, strokeWidth=2).encode(
        x=weeks, y=rate, fill=alt.condition("datum.mature", alt.value(GREEN), alt.value("transparent"))
    )  # fmt: skip
    below = (band + line + dots).properties(width=WIDTH, height=HEIGHT)
    return alt.vconcat(bars.properties(width=WIDTH, height=70), below, spacing=14)


def _confidence(rows: list[AgentWeek]) -> "altair.LayerChart":
    """One line an agent, told apart by the shape of its points as well as by colour."""
    import altair as alt

    names = sorted({row["agent"] for row in rows})
    values = [{**row, "week": _day(row["week"]), "Agent": row["agent"]} for row in rows if row["steps"]]
    base = alt.Chart({"values": values}).encode(
        x=alt.X("week:O", title=None, sort=None, axis=alt.Axis(labelAngle=0)),
        y=alt.Y("confidence:Q", title="Mean confidence", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=5)),
        color=alt.Color("Agent:N", scale=alt.Scale(domain=names, range=[BLUE, GREEN, ORANGE, PURPLE]), title=None),
        shape=alt.Shape("Agent:N", scale=alt.Scale(domain=names, range=list(_SHAPES)), title=None),
    )
    both: altair.LayerChart = base.mark_line() + base.mark_point(size=60, filled=True)
    return both.properties(width=WIDTH, height=HEIGHT)


def _week(row: WeekRow) -> dict[str, Any]:
    replies = row["replies"]
    figures = {"rate": replies["rate"], "low": replies["low"], "high": replies["high"], "mature": replies["mature"]}
    return {"week": _day(row["week"]), "sent": row["sent"], **figures}


def _day(week: str) -> str:
    """16/11, a week's Monday, short enough to stand upright under an axis."""
    return f"{week[8:10]}/{week[5:7]}"


def _svg(chart: "altair.VConcatChart | altair.LayerChart", finding: str) -> str:
    """The chart as SVG that scales with its box; `finding` is what a screen reader says of it."""
    import vl_convert

    plain = {"labelColor": "currentColor", "titleColor": "currentColor", "labelFontSize": 12, "titleFontSize": 12}
    lines = {
        "gridColor": "currentColor",
        "gridOpacity": 0.15,
        "domainColor": "currentColor",
        "tickColor": "currentColor",
    }
    styled = (
        chart.configure(background="transparent", font="sans-serif")
        .configure_axis(**plain, titleFontWeight="normal", **lines)
        .configure_axisX(grid=False)
        .configure_legend(orient="top", labelColor="currentColor", labelFontSize=12)
        .configure_view(stroke=None)
    )
    drawn = _INSIDE.sub("", vl_convert.vegalite_to_svg(styled.to_json()))
    drawn = re.sub(r'^<svg ([^>]*?) width="[\d.]+" height="[\d.]+"', r"<svg \1", drawn)
    return drawn.replace("<svg ", f'<svg class="chart" role="img" aria-label={quoteattr(finding)} ', 1)
