"""Requests: what somebody asked for, by hand, by a campaign, or by a client's rule on changes from its CRM."""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack

from django.contrib.auth.models import User

from agents_app.models import Campaign, Depth, FlowRun, Purpose, Request, RequestRule, Send
from clients import config, contacts, hold, scores
from clients.inbox import Change
from clients.models import Client, Contact

DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


class RequestRefused(Exception):
    """What was asked for cannot be done as it stands; the text says what to mend."""


class Wanted(TypedDict, total=False):
    """What a request asks for. A company is taken from the contact where it is not named."""

    contact: Contact | None
    company_domain: str
    company_name: str
    purpose: str
    depth: str
    campaign: Campaign | None
    sequence_step: int
    follows: FlowRun | None
    settings: dict[str, Any]
    trial_side: str


def settings_of(request: Request, found: config.Stand | None = None) -> config.Effective:
    """What is in force for the request's runs: the client's settings, its campaign's and its own above them. `found` is
    what they are merged from, where it was read already."""
    above = [config.layer_of("campaign", request.campaign)] if request.campaign else []
    return (found or config.stand()).effective(request.client, *above, config.made("run", request.settings))


def ask(client: Client, *, at: datetime, by: User | None = None, reason: str = "", **wanted: Unpack[Wanted]) -> Request:
    """Write down one request; raises RequestRefused and writes nothing when it cannot be met."""
    request = prepare(client, **wanted)
    request.asked_by, request.asked_at, request.reason = by, at, reason[:300]
    request.save()
    return request


def prepare(client: Client, **wanted: Unpack[Wanted]) -> Request:
    """The request as it would be written, not saved. Raises RequestRefused."""
    request = Request(client=client, **wanted)
    _name_company(request)
    for check in CHECKS:
        check(request)
    if request.purpose == Purpose.FOLLOW_UP and "sequence_step" not in wanted:
        request.sequence_step = _last_mail(request) + 1
    return request


def triggered_by(changes: Sequence[Change], *, at: datetime) -> list[Request]:
    """The requests that clients' own rules make of changes from their CRMs; none for a client that is not active."""
    active = [change for change in changes if change.contact.client.status == Client.Status.ACTIVE]
    rules: dict[int, list[RequestRule]] = defaultdict(list)
    clients = {change.contact.client_id for change in active}
    for rule in RequestRule.objects.filter(client__in=clients, is_active=True).order_by("pk"):
        rules[rule.client_id].append(rule)
    made = [
        _by_rule(rule, change.contact, at)
        for change in active
        for rule in {rule.purpose: rule for rule in rules[change.contact.client_id] if _matches(rule, change)}.values()
    ]  # two rules, one purpose: one request
    return [request for request in made if request is not None]


def domain_of(text: str) -> str:
    """`https://www.Acme.example/about` → `acme.example`; raises RequestRefused where no domain can be read."""
    host = (
        re.sub(r"^[a-z]+://", "", text.strip().casefold()).split("/")[0].split(":")[0].removeprefix("www.").rstrip(".")
    )
    try:
        ascii_host = host.encode("idna").decode()
    except UnicodeError:
        ascii_host = ""
    if not DOMAIN.fullmatch(ascii_host):
        raise RequestRefused(f"“{text.strip()[:80]}” is not a company's domain. Write it like northwind-bank.example.")
    return ascii_host


def _name_company(request: Request) -> None:
    if request.company_domain:
        request.company_domain = domain_of(request.company_domain)
    elif request.contact is not None:
        request.company_domain = request.contact.company_domain or contacts.work_domain(
            request.contact.email_normalised
        )
    if request.contact is not None and not request.company_name:
        request.company_name = scores.as_written(request.contact)["company_name"]
    request.company_name = request.company_name.strip()[:160]


def is_forgotten(request_id: int) -> bool:
    """Whether the person it is about asked to be forgotten after it was asked for: it is never begun."""
    return Request.objects.filter(pk=request_id, contact__erased_at__isnull=False).exists()


