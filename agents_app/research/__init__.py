"""What the outside knows about a company: asked of all sources at once, kept as claims, weighed into facts."""

from agents_app.research.again import again
from agents_app.research.attributes import agree
from agents_app.research.facts import ATTRIBUTES, FactValue, check_pointer, facts, right
from agents_app.research.gather import Explored, Given, explore, gather
from agents_app.research.plan import Aim
from agents_app.research.settled import Settled
from agents_app.research.source import ClaimValue, Company, Question, SourceAccess, SourceAnswer
from agents_app.research.sources import SOURCES

__all__ = [
    "ATTRIBUTES",
    "SOURCES",
    "Aim",
    "ClaimValue",
    "Company",
    "Explored",
    "FactValue",
    "Given",
    "Question",
    "Settled",
    "SourceAccess",
    "SourceAnswer",
    "again",
    "agree",
    "check_pointer",
    "explore",
    "facts",
    "gather",
    "right",
]
