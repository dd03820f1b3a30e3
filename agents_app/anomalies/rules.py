"""Hard rules, always on: what is wrong whatever is usual. Pure."""

from collections.abc import Callable, Iterator, Mapping
from statistics import median

from agents_app import graph, names
from agents_app.anomalies.seen import Found, RunSeen, Seen, spoken
from agents_app.contracts import PLACEHOLDERS

DEAR = 5.0  # times the median
ENOUGH = 10  # costs, before a median says what is usual
Costs = Mapping[str, list[float]]


def broken(run: RunSeen, costs: Costs) -> list[Found]:
    """All of it, in the order of the rules. `costs` {agent: US dollars of its answers of late}."""
    return [found for rule in RULES for found in rule(run)] + list(_costly(run, costs))


def _repeated(run: RunSeen) -> Iterator[Found]:
    """Two steps of a run that were given the very same. Another try of a step is no repetition."""
    first: dict[tuple[str, str], Seen] = {}
    for step in run.steps:
        if not step.worker or not step.input_sha256:
            continue
        twin = first.setdefault((step.worker, step.input_sha256), step)
        if (twin.key, twin.map_index) != (step.key, step.map_index):
            words = f"{step.label} was given exactly what {twin.label} had been given already."
            yield _of(step, "repeated", words, metric="steps given the same", value=1)


def _empty(run: RunSeen) -> Iterator[Found]:
    """Of agents: a planner that proposes nothing has nothing to say."""
    for step in (each for each in _answers(run) if each.worker):
        texts = list(_texts(step.output or {}))
        placeholder = next((found[0] for text in texts if (found := PLACEHOLDERS.search(text))), "")
        if not any(text.strip() for text in texts):
            words = f"{step.label} is done, and its answer says nothing."
            yield _of(step, "empty", words, metric="answers that say nothing", value=1)
        elif placeholder:
            words = f"The answer of {step.label} still holds the placeholder “{placeholder[:40]}”."
            yield _of(step, "empty", words, metric="answers with a placeholder", value=1)


def _repaired(run: RunSeen) -> Iterator[Found]:
    for step in run.steps:
        count = sum(call.get("kind") == "repair" for call in step.calls)
        if count:
            words = f"The model's answer to {step.label} had not the shape it must have, and was asked for again."
            yield _of(step, "repaired", words, metric="repairs", value=count)


def _broken(run: RunSeen) -> Iterator[Found]:
    """A promise that decides, and that the answer which was taken breaks."""
    for step in _answers(run):
        names = [str(check["detail"]) for check in step.checks if check.get("must", True) and not check["passed"]]
        if names:
            words = f"The answer of {step.label} breaks a promise that decides: {' '.join(names)}"
            yield _of(step, "broken", words, metric="promises broken", value=len(names))


def _no_tokens(run: RunSeen) -> Iterator[Found]:
    for step in _answers(run):
        if step.asks_model and step.tokens == 0:
            words = f"{step.label} is done, and no token was counted for it: nothing of its cost is known."
            yield _of(step, "no_tokens", words, metric="answers without tokens", value=1)


def _missing(run: RunSeen) -> Iterator[Found]:
    """The run succeeded, and a step of its plan neither ended nor was left out."""
    ended = {step.key for step in run.steps if step.status in graph.SETTLED}
    for key, name in run.expected.items():
        if run.status == "succeeded" and key not in ended:
            words = f"The run succeeded without {name}, which its plan holds."
            yield Found(
                "rule", "missing", words, f"missing:{run.id}:{key}", metric=f"steps “{key}”", baseline=1, value=0
            )


def _no_price(run: RunSeen) -> Iterator[Found]:
    """Refused for want of a price, or answered and never charged."""
    for step in run.steps:
        models = sorted({str(call["model"]) for call in step.calls if _is_uncharged(call)})
        if step.error_class == "PriceMissing" or models:
            which = f" for {', '.join(models)}" if models else ""
            words = f"{step.label}: the list of prices holds none{which}. Add it under Model prices."
            yield _of(step, "no_price", words, metric="models without a price", value=max(1, len(models)))


def _is_uncharged(call: Mapping[str, object]) -> bool:
    usage = call.get("usage")
    used = sum(usage.values()) if isinstance(usage, Mapping) else 0
    is_free = names.is_composer(str(call.get("model", "")))
    charged = float(str(call.get("cost_usd", 0))) + float(str(call.get("uncertain_usd", 0)))
    has_none = charged == 0 or str(call.get("note", "")).startswith("No price")
    return call.get("status") == 200 and bool(used) and not is_free and has_none


def _costly(run: RunSeen, costs: Costs) -> Iterator[Found]:
    for step in _answers(run):
        if step.figures is None:
            continue
        known, cost = [each for each in costs.get(step.worker, []) if each > 0], step.figures.values.get("cost_usd", 0)
        usual = median(known) if len(known) >= ENOUGH else 0.0
        if usual and cost > DEAR * usual:
            words = f"{step.label} cost {spoken('cost_usd', cost)}, more than {DEAR:g} times what is usual."
            yield _of(step, "costly", words, metric="cost_usd", baseline=usual, value=cost)


RULES: tuple[Callable[[RunSeen], Iterator[Found]], ...] = (
    _repeated,
    _empty,
    _repaired,
    _broken,
    _no_tokens,
    _missing,
    _no_price,
)


def _answers(run: RunSeen) -> Iterator[Seen]:
    return (step for step in run.steps if step.is_done and step.asks_model)


def _of(step: Seen, kind: str, words: str, *, metric: str, value: float, baseline: float = 0) -> Found:
    agent = step.worker if step.asks_model else ""
    return Found("rule", kind, words, f"{kind}:{step.id}", step.id, agent, metric, baseline, value)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
