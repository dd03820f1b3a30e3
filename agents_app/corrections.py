"""What people decide about a company: it holds for later research of their client, until it is old or taken back."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from agents_app.models import Correction, FlowRun
from agents_app.research import attributes
from agents_app.research.hearing import Decided
from clients import access
from clients.models import Client


class CorrectionRefused(Exception):
    """The message is for the person."""


@dataclass(frozen=True)
class Spot:
    """What is decided about."""

    client: Client
    domain: str
    attribute: str


@transaction.atomic
def decide(
    spot: Spot, typed: str, *, by: User | None, at: datetime, note: str = "", run: FlowRun | None = None
) -> Correction:
    """An earlier decision about it is taken back. `run`: whose evidence the person looked at. Raises CorrectionRefused
    for what cannot be a value."""
    known = attributes.BY_KEY.get(spot.attribute)
    if known is None or known.is_many:
        raise CorrectionRefused("Only an attribute with one value can be decided.")
    value = attributes.read(spot.attribute, typed.strip())
    if value is None:
        shown = typed.strip()[:80]
        raise CorrectionRefused(f"“{shown}” cannot be read as “{known.label}”. Write it as it stands in the evidence.")
    withdraw(spot, at=at)
    return Correction.objects.create(
        client=spot.client,
        company_domain=spot.domain,
        attribute=spot.attribute,
        value=value,
        note=note[:300],
        author=by,
        at=at,
        run=run,
    )


def withdraw(spot: Spot, *, at: datetime) -> bool:
    """What sources say counts again. False where nothing stood."""
    stands = Correction.objects.filter(client=spot.client, company_domain=spot.domain, withdrawn_at=None)
    return bool(stands.filter(attribute=spot.attribute).update(withdrawn_at=at))


def standing(client_id: int, domain: str) -> list[Decided]:
    """What people decided about the company, by its attribute."""
    rows = Correction.objects.filter(client=client_id, company_domain=domain, withdrawn_at=None)
    return [
        Decided(row.attribute, row.value, access.called(row.author, otherwise="A person"), row.at.date())
        for row in rows.select_related("author").order_by("attribute")
    ]
