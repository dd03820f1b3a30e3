"""What a person decides about a draft: approve it as it is or edited, reject it with a reason, take the decision back.

Every decision is one conditional update, so of two people who decide at once the second is told who was first.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from agents_app import contracts, windows
from agents_app.models import Draft
from clients import access, config, hold, wording

Status = Draft.Status
OPEN = (Status.WAITING, Status.REFUSED)
LONGEST_BODY = 10_000  # characters
NEVER_OPEN = (
    "The client's settings let no e-mail leave: no day is chosen, or the hour until which they leave is before the one "
    "from which they do. Set the days and hours in the client's settings, then approve."
)


class DecisionRefused(Exception):
    """The decision was not taken. `problems` says in words what to mend, one sentence a problem."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__(" ".join(problems))


def approve(
    draft: Draft,
    *,
    by: User | None,
    at: datetime,
    subject: str | None = None,
    body: str | None = None,
    send_at: datetime | None = None,
) -> Draft:
    """Release the draft, or the person's edit of it, to be sent at `send_at` (at once when empty or past), or as soon
    as the client's window for e-mails is open then."""
    subject = draft.final_subject if subject is None else tidy(subject)
    body = draft.final_body if body is None else tidy(body)
    if problems := list(problems_with(draft, subject, body)):
        raise DecisionRefused(*problems)
    leaves = windows.next_open(window_of(draft), timezone.localtime(max(send_at or at, at)))
    if leaves is None:
        raise DecisionRefused(NEVER_OPEN)
    return _decide(
        draft,
        OPEN,
        status=Status.APPROVED,
        final_subject=subject,
        final_body=body,
        was_edited=(subject, body) != (draft.subject, draft.body),
        decided_by=by,
        decided_at=at,
        send_at=leaves,
    )


def reject(draft: Draft, *, by: User | None, at: datetime, rejection: str, comment: str = "") -> Draft:
    """`rejection` is one of Draft.Rejection: what was wrong decides what the system learns from it."""
    if rejection not in Draft.Rejection.values:
        raise DecisionRefused("Choose why the draft is rejected: the reason decides what is improved.")
    if rejection == Draft.Rejection.OTHER and not comment.strip():
        raise DecisionRefused("Say in a few words why the draft is rejected, as none of the reasons fits.")
    told = {"rejection": rejection, "comment": comment.strip()[:300]}
    return _decide(draft, OPEN, status=Status.REJECTED, decided_by=by, decided_at=at, **told)


def undo(draft: Draft, *, by: User | None, at: datetime) -> Draft:
    """Take a decision back, until the e-mail is sent. An edit stays; who took it back stands in the comment."""
    told = f"{access.called(by)} took a decision back on {_moment(at)}."
    cleared: dict[str, Any] = {"decided_by": None, "decided_at": None, "send_at": None, "rejection": ""}
    return _decide(draft, (Status.APPROVED, Status.REJECTED), status=Status.WAITING, comment=told[:300], **cleared)


def problems_with(draft: Draft, subject: str, body: str) -> Iterator[str]:
    """Why this text may not go out to this contact, a sentence each; nothing when it may."""
    client = draft.run.client
    if draft.contact is None:
        yield (
            "This draft has no contact, so there is nobody to send it to. Open its run and press “Write to a person on "
            "this basis”."
        )
    elif why := hold.why_not(draft.contact):
        yield f"{draft.contact} must not be written to any more. {why}"
    yield from _unfit(subject, body)
    terms = config.effective(client).document["custom_fields"]["avoid_terms"]
    if found := wording.avoided(f"{subject}\n{body}", terms):
        yield (
            f"The text contains {_quoted(found)}, to be avoided for {client}. Write it otherwise, or change the "
            "words to avoid in the client's settings."
        )


def window_of(draft: Draft) -> Mapping[str, Any]:
    """When it may leave, as its run was told; as the client's settings say now where that is never, for they may be
    mended since."""
    window: Mapping[str, Any] = draft.run.config.get("send_window", {})
    if windows.ever_opens(window):
        return window
    now: Mapping[str, Any] = config.effective(draft.run.client).document["send_window"]
    return now


def tidy(text: str) -> str:
    """Unix line ends, no space at the end of lines or of the text."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _unfit(subject: str, body: str) -> Iterator[str]:
    if not subject or not body:
        yield "The subject and the text must not be empty."
    if len(subject) > 200 or len(body) > LONGEST_BODY:
        yield f"The subject may have 200 characters, the text {LONGEST_BODY:,}. Shorten it."
    if "\n" in subject or _control_characters(subject + body):
        yield "The subject must be one line, and neither may hold control characters. Type it instead of pasting it."
    if found := contracts.placeholders(f"{subject}\n{body}"):
        yield f"Something is left unfilled: {_quoted(found)}. Put the real words there."


def _control_characters(text: str) -> bool:
    return any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text if letter not in "\n\t")


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f"“{word}”" for word in words)


def _decide(draft: Draft, allowed: Sequence[str], **values: Any) -> Draft:
    values = {"rejection": "", "comment": "", "refusal": "", **values}
    if not Draft.objects.filter(pk=draft.pk, status__in=allowed).update(**values):
        raise DecisionRefused(_too_late(Draft.objects.select_related("decided_by", "send").get(pk=draft.pk)))
    draft.refresh_from_db()
    return draft


def _too_late(draft: Draft) -> str:
    if draft.status == Status.SENT:
        return f"This e-mail was sent on {_moment(draft.send.sent_at)}; that cannot be taken back."
    if draft.status == Status.SENDING:
        return (
            "This e-mail is being handed to the mail server at this moment. Reload the page to see what became of it."
        )
    if draft.status == Status.REFUSED:
        return f"This e-mail was not sent: {draft.refusal} Mend that and approve it again, or reject it."
    if draft.decided_at is None:
        return "Nothing was decided about this draft yet, so there is nothing to take back."
    who = access.called(draft.decided_by)
    return f"{who} {draft.get_status_display().lower()} this draft on {_moment(draft.decided_at)}. Undo that first."


def _moment(at: datetime) -> str:
    at = timezone.localtime(at)
    return f"{at.day} {at:%B at %H:%M}"
