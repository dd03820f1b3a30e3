"""One question to one source of the sandbox, with a key of choice."""

from datetime import UTC, datetime

from agents_app.research import SOURCES, Company, Question, SourceAccess
from agents_app.research.source import SourceAnswer, ask
from gtm.sandbox.world import COMPANIES

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)


def asked(key: str, domain: str, *, credential: str = "", timeout_s: float = 5.0) -> SourceAnswer:
    known = COMPANIES.get(domain)
    question = Question(Company(domain, known.name if known else ""), AT)
    return ask(SOURCES[key], question, SourceAccess(key, sandbox=True, credential=credential), timeout_s=timeout_s)


def said(answer: SourceAnswer, *attributes: str) -> list[list[str]]:
    """[attribute, value, pointer, as of] of the claims about these attributes."""
    return [
        [each.attribute, each.value, each.pointer, each.as_of_date.isoformat() if each.as_of_date else ""]
        for each in answer.claims
        if each.attribute in attributes
    ]


def on_call(number: int, fault):
    """The fault meets the call with that number alone."""
    return lambda call: fault if call == number else None
