"""What a prompt can tell the composer, as a template writer can honestly follow it. Pure.

One directive a line, anywhere in the system text; case does not matter, the last of a kind wins:

    Length: at most 90 words        e-mail and research: an upper bound beside the client's own longest length
    Open with: news                 or funding, size, role, offer: what the first sentence is about
    Ask: question                   or "offer a time", "send material": how the one request is put
    Style: short sentences          the shortest phrasing each time
    Proof: one                      or "two", "leave out": how many proof points
    Subject: topic                  or news, company: what the subject line names

Two plain phrasings of overrides are understood as well: "Focus on A and B" puts facts and concerns that speak of A or B
first; "Target CFOs and risk managers" chooses those roles of the playbook. A hint may say "open with news" or ask for
"short" mails; it counts where the prompt itself says nothing.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

OPENINGS = ("news", "funding", "size", "role", "offer")
RANKS = frozenset(
    [
        "chief",
        "officer",
        "head",
        "vp",
        "of",
        "director",
        "vice",
        "president",
        "senior",
        "lead",
        "manager",
        "group",
        "the",
        "and",
    ]
)
COMMON = frozenset(
    ["and", "the", "of", "for", "on", "in", "with", "to", "a", "an", "their", "its", "our", "all", "any", "most", "new"]
)


@dataclass(frozen=True)
class Directives:
    """Empty and None: the prompt leaves it open. `focus` and `targets` hold beginnings of words."""

    most_words: int | None = None
    open_with: str = ""
    ask: str = ""
    is_short: bool = False
    proofs: int = 1
    subject: str = ""
    focus: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


def read(system: str, hints: Sequence[str] = ()) -> Directives:
    length = _last(r"length: *at most (\d+) words", system)
    style = _last(r"style: *(short) sentences", system)
    return Directives(
        most_words=int(length) if length else None,
        open_with=_last(rf"open with: *({'|'.join(OPENINGS)})\b", system) or _hinted(hints),
        ask=_last(r"ask: *(question|offer a time|send material)\b", system),
        is_short=bool(style) or any(re.search(r"\bshort", hint, re.IGNORECASE) for hint in hints),
        proofs={"leave out": 0, "one": 1, "two": 2}[_last(r"proof: *(leave out|one|two)\b", system) or "one"],
        subject=_last(r"subject: *(news|topic|company)\b", system),
        focus=_words(re.findall(r"\bfocus on ([^.\n]+)", system, re.IGNORECASE)),
        targets=_words(re.findall(r"\btarget ([^.\n]+)", system, re.IGNORECASE)),
    )


def _last(pattern: str, system: str) -> str:
    found = re.findall(rf"^[ \t]*(?:[-*] )?{pattern}", system, re.IGNORECASE | re.MULTILINE)
    return str(found[-1]).lower() if found else ""


def _hinted(hints: Iterable[str]) -> str:
    for hint in hints:
        if found := re.search(rf"\bopen\w* with (?:the |a )?({'|'.join(OPENINGS)})\b", hint, re.IGNORECASE):
            return found[1].lower()
    return ""


def _words(phrases: Iterable[str]) -> tuple[str, ...]:
    """Beginnings of the content words, so that "managers" finds "Manager"."""
    words = [word for phrase in phrases for word in re.findall(r"[^\W_]+", phrase.casefold())]
    return tuple(dict.fromkeys(stem(word) for word in words if word not in COMMON))


def stem(word: str) -> str:
    return word.casefold()[:6].rstrip("s")


def touches(text: str, stems: Iterable[str]) -> int:
    """How many of these beginnings begin a word of the text."""
    found = {stem(word) for word in re.findall(r"[^\W_]+", text)}
    return sum(each in found for each in stems)


RANK_STEMS = frozenset(map(stem, RANKS))
