"""The rules by which a client's work proposes settings. Pure; what they have in common stands in `tuning.py`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, TypeVar

from clients.keys import DAYS, Key
from experiments import figures, phrases
from experiments.figures import METRICS, Count, Drafted, Mailed, Work
from experiments.tuning import (
    AVOID,
    BUDGET,
    CHOICES,
    FLOOR,
    FROM,
    MAX_WORDS,
    SEND_DAYS,
    UNTIL,
    Finding,
    Hypothesis,
    InForce,
    compared,
    is_less,
    newest,
    percentile,
    points,
    spoken,
    tens,
)
from gtm.stats.exact import binomial_p

TOLERATED = 0.05  # e-mails too long, runs that run out: below this nobody has to do anything
MIN_EDITS, MIN_HOLDING, MIN_SIDE, MIN_DECIDED, MIN_WRITTEN = 12, 8, 30, 20, 20
MIN_LONGER = 5  # drafts that a lower limit would have touched; of fewer nobody would see it
REWRITTEN = 0.6  # an edit that keeps fewer of the words is another text, and says nothing of single words
STEP = 0.1
MOST_FLOOR = 0.8
NOON = 12

OBSERVED = (
    "Observed, not drawn by lot: the groups may differ in other ways too, such as the weeks and the people written to."
)


def look(work: Work, now: InForce) -> list[Hypothesis]:
    """Every hypothesis about the client's settings that its work lets us look at."""
    return [tested for rule in RULES for tested in rule(work, now)]


# --- edits


def length(work: Work, now: InForce) -> Iterator[Hypothesis]:
    """People shorten what they edit."""
    drafts = _under_now(work.approved, MAX_WORDS, now)
    edited = [draft for draft in drafts if draft.decision == "edited"]
    shortened = figures.of(edited, lambda draft: draft.is_shortened)
    if shortened.whole < MIN_EDITS:
        return
    p_value, value = binomial_p(*shortened, 0.5), tens(percentile([draft.final_words for draft in drafts], 0.9))
    longer = figures.of(drafts, lambda draft: draft.words > value)
    fits = now.keys[MAX_WORDS].least or 0
    if shortened.interval.low <= 0.5 or not fits <= value < now.values[MAX_WORDS] or longer.part < MIN_LONGER:
        yield Hypothesis(p_value)
        return
    short = figures.of((draft for draft in drafts if draft.words <= value), lambda draft: draft.is_shortened)
    finding = Finding(
        "length", MAX_WORDS, "set", value, len(drafts), {"edits that shorten": shortened}, *shortened.interval,
        f"People shortened {spoken(shortened)} of the e-mails they edited by a tenth or more. Nine in ten approved "
        f"e-mails went out with {value} words or fewer; {longer.part} of {longer.whole} were written longer.",
        "shortened", METRICS["shortened"].counted(Work(drafts)), short if short.whole >= MIN_EDITS else None,
        "Fewer e-mails to shorten by hand.",
        f"E-mails that need more than {value} words are refused, and their runs end without a draft.",
        drafts=newest(draft.id for draft in edited if draft.is_shortened),
    )  # fmt: skip
    yield Hypothesis(p_value, finding)


def words(work: Work, now: InForce) -> Iterator[Hypothesis]:
    """A word or phrase that stands in drafts is taken out again and again."""
    drafts = [draft for draft in work.approved if _keeps_its_text(draft)]
    avoided = [term.casefold() for term in now.values[AVOID]]
    metric = METRICS["edited"].counted(Work(drafts))
    taken: list[str] = []
    for tally in sorted(phrases.tallies(drafts, least=MIN_HOLDING), key=lambda each: -len(each.gone)):
        if any(phrases.stands_in(term, tally.phrase) for term in avoided):
            continue
        gone = Count(len(tally.gone), tally.whole)
        p_value = binomial_p(*gone, 0.5)
        if gone.interval.low <= 0.5 or any(set(tally.phrase.split()) & set(other.split()) for other in taken):
            yield Hypothesis(p_value)
            continue
        taken.append(tally.phrase)
        yield Hypothesis(p_value, _taken_out(tally, gone, drafts, metric))


