"""Persona: a role, what is likely on its desk, and an angle that joins concern, fact and offer. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gtm.sandbox.composer import concerns, directives, wording
from gtm.sandbox.composer.given import Fact, Given, Sentence
from gtm.sandbox.composer.openings import leading

MOST_PAINS = 3


@dataclass(frozen=True)
class Concern:
    key: str
    text: str


def compose(given: Given) -> dict[str, Any]:
    entry = _department(given)
    role = _role(given, entry)
    chosen = _concerns(given, entry) if role and _speaks_of(given, entry) else []
    pains = _pains(given, role, chosen)
    return {
        "role": role,
        "pains": [each.as_answer() for each in pains],
        "angle": (_angle(given, chosen) if pains else Sentence("")).as_answer(),
        "missing": list(_missing(given, role)),
    }


def _playbook(given: Given) -> list[Mapping[str, Any]]:
    return [entry for entry in given.context.get("playbook") or [] if isinstance(entry, Mapping)]


def _department(given: Given) -> Mapping[str, Any]:
    """The one whose titles the prompt targets, else the first given, which the caller ranked."""
    entries = _playbook(given)
    if not entries:
        return {}
    title = str((given.context.get("contact") or {}).get("title") or "")
    targets = [each for each in given.directives.targets if each not in directives.RANK_STEMS]
    stems = _own_words(title) or targets
    return max(entries, key=lambda entry: directives.touches(_titles_text(entry), stems))


def _speaks_of(given: Given, entry: Mapping[str, Any]) -> bool:
    """Several entries are what the caller sends when it found none for the title: then a likeness of words decides."""
    title = str((given.context.get("contact") or {}).get("title") or "")
    return not title or len(_playbook(given)) == 1 or directives.touches(_titles_text(entry), _own_words(title)) > 0


def _own_words(title: str) -> list[str]:
    return [directives.stem(word) for word in title.split() if word.casefold() not in directives.RANKS]


def _titles_text(entry: Mapping[str, Any]) -> str:
    return " ".join([str(entry.get("department", "")), *map(str, entry.get("titles") or [])])


def _role(given: Given, entry: Mapping[str, Any]) -> str:
    title = wording.bare(str((given.context.get("contact") or {}).get("title") or ""))
    titles = [str(each) for each in entry.get("titles") or []]
    best = max(titles, key=lambda each: directives.touches(each, given.directives.targets), default="")
    role = title or best
    return role if given.is_clean(role) else ""


def _concerns(given: Given, entry: Mapping[str, Any]) -> list[Concern]:
    """Those first that touch the focus or the emphasis; otherwise companies differ in where they begin."""
    told = {wording.bare(str(each.get("text", ""))): str(each.get("key", "")) for each in entry.get("concerns") or []}
    stems = [*given.directives.focus, *(directives.stem(word) for word in given.emphasis.split())]
    clean = [text for text in wording.rotated(list(told), *given.seed("concerns")) if given.is_clean(text)]
    fact = leading(given)
    said = fact.value if fact else ""
    clean.sort(key=lambda text: -2 * directives.touches(text, stems) - concerns.related(said, text))
    return [Concern(told[text], text) for text in clean[:MOST_PAINS]]


def _pains(given: Given, role: str, chosen: Sequence[Concern]) -> list[Sentence]:
    headcount = given.fact("headcount")
    frames = wording.rotated(concerns.FRAMES, *given.seed("frames"))
    made = []
    for index, concern in enumerate(chosen):
        sized = headcount if index == 0 else None
        options = [*(concerns.SIZED_FRAMES if sized else ()), frames[index % len(frames)]]
        value = sized.value if sized else ""
        filled = [concerns.sentence(each, role=role, concern=concern.text, headcount=value) for each in options]
        text = given.say(f"pain {index}", filled)
        used = [sized.key] if sized and value in text else []
        made.append(Sentence(text, (concern.key, *used)))
    return [each for each in made if each.text]


def _angle(given: Given, chosen: Sequence[Concern]) -> Sentence:
    """Advice to whoever writes; empty where there is no fact to begin with or no offer to end with."""
    fact, offer = leading(given), given.setting("offer")
    if fact is None or not given.is_clean(offer):
        return Sentence("")
    start, concern = _start(given, fact), chosen[0]
    ours = offer if wording.begins_with_name(offer, given.client) else wording.lower_first(offer)
    text = given.say(
        "angle",
        [
            f"Begin with {start}, turn to {concern.text}, and end with the offer: {ours}.",
            f"{wording.upper_first(start)} leads to {concern.text}, and from there to the offer: {ours}.",
        ],
    )
    return Sentence(text, (fact.key, concern.key, "config.custom_fields.offer")) if text else Sentence("")


def _start(given: Given, fact: Fact) -> str:
    if fact.attribute == "news":
        return f"the news “{fact.value}”"
    if fact.attribute == "last_funding_stage":
        return f"the {fact.value} round"
    if fact.attribute == "headcount":
        return f"the {fact.value} people at {given.company}"
    return f"the home of {given.company} in {fact.value}"


def _missing(given: Given, role: str) -> Iterator[str]:
    contact = given.context.get("contact")
    if not role:
        yield "No role can be named: the contact has no title and the playbook no entry. Add the contact's title."
    elif not contact:
        yield f"No contact is named, so the role {role} comes from the playbook. Add a contact to the request."
    elif not contact.get("title"):
        yield f"The contact has no title, so the role {role} comes from the playbook. Add the title on the contact."
    elif not _speaks_of(given, _department(given)):
        yield f"The playbook has no entry for “{role}”, so nothing is said of what is on that desk."
    if not given.setting("offer"):
        yield f"What {given.client or 'the client'} offers is not said. Add it in the client's settings, field Offer."
    if leading(given) is None:
        yield f"No fact about {given.company} is sure enough to begin with. Connect another source or research again."
