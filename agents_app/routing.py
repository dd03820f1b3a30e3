"""Which agents work on a request, in which order, and why. Rules stand in order; the first that answers wins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

RESEARCH = "research_agent"
COMPETITIVE = "competitive_agent"
PERSONA = "persona_agent"
EMAIL = "email_agent"
EVERY_AGENT = (RESEARCH, COMPETITIVE, PERSONA, EMAIL)

REASONS: Mapping[str, str] = {
    "deep_research": "Deep research was asked for: it ends with a brief and personas, not with an e-mail.",
    "follow_up": "A follow-up: the company was researched for the mail before, so the work starts with the person.",
    "continues_brief": "The request starts from a deep-research run, whose facts are used as they are.",
    "default": "A first e-mail: research the company, then find the person's angle, then write.",
}


@dataclass(frozen=True)
class Facts:
    """What routing may look at. `earlier_run` is the newest run of this client with facts on the company."""

    purpose: str
    enabled: frozenset[str] = frozenset(EVERY_AGENT)
    has_contact: bool = True
    has_company: bool = True
    earlier_run: int | None = None
    continues_run: int | None = None


@dataclass(frozen=True)
class Choice:
    agent: str
    reason: str


@dataclass(frozen=True)
class Route:
    """The agents of one stage work side by side; stages follow each other."""

    rule: str
    reason: str
    stages: tuple[tuple[Choice, ...], ...]
    skipped: tuple[Choice, ...]


class RouteImpossible(Exception):
    """The agents that are left cannot end the request. `rule` answered; `skipped` says what is missing and why."""

    def __init__(self, message: str, *, rule: str, skipped: tuple[Choice, ...]) -> None:
        super().__init__(message)
        self.rule = rule
        self.skipped = skipped


@dataclass(frozen=True)
class Wanted:
    """A rule's answer before it is known which agents may work; `spared` are those the rule does without."""

    rule: str
    stages: Sequence[Sequence[Choice]]
    spared: Sequence[Choice]
    ends_with: str


def deep_research(facts: Facts) -> Wanted | None:
    if facts.purpose != "deep_research":
        return None
    return Wanted(
        "deep_research",
        [
            [Choice(RESEARCH, "Everything in a brief rests on facts, so they are gathered first.")],
            [
                Choice(COMPETITIVE, "A brief compares the company with others of its industry."),
                Choice(PERSONA, "A brief names the people worth writing to; this needs the facts, not the comparison."),
            ],
        ],
        [Choice(EMAIL, "Nobody is written to yet: a person reads the brief and starts the next request.")],
        ends_with=RESEARCH,
    )


def follow_up(facts: Facts) -> Wanted | None:
    if facts.purpose != "follow_up":
        return None
    return Wanted(
        "follow_up",
        [
            [Choice(PERSONA, "A follow-up needs a fresh angle for the same person.")],
            [Choice(EMAIL, "It is written once the angle is known.")],
        ],
        [Choice(RESEARCH, _known_already(facts)), _no_comparison()],
        ends_with=EMAIL,
    )


def continues_brief(facts: Facts) -> Wanted | None:
    if facts.continues_run is None:
        return None
    return Wanted(
        "continues_brief",
        [
            [Choice(PERSONA, "The brief speaks of roles; this finds the angle for the one person.")],
            [Choice(EMAIL, "It is written once the angle is known.")],
        ],
        [Choice(RESEARCH, f"Run {facts.continues_run} researched this company for its brief."), _no_comparison()],
        ends_with=EMAIL,
    )


def default(facts: Facts) -> Wanted | None:
    person = "It finds what matters to this contact." if facts.has_contact else "It finds the role worth writing to."
    return Wanted(
        "default",
        [
            [Choice(RESEARCH, "A first e-mail opens with something true of the company.")],
            [Choice(PERSONA, f"{person} It builds on the facts.")],
            [Choice(EMAIL, "It is written once facts and angle are known.")],
        ],
        [_no_comparison()],
        ends_with=EMAIL,
    )


RULES: tuple[Callable[[Facts], Wanted | None], ...] = (deep_research, follow_up, continues_brief, default)


def route(facts: Facts) -> Route:
    """Raises RouteImpossible with a sentence that says what to switch on or add."""
    wanted = next(answer for rule in RULES if (answer := rule(facts)))
    skipped = list(wanted.spared)
    stages = []
    for stage in wanted.stages:
        refusals = [Choice(choice.agent, why) for choice in stage if (why := _refused(choice.agent, facts))]
        skipped += refusals
        if kept := tuple(choice for choice in stage if not _refused(choice.agent, facts)):
            stages.append(kept)
    last = next((choice for choice in skipped if choice.agent == wanted.ends_with), None)
    if last:
        raise RouteImpossible(_impossible(wanted, last, facts), rule=wanted.rule, skipped=tuple(skipped))
    return Route(wanted.rule, REASONS[wanted.rule], tuple(stages), tuple(skipped))


def _refused(agent: str, facts: Facts) -> str:
    if agent not in facts.enabled:
        return "It is not among the agents that work for this client (client settings, enabled agents)."
    if agent == RESEARCH and not facts.has_company:
        return "There is no company domain to research: add it to the contact or to the request."
    return ""


def _impossible(wanted: Wanted, last: Choice, facts: Facts) -> str:
    names = {RESEARCH: "research agent", EMAIL: "e-mail agent"}
    end = "a brief" if wanted.ends_with == RESEARCH else "an e-mail"
    left = f"Without the {names[wanted.ends_with]} this request cannot end with {end}. {last.reason}"
    return f"{left} Then ask again." if wanted.ends_with in facts.enabled else f"{left} Switch it on and ask again."


def _known_already(facts: Facts) -> str:
    if facts.earlier_run is None:
        return "A follow-up does not research, and no earlier run of this client holds facts on the company."
    return f"Run {facts.earlier_run} already researched this company for this client."


def _no_comparison() -> Choice:
    return Choice(COMPETITIVE, "Comparisons belong to deep research; an e-mail does not use them.")
