"""Work for people who asked to be forgotten: nothing more is begun, written or sent for them."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import Q

from agents_app.models import Draft, FlowRun
from clients.models import Contact

REFUSAL = "The person asked to be forgotten."
OPEN = (Draft.Status.WAITING, Draft.Status.APPROVED)


def stop(contacts: Collection[int], *, at: datetime) -> list[int]:
    """Their drafts go to nobody, and their runs are asked to end: the ids of those, to be rung."""
    Draft.objects.filter(contact__in=contacts, status__in=OPEN).update(status=Draft.Status.REFUSED, refusal=REFUSAL)
    runs = FlowRun.objects.filter(request__contact__in=contacts, is_open=True)
    runs.filter(cancel_asked_at=None).update(cancel_asked_at=at)
    runs.filter(status=FlowRun.Status.RETRY).update(lease_until=at)
    return list(runs.order_by("pk").values_list("pk", flat=True))


def is_at_work(contacts: Collection[int], *, at: datetime) -> bool:
    """Whether a worker holds a run that may have read of them already, and has still to write what it read."""
    places = Contact.objects.filter(pk__in=contacts).exclude(company_domain="").values_list("client", "company_domain")
    running = FlowRun.objects.filter(is_open=True, status=FlowRun.Status.RUNNING, lease_until__gt=at)
    return running.filter(Q(request__contact__in=contacts) | _for_companies(places)).exists()


def _for_companies(places: Iterable[tuple[int, str]]) -> Q:
    found = Q(pk__in=[])
    for client, domain in places:
        found |= Q(client=client, request__contact=None, request__company_domain=domain)
    return found
