"""Sources asked side by side while it is worth it, each with its own deadline; one that fails or hangs never hides the
others, and whatever is there when the time is up comes back.

The threads are daemons: one that cannot be interrupted holds up neither the run nor the end of the process.
"""

import logging
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from agents_app.research import plan
from agents_app.research.attributes import BY_KEY
from agents_app.research.facts import FactValue, facts
from agents_app.research.hearing import Decided, Reliabilities
from agents_app.research.plan import Action, Aim, Known
from agents_app.research.source import Company, Question, Source, SourceAccess, SourceAnswer, ask, nothing
from agents_app.research.sources import SOURCES

LONGEST_S = 10.0  # of one source
GRACE_S = 0.25  # a source reports its own timeout in better words than we can, so it may do so first
AT_ONCE = 6  # questions on their way
PATIENCE_S = 2.0  # with those on their way, once everything wanted is known

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Explored:
    """`actions` tells each decision in order: what was asked, why, what it promised (bits), when (seconds), what came
    of it. `stopped`, `gaps` {"attribute", "reason"} and `not_asked` {"source", "reason"} are for people."""

    answers: list[SourceAnswer]
    facts: list[FactValue]
    actions: list[dict[str, object]] = field(default_factory=list)
    stopped: str = ""
    gaps: list[dict[str, str]] = field(default_factory=list)
    not_asked: list[dict[str, str]] = field(default_factory=list)

    def document(self) -> dict[str, object]:
        found: dict[str, object] = {"actions": self.actions, "stopped": self.stopped, "gaps": self.gaps}
        return found | ({"not_asked": self.not_asked} if self.not_asked else {})


@dataclass(frozen=True)
class Given:
    """What is there before anybody is asked: `kept` answers by question, which may be used again instead of asking;
    `rates` {source: how often it had an answer}; learned `reliabilities`; what people `decided`."""

    kept: Mapping[str, SourceAnswer] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    reliabilities: Reliabilities = field(default_factory=dict)
    decided: Sequence[Decided] = ()


NOTHING = Given()


def explore(
    company: Company,
    *,
    sources: Sequence[SourceAccess],
    aim: Aim,
    at: datetime,
    given: Given = NOTHING,
) -> Explored:
    """What the sources say within `aim`."""
    return _Search(company, sources, aim, at, given).run()


def gather(company: Company, *, sources: Sequence[SourceAccess], budget_s: float, at: datetime) -> list[SourceAnswer]:
    """One answer of each source, in the order of `sources`, within `budget_s` seconds; never raises for a source."""
    flight = _Flight(budget_s)
    for index, access in enumerate(sources):
        source = SOURCES.get(access.key)
        flight.begin(str(index), source, Question(company, at), access)
    arrived: dict[str, SourceAnswer] = {}
    while len(arrived) < len(sources) and (came := flight.next()):
        arrived[came[0]] = came[1]
    return [
        arrived.get(str(index)) or _late(access, Question(company, at), budget_s)
        for index, access in enumerate(sources)
    ]


class _Flight:
    """Questions on their way, in threads, until `budget_s` is over."""

    def __init__(self, budget_s: float) -> None:
        self.budget_s = budget_s
        self.began = time.monotonic()
        self._answers: queue.SimpleQueue[tuple[str, SourceAnswer]] = queue.SimpleQueue()
        self._until: dict[str, float] = {}

    @property
    def left_s(self) -> float:
        return self.began + self.budget_s - time.monotonic()

    def begin(self, key: str, source: Source | None, question: Question, access: SourceAccess) -> None:
        timeout_s = max(0.05, min(LONGEST_S, self.left_s - GRACE_S))
        self._until[key] = time.monotonic() + timeout_s + GRACE_S
        arguments = (key, source, question, access, timeout_s, self._answers)
        threading.Thread(target=_ask, args=arguments, daemon=True, name=f"research {access.key}").start()

    def next(self, at_most_s: float | None = None) -> tuple[str, SourceAnswer] | None:
        """The next that arrives; None when the time is up, or that of a question."""
        until = min([time.monotonic() + self.left_s, *self._until.values()])
        if at_most_s is not None:
            until = min(until, time.monotonic() + at_most_s)
        while True:
            try:
                found = self._answers.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return None
            if self._until.pop(found[0], None) is not None:  # else given up already
                return found

    def overdue(self) -> list[str]:
        """Questions whose sources did not even report their own timeout, each told once."""
        late = [key for key, until in self._until.items() if until <= time.monotonic()]
        for key in late:
            del self._until[key]
        return late


