"""Weeks and spans of days in the agency's time zone. A week is ISO: Monday to Sunday, 167 to 169 hours long."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo


@dataclass(frozen=True)
class Span:
    """Whole days from `first` to `last`, both counted, in `zone`."""

    first: date
    last: date
    zone: tzinfo

    @property
    def since(self) -> datetime:
        return datetime.combine(self.first, time(), self.zone)

    @property
    def until(self) -> datetime:
        """The moment after the last day."""
        return datetime.combine(self.last + timedelta(days=1), time(), self.zone)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def holds(self, at: datetime) -> bool:
        return self.since <= at < self.until


def week(monday: date, zone: tzinfo) -> Span:
    return Span(monday, monday + timedelta(days=6), zone)


def weeks(first: date, count: int, zone: tzinfo) -> Span:
    """`count` weeks, the first of them beginning on the Monday `first`."""
    return Span(first, first + timedelta(weeks=count, days=-1), zone)


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def spoken(day: date) -> str:
    """16 November 2026."""
    return f"{day.day} {day:%B %Y}"
