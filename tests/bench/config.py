"""How long it takes to merge a client's settings: six layers of 200 keys each, with the origin of every entry.

No database: what is read from it stands in `tests/golden/query_counts.json`. Beside it the same stack merged by a plain
`dict.update`, which knows neither lists nor locks nor origins: the floor under any merge in Python.
"""

import os
import random
import secrets
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import _measure
from _measure import say

if TYPE_CHECKING:
    from clients.config import Layer
    from clients.keys import Key

LAYERS = ("agency", "industry", "size", "motion", "client", "campaign")
KINDS = ("text", "choice", "whole", "terms", "table", "entries")
MERGES = {"terms": "append_unique", "table": "deep", "entries": "keyed"}
COUNT = 200  # keys
CHOICES = {"a": "A", "b": "B", "c": "C"}
TARGETS: dict[str, _measure.Target] = {"p95_ms": ("<=", 5.0)}


def keys() -> "tuple[Key, ...]":
    """A third of them plain values, the others lists, tables and keyed entries, as a large agency might have them."""
    from clients.keys import Key  # needs the settings, as below

    found = []
    for number in range(COUNT):
        kind = KINDS[number % len(KINDS)]
        choices = CHOICES if kind == "choice" else None
        path, merge = f"group_{number % 10}.key_{number}", MERGES.get(kind, "replace")
        found.append(Key(path, f"Key {number}", kind, "Bench", choices=choices, merge=merge))
    return tuple(found)


def value(rng: random.Random, key: "Key") -> Any:
    words = [f"word {rng.randint(1, 30)}" for _ in range(5)]
    return {
        "text": words[0],
        "choice": rng.choice("abc"),
        "whole": rng.randint(0, 400),
        "terms": words,
        "table": dict(zip(words, words, strict=True)),
        "entries": [{"key": word, "text": word} for word in words],
    }[key.kind]


def stack(rng: random.Random, known: "Sequence[Key]") -> "list[Layer]":
    """Every layer says something of every key; one key in twenty is locked somewhere."""
    from clients.config import Layer

    layers = []
    for name in LAYERS:
        locks = frozenset(key.path for key in known if rng.random() < 0.05)
        layers.append(Layer(name, {key.path: value(rng, key) for key in known}, locks=locks))
    return layers


def set_up() -> None:
    """The product's settings, as on a server; no database is asked."""
    os.environ |= {"DJANGO_SETTINGS_MODULE": "gtm.settings", "DEBUG": "0", "SECRET_KEY": secrets.token_urlsafe(50)}
    os.environ.setdefault("DATABASE_URL", "postgres://nobody@127.0.0.1:9/none")
    import django

    django.setup()


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


def updated(layers: "Sequence[Layer]") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for layer in layers:
        found.update(layer.values)
    return found


def main() -> None:
    quick = _measure.is_quick(str(__doc__))
    set_up()
    from clients.config.layers import merge

    rng, known = random.Random(20261128), keys()
    stacks = [stack(rng, known) for _ in range(50)]
    ours, plain = [], []
    for number in range(200 if quick else 2000):
        layers = stacks[number % len(stacks)]
        ours.append(timed(partial(merge, layers, industry="fintech", client_name="Acme", keys=known)))
        plain.append(timed(partial(updated, layers)))
    p95 = statistics.quantiles(ours, n=20)[-1]
    say(f"6 layers of {COUNT} keys: median {statistics.median(ours):.2f} ms, p95 {p95:.2f} ms")
    figures = {"p50_ms": statistics.median(ours), "p95_ms": p95}
    peer = {"dict.update": {"p50_ms": statistics.median(plain)}}
    _measure.report("config", figures, TARGETS, peer=peer, machine=_measure.machine_alone())


if __name__ == "__main__":
    main()
