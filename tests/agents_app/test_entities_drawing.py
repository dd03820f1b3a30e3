from agents_app.entities import drawing
from agents_app.entities.nearby import Neighbourhood, Node, Tie


def around(count, *ties):
    nodes = [Node(1, "company", "Acme", 0), *(Node(n, "person", f"P{n}", 1) for n in range(2, count + 2))]
    return Neighbourhood(nodes, [Tie(n, 1, "works_at", n) for n in range(2, count + 2)] + list(ties), is_cut=False)


def test_whoever_is_asked_about_stands_in_the_middle_and_all_lines_end_at_nodes():
    picture = drawing.drawn(around(5))

    assert (picture.spots[0].x, picture.spots[0].y) == (picture.width / 2, picture.height / 2)
    places = {(spot.x, spot.y) for spot in picture.spots}
    assert len(places) == 6
    assert {(line.x1, line.y1) for line in picture.lines} | {(line.x2, line.y2) for line in picture.lines} <= places


def test_all_that_is_drawn_lies_inside_the_picture():
    picture = drawing.drawn(around(27))

    assert all(0 < spot.x < picture.width and 12 < spot.y < picture.height for spot in picture.spots)


def test_what_finds_no_room_is_counted():
    picture = drawing.drawn(around(drawing.MOST + 4))

    assert (len(picture.spots), picture.left_out) == (drawing.MOST, 5)


def test_who_hangs_on_the_same_node_stands_side_by_side():
    far = [Node(10, "technology", "A", 2), Node(11, "technology", "B", 2), Node(12, "technology", "C", 2)]
    ties = [
        Tie(1, 1, "uses", 2),
        Tie(2, 1, "uses", 3),
        Tie(3, 2, "uses", 10),
        Tie(4, 3, "uses", 11),
        Tie(5, 2, "uses", 12),
    ]
    nodes = [Node(1, "company", "Acme", 0), Node(2, "company", "One", 1), Node(3, "company", "Two", 1), *far]

    picture = drawing.drawn(Neighbourhood(nodes, ties, is_cut=False))

    outer = [spot.node.name for spot in picture.spots if spot.node.hops == 2]
    angles = {spot.node.name: (spot.x, spot.y) for spot in picture.spots}
    assert sorted(outer) == ["A", "B", "C"]
    assert len(set(angles.values())) == 6


def test_a_long_name_is_cut_on_its_label_only():
    picture = drawing.drawn(
        Neighbourhood([Node(1, "company", "An Exceedingly Long Company Name", 0)], [], is_cut=False)
    )

    [spot] = picture.spots
    assert (spot.label, spot.node.name) == ("An Exceedingly Lo…", "An Exceedingly Long Company Name")
