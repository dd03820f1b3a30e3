"""Fill an empty database with twelve weeks that end at an anchor."""

from datetime import date, timedelta
from random import Random

from django.db import transaction

from clients.models import Client
from gtm import roles, schedules
from gtm.demo import agency, weeks

WEEKS = 12


class DemoRefused(Exception):
    """The database is not one to fill with invented rows; the message says why."""


@transaction.atomic
def fill(anchor: date, *, contacts: int = 250, first_mails: int = 3) -> None:
    """`anchor` is a Monday. `contacts` counts for each client, `first_mails` also for each week. Raises DemoRefused."""
    if anchor.weekday() != 0:
        raise DemoRefused(
            f"{anchor} is no Monday. The last one before it was {anchor - timedelta(days=anchor.weekday())}."
        )
    if Client.objects.exists():
        raise DemoRefused(
            "There are clients already. The demo fills only an empty database, so that nothing real is mixed with it."
        )
    rng = Random(f"demo {anchor}")  # noqa: S311 - a source that can be repeated is what a demo needs
    roles.sync()
    schedules.sync()
    start = anchor - timedelta(weeks=WEEKS)
    opened = agency.open_agency(rng, contacts=contacts, at=weeks.moment(start - timedelta(days=7), 9))
    calendar = weeks.Weeks(opened, rng, start, first_mails)
    for week in range(WEEKS):
        weeks.live_through(calendar, week)
    weeks.monday(calendar, WEEKS)
