"""What the outside knows about a company: asked of all sources at once, kept as claims, weighed into facts."""

from agents_app.research.again import again, may_pass
from agents_app.research.attributes import agree
from agents_app.research.facts import ATTRIBUTES, Conflict, FactValue, Weighed, check_pointer, facts, learned, weighed
from agents_app.research.gather import Explored, Given, explore, gather
from agents_app.research.hearing import PERSON_IS_RIGHT, Decided, Reliabilities, right
from agents_app.research.plan import Aim
from agents_app.research.reasons import is_contested, is_decided, voices
from agents_app.research.source import ClaimValue, Company, Question, SourceAccess, SourceAnswer
from agents_app.research.sources import SOURCES

__all__ = [
    "ATTRIBUTES",
    "PERSON_IS_RIGHT",
    "SOURCES",
    "Aim",
    "ClaimValue",
    "Company",
    "Conflict",
    "Decided",
    "Explored",
    "FactValue",
    "Given",
    "Question",
    "Reliabilities",
    "SourceAccess",
    "SourceAnswer",
    "Weighed",
    "again",
    "agree",
    "check_pointer",
    "explore",
    "facts",
    "gather",
    "is_contested",
    "is_decided",
    "learned",
    "may_pass",
    "right",
    "voices",
    "weighed",
]
