"""When two values in words are the same value."""

import pytest

from agents_app.research import agree


@pytest.mark.parametrize(
    ("attribute", "one", "other", "same"),
    [
        ("name", "Northwind Bank plc", "NORTHWIND BANK", True), ("name", "Müller & Co. KG", "Muller", True),
        ("name", "Northwind Bank", "Northwind Insurance", False), ("name", "AG", "ag", True), ("parent", "Harrow Ltd", "Harrow Limited", True),
        ("industry", "computer-software", "computer software", True), ("location", "Köln, Germany", "Koln, Germany", True),
        ("location", "Leeds, United Kingdom", "Leeds, United States", False),
        ("technology", "Node.js", "NodeJS", True), ("technology", "C", "C++", False), ("technology", "C#", "C", False),
        ("person", "Lena Vogt, CFO", "Lena Vogt, Chief Financial Officer", True), ("person", "Lena Vogt, VP Sales", "Lena Vogt, VP of Sales", True),
        ("person", "Lena Vogt, CFO", "Lena Vogt, CTO", False), ("person", "Lena Vogt, CFO", "Anna Vogt, CFO", False),
        ("news", "Arden opens: a “hub”", "Arden opens a hub", True), ("news", "???", "!!!", False),
        ("filing", "10-K", "10-Q", False), ("github_org", "north_wind", "north-wind", False), ("lei", "ABC", "abc", True),
        ("headcount", "51-200", "51,200", False), ("headcount", "1,240", "1,200", True), ("founded_year", "2009", "2010", False),
    ],
)  # fmt: skip
def test_values_agree_when_they_say_the_same_in_other_words(attribute, one, other, same):
    assert agree(attribute, one, other) is agree(attribute, other, one) is same
