"""What runs found out, as each client's own graph: who is who, what is held of whom, since when and until when."""

from agents_app.entities.absorbing import Absorbed, absorb, waiting
from agents_app.entities.asking import as_known_on, of_company, timeline
from agents_app.entities.merging import MergeRefused, Shared, merge, split
from agents_app.entities.nearby import Neighbourhood, Node, Tie, neighbourhood
from agents_app.entities.proposing import ProposalRefused, accept, look_for_twins, refuse
from agents_app.entities.sameness import canonical, together

__all__ = [
    "Absorbed",
    "MergeRefused",
    "Neighbourhood",
    "Node",
    "ProposalRefused",
    "Shared",
    "Tie",
    "absorb",
    "accept",
    "as_known_on",
    "canonical",
    "look_for_twins",
    "merge",
    "neighbourhood",
    "of_company",
    "refuse",
    "split",
    "timeline",
    "together",
    "waiting",
]
