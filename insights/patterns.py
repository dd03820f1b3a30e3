"""The closed list of what an e-mail can be seen to do, and what one client's campaigns say of each.

Nothing that a person or a model wrote enters a pattern: only keys of this list leave a client. Pure.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gtm.stats.stratified import mantel_haenszel_difference
from insights import privacy

_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")


@dataclass(frozen=True)
class Email:
    """One e-mail as it went out. `sent_at` is local time; `rests_on` holds, a sentence each, what the sentence cites:
    fact attributes ("news"), playbook keys, config paths ("config.custom_fields.offer") and context paths.
    """

    subject: str
    body: str
    sent_at: datetime
    company: str = ""
    rests_on: tuple[frozenset[str], ...] = ()
    sequence_step: int = 1
    previous_sent_at: datetime | None = None

    @property
    def words(self) -> int:
        return len(_WORD.findall(self.body))

    @property
    def cited(self) -> frozenset[str]:
        return frozenset().union(*self.rests_on)


@dataclass(frozen=True)
class Pattern:
    """`name` finishes "E-mails that …"; `advice` is the hint for agents; `applies` says which e-mails are compared."""

    key: str
    name: str
    advice: str
    test: Callable[[Email], bool]
    applies: Callable[[Email], bool] = field(default=lambda email: email.sequence_step == 1)


def _opens_with_news(email: Email) -> bool:
    return bool(email.rests_on) and "news" in email.rests_on[0]


def _mentions_funding(email: Email) -> bool:
    return bool(email.cited & {"funding_total_usd", "last_funding_stage", "last_funding_date"})


def _cites(beginning: str) -> Callable[[Email], bool]:
    return lambda email: any(source.startswith(beginning) for source in email.cited)


def _names_company(email: Email) -> bool:
    return bool(email.company) and email.company.casefold() in email.subject.casefold()


def _soon_after(email: Email) -> bool:
    return email.previous_sent_at is not None and email.sent_at - email.previous_sent_at <= timedelta(days=3)


def _is_second(email: Email) -> bool:
    return email.sequence_step == 2 and email.previous_sent_at is not None


def _midweek(email: Email) -> bool:
    return email.sent_at.weekday() in {1, 2, 3}


def _short_subject(email: Email) -> bool:
    return len(_WORD.findall(email.subject)) <= 6


PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "opens_with_news", "open with news about the company", "Open with news about the company", _opens_with_news
    ),
    Pattern("mentions_funding", "mention the company's funding", "Mention the company's funding", _mentions_funding),
    Pattern("mentions_size", "say how many people work there", "Say how many people work there", _cites("headcount")),
    Pattern("speaks_to_role", "speak of what worries the role", "Speak of what worries the role", _cites("playbook.")),
    Pattern("gives_proof", "give a proof point", "Give a proof point", _cites("config.custom_fields.proof_points")),
    Pattern("under_90_words", "stay under 90 words", "Stay under 90 words", lambda email: email.words < 90),
    Pattern("asks_a_question", "ask a question", "Ask a question", lambda email: "?" in email.body),
    Pattern(
        "subject_names_company", "name the company in the subject", "Name the company in the subject", _names_company
    ),
    Pattern("short_subject", "have a subject of six words or fewer", "Keep the subject to six words", _short_subject),
    Pattern("sent_in_the_morning", "go out before noon", "Send before noon", lambda email: email.sent_at.hour < 12),
    Pattern("sent_midweek", "go out from Tuesday to Thursday", "Send from Tuesday to Thursday", _midweek),
    Pattern(
        "follow_up_within_3_days", "come within three days", "Follow up within three days", _soon_after, _is_second
    ),
)
BY_KEY = {pattern.key: pattern for pattern in PATTERNS}


@dataclass(frozen=True)
class Outcome:
    """One e-mail, the campaign it belongs to, and whether it was answered in time."""

    email: Email
    campaign: int
    replied: bool


@dataclass(frozen=True)
class Contrast:
    """One client, one pattern: e-mails with it and without it, and the difference of their reply rates.

    `effect` is the Mantel-Haenszel difference over campaigns, a fraction of 1; None where no campaign has both kinds.
    """

    pattern: str
    campaigns: int
    on_contacts: int
    on_replies: int
    off_contacts: int
    off_replies: int
    effect: float | None

    @property
    def vote(self) -> int:
        return privacy.vote(self.effect, campaigns=self.campaigns, on=self.on_contacts, off=self.off_contacts)


def features(email: Email) -> frozenset[str]:
    """The keys of all patterns that the e-mail shows."""
    return frozenset(pattern.key for pattern in PATTERNS if pattern.applies(email) and pattern.test(email))


def contrasts(outcomes: Iterable[Outcome]) -> list[Contrast]:
    """Every pattern that one client's e-mails let us compare at all."""
    tables: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0, 0]))
    for outcome in outcomes:
        shown = features(outcome.email)
        for pattern in PATTERNS:
            if pattern.applies(outcome.email):
                row = tables[pattern.key][outcome.campaign]
                arm = 2 if pattern.key in shown else 0
                row[arm] += outcome.replied
                row[arm + 1] += 1
    found = [_contrast(key, tables[key]) for key in BY_KEY if key in tables]
    return [contrast for contrast in found if contrast.campaigns]


def _contrast(key: str, table: dict[int, list[int]]) -> Contrast:
    """`table` is {campaign: [replies off, contacts off, replies on, contacts on]}; only campaigns with both count."""
    strata = [(row[0], row[1], row[2], row[3]) for row in table.values() if row[1] and row[3]]
    off_replies, off, on_replies, on = (sum(row[place] for row in strata) for place in range(4))
    result = mantel_haenszel_difference(strata)
    return Contrast(key, len(strata), on, on_replies, off, off_replies, result.difference if result else None)


def sentence(key: str, *, clients: int, effect: float) -> str:
    """The released sentence: made of this list's words and two rounded numbers only."""
    pattern = BY_KEY[key]
    points = f"{abs(effect) * 100:.1f}".removesuffix(".0")
    size = (
        f"about {points} in 100 {'more' if effect > 0 else 'fewer'} replies" if effect else "slightly different replies"
    )
    lead = f"{pattern.advice}" if effect >= 0 else f"Avoid this: {pattern.advice[0].lower()}{pattern.advice[1:]}"
    return f"{lead}. E-mails that {pattern.name} got {size} at {clients} or more of the agency's clients."
