import json
import logging
import sys

import pytest
from django.http import HttpResponse

from gtm import logs


def line(message: str, *args: object, level: int = logging.INFO, **kept: object) -> dict[str, object]:
    record = logging.LogRecord("clients.inbox", level, __file__, 1, message, args, kept.pop("exc_info", None))
    vars(record).update(kept)
    return json.loads(logs.JsonFormatter().format(record))


def test_a_line_says_when_how_grave_who_and_what():
    said = line("Stored %s for %s", "delivery 7", "acme", level=logging.WARNING)

    assert said.pop("timestamp").endswith("Z")
    assert said == {"level": "warning", "logger": "clients.inbox", "message": "Stored delivery 7 for acme"}


def test_ids_bound_around_a_block_stand_in_every_line_inside_it_only():
    with logs.bound(run=12, client="acme"):
        inside = line("Asked the model")
    outside = line("Done")

    assert (inside["run"], inside["client"]) == (12, "acme")
    assert not {"run", "client"} & outside.keys()


def test_extra_values_and_a_traceback_are_kept_and_what_json_cannot_hold_becomes_text():
    try:
        raise ValueError("no such party")
    except ValueError:
        said = line("Refused", exc_info=sys.exc_info(), party={1})

    assert said["party"] == "{1}"
    assert said["exception"].splitlines()[-1] == "ValueError: no such party"


@pytest.mark.parametrize("sent", ["abc-1", "x" * 200])
def test_the_callers_request_id_is_bound_and_comes_back(rf, sent):
    seen: list[object] = []
    answer = logs.RequestId(lambda request: seen.append(line("Working")["request"]) or HttpResponse())

    response = answer(rf.get("/", headers={"X-Request-ID": sent}))

    assert seen == [sent[:64]]
    assert response["X-Request-ID"] == sent[:64]


def test_a_request_without_a_usable_id_gets_one_of_its_own(rf):
    answer = logs.RequestId(lambda request: HttpResponse())

    made = [answer(rf.get("/", headers={"X-Request-ID": sent}))["X-Request-ID"] for sent in ("", "evil\nid", "")]

    assert len({*made}) == 3
    assert all(len(one) == 32 for one in made)
