"""How a concern of the playbook becomes a sentence about a role, and how an e-mail finds it again. Pure.

A concern is a phrase such as "closing the month with fewer manual checks"; it always ends its sentence.
"""

import re

from gtm.sandbox.composer import wording

FRAMES = (
    "{A_role} is often measured on {concern}.",
    "For {a_role}, much of the week goes into {concern}.",
    "High on the list of {a_role} is {concern}.",
    "What keeps {a_role} busy is often {concern}.",
)
SIZED_FRAMES = (
    "In a company of {headcount} people, {a_role} often has to deal with {concern}.",
    "With {headcount} people at work, it often falls to {a_role} to look after {concern}.",
)
ENDINGS = re.compile(
    r"(?:is often measured on|much of the week goes into|High on the list of .+? is|busy is often"
    r"|often has to deal with|to look after) (.+)\.$"
)

RELATED = (
    (
        r"open|hub|site|plant|showroom|stor(?:e|es)|office|takes over|buys|line\b|warehouse|yard",
        r"new site|same standard|at every site",
    ),
    (
        r"hire|nurses|apprentice|engineers|drivers|staff|train",
        r"hiring|open roles|new colleagues|new sellers|people through",
    ),
    (
        r"pay(?:s|ment)|licen[cs]e|fund\b|checks|audit|report|insur|claims",
        r"audit|regulator|controls|new rules|third-party",
    ),
    (r"rais|round|series|million", r"cost of growth|head count|growing|forecasting"),
    (r"online|app\b|website|loyalty|customers|prices", r"first-time buyers|spending|campaigns|referral|systems up"),
    (r"deliver|order|parcel|stock|freight|train\b|lorr|container", r"delivery dates|delay|demand"),
    (r"patient|clinic|hospital|bed|discharge", r"patient|clinician|referral"),
)


def related(said: str, concern: str) -> int:
    """How many subjects of the world a fact and a concern share: which concern to name beside which fact."""
    return sum(bool(re.search(fact, said, re.IGNORECASE) and re.search(ours, concern)) for fact, ours in RELATED)


def sentence(frame: str, *, role: str, concern: str, headcount: str = "") -> str:
    a_role = wording.a(role)
    return wording.sentence(
        frame.format(A_role=wording.upper_first(a_role), a_role=a_role, concern=concern, headcount=headcount)
    )


def within(text: str) -> str:
    """The concern in a sentence made here; empty for a sentence somebody else wrote."""
    found = ENDINGS.search(text)
    return found[1] if found else ""
