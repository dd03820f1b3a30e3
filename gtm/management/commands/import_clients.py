"""Settings of clients from JSON files: what each file would change, and with --apply, the change itself."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from clients import config
from clients.config import importing, sets
from clients.config.importing import NAMES, FileLook
from clients.models import Client


class Command(BaseCommand):
    help = (
        "Import clients' settings from client_<slug>.json files. Shows what would change; --apply changes it. "
        "A file is imported whole or not at all, and all that can be used are imported as one set, which can be taken "
        "back in the admin. Unknown clients are made, in draft."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help=f"a file, or a folder with files named {NAMES}")
        parser.add_argument("--apply", action="store_true", help="change the clients, not only show what would change")

    def handle(self, *args: Any, path: Path, apply: bool, **options: Any) -> None:
        files = {file.name: _content(file) for file in _files(path)}
        looks = importing.look(files, Client.objects.all(), may_add=True)
        for each in looks:
            self._show(each)
        if apply:
            _apply({each.name: files[each.name] for each in looks if each.changes})
        if refused := [each.name for each in looks if each.problems]:
            raise CommandError(f"Not imported: {', '.join(refused)}. Mend what is said above and run this again.")
        if not apply:
            self.stdout.write("Nothing was changed. Add --apply to import.")

    def _show(self, each: FileLook) -> None:
        for problem in each.problems:
            self.stderr.write(f"{each.name}: {problem}")
        if each.problems:
            return
        self.stdout.write(f"{each.name}: {each.client or f'new client “{each.client_name}” ({each.slug}), in draft'}")
        for change in each.differences:
            self.stdout.write(f"  {change}")
        if each.stays:
            self.stdout.write("  no difference")


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(path.glob(NAMES))
        if not found:
            raise CommandError(f"{path} has no files named {NAMES}. Export a client to get one.")
        return found
    if not path.is_file():
        raise CommandError(f"There is no file or folder {path}.")
    if not path.match(NAMES):
        raise CommandError(f"{path.name} does not say which client it is for. Name it client_<slug>.json.")
    return [path]


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}. Nothing was changed.") from None


def _apply(files: dict[str, bytes]) -> None:
    author = config.Author(None, "Imported from files", timezone.now())
    try:
        if files:
            importing.apply(files, Client.objects.all(), may_add=True, seen=None, author=author)
    except (config.ConfigRefused, sets.SetRefused) as refused:
        raise CommandError(f"Nothing was changed. {refused}") from None
