"""Counts of an experiment → what may be said about it, in words first.

One rule speaks: at the planned size, and only there, the challenger wins when its rate is higher, the two-sided p-value
is below alpha, the interval of the difference lies above nought, and no more people unsubscribe or complain than the
margin allows. Nothing on a page may say more than this rule does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from gtm.stats.proportions import Difference, newcombe, srm_p, two_proportion_p, wilson

SRM_ALARM = 0.001  # looked at again and again, so far stricter than alpha
HARM_MARGIN = 0.01  # more unsubscribes and complaints than this, as a fraction of contacts, undo a win

Verdict = Literal["no_data", "too_early", "ready", "invalid"]
Conclusion = Literal["", "winner", "worse", "harmful", "no_difference"]


@dataclass(frozen=True)
class Arm:
    """One variant's people. `mature` had their first e-mail long enough ago; `successes`, `harmed` are among those."""

    key: str
    version: int
    label: str
    is_control: bool
    weight: int
    assigned: int = 0
    exposed: int = 0
    mature: int = 0
    successes: int = 0
    harmed: int = 0


@dataclass(frozen=True)
class Plan:
    """What was fixed before the first contact: size, error rate, window in days, and what counts, as a plural word."""

    planned_per_variant: int
    alpha: float
    window_days: int
    counted: str


class VariantResult(TypedDict):
    """`version` is the id of the prompt version, `label` its name."""

    key: str
    version: int
    label: str
    is_control: bool
    assigned: int
    exposed: int
    mature: int
    successes: int
    rate: float | None
    low: float
    high: float


class Guardrail(TypedDict):
    """Unsubscribes and complaints, control first; `difference` is challenger minus control."""

    control: int
    challenger: int
    control_rate: float | None
    challenger_rate: float | None
    difference: float | None
    low: float | None
    high: float | None
    margin: float
    hurt: bool


class Result(TypedDict):
    """Rates and differences are fractions of 1. `p_value` is None until the planned size is reached."""

    variants: list[VariantResult]
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    srm_p_value: float | None
    guardrail: Guardrail
    planned_per_variant: int
    reached: int
    verdict: Verdict
    conclusion: Conclusion
    sentence: str


def judge(control: Arm, challenger: Arm, plan: Plan) -> Result:
    """All that the counts allow to say, ready to be stored as JSON."""
    difference = _difference(control, challenger, plan.alpha)
    reached = min(control.mature, challenger.mature)
    srm = srm_p([control.exposed, challenger.exposed], [control.weight, challenger.weight])
    guardrail = guard(control, challenger, plan.alpha)
    verdict = _verdict(reached, control.mature + challenger.mature, srm, plan)
    p_value = _p_value(control, challenger) if reached >= plan.planned_per_variant else None
    conclusion = _conclusion(difference, p_value, guardrail, plan.alpha) if verdict == "ready" else ""
    result = Result(
        variants=[describe(arm) for arm in (control, challenger)],
        difference=difference and difference.difference,
        low=difference and difference.low,
        high=difference and difference.high,
        p_value=p_value,
        srm_p_value=srm,
        guardrail=guardrail,
        planned_per_variant=plan.planned_per_variant,
        reached=reached,
        verdict=verdict,
        conclusion=conclusion,
        sentence="",
    )
    result["sentence"] = sentence(result, plan)
    return result


def describe(arm: Arm) -> VariantResult:
    low, high = wilson(arm.successes, arm.mature)
    return VariantResult(
        key=arm.key,
        version=arm.version,
        label=arm.label,
        is_control=arm.is_control,
        assigned=arm.assigned,
        exposed=arm.exposed,
        mature=arm.mature,
        successes=arm.successes,
        rate=arm.successes / arm.mature if arm.mature else None,
        low=low,
        high=high,
    )


def guard(control: Arm, challenger: Arm, alpha: float = 0.05) -> Guardrail:
    """Hurt when more people leave by more than the margin, or by anything that chance does not explain."""
    found = newcombe(control.harmed, control.mature, challenger.harmed, challenger.mature, 1 - alpha)
    return Guardrail(
        control=control.harmed,
        challenger=challenger.harmed,
        control_rate=control.harmed / control.mature if control.mature else None,
        challenger_rate=challenger.harmed / challenger.mature if challenger.mature else None,
        difference=found and found.difference,
        low=found and found.low,
        high=found and found.high,
        margin=HARM_MARGIN,
        hurt=found is not None and (found.difference > HARM_MARGIN or found.low > 0),
    )


