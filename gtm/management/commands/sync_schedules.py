from typing import Any

from django.core.management.base import BaseCommand

from gtm import schedules


class Command(BaseCommand):
    help = "Makes the queue's schedules equal to gtm/schedules.py."

    def handle(self, *args: Any, **options: Any) -> None:
        for name in schedules.sync():
            self.stdout.write(name)
