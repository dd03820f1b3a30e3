"""What can be known of a company: how each attribute is read, counted, compared, and how fast it ages. Pure.

Half-lives and tolerances are assumptions of ours about how companies change. `rivals` is how many wrong values of an
attribute are as likely as each other: the fewer there are, the more often two sources are wrong in the same way.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agents_app.research import values


@dataclass(frozen=True)
class Attribute:
    """`unit` of its values, in words. `most`: how many facts of it a run keeps; above 1 each value stands for itself.
    `half_life_days`: after so long, what a source said is worth half. `near`: numbers this close, by share, agree.
    `is_id`: it names the company so that no other has the same. `only_with`: another attribute, without which this one
    does not apply."""

    key: str
    label: str
    read: Callable[[object], str | None]
    unit: str = ""
    most: int = 1
    half_life_days: int | None = None
    near: float = 0.0
    rivals: int = 8
    is_id: bool = False
    only_with: str = ""

    @property
    def is_many(self) -> bool:
        return self.most > 1


ALL = (
    Attribute("name", "Name", values.text),
    Attribute("description", "What it does", values.text),
    Attribute("industry", "Industry", values.industry),
    Attribute("headcount", "Headcount", values.headcount, unit="people", half_life_days=365, near=0.10, rivals=20),
    Attribute("founded_year", "Founded", values.year, rivals=15),
    Attribute("location", "Head office", values.location),
    Attribute("revenue_usd", "Revenue", values.money, unit="USD a year", half_life_days=365, near=0.10, rivals=20),
    Attribute("funding_total_usd", "Funding", values.money, unit="USD", half_life_days=540, near=0.05, rivals=20),
    Attribute("last_funding_stage", "Last round", values.stage, half_life_days=540, rivals=6),
    Attribute("last_funding_date", "Last round on", values.month, half_life_days=540, rivals=20),
    Attribute("parent", "Belongs to", values.text, half_life_days=1000),
    Attribute("subsidiary", "Owns", values.text, most=5, half_life_days=1000),
    Attribute("mail_host", "Mail runs on", values.mail_host, half_life_days=540, rivals=6),
    Attribute("technology", "Uses", values.technology, most=8, half_life_days=365),
    Attribute("person", "Works there", values.person, most=6, half_life_days=365),
    Attribute("filing", "Filed", values.filing, most=4, half_life_days=365),
    Attribute("news", "In the news", values.text, most=5, half_life_days=180),
    Attribute("parent_news", "Its owner in the news", values.text, most=3, half_life_days=180, only_with="parent"),
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
    """Whether two values in reading form say the same; numbers within the attribute's tolerance do, and a number and a
    range that holds it."""
    if one.casefold() == other.casefold():
        return True
    near = BY_KEY[attribute].near
    if not near:
        return False
    first, second = values.span(one), values.span(other)
    if first is None or second is None:
        return False
    return first[0] <= second[1] * (1 + near) and second[0] <= first[1] * (1 + near)
