"""What people decide about proposed settings: approve, edit and approve, dismiss, roll back. Nothing else changes them.

A decision holds the proposal's row and the client's, so of two people the second is told who was first, and nobody's
change of the same setting is written over.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from clients import access, config
from clients.config import Author, ConfigRefused, Stand, comparing, schema, shown
from clients.config.layers import at as value_at
from clients.keys import Key, by_path
from clients.models import Client
from experiments.models import SettingProposal

Status = SettingProposal.Status
KEPT = timedelta(weeks=12)  # afterwards none of its evidence is recent
LONGEST_REASON = 300  # characters


class ProposalRefused(Exception):
    """A decision that was not taken; the words say why, and what to do. Nothing was written."""


class _Moved(Exception):
    """What the proposal rests on holds no more, in words."""


def approve(
    proposal: SettingProposal,
    *,
    by: User,
    at: datetime,
    said: Any = None,  # noqa: ANN401
    reason: str = "",
) -> SettingProposal:
    """Make it hold, or `said` in its place: a value, or a word about what is inherited. Raises ProposalRefused.

    Where the setting moved since, or cannot be set so any more, the proposal becomes out of date and says why; what is
    wrong with a person's own `said` leaves it open.
    """
    try:
        return _approve(proposal, by, at, said, reason)
    except _Moved as moved:
        withdraw(proposal, str(moved), at=at)
        raise ProposalRefused(f"{moved} Nothing was changed, and the proposal is out of date.") from None


@transaction.atomic
def _approve(proposal: SettingProposal, by: User, at: datetime, said: Any, reason: str) -> SettingProposal:  # noqa: ANN401
    proposal, client = _held(proposal)
    found = config.stand()
    if moved := why_moved(proposal, client, found):
        raise _Moved(moved)
    word = proposal.proposed if said is None else said
    if hindrance := hindrance_to(client, found, proposal.path, word):
        if said is None:
            raise _Moved(hindrance)
        raise ProposalRefused(hindrance)
    proposal.written = word
    proposal.version = _write(client, proposal.path, word, Author(by, f"{proposal}: {_why(proposal, reason)}", at))
    return _decide(proposal, Status.APPROVED, by, at, reason)


@transaction.atomic
def dismiss(proposal: SettingProposal, *, by: User, at: datetime, reason: str) -> SettingProposal:
    """It is not followed; the same comes again only with clearly more behind it. Raises ProposalRefused."""
    if not reason.strip():
        raise ProposalRefused("Say in a few words why it is dismissed, for whoever meets the next one like it.")
    proposal, _ = _held(proposal)
    return _decide(proposal, Status.DISMISSED, by, at, reason)


@transaction.atomic
def roll_back(proposal: SettingProposal, *, by: User, at: datetime, reason: str = "") -> SettingProposal:
    """Put back what the client's own settings said before. Raises ProposalRefused, also where the setting was changed
    again since."""
    proposal, client = _locked(proposal)
    if proposal.status != Status.APPROVED:
        raise ProposalRefused(f"{_decided(proposal)} There is nothing to roll back.")
    if client.settings.get(proposal.path) != proposal.written:
        key = by_path(config.known_keys()).get(proposal.path)
        raise ProposalRefused(f"{_who_touched(client, proposal.path, key)} Change it in the client's settings instead.")
    _write(client, proposal.path, proposal.own, Author(by, f"{proposal} rolled back", at))
    proposal.status, proposal.undone_by, proposal.undone_at = Status.ROLLED_BACK, by, at
    proposal.undone_reason = _short(reason)
    proposal.save(update_fields=["status", "undone_by", "undone_at", "undone_reason"])
    return proposal


@transaction.atomic
def withdraw(proposal: SettingProposal, why: str, *, at: datetime) -> None:
    """It is out of date; one that somebody decided about meanwhile stays as it is."""
    proposal, _ = _locked(proposal)
    if proposal.status == Status.OPEN:
        _decide(proposal, Status.STALE, None, at, why)


def withdraw_moved(*, at: datetime) -> int:
    """Of the open ones, those whose setting moved since, or whose evidence is old. How many."""
    found, count = config.stand(), 0
    for proposal in (
        SettingProposal.objects.filter(status=Status.OPEN).select_related("client__industry").order_by("pk")
    ):
        why = why_moved(proposal, proposal.client, found)
        if not why and at - proposal.made_at > KEPT:
            why = f"Nobody decided within {KEPT.days // 7} weeks, and what it rests on is no longer recent."
        if why:
            withdraw(proposal, why, at=at)
            count += 1
    return count


# --- whether a setting may be written so


def why_moved(proposal: SettingProposal, client: Client, found: Stand) -> str:
    """In words, where the setting is no longer what it was when the proposal was made; "" where it is."""
    key = by_path(found.keys).get(proposal.path)
    if key is None:
        return f"The setting {proposal.path} does not exist any more."
    if client.settings.get(proposal.path) != proposal.own:
        return _who_touched(client, proposal.path, key)
    now = value_at(found.effective(client).document, proposal.path)
    if now != proposal.in_force["value"]:
        then = shown.readable(key, proposal.in_force["value"]) or "nothing"
        return f"{key.label} is {shown.readable(key, now) or 'not set'} by now, no longer {then}."
    return ""


def moved_since(proposal: SettingProposal, keys: Sequence[Key] | None = None) -> str:
    """In words, where somebody touched the setting after it was approved, by whatever way; "" where it stands. `keys`
    are those known, where they are at hand."""
    client = proposal.client
    _, when = client.touched.get(proposal.path, ("", ""))
    since = proposal.decided_at
    is_later = bool(when and since and datetime.fromisoformat(when) > since)
    if client.settings.get(proposal.path) == proposal.written and not is_later:
        return ""
    key = by_path(config.known_keys() if keys is None else keys).get(proposal.path)
    return _who_touched(client, proposal.path, key, "after it was approved")


def hindrance_to(client: Client, found: Stand, path: str, said: Any) -> str:  # noqa: ANN401
    """Why the client's own layer cannot say so, in words; "" where it can."""
    key = by_path(found.keys)[path]
    settings = {**client.settings, path: said}
    try:
        schema.parse({"industry": "any", **config.nested(settings)}, found.keys)
    except ConfigRefused as refused:
        return f"{key.label} cannot be set so: {refused.problems[0].message} {refused.problems[0].hint}".strip()
    after = copy(client)
    after.settings = settings
    for problem in comparing.hindrances(client, after, found):
        return f"{key.label}: {problem.message}" if problem.path else problem.message
    before, now = (value_at(found.effective(each).document, path) for each in (client, after))
    return f"{key.label} is so already." if before == now else ""


