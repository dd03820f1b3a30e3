"""What the outside knows about a company: asked of all sources at once, kept as claims, weighed into facts."""

from agents_app.research.again import again
from agents_app.research.facts import ATTRIBUTES, FactValue, agree, check_pointer, facts, right
from agents_app.research.gather import SOURCES, gather
from agents_app.research.source import ClaimValue, Company, SourceAccess, SourceAnswer

__all__ = [
    "ATTRIBUTES",
    "SOURCES",
    "ClaimValue",
    "Company",
    "FactValue",
    "SourceAccess",
    "SourceAnswer",
    "again",
    "agree",
    "check_pointer",
    "facts",
    "gather",
    "right",
]
