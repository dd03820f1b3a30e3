"""One HTTP request: which model may answer, reserved before, sent, and settled and recorded after, whatever comes."""

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from agents_app.llm import charging, headers, wire
from agents_app.llm.charging import Charge
from agents_app.llm.errors import ModelError, ModelUnavailable, PriceMissing, ServiceRefused, Tally
from agents_app.llm.headers import Seen
from agents_app.llm.purse import Grant, Offer, Purse, Unlimited
from agents_app.llm.question import Question
from agents_app.llm.reading import Said, read, storable
from agents_app.llm.replay import Replay, ReplayMissing
from agents_app.llm.wire import NoReply, Reply, Turn
from agents_app.prices import PriceTable
from gtm.sandbox import composer

BUSY = frozenset({408, 409, 429})
OUTCOMES = {429: "rate limited", 529: "overloaded"}
SAID = re.compile(rb'"message"\s*:\s*"((?:[^"\\]|\\.){1,300})')


@dataclass
class Asking:
    """One question on its way: what is sent, who answers, who pays, and what has been tried so far."""

    question: Question
    turns: list[Turn]
    prices: PriceTable
    at: datetime
    purse: Purse = field(default_factory=Unlimited)
    models: Sequence[str] | Replay = ()
    tally: Tally = field(default_factory=Tally)
    kind: str = "ask"
    began: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        """The caller's clock, as it has gone on since."""
        return self.at + timedelta(seconds=time.monotonic() - self.began)


@dataclass(frozen=True)
class Choice:
    """One way to send the question: to this model, as exactly these bytes."""

    offer: Offer
    document: Mapping[str, Any]
    sha256: str


@dataclass(frozen=True)
class Exchange:
    """What became of one request. With `trouble` there is nothing in it to use."""

    charge: Charge
    status: int = 0
    outcome: str = "broke off"
    request_id: str = ""
    response: str = ""
    said: Said | None = None
    seen: Seen | None = None
    trouble: ModelError | None = None


def call(asking: Asking) -> Said:
    """One reservation, one request, one settlement, one recorded attempt.

    Raises ModelUnavailable or ModelRefused with what has been tried so far, ReplayMissing, and what the purse raises.
    """
    choices = {choice.offer.model: choice for choice in _choices(asking)}
    grant = asking.purse.reserve([choice.offer for choice in choices.values()])
    choice = choices[grant.model]
    started, started_at = time.monotonic(), asking.now()
    exchange = Exchange(charging.unknown(grant))
    try:
        exchange = _exchange(asking, choice, grant)
    finally:
        charge, ms = exchange.charge, round((time.monotonic() - started) * 1000)
        _record(asking, choice, exchange, {"ms": ms, "started_at": started_at.isoformat()})
        asking.purse.settle(grant, cost_usd=charge.cost_usd, uncertain_usd=charge.uncertain_usd, seen=exchange.seen)
    if exchange.said is None:
        trouble = exchange.trouble or ModelUnavailable("The model's answer was not readable.")
        trouble.carry(asking.tally)
        raise trouble
    return exchange.said


# --- before


def _choices(asking: Asking) -> list[Choice]:
    """A choice for each model that has a price, the preferred one first; in a replay, the one that was recorded."""
    names = _names(asking)
    found = [choice for name in names if (choice := _choice(asking, name))]
    if isinstance(asking.models, Replay):
        return _recorded(found, asking.models)
    if not found:
        raise PriceMissing(
            f"{' and '.join(names)}: no price holds on {asking.at:%d %B %Y} for a prompt of this size. Add one under "
            "Model prices, then ask again."
        )
    return found


def _recorded(choices: Sequence[Choice], replay: Replay) -> list[Choice]:
    found = [choice for choice in choices if replay.holds(choice.sha256)]
    if not found:
        raise ReplayMissing
    return found