def percent(rate: float | None) -> str:
    return "none" if rate is None else f"{100 * rate:.1f}%"


def points(difference: float) -> str:
    """A difference of rates in percentage points, with its sign: "+1.3"."""
    return f"{100 * difference:+.1f}".replace("-", "−")  # noqa: RUF001 - a minus sign, as in print


def gap(result: Result) -> str:
    """The difference with its interval in words, challenger minus control; empty while there is none."""
    if result["difference"] is None or result["low"] is None or result["high"] is None:
        return ""
    return f"{points(result['difference'])} points ({points(result['low'])} to {points(result['high'])})"


def sentence(result: Result, plan: Plan) -> str:
    match result["verdict"]:
        case "no_data":
            return _no_data(result["variants"], plan)
        case "too_early":
            share = 100 * result["reached"] // plan.planned_per_variant
            return (
                f"Too early to say: {result['reached']:,} of {plan.planned_per_variant:,} contacts ({share}%) in the "
                f"smaller variant have had their full {plan.window_days} days."
            )
        case "invalid":
            return _invalid(result["variants"], result["srm_p_value"])
        case "ready":
            return _ready(result, plan)


def _difference(control: Arm, challenger: Arm, alpha: float) -> Difference | None:
    return newcombe(control.successes, control.mature, challenger.successes, challenger.mature, 1 - alpha)


def _p_value(control: Arm, challenger: Arm) -> float | None:
    return two_proportion_p(control.successes, control.mature, challenger.successes, challenger.mature)


def _verdict(reached: int, mature: int, srm: float | None, plan: Plan) -> Verdict:
    if srm is not None and srm < SRM_ALARM:
        return "invalid"
    if mature == 0:
        return "no_data"
    return "ready" if reached >= plan.planned_per_variant else "too_early"


def _conclusion(difference: Difference | None, p: float | None, guardrail: Guardrail, alpha: float) -> Conclusion:
    if difference is None or p is None or p >= alpha or difference.low <= 0 <= difference.high:
        return "no_difference"
    if difference.difference < 0:
        return "worse"
    return "harmful" if guardrail["hurt"] else "winner"


def _no_data(variants: Sequence[VariantResult], plan: Plan) -> str:
    waiting = sum(variant["exposed"] for variant in variants)
    if not waiting:
        return "No result yet: no e-mail of this experiment has been sent."
    return (
        f"No result yet: {waiting:,} contacts were written to; none has had the full {plan.window_days} days to answer."
    )


def _invalid(variants: Sequence[VariantResult], srm: float | None) -> str:
    total = sum(variant["exposed"] for variant in variants)
    shares = " and ".join(
        f"{variant['exposed']:,} ({100 * variant['exposed'] / total:.0f}%) {variant['key']}" for variant in variants
    )
    return (
        f"Do not trust this result: {shares} is not the split that was planned (p = {srm:.1g}). Something decides who "
        "is written to. Compare the rejected drafts and failed runs of the two variants."
    )


def _ready(result: Result, plan: Plan) -> str:
    control, challenger = result["variants"]
    rates = f"{percent(challenger['rate'])} against {percent(control['rate'])}"
    span = f"{points(result['low'] or 0)} to {points(result['high'] or 0)} points"
    name = challenger["label"]
    match result["conclusion"]:
        case "winner":
            return f"{name} gets more {plan.counted}: {rates} (difference {span}), and does not drive people away."
        case "worse":
            return f"{name} gets fewer {plan.counted}: {rates} (difference {span}). {control['label']} stays."
        case "harmful":
            guardrail = result["guardrail"]
            leave = f"{percent(guardrail['challenger_rate'])} against {percent(guardrail['control_rate'])}"
            return (
                f"{name} gets more {plan.counted} ({rates}), but more people unsubscribe or complain: {leave}. "
                f"It does not win; {control['label']} stays."
            )
        case _:
            return (
                f"No difference was found: {rates}. The true one lies somewhere from {span}. {control['label']} stays."
            )
