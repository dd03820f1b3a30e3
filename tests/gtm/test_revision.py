"""Which commit a run was made by, however git keeps the head of the checkout."""

import os
import shutil
import subprocess
import sys

import pytest
from django.conf import settings

from gtm import revision

COMMIT, OTHER = "1a2b3c4d" * 5, "0f" * 20


def checkout(root, **files):
    """A folder with these files in its `.git`."""
    for name, text in files.items():
        path = root / ".git" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_branch_in_a_file_of_its_own_is_read(tmp_path):
    root = checkout(tmp_path, HEAD="ref: refs/heads/a/b\n", **{"refs/heads/a/b": f"{COMMIT}\n"})

    assert revision.of(root) == COMMIT


def test_a_branch_that_git_packed_is_found_by_its_whole_name(tmp_path):
    packed = f"# pack-refs with: peeled fully-peeled sorted \n{OTHER} refs/heads/main-2\n{COMMIT} refs/heads/main\n^{OTHER}\n"

    assert revision.of(checkout(tmp_path, HEAD="ref: refs/heads/main\n", **{"packed-refs": packed})) == COMMIT


def test_a_branch_that_moved_on_after_it_was_packed_is_read_from_its_own_file(tmp_path):
    files = {"packed-refs": f"{OTHER} refs/heads/main\n", "refs/heads/main": f"{COMMIT}\n"}

    assert revision.of(checkout(tmp_path, HEAD="ref: refs/heads/main\n", **files)) == COMMIT


def test_a_detached_head_is_the_commit_itself(tmp_path):
    assert revision.of(checkout(tmp_path, HEAD=f"{COMMIT}\n")) == COMMIT


def test_a_longer_hash_is_cut_to_what_a_run_can_keep(tmp_path):
    assert revision.of(checkout(tmp_path, HEAD="ab" * 32)) == "ab" * 20


@pytest.mark.parametrize("where", ["/elsewhere/main/.git/worktrees/side", "../main/.git/worktrees/side"])
def test_a_worktree_has_its_own_head_and_the_branches_of_its_checkout(where, tmp_path):
    files = {
        "HEAD": "ref: refs/heads/main\n",
        "refs/heads/main": OTHER,
        "packed-refs": f"{COMMIT} refs/heads/side\n",
        "worktrees/side/HEAD": "ref: refs/heads/side\n",
        "worktrees/side/commondir": "../..\n",
    }
    checkout(tmp_path / "main", **files)
    (tmp_path / "side").mkdir()
    (tmp_path / "side" / ".git").write_text(f"gitdir: {where.replace('/elsewhere', str(tmp_path))}\n")

    assert revision.of(tmp_path / "side") == COMMIT


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"HEAD": ""},
        {"HEAD": "ref: refs/heads/main\n"},
        {"HEAD": "ref: refs/heads/main\n", "refs/heads/main": "ref: refs/heads/other\n"},
        {"HEAD": "ref: refs/heads/.invalid\n", "reftable/tables.list": "1.ref\n"},
        {"HEAD": "<<<<<<< what a broken copy left"},
    ],
)
def test_where_git_does_not_tell_there_is_no_revision(files, tmp_path):
    assert revision.of(checkout(tmp_path, **files)) == ""


def test_a_worktree_whose_checkout_is_gone_has_no_revision(tmp_path):
    (tmp_path / ".git").write_text("gitdir: /nowhere/.git/worktrees/side\n")

    assert revision.of(tmp_path) == ""


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed.")
def test_git_itself_says_the_same_before_and_after_it_packs_and_in_a_worktree(tmp_path):
    main, side, detached = tmp_path / "main", tmp_path / "side", tmp_path / "detached"

    def git(where, *words):
        who = ["-c", "user.name=Mia", "-c", "user.email=mia@agency.example", "-c", "init.defaultBranch=main"]
        told = subprocess.run(["git", "-C", where, *who, *words], capture_output=True, check=True, text=True)
        return told.stdout.strip()

    main.mkdir()
    git(main, "init")
    assert revision.of(main) == ""  # nothing was committed
    git(main, "commit", "--allow-empty", "-m", "First")
    git(main, "worktree", "add", "-b", "side", side)
    git(main, "worktree", "add", "--detach", detached)
    git(side, "commit", "--allow-empty", "-m", "Second")

    for packed in (False, True):
        if packed:
            git(main, "gc")
            assert not (main / ".git/refs/heads/side").exists()
        for each in (main, side, detached):
            assert revision.of(each) == git(each, "rev-parse", "HEAD")
    assert revision.of(side) != revision.of(main)


@pytest.mark.parametrize(
    ("told", "kept"), [("v1.2.3", "v1.2.3"), ("", revision.of(settings.BASE_DIR)), ("a" * 64, "a" * 40)]
)
def test_what_the_environment_says_goes_before_git_unless_it_is_empty(told, kept):
    says = "from django.conf import settings; print(settings.CODE_REVISION)"
    environment = os.environ | {"GTM_REVISION": told, "DJANGO_SETTINGS_MODULE": "gtm.settings"}

    found = subprocess.run(
        [sys.executable, "-c", says], cwd=settings.BASE_DIR, env=environment, capture_output=True, check=True, text=True
    )

    assert found.stdout.strip() == kept
