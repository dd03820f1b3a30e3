"""How far up a title stands; each vendor has words of its own for the same five steps."""

from typing import Literal

Step = Literal["chief", "vp", "head", "director", "manager"]
BY_FIRST_WORD: dict[str, Step] = {"Chief": "chief", "VP": "vp", "Head": "head", "Director": "director"}
CHIEFS = ("Managing Director", "General Counsel")


def step(title: str) -> Step:
    if title in CHIEFS:
        return "chief"
    return BY_FIRST_WORD.get(title.split()[0], "director" if title.endswith("Director") else "manager")
