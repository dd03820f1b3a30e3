"""The e-mail's lines about the reader and the client, in four tones. Pure.

A concern always ends its sentence; offers, proof points and calls to action keep the client's own words.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from gtm.sandbox.composer import wording
from gtm.sandbox.composer.given import Given

Options = Mapping[str, Sequence[str]]
LONGEST_SUBJECT = 70
OFFER, EMPHASIS = "config.custom_fields.offer", "config.custom_fields.emphasis"

GREETING = {"formal": "Dear {},", "friendly": "Hello {},", "direct": "Hello {},", "casual": "Hi {},"}
NAMELESS = {"formal": "Good day,", "friendly": "Hello,", "direct": "Hello,", "casual": "Hi there,"}
CLOSING: Options = {
    "formal": ("Kind regards,", "Yours sincerely,"),
    "friendly": ("Best wishes,", "Warm regards,"),
    "direct": ("Regards,", "Best,"),
    "casual": ("Cheers,", "All the best,"),
}
REMINDER: Options = {
    "formal": (
        "I wrote to you on {day} about “{topic}” and would like to add one point.",
        "This adds one point to my message of {day}, “{topic}”.",
    ),
    "friendly": (
        "I wrote to you on {day} about “{topic}” and have one thing to add.",
        "A short addition to my mail of {day}, “{topic}”.",
    ),
    "direct": ("One addition to my mail of {day}, “{topic}”.", "I wrote on {day} about “{topic}”; one more point."),
    "casual": ("One more thing after my note from {day}, “{topic}”.", "Coming back to my note from {day}, “{topic}”."),
}
BRIDGE: Mapping[str, Options] = {
    "news": {
        "formal": (
            "Behind a step of this kind stands a good deal of everyday work, such as {concern}.",
            "For {a_title}, the daily task alongside such news is often {concern}.",
            "As {title}, you may at the same time be occupied with {concern}.",
        ),
        "friendly": (
            "Alongside news like that, {a_title} often still has the daily job of {concern}.",
            "As {title}, you probably also spend part of your week on {concern}.",
            "Behind news like that there is usually a lot of daily work, such as {concern}.",
        ),
        "direct": (
            "Meanwhile, a daily job of {a_title} is often {concern}.",
            "As {title}, you probably also deal with {concern}.",
            "The daily work behind it is often {concern}.",
        ),
        "casual": (
            "Meanwhile, somebody usually still has the job of {concern}.",
            "As {title}, you probably hear a lot about {concern}.",
            "And alongside all that, I'd guess your days still include {concern}.",
        ),
    },
    "funding": {
        "formal": (
            "After a round of this kind, the attention of {a_title} often turns to {concern}.",
            "As {title}, you may now be asked more often about {concern}.",
        ),
        "friendly": (
            "After a round like that, the next job for {a_title} is often {concern}.",
            "As {title}, you have probably heard more since then about {concern}.",
        ),
        "direct": (
            "After a round, the next job of {a_title} is often {concern}.",
            "As {title}, you now probably deal with {concern}.",
        ),
        "casual": (
            "After a round, I'd guess the next job is {concern}.",
            "With the money in, {a_title} often ends up with one more job: {concern}.",
        ),
    },
    "size": {
        "formal": (
            "In an organisation of this size, {a_title} often faces one task in particular: {concern}.",
            "As {title} in an organisation of this size, you may often be occupied with {concern}.",
        ),
        "friendly": (
            "In a company of that size, a good deal of the work of {a_title} is often {concern}.",
            "As {title} among that many colleagues, you probably spend part of your week on {concern}.",
        ),
        "direct": (
            "At that size, the work of {a_title} is often {concern}.",
            "As {title} at that size, you probably deal with {concern}.",
        ),
        "casual": (
            "At that size, I'd guess a lot of your week goes into {concern}.",
            "With that many people around, {a_title} usually ends up with {concern}.",
        ),
    },
}
BRIDGE_OTHERWISE: Options = {
    "formal": ("For {a_title}, one task is seldom far away: {concern}.", "One task is seldom far away: {concern}."),
    "friendly": ("For {a_title}, part of the week is often {concern}.", "Part of the week is often {concern}."),
    "direct": ("For {a_title}, the work is often {concern}.", "The work is often {concern}."),
    "casual": ("I'd guess part of your week goes into {concern}.",),
}
WAY_OUT: Options = {
    "formal": ("Should this not be of interest, a short reply is enough and I will not write again.",),
    "friendly": ("If this is not for you, just say so and I will leave it there.",),
    "direct": ("If this is not for you, one word is enough.",),
    "casual": ("If it's not for you, no hard feelings: just say so.",),
}
LEAD: Options = {
    "formal": ("Our concern is {emphasis}", "Our work is about {emphasis}"),
    "friendly": ("Our work is about {emphasis}", "We care about {emphasis}"),
    "direct": ("Our subject is {emphasis}", "This is about {emphasis}"),
    "casual": ("What we do is about {emphasis}", "Our thing is {emphasis}"),
}
ASK_FOR: Options = {
    "formal": ("Would you be open to {it}?", "May I suggest {it}?"),
    "friendly": ("Would you be up for {it}?", "How about {it}?"),
    "direct": ("Are you open to {it}?", "Can we arrange {it}?"),
    "casual": ("Up for {it}?", "Fancy {it}?"),
}
ASK_TO: Options = {
    "formal": ("Would you be willing to {it}?", "May I invite you to {it}?"),
    "friendly": ("Would you like to {it}?", "Shall we {it}?"),
    "direct": ("Will you {it}?", "Can we {it}?"),
    "casual": ("Want to {it}?", "Shall we {it}?"),
}
WHEN: Options = {
    "formal": ("Which day would suit you for {it}?",),
    "friendly": ("Which day would be good for {it}?",),
    "direct": ("Which day suits you for {it}?",),
    "casual": ("Which day works for {it}?",),
}
SEND: Options = {
    "formal": ("May I send you the details in writing?",),
    "friendly": ("Shall I send you the details in writing?",),
    "direct": ("Shall I send the details?",),
    "casual": ("Want me to send the details over?",),
}
VERBS = re.compile(
    r"(?:answer|arrange|ask|book|choose|compare|discuss|download|get|give|have|hear|join|learn|let|look|meet|pick|plan|read"
    r"|reply|request|review|schedule|see|send|set|share|show|sign|sit|speak|start|take|talk|tell|test|try|visit|watch"
    r"|call (?:me|us))\b",
    re.IGNORECASE,
)
HONORIFICS = frozenset(["dr", "prof", "mr", "mrs", "ms", "mx", "sir", "dame", "lord", "lady"])
PREPOSITIONS = frozenset(["at", "for", "from", "in", "on", "over", "since", "to", "up", "with", "within"])
ARTICLES = frozenset(["a", "an", "the", "your", "our", "one", "two", "three", "1", "2", "3", "some", "any"])
PARTICIPLES = re.compile(
    r"(?:accredited|approved|audited|backed|based|certified|chosen|deployed|hosted|listed|live|rated|recognised|trusted|used)\b",
    re.IGNORECASE,
)
FINITE = re.compile(
    r"\b(?:is|are|was|were|has|have|had|can|cuts?|saves?|works?|runs?|ran|uses?|gives?|gave|makes?|made|takes?|took|keeps?|kept"
    r"|goes|go|went|sends?|sent|built|sold|buys?|bought|brings?|brought|leads?|led|chose|relies|falls?|fell|rises?|rose|moves?|wins?|won|sees?|saw|holds?|held|finds?|found|spends?|spent|pays?|paid|grows?"
    r"|grew|halves?|arrives?|needs?|stays?|doubles?|starts?|opens?|covers?|drops?|(?:help|serve|support|reduce|process|handle|"
    r"close|pass|reach|switch|shorten|raise|report|answer|deliver|trust|renew|lower|detect|predict|prevent|prepare|complete|"
    r"finish|connect|replace|protect|ship|cover|look|file|track|check|rely|manage|build|join|sell|turn|call|choose|save|halve|move|arrive|need|double|start|open|work|use)(?:s|es|d|ed)?)\b"
)


def _named(given: Given, first: str, full: str) -> str:
    """Formal mails say the whole name, others the first; a CRM that keeps one name field gives "Ada Lee" only."""
    parts = full.split()
    if not first and len(parts) == 2 and parts[0].rstrip(".").casefold() not in HONORIFICS:
        first = parts[0]
    name = full if given.tone == "formal" and full else first or full
    return name.title() if name.islower() or (name.isupper() and len(name) > 3) else name


def greeting(given: Given) -> str:
    contact = given.context.get("contact") or {}
    first, full = (wording.bare(str(contact.get(part) or "")) for part in ("first_name", "full_name"))
    name = _named(given, first, full)
    return GREETING[given.tone].format(name) if name and given.is_clean(name) else NAMELESS[given.tone]


def closing(given: Given) -> str:
    name = given.setting("sender_name")
    place = ", ".join(part for part in (given.setting("sender_title") if name else "", given.client) if part)
    farewell = given.say("closing", CLOSING[given.tone]) or "Regards,"
    return "\n".join(part for part in (farewell, name, place) if part)


def reminder(given: Given, topic: str, day: str) -> str:
    if not day or not given.is_clean(topic):
        return given.say("reminder", ["I wrote to you before and would like to add one point."])
    return given.say("reminder", [each.format(day=day, topic=topic) for each in REMINDER[given.tone]])


def bridge(given: Given, kind: str, concern: str, *, is_title_said: bool) -> str:
    """A known reader may be spoken to by title, a role from the playbook only be spoken of; else neither is named."""
    title = wording.bare(str((given.context.get("contact") or {}).get("title") or ""))
    role = title or wording.bare(str((given.context.get("persona") or {}).get("role") or ""))
    if is_title_said:
        title = role = ""
    options = [*BRIDGE.get(kind, BRIDGE_OTHERWISE)[given.tone], *(() if role else BRIDGE_OTHERWISE[given.tone])]
    usable = [each for each in options if (title or "{title}" not in each) and (role or "{a_title}" not in each)]
    return given.say("bridge", [each.format(title=title, a_title=wording.a(role), concern=concern) for each in usable])


def offer(given: Given, text: str, *, is_first: bool) -> tuple[str, tuple[str, ...]]:
    """The client's own sentence; the first mail says beside it what the client emphasises, where that reads well."""
    rest = re.sub(r"^we\b", "we", text, flags=re.IGNORECASE)
    if not is_first:
        return wording.sentence(_introduced(given, text)), (OFFER,)
    if rest.startswith("we ") and given.client:
        aside = _aside(given, text)
        return f"At {given.client}, {aside}{rest}.", (OFFER, *((EMPHASIS,) if aside else ()), "config.client_name")
    plain = wording.sentence(_introduced(given, text))
    led = given.say("lead", [plain, *_led(given, text)])
    return led or plain, (OFFER,) if led in ("", plain) else (OFFER, EMPHASIS)


