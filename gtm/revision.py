"""The commit that a checkout stands at. Runs keep it, so that they can be understood after the code has moved on.

It is read from git's files, because a server need not have the program: a branch stands in a file of its own until git
packs it; a worktree has a head of its own, and shares the branches of the checkout that it was made from.
"""

import re
from pathlib import Path

COMMIT = re.compile("[0-9a-f]{40,64}")
LONGEST = 40


def of(root: Path) -> str:
    """Empty where git does not tell."""
    git = root / ".git"
    if git.is_file():
        git = root / _text(git).removeprefix("gitdir: ")
    head = _text(git / "HEAD")
    if head.startswith("ref: "):
        head = _branch(git / (_text(git / "commondir") or "."), head.removeprefix("ref: "))
    return head[:LONGEST] if COMMIT.fullmatch(head) else ""


def _branch(git: Path, name: str) -> str:
    packed = (line.partition(" ") for line in _text(git / "packed-refs").splitlines())
    return _text(git / name) or next((commit for commit, _, known in packed if known == name), "")


def _text(path: Path) -> str:
    """Empty where the file is not there, or not ours to read: a start without a revision is better than none."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
