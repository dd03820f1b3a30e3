"""The job: runs that ended → anomalies, each run once; and what a person does with one."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User

from agents_app import finished
from agents_app.anomalies import baselines, changing, reading, rules, shifts
from agents_app.anomalies.seen import METRICS, Figures, Found
from agents_app.models import Anomaly, FlowRun
from clients.models import AgentKey

JOB = "watch_runs"
BEGIN = timedelta(days=7)  # what ended that long before the first look is looked at too
MOST_RUNS = 100  # of one tick
STREAK = timedelta(days=14)  # what comes again within that time began with the first of them, unless in between there
SOME_GOOD, MANY_GOOD = 3, 20  # were some good runs and a change, or many good runs
HEAVY = ("config", "config_sources", "hints", "facts_routed")

Streaks = Mapping[tuple[str, str, str], FlowRun]  # {kind, agent, metric: the run in which it began}

logger = logging.getLogger(__name__)


def look(*, at: datetime) -> list[Anomaly]:
    """What is new. Looking twice finds nothing more."""
    mark = finished.mark(JOB, begin=at - BEGIN)
    runs = list(reading.whole(finished.after(mark, at=at)).defer(*HEAVY)[:MOST_RUNS])
    if not runs:
        return []
    latest, kept = reading.latest(at=at), list[Anomaly]()
    for run in runs:
        if not run.request.is_trial:
            kept += _keep_all(run, _found(run, latest), at)
        finished.advance(mark, run)
    touched = {run.pk for run in runs}
    return kept + [row for found in _shifts(latest, touched) for row in _keep_shift(found, at)]


def settle(anomaly: Anomaly, *, by: User, at: datetime) -> bool:
    """Somebody has looked at it; False where somebody had already."""
    opened = Anomaly.objects.filter(pk=anomaly.pk, status=Anomaly.Status.OPEN)
    return opened.update(status=Anomaly.Status.SETTLED, settled_by=by, settled_at=at) > 0


# --- one run


def _found(run: FlowRun, latest: Sequence[Figures]) -> list[Found]:
    """An edge: a run whose rows cannot be read is passed over, or it would be met for ever."""
    try:
        own = reading.of_runs([run])
        seen = reading.seen(run, own)
        return [*rules.broken(seen, _costs(run, latest)), *_unusual(run, own)]
    except (KeyError, TypeError, ValueError, AttributeError):
        logger.exception("run %s cannot be looked at", run.pk)
        return []


def _costs(run: FlowRun, latest: Iterable[Figures]) -> dict[str, list[float]]:
    costs: dict[str, list[float]] = {}
    for each in latest:
        if each.run != run.pk:
            costs.setdefault(each.agent, []).append(each.values["cost_usd"])
    return costs


def _unusual(run: FlowRun, own: Sequence[Figures]) -> Iterator[Found]:
    earlier = reading.of_runs(reading.before(run)) if own else []
    for figures in own:
        alike = [each for each in earlier if (each.agent, each.version) == (figures.agent, figures.version)]
        label = f"“{AgentKey(figures.agent).label}”"
        yield from baselines.unusual(figures, label, alike, looked_at=len(own) * len(METRICS))


# --- versions


def _shifts(latest: Sequence[Figures], touched: set[int]) -> Iterator[Found]:
    """Of versions that answered in the runs of this tick, while they are young."""
    for agent, version in sorted({(each.agent, each.version) for each in latest if each.run in touched}):
        since = reading.of_young(agent, version, most=shifts.YOUNG)
        if since and (before := reading.preceding(since[0])):
            yield from shifts.shifted(f"“{AgentKey(agent).label}”", before, since)


def _keep_shift(found: Found, at: datetime) -> list[Anomaly]:
    """On the first run of the newer version, beside the run of that client before it: no shift of another version goes
    on in it."""
    first = reading.whole(FlowRun.objects.filter(pk__in=[found.first_run])).defer(*HEAVY).get()
    return _keep(first, [found], {}, at)


# --- what was found


def _keep_all(run: FlowRun, found: Sequence[Found], at: datetime) -> list[Anomaly]:
    return _keep(run, found, _streaks(run, found, at), at) if found else []


def _keep(run: FlowRun, found: Sequence[Found], began: Streaks, at: datetime) -> list[Anomaly]:
    """Those that are new, with the run in which each began and what was changed before it."""
    known = set(Anomaly.objects.filter(key__in=[each.key for each in found]).values_list("key", flat=True))
    fresh = [each for each in found if each.key not in known]
    rows = [_row(run, each, began.get(_kind(each), run), at) for each in fresh]
    Anomaly.objects.bulk_create(rows, ignore_conflicts=True)
    return rows


def _kind(found: Found | Anomaly) -> tuple[str, str, str]:
    return found.kind, found.agent, found.metric


def _streaks(run: FlowRun, found: Sequence[Found], at: datetime) -> Streaks:
    """Of what this client has open of late, what goes on in this run."""
    lately = Anomaly.objects.filter(client=run.client_id, status=Anomaly.Status.OPEN, found_at__gte=at - STREAK)
    rows = lately.select_related("run__deployment", "first_run__deployment").order_by("found_at", "pk")
    newest = {_kind(row): row for row in rows}
    same = [newest[kind] for kind in {_kind(each) for each in found} if kind in newest]
    return {_kind(row): row.first_run for row in same if _goes_on(row.run, run)}


def _goes_on(last: FlowRun, run: FlowRun) -> bool:
    """Many good runs in between end a streak; a few do where something of ours was changed since."""
    between = reading.IN_EARNEST.filter(client=run.client_id, planned_at__gt=last.planned_at)
    good = between.filter(planned_at__lt=run.planned_at).count()
    return good < SOME_GOOD or (good < MANY_GOOD and not changing.between(last, run)["words"])


def _row(run: FlowRun, found: Found, first: FlowRun, at: datetime) -> Anomaly:
    earlier = reading.IN_EARNEST.filter(client=first.client_id, planned_at__lt=first.planned_at)
    before = earlier.select_related("deployment").order_by("-planned_at", "-pk").first()
    return Anomaly(
        key=found.key[:120],
        run=run,
        step_id=found.step,
        client_id=run.client_id,
        agent=found.agent,
        tier=found.tier,
        kind=found.kind,
        words=found.words[:500],
        metric=found.metric,
        baseline=found.baseline,
        value=found.value,
        first_run=first,
        change=changing.between(before, first),
        found_at=at,
    )
