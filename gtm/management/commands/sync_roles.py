from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gtm import roles


class Command(BaseCommand):
    help = "Makes the groups in the database equal to the table of roles. Running it again changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            for name, count in roles.sync().items():
                self.stdout.write(f"{name}: {count} permissions")
        except roles.RolesOutOfStep as error:
            raise CommandError(str(error)) from error
