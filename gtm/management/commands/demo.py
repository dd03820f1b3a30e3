from argparse import ArgumentParser
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from gtm.demo import fill


class Command(BaseCommand):
    help = "Fills an empty database with the invented agency's last twelve weeks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--anchor",
            type=date.fromisoformat,
            help="The Monday the weeks end at, as 2026-11-16; by default the last one.",
        )
        parser.add_argument("--contacts", type=int, default=250, help="People a client.")
        parser.add_argument("--first-mails", type=int, default=2, help="First e-mails a client and week.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo's logins are for a laptop. With DEBUG off nothing was filled.")
        today = timezone.localdate()
        anchor = options["anchor"] or today - timedelta(days=today.weekday())
        try:
            fill.fill(anchor, contacts=options["contacts"], first_mails=options["first_mails"])
        except fill.DemoRefused as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(f"Filled twelve weeks that end on {anchor}.")
