"""An answer as promises look at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz.distance import Indel

from agents_app.contracts import Sentence
from agents_app.prompts import Material
from clients import wording


@dataclass(frozen=True)
class Said:
    """`text` as a person reads it; `document` is the answer's own fields; `sentences` with what they rest on.

    `cost_usd` and `seconds` are those of the calls that made it, None where they are not known; `baseline` is the text
    that it is compared with, empty where there is none.
    """

    text: str
    document: Mapping[str, Any]
    sentences: Sequence[Sentence]
    material: Material
    cost_usd: float | None = None
    seconds: float | None = None
    baseline: str = ""

    @property
    def whole(self) -> str:
        """With its subject."""
        return f"{self.document.get('subject', '')}\n{self.text}".strip()


def similarity(one: str, other: str) -> float:
    """How much of two texts is the same words in the same order: 0 to 1 (the normalised InDel similarity of words)."""
    return float(Indel.normalized_similarity(wording.plain(one).split(), wording.plain(other).split()))
