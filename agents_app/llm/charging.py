"""What one answered call is charged: never more than was set aside for it, whatever its counters claim. Pure."""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from agents_app.llm.purse import Grant, Offer
from agents_app.llm.reading import Said
from agents_app.prices import PriceTable, Usage


@dataclass(frozen=True)
class Charge:
    """US dollars. `claimed_usd` and `note` stand where the service claims what cannot be."""

    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal = Decimal(0)
    uncertain_usd: Decimal = Decimal(0)
    claimed_usd: Decimal | None = None
    note: str = ""


def unknown(grant: Grant, note: str = "") -> Charge:
    """The call may have been billed, nobody knows what: its worst case is held for spent."""
    return Charge(uncertain_usd=grant.usd, note=note)


def charge(said: Said, *, grant: Grant, offer: Offer, prices: PriceTable, on: date) -> Charge:
    """The service may answer under a dated name of the model that was asked; then the asked one's price holds."""
    if said.usage is None:
        return unknown(grant, "The service did not say, or not in a way that can be, how many tokens it used.")
    claimed = prices.cost(said.model, said.usage, on)
    if claimed is None:
        claimed = prices.cost(grant.model, said.usage, on)
    usage = _possible(said.usage, offer)
    if claimed is None:
        return replace(unknown(grant, "No price holds for a call of the size that the service claims."), usage=usage)
    if claimed <= grant.usd:
        return Charge(usage, claimed, note="" if usage == said.usage else _beyond(said.usage, offer))
    return Charge(usage, grant.usd, claimed_usd=claimed, note=_beyond(said.usage, offer))


def _possible(usage: Usage, offer: Offer) -> Usage:
    """The counters, each at most what the request allows: more is a claim, not a measurement."""
    return Usage(
        input=min(usage.input, offer.input_tokens),
        output=min(usage.output, offer.output_tokens),
        cache_read=min(usage.cache_read, offer.input_tokens),
        cache_write=min(usage.cache_write, offer.input_tokens),
        cache_write_1h=min(usage.cache_write_1h, offer.input_tokens),
    )


def _beyond(usage: Usage, offer: Offer) -> str:
    return (
        f"The service claims {usage.prompt} tokens of prompt and {usage.output} of answer; the request allows at most "
        f"{offer.input_tokens} and {offer.output_tokens}. Charged is at most the worst case that was set aside."
    )