def _taken_out(tally: phrases.Tally, gone: Count, drafts: Sequence[Drafted], metric: Count) -> Finding:
    out = set(tally.gone)
    people = {draft.by for draft in drafts if draft.id in out and draft.by is not None}
    others = [draft for draft in drafts if draft.id not in out and draft.id not in tally.kept]
    then = METRICS["edited"].counted(Work(others))
    who = "One person" if len(people) == 1 else f"{len(people)} people"
    return Finding(
        "words", AVOID, "add", [tally.phrase], gone.whole, {tally.phrase: gone}, *gone.interval,
        f"{who} took “{tally.phrase}” out of {spoken(gone)} of the approved drafts that held it.",
        "edited", metric, then if then.whole >= MIN_EDITS else None, "Fewer drafts to edit for wording.",
        "A draft that needs the word is refused until it is written otherwise.", drafts=newest(tally.gone),
    )  # fmt: skip


def _keeps_its_text(draft: Drafted) -> bool:
    before, after = set(draft.body.casefold().split()), set(draft.final.casefold().split())
    return len(before & after) >= REWRITTEN * len(before)


# --- promises an answer has to keep, and money


def too_long(work: Work, now: InForce) -> Iterator[Hypothesis]:
    """E-mails are refused because they are longer than allowed."""
    written = _under_now(work.written, MAX_WORDS, now)
    broken = METRICS["too_long"].counted(Work(written=written))
    if broken.whole < MIN_WRITTEN:
        return
    p_value, value = binomial_p(*broken, TOLERATED), tens(percentile([each.words for each in written], 0.95))
    most = now.keys[MAX_WORDS].most or value
    if broken.interval.low <= TOLERATED or not now.values[MAX_WORDS] < value <= most:
        yield Hypothesis(p_value)
        return
    then = figures.of(written, lambda each: each.words > value)
    finding = Finding(
        "too_long", MAX_WORDS, "set", value, broken.whole, {"too long": broken}, *broken.interval,
        f"{spoken(broken)} of the e-mails written were longer than the {now.values[MAX_WORDS]} words allowed. "
        f"{value} words would have held 95% of them.",
        "too_long", broken, then, "Fewer e-mails that end without a draft for their length.",
        "Longer e-mails reach people; nobody has measured here whether they answer them as often.",
        runs=newest(each.id for each in written if not each.fits),
    )  # fmt: skip
    yield Hypothesis(p_value, finding)


def ran_out(work: Work, now: InForce) -> Iterator[Hypothesis]:
    """Runs end because the budget of a run is spent."""
    budget = now.values.get(BUDGET) or 0.0
    runs = [run for run in _under_now(work.runs, BUDGET, now) if budget and run.budget == budget]
    ended = METRICS["ran_out"].counted(Work(runs=runs))
    if ended.whole < MIN_WRITTEN:
        return
    p_value, finished = binomial_p(*ended, TOLERATED), [run.cost for run in work.runs if not run.ran_out]
    if ended.interval.low <= TOLERATED or not finished:
        yield Hypothesis(p_value)
        return
    usual = percentile(finished, 0.95)
    value = ceil(100 * max(usual, 1.25 * budget)) / 100
    finding = Finding(
        "ran_out", BUDGET, "set", value, ended.whole, {"ran out": ended}, *ended.interval,
        f"{spoken(ended)} of the runs ended because their ${budget:.2f} were spent. 95% of those that succeeded cost "
        f"${usual:.2f} or less; those that ended would have cost more than they had, so at least a quarter is added.",
        "ran_out", ended, None, "Fewer runs that end half done.",
        f"One run may cost up to ${value:.2f} instead of ${budget:.2f}; the client's daily budget still holds.",
        runs=newest(run.id for run in runs if run.ran_out),
    )  # fmt: skip
    yield Hypothesis(p_value, finding if value <= (now.keys[BUDGET].most or value) else None)


