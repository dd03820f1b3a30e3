"""The pages that compare prompt versions, show what waits to be decided about settings, and end a subscription."""

from experiments.views.performance import prompt_performance, unsubscribe
from experiments.views.proposals import proposal, proposals

__all__ = ["prompt_performance", "proposal", "proposals", "unsubscribe"]
