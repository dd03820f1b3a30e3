"""Settings of clients from JSON files: what each file would change, and with --apply, the change itself."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from clients import config
from clients.config import ConfigRefused, Problem
from clients.models import Client

NAMES = "client_*.json"


class Command(BaseCommand):
    help = (
        "Import clients' settings from client_<slug>.json files. Shows what would change; --apply changes it. "
        "A file is imported whole or not at all. Unknown clients are made, in draft."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help=f"a file, or a folder with files named {NAMES}")
        parser.add_argument("--apply", action="store_true", help="change the clients, not only show what would change")

    def handle(self, *args: Any, path: Path, apply: bool, **options: Any) -> None:
        refused = [file for file in _files(path) if not self._import(file, apply=apply)]
        if refused:
            names = ", ".join(file.name for file in refused)
            raise CommandError(f"Not imported: {names}. Mend what is said above and run this again.")
        if not apply:
            self.stdout.write("Nothing was changed. Add --apply to import.")

    def _import(self, file: Path, *, apply: bool) -> bool:
        """False when the file is refused; its client is then as before."""
        try:
            document, client = _read(file), Client.objects.filter(slug=_slug(file)).first()
            before = config.export(client) if client else None
            changes = config.differences(before, config.nested(config.parse(document)))
            self._show(file, client, changes)
            if apply:
                _apply(file, document, client)
        except ConfigRefused as refused:
            for problem in refused.problems:
                self.stderr.write(f"{file.name}: {problem}")
            return False
        return True

    def _show(self, file: Path, client: Client | None, changes: list[config.Difference]) -> None:
        self.stdout.write(f"{file.name}: {client or f'new client “{_name(file)}” ({_slug(file)}), in draft'}")
        for change in changes:
            self.stdout.write(f"  {change}")
        if not changes:
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


def _read(file: Path) -> Any:  # noqa: ANN401 - whatever JSON says
    """Raises ConfigRefused."""
    try:
        return config.read(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise ConfigRefused([Problem("", "The file is not UTF-8 text.", "Save it in UTF-8.")]) from None
    except OSError as error:
        raise ConfigRefused([Problem("", f"The file cannot be read: {error.strerror}.")]) from None


def _apply(file: Path, document: Any, client: Client | None) -> None:  # noqa: ANN401 - read, not yet checked
    at = timezone.now()
    if client is None:
        config.create_client(document, slug=_slug(file), name=_name(file), by=None, at=at)
    else:
        config.apply(document, client=client, by=None, reason=f"Imported from {file.name}", at=at)


def _slug(file: Path) -> str:
    return file.stem.removeprefix("client_").replace("_", "-").casefold()


def _name(file: Path) -> str:
    return _slug(file).replace("-", " ").title()
