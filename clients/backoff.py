"""When what failed for the moment is tried again. Pure."""

from datetime import datetime, timedelta
from random import Random

BASE_S, LONGEST_S = 2.0, 3600.0
MOST_TRIES = 12
PATIENCE = timedelta(hours=24)


def next_try(
    tries: int, *, first_at: datetime, at: datetime, rng: Random, retry_after_s: float | None = None
) -> datetime | None:
    """After `tries` failed ones, the first at `first_at`, the last at `at`; None: it is given up.

    Full jitter: uniform(0, min(an hour, 2 s · 2^tries)), and never before what the party asked for.
    (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.)
    """
    if tries >= MOST_TRIES or at - first_at >= PATIENCE:
        return None
    wait_s = rng.uniform(0, min(LONGEST_S, BASE_S * 2**tries))
    return at + timedelta(seconds=max(wait_s, retry_after_s or 0.0))


def given_up(tries: int, reason: str) -> str:
    """The words on what was tried long enough."""
    return f"Given up after {tries} {'try' if tries == 1 else 'tries'}. The last time: {reason}"