def _ask(
    key: str,
    source: Source | None,
    question: Question,
    access: SourceAccess,
    timeout_s: float,
    answers: queue.SimpleQueue[tuple[str, SourceAnswer]],
) -> None:
    """An edge: whatever goes wrong inside one source becomes its answer."""
    if source is None:
        answers.put((key, _failed(access, question, f"There is no source called {access.key}.")))
        return
    try:
        answers.put((key, ask(source, question, access, timeout_s=timeout_s)))
    except Exception:
        logger.exception("source %s failed", access.key)
        answers.put((key, _failed(access, question, "Its answer upset our reader. The log has the details.")))


def _late(access: SourceAccess, question: Question, budget_s: float) -> SourceAnswer:
    waited_s = min(budget_s, LONGEST_S)
    reason = f"It did not answer within {waited_s:g} s."
    return replace(_failed(access, question, reason), elapsed_ms=max(1, round(waited_s * 1000)))


def _failed(access: SourceAccess, question: Question, reason: str) -> SourceAnswer:
    source = SOURCES.get(access.key)
    if source is None:
        return SourceAnswer(access.key, "failed", reason, request_key=access.key, sandbox=access.sandbox)
    return replace(nothing(source, question, access), reason=reason)


class _Search:
    """The anytime loop: ask what is worth most, learn from what arrives, until nothing helps or something is spent."""

    def __init__(
        self,
        company: Company,
        sources: Sequence[SourceAccess],
        aim: Aim,
        at: datetime,
        given: Given,
    ) -> None:
        self._company, self._sources, self._aim, self._at, self._given = company, sources, aim, at, given
        self._flight = _Flight(aim.seconds)
        self._answers: list[SourceAnswer] = []
        self._facts: list[FactValue] = self._weighed()
        self._pending: dict[str, tuple[Action, dict[str, object]]] = {}
        self._taken: set[str] = set()
        self._told: list[dict[str, object]] = []
        self._spent = 0.0

    def run(self) -> Explored:
        stopped = ""
        while not stopped:
            self._begin()
            if not self._pending:
                stopped = self._why_done()
            elif came := self._flight.next(PATIENCE_S if self._is_enough() else None):
                self._arrived(*came)
            elif overdue := self._flight.overdue():
                self._give_up(overdue)
            else:
                stopped = self._leave_behind()
        return Explored(self._in_order(), self._facts, self._told, stopped, self._gaps(), self._not_asked(stopped))

    def _in_order(self) -> list[SourceAnswer]:
        """As the sources were given, of one the broadest question first; not as they happened to arrive."""
        place = {access.key: number for number, access in enumerate(self._sources)}
        return sorted(self._answers, key=lambda each: (place[each.source], len(each.question), each.question))

    def _is_enough(self) -> bool:
        return not plan.missing(self._aim, self._known().sure)

    def _weighed(self) -> list[FactValue]:
        given = self._given
        return facts(self._answers, at=self._at, reliabilities=given.reliabilities, decided=given.decided)

    def _known(self) -> Known:
        return Known(plan.learned(self._company, self._facts), self._facts, self._answers, self._given.rates)

    def _begin(self) -> None:
        while len(self._pending) < AT_ONCE and self._flight.left_s > GRACE_S:
            action = self._next()
            if action is None:
                return
            self._taken.add(action.key)
            told: dict[str, object] = {
                "source": action.source.key,
                "question": action.key,
                "why": action.why,
                "gain": action.gain,
                "at_s": round(self._aim.seconds - self._flight.left_s, 2),
            }
            self._told.append(told)
            self._spent += action.source.credits
            kept = self._given.kept.get(action.key)
            self._pending[action.key] = (action, told)
            if kept is not None:
                self._arrived(action.key, kept)
            else:
                self._flight.begin(action.key, action.source, action.question, action.access)

    def _next(self) -> Action | None:
        known = self._known()
        if self._answers and not plan.missing(self._aim, known.sure):
            return None
        credits_left = None if self._aim.credits is None else self._aim.credits - self._spent
        aim = replace(self._aim, seconds=self._flight.left_s, credits=credits_left)
        hoped = plan.hoped(known, [action for action, _ in self._pending.values()])
        may_pay = bool(plan.missing(aim, hoped))
        for action in plan.actions(aim, known, self._sources, at=self._at, taken=self._taken):
            price = 0.0 if action.key in self._given.kept else action.source.credits
            if not price or (may_pay and (credits_left is None or price <= credits_left)):
                return action
        return None

    def _arrived(self, key: str, answer: SourceAnswer) -> None:
        action, told = self._pending.pop(key)
        self._spent += answer.credits - action.source.credits
        told |= {"status": answer.status, "claims": len(answer.claims)}
        self._answers.append(_of_owner(answer) if action.is_of_owner else answer)
        self._facts = self._weighed()

    def _give_up(self, overdue: Sequence[str]) -> None:
        for key in overdue:
            action, _ = self._pending[key]
            self._arrived(key, _late(action.access, action.question, self._aim.seconds))

    def _leave_behind(self) -> str:
        """Whoever has not answered is left behind: the time is up, or all that is wanted is known."""
        is_up = self._flight.left_s <= 0
        for action, told in self._pending.values():
            late = _late(action.access, action.question, self._aim.seconds)
            if not is_up:
                late = replace(late, reason="It had not answered when everything wanted was known.")
            told |= {"status": late.status, "claims": 0}
            self._answers.append(late)
        return self._time_up() if is_up else self._why_done()

    def _time_up(self) -> str:
        return f"The {self._aim.seconds:g} seconds that it may take are over."

    def _why_done(self) -> str:
        known = self._known()
        if not plan.missing(self._aim, known.sure):
            return f"Everything wanted is known with a confidence of {self._aim.floor:.2f} or more."
        if self._flight.left_s <= GRACE_S:
            return self._time_up()
        if self._aim.credits is not None and plan.actions(
            replace(self._aim, credits=None), known, self._sources, at=self._at, taken=self._taken
        ):
            return f"The {self._aim.credits:g} credits that it may spend are spent."
        return "No source is left that could be expected to tell more."

    def _gaps(self) -> list[dict[str, str]]:
        known = self._known()
        return [
            {"attribute": name, "reason": _gap(name, known, self._sources)}
            for name in plan.missing(self._aim, known.sure)
        ]

    def _not_asked(self, stopped: str) -> list[dict[str, str]]:
        """Sources that were there and got no question of this search."""
        asked = {told["source"] for told in self._told}
        left = dict.fromkeys(access.key for access in self._sources if access.key not in asked)
        return [{"source": key, "reason": self._why_not(key, stopped)} for key in left]

    def _why_not(self, key: str, stopped: str) -> str:
        source = SOURCES.get(key)
        if source is None:
            return f"There is no source called {key}."
        if not set(source.tells) & set(self._aim.required):
            return "It tells nothing that is wanted."
        known = self._known()
        if lacking := source.lacks(Question(known.company, self._at)):
            return f"It cannot be asked without {', '.join(lacking)}, which nobody told."
        return self._not_worth_it(source, known, stopped)

    def _not_worth_it(self, source: Source, known: Known, stopped: str) -> str:
        if not plan.missing(self._aim, known.sure):
            return stopped
        open_ones = plan.actions(self._aim, known, self._sources, at=self._at, taken=self._taken)
        if all(action.source.key != source.key for action in open_ones):
            return "It could not be expected to tell more than what was known."
        left = None if self._aim.credits is None else max(0.0, self._aim.credits - self._spent)
        if left is not None and source.credits > left:
            return f"It takes {source.credits:g} credits, and {left:g} of {self._aim.credits:g} were left."
        return stopped


