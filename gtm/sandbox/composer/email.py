"""E-mail: an opening about the company, why it matters to the reader, the offer with proof, one request. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gtm.sandbox.composer import concerns, openings, phrases, wording
from gtm.sandbox.composer.given import Given, Sentence
from gtm.sandbox.composer.openings import Opening

SETTINGS = "in the client's settings"


@dataclass(frozen=True)
class Line:
    """`worth`: the lowest goes first when the mail is too long; None never goes."""

    sentence: Sentence
    paragraph: int
    worth: int | None = None


def compose(given: Given) -> dict[str, Any]:
    lines = _lines(given)
    greeting, closing = phrases.greeting(given), phrases.closing(given)
    kept = _fitted(given, lines, spare=wording.words(f"{greeting} {closing}"))
    missing = [*_missing(given, lines), *_too_long(given, lines, kept)]
    if missing:
        return {"subject": "", "greeting": "", "sentences": [], "closing": "", "missing": missing}
    return {
        "subject": _subject(given),
        "greeting": greeting,
        "sentences": [line.sentence.as_answer() | {"paragraph": line.paragraph} for line in kept],
        "closing": closing,
        "missing": [],
    }


# --- the parts, in order


def _lines(given: Given) -> list[Line]:
    found = _opening(given)
    lines = [Line(each, 0) for each in _reminder(given)]
    if given.directives.open_with == "offer" and not lines:
        lines += [Line(_offer(given), 0), *_about_them(given, found, paragraph=1)]
    else:
        lines += [*_about_them(given, found, paragraph=0), Line(_offer(given), 1)]
    at = max(line.paragraph for line in lines)
    lines += [Line(proof, 1 if at == 1 else at, worth=2 - index) for index, proof in enumerate(_proofs(given))]
    lines += [Line(each, 2, worth=0) for each in _way_out(given)]
    lines.append(Line(_request(given), 2))
    return [line for line in sorted(lines, key=lambda line: line.paragraph) if line.sentence.text]


def _about_them(given: Given, found: Sequence[Opening], *, paragraph: int) -> Iterator[Line]:
    for index, opening in enumerate(found):
        yield Line(opening.sentence, paragraph, worth=None if index == 0 else 3)
    if found:
        yield Line(_bridge(given, found[-1], is_title_said=len(found) > 1), paragraph, worth=4)


def _opening(given: Given) -> list[Opening]:
    """One opening for most mails; "Open with: role" puts the reader before the fact.

    Each follow-up has a fact of its own, as long as there are enough.
    """
    found, wanted = openings.all_openings(given), given.directives.open_with
    if not found:
        return []
    found.sort(key=lambda opening: opening.kind != (wanted or "news"))
    chosen = found[(given.step - 1) % len(found)]
    role = openings.role(given) if wanted == "role" and given.step == 1 else None
    return [role, chosen] if role else [chosen]


def _reminder(given: Given) -> list[Sentence]:
    """A follow-up names the mail it follows."""
    previous = given.context.get("previous")
    if given.step < 2 or not isinstance(previous, Mapping):
        return []
    text = phrases.reminder(given, _topic_of(previous), wording.day(str(previous.get("sent_on") or "")))
    return [Sentence(text, ("context.previous",))] if text else []


def _topic_of(previous: Mapping[str, Any]) -> str:
    subject = str(previous.get("subject") or "").strip()
    return re.sub(r"^(?:(?:re|following up): *)+|(?: \(following up\))+$", "", subject, flags=re.IGNORECASE)


def _bridge(given: Given, opening: Opening, *, is_title_said: bool) -> Sentence:
    """From the fact to the reader's desk: a concern of the persona, else the persona's sentence as it stands."""
    found = _pain(given, opening)
    if found is None:
        return Sentence("")
    index, pain = found
    text = str(pain["text"])
    concern = concerns.within(text)
    facts = {fact.key for fact in given.all_facts}
    inherited = [str(name) for name in pain.get("rests_on") or [] if str(name) not in facts]
    rests_on = (f"context.persona.pains.{index}", *inherited)
    written = wording.sentence(text)
    said = phrases.bridge(given, opening.kind, concern, is_title_said=is_title_said) if concern else written
    return Sentence(said, rests_on)


def _pain(given: Given, opening: Opening) -> tuple[int, Mapping[str, Any]] | None:
    """The concern nearest to the opening; where none is near, each mail of a sequence takes the next."""
    persona = given.context.get("persona") or {}
    told = [each for each in enumerate(persona.get("pains") or []) if given.is_clean(str(each[1].get("text", "")))]
    if not told:
        return None
    start = (given.step - 1) % len(told)
    turned = [*told[start:], *told[:start]]
    return max(turned, key=lambda each: concerns.related(opening.sentence.text, concerns.within(str(each[1]["text"]))))


def _offer(given: Given) -> Sentence:
    offer = given.setting("offer")
    if not offer or not given.is_clean(offer):
        return Sentence("")
    text, used = phrases.offer(given, offer, is_first=given.step == 1)
    return Sentence(text, used)


def _proofs(given: Given) -> list[Sentence]:
    told = [wording.bare(str(each)) for each in given.settings.get("proof_points") or []]
    numbered = [str(index) for index, text in enumerate(told) if text and given.is_clean(text)]
    start = wording.number_of(*given.seed("proof")[:4], "proof") + given.step - 1
    chosen = [numbered[(start + each) % len(numbered)] for each in range(min(given.directives.proofs, len(numbered)))]
    return [Sentence(phrases.proof(given, told[int(n)]), (f"config.custom_fields.proof_points.{n}",)) for n in chosen]


def _way_out(given: Given) -> list[Sentence]:
    return [Sentence(phrases.way_out(given))] if given.step >= 3 else []


def _request(given: Given) -> Sentence:
    asked = wording.bare(str(given.settings.get("call_to_action") or "")) or "a short call"
    stated = str(given.settings.get("call_to_action") or "")
    source = ("config.custom_fields.call_to_action",) if stated else ()
    if given.asks == "send material":
        return Sentence(phrases.send_material(given), ("config.custom_fields.offer",))
    if not given.is_clean(asked.rstrip("?")):
        return Sentence("")
    if stated.strip().endswith("?"):
        return Sentence(wording.sentence(stated), source)
    return Sentence(phrases.request(given, asked), source)


# --- the length and what is lacking


def most_words(given: Given) -> int:
    bounds = [given.directives.most_words, given.settings.get("max_words")]
    return min([bound for bound in bounds if isinstance(bound, int) and bound > 0], default=150)


def _fitted(given: Given, lines: Sequence[Line], *, spare: int) -> list[Line]:
    kept = list(lines)
    while _count(kept) + spare > most_words(given):
        loose = [line for line in kept if line.worth is not None]
        if not loose:
            return []
        kept.remove(min(loose, key=lambda line: line.worth or 0))
    return kept


def _count(lines: Sequence[Line]) -> int:
    return sum(wording.words(line.sentence.text) for line in lines)


def _missing(given: Given, lines: Sequence[Line]) -> Iterator[str]:
    client = given.client or "the client"
    offer = given.setting("offer")
    if not offer:
        yield f"What {client} offers is not said. Add it in one plain sentence {SETTINGS}, field Offer."
    elif not given.is_clean(offer):
        found = wording.avoided(offer, given.avoid)
        what = f"contains “{found[0]}”, one of the words to avoid" if found else "contains brackets or a question"
        yield f"The offer {what}. Reword the offer {SETTINGS}."
    if not openings.all_openings(given):
        yield (
            f"No fact about {given.company} reaches the confidence of {given.floor:g} that the settings ask for. "
            "Check the company's domain and name, connect another source, or lower the confidence floor."
        )
    if lines and not lines[-1].sentence.text.endswith("?") and not given.settings.get("call_to_action"):
        yield f"The words to avoid leave no way to ask for a call. Shorten that list {SETTINGS}."
    if given.settings.get("call_to_action") and not _request(given).text:
        yield f"The call to action contains a word to avoid. Reword it {SETTINGS}."


def _too_long(given: Given, lines: Sequence[Line], kept: Sequence[Line]) -> Iterator[str]:
    if lines and not kept:
        needed = _count([line for line in lines if line.worth is None])
        yield (
            f"Opening, offer and call to action take {needed} words without greeting and closing; at most "
            f"{most_words(given)} are allowed. Shorten the offer or allow more words {SETTINGS}."
        )


# --- the subject line


def _subject(given: Given) -> str:
    fitting = [each for each in _subjects(given) if each and len(each) <= phrases.LONGEST_SUBJECT]
    clean = [wording.upper_first(each) for each in fitting if not wording.avoided(each, given.avoid)]
    return clean[0] if clean else f"{given.client} and {given.company}"[: phrases.LONGEST_SUBJECT]


def _subjects(given: Given) -> Iterator[str]:
    """Best first."""
    previous = given.context.get("previous")
    if given.step > 1 and isinstance(previous, Mapping):
        yield from phrases.follow_up_topics(given, _topic_of(previous))
    news = [fact.value for fact in openings.good_news(given)]
    if given.directives.subject == "news" and news:
        yield wording.bare(news[0])
    if given.directives.subject == "company":
        yield f"{given.company} and {given.client}"
    found = _opening(given)
    pain = _pain(given, found[-1]) if found else None
    yield from phrases.topics(given, concerns.within(str(pain[1]["text"])) if pain else "")
