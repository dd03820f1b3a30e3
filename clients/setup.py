"""What a client still needs before the first e-mail can go out."""

from typing import Any, NamedTuple

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef

from clients.config import Effective
from clients.crm import CRMS
from clients.models import Client, Connection, Contact


class Step(NamedTuple):
    """`mend` says what to do where it is not done."""

    label: str
    done: bool
    mend: str


def steps(client: Client, effective: Effective) -> list[Step]:
    """In the order in which a person would do them. Costs one query."""
    custom: dict[str, Any] = effective.document["custom_fields"]
    managed, known, parties = _stands(client)
    return [
        Step("Account manager", managed, "Choose who looks after this client."),
        Step("Offer", bool(custom["offer"]), "Say in one plain sentence what the client offers."),
        Step("Proof point", bool(custom["proof_points"]), "Add at least one fact that an e-mail may state."),
        Step("Sender", bool(custom["sender_name"]), "Enter who signs the e-mails."),
        Step("Postal address", bool(client.postal_address), "Enter the address that the law asks for in every e-mail."),
        Step("CRM", bool(parties & CRMS.keys()), "Add a connection to the client's CRM, so that contacts come in."),
        Step(
            "Mail events",
            Connection.Party.OUTCOMES in parties,
            "Add a connection for mail and calendar events, so that replies count.",
        ),
        Step("Contacts", known, "Post the first contact from the CRM, or add one by hand."),
        Step("Active", client.status == Client.Status.ACTIVE, "Set the state to Active when all of the above is done."),
    ]


def _stands(client: Client) -> tuple[bool, bool, set[str]]:
    """(somebody manages it, it has contacts, the parties it is connected to)."""
    here = {"client": OuterRef("pk")}
    managers = Client.managers.through.objects.filter(**here)
    active = Connection.objects.filter(**here, is_active=True).values("party")
    found = Client.objects.filter(pk=client.pk).values_list(
        Exists(managers), Exists(Contact.objects.filter(**here)), ArraySubquery(active)
    )
    managed, known, parties = found.get()
    return managed, known, set(parties)
