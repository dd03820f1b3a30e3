"""One way of writing each attribute's value, whatever form a source has it in: the form a sentence can carry.

`read` is used twice: when a claim is made, and when its pointer is checked against the stored payload.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date

LONGEST = 300
STAGES = {"pre_seed": "pre-seed", "seed": "seed", "angel": "angel", "private_equity": "private equity"}
SMALL_WORDS = {"and", "of", "the", "upon", "de", "la", "am", "der"}

# "The firm employs about 1,310 people": a subject, so that the staff of one site is not read as the whole company's.
STAFF = re.compile(
    r"(?:[Tt]he (?:company|firm|group|maker|lender|chain|retailer)|\bIt|[A-Z]\w+(?: (?:and )?[A-Z]\w+)*) "
    r"(?:now )?(?:employs|has a staff of) (?:about |around |some )?(\d[\d,]*) (?:people|staff)\b"
)
SERIES = re.compile(r"\bSeries ([A-H])\b")


def read(attribute: str, raw: object) -> str | None:
    """The value in reading form; None when `raw` does not say it."""
    value = READERS[attribute](raw)
    return value[:LONGEST] if value else None


def text(raw: object) -> str | None:
    """One line without control characters."""
    if not isinstance(raw, str):
        return None
    return " ".join("".join(each if each.isprintable() else " " for each in raw).split()) or None


def _headcount(raw: object) -> str | None:
    if isinstance(raw, bool):
        return None
    if isinstance(raw, int):
        return f"{raw:,}" if raw > 0 else None
    if isinstance(raw, str) and re.fullmatch(r"[\d,]+(-[\d,]+|\+)", raw):
        return raw
    found = STAFF.search(raw) if isinstance(raw, str) else None
    return _headcount(int(found[1].replace(",", ""))) if found else None


def _year(raw: object) -> str | None:
    return str(raw) if isinstance(raw, int) and not isinstance(raw, bool) and 1500 <= raw <= 2100 else None


def _industry(raw: object) -> str | None:
    words = text(raw)
    return words.lower().replace(" & ", " and ") if words else None


def _place(words: str) -> str:
    parts = re.split(r"([ -])", words.lower())
    titled = [part if index and part in SMALL_WORDS else part.capitalize() for index, part in enumerate(parts)]
    return "".join(titled)


def _location(raw: object) -> str | None:
    if not isinstance(raw, Mapping):
        return None
    parts = [text(raw.get(part)) for part in ("locality", "country")]
    return ", ".join(_place(part) for part in parts if part) or None


def _money(raw: object) -> str | None:
    """US dollars, to three digits as people say them: "$62.4 million"."""
    if isinstance(raw, bool) or not isinstance(raw, int | float) or raw <= 0:
        return None
    for size, word in ((1_000_000_000, "billion"), (1_000_000, "million")):
        if raw >= size:
            return f"${raw / size:.1f}".removesuffix(".0") + f" {word}"
    return f"${raw:,.0f}"


def _stage(raw: object) -> str | None:
    words = text(raw)
    if words is None:
        return None
    if found := SERIES.search(words):
        return f"Series {found[1]}"
    if found := re.fullmatch(r"series_([a-h])", words.lower()):
        return f"Series {found[1].upper()}"
    return STAGES.get(words.lower().replace("-", "_").replace(" ", "_"))


def _month(raw: object) -> str | None:
    on = day(raw)
    return f"{on:%B %Y}" if on else None


def day(raw: object) -> date | None:
    """The date that an ISO text begins with."""
    try:
        return date.fromisoformat(raw[:10]) if isinstance(raw, str) else None
    except ValueError:
        return None


READERS: Mapping[str, Callable[[object], str | None]] = {
    "name": text,
    "industry": _industry,
    "headcount": _headcount,
    "founded_year": _year,
    "location": _location,
    "funding_total_usd": _money,
    "last_funding_stage": _stage,
    "last_funding_date": _month,
    "news": text,
}


def number(value: str) -> float | None:
    """What a value in reading form counts: "1,240" → 1240, "$62.4 million" → 62,400,000; None for a range or words."""
    found = re.fullmatch(r"\$?(\d[\d,]*(?:\.\d+)?)(?: (million|billion))?", value)
    if found is None:
        return None
    scale = {"million": 1e6, "billion": 1e9}.get(found[2] or "", 1.0)
    return float(found[1].replace(",", "")) * scale