def _of_owner(answer: SourceAnswer) -> SourceAnswer:
    """What is said of the owner, as something that is known of the company; more than its headlines is not."""
    told = [replace(claim, attribute="parent_news") for claim in answer.claims if claim.attribute == "news"]
    return replace(answer, claims=told)


def _gap(attribute: str, known: Known, sources: Sequence[SourceAccess]) -> str:
    """Why an attribute is not known, or not well enough, source by source."""
    label = BY_KEY[attribute].label
    tell = [SOURCES[each.key] for each in sources if each.key in SOURCES and attribute in SOURCES[each.key].tells]
    if not tell:
        return f"{label}: none of the sources that may be asked tells it."
    last = {answer.source: answer for answer in known.answers}
    said = []
    for source in tell:
        answer = last.get(source.key)
        if answer is None:
            said.append(f"{source.name} was not asked.")
        elif answer.status != "ok":
            said.append(f"{source.name}: {answer.reason}")
        elif not any(claim.attribute == attribute for claim in answer.claims):
            said.append(f"{source.name} does not say.")
    sure = known.sure.get(attribute)
    begin = f"{label}: known with a confidence of {sure:.2f} only." if sure else f"{label}: not found."
    return " ".join([begin, *(said or ["No other source that may be asked tells it."])])