def _led(given: Given, text: str) -> list[str]:
    emphasis = given.emphasis
    if not emphasis or emphasis.casefold() in text.casefold() or not wording.begins_with_name(text, given.client):
        return []
    return [wording.sentence(f"{each.format(emphasis=emphasis)}: {text}") for each in LEAD[given.tone]]


def _introduced(given: Given, text: str) -> str:
    """An offer that is a sentence of its own, or a phrase that needs one around it."""
    first = text.split()[0].casefold()
    if wording.begins_with_name(text, given.client) or first in ("we", "our", "you", "your"):
        return text
    if first in ARTICLES:
        return f"{given.client or 'Our firm'} offers {wording.lower_first(text)}"
    return f"What {given.client or 'our firm'} does, in one line: {wording.lower_first(text)}"


def _aside(given: Given, offered: str) -> str:
    emphasis = given.emphasis
    if not emphasis or given.directives.is_short or emphasis.casefold() in offered.casefold():
        return ""
    comes = wording.verb(emphasis, "comes", "come")
    options = [f"where {emphasis} {comes} first, ", f"with {emphasis} in mind, ", f"with a focus on {emphasis}, "]
    return given.say("aside", options)


def proof(given: Given, text: str) -> str:
    """A point that is a sentence stays one; a participle gets its subject; a bare phrase is announced as what it is."""
    we = "We have been" if re.search(r"\bsince\b", text) else "We are"
    if PARTICIPLES.match(text):
        return wording.sentence(f"{we} {wording.lower_first(text)}")
    if re.search(r"\bcertified\b", text) and not FINITE.search(text):
        return wording.sentence(f"{we} {text}")
    is_told = bool(FINITE.search(text)) or wording.begins_with_name(text, given.client)
    if is_told and text.split()[0].casefold() not in PREPOSITIONS:
        return wording.sentence(text)
    lead = given.say("proof lead", ["One point of proof", "In figures", "For the record"])
    return wording.sentence(f"{lead}: {wording.lower_first(text)}")


