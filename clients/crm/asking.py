"""What we ask of a CRM and push to it: one small interface, and a module for each CRM that keeps to it.

`CONNECTORS` in `crm/connectors.py` names the modules. What they return as a body is what the party answered, byte for
byte, so that it can be stored as a delivery and read like a call of the party (`crm.CRMS`).

Each call takes its share of the connection's limits first and asks its circuit breaker; where it may not go out now,
`Held` says when. Both are rows in the database, so call from where the database may be touched, and outside of
transactions: what a call has told must hold even if the work around it is taken back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from django.utils import timezone

from clients import credentials
from clients.models import Connection
from gtm import breakers, buckets, http, limits
from gtm.buckets import Published
from gtm.limits import Seen
from gtm.retries import Unit

TIMEOUT_S = 20.0
OBJECTS = ("contact", "lead", "meeting")  # a CRM may not have them all
Outcome = Literal["done", "transient", "permanent", "auth", "conflict"]


class NoCredential(http.Refused):
    """A live connection without a credential that can be used; nothing was sent. Its `kind` is auth."""

    def __init__(self, reason: str) -> None:
        super().__init__(401, reason)


class Held(http.Unavailable):
    """We did not ask: the limits, the day's budget or the breaker of the connection say not before `retry_after_s`.

    It counts as no attempt.
    """


@dataclass(frozen=True)
class Door:
    """What a connector needs of a connection. `name` is that of the rows of its breaker, its buckets and its limits.

    `base_url` is the party's address where people type it (Salesforce's My Domain), or where a test has its stand-in;
    "" means the party's own. `by_person`: a person waits for it, so it may use the day's reserve.
    """

    name: str
    sandbox: bool
    credential: str = field(repr=False)
    base_url: str = ""
    timeout_s: float = TIMEOUT_S
    by_person: bool = False
    clock: Callable[[], datetime] = timezone.now


@dataclass(frozen=True)
class Answered:
    """`body` as the party answered; `missing` are ids that it does not know (any more); `calls` that it took."""

    body: bytes
    missing: tuple[str, ...] = ()
    calls: int = 1


@dataclass(frozen=True)
class Page:
    """Part of what changed: `body` as the party answered, b"" where nothing in it belongs to the window, and how many
    records were `seen` in it. Go on with `next_cursor`, "" after the last page; it holds for its window and names only.
    """

    body: bytes
    next_cursor: str
    seen: int


@dataclass(frozen=True)
class Write:
    """Fields of one record as they shall be, by the CRM's own names; "" empties a field. `ext_id` "": make a record.

    `key` is the caller's own, and comes back with the fate; HubSpot also keeps it as `objectWriteTraceId`. Where a
    record is made and the CRM has one of the same address already, that one is changed instead.
    """

    key: str
    ext_id: str
    fields: Mapping[str, str]
    object_type: str = "contact"


@dataclass(frozen=True)
class Fate:
    """What became of a write, and `why` where it is not done, in words.

    transient: later, not before `retry_after_s`. permanent: never, as it stands. auth: the connection has to be mended,
    its other writes would go the same way. conflict: another record is in the way, and looking it up did not help.
    `is_held`: it was not sent, so it counts as no attempt (kind transient). `ext_id` of the record that was written.
    """

    key: str
    kind: Outcome
    why: str = ""
    retry_after_s: float | None = None
    ext_id: str = ""
    is_held: bool = False


@dataclass(frozen=True)
class Identity:
    """Who we are at the party: `account_id` (HubSpot's portal, Salesforce's organisation), and `origins`, by which a
    change that we made ourselves is told when it comes back: HubSpot's app id (`sourceId`), Salesforce's user id
    (`LastModifiedById`) and `client=` name (`changeOrigin`)."""

    account_id: str
    origins: tuple[str, ...]
    name: str = ""


class Connector(Protocol):
    """A module for a CRM. All but `push` raise http.Unavailable (its kind is transient; `Held` among them) and
    http.Refused (kinds permanent, auth, conflict), whose `reason` is in words."""

    def read_batch(self, object_type: str) -> int:
        """How many ids `read` takes at once; 0: the CRM has no such objects."""

    def read(self, door: Door, ids: Sequence[str], names: Sequence[str], object_type: str = "contact") -> Answered:
        """The records with these ids, as one body. `names` are the CRM's own field names; those that it does not know
        are left out."""

    def changed_since(
        self,
        door: Door,
        since: datetime,
        until: datetime,
        cursor: str,
        names: Sequence[str],
        object_type: str = "contact",
    ) -> Page:
        """A page of what changed from `since` (less an overlap, because a CRM's own search lags) up to `until`, the
        deleted included. The first `cursor` is ""."""

    def push(self, door: Door, writes: Sequence[Write]) -> list[Fate]:
        """The fates in the order of the writes, any number of which are sent in as few calls as the CRM allows. Bears
        repeating: a value written twice is the same value. Raises nothing of the network."""

    def identify(self, door: Door) -> Identity:
        """Asks the party who we are: the cheapest call there is, for a button that tries the connection."""


@dataclass(frozen=True)
class Manners:
    """How a party wants to be asked: what it publishes, what a bare Retry-After counts, and what its answers say of
    limits (`used` and `of` of the day, or None)."""

    published: Published
    retry_after_in: Unit = "s"
    seen: Callable[[Mapping[str, str], datetime], Seen] = lambda headers, at: Seen()
    day: Callable[[Mapping[str, str]], tuple[int, int] | None] = lambda headers: None


def door_of(connection: Connection, *, by_person: bool = False, clock: Callable[[], datetime] = timezone.now) -> Door:
    """Raises NoCredential. In the sandbox a connection without one meets an account of its own.

    A credential is the party's token, or, for Salesforce, three words: the My Domain address, the consumer key and the
    consumer secret of the app.
    """
    sandbox = connection.mode == Connection.Mode.SANDBOX
    secret = _secret(connection) or (_sandbox_secret(connection) if sandbox else "")
    if not secret:
        raise NoCredential("This live connection has no credential. Add it on the connection.")
    base_url, _, rest = secret.partition(" ") if connection.party == Connection.Party.SALESFORCE else ("", "", secret)
    return Door(f"crm:{connection.pk}", sandbox, rest.strip(), base_url, by_person=by_person, clock=clock)


def _secret(connection: Connection) -> str:
    try:
        return " ".join(credentials.held(bytes(connection.credential), connection.credential_ref).split())
    except credentials.CredentialUnreadable as error:
        raise NoCredential(str(error)) from error


def _sandbox_secret(connection: Connection) -> str:
    if connection.party == Connection.Party.SALESFORCE:
        return f"https://sandbox-{connection.pk}.my.salesforce.com key-{connection.pk} secret-{connection.pk}"
    return f"sandbox-{connection.pk}"


def ask(
    door: Door, call: http.Call, manners: Manners, *, narrower: Mapping[str, Published] | None = None
) -> http.Reply:
    """One call through limits and breaker. `narrower` are further buckets for this kind of call, by name.

    Raises http.Unavailable, Held among them, and http.Refused.
    """
    entered = _enter(door, {"": manners.published, **(narrower or {})})
    try:
        reply = http.send(
            call, timeout_s=door.timeout_s, sandbox=door.sandbox, retry_after_in=manners.retry_after_in
        )  # fmt: skip
    except http.Unavailable as error:
        at = door.clock()
        limits.observe(door.name, Seen(retry_after_s=error.retry_after_s), at=at)
        breakers.failed(door.name, entered, why=error.reason, at=at, retry_after_s=error.retry_after_s)
        raise
    except http.Refused:
        breakers.succeeded(door.name, entered)
        raise
    breakers.succeeded(door.name, entered)
    _heed(door, manners, reply.headers)
    return reply


def _enter(door: Door, paces: Mapping[str, Published]) -> breakers.Entered:
    """The breaker is looked at first and entered last: a token is not spent on a party that is left in peace, and no
    probe is taken by a call that has no token."""
    at = door.clock()
    _hold(breakers.wait_s(door.name, at=at), BREAKER_OPEN)
    _hold(limits.take(door.name, at=at), PARTY_SAID)
    for name, published in paces.items():
        bucket = f"{door.name}:{name}" if name else door.name
        _hold(buckets.take(bucket, published, at=at, by_person=door.by_person), BUCKET_EMPTY)
    entered = breakers.enter(door.name, at=at)
    _hold(entered.wait_s, BREAKER_OPEN)
    return entered


BREAKER_OPEN = "It failed several times running, so it is left in peace for a while"
PARTY_SAID = "It asked us to wait"
BUCKET_EMPTY = "We keep below the number of calls that it allows"


def _hold(wait_s: float, why: str) -> None:
    if wait_s > 0:
        raise Held(f"{why}; the next call goes out in {max(1, round(wait_s))} s", retry_after_s=wait_s)


def _heed(door: Door, manners: Manners, headers: Mapping[str, str]) -> None:
    at = door.clock()
    limits.observe(door.name, manners.seen(headers, at), at=at)
    if day := manners.day(headers):
        buckets.heard(door.name, *day, manners.published, at=at)


def batches(items: Sequence[Write], size: int) -> list[list[Write]]:
    """Whole batches, none of which names a record twice: what comes later for the same record goes into a later one."""
    made: list[list[Write]] = []
    turn: dict[str, int] = {}
    for item in items:
        first = turn.get(item.ext_id, 0) if item.ext_id else 0
        at = next((n for n in range(first, len(made)) if len(made[n]) < size), len(made))
        made.extend([[]] if at == len(made) else [])
        made[at].append(item)
        turn[item.ext_id] = at + 1
    return made


def fate_of(write: Write, error: http.Unavailable | http.Refused) -> Fate:
    """Of a write whose whole batch met this."""
    if isinstance(error, http.Unavailable):
        return Fate(
            write.key, "transient", error.reason, error.retry_after_s, write.ext_id, is_held=isinstance(error, Held)
        )
    return Fate(write.key, error.kind, error.reason, ext_id=write.ext_id)