def _names(asking: Asking) -> Sequence[str]:
    if isinstance(asking.models, Replay):
        return asking.models.names
    if wire.is_offline():
        return (composer.NAME,)
    return tuple(dict.fromkeys(asking.models or (settings.MODEL, settings.MODEL_CHEAPER)))


def _choice(asking: Asking, model: str) -> Choice | None:
    most = asking.question.max_tokens
    document = wire.body(model, asking.question, asking.turns)
    sent = wire.encoded(document)
    worst = asking.prices.worst(model, len(sent), most, asking.at.date())
    if model == composer.NAME or (worst is None and isinstance(asking.models, Replay)):
        worst = Decimal(0)  # what was paid once is paid no more, and its price may be gone
    if worst is None:
        return None
    return Choice(Offer(model, worst, len(sent), most), document, hashlib.sha256(sent).hexdigest())


# --- the request itself


def _exchange(asking: Asking, choice: Choice, grant: Grant) -> Exchange:
    replay = asking.models
    try:
        reply = wire.post(choice.document, replay.client if isinstance(replay, Replay) else wire.client())
    except NoReply as error:
        charge = charging.unknown(grant) if error.was_sent else Charge()
        trouble = ModelUnavailable(f"The model could not be reached: {error.outcome}.")
        return Exchange(charge, outcome=error.outcome, trouble=trouble)
    seen = headers.seen(reply.headers, at=asking.now())
    request_id = storable(reply.headers.get("request-id", ""))[:120]
    if reply.status != 200:
        return _turned_away(reply, request_id, seen)
    said, text = read(reply.content), storable(reply.content.decode(errors="replace"))
    if said is None:
        return Exchange(charging.unknown(grant), 200, "not readable", request_id, text[:LONGEST_UNREADABLE], seen=seen)
    charge = charging.charge(said, grant=grant, offer=choice.offer, prices=asking.prices, on=asking.at.date())
    return Exchange(charge, 200, "ok", request_id or said.message_id, text, said, seen)


LONGEST_UNREADABLE = 20_000  # characters kept of what cannot be used


def _turned_away(reply: Reply, request_id: str, seen: Seen) -> Exchange:
    """The service said by its status that it did not answer: nothing is billed."""
    status = reply.status
    is_busy = status in BUSY or status >= 500
    outcome = OUTCOMES.get(status, "busy" if is_busy else "refused")
    trouble: ModelError
    if is_busy:
        trouble = ModelUnavailable(f"The model is busy ({status}, {outcome}).", retry_after_s=seen.retry_after_s)
    else:
        trouble = ServiceRefused(f"The model's service refused the request ({status}): {_reason(reply.content)}")
    return Exchange(Charge(), status, outcome, request_id, seen=seen, trouble=trouble)


def _reason(content: bytes) -> str:
    found = SAID.search(content[:5000])
    return storable(found[1].decode(errors="replace")) if found else "no reason given"


# --- after


def _record(asking: Asking, choice: Choice, exchange: Exchange, took: Mapping[str, Any]) -> None:
    charge, tally = exchange.charge, asking.tally
    attempt = {
        "kind": asking.kind,
        "model": choice.offer.model,
        "status": exchange.status,
        "ms": took["ms"],
        "request_id": exchange.request_id,
        "outcome": exchange.outcome,
        "stop_reason": exchange.said.stop_reason if exchange.said else "",
        "request_sha256": choice.sha256,
        "response": exchange.response,
        "usage": asdict(charge.usage),
        "cost_usd": str(charge.cost_usd),
        "uncertain_usd": str(charge.uncertain_usd),
        "started_at": took["started_at"],
    }
    if charge.claimed_usd is not None:
        attempt["claimed_usd"] = str(charge.claimed_usd)
    if charge.note:
        attempt["note"] = charge.note
    tally.attempts.append(attempt)
    tally.usage += charge.usage
    tally.cost_usd += charge.cost_usd
    tally.uncertain_usd += charge.uncertain_usd
    tally.request_id = exchange.request_id or tally.request_id
