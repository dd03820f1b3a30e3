"""Whether a contact may be written to: the one answer that requests, campaigns, approvals and sending ask for."""

from collections.abc import Iterable

from clients import scores, suppression
from clients.models import Client, Contact
from clients.quality import Finding, why_held

SUPPRESSED = "The address unsubscribed, bounced or was blocked. It is never written to again."


def why_not(contact: Contact, found: list[Finding] | None = None) -> str:
    """Why nobody may write to the contact now, in words that say what to mend; "" where one may. `found` is what the
    rules of quality say of it, where that is known already."""
    return _gone(contact) or _unwanted(contact) or (scores.why_held(contact) if found is None else why_held(found))


def reachable(client: Client, contacts: Iterable[Contact]) -> list[Contact]:
    """Those of one client's contacts that may be written to, in their order; three queries, however many."""
    standing = [contact for contact in contacts if contact.email and not _gone(contact) and not _said_no(contact)]
    silent = suppression.among(client, [contact.email for contact in standing])
    held = scores.held(standing)
    return [contact for contact in standing if contact.email not in silent and contact.pk not in held]


def _gone(contact: Contact) -> str:
    if contact.erased_at:
        return "The person asked to be forgotten. Nothing is kept that could be written to."
    if contact.merged_into_id:
        return "It is the same person as another contact, and was merged into that one. Write to that one."
    if contact.deleted_at:
        return "It was deleted in every source. Restore it in the CRM, or choose another contact."
    return ""


def _unwanted(contact: Contact) -> str:
    if _said_no(contact):
        return "A source says “do not contact”. It is never written to again."
    return SUPPRESSED if suppression.is_suppressed(contact.client, contact.email) else ""


def _said_no(contact: Contact) -> bool:
    return contact.do_not_contact.casefold() == "true"
