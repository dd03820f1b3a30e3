"""What may be wrong with a contact's fields, one function a rule. Pure.

Each says in words what is wrong and how to mend it, and, where the product can mend it, the better value.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import NamedTuple

from email_validator import EmailNotValidError, validate_email
from rapidfuzz import fuzz

from clients import domains
from clients.quality_words import ACRONYMS, COUNTRY_NAMES, ROLES, STAGES, TEST_NAMES, TEST_WORDS


@dataclass(frozen=True)
class Facts:
    """What is known of one contact. `values`: field -> text, "custom.NAME" among them; `limits`: field -> the most
    signs that can be kept; `heard_at`: when a source last said anything; `twin`: whom it may be twice."""

    values: Mapping[str, str]
    now: datetime
    limits: Mapping[str, int] = field(default_factory=dict)
    heard_at: datetime | None = None
    twin: str = ""

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    @property
    def domain(self) -> str:
        return self["email"].rpartition("@")[2].strip().casefold()


class Setting(NamedTuple):
    """How a client wants a rule. `fine`: words, in small letters, that the rule lets pass for this client."""

    severity: str
    is_on: bool = True
    days: int = 365
    fine: frozenset[str] = frozenset()


class Fault(NamedTuple):
    """`better` is what would be right, None where only a person can tell."""

    field: str
    says: str
    mend: str
    better: str | None = None


Check = Callable[[Facts, Setting], Iterator[Fault]]

NAMES = ("first_name", "last_name", "full_name")
SHOUTED = (*NAMES, "title", "company_name")
SENSIBLE = {"first_name": 60, "last_name": 60, "full_name": 100, "title": 120, "company_name": 120}
PAST = re.compile(r"(created|updated|modified|joined|hired|born|birth|since|signed|first|last)", re.IGNORECASE)
LIKE_ENOUGH = 80  # of 100: below it a company's name and a domain have nothing to do with each other


def email_syntax(facts: Facts, setting: Setting) -> Iterator[Fault]:
    try:
        validate_email(facts["email"].strip(), check_deliverability=False, test_environment=True)
    except (EmailNotValidError, UnicodeError) as wrong:
        why = "It is empty." if not facts["email"].strip() else str(wrong)
        yield Fault("email", f"The address cannot be written to. {why}", "Correct it in the CRM.")


def email_script(facts: Facts, setting: Setting) -> Iterator[Fault]:
    if "@" in facts["email"] and not facts["email"].isascii():
        yield Fault(
            "email",
            "The address has letters that many mail servers do not take.",
            "Ask the person for a second address, or accept that it may bounce.",
        )


def role_address(facts: Facts, setting: Setting) -> Iterator[Fault]:
    local = facts["email"].partition("@")[0].strip().casefold()
    if local in ROLES and local not in setting.fine:
        yield Fault(
            "email",
            f"“{local}@” is a mailbox of several people, not a person.",
            "Look for the person's own address, or accept the mailbox in this rule.",
        )


def throw_away(facts: Facts, setting: Setting) -> Iterator[Fault]:
    domain = facts.domain and domains.registered(facts.domain)
    if domain in domains.THROW_AWAY and domain not in setting.fine:
        yield Fault(
            "email", f"{domain} is for throw-away mailboxes that nobody reads.", "Enter the person's work address."
        )


def free_domain(facts: Facts, setting: Setting) -> Iterator[Fault]:
    if facts.domain in domains.PRIVATE_MAIL and facts.domain not in setting.fine:
        yield Fault(
            "email",
            f"{facts.domain} is private mail: it does not tell where the person works.",
            "Enter the work address, and the company's domain.",
        )


def name_is_email(facts: Facts, setting: Setting) -> Iterator[Fault]:
    for name in NAMES:
        if facts[name].strip() and ("@" in facts[name] or facts[name].strip().casefold() == facts["email"].casefold()):
            yield Fault(name, "An e-mail address stands where the name belongs.", "Enter the name in the CRM.", "")


def all_caps(facts: Facts, setting: Setting) -> Iterator[Fault]:
    for name in SHOUTED:
        text = facts[name]
        if "@" not in text and _is_shouted(text, least=3 if name in NAMES else 6):
            better = " ".join(_calm(word, keeps=name not in NAMES) for word in text.split())
            if better != text:
                yield Fault(name, f"“{text}” is written in capitals.", "Correct it in the CRM.", better)


def no_name(facts: Facts, setting: Setting) -> Iterator[Fault]:
    if not any(facts[name].strip() for name in NAMES):
        yield Fault("full_name", "No name is known, so nobody can be greeted by name.", "Enter the name in the CRM.")


def test_data(facts: Facts, setting: Setting) -> Iterator[Fault]:
    local = facts["email"].partition("@")[0].strip().casefold()
    if re.sub(r"[\d._+-]+", "", local) in TEST_WORDS and local not in setting.fine:
        yield Fault(
            "email", f"“{local}@” looks like somebody's test.", "Delete it in the CRM, or accept the word in this rule."
        )
    for name in (*NAMES, "company_name"):
        text = " ".join(facts[name].casefold().split())
        is_test = text in TEST_NAMES or (text and set(re.split(r"[\s\d._-]+", text)) - {""} <= TEST_WORDS)
        if is_test and text not in setting.fine:
            yield Fault(
                name, f"“{facts[name]}” looks like somebody's test.", "Delete it in the CRM, or enter the real name."
            )


def company_mismatch(facts: Facts, setting: Setting) -> Iterator[Fault]:
    """A work address at a domain that is neither the company's nor sounds like its name."""
    if not facts.domain or not facts["company_domain"] or facts.domain in domains.PRIVATE_MAIL:
        return
    wrote, works = domains.registered(facts.domain), domains.registered(facts["company_domain"])
    if wrote == works or wrote in setting.fine or _sounds_like(facts["company_name"], wrote):
        return
    yield Fault(
        "company_domain",
        f"The address is at {wrote}, and the company's domain is {works}.",
        "See where the person works now, and correct the company or the address.",
    )


