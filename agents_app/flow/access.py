"""How a client reaches its research sources, which are left in peace for now, and at what pace they are asked.
Credentials are in clear here, never stored and never logged."""

import logging
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from agents_app import accounts, research
from agents_app.flow import knowledge
from agents_app.models import FlowRun, SourceAccount
from clients import credentials, domains
from clients.models import Connection
from gtm import breakers, buckets
from gtm.models import Breaker

SANDBOX = Connection.Mode.SANDBOX

logger = logging.getLogger(__name__)


def sources(run: FlowRun, *, at: datetime) -> list[research.SourceAccess]:
    """One access a source: the client's own active connection, of several the oldest; else the agency's account; else,
    where the source takes no key, none.

    Who asks one source in the sandbox, or about a company that cannot exist, is in an invented world: there the
    agency's accounts are asked in the sandbox too, and nothing is asked that nobody connected.
    """
    known = Connection.objects.filter(client=run.client_id, party__in=list(research.SOURCES))
    own = list(known.order_by("pk"))
    is_invented = any(each.is_active and each.mode == SANDBOX for each in own) or domains.is_reserved(
        knowledge.company(run.request)["domain"]
    )
    keyless = (research.SourceAccess(key, sandbox=False) for key in keyless_for(own, is_invented=is_invented))
    found: dict[str, research.SourceAccess] = {}
    for access in (*_own(own), *_accounts(own, is_sandbox=is_invented, at=at), *keyless):
        found.setdefault(access.key, access)
    return list(_in_peace(found.values(), at))


def heed(answers: Iterable[research.SourceAnswer], *, at: datetime) -> None:
    """Who could not answer comes nearer to being left in peace, for all runs alike; who did is well."""
    asked = [answer for answer in answers if answer.same_as is None and answer.elapsed_ms]
    failed_before = breakers.states({_breaker(answer.source, answer) for answer in asked})
    for answer in asked:
        name, entered = _breaker(answer.source, answer), breakers.Entered(probe=answer.probe)
        if research.may_pass(answer):
            breakers.failed(name, entered, why=answer.reason, at=at)
        elif name in failed_before:
            breakers.succeeded(name, entered)


def paced(
    run: FlowRun, accesses: Iterable[research.SourceAccess], *, besides: Collection[str], at: datetime
) -> list[research.SourceAccess]:
    """With those closed that all runs together have asked as often as they allow for now. A question to each counts,
    except to the sources in `besides`, whose answers are there already, and to the sandbox, which has no pace."""
    by_person = run.request.asked_by_id is not None
    found = []
    for access in accesses:
        wait_s = 0.0
        if not (access.closed or access.sandbox or access.key in besides):
            published = research.SOURCES[access.key].published
            wait_s = buckets.take(_breaker(access.key, access), published, at=at, by_person=by_person)
        found.append(replace(access, closed=_too_often(access, wait_s)) if wait_s else access)
    return found


def _too_often(access: research.SourceAccess, wait_s: float) -> str:
    published = research.SOURCES[access.key].published
    if wait_s > 2 * published.seconds:  # longer than the pace alone can make anybody wait
        return f"Of the {published.a_day:,} questions that it takes in a day, those that such runs may ask are asked."
    times = f"{published.calls} in {published.seconds:g} s"
    return f"It takes {times}, and runs have asked as many. It may be asked again in {math.ceil(wait_s)} s."


def _breaker(key: str, asked: research.SourceAccess | research.SourceAnswer) -> str:
    """Each key has its own: one that is used up says nothing about another."""
    return f"source {key} {asked.asked_with or 'without a key'}{' in the sandbox' if asked.sandbox else ''}"


def _in_peace(accesses: Iterable[research.SourceAccess], at: datetime) -> Iterator[research.SourceAccess]:
    """A source that failed five times running is not asked for a while, and then by one run before all others."""
    names = {_breaker(access.key, access): access for access in accesses}
    states = breakers.states(names)
    for name, access in names.items():
        if access.closed or states.get(name, Breaker.State.CLOSED) == Breaker.State.CLOSED:
            yield access
            continue
        entered = breakers.enter(name, at=at)
        wait = f"It failed several times running, so it is left in peace for {round(entered.wait_s)} s more."
        yield replace(access, closed=wait if entered.wait_s else "", probe=entered.probe)


def keyless_for(own: Sequence[Connection], *, is_invented: bool) -> list[str]:
    """Sources without a key that a client asks although nobody connected it to them. `own` are its connections to
    sources."""
    if is_invented:
        return []
    off = _switched_off(own)
    return [source.key for source in research.SOURCES.values() if not source.needs_key and source.key not in off]


def _switched_off(own: Iterable[Connection]) -> set[str]:
    """A connection to a source without a key that is not active switches the source off."""
    return {each.party for each in own if not each.is_active and not research.SOURCES[each.party].needs_key}


def _own(own: Iterable[Connection]) -> Iterator[research.SourceAccess]:
    for each in own:
        if each.is_active:
            yield _access(each.party, each, f"connection:{each.pk}", is_sandbox=each.mode == SANDBOX)


def _accounts(own: Iterable[Connection], *, is_sandbox: bool, at: datetime) -> Iterator[research.SourceAccess]:
    off = _switched_off(own)
    active = SourceAccount.objects.filter(is_active=True, source__in=list(research.SOURCES)).exclude(source__in=off)
    rows = list(active.order_by("pk"))
    spent = accounts.spent([each for each in rows if each.credits_a_month is not None], at=at)
    for each in rows:
        access = _access(each.source, each, each.asked_with, is_sandbox=is_sandbox or each.mode == SANDBOX)
        yield replace(access, closed=accounts.why_closed(each, spent.get(each.pk, 0.0)) or _lacks_key(each, access))


def _lacks_key(account: SourceAccount, access: research.SourceAccess) -> str:
    if access.sandbox or access.credential or not research.SOURCES[access.key].needs_key:
        return ""
    return f"{account} has no credential that can be read. Enter it there."


def _access(key: str, row: Connection | SourceAccount, asked_with: str, *, is_sandbox: bool) -> research.SourceAccess:
    """A source that is asked without a key answers everybody alike."""
    credential = "" if is_sandbox else _credential(row)
    is_alike = not credential and not research.SOURCES[key].needs_key
    return research.SourceAccess(key, is_sandbox, credential, "" if is_alike else asked_with)


def _credential(row: Connection | SourceAccount) -> str:
    """Empty when there is none that can be read; the source then says so, and the others are asked all the same."""
    try:
        return credentials.held(bytes(row.credential), row.credential_ref)
    except credentials.CredentialUnreadable as unreadable:
        logger.warning("%s %s: %s", row._meta.verbose_name, row.pk, unreadable)
        return ""
