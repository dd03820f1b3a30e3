"""A connection's signing secrets: replaced with an overlap, ended at once; and what they say about a call."""

import logging
import secrets
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from clients import credentials, signatures
from clients.endpoints import Endpoint, Secret
from clients.models import Connection, SigningSecret
from clients.signatures import Call, Verdict

FRESH = {"header_secret": "X-Webhook-Secret: ", "basic": "webhook:"}  # what stands before the random part

logger = logging.getLogger(__name__)

OVERLAP = timedelta(hours=24)  # as long as the patient ones among senders try a call again
NOT_SET_UP = "No secret of this connection is valid now. Enter the one that the sender signs with."
UNREADABLE = "A secret of this connection cannot be read: see its page, or doctor."
UNKNOWN_SCHEME = "This version does not know how the connection's calls are signed. Choose it again."


def check(endpoint: Endpoint, call: Call, *, at: datetime) -> Verdict:
    """Without a scheme every call passes: the key in its address is all there is. Asks no database.

    An edge: whatever a stranger's bytes or our own faults trip over in here, nobody is let in.
    """
    if not endpoint.signing_scheme:
        return Verdict(ok=True, why="")
    try:
        return _verdict(endpoint, call, at)
    except Exception as error:  # noqa: BLE001
        said = {"connection": endpoint.connection_id, "kind": type(error).__name__}  # its words may quote a secret
        logger.error("a call could not be checked", extra=said)
        return Verdict(ok=False, why=signatures.UNCHECKED)


def valid(connection: Connection, *, at: datetime) -> QuerySet[SigningSecret]:
    return connection.signing_secrets.filter(Q(active_until=None) | Q(active_until__gt=at), active_from__lte=at)


def is_set_up(connection: Connection, scheme: str, *, at: datetime) -> bool:
    """Whether every valid secret, and at least one, can be one of this scheme's."""
    rows = valid(connection, at=at).values_list("secret", "reference", "active_from", "active_until")
    texts, problem = _texts((Secret(bytes(one), where, since, until) for one, where, since, until in rows), at)
    return bool(texts) and not problem and not any(_problem(scheme, text) for text in texts)


def save(
    connection: Connection, *, signing_secret: str, make_signing_secret: bool, end_old_secrets: bool, at: datetime
) -> str:
    """What a person asked for on the connection's page. Answers the secret that was made, to be shown this once."""
    if not connection.signing_scheme:
        end(connection, at=at)
        return ""
    made = fresh(connection.signing_scheme) if make_signing_secret else ""
    if made or signing_secret:
        replace(connection, made or signing_secret, at=at, overlap=timedelta() if end_old_secrets else OVERLAP)
    return made


def replace(connection: Connection, secret: str, *, at: datetime, overlap: timedelta = OVERLAP) -> SigningSecret:
    """`secret`, or what stands where it says (`clients/credentials.py`), is valid from now on; what is valid now, for
    `overlap` more."""
    sealed = {} if is_reference(secret) else {"secret": credentials.encrypt(secret), "hint": secret[-4:]}
    with transaction.atomic():
        Connection.objects.select_for_update().get(pk=connection.pk)  # two people at once: one after the other
        end(connection, at=at + overlap)
        return connection.signing_secrets.create(active_from=at, created_at=at, **(sealed or {"reference": secret}))


def is_reference(secret: str) -> bool:
    return secret.startswith((credentials.ENV, credentials.FILE))


def end(connection: Connection, *, at: datetime) -> None:
    """None of the present secrets is valid from `at` on; one that ends sooner stays with that."""
    lasting = Q(active_until=None) | Q(active_until__gt=at)
    connection.signing_secrets.filter(lasting).update(active_until=at)


def fresh(scheme: str) -> str:
    """A new random secret of 256 bits, written as the scheme's senders take it."""
    if signatures.SCHEMES[scheme].key == "base64":
        return f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
    return FRESH.get(scheme, "") + secrets.token_hex(32)


def _verdict(endpoint: Endpoint, call: Call, at: datetime) -> Verdict:
    scheme = signatures.SCHEMES.get(endpoint.signing_scheme)
    if scheme is None:
        return Verdict(ok=False, why=UNKNOWN_SCHEME)
    texts, problem = _texts(endpoint.secrets, at)
    if not texts:
        return Verdict(ok=False, why=problem or NOT_SET_UP)
    usable = [text for text in texts if not signatures.secret_problem(scheme, text)]  # others are an older scheme's
    return signatures.verify(scheme, usable, call, at)


def _texts(held: Iterable[Secret], at: datetime) -> tuple[list[str], str]:
    """The valid secrets that can be read, and why others cannot."""
    texts, problem = [], ""
    for each in held:
        if each.active_from <= at and (each.active_until is None or at < each.active_until):
            try:
                texts.append(credentials.held(each.secret, each.reference))
            except credentials.CredentialUnreadable:
                problem = UNREADABLE
    return texts, problem


def _problem(scheme: str, text: str) -> str:
    return signatures.secret_problem(signatures.SCHEMES[scheme], text)