def _somebody_is_named(request: Request) -> None:
    if request.contact is None and not request.company_domain:
        raise RequestRefused("Name a contact, or the domain of a company.")
    if not request.company_domain and request.purpose != Purpose.FOLLOW_UP:
        raise RequestRefused(
            f"It is not known where {request.contact} works, so nothing can be researched. "
            "Enter the company's domain here, or on the contact."
        )


def _choices_exist(request: Request) -> None:
    for name, choices in {"purpose": Purpose, "depth": Depth}.items():
        if (value := getattr(request, name)) not in choices.values:
            raise RequestRefused(f"“{value}” is no {name}. Choose one of: {', '.join(choices.values)}.")


def _account_is_a_company(request: Request) -> None:
    if request.purpose == Purpose.ACCOUNT and request.contact is not None:
        raise RequestRefused(
            "An account is a company: each of its contacts gets an e-mail. Leave the contact empty and name the domain."
        )


def _client_works(request: Request) -> None:
    if request.client.status == Client.Status.PAUSED:
        raise RequestRefused(f"{request.client} is paused. Set it to active on its page before asking for work.")


def _stays_with_the_client(request: Request) -> None:
    for name in ("contact", "campaign", "follows"):
        thing = getattr(request, name)
        if thing is not None and thing.client_id != request.client.pk:
            what = "run" if name == "follows" else name
            raise RequestRefused(f"This {what} belongs to another client than {request.client}. Choose one of its own.")


def _is_not_forgotten(request: Request) -> None:
    if request.contact is not None and request.contact.erased_at is not None:
        raise RequestRefused("This person asked to be forgotten. Choose another contact.")


def _may_be_written_to(request: Request) -> None:
    writes = request.purpose != Purpose.DEEP_RESEARCH and request.contact is not None
    if writes and request.contact and (why := hold.why_not(request.contact)):
        raise RequestRefused(
            f"{request.contact} must not be written to for {request.client}. {why} Or choose another contact."
        )


def _something_to_follow(request: Request) -> None:
    if request.purpose != Purpose.FOLLOW_UP:
        return
    if request.contact is None:
        raise RequestRefused("A follow-up goes to a person. Name the contact who got the first e-mail.")
    if not _last_mail(request):
        raise RequestRefused(
            f"{request.contact} got no e-mail yet, so there is nothing to follow up. Ask for a first e-mail."
        )


def _brief_is_there(request: Request) -> None:
    run = request.follows
    if request.is_trial:  # it starts from facts, whatever came of the run that found them
        return
    if run is not None and run.request.is_trial:
        raise RequestRefused(f"{run} was a trial: nothing in earnest starts from it. Choose another run, or none.")
    if run is not None and run.status != FlowRun.Status.SUCCEEDED:
        raise RequestRefused(
            f"{run} is not finished ({run.get_status_display().lower()}). Start from it once it has succeeded."
        )


CHECKS = (
    _choices_exist,
    _client_works,
    _somebody_is_named,
    _account_is_a_company,
    _stays_with_the_client,
    _is_not_forgotten,
    _may_be_written_to,
    _something_to_follow,
    _brief_is_there,
)


def _last_mail(request: Request) -> int:
    """Number of the last mail of the sequence that reached the contact, 0 before the first."""
    sends = Send.objects.filter(contact=request.contact).order_by("-sent_at", "-pk")
    return sends.values_list("draft__sequence_step", flat=True).first() or 0


def _matches(rule: RequestRule, change: Change) -> bool:
    if rule.change == RequestRule.Change.CREATED:
        return change.created
    new: str = change.fields.get(rule.field, ("", ""))[1]
    return not change.created and rule.field in change.fields and rule.contains.casefold() in new.casefold()


def _by_rule(rule: RequestRule, contact: Contact, at: datetime) -> Request | None:
    """None where the request is refused, or where the same was asked and is not finished."""
    asked = Request.objects.in_earnest().filter(client=rule.client, contact=contact, purpose=rule.purpose)
    if asked.filter(runs__isnull=True).exists() or asked.filter(runs__status__in=FlowRun.OPEN).exists():
        return None
    try:
        return ask(rule.client, contact=contact, purpose=rule.purpose, depth=rule.depth, reason=f"Rule: {rule}", at=at)
    except RequestRefused:
        return None
