"""The one door to the model: ask, reserve, retry, repair once, price and record.

Without a key the same SDK talks to the sandbox's composer over the same Messages API; nothing here knows the
difference. The SDK costs a second and 66 MB to import, so it is imported when the first question is asked. No ORM:
agents ask from threads, and what must be written down goes through a `Purse`.

`asking` asks, `wire` sends, `reading` reads what came, `charging` prices it, `judging` says whether it can be used;
`replay` answers from what was recorded.
"""

from agents_app.llm.asking import ATTEMPTS, ask
from agents_app.llm.errors import (
    AnswerInvalid,
    BudgetSpent,
    ModelError,
    ModelRefused,
    ModelUnavailable,
    PriceMissing,
    ServiceRefused,
    Tally,
)
from agents_app.llm.headers import LONGEST_RETRY_AFTER_S, Seen
from agents_app.llm.purse import Grant, Offer, Purse, Unlimited
from agents_app.llm.question import Answer, Effort, Question, cache_never_formed
from agents_app.llm.replay import Replay, ReplayMissing, answered
from agents_app.llm.wire import client, is_offline
from agents_app.prices import Usage

__all__ = [
    "ATTEMPTS",
    "LONGEST_RETRY_AFTER_S",
    "Answer",
    "AnswerInvalid",
    "BudgetSpent",
    "Effort",
    "Grant",
    "ModelError",
    "ModelRefused",
    "ModelUnavailable",
    "Offer",
    "PriceMissing",
    "Purse",
    "Question",
    "Replay",
    "ReplayMissing",
    "Seen",
    "ServiceRefused",
    "Tally",
    "Unlimited",
    "Usage",
    "answered",
    "ask",
    "cache_never_formed",
    "client",
    "is_offline",
]
