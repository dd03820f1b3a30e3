"""Deliveries that stand in quarantine and that the mapping in force can read."""

from clients.mappings import reading, stored
from clients.models import Connection, Delivery


def readable(connection: Connection) -> tuple[list[Delivery], int]:
    """Of the last deliveries in quarantine those that would be read now, oldest first, and how many were looked at."""
    rows, _ = stored.in_force(connection)
    looked_at, found = 0, []
    for delivery, entries in reading.last(connection, status=Delivery.Status.QUARANTINED):
        looked_at += 1
        if reading.is_read(reading.read_entries(entries, rows)):
            found.append(delivery)
    return found[::-1], looked_at
