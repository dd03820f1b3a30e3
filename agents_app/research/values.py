"""One way of writing each kind of value, whatever form a source has it in: the form a sentence can carry. Pure.

Every reader takes what stands at one place of a payload and gives the value in reading form, or None when that place
does not say it. Readers are used twice: when a claim is made, and when its pointer is checked again.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime

from agents_app.research import countries, fingerprints

LONGEST = 300
SMALL_WORDS = {"and", "of", "the", "upon", "de", "la", "am", "der"}
STAGES = {
    "angel": "angel",
    "pre_seed": "pre-seed",
    "seed": "seed",
    "private_equity": "private equity",
    "grant": "grant",
    "debt_financing": "debt",
    "post_ipo_equity": "post-IPO equity",
    "corporate_round": "corporate round",
}

# "The firm employs about 1,310 people": a subject, so that the staff of one site is not read as the whole company's.
STAFF = re.compile(
    r"(?:[Tt]he (?:company|firm|group|maker|lender|chain|retailer)|\bIt|[A-Z]\w+(?: (?:and )?[A-Z]\w+)*) "
    r"(?:now )?(?:employs|has a staff of) (?:about |around |some )?(\d[\d,]*) (?:people|staff)\b"
)
SERIES = re.compile(r"\bSeries ([A-H])\b")
RANGE = re.compile(r"(?P<least>\d[\d,]*)(?:-(?P<most>\d[\d,]*)|\+)")
BUCKET = re.compile(r"c_(\d+)_(\d+|max)")  # Crunchbase: c_00011_00050
STAFF_RANGE = re.compile(r"SIZE_(\d+)_(?:TO_(\d+)|OR_MORE)")  # LinkedIn: SIZE_51_TO_200
ALONE = "SIZE_1"  # LinkedIn: one person
AMOUNT = re.compile(r"\$?(\d[\d,]*(?:\.\d+)?) ?([KMB]|thousand|million|billion)?", re.IGNORECASE)
SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "b": 1e9, "billion": 1e9}
DOLLARS = {"$", "USD", "US$"}
LATEST_S = 4_102_444_800  # the year 2100; so many milliseconds were over in February 1970
COMPACT_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T|$)")  # GDELT: 20260506T101500Z
YEAR = re.compile(r"\+?(\d{4})(?:-|$)")
LOCALITY = ("locality", "city", "addressLocality", "City")
COUNTRY = ("country", "addressCountry", "Country")


# --- words


def text(raw: object) -> str | None:
    """One line without control characters."""
    if not isinstance(raw, str):
        return None
    return " ".join("".join(each if each.isprintable() else " " for each in raw).split()) or None


def industry(raw: object) -> str | None:
    """A name, or several of a list of them (Crunchbase: categories); “banking” also where it is “banking industry”."""
    if isinstance(raw, list):
        names = [text(each.get("value")) for each in raw if isinstance(each, Mapping)]
        raw = ", ".join(name for name in names if name)
    words = text(raw)
    return words.lower().replace(" & ", " and ").removesuffix(" industry") if words else None


def stage(raw: object) -> str | None:
    words = text(raw)
    if words is None:
        return None
    if found := SERIES.search(words):
        return f"Series {found[1]}"
    if found := re.fullmatch(r"series_([a-h])", words.lower().replace(" ", "_")):
        return f"Series {found[1].upper()}"
    return STAGES.get(words.lower().replace("-", "_").replace(" ", "_"))


def location(raw: object) -> str | None:
    """Town and country: of an address, of a list of places by kind (Crunchbase), or a line that says both."""
    if isinstance(raw, str):
        words = text(raw)
        return words if words and "," in words else None
    if isinstance(raw, list):
        raw = {str(each.get("location_type")): each.get("value") for each in reversed(raw) if isinstance(each, Mapping)}
    if not isinstance(raw, Mapping):
        return None
    country = _first(raw, COUNTRY)
    parts = [_first(raw, LOCALITY), countries.named(country) if country else _filed_country(raw)]
    return ", ".join(_place(part) for part in parts if part) or None


def _first(said: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    """Named by an object of its own: schema.org's {"name"}, a label of Wikidata's {"value"}."""
    for name in names:
        value = said.get(name)
        words = text(value.get("name", value.get("value")) if isinstance(value, Mapping) else value)
        if words:
            return words
    return None


def _filed_country(said: Mapping[str, object]) -> str | None:
    """EDGAR writes a state of the United States as two letters, another country with its province before it."""
    words = text(said.get("stateOrCountryDescription"))
    if words is None:
        return None
    return "United States" if re.fullmatch(r"[A-Z]{2}", words) else words.rpartition(", ")[2]


def _place(words: str) -> str:
    if words.isupper() and len(words) <= 3:
        return words  # a code
    if not (words.islower() or words.isupper()):
        return words  # as its people write it
    parts = re.split(r"([ -])", words.lower())
    titled = [part if index and part in SMALL_WORDS else part.capitalize() for index, part in enumerate(parts)]
    return "".join(titled)


def technology(raw: object) -> str | None:
    """A name, or an object that has one."""
    if isinstance(raw, Mapping):
        raw = raw.get("name") or raw.get("Name")
    words = text(raw)
    return fingerprints.called(words) if words else None


def person(raw: object) -> str | None:
    """“Lena Vogt, Chief Revenue Officer” of an object with a name and a title; nobody without both."""
    if not isinstance(raw, Mapping):
        return None
    whole = text(raw.get("full_name")) or text(raw.get("name"))
    parts = [text(raw.get("first_name")), text(raw.get("last_name"))]
    name, title = (
        whole or " ".join(part for part in parts if part),
        text(raw.get("job_title")) or text(raw.get("title")),
    )
    return f"{_named(name)}, {_titled(title)}" if name and title else None


def _named(words: str) -> str:
    return words.title() if words.islower() else words


def _titled(words: str) -> str:
    """Vendors that keep everything in small letters lose “VP”; so do we not."""
    if not words.islower():
        return words
    short = {"vp", "ceo", "cfo", "cto", "coo", "cio", "cmo", "cro", "ciso", "hr", "it", "svp", "evp"}
    parts = [
        part.upper() if part in short else part if index and part in SMALL_WORDS else part.capitalize()
        for index, part in enumerate(words.split())
    ]
    return " ".join(parts)


def filing(raw: object) -> str | None:
    """The form of a filing: 10-K, 8-K, S-1/A."""
    words = text(raw)
    return words if words and re.fullmatch(r"[A-Z0-9][A-Z0-9 /-]{0,19}", words) else None


MAIL_HOSTS = (
    ("google.com", "Google Workspace"),
    ("googlemail.com", "Google Workspace"),
    ("outlook.com", "Microsoft 365"),
    ("pphosted.com", "Proofpoint"),
    ("ppe-hosted.com", "Proofpoint"),
    ("mimecast.com", "Mimecast"),
    ("barracudanetworks.com", "Barracuda"),
    ("zoho.com", "Zoho Mail"),
    ("zoho.eu", "Zoho Mail"),
    ("messagingengine.com", "Fastmail"),
    ("protonmail.ch", "Proton Mail"),
    ("iphmx.com", "Cisco Secure Email"),
    ("amazonaws.com", "Amazon WorkMail"),
    ("yandex.net", "Yandex 360"),
    ("secureserver.net", "GoDaddy"),
    ("emailsrvr.com", "Rackspace Email"),
)


def mail_host(raw: object) -> str | None:
    """The service behind a mail exchanger as DNS writes it: “10 aspmx.l.google.com.” → Google Workspace."""
    words = text(raw)
    host = words.split()[-1].rstrip(".").lower() if words else ""
    return next((name for ending, name in MAIL_HOSTS if host == ending or host.endswith(f".{ending}")), None)


# --- numbers


def headcount(raw: object) -> str | None:
    """A number, a range, or a sentence that says how many people a company employs."""
    if isinstance(raw, Mapping):
        return _counted(raw)
    if isinstance(raw, str):
        return _range(raw) or _said(raw)
    whole = _whole(raw)
    return f"{whole:,}" if whole else None


def _whole(raw: object) -> int | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not 0 < raw < 1e15:
        return None
    return int(raw) if raw == int(raw) else None


def _counted(raw: Mapping[str, object]) -> str | None:
    """schema.org's QuantitativeValue, a Wikidata quantity ({"amount": "+1240"})."""
    amount = raw.get("value", raw.get("amount"))
    if amount is None and "minValue" in raw:
        least, most = _in_digits(raw["minValue"]), _in_digits(raw.get("maxValue"))
        return f"{least}-{most}" if least and most else f"{least}+" if least else None
    return headcount(_in_digits(amount) or amount) if not isinstance(amount, Mapping) else None


