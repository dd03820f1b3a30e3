"""Recorded bodies and what they must become: tests/payloads/<party>/NAME beside NAME.expected.json.

A CRM's body becomes contacts, records of the party ("contact 123, gone") and outcomes; an outcome sender's, events.
What its reader makes of it before the mapping stands there too (`test_crm_envelopes.py`).
"""

import json

import pytest

from clients.crm import CRMS
from clients.events import SERVICES
from tests.payload_results import CASES, result

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recorded_body_becomes_what_stands_beside_it(path):
    expected = json.loads(path.with_suffix(".expected.json").read_text())

    became = result(path)

    assert became["error"] == expected.get("error", "")
    assert became["status"] == expected.get("status", "applied")
    assert became["contacts"] == expected.get("contacts", [])
    assert became["records"] == expected.get("records", [])
    if path.parent.name in CRMS:
        assert became["outcomes"] == expected.get("outcomes", [])
    else:
        assert became["events"] == expected.get("events", [])


def test_there_are_payloads_of_every_party():
    assert {path.parent.name for path in CASES} == {*CRMS, *SERVICES}