# --- approvals


def unsure_facts(work: Work, now: InForce) -> Iterator[Hypothesis]:
    """Drafts that rest on less certain facts are edited or rejected more often."""
    value = round(float(now.values[FLOOR] or 0) + STEP, 2)
    drafts = [draft for draft in _under_now(work.drafts, FLOOR, now) if draft.weakest is not None]
    unsure, sure = (
        METRICS["unchanged"].counted(Work([draft for draft in drafts if ((draft.weakest or 0.0) >= value) is side]))
        for side in (False, True)
    )
    if min(unsure.whole, sure.whole) < MIN_DECIDED or value > MOST_FLOOR:
        return
    p_value, difference = compared(unsure, sure)
    if difference.low <= 0:
        yield Hypothesis(p_value)
        return
    finding = Finding(
        "unsure_facts", FLOOR, "set", value, unsure.whole + sure.whole,
        {f"resting on a fact below {value:g}": unsure, "resting on surer facts only": sure},
        difference.low, difference.high,
        f"Of drafts that rest on a fact below {value:g}, {spoken(unsure)} were approved as they stood; of the others "
        f"{spoken(sure)}. The difference is {points(difference)}.",
        "unchanged", METRICS["unchanged"].counted(Work(drafts)), sure, "More drafts approved as they stand.",
        f"{unsure.whole} of {unsure.whole + sure.whole} drafts rested on facts that would stay out: they would have "
        "said less.", OBSERVED, drafts=newest(each.id for each in drafts if (each.weakest or 0.0) < value),
    )  # fmt: skip
    yield Hypothesis(p_value, finding)


# --- choices in force


def choices(work: Work, now: InForce) -> Iterator[Hypothesis]:
    """What was written under another choice was approved, or answered, more often."""
    for path in CHOICES:
        for value in now.keys[path].choices or {}:
            if value != now.values.get(path):
                yield from _better(work, now, path, value)


def _better(work: Work, now: InForce, path: str, value: str) -> Iterator[Hypothesis]:
    here, there = (
        Work(
            [draft for draft in work.drafts if draft.values.get(path) == each],
            [mail for mail in work.mails if mail.values.get(path) == each],
        )
        for each in (now.values.get(path), value)
    )
    pairs = {name: (METRICS[name].counted(here), METRICS[name].counted(there)) for name in ("replied", "unchanged")}
    unharmed = [figures.of(side.mails, lambda mail: not mail.harmed) for side in (here, there)]
    is_hurt = any(is_less(old, new) for old, new in (*pairs.values(), unharmed))
    for name, (old, new) in pairs.items():
        if min(old.whole, new.whole) < MIN_SIDE:
            continue
        p_value, difference = compared(old, new)
        if difference.low <= 0 or is_hurt:
            yield Hypothesis(p_value)
            continue
        rows = (mail.id for mail in there.mails) if name == "replied" else (draft.id for draft in there.drafts)
        yield Hypothesis(
            p_value, _choice(now.keys[path], (now.values.get(path), value), name, (old, new), newest(rows))
        )


def _choice(key: Key, values: tuple[Any, str], name: str, sides: tuple[Count, Count], rows: tuple[int, ...]) -> Finding:
    labels, (held, value), (old, new) = key.choices or {}, values, sides
    before, after = labels.get(held, "nothing chosen"), labels[value]
    _, difference = compared(old, new)
    metric = METRICS[name]
    return Finding(
        "choices", key.path, "set", value, old.whole + new.whole, {before: old, after: new},
        difference.low, difference.high,
        f"{metric.heading}: {spoken(new)} with {key.label} “{after}”, {spoken(old)} with "
        f"“{before}”. The difference is {points(difference)}.",
        name, old, new, f"A larger share of {metric.label}.",
        "It changes every e-mail of this client from the next run on. An experiment would say more surely what it "
        "does.",
        OBSERVED, drafts=rows,
    )  # fmt: skip


