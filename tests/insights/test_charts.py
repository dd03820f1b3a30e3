import re
from datetime import date, timedelta
from xml.etree import ElementTree

import pytest

from insights import charts
from insights.payload import AgentWeek, WeekRow, rate

MONDAYS = [date(2026, 9, 14) + timedelta(weeks=n) for n in range(9)]


def drawn(weeks=9):
    rows = [
        WeekRow(
            week=day.isoformat(),
            until=day.isoformat(),
            sent=100 + n,
            replies=rate(5 + n, 100 + n, mature=n < 7),
            meetings=rate(1, 100 + n),
        )
        for n, day in enumerate(MONDAYS[:weeks])
    ]
    agents = [
        AgentWeek(week=day.isoformat(), agent=name, steps=9, confidence=0.6 + n / 50)
        for n, day in enumerate(MONDAYS[:weeks])
        for name in ("Research", "E-mail")
    ]
    findings = {"replies": 'Answers <rose> & "stayed"', "confidence": "Mean confidence of each agent."}
    return charts.draw({"weeks": rows, "agent_weeks": agents, "findings": findings})


@pytest.fixture(scope="module")
def pictures():
    return drawn()


@pytest.mark.parametrize("name", ["replies", "confidence"])
def test_a_chart_needs_no_style_no_script_and_nothing_from_elsewhere(pictures, name):
    svg = pictures[name]
    addresses = set(re.findall(r'https?://[^"\s]+', svg))

    assert not re.search(r"<style|style=|<script|\son\w+=|<image|<foreignObject|url\(", svg)
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


@pytest.mark.parametrize("name", ["replies", "confidence"])
def test_a_chart_is_one_picture_with_a_finding_to_say(pictures, name):
    root = ElementTree.fromstring(pictures[name])

    assert root.get("role") == "img"
    assert root.get("aria-label")
    assert [node.tag for node in root.iter() if node is not root and (node.get("role") or node.get("aria-label"))] == []
    assert root.get("width") is None
    assert root.get("viewBox")


def test_a_finding_keeps_its_words_whatever_they_are(pictures):
    assert ElementTree.fromstring(pictures["replies"]).get("aria-label") == 'Answers <rose> & "stayed"'


@pytest.mark.parametrize("name", ["replies", "confidence"])
def test_text_takes_the_pages_own_colour(pictures, name):
    words = [node for node in ElementTree.fromstring(pictures[name]).iter() if node.tag.endswith("text")]

    assert words
    assert {node.get("fill") for node in words} == {"currentColor"}


def test_the_same_figures_give_the_same_bytes(pictures):
    assert drawn() == pictures


def test_one_week_is_no_line():
    assert drawn(weeks=1) == {}
