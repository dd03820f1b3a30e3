"""What a site's robots.txt lets a program read, as RFC 9309 says it. Pure.

The group that names the program counts, else the one for `*`; in it the longest rule that fits the path, and of two
equally long ones the one that allows.
"""

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

LONGEST = 500_000  # characters that are read
ANYBODY = "*"


def allows(robots: str, agent: str, url: str) -> bool:
    """`agent` is the name of the program, without a version."""
    parts = urlsplit(url)
    path = unquote(parts.path or "/") + (f"?{unquote(parts.query)}" if parts.query else "")
    rules = _rules(robots, agent.lower())
    fitting = [(len(pattern), verb == "allow") for verb, pattern in rules if pattern and _fits(pattern, path)]
    return max(fitting)[1] if fitting else True


def _rules(robots: str, agent: str) -> list[tuple[str, str]]:
    groups = list(_groups(robots))
    named = [rules for names, rules in groups if agent in names]
    return [rule for rules in named or [rules for names, rules in groups if ANYBODY in names] for rule in rules]


def _groups(robots: str) -> Iterator[tuple[set[str], list[tuple[str, str]]]]:
    """Groups of rules and the names that they are for; several names may stand above the rules of one."""
    names: set[str] = set()
    rules: list[tuple[str, str]] = []
    for verb, value in _lines(robots):
        if verb == "user-agent":
            if rules:
                yield names, rules
                names, rules = set(), []
            names.add(value.lower().partition("/")[0].strip())
        elif names:
            rules.append((verb, unquote(value)))
    yield names, rules


def _lines(robots: str) -> Iterator[tuple[str, str]]:
    for line in robots[:LONGEST].splitlines():
        verb, colon, value = line.partition("#")[0].partition(":")
        verb = verb.strip().lower().lstrip("\ufeff")
        if colon and verb in ("user-agent", "allow", "disallow"):
            yield verb, value.strip()


def _fits(pattern: str, path: str) -> bool:
    """`*` stands for any signs, `$` for the end of the path."""
    *parts, last = pattern.removesuffix("$").split("*")
    at = 0
    for index, part in enumerate(parts):
        found = path.find(part, at)
        if found < 0 or (index == 0 and found > 0):
            return False
        at = found + len(part)
    if pattern.endswith("$"):
        return path.endswith(last) and len(path) - len(last) >= at and (bool(parts) or path == last)
    return path.startswith(last) if not parts else path.find(last, at) >= 0
