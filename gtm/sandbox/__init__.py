"""Stand-ins for the outside parties, at the wire: the same addresses, headers and JSON as the real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx


def transport() -> httpx.BaseTransport:
    """Answers for the research parties in place of the network; an unknown host is a connection error."""
    import httpx

    from gtm.sandbox import wire

    return httpx.MockTransport(wire.answer)
