"""What came of both versions, fast and in the order in which it came: the outcomes that guards look at.

Where an e-mail bounces is known to an app further right, so it comes in as an argument.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BooleanField, F, Func, Value

from agents_app.models import Draft, PromptVersion, Rollout, RolloutDraw, StepRun
from agents_app.rollout_rules import GUARDS, SHARES, Past, Period, cap_of

SETTLED = timedelta(days=2)  # after so long it is known whether an e-mail bounced
PATIENCE = timedelta(days=7)  # in which a person may still decide about a draft
REMEMBERED = 500  # steps of the live version that say how it was before
FEWEST = 20  # outcomes below which the past says nothing
ABOUT_THE_TEXT = ("", Draft.Rejection.TEXT, Draft.Rejection.OTHER)
COLUMNS = (
    "pk", "run_id", "map_index", "status", "checks", "cost_usd", "uncertain_usd", "finished_at", "says_something",
    "run__is_open", "draft", "draft__status", "draft__was_edited", "draft__rejection", "draft__decided_at",
    "draft__send", "draft__send__sent_at",
)  # fmt: skip
WITH_A_TEXT = Func(F("output"), Value("$.**.text"), function="jsonb_path_exists", output_field=BooleanField())

Bounced = Callable[[Iterable[int]], set[int]]  # ids of sends → those of them that bounced
Row = Mapping[str, Any]
Dated = tuple[datetime, int, float]  # when it was known, its step, the outcome


def periods(rollout: Rollout, bounced: Bounced, *, at: datetime) -> list[Period]:
    """One a stage that has begun, the present one last. A unit counts once, with the first run that was drawn for it:
    what came of its later ones is not independent of that."""
    draws = _first_of_each(rollout)
    rows = _answers(rollout.agent, [draw["run_id"] for draw in draws])
    sends = [row["draft__send"] for row in rows.values() if row["draft__send"]]
    gone = bounced(sends) if sends else set()
    stages = [share for share in SHARES if share <= rollout.share and share < 100]
    return [_period(share, [draw for draw in draws if draw["share"] == share], rows, gone, at) for share in stages]


def _first_of_each(rollout: Rollout) -> list[Row]:
    first: dict[str, Row] = {}
    drawn = RolloutDraw.objects.filter(rollout=rollout).order_by("pk")
    for draw in drawn.values("run_id", "unit", "is_candidate", "share"):
        first.setdefault(draw["unit"], draw)
    return list(first.values())


def _answers(agent: str, runs: Sequence[int]) -> dict[int, Row]:
    """Of each run the last try of its step; of a step that was done for several contacts, the first contact's."""
    found: dict[int, Row] = {}
    for row in _steps(agent).filter(run__in=runs).order_by("map_index", "attempt").values(*COLUMNS):
        before = found.get(row["run_id"])
        if before is None or before["map_index"] == row["map_index"]:
            found[row["run_id"]] = row
    return found


def past(version: PromptVersion, *, at: datetime) -> Past:
    """How the version did in its newest steps; nothing of what has too few outcomes. Bounces are not looked up."""
    steps = _steps(version.agent).filter(run__prompts__version=version, run__request__trial_side="")
    rows = list(steps.order_by("-pk").values(*COLUMNS)[:REMEMBERED])
    found = {guard.key: [value for _, _, value in _outcomes(guard.key, rows, set(), at)] for guard in GUARDS}
    told = {key: values for key, values in found.items() if len(values) >= FEWEST and key != "bounces"}
    rates = {guard.key: _mean(told[guard.key]) for guard in GUARDS if guard.is_rate and guard.key in told}
    caps = {guard.key: cap_of(told[guard.key]) for guard in GUARDS if not guard.is_rate and guard.key in told}
    return Past(rates, caps)


def _steps(agent: str) -> Any:  # noqa: ANN401 a queryset of a manager
    ended = (StepRun.Status.DONE, StepRun.Status.FAILED, StepRun.Status.REJECTED)
    return StepRun.objects.filter(agent=agent, status__in=ended).annotate(says_something=WITH_A_TEXT)


def _period(share: int, draws: Sequence[Row], rows: Mapping[int, Row], gone: set[int], at: datetime) -> Period:
    arms = [[draw for draw in draws if draw["is_candidate"] is side] for side in (False, True)]
    control, candidate = ([rows[draw["run_id"]] for draw in arm if draw["run_id"] in rows] for arm in arms)
    outcomes = {
        guard.key: (_stream(guard.key, control, gone, at), _stream(guard.key, candidate, gone, at)) for guard in GUARDS
    }
    pending = {guard: sum(is_pending(row, at) for row in candidate) for guard, is_pending in PENDING.items()}
    return Period(share, len(arms[0]), len(arms[1]), outcomes, pending)


def _stream(guard: str, rows: Iterable[Row], gone: set[int], at: datetime) -> list[float]:
    return [value for _, _, value in sorted(_outcomes(guard, rows, gone, at))]


def _outcomes(guard: str, rows: Iterable[Row], gone: set[int], at: datetime) -> Iterator[Dated]:
    for row in rows:
        value = OUTCOMES[guard](row, gone, at)
        if value is not None:
            yield row[KNOWN.get(guard, "finished_at")], row["pk"], value


# --- one function a guard: the outcome of a step, None where there is none (yet)


def _contracts(row: Row, gone: set[int], at: datetime) -> float | None:
    if row["status"] == StepRun.Status.FAILED or not row["checks"] or not row["says_something"]:
        return None
    return float(all(check["passed"] for check in row["checks"] if check.get("judged", True)))


def _errors(row: Row, gone: set[int], at: datetime) -> float | None:
    """An answer that only says what is missing is none. A try that failed counts once no other can follow it."""
    if row["status"] == StepRun.Status.FAILED:
        return None if row["run__is_open"] else 0.0
    return float(row["says_something"])


def _edits(row: Row, gone: set[int], at: datetime) -> float | None:
    """A draft that was turned down because of the company, the person or the time says nothing of the text."""
    if row["draft__decided_at"] is None or row["draft__rejection"] not in ABOUT_THE_TEXT:
        return None
    return float(row["draft__status"] != Draft.Status.REJECTED and not row["draft__was_edited"])


def _bounces(row: Row, gone: set[int], at: datetime) -> float | None:
    """All of them once they have settled, in the order in which they were sent: bounces are known before arrivals."""
    send = row["draft__send"]
    return None if send is None or _is_on_its_way(row, at) else float(send not in gone)


def _cost(row: Row, gone: set[int], at: datetime) -> float | None:
    return float(row["cost_usd"] + row["uncertain_usd"])


def _is_undecided(row: Row, at: datetime) -> bool:
    return row["draft"] is not None and row["draft__decided_at"] is None and at - row["finished_at"] < PATIENCE


def _is_on_its_way(row: Row, at: datetime) -> bool:
    return row["draft__send"] is not None and at - row["draft__send__sent_at"] < SETTLED


KNOWN = {"edits": "draft__decided_at", "bounces": "draft__send__sent_at"}  # when an outcome was, or will be, known
PENDING = {"edits": _is_undecided, "bounces": _is_on_its_way}
OUTCOMES: Mapping[str, Callable[[Row, set[int], datetime], float | None]] = {
    "contracts": _contracts, "errors": _errors, "edits": _edits, "bounces": _bounces, "cost": _cost,
}  # fmt: skip


def _mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 4)
