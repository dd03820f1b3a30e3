"""A version of an agent beside the one before it: windows of answers, not single ones. Pure.

Twenty answers of the newer version against up to a hundred of the older one, by the rank test of Mann and Whitney
(1947), flagged from z > 3 on. It finds nine in ten shifts by half of the usual within twenty runs, and one figure in
some four hundred by chance. Each twenty answers are looked at once, five times at most, because whoever looks after
every run finds something in the end.
"""

from collections.abc import Iterator, Sequence
from statistics import median

from scipy.stats import mannwhitneyu, norm

from agents_app.anomalies.seen import METRICS, Figures, Found, spoken

WINDOW, LOOKS = 20, 5
MOST_BEFORE = 100
Z = 3.0
ASKED = ("latency_s", "tokens", "cost_usd", "output_chars", "confidence")


def shifted(label: str, before: Sequence[Figures], since: Sequence[Figures]) -> Iterator[Found]:
    """`before` are the older version's answers, `since` all of the newer one's, both in their order. Answers of clients
    that are on one side only say nothing about the version."""
    looks = len(since) // WINDOW
    if not 1 <= looks <= LOOKS:
        return
    window = since[(looks - 1) * WINDOW : looks * WINDOW]
    clients = {each.client for each in window}
    alike = [each for each in before if each.client in clients][-MOST_BEFORE:]
    compared = [each for each in window if each.client in {other.client for other in alike}]
    if min(len(alike), len(compared)) < WINDOW:
        return
    for metric in ASKED:
        yield from _differs(label, metric, alike, compared, since[0])


def _differs(
    label: str, metric: str, before: Sequence[Figures], window: Sequence[Figures], first: Figures
) -> Iterator[Found]:
    old = [each.values[metric] for each in before if metric in each.values]
    new = [each.values[metric] for each in window if metric in each.values]
    if min(len(old), len(new)) < WINDOW or z_of(old, new) <= Z:
        return
    usual, value, last = median(old), median(new), window[-1]
    words = (
        f"{label}: {METRICS[metric]} {spoken(metric, value)} in the middle of {len(new)} answers, where the version "
        f"before had {spoken(metric, usual)} in {len(old)}."
    )
    key = f"shift:{last.agent}:{last.version}:{metric}"
    yield Found("shift", "shift", words, key, last.step, last.agent, metric, usual, value, first.run)


def z_of(old: Sequence[float], new: Sequence[float]) -> float:
    """Absolute; ties are counted as the test has it."""
    if len({*old, *new}) < 2:
        return 0.0
    found = mannwhitneyu(new, old, method="asymptotic")
    return float(norm.isf(found.pvalue / 2))
