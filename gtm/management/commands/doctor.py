import json

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from gtm import doctor


class Command(BaseCommand):
    help = "Says what is broken, what it means and what to do. Ends with 1 when something is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="One JSON object instead of text.")

    def handle(self, *args: object, **options: object) -> None:
        findings = doctor.examine(timezone.now())
        if options["json"]:
            checks = [found.as_dict() for found in findings]
            self.stdout.write(json.dumps({"ready": doctor.is_ready(findings), "checks": checks}))
        else:
            for found in findings:
                self._tell(found)
        if not doctor.is_ready(findings):
            raise SystemExit(1)

    def _tell(self, found: doctor.Finding) -> None:
        style = {"ok": self.style.SUCCESS, "warn": self.style.WARNING, "fail": self.style.ERROR}[found.state]
        self.stdout.write(f"{style(found.state.upper().ljust(4))}  {found.name}: {found.meaning}")
        if found.remedy:
            self.stdout.write(f"      → {found.remedy}")
