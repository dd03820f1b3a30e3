"""What stand-ins for sources of news have in common: which stories a phrase finds, and when and where each appeared."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time

from gtm.sandbox.world import COMPANIES, Company, News

AGENCY_PRESS = ("The Ledger Post", "Continental Business", "Northern Business Desk", "Shopfloor")


@dataclass(frozen=True)
class Story:
    company: Company
    news: News

    @property
    def seed(self) -> str:
        """Hex digits that are the story's own, on every day."""
        return hashlib.sha256(f"{self.company.domain} {self.news.on} {self.news.title}".encode()).hexdigest()

    @property
    def at(self) -> datetime:
        hour, minute = 6 + int(self.seed[:4], 16) % 12, int(self.seed[8:12], 16) % 60
        return datetime.combine(self.news.on, time(hour, minute), tzinfo=UTC)

    @property
    def site(self) -> str:
        return f"{self.news.outlet.lower().replace(' ', '-')}.example"

    @property
    def link(self) -> str:
        slug = re.sub(r"[^a-z0-9]+", "-", self.news.title.lower()).strip("-")
        return f"https://{self.site}/{self.news.on:%Y/%m/%d}/{slug}"

    def reprinted(self, mark: str) -> "list[Story]":
        """Every other story is an agency's: a second paper has it, with its own name behind the headline."""
        if int(self.seed[15], 16) % 2:
            return []
        others = [outlet for outlet in AGENCY_PRESS if outlet != self.news.outlet]
        outlet = others[int(self.seed[16:20], 16) % len(others)]
        return [Story(self.company, replace(self.news, outlet=outlet, title=f"{self.news.title} {mark} {outlet}"))]


def stories(party: str, phrases: Iterable[str], *, in_titles: bool = False) -> Iterator[Story]:
    """Those with one of the phrases in title or summary (`in_titles`: in the title), as whole words."""
    patterns = [re.compile(rf"\b{re.escape(phrase.casefold())}\b") for phrase in phrases if phrase]
    for company in COMPANIES.values():
        if party in company.unknown_to:
            continue
        for news in company.news:
            text = (news.title if in_titles else f"{news.title} {news.summary}").casefold()
            if any(pattern.search(text) for pattern in patterns):
                yield Story(company, news)


def newest() -> datetime:
    """The end of the last day that has news: stand-ins have no clock."""
    last = max(news.on for company in COMPANIES.values() for news in company.news)
    return datetime.combine(last, time(23, 59, 59), tzinfo=UTC)
