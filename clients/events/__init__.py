"""One module per mail or calendar service, all alike: to add one, copy the nearest and name it here."""

from collections.abc import Callable, Mapping
from typing import Any

from clients.canonical import Incoming
from clients.events import (
    calcom,
    calendly,
    instantly,
    mailgun,
    outcomes,
    outreach,
    postmark,
    salesloft,
    sendgrid,
    ses,
    smartlead,
)
from clients.models import Connection

SERVICES: dict[str, Callable[[Mapping[str, Any]], Incoming]] = {
    Connection.Party.OUTCOMES: outcomes.parse,
    Connection.Party.SENDGRID: sendgrid.parse,
    Connection.Party.POSTMARK: postmark.parse,
    Connection.Party.MAILGUN: mailgun.parse,
    Connection.Party.SES: ses.parse,
    Connection.Party.SMARTLEAD: smartlead.parse,
    Connection.Party.INSTANTLY: instantly.parse,
    Connection.Party.OUTREACH: outreach.parse,
    Connection.Party.SALESLOFT: salesloft.parse,
    Connection.Party.CALENDLY: calendly.parse,
    Connection.Party.CALCOM: calcom.parse,
}