def future_date(facts: Facts, setting: Setting) -> Iterator[Fault]:
    for name, text in facts.values.items():
        if name.startswith("custom.") and PAST.search(name) and (day := _day(text)) and day > facts.now.date():
            yield Fault(
                name,
                f"{day.isoformat()} lies in the future, which {name.removeprefix('custom.')} cannot.",
                "Correct the date in the CRM.",
            )


def length(facts: Facts, setting: Setting) -> Iterator[Fault]:
    for name, text in facts.values.items():
        if (most := facts.limits.get(name)) and len(text) >= most:
            yield Fault(name, f"It was cut after {most:,} signs.", "Shorten it in the CRM.")
        elif len(text) > SENSIBLE.get(name, len(text)):
            yield Fault(
                name, f"{len(text)} signs are too long to be true.", "See what stands there, and correct it in the CRM."
            )


def picklist(facts: Facts, setting: Setting) -> Iterator[Fault]:
    country, stage = facts["country"].strip(), facts["lifecycle_stage"].strip()
    if country and country.casefold() not in setting.fine and not _is_country(country):
        yield Fault(
            "country", f"“{country}” is no country.", "Choose a country in the CRM, or accept the word in this rule."
        )
    if stage and not {stage.casefold(), re.sub(r"[\s_-]+", "", stage.casefold())} & (STAGES | setting.fine):
        yield Fault(
            "lifecycle_stage",
            f"“{stage}” is no stage that is known.",
            "Choose another stage in the CRM, or accept the word in this rule.",
        )


def phone(facts: Facts, setting: Setting) -> Iterator[Fault]:
    if facts["phone"].strip() and not _number(facts):
        yield Fault(
            "phone", f"“{facts['phone']}” is no phone number.", "Correct it in the CRM, with the country's code."
        )


def phone_spelling(facts: Facts, setting: Setting) -> Iterator[Fault]:
    found = facts["phone"].strip() and _number(facts)
    if found and found != facts["phone"].strip():
        yield Fault("phone", f"“{facts['phone']}” is not in the international form.", "Write it so in the CRM.", found)


def stale(facts: Facts, setting: Setting) -> Iterator[Fault]:
    if facts.heard_at and facts.now - facts.heard_at > timedelta(days=setting.days):
        quiet = (facts.now - facts.heard_at).days
        yield Fault("", f"No source said anything for {quiet} days.", "See whether the person still works there.")


def duplicate(facts: Facts, setting: Setting) -> Iterator[Fault]:
    if facts.twin:
        yield Fault("", f"It may be the same person as {facts.twin}.", "Decide it in the contact reviews.")


def _is_shouted(text: str, *, least: int) -> bool:
    return text == text.upper() != text.lower() and any(len(word) >= least for word in re.findall(r"[^\W\d_]+", text))


def _calm(word: str, *, keeps: bool) -> str:
    """ADA → Ada, MCKAY → McKay, O'HARA → O'Hara. `keeps`: abbreviations stay as they are."""
    if keeps and (word.strip(".,()") in ACRONYMS or len(re.sub(r"\W", "", word)) <= 3):
        return word
    calm = re.sub(r"[^\W\d_]+", lambda found: found[0].capitalize(), word)
    calm = re.sub(r"\bMc([a-z])", lambda found: f"Mc{found[1].upper()}", calm)
    return re.sub(r"(?<=\w\w)(['\u2019])([A-Z])\b", lambda found: found[1] + found[2].lower(), calm)


def _sounds_like(name: str, domain: str) -> bool:
    label = re.sub(r"\W", "", domain.split(".")[0])
    letters = re.sub(r"\W", "", name.casefold())
    initials = "".join(word[0] for word in name.casefold().split())
    return bool(letters) and (label == initials or fuzz.partial_ratio(letters, label) >= LIKE_ENOUGH)


def _day(text: str) -> date | None:
    try:
        return datetime.fromisoformat(text.strip()).date()
    except ValueError:
        pass
    try:
        return datetime.fromtimestamp(int(text) / 1000, tz=UTC).date() if len(text) == 13 else None
    except ValueError:
        return None


@cache
def _countries() -> dict[str, str]:
    """Every country's name in every language that phonenumbers knows, and its two letters -> its two letters."""
    from phonenumbers.geodata.locale import LOCALE_DATA

    named = {
        name.casefold(): code
        for code, names in LOCALE_DATA.items()
        for name in names.values()
        if not name.startswith("*")
    }
    return named | {code.casefold(): code for code in LOCALE_DATA}


def _is_country(text: str) -> bool:
    return text.casefold() in COUNTRY_NAMES or text.casefold() in _countries()


def _number(facts: Facts) -> str:
    """The number in the international form, "" where it is none. Without a + it is one of the contact's country."""
    import phonenumbers

    region = (
        _countries().get(facts["country"].strip().casefold()) if not facts["phone"].strip().startswith("+") else None
    )
    try:
        found = phonenumbers.parse(facts["phone"], region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(found):
        return ""
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
