"""A run: planned with all its inputs fixed, then executed so that it survives the death of whoever executes it."""

from agents_app.flow.cancelling import CancelRefused, cancel
from agents_app.flow.driving import execute
from agents_app.flow.gates import AnswerRefused, answer, guarded_by
from agents_app.flow.lease import LostLease, lost
from agents_app.flow.planning import Preview, budget_of, plan, preview
from agents_app.flow.rederiving import Rederived, rederive
from agents_app.flow.replaying import Replayed, replay, replays

__all__ = [
    "AnswerRefused",
    "CancelRefused",
    "LostLease",
    "Preview",
    "Rederived",
    "Replayed",
    "answer",
    "budget_of",
    "cancel",
    "execute",
    "guarded_by",
    "lost",
    "plan",
    "preview",
    "rederive",
    "replay",
    "replays",
]
