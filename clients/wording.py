"""Which words stand in a text. Pure."""

import re
import unicodedata
from collections.abc import Iterable


def plain(text: str) -> str:
    """Case, width and blanks make no difference."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def avoided(text: str, terms: Iterable[str]) -> list[str]:
    """The words to avoid that stand in the text as whole words, whatever their case."""
    here = plain(text)
    return [term for term in terms if plain(term) and re.search(rf"(?<!\w){re.escape(plain(term))}(?!\w)", here)]
