"""What the outside knows about a company: asked of all sources at once, kept as claims, weighed into facts."""

from agents_app.research.facts import ATTRIBUTES, FactValue, check_pointer, facts
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
    "check_pointer",
    "facts",
    "gather",
]
