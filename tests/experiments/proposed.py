"""Proposals as a look leaves them, for tests of what people do with them."""

from typing import Any

from clients import config
from clients.config.layers import at as value_at
from clients.models import Client
from experiments.models import SettingProposal
from tests.factories import AT

MAX = "custom_fields.max_words"
RATE = {"part": 18, "whole": 20, "rate": 0.9, "low": 0.699, "high": 0.9721}


def make_proposal(client: Client, path: str = MAX, proposed: Any = 90, **values: Any) -> SettingProposal:
    """It rests on what holds for the client at this moment."""
    effective = config.effective(client)
    basis = {
        "rule": "length",
        "own": client.settings.get(path),
        "in_force": {"value": value_at(effective.document, path), "sources": list(effective.origins[path].sources)},
        "evidence": {
            "n": 20,
            "counts": {"edits that shorten": RATE},
            "low": 0.699,
            "high": 0.9721,
            "sentence": "People shortened 18 of 20 of the e-mails they edited.",
            "caveat": "",
            "since": AT.isoformat(),
            "as_of": AT.isoformat(),
            "looked_at": 12,
            "drafts": [],
            "runs": [],
        },
        "expected": {
            "metric": "shortened",
            "label": "drafts shortened",
            "now": RATE,
            "then": None,
            "sentence": "Less to edit.",
        },
        "risk": "Longer e-mails are refused.",
        "made_at": AT,
    }
    return SettingProposal.objects.create(client=client, path=path, proposed=proposed, **basis | values)
