"""What people decide about a company: it holds for later research of their client, until it is old or taken back."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from agents_app.models import Correction
from agents_app.research import attributes
from agents_app.research.settled import Settled
from clients import access
from clients.models import Client


class CorrectionRefused(Exception):
    """The message is for the person."""


@transaction.atomic
def decide(
    client: Client, domain: str, attribute: str, typed: str, *, by: User | None, at: datetime, note: str = ""
) -> Correction:
    """The decision before it is taken back by it. Raises CorrectionRefused for what cannot be a value."""
    known = attributes.BY_KEY.get(attribute)
    if known is None or known.is_many:
        raise CorrectionRefused("Only an attribute with one value can be decided.")
    value = attributes.read(attribute, typed.strip())
    if value is None:
        raise CorrectionRefused(
            f"“{typed.strip()[:80]}” cannot be read as “{known.label}”. Write it as it stands above."
        )
    withdraw(client, domain, attribute, at=at)
    return Correction.objects.create(
        client=client, company_domain=domain, attribute=attribute, value=value, note=note[:300], author=by, at=at
    )


def withdraw(client: Client, domain: str, attribute: str, *, at: datetime) -> bool:
    """What sources say counts again. False where nothing stood."""
    standing = Correction.objects.filter(client=client, company_domain=domain, attribute=attribute, withdrawn_at=None)
    return bool(standing.update(withdrawn_at=at))


def standing(client_id: int, domain: str) -> dict[str, Settled]:
    """By attribute."""
    rows = Correction.objects.filter(client=client_id, company_domain=domain, withdrawn_at=None)
    return {
        row.attribute: Settled(row.value, access.called(row.author, otherwise="A person"), row.at)
        for row in rows.select_related("author")
    }
