"""A neighbourhood as a picture: whoever is asked about in the middle, the rest on rings by their distance. Pure."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agents_app.entities.nearby import Neighbourhood, Node, Tie

WIDTH, HEIGHT = 480, 340
RINGS = ((0, 0), (110, 85), (170, 140))  # half axes of each ring, pixels
MOST = 28  # nodes that are drawn; the table beside names all
LONGEST = 18  # letters of a label


class Spot(NamedTuple):
    """A node in its place; `anchor` is where its label begins: start, middle or end."""

    node: Node
    label: str
    x: float
    y: float
    anchor: str


class Line(NamedTuple):
    tie: Tie
    x1: float
    y1: float
    x2: float
    y2: float


class Picture(NamedTuple):
    """`left_out`: nodes that found no room."""

    width: int
    height: int
    spots: Sequence[Spot]
    lines: Sequence[Line]
    left_out: int


def drawn(found: Neighbourhood) -> Picture:
    """The nearest nodes, each ring evenly spread; who hangs on the same node stands beside each other."""
    shown = list(found.nodes)[:MOST]
    near = {node.id for node in shown}
    ties = [tie for tie in found.ties if tie.subject in near and tie.object in near]
    angles: dict[int, float] = {}
    for hops in range(1, len(RINGS)):
        _spread(_ring(shown, hops), ties, angles)
    spots = {node.id: _spot(node, angles.get(node.id, 0.0)) for node in shown}
    lines = [_line(tie, spots) for tie in ties]
    return Picture(WIDTH, HEIGHT, list(spots.values()), lines, len(found.nodes) - len(shown))


def _ring(nodes: Sequence[Node], hops: int) -> list[Node]:
    last = len(RINGS) - 1
    return [node for node in nodes if node.hops == hops or (hops == last and node.hops > last)]


def _spread(ring: Sequence[Node], ties: Sequence[Tie], angles: dict[int, float]) -> None:
    """`angles` are those of the rings inside; this ring's are added."""
    nearer = {**angles}
    order = sorted(ring, key=lambda node: (_pull(node, ties, nearer), node.kind, node.name, node.id))
    for number, node in enumerate(order):
        angles[node.id] = -math.pi / 2 + 2 * math.pi * number / len(order)


def _pull(node: Node, ties: Sequence[Tie], angles: Mapping[int, float]) -> float:
    """The angle of the first node further in that it hangs on."""
    for tie in ties:
        other = tie.object if tie.subject == node.id else tie.subject if tie.object == node.id else None
        if other is not None and other in angles:
            return angles[other]
    return math.inf


def _spot(node: Node, angle: float) -> Spot:
    across, down = RINGS[min(node.hops, len(RINGS) - 1)]
    x, y = WIDTH / 2 + across * math.cos(angle), HEIGHT / 2 + down * math.sin(angle)
    label = node.name if len(node.name) <= LONGEST else f"{node.name[: LONGEST - 1]}…"
    side = math.cos(angle) if node.hops else 0.0
    anchor = "start" if side < -0.6 else "end" if side > 0.6 else "middle"
    return Spot(node, label, round(x, 1), round(y, 1), anchor)


def _line(tie: Tie, spots: Mapping[int, Spot]) -> Line:
    one, other = spots[tie.subject], spots[tie.object]
    return Line(tie, one.x, one.y, other.x, other.y)