# --- writing


def _write(client: Client, path: str, said: Any, author: Author) -> int | None:  # noqa: ANN401
    """The number of the version that holds it."""
    settings: Mapping[str, Any] = client.settings
    changed = {each: word for each, word in settings.items() if each != path}
    config.put(client, changed if said is None else {**changed, path: said}, author)
    version = config.save(client, author) or config.newest_version(client)
    return version.number if version else None


def _held(proposal: SettingProposal) -> tuple[SettingProposal, Client]:
    """Both rows as they stand now, held until the transaction ends. Raises ProposalRefused where it is decided."""
    proposal, client = _locked(proposal)
    if proposal.status != Status.OPEN:
        raise ProposalRefused(f"{_decided(proposal)} Nothing was changed.")
    return proposal, client


def _locked(proposal: SettingProposal) -> tuple[SettingProposal, Client]:
    client = Client.objects.select_for_update(of=("self",), no_key=True).select_related("industry")
    held = client.get(pk=proposal.client_id)  # the client first, as whoever edits its settings does
    rows = SettingProposal.objects.select_for_update(of=("self",)).select_related("decided_by", "undone_by")
    return rows.get(pk=proposal.pk), held


def _decide(proposal: SettingProposal, status: str, by: User | None, at: datetime, reason: str) -> SettingProposal:
    proposal.status, proposal.decided_by, proposal.decided_at, proposal.reason = status, by, at, _short(reason)
    proposal.save(update_fields=["status", "decided_by", "decided_at", "reason", "written", "version"])
    return proposal


def _decided(proposal: SettingProposal) -> str:
    """Who decided it, how and when."""
    if proposal.status == Status.STALE:
        return f"This proposal is out of date: {proposal.reason}"
    if proposal.status == Status.ROLLED_BACK:
        return f"{access.called(proposal.undone_by)} rolled this proposal back {_when(proposal.undone_at)}."
    if proposal.status == Status.OPEN:
        return "Nobody has decided about this proposal yet."
    return (
        f"{access.called(proposal.decided_by)} {proposal.get_status_display().lower()} this proposal "
        f"{_when(proposal.decided_at)}."
    )


def _who_touched(client: Client, path: str, key: Key | None, since: str = "after this proposal was made") -> str:
    who, when = client.touched.get(path, ("", ""))
    label = key.label if key else path
    at = f" {_when(datetime.fromisoformat(when))}" if when else ""
    return f"{who or 'Somebody'} changed {label}{at}, {since}."


def _when(moment: datetime | None) -> str:
    return f"on {timezone.localtime(moment):%-d %B at %H:%M}" if moment else ""


def _why(proposal: SettingProposal, reason: str) -> str:
    return _short(reason) or str(proposal.evidence.get("sentence", ""))


def _short(text: str) -> str:
    return " ".join(text.split())[:LONGEST_REASON]