# --- when e-mails leave


def days(work: Work, now: InForce) -> Iterator[Hypothesis]:
    """On a day of the week clearly fewer people answer."""
    opened = [day for day in DAYS if day in now.values[SEND_DAYS]]
    mails = [mail for mail in work.mails if mail.day in opened]
    used = [day for day in opened if any(mail.day == day for mail in mails)]
    for day in used:
        on, off = _replied(mails, [mail.day == day for mail in mails])
        if min(on.whole, off.whole) < MIN_SIDE or len(used) < 3:
            continue
        finding = _closed(SEND_DAYS, [day], "leave_out", (DAYS[day], on), ("on the other days", off))
        rows = newest(mail.id for mail in mails if mail.day == day)
        yield Hypothesis(compared(on, off)[0], replace(finding, drafts=rows) if finding else None)


def hours(work: Work, now: InForce) -> Iterator[Hypothesis]:
    """In the morning or in the afternoon clearly fewer people answer."""
    begins, ends = now.values[FROM], now.values[UNTIL]
    mails = [mail for mail in work.mails if begins <= mail.hour < ends]
    early, late = _replied(mails, [mail.hour < NOON for mail in mails])
    if not begins < NOON < ends or min(early.whole, late.whole) < MIN_SIDE:
        return
    is_early_worse = (early.rate or 0) < (late.rate or 0)
    sides = (("before noon", early), ("after noon", late))
    worse, better = sides if is_early_worse else sides[::-1]
    finding = _closed(FROM if is_early_worse else UNTIL, NOON, "set", worse, better)
    rows = newest(mail.id for mail in mails if (mail.hour < NOON) is is_early_worse)
    yield Hypothesis(compared(early, late)[0], replace(finding, drafts=rows) if finding else None)


def _closed(
    path: str,
    value: int | list[str],
    how: str,
    worse: tuple[str, Count],
    better: tuple[str, Count],
) -> Finding | None:
    _, difference = compared(worse[1], better[1])
    if difference.low <= 0:
        return None
    whole = Count(worse[1].part + better[1].part, worse[1].whole + better[1].whole)
    return Finding(
        "days" if path == SEND_DAYS else "hours", path, how, value, whole.whole, dict([worse, better]),
        difference.low, difference.high,
        f"{worse[0][0].upper()}{worse[0][1:]}, {spoken(worse[1])} of the contacts replied to their first e-mail; "
        f"{better[0]} {spoken(better[1])}. The difference is {points(difference)}.",
        "replied", whole, better[1], "A larger share of replies.",
        f"{worse[1].whole} of {whole.whole} first e-mails left then; they would wait until the window opens.", OBSERVED,
    )  # fmt: skip


def _replied(mails: Sequence[Mailed], is_first: Sequence[bool]) -> tuple[Count, Count]:
    """Replies of the mails that are marked, and of the others."""
    marked = [mail for mail, first in zip(mails, is_first, strict=True) if first]
    others = [mail for mail, first in zip(mails, is_first, strict=True) if not first]
    return METRICS["replied"].counted(Work(mails=marked)), METRICS["replied"].counted(Work(mails=others))


RULES: tuple[Callable[[Work, InForce], Iterator[Hypothesis]], ...] = (
    length, words, too_long, ran_out, unsure_facts, choices, days, hours,
)  # fmt: skip


Row = TypeVar("Row", bound="figures.Drafted | figures.Written | figures.Ran")


def _under_now(rows: Iterable[Row], path: str, now: InForce) -> list[Row]:
    """What was done while the present value was in force: the rest was answered by the change since."""
    return [row for row in rows if row.values.get(path) == now.values.get(path)]
