"""offline-composer/1: writes the agents' answers from what the request gives, and from nothing else.

Every factual sentence lists what it rests on and says its value; with too little, an answer says what is missing.
The same request gives the same bytes in any process: a SHA-256 of client, company, contact, mail and variation picks
among phrasings. Pure: text in, plain data out. `directives.py` says which lines of a prompt it obeys.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gtm.sandbox.composer import competitive, email, persona, planner, research
from gtm.sandbox.composer.given import Given

NAME = "offline-composer/1"

COMPOSE: Mapping[str, Callable[[Given], dict[str, Any]]] = {
    "ResearchAnswer": research.compose,
    "CompetitiveAnswer": competitive.compose,
    "PersonaAnswer": persona.compose,
    "EmailAnswer": email.compose,
    "PlannerAnswer": planner.compose,
}
"""By the title of the answer's JSON schema."""
