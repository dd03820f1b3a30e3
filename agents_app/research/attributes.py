"""What can be known of a company: how each attribute is read, counted, compared, and how fast it ages. Pure.

Half-lives and tolerances are assumptions of ours about how companies change. `rivals` is how many wrong values of an
attribute are as likely as each other: the fewer there are, the more often two sources are wrong in the same way.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agents_app.research import alike, headlines, values


@dataclass(frozen=True)
class Attribute:
    """`unit` of its values, in words. `most`: how many facts of it a run keeps; above 1 each value stands for itself.
    `half_life_days`: after so long, what a source said is worth half. `near`: numbers this close, by share, agree.
    `is_event`: it is dated by what happened, not by when somebody looked. `is_id`: it names the company so that no
    other has the same. `only_with`: another attribute, without which this one does not apply. `folded`: values that are
    alike after it are the same value in other words."""

    key: str
    label: str
    read: Callable[[object], str | None]
    unit: str = ""
    most: int = 1
    half_life_days: int | None = None
    near: float = 0.0
    rivals: int = 8
    is_event: bool = False
    is_id: bool = False
    only_with: str = ""
    folded: Callable[[str], str] = str.casefold

    @property
    def is_many(self) -> bool:
        return self.most > 1


ALL = (
    Attribute("name", "Name", values.text, folded=alike.company),
    Attribute("description", "What it does", values.text, folded=alike.words),
    Attribute("industry", "Industry", values.industry, folded=alike.words),
    Attribute("headcount", "Headcount", values.headcount, unit="people", half_life_days=365, near=0.10, rivals=20),
    Attribute("founded_year", "Founded", values.year, rivals=15),
    Attribute("location", "Head office", values.location, folded=alike.words),
    Attribute("revenue_usd", "Revenue", values.money, unit="USD a year", half_life_days=365, near=0.10, rivals=20),
    Attribute(
        "funding_total_usd",
        "Funding",
        values.money,
        unit="USD",
        half_life_days=540,
        near=0.05,
        rivals=20,
        is_event=True,
    ),
    Attribute("last_funding_stage", "Last round", values.stage, half_life_days=540, rivals=6, is_event=True),
    Attribute("last_funding_date", "Last round on", values.month, half_life_days=540, rivals=20, is_event=True),
    Attribute("parent", "Belongs to", values.text, half_life_days=1000, folded=alike.company),
    Attribute("subsidiary", "Owns", values.text, most=5, half_life_days=1000, folded=alike.company),
    Attribute("mail_host", "Mail runs on", values.mail_host, half_life_days=540, rivals=6),
    Attribute("technology", "Uses", values.technology, most=8, half_life_days=365, folded=alike.technology),
    Attribute("person", "Works there", values.person, most=6, half_life_days=365, folded=alike.person),
    Attribute("filing", "Filed", values.filing, most=4, half_life_days=365, is_event=True),
    Attribute("news", "In the news", values.text, most=5, half_life_days=180, is_event=True, folded=headlines.key),
    Attribute(
        "parent_news",
        "Its owner in the news",
        values.text,
        most=3,
        half_life_days=180,
        is_event=True,
        folded=headlines.key,
        only_with="parent",
    ),
    Attribute("ticker", "Ticker", values.ticker, rivals=4),
    Attribute("cik", "SEC's number (CIK)", values.cik, is_id=True),
    Attribute("lei", "Legal entity identifier", values.lei, is_id=True),
    Attribute("wikidata_id", "Wikidata's item", values.wikidata_id, is_id=True),
    Attribute("crunchbase_id", "Crunchbase's permalink", values.slug, is_id=True),
    Attribute("linkedin_id", "LinkedIn's number", values.digits, is_id=True),
    Attribute("apollo_id", "Apollo's number", values.identifier, is_id=True),
    Attribute("github_org", "GitHub organisation", values.slug, is_id=True),
)
BY_KEY: Mapping[str, Attribute] = {each.key: each for each in ALL}
IDS = tuple(each.key for each in ALL if each.is_id)


def read(attribute: str, raw: object) -> str | None:
    """The value in reading form; None when `raw` does not say it."""
    value = BY_KEY[attribute].read(raw)
    return value[: values.LONGEST] if value else None


def agree(attribute: str, one: str, other: str) -> bool:
    """Whether two values in reading form say the same: in other words, or in numbers within the attribute's tolerance.
    A range agrees with the numbers in it, and with a range that it overlaps."""
    known = BY_KEY[attribute]
    if known.folded(one) == known.folded(other):
        return True
    first, second = (values.span(one), values.span(other)) if known.near else (None, None)
    if first is None or second is None:
        return False
    near = known.near if first[0] == first[1] or second[0] == second[1] else 0.0
    return first[0] <= second[1] * (1 + near) and second[0] <= first[1] * (1 + near)


def is_range(value: str) -> bool:
    span = values.span(value)
    return span is not None and span[0] != span[1]