def _in_digits(raw: object) -> int | None:
    """A whole number, also one in words of digits: "+1240"."""
    if isinstance(raw, str) and re.fullmatch(r"\+?[\d,]{1,15}", raw):
        raw = int(raw.lstrip("+").replace(",", "") or 0)
    return _whole(raw)


def _range(raw: str) -> str | None:
    if RANGE.fullmatch(raw) or raw == ALONE:
        return raw.removeprefix("SIZE_")
    found = BUCKET.fullmatch(raw) or STAFF_RANGE.fullmatch(raw)
    if found is None:
        return None
    most = found[2]
    return f"{int(found[1])}+" if most in (None, "max") else f"{int(found[1])}-{int(most)}"


def _said(raw: str) -> str | None:
    if re.fullmatch(r"\d[\d,]*", raw):
        return headcount(int(raw.replace(",", "")))
    found = STAFF.search(raw)
    return headcount(int(found[1].replace(",", ""))) if found else None


def money(raw: object) -> str | None:
    """US dollars, to three digits as people say them: "$62.4 million". Other currencies are not converted: None."""
    amount = _dollars(raw)
    if amount is None or amount <= 0:
        return None
    for size, word in ((1_000_000_000, "billion"), (1_000_000, "million")):
        if amount >= size:
            return f"${amount / size:.1f}".removesuffix(".0") + f" {word}"
    return f"${amount:,.0f}"


