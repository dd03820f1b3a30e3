"""A run: planned with all its inputs fixed, then executed so that it survives the death of whoever executes it."""

from agents_app.flow.driving import execute
from agents_app.flow.lease import LostLease, lost
from agents_app.flow.planning import plan

__all__ = ["LostLease", "execute", "lost", "plan"]
