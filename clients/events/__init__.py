"""One module per mail or calendar service, all alike: to add one, copy the nearest and name it here."""

from collections.abc import Callable, Mapping
from typing import Any

from clients.canonical import Incoming
from clients.events import outcomes
from clients.models import Connection

SERVICES: dict[str, Callable[[Mapping[str, Any]], Incoming]] = {Connection.Party.OUTCOMES: outcomes.parse}
