"""Who is one person, and which observation wins a field. Pure: whatever order the observations came in, the same ends.

A field is decided in two steps. Each source has one word on it: the latest of its observations. Then the client's rule
chooses among the words, and sees all of them at once: a rule that compared two at a time would depend on their order.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

LATEST, JOINED = "latest word", "joined from first and last name"
TRUE = "true"

Node = TypeVar("Node", bound=Hashable)


@dataclass(frozen=True)
class Seen:
    """What one event says of one field; `id` is the observation's row. `source` is the party, `speaker` which of its
    connections (0: a person who corrected by hand)."""

    id: int
    value: str
    occurred_at: datetime
    event_key: str
    source: str = ""
    speaker: int = 0

    @property
    def order(self) -> tuple[datetime, str, str, int]:
        return (self.occurred_at, self.event_key, self.value, self.id)


@dataclass(frozen=True)
class Rule:
    """`sources` first to last; what is not named comes after them. `days` for priority_unless_older."""

    name: str = "latest"
    sources: tuple[str, ...] = ()
    days: int = 0


@dataclass(frozen=True)
class Verdict:
    """The value that holds, the observation it rests on, the rule in words; `disputed` are the words that a person has
    to choose from, () where nobody has to."""

    value: str
    rests_on: Seen
    rule: str
    disputed: tuple[Seen, ...] = ()


STANDING = {"do_not_contact": Rule("monotone"), "tags": Rule("union"), "other_emails": Rule("union")}
PERSON = "person"


def rule_of(field: str, rules: Mapping[str, Rule]) -> Rule:
    """The client's rule, or the one that stands for every client. An opt-out is never taken back, whatever is ruled."""
    if field == "do_not_contact":
        return STANDING[field]
    return rules.get(field) or STANDING.get(field) or Rule()


def winner(one: Seen | None, other: Seen | None) -> Seen | None:
    """The later one; of two at the same moment, the greater event key, then the greater value.

    Associative and commutative, so any order of arrival, and any repetition, ends at the same value.
    """
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda seen: seen.order)


def words(seen: Iterable[Seen], *, keeps_true: bool = False) -> list[Seen]:
    """The last word of each speaker, in the order of speakers. `keeps_true`: the first “true” of each, where it said so
    once."""
    said: dict[int, Seen] = {}
    for each in seen:
        before = said.get(each.speaker)
        said[each.speaker] = _kept(before, each) if keeps_true else (winner(before, each) or each)
    return [said[speaker] for speaker in sorted(said)]


def resolve(seen: Iterable[Seen], rule: Rule) -> Verdict | None:
    """The verdict over everything that was said of one field; None where nothing was."""
    said = words(seen, keeps_true=rule.name == "monotone")
    return RULES[rule.name](said, rule) if said else None


def full_name(whole: Verdict | None, first: Verdict | None, last: Verdict | None) -> Verdict | None:
    """The whole name, unless its parts are newer."""
    newest_part = winner(first.rests_on if first else None, last.rests_on if last else None)
    if newest_part is None or (whole is not None and winner(whole.rests_on, newest_part) is whole.rests_on):
        return whole
    return Verdict(" ".join(part.value for part in (first, last) if part and part.value), newest_part, JOINED)


def components(nodes: Iterable[Node], same: Iterable[tuple[Node, Node]]) -> list[frozenset[Node]]:
    """Which nodes hang together (union-find)."""
    parent = {node: node for node in nodes}

    def root(node: Node) -> Node:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for one, other in same:
        parent[root(one)] = root(other)
    found = defaultdict(set)
    for node in parent:
        found[root(node)].add(node)
    return [frozenset(group) for group in found.values()]


def _kept(before: Seen | None, now: Seen) -> Seen:
    both = [each for each in (before, now) if each is not None]
    true = [each for each in both if each.value == TRUE]
    return min(true, key=lambda each: each.order) if true else max(both, key=lambda each: each.order)


def _latest(said: Sequence[Seen], rule: Rule) -> Verdict:
    last = max(said, key=lambda each: each.order)
    return Verdict(last.value, last, LATEST)


def _priority(said: Sequence[Seen], rule: Rule) -> Verdict:
    spoken = [each for each in said if each.value] or said
    first = min(_newest_first(spoken), key=lambda each: _rank(each, rule))
    return Verdict(first.value, first, f"{first.source} comes first")


def _priority_unless_older(said: Sequence[Seen], rule: Rule) -> Verdict:
    spoken = [each for each in said if each.value] or said
    newest = max(each.occurred_at for each in spoken)
    fresh = [each for each in spoken if each.occurred_at >= newest - timedelta(days=rule.days)]
    first = min(_newest_first(fresh), key=lambda each: _rank(each, rule))
    return Verdict(first.value, first, f"{first.source} comes first, not older than {rule.days} days")


def _manual(said: Sequence[Seen], rule: Rule) -> Verdict:
    """A person's word holds. Before there is one, the word that stood first does, so that nothing changes by itself."""
    spoken = [each for each in said if each.value] or list(said)
    person = next((each for each in spoken if each.source == PERSON), None)
    holds = person or min(spoken, key=lambda each: each.order)
    later = [each for each in spoken if person is None or each.order >= person.order]
    differs = any(each.value != holds.value for each in later)
    return Verdict(holds.value, holds, "a person decides", tuple(spoken) if differs else ())


def _union(said: Sequence[Seen], rule: Rule) -> Verdict:
    entries = {entry.strip() for each in said for entry in each.value.split(",") if entry.strip()}
    last = max(said, key=lambda each: each.order)
    return Verdict(", ".join(sorted(entries, key=lambda entry: (entry.casefold(), entry))), last, "all together")


def _longest(said: Sequence[Seen], rule: Rule) -> Verdict:
    longest = max(said, key=lambda each: (len(each.value), each.order))
    return Verdict(longest.value, longest, "the longest")


def _monotone(said: Sequence[Seen], rule: Rule) -> Verdict:
    true = [each for each in said if each.value == TRUE]
    holds = min(true, key=lambda each: each.order) if true else max(said, key=lambda each: each.order)
    return Verdict(holds.value, holds, "once said, never taken back")


def _rank(seen: Seen, rule: Rule) -> int:
    """A person's word comes before every source's; what the rule does not name, after all."""
    if seen.source == PERSON:
        return -1
    return rule.sources.index(seen.source) if seen.source in rule.sources else len(rule.sources)


def _newest_first(said: Sequence[Seen]) -> list[Seen]:
    return sorted(said, key=lambda each: each.order, reverse=True)


RULES = {
    "latest": _latest,
    "priority": _priority,
    "priority_unless_older": _priority_unless_older,
    "manual": _manual,
    "union": _union,
    "longest": _longest,
    "monotone": _monotone,
}
