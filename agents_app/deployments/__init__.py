"""What a client runs on, as one thing with a number: settings, prompt versions, rollouts and connections.

The parts are read (`reading`), compared with the newest deployment and kept where they differ (`keeping`), told in
words (`differences`) and brought back (`returning`). Rollouts are experiments, which stand to the right: `gtm.loop`
hands them in.
"""

from agents_app.deployments.differences import Names, Pair, between, shares, side_by_side, told
from agents_app.deployments.keeping import changed, keep, newest
from agents_app.deployments.reading import WithParts, read, state_of, with_parts
from agents_app.deployments.returning import Returned, bring_back
from agents_app.deployments.state import Arm, Rollout, State, Wire

__all__ = [
    "Arm",
    "Names",
    "Pair",
    "Returned",
    "Rollout",
    "State",
    "Wire",
    "WithParts",
    "between",
    "bring_back",
    "changed",
    "keep",
    "newest",
    "read",
    "shares",
    "side_by_side",
    "state_of",
    "told",
    "with_parts",
]
