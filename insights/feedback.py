"""What clients tell us, as people enter it."""

from datetime import datetime

from insights.models import SupportTicket


def settle(ticket: SupportTicket, *, at: datetime) -> SupportTicket:
    """Give the ticket the moment it was solved, or take it away again where it was opened anew."""
    if ticket.status == SupportTicket.Status.OPEN:
        ticket.solved_at = None
    elif ticket.solved_at is None:
        ticket.solved_at = at
    return ticket
