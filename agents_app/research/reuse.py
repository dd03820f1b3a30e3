"""Answers that are kept: how long one may be used again instead of asking, and what it says, read anew. Pure."""

import logging
from datetime import datetime, timedelta
from typing import Any, Protocol

from agents_app.research.source import Source, SourceAnswer, Status
from agents_app.research.sources import SOURCES

SHARE_OF_LESS = 0.25  # of its lifetime: a source that knows nothing yet, or answered in part, is asked again sooner

ANSWERED = ("ok", "no_match")

logger = logging.getLogger(__name__)


class Kept(Protocol):
    """An answer as its record has it."""

    pk: int
    source: str
    status: str
    reason: str
    question: str
    request_key: str
    asked_with: str
    is_sandbox: bool
    http_status: int | None
    payload: Any
    fetched_at: datetime


def lifetime(source: Source, *, is_whole: bool) -> timedelta:
    return source.keeps if is_whole else source.keeps * SHARE_OF_LESS


def is_fresh(kept: Kept, *, at: datetime) -> bool:
    """Whether it may be used again. What failed may not; nor may what was said after `at`."""
    source = SOURCES.get(kept.source)
    if source is None or kept.status not in ANSWERED:
        return False
    is_whole = kept.status == "ok" and not kept.reason
    return kept.fetched_at <= at < kept.fetched_at + lifetime(source, is_whole=is_whole)


def again(kept: Kept) -> SourceAnswer | None:
    """The answer once more, read by the reader of today; None where that cannot read it: then the source is asked."""
    source = SOURCES[kept.source]
    try:
        claims = source.read(kept.payload) if kept.payload is not None else []
    except Exception:
        logger.exception("the kept answer %s of %s cannot be read", kept.pk, kept.source)
        return None
    status: Status = "ok" if claims else "no_match"
    return SourceAnswer(
        source=kept.source,
        status=status,
        reason=kept.reason if status == kept.status else "",
        request_key=kept.request_key,
        sandbox=kept.is_sandbox,
        http_status=kept.http_status,
        payload=kept.payload,
        claims=claims,
        question=kept.question,
        extractor=source.extractor,
        asked_with=kept.asked_with,
        same_as=kept.pk,
    )
