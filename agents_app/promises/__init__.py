"""Contracts that people wrote, held against an answer. Pure: values in, checks out.

`kinds` has one model of parameters and one small function a kind, in the table `KINDS`; `language` tells languages
apart; `measuring` holds the promises of a run against an answer. What guards safety stands in `agents_app/contracts.py`
and is never switched off.
"""

from agents_app.promises.kinds import KINDS, ParametersRefused, parameters_of
from agents_app.promises.measuring import RUBRIC, Promise, about_text, measured, not_judged, of_agent
from agents_app.promises.said import Said, similarity

__all__ = [
    "KINDS",
    "RUBRIC",
    "ParametersRefused",
    "Promise",
    "Said",
    "about_text",
    "measured",
    "not_judged",
    "of_agent",
    "parameters_of",
    "similarity",
]  # fmt: skip
