"""What is usually on the desk of whom: departments, their titles and their concerns.

Concerns are lower-case phrases without a full stop that complete "on your desk is …". `signs` are beginnings of words
in an industry, an emphasis or an override that make a department matter more.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_WHOLE_WORD = r"s?\b"


@dataclass(frozen=True)
class Department:
    key: str
    title_signs: Sequence[str]  # beginnings of words, or whole abbreviations
    titles: Sequence[str]
    concerns: Sequence[str]
    signs: Sequence[str]

    def fits(self, title: str) -> bool:
        return _meets(title, self.title_signs)

    def as_context(self) -> dict[str, Any]:
        name = f"playbook.{self.key}"
        concerns = [{"key": f"{name}.{n}", "text": text} for n, text in enumerate(self.concerns, start=1)]
        return {
            "key": name,
            "department": self.key.replace("_", " "),
            "titles": list(self.titles),
            "concerns": concerns,
        }


PLAYBOOK: Sequence[Department] = (
    Department(
        "finance",
        ("financ", "cfo", "cfos", "treasur", "controller", "account", "fp"),
        ("Chief Financial Officer", "CFO", "Finance Director", "Head of Finance", "Financial Controller"),
        (
            "closing the month with fewer manual checks",
            "knowing the true cost of growth before the board asks",
            "keeping audit evidence complete while volumes grow",
            "forecasting cash with figures that everybody trusts",
        ),
        ("financ", "fintech", "bank", "payment", "lending", "insur", "cost", "roi", "saving"),
    ),
    Department(
        "risk_and_compliance",
        ("risk", "complian", "audit", "regulat", "legal", "counsel", "privacy", "aml", "governance"),
        ("Chief Risk Officer", "Head of Risk", "Risk Manager", "Head of Compliance", "Compliance Officer"),
        (
            "proving to the regulator that controls work every day, not once a year",
            "keeping up with new rules without slowing the business down",
            "gathering audit evidence without chasing every team for it",
            "seeing third-party risk before it becomes an incident",
        ),
        ("financ", "fintech", "bank", "insur", "health", "pharma", "regulat", "complian", "risk", "secur", "privacy"),
    ),
    Department(
        "technology",
        ("technolog", "cto", "cio", "engineer", "software", "developer", "platform", "it", "infrastructure"),
        ("Chief Technology Officer", "CTO", "Chief Information Officer", "VP Engineering", "Head of Platform"),
        (
            "shipping what was promised while old systems still need care",
            "keeping systems up as traffic grows",
            "choosing which tools to build and which to buy",
            "hiring engineers fast enough for the roadmap",
        ),
        ("software", "saas", "tech", "internet", "data", "cloud", "integrat", "scaling"),
    ),
    Department(
        "security",
        ("security", "ciso", "infosec", "cyber"),
        ("Chief Information Security Officer", "CISO", "Head of Security", "Security Manager"),
        (
            "answering customers' security questionnaires without stopping other work",
            "finding what is exposed before somebody else does",
            "keeping access rights in step with people who join, move and leave",
        ),
        ("secur", "fintech", "bank", "health", "saas", "cyber", "privacy"),
    ),
    Department(
        "operations",
        ("operation", "coo", "supply", "logistic", "warehouse", "plant", "manufactur", "procure", "fleet"),
        ("Chief Operating Officer", "COO", "Operations Director", "Head of Supply Chain", "Plant Manager"),
        (
            "keeping delivery dates while demand moves",
            "finding out about a delay before the customer does",
            "running a new site to the same standard as the first",
            "cutting the hours that go into copying data between systems",
        ),
        ("logistic", "transport", "freight", "supply", "manufactur", "industr", "machin", "retail", "effici", "reliab"),
    ),
    Department(
        "sales",
        ("sales", "revenue", "cro", "commercial", "business development", "partnership"),
        ("Chief Revenue Officer", "VP Sales", "Sales Director", "Head of Business Development"),
        (
            "filling the pipeline without adding head count at the same rate",
            "knowing early which deals will slip",
            "getting new sellers productive within their first quarter",
        ),
        ("saas", "software", "growth", "pipeline", "revenue", "sales"),
    ),
    Department(
        "marketing",
        ("marketing", "cmo", "brand", "growth", "demand", "communication", "ecommerce", "e-commerce", "digital"),
        ("Chief Marketing Officer", "CMO", "Marketing Director", "Head of Growth", "Head of E-commerce"),
        (
            "showing which spending brings customers and which only brings clicks",
            "keeping first-time buyers for a second order",
            "launching campaigns without waiting for three other teams",
        ),
        ("retail", "consumer", "commerce", "fashion", "food", "brand", "growth", "conversion"),
    ),
    Department(
        "people",
        ("people", "human", "hr", "chro", "talent", "recruit"),
        ("Chief People Officer", "HR Director", "Head of Talent", "Head of People"),
        (
            "filling open roles before the teams feel the gap",
            "keeping good people through a year of change",
            "making the first weeks of new colleagues alike at every site",
        ),
        ("staff", "hiring", "talent", "people", "training"),
    ),
    Department(
        "clinical",
        ("clinic", "medical", "cmio", "nursing", "nurse", "patient", "care", "pharma", "physician"),
        ("Chief Medical Officer", "Clinical Director", "Head of Patient Services", "Director of Nursing"),
        (
            "giving clinicians time back from documentation",
            "shortening the wait between referral and first appointment",
            "keeping patient records complete wherever care is given",
        ),
        ("health", "hospital", "clinic", "medical", "care", "pharma", "biotech", "patient"),
    ),
    Department(
        "leadership",
        ("chief executive", "ceo", "founder", "managing director", "president", "owner", "general manager"),
        ("Chief Executive Officer", "CEO", "Managing Director", "Founder", "General Manager"),
        (
            "growing without losing what made the company good",
            "deciding what not to do this year",
            "keeping the board's questions answered with figures, not slides",
        ),
        (),
    ),
)  # fmt: skip


def departments(title: str) -> list[Department]:
    """The departments a title belongs to, in the order of the playbook."""
    return [department for department in PLAYBOOK if department.fits(title)]


def ranked(title: str, signals: str) -> list[Department]:
    """All departments: first those of the title, then those whose titles or signs stand most often in `signals`."""

    def weight(department: Department) -> tuple[int, int]:
        named = 3 * _hits(signals, department.title_signs)
        return -int(department.fits(title)), -(named + _hits(signals, department.signs))

    return sorted(PLAYBOOK, key=weight)


def _meets(text: str, signs: Sequence[str]) -> bool:
    return _hits(text, signs) > 0


def _hits(text: str, signs: Sequence[str]) -> int:
    """How many of the signs begin a word of the text; signs of up to four letters must be the whole word."""
    plain = text.casefold().replace("_", " ")
    return sum(bool(re.search(rf"\b{re.escape(sign)}{_WHOLE_WORD if len(sign) <= 4 else ''}", plain)) for sign in signs)
