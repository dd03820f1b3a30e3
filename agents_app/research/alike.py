"""When two values in words are the same value: each reader gives a form in which they are equal. Pure.

Forms are compared, never shown.
"""

import re

from clients import likeness

SHORT_TITLES = {
    "ceo": "chief executive officer",
    "cfo": "chief financial officer",
    "cio": "chief information officer",
    "ciso": "chief information security officer",
    "cmo": "chief marketing officer",
    "coo": "chief operating officer",
    "cto": "chief technology officer",
    "evp": "executive vice president",
    "hr": "human resources",
    "svp": "senior vice president",
    "vp": "vice president",
}
LINKING = {"and", "for", "of", "the"}


def words(value: str) -> str:
    """Without accents, signs and capitals; what consists of signs alone stays as it is."""
    return likeness.fold(value) or value.casefold()


def company(value: str) -> str:
    """Without the legal form too: “Müller & Co. KG” and “Muller”."""
    return likeness.person("", company=value).company or words(value)


def technology(value: str) -> str:
    """“Node.js” and “NodeJS”, but not “C” and “C++”."""
    return re.sub(r"[^\w+#]", "", value.casefold()) or value.casefold()


def person(value: str) -> str:
    """Name and title, the title in full: “Lena Vogt, VP Finance” and “Lena Vogt, Vice President of Finance”."""
    name, _, title = value.partition(", ")
    parts = (SHORT_TITLES.get(part, part) for part in words(title).split() if part not in LINKING)
    return f"{words(name)}, {' '.join(parts)}"