def _dollars(raw: object) -> float | None:
    if isinstance(raw, Mapping):
        if (usd := raw.get("value_usd")) is not None:
            return _dollars(usd)
        if raw.get("currency", "USD") not in DOLLARS:
            return None
        return _dollars(next((raw[name] for name in ("value", "val", "amount") if name in raw), None))
    if isinstance(raw, str):
        found = AMOUNT.fullmatch(raw.strip())
        return float(found[1].replace(",", "")) * SCALES.get((found[2] or "").lower(), 1.0) if found else None
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not 0 < raw < 1e15:
        return None
    return float(raw)


def number(value: str) -> float | None:
    """What a value in reading form counts: "1,240" → 1240, "$62.4 million" → 62,400,000; None for a range or words."""
    found = re.fullmatch(r"\$?(\d[\d,]*(?:\.\d+)?)(?: (million|billion))?", value)
    if found is None:
        return None
    return float(found[1].replace(",", "")) * SCALES.get(found[2] or "", 1.0)


def span(value: str) -> tuple[float, float] | None:
    """Least and most of a number or range in reading form: "51-200" → (51, 200), "10001+" → (10001, inf)."""
    exact = number(value)
    if exact is not None:
        return exact, exact
    found = RANGE.fullmatch(value)
    if found is None:
        return None
    most = found["most"]
    return float(found["least"].replace(",", "")), float(most.replace(",", "")) if most else float("inf")


# --- time


def day(raw: object) -> date | None:
    """The date that an ISO text begins with, GDELT's compact form, or seconds or milliseconds since 1970."""
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 < raw < LATEST_S * 1000:
        return datetime.fromtimestamp(raw if raw < LATEST_S else raw / 1000, UTC).date()
    if not isinstance(raw, str):
        return None
    found = COMPACT_DAY.match(raw)
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else date.fromisoformat(raw[:10])
    except ValueError:
        return None


def month(raw: object) -> str | None:
    on = day(raw)
    return f"{on:%B %Y}" if on else None


def year(raw: object) -> str | None:
    """A number, a text that begins with one, or an object that holds such a text (Crunchbase, Wikidata). Wikidata says
    by `precision` what it knows: below 9 it is no year, but a decade or more."""
    if isinstance(raw, Mapping):
        precision = raw.get("precision")
        if isinstance(precision, int) and precision < 9:
            return None
        raw = raw.get("value", raw.get("time"))
    if isinstance(raw, str):
        found = YEAR.match(raw)
        raw = int(found[1]) if found else None
    return str(raw) if isinstance(raw, int) and not isinstance(raw, bool) and 1500 <= raw <= 2100 else None


# --- names that belong to one company only


def digits(raw: object) -> str | None:
    """A number that is a name: 1441 or "1441"."""
    whole = _whole(raw)
    words = str(whole) if whole else text(raw)
    return words if words and words.isascii() and words.isdigit() else None


def cik(raw: object) -> str | None:
    """The SEC's Central Index Key, ten digits."""
    found = digits(raw)
    return found.zfill(10) if found and len(found) <= 10 and int(found) else None


def lei(raw: object) -> str | None:
    """ISO 17442: 18 letters or digits and two check digits, of which ISO 7064 (97-10) leaves 1. ISO 6523 writes 0199:
    before it."""
    words = (text(raw) or "").removeprefix("0199:")
    if not words or not re.fullmatch(r"[0-9A-Z]{18}[0-9]{2}", words):
        return None
    return words if int("".join(str(int(each, 36)) for each in words)) % 97 == 1 else None


def wikidata_id(raw: object) -> str | None:
    """An item's name, also at the end of its address."""
    words = (text(raw) or "").rpartition("/")[2]
    return words if re.fullmatch(r"Q[1-9]\d*", words) else None


def ticker(raw: object) -> str | None:
    """Without the exchange that schema.org writes before it: “NASDAQ HWDV”."""
    found = re.fullmatch(r"(?:[A-Za-z]+[ :]+)?([A-Za-z][A-Za-z0-9.-]{0,9})", text(raw) or "")
    return found[1].upper() if found else None


def slug(raw: object) -> str | None:
    """A name in an address: small letters, digits, hyphens, also at the end of an address."""
    words = (text(raw) or "").rstrip("/").rpartition("/")[2].lower()
    return words if re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,99}", words) else None


def identifier(raw: object) -> str | None:
    words = text(raw)
    return words if words and re.fullmatch(r"[A-Za-z0-9_-]{4,64}", words) else None
