"""The agency's people, and the people it writes to."""

import secrets
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User

from gtm.demo.content import FIRST_NAMES, LAST_NAMES, TITLES
from gtm.sandbox import world


class Person(NamedTuple):
    """One contact as a CRM tells of it."""

    email: str
    first_name: str
    last_name: str
    title: str
    company_name: str
    company_domain: str


LOGINS = {
    "admin": ("Admin", "Alex", "Adams"),
    "operator": ("Operator", "Olu", "Okafor"),
    "manager": ("Account manager", "Priya", "Raman"),
    "viewer": ("Viewer", "Vik", "Varga"),
}  # user name -> role, first name, last name


def make_logins() -> dict[str, User]:
    """The four demo users, one a role, with one random password kept in the data folder."""
    password = make_password(_password(settings.DATA_DIR / "demo_password"))  # slow by design, so once for all four
    return {username: _login(username, password) for username in LOGINS}


def _login(username: str, password: str) -> User:
    role, first, last = LOGINS[username]
    user, _ = User.objects.get_or_create(
        username=username, defaults={"first_name": first, "last_name": last, "is_staff": True}
    )
    user.email = f"{username}@agency.example"
    user.is_superuser = role == "Admin"
    user.password = password
    user.save()
    user.groups.set([Group.objects.get(name=role)])
    return user


def _password(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(9))
    return path.read_text().strip()


def invent(rng: Random, companies: list[world.Company]) -> Iterator[Person]:
    """Endless people at these companies, no two with one address; the companies' own known people come first."""
    taken: set[str] = set()
    for company in companies:
        for known in company.people:
            yield _at(company, known.first_name, known.last_name, known.title, taken)
    while True:
        company = rng.choice(companies)
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        if _address(company, first, last) not in taken:
            yield _at(company, first, last, rng.choice(TITLES), taken)


def _address(company: world.Company, first: str, last: str) -> str:
    letters = unicodedata.normalize("NFKD", f"{first}.{last}".casefold())
    return (
        "".join(letter for letter in letters if letter.isascii() and (letter.isalpha() or letter == "."))
        + f"@{company.domain}"
    )


def _at(company: world.Company, first: str, last: str, title: str, taken: set[str]) -> Person:
    email = _address(company, first, last)
    taken.add(email)
    return Person(email, first, last, title, company.name, company.domain)
