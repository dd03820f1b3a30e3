"""Fill an empty database with twelve weeks that end at an anchor."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from random import Random

from django.db import transaction

from clients.models import Client
from gtm import roles
from gtm.demo import agency, weeks

WEEKS = 12


class DemoRefused(Exception):
    """The database is not one to fill with invented rows; the message says why."""


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Hundreds of thousands of short-lived rows make no cycles worth looking for; not looking saves a tenth."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@transaction.atomic
def fill(anchor: date, *, contacts: int = 250, first_mails: int = 2) -> None:
    """`anchor` is a Monday. `contacts` counts for each client, `first_mails` also for each week. Raises DemoRefused."""
    if anchor.weekday() != 0:
        raise DemoRefused(
            f"{anchor} is no Monday. The last one before it was {anchor - timedelta(days=anchor.weekday())}."
        )
    if Client.objects.exists():
        raise DemoRefused(
            "There are clients already. The demo fills only an empty database, so that nothing real is mixed with it."
        )
    with _without_collecting():
        _fill(anchor, contacts=contacts, first_mails=first_mails)


def _fill(anchor: date, *, contacts: int, first_mails: int) -> None:
    rng = Random(f"demo {anchor}")  # noqa: S311 - a source that can be repeated is what a demo needs
    roles.sync()
    start = anchor - timedelta(weeks=WEEKS)
    opened = agency.open_agency(rng, contacts=contacts, at=weeks.moment(start - timedelta(days=7), 9))
    calendar = weeks.Weeks(opened, rng, start, first_mails)
    for week in range(WEEKS):
        weeks.live_through(calendar, week)
    weeks.monday(calendar, WEEKS)
