"""What stands beside the models' tables: tasks of the queue, sessions, and e-mails of the dry run on disk.

All of it is read from one end to the other: the queue keeps a few hundred tasks, a session lives twelve hours.
"""

import re
from collections import Counter
from pathlib import Path

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django_q.models import OrmQ, Task

from clients.erasure.words import GONE, Words, texts

FILES = "django.core.mail.backends.filebased.EmailBackend"
RULE = re.compile(rb"(?m)^-{79}$\n?")  # what that backend writes after each message


def scrub(words: Words) -> Counter[str]:
    """How many of each were changed."""
    if words.sure_pattern is None:
        return Counter()
    done = Counter(
        {"django_q.Task": _tasks(words), "django_q.OrmQ": _queue(words), "sessions.Session": _sessions(words)}
    )
    done["e-mails of the dry run"] = _mails(words)
    return +done


def _tasks(words: Words) -> int:
    """What a task was given, and what it ended with: the trace of a fault may quote a row."""
    changed = 0
    for task in Task.objects.only("pk", "args", "kwargs", "result"):
        told = (task.args, task.kwargs, task.result)
        if words.speak_in([str(each) for each in told]):
            values = {"args": (), "kwargs": {}, "result": words.taken_out(str(task.result), own=False)}
            changed += int(Task.objects.filter(pk=task.pk).update(**values))
    return changed


def _queue(words: Words) -> int:
    """A queued row only rings a bell, and the sweep rings again: one that speaks of the person can go."""
    lost = [row.pk for row in OrmQ.objects.all() if words.speak_in(str(row.task))]
    return int(OrmQ.objects.filter(pk__in=lost).delete()[0])


def _sessions(words: Words) -> int:
    """Messages that wait for their page, among what a session holds; whoever is signed in stays so."""
    changed = 0
    for session in Session.objects.all():
        store = SessionStore(session.session_key)
        held = session.get_decoded()
        lost = [name for name, value in held.items() if words.speak_in(value)]
        if lost:
            kept = {name: value for name, value in held.items() if name not in lost}
            changed += Session.objects.filter(pk=session.pk).update(session_data=store.encode(kept))
    return changed


def _mails(words: Words) -> int:
    if settings.EMAIL_BACKEND != FILES:
        return 0
    folder = Path(settings.EMAIL_FILE_PATH)
    return sum(_mail_file(path, words) for path in sorted(folder.glob("*.log"))) if folder.is_dir() else 0


def _mail_file(path: Path, words: Words) -> int:
    """A message that names the person goes; the others of its file stay."""
    messages = RULE.split(path.read_bytes())
    kept = [GONE.encode() + b"\n" if words.speak_in(_read(each)) else each for each in messages]
    changed = sum(int(before != after) for before, after in zip(messages, kept, strict=True))
    if changed:
        path.write_bytes((b"-" * 79 + b"\n").join(kept))
    return changed


def _read(message: bytes) -> list[str]:
    """The text, with the soft breaks of quoted-printable taken out."""
    return list(texts(message.decode(errors="replace").replace("=\n", "")))
