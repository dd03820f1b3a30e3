"""How alike two people are on paper: enough to ask a person, never enough to decide."""

from datetime import timedelta

import pytest

from clients import likeness
from tests.factories import AT


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Jon Smith", "John Smyth", True),
        ("JON SMITH", "smith, jon", True),
        ("Søren Müller", "Soren Muller", True),
        ("Jörg Weiß", "Jorg Weiss", True),
        ("Ada Lee", "Ben Stone", False),
        ("Load Test 17", "Load Test 18", False),
        ("Ada", "Ada", False),
        ("", "Ada Lee", False),
    ],
)
def test_names_are_compared_folded_and_in_either_order(one, other, alike):
    assert (likeness.names_alike(likeness.person(one), likeness.person(other)) >= likeness.LIKE) is alike


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("northwind.example", "Northwind"), ("mail.northwind.example", ""), True),
        (("northwind.example", "Northwind"), ("south.example", "Northwind"), False),
        (("", "ACME, Inc."), ("", "Acme"), True),
        (("", "Müller & Söhne GmbH"), ("mueller.example", "Muller Sohne"), True),
        (("gmail.com", ""), ("gmail.com", ""), False),
        (("", ""), ("", ""), False),
    ],
)
def test_a_company_is_the_same_by_its_domain_else_by_its_name(one, other, same):
    assert likeness.same_company(likeness.person("", *one), likeness.person("", *other)) is same


def test_a_name_alone_is_never_enough():
    ada = likeness.person("Ada Lee", "a.example")

    assert not likeness.is_similar(likeness.person("Ada Lee"), likeness.person("Ada Lee"))
    assert not likeness.is_similar(ada, likeness.person("Ada Lee", "b.example"))
    assert likeness.is_similar(ada, likeness.person("Ada Lee", "www.a.example", "A"))


def test_a_field_flaps_after_more_than_four_changes_in_ten_minutes():
    def said(values, minutes=1):
        return [(AT - timedelta(minutes=minutes * back), value) for back, value in enumerate(values)]

    assert likeness.is_flapping(said("ABABAB"), AT)
    assert not likeness.is_flapping(said("ABABA"), AT)
    assert not likeness.is_flapping(said("AAAAAAAB"), AT)
    assert not likeness.is_flapping(said("ABABAB", minutes=3), AT)
