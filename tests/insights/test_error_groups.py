from datetime import UTC, datetime, timedelta

import pytest

from insights.error_groups import Occurrence, fingerprint, grouped, masked

AT = datetime(2026, 11, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("No answer after 5.0 s (3 tries).", "No answer after 12.5 s (1 tries)."),
        ("Bounced: ada.lee+crm@northwind-bank.example", "Bounced: ben@harbour.example"),
        ("GET https://api.example/v5/x?y=1 gave 503", "GET https://api.example/v9 gave 502"),
        ("Run 3f2504e0-4f89-11d3-9a0c-0305e82c3301 is lost", "Run 9a0c04e0-4f89-11d3-9a0c-0305e82c3301 is lost"),
        ("req_011CSHoEeqs5C35K2UUqR7Fy failed", "req_022DSHoEeqs5C35K2UUqR7Gz failed"),
        ("“Acme Health” says no", "“Northwind” says no"),
        ("No data for northwind-bank.example", "No data for harbour.example"),
        ("Too late at 2026-11-16T09:00:00Z", "Too late at 2026-01-02 10:30"),
        ("Timed  out", "Timed out"),
    ],
)
def test_messages_that_say_the_same_are_one_group(one, other):
    assert masked(one) == masked(other)
    assert fingerprint("failed_steps", one) == fingerprint("failed_steps", other)


def test_different_words_are_different_groups():
    assert masked("The model refused.") != masked("The model did not answer.")


def test_the_same_words_at_another_place_are_another_group():
    assert fingerprint("failed_steps:email_agent", "Timed out") != fingerprint("source_failures:newsapi", "Timed out")


def test_no_address_of_a_person_survives_the_masks():
    assert "ada" not in masked("Could not write to Ada.Lee@northwind-bank.example, see mailto:ada@x.example")


def test_only_the_first_line_counts_and_it_is_cut():
    assert masked("First.\nSecond.") == "First."
    assert len(masked("word " * 200)) <= 160
    assert masked("") == "No message"


def test_the_commonest_group_stands_first_with_its_newest_row_first():
    rows = [
        Occurrence("failed_steps", 1, "Timed out after 3 s", AT, 1),
        Occurrence("failed_steps", 2, "Refused", AT + timedelta(hours=1), 1),
        Occurrence("failed_steps", 3, "Timed out after 9 s", AT + timedelta(hours=2), 2),
    ]

    found = grouped(rows)

    assert [(group.message, group.count) for group in found] == [("Timed out after <n> s", 2), ("Refused", 1)]
    assert [row.row for row in found[0].occurrences] == [3, 1]
    assert found[0].first_at == AT
