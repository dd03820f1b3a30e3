"""What a rehearsal says: which contracts changed on which cases, and whether the candidate may pass. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any

from agents_app.promises import similarity
from gtm.stats.exact import mcnemar_p

ENOUGH = 20  # cases that the other version answered; fewer tell nothing of what a change breaks
ANSWERS = "gives_an_answer"  # contracts of every rehearsal: an answer came at all,
WRITES = "writes_something"  # and says more than what is missing
Side = Mapping[str, "Kept"]  # {contract: how it came out on one case}


@dataclass(frozen=True)
class Answer:
    """One answer to one case. `checks` is as steps keep it; `failed`: none came, or none that can be used; `wrote`: it
    says more than what is missing."""

    checks: Sequence[Mapping[str, Any]] = ()
    text: str = ""
    words: int = 0
    cost_usd: float = 0.0
    ms: int = 0
    failed: bool = False
    wrote: bool = True


@dataclass(frozen=True)
class Kept:
    """`passed` is None where nobody could judge it."""

    passed: bool | None
    must: bool
    weight: float


@dataclass(frozen=True)
class Pair:
    """Both versions on one case, an answer a repeat."""

    case: int
    old: Sequence[Answer]
    new: Sequence[Answer]


@dataclass(frozen=True)
class Flips:
    """One contract over all cases: `old` and `new` are on how many it was kept, of `judged`; `worsened` and `mended`
    are the cases on which that changed; `p` is McNemar's exact test of them."""

    contract: str
    must: bool
    weight: float
    judged: int
    unjudged: int
    old: int
    new: int
    worsened: list[int]
    mended: list[int]
    p: float


@dataclass(frozen=True)
class Delta:
    """Means of one amount; `change` is the mean of new minus old over the cases that both answered."""

    name: str
    old: float
    new: float
    change: float


@dataclass(frozen=True)
class Report:
    """`answered` are the cases that the other version answered; `changed` is on how many any contract came out
    otherwise. `net` is the weight of lesser contracts lost less
    that of those won. `alike` is how much of the texts is the same words, 0 to 1, None without texts. `reasons` say why
    the verdict is what it is."""

    cases: int
    answered: int
    changed: int
    flips: list[Flips]
    deltas: list[Delta]
    new_failures: list[int]
    net: float
    alike: float | None
    verdict: str
    reasons: list[str]

    def document(self) -> dict[str, Any]:
        return asdict(self)


def report(pairs: Sequence[Pair]) -> Report:
    """Of the cases that both versions were asked."""
    sides = [(pair.case, _side(pair.old), _side(pair.new)) for pair in pairs]
    names = sorted({name for _, old, new in sides for name in {*old, *new}})
    flips = [_flips(name, sides) for name in names]
    new_failures = sorted({case for each in flips if each.must for case in each.worsened})
    lesser = [each for each in flips if not each.must]
    net = sum(each.weight * (len(each.worsened) - len(each.mended)) for each in lesser)
    answered = sum(bool(old[ANSWERS].passed) for _, old, _ in sides)
    verdict, reasons = _verdict((len(pairs), answered), flips, new_failures, net)
    changed = len({case for each in flips for case in (*each.worsened, *each.mended)})
    return Report(
        cases=len(pairs),
        answered=answered,
        changed=changed,
        flips=flips,
        deltas=_deltas(pairs),
        new_failures=new_failures,
        net=round(net, 4),
        alike=_alike(pairs),
        verdict=verdict,
        reasons=reasons,
    )


def _side(answers: Sequence[Answer]) -> dict[str, Kept]:
    """A contract counts as kept on a case where every repeat kept it."""
    said: dict[str, list[Mapping[str, Any]]] = {}
    for each in answers:
        for check in each.checks:
            said.setdefault(check["check"], []).append(check)
    found = {name: _kept(checks) for name, checks in said.items()}
    came = [each for each in answers if not each.failed]
    wrote = all(each.wrote for each in came) if came else None
    return {
        **found,
        ANSWERS: Kept(bool(came) and len(came) == len(answers), must=True, weight=1.0),
        WRITES: Kept(wrote, must=True, weight=1.0),
    }


def _kept(checks: Sequence[Mapping[str, Any]]) -> Kept:
    judged = [bool(check["passed"]) for check in checks if check.get("judged", True)]
    return Kept(all(judged) if judged else None, bool(checks[0]["must"]), float(checks[0].get("weight", 1.0)))


def _flips(name: str, sides: Iterable[tuple[int, Side, Side]]) -> Flips:
    both = [(case, old.get(name), new.get(name)) for case, old, new in sides]
    judged = [
        (case, old.passed, new.passed)
        for case, old, new in both
        if old is not None and new is not None and old.passed is not None and new.passed is not None
    ]
    worsened = [case for case, old, new in judged if old and not new]
    mended = [case for case, old, new in judged if new and not old]
    one = next(kept for _, old, new in both for kept in (new, old) if kept is not None)
    return Flips(
        name,
        one.must,
        one.weight,
        judged=len(judged),
        unjudged=sum(old is not None or new is not None for _, old, new in both) - len(judged),
        old=sum(bool(old) for _, old, _ in judged),
        new=sum(bool(new) for _, _, new in judged),
        worsened=worsened,
        mended=mended,
        p=round(mcnemar_p(len(worsened), len(mended)), 6),
    )


def _deltas(pairs: Sequence[Pair]) -> list[Delta]:
    answered = [
        (old, new)
        for pair in pairs
        if (old := [each for each in pair.old if not each.failed])
        and (new := [each for each in pair.new if not each.failed])
    ]
    return [_delta(name, answered) for name in ("words", "cost_usd", "ms")] if answered else []


def _delta(name: str, answered: Sequence[tuple[Sequence[Answer], Sequence[Answer]]]) -> Delta:
    old = mean(mean(getattr(each, name) for each in one) for one, _ in answered)
    new = mean(mean(getattr(each, name) for each in other) for _, other in answered)
    return Delta(name, round(old, 6), round(new, 6), round(new - old, 6))


def _alike(pairs: Sequence[Pair]) -> float | None:
    found = [similarity(pair.old[0].text, pair.new[0].text) for pair in pairs if pair.old and pair.new]
    return round(mean(found), 4) if found else None


def _verdict(
    asked: tuple[int, int], flips: Sequence[Flips], new_failures: Sequence[int], net: float
) -> tuple[str, list[str]]:
    """`asked` are the cases, and how many of them the other version answered."""
    cases, answered = asked
    broken = [each for each in flips if each.must and each.worsened]
    if broken:
        return "failed", [f"{each.contract} is newly broken on {_cases(len(each.worsened))}." for each in broken]
    if answered < ENOUGH:
        return "too_few", [_too_few(cases, answered)]
    if net > 0:
        lost = [each for each in flips if not each.must and len(each.worsened) > len(each.mended)]
        said = [f"{each.contract}: lost on {len(each.worsened)}, won on {len(each.mended)}." for each in lost]
        return "worse", [f"More of the lesser contracts are lost than won (by a weight of {net:g}).", *said]
    return "passed", [f"{_cases(cases)}, nothing that must be kept is newly broken, and no more is lost than won."]


def _too_few(cases: int, answered: int) -> str:
    mend = "Copy more steps of real runs as test cases."
    if answered == cases:
        return f"{_cases(cases)}; {ENOUGH} are needed. {mend}"
    return (
        f"{_cases(cases)}, of which the other version answered {answered}; {ENOUGH} such are needed. Below stands why "
        f"the others got no answer. {mend}"
    )


def _cases(count: int) -> str:
    return "1 case" if count == 1 else f"{count} cases"
