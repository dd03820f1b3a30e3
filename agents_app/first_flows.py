"""The flows and rules of a new installation, as plain data; what is in force stands in the database. Pure."""

from typing import Any

RESEARCH = {
    "key": "research",
    "agent": "research_agent",
    "deadline_s": 180,
    "reason": "A first e-mail opens with something true of the company.",
}
PERSONA = {
    "key": "persona",
    "agent": "persona_agent",
    "after": ["research"],
    "reason": "It finds what is on the desk of the person, or the role, to write to. It builds on the facts.",
}
EMAIL = {
    "key": "email",
    "agent": "email_agent",
    "after": ["persona"],
    "proposals": 3,
    "reason": "It is written once facts and angle are known.",
}
COMPARISON = {
    "key": "competitive",
    "agent": "competitive_agent",
    "after": ["research"],
    "condition": 'purpose == "deep_research"',
    "reason": "A brief compares the company with others of its industry.",
    "otherwise": "Comparisons belong to deep research; an e-mail does not use them.",
}

TEMPLATES: list[dict[str, Any]] = [
    {
        "key": "first_mail",
        "name": "First e-mail",
        "description": "Research the company, find the person's angle, write.",
        "goal": "draft",
        "steps": [
            RESEARCH
            | {
                "condition": "not continues_run",
                "otherwise": "Run {continues_run} researched this company for its brief.",
            },
            COMPARISON,
            PERSONA,
            EMAIL,
        ],
    },
    {
        "key": "follow_up",
        "name": "Follow-up",
        "description": "The next mail to the same person. The company is researched only where that is old or missing.",
        "goal": "draft",
        "steps": [
            RESEARCH
            | {
                "condition": "not earlier_run or research_age_days > 180",
                "reason": "Nothing fresh is known of this company, so it is researched before the mail.",
                "otherwise": "Run {earlier_run} already researched this company for this client.",
            },
            COMPARISON,
            PERSONA | {"reason": "A follow-up needs a fresh angle for the same person."},
            EMAIL | {"reason": "It is written once the angle is known."},
        ],
    },
    {
        "key": "deep_research",
        "name": "Deep research",
        "description": "A brief and personas for a person to read. Nobody is written to.",
        "goal": "brief",
        "allows_planner": True,
        "steps": [
            RESEARCH | {"reason": "Everything in a brief rests on facts, so they are gathered first."},
            COMPARISON | {"is_optional": True},
            PERSONA
            | {"reason": "A brief names the people worth writing to; this needs the facts, not the comparison."},
            {
                "key": "brief",
                "kind": "tool",
                "tool": "brief",
                "after": ["research", "competitive", "persona"],
                "reason": "It keeps the sentences that stand on what they cite.",
            },
            EMAIL
            | {
                "condition": 'purpose != "deep_research"',
                "otherwise": "Nobody is written to yet: a person reads the brief and starts the next request.",
            },
        ],
    },
    {
        "key": "account",
        "name": "Account",
        "description": "One company and everybody known there: research once, an angle and a mail for each contact.",
        "goal": "draft",
        "steps": [
            RESEARCH | {"reason": "The company is researched once for everybody who works there."},
            COMPARISON,
            PERSONA | {"kind": "map", "reason": "Each contact at the company gets an angle of its own."},
            EMAIL | {"kind": "map", "proposals": 1, "reason": "Each contact gets an e-mail of its own."},
        ],
    },
    {
        "key": "checked_mail",
        "name": "First e-mail, research checked by a person",
        "description": "As a first e-mail, but a person reads the research before anything is written on it.",
        "goal": "draft",
        "steps": [
            RESEARCH,
            COMPARISON,
            {
                "key": "check_research",
                "kind": "gate",
                "after": ["research"],
                "question": "Is this research right, and enough to write on?",
                "reason": "A person reads what was found before anything is written on it.",
            },
            PERSONA | {"after": ["check_research"]},
            EMAIL,
        ],
    },
]

RULES: list[dict[str, Any]] = [
    {
        "key": "deep_research",
        "priority": 10,
        "condition": 'purpose == "deep_research"',
        "template": "deep_research",
        "reason": "Deep research was asked for: it ends with a brief and personas, not with an e-mail.",
    },
    {
        "key": "account",
        "priority": 20,
        "condition": 'purpose == "account"',
        "template": "account",
        "reason": "An account was asked for: everybody known at the company gets an e-mail of their own.",
    },
    {
        "key": "follow_up",
        "priority": 30,
        "condition": 'purpose == "follow_up"',
        "template": "follow_up",
        "reason": "A follow-up: it starts with the person, from what is known of the company.",
    },
    {
        "key": "continues_brief",
        "priority": 40,
        "condition": "continues_run",
        "template": "first_mail",
        "reason": "The request starts from a deep-research run, whose facts are used as they are.",
    },
    {
        "key": "checked",
        "priority": 50,
        "condition": 'depth == "comprehensive"',
        "template": "checked_mail",
        "reason": "A comprehensive first e-mail: a person checks the research before anything is written on it.",
        "is_active": False,
    },
    {
        "key": "default",
        "priority": 100,
        "condition": "",
        "template": "first_mail",
        "reason": "A first e-mail: research the company, then find the person's angle, then write.",
    },
]
