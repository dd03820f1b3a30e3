"""Many clients' settings from JSON files: what each file would change is looked at first, then all of it is made at
once or not at all. `manage.py import_clients` and the page read files the same way."""

import hashlib
import json
import stat
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import transaction
from django.db.models import QuerySet

from clients.config import comparing, documents, sets, stored, writing
from clients.config.documents import Difference
from clients.config.problems import ConfigRefused, Problem
from clients.models import ChangeSet, Client

NAMES = "client_*.json"
MOST_FILES = 200
LARGEST_FILE = 200_000  # bytes of one document
LARGEST = 1_500_000  # bytes of all of them together, unpacked
LARGEST_ZIP = 2_000_000
LONGEST_SLUG = 60


class FilesRefused(Exception):
    """What was uploaded cannot be read at all; the text says why and what to do."""


@dataclass(frozen=True)
class FileLook:
    """What becomes of one file. `client` None: it makes one. `problems` say why it cannot be used."""

    name: str
    client: Client | None = None
    said: Mapping[str, Any] | None = None
    differences: tuple[Difference, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def slug(self) -> str:
        return slug_of(self.name)

    @property
    def client_name(self) -> str:
        return self.client.name if self.client else name_of(self.slug)

    @property
    def is_new(self) -> bool:
        return self.client is None and not self.problems

    @property
    def stays(self) -> bool:
        return not self.problems and not self.is_new and not self.differences

    @property
    def changes(self) -> bool:
        return not self.problems and not self.stays


def slug_of(file_name: str) -> str:
    """client_acme_bank.json is of acme-bank."""
    return PurePosixPath(file_name).stem.removeprefix("client_").replace("_", "-").casefold()


def name_of(slug: str) -> str:
    return slug.replace("-", " ").title()


def look(files: Mapping[str, bytes], clients: QuerySet[Client], *, may_add: bool) -> list[FileLook]:
    """What each file {name: content} would change, in the order of their names. `clients` are those that whoever asks
    may change; a file of another one is refused, and so is one of a new client where `may_add` is False."""
    slugs = {name: slug_of(name) for name in sorted(files)}
    rows = {each.slug: each for each in clients.select_related("industry").filter(slug__in=slugs.values())}
    others = set(Client.objects.filter(slug__in=slugs.values()).values_list("slug", flat=True)) - rows.keys()
    stand, found = stored.stand(), []
    for name, slug in slugs.items():
        client = rows.get(slug)
        refused = [
            *_misnamed(name, list(slugs.values())),
            *([] if client else _not_made(slug, others, may_add=may_add)),
        ]
        found.append(
            FileLook(name, client, problems=(refused[0],)) if refused else _look(name, files[name], client, stand)
        )
    return found


def mark(seen: FileLook) -> str:
    """A digest of what somebody looked at of one file: another one means that something moved."""
    client = (seen.client.pk, seen.client.revision) if seen.client else None
    told = [seen.name, client, seen.said, seen.differences, seen.problems]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


@transaction.atomic
def apply(
    files: Mapping[str, bytes],
    clients: QuerySet[Client],
    *,
    may_add: bool,
    seen: Mapping[str, str] | None,
    author: writing.Author,
) -> ChangeSet:
    """Make all that the files say, as one set. `seen` is {file: mark} of what the person looked at; None: nobody has.

    Raises sets.Moved where it is not that any more, sets.SetRefused where a file cannot be used or nothing would
    change; nothing is changed then.
    """
    slugs = [slug_of(name) for name in files]
    sets.locked(clients.filter(slug__in=slugs).values_list("pk", flat=True))
    looks = look(files, clients, may_add=may_add)
    if seen is not None and any(mark(each) != seen.get(each.name) for each in looks):
        raise sets.Moved
    if wrong := [each.name for each in looks if each.problems]:
        raise sets.SetRefused(f"Nothing was imported. Mend these files or leave them out: {', '.join(wrong)}.")
    changing = [each for each in looks if each.changes]
    if not changing:
        raise sets.SetRefused("The settings are exactly these already. There is nothing to import.")
    made = sets.begin(ChangeSet.Kind.IMPORT, in_words(changing), author)
    for each in changing:
        _make(made, each, author)
    return made


def in_words(looks: Sequence[FileLook]) -> str:
    new = sum(each.is_new for each in looks)
    parts = [(len(looks) - new, "changed"), (new, "made")]
    told = [f"{count} {'client' if count == 1 else 'clients'} {how}" for count, how in parts if count]
    return f"Import from JSON: {', '.join(told)}"


def _make(made: ChangeSet, each: FileLook, author: writing.Author) -> None:
    assert each.said is not None  # only what can be used comes here
    if each.client is None:
        client = writing.create(each.said, slug=each.slug, name=each.client_name, author=author)
        sets.enter(made, client, {}, author, is_new=True)
        return
    before = sets.said_of(each.client)
    writing.put_said(each.client, each.said, author)
    sets.enter(made, each.client, before, author)


def _look(name: str, content: bytes, client: Client | None, stand: stored.Stand) -> FileLook:
    try:
        said, changes = comparing.compare(documents.read(_text_of(content)), client, stand)
    except ConfigRefused as refused:
        return FileLook(name, client, problems=tuple(refused.problems))
    return FileLook(name, client, said, tuple(changes))


def _misnamed(name: str, slugs: Sequence[str]) -> Iterator[Problem]:
    slug = slug_of(name)
    if not PurePosixPath(name).match(NAMES) or not slug:
        yield Problem("", "The name does not say which client it is for.", f"Name it {NAMES.replace('*', '<slug>')}.")
    elif slugs.count(slug) > 1:
        yield Problem("", "Two of the files are for this client.", "Keep one of them.")


def _not_made(slug: str, others: set[str], *, may_add: bool) -> Iterator[Problem]:
    try:
        validate_slug(slug)
    except ValidationError:
        yield Problem("", f"“{slug}” is no short name of a client.", "Use small letters, numbers and hyphens.")
        return
    if len(slug) > LONGEST_SLUG:
        yield Problem("", f"The short name in it is longer than {LONGEST_SLUG} characters.", "Shorten it.")
    elif slug in others:
        yield Problem("", f"The short name {slug} is taken.", "Choose another one, or ask an operator.")
    elif not may_add:
        yield Problem("", f"There is no client {slug}, and your role cannot make one.", "Ask an operator.")


def _text_of(content: bytes) -> str:
    if len(content) > LARGEST_FILE:
        raise ConfigRefused([Problem("", f"It is larger than {LARGEST_FILE // 1000} kB.", "Start from an export.")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigRefused([Problem("", "The file is not UTF-8 text.", "Save it in UTF-8.")]) from None


# --- what people upload


def unpacked(uploads: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """{file name: content} of the uploads (name, content), of which any may be a zip of files. Nothing is written to a
    disk. Raises FilesRefused for more or larger files than an agency has, and for a zip that is made to do harm."""
    files: dict[str, bytes] = {}
    for name, content in uploads:
        for inner, text in _files_of(name, content):
            if inner in files:
                raise FilesRefused(f"{inner} stands twice among the files. Keep one of them.")
            files = bounded({**files, inner: text})
    return bounded(files)


def bounded(files: dict[str, bytes]) -> dict[str, bytes]:
    """The same files. Raises FilesRefused where there are none, too many, or too large ones."""
    if not files:
        raise FilesRefused(f"Choose .json files named {NAMES.replace('*', '<slug>')}, or one .zip of them.")
    if len(files) > MOST_FILES:
        raise FilesRefused(f"There are more than {MOST_FILES} files. Import them in several parts.")
    if sum(map(len, files.values())) > LARGEST:
        raise FilesRefused("The files are larger than 1.5 MB together. Import them in several parts.")
    return files


def _files_of(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    if not name.casefold().endswith(".zip"):
        yield _base(name), content[: LARGEST_FILE + 1]
        return
    if len(content) > LARGEST_ZIP:
        raise FilesRefused(f"{name} is larger than {LARGEST_ZIP // 1_000_000} MB. Import the files in several parts.")
    try:
        with ZipFile(BytesIO(content)) as archive:
            entries = [each for each in archive.infolist() if not _is_clutter(each)]
            if len(entries) > MOST_FILES:
                raise FilesRefused(f"{name} holds more than {MOST_FILES} files. Import them in several parts.")
            for each in entries:
                yield _base(each.filename), _read(archive, each)
    except (BadZipFile, NotImplementedError, EOFError, OSError, zlib.error):
        raise FilesRefused(f"{name} cannot be read as a zip. Pack the files again, without a password.") from None


def _read(archive: ZipFile, entry: ZipInfo) -> bytes:
    """Never more than a document may have, whatever the archive claims."""
    if entry.flag_bits & 0x1:
        raise FilesRefused(f"{entry.filename} is locked with a password. Pack the files without one.")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise FilesRefused(f"{entry.filename} is a link to another file. Pack the files themselves.")
    if entry.file_size > LARGEST_FILE:
        raise FilesRefused(f"{entry.filename} is larger than {LARGEST_FILE // 1000} kB unpacked. No settings are.")
    with archive.open(entry) as stream:
        return stream.read(LARGEST_FILE + 1)


def _is_clutter(entry: ZipInfo) -> bool:
    """Folders, and what a desktop adds to them."""
    path = PurePosixPath(entry.filename)
    return entry.is_dir() or "__MACOSX" in path.parts or path.name.startswith(".")


def _base(name: str) -> str:
    """The file's own name. Files may stand in a folder; a path that leads out of one is refused."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or not name.isprintable():
        raise FilesRefused("A file's name in it leads somewhere else. Pack the folder again by yourself.")
    if path.suffix.casefold() != ".json":
        raise FilesRefused(f"{path.name} is no JSON file. Choose .json files, or one .zip of them.")
    return path.name