def way_out(given: Given) -> str:
    return given.say("way out", WAY_OUT[given.tone])


def send_material(given: Given) -> str:
    return given.say("request", SEND[given.tone])


def request(given: Given, asked: str) -> str:
    """The call to action as the one question: a thing is suggested, an action is invited to."""
    first = asked.casefold().split()[0]
    if VERBS.match(asked):
        return given.say("request", [each.format(it=wording.lower_first(asked)) for each in ASK_TO[given.tone]])
    it = wording.lower_first(asked) if first in ARTICLES else wording.a(wording.lower_first(asked))
    options = WHEN if given.asks == "offer a time" else ASK_FOR
    return given.say("request", [each.format(it=it) for each in options[given.tone]])


def topics(given: Given, concern: str) -> Iterator[str]:
    """Subject lines, best first: the mail's concern or the emphasis at the company, else the two names."""
    options = [f"{given.company}: {concern}"] if concern else []
    if given.emphasis:
        options += [f"{given.emphasis} at {given.company}", f"{given.company} and {given.emphasis}"]
    yield from wording.rotated([each for each in options if len(each) <= LONGEST_SUBJECT], *given.seed("subject"))
    yield f"{given.client} and {given.company}" if given.client else f"A note to {given.company}"


def follow_up_topics(given: Given, topic: str) -> Iterator[str]:
    yield f"{topic} (following up)" if ":" in topic else f"Following up: {topic}" if topic else ""
    yield f"Following up: {given.company}"
