"""Many tests at once: which findings stay when chance alone would bring some."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


def discoveries(p_values: Mapping[Key, float], rate: float = 0.1) -> set[Key]:
    """The keys that stay when at most `rate` of those kept may be chance.

    Procedure: Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57:289. Nothing in, nothing out.
    """
    ordered = sorted(p_values, key=lambda key: p_values[key])
    passing = [rank for rank, key in enumerate(ordered, 1) if p_values[key] <= rate * rank / len(ordered)]
    return set(ordered[: max(passing, default=0)])
