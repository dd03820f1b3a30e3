"""Rehearsals: a prompt version on the agent's test cases, beside another one, before anybody gets it.

`asking` writes one down with a row for each answer that is wanted; `answering` asks for them, one slice of time after
the other; `spending` says what they cost; `gate` ● says what came of it; `deciding` keeps that, and tells the doors
that make versions live.
"""

from agents_app.rehearsals.answering import answer_some, unfinished
from agents_app.rehearsals.asking import RehearsalRefused, ask, quote
from agents_app.rehearsals.deciding import approve, must_pass, newest, warning

__all__ = ["RehearsalRefused", "answer_some", "approve", "ask", "must_pass", "newest", "quote", "unfinished", "warning"]
