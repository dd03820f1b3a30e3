"""What can be set: each setting's path, type, bounds, and how the layers' words on it come together.

The table drives validation, forms, documents, docs and the API. An agency adds keys of its own as rows (`ConfigKey`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

AGENTS = {
    "research_agent": "Research",
    "competitive_agent": "Competitive",
    "persona_agent": "Persona",
    "email_agent": "E-mail",
}
ATTRIBUTES = {
    "industry": "Industry",
    "headcount": "Headcount",
    "founded_year": "Founded",
    "location": "Head office",
    "revenue_usd": "Revenue",
    "funding_total_usd": "Funding",
    "last_funding_stage": "Last round",
    "last_funding_date": "Last round on",
    "parent": "Belongs to",
    "subsidiary": "Owns",
    "mail_host": "Mail runs on",
    "technology": "Uses",
    "person": "Works there",
    "filing": "Filed",
    "news": "In the news",
    "ticker": "Ticker",
}
TONES = {"formal": "Formal", "friendly": "Friendly", "direct": "Direct", "casual": "Casual"}
ASKS = {"question": "Put a question", "time": "Propose a time", "material": "Offer to send material"}
DAYS = {
    "mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday",
    "sun": "Sunday",
}  # fmt: skip
TIERS = {"usual": "The usual model", "cheaper": "The cheaper model"}
EFFORTS = {"low": "Low", "medium": "Medium", "high": "High"}

MERGES: Mapping[str, tuple[str, ...]] = {
    "text": ("replace",),
    "choice": ("replace",),
    "whole": ("replace",),
    "number": ("replace",),
    "flag": ("replace",),
    "terms": ("append_unique", "union", "replace"),
    "choices": ("replace", "union"),
    "table": ("deep", "replace"),
    "entries": ("keyed", "replace"),
}
"""The strategies that a kind of value allows; the first is its usual one."""
KINDS: Mapping[str, str] = {
    "text": "Text",
    "choice": "One of several",
    "whole": "Whole number",
    "number": "Number",
    "flag": "Yes or no",
    "terms": "List of words",
    "choices": "Some of several",
    "table": "Table of names and texts",
    "entries": "List of entries with a key",
}
STRATEGIES: Mapping[str, str] = {
    "replace": "The last layer's value counts",
    "deep": "Tables are merged by name",
    "append_unique": "Entries are added at the end, each once",
    "union": "Entries are put together and sorted",
    "keyed": "Entries are merged by their key",
}
WAYS = {"up": "Upwards", "down": "Downwards"}
LEAVE_OUT = "unset"
MODES = {
    "prepend": "Before it", "add": "After it", "replace": "Instead of it", LEAVE_OUT: "Leave out what is inherited",
}  # fmt: skip
"""Where a word to an agent goes: of the whole prompt, or of one of its components. The last has no text."""
LISTS = ("terms", "choices", "entries")


@dataclass(frozen=True, eq=False)
class Key:
    """`kind` is one of KINDS. `least` and `most` bound a number, or how many entries a list has; `longest` counts
    characters of a text or entry.

    `merge`, one of STRATEGIES: "replace" takes the last layer's value whole; "deep" merges tables by their names;
    "append_unique" adds entries at the end; "union" sorts them; "keyed" merges entries by their key. `default` is what
    holds where no layer says anything, None: nothing. `tightens` says which way a locked number, or a locked choice of
    several, may still go: "up" larger or more, "down" smaller or fewer. A `sensitive` value is kept encrypted and shown
    to nobody. `agents` are told it beside what they ask for themselves.
    """

    path: str
    label: str
    kind: str
    group: str
    help: str = ""
    choices: Mapping[str, str] | None = None
    least: float | None = None
    most: float | None = None
    longest: int | None = None
    merge: str = "replace"
    default: Any = None
    unit: str = ""
    lockable: bool = True
    tightens: str = ""
    sensitive: bool = False
    agents: tuple[str, ...] = ()

    @property
    def is_list(self) -> bool:
        return self.kind in LISTS

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    @cached_property
    def field(self) -> str:
        """Its name in a form."""
        return self.path.replace(".", "__")


PROMPTS = "prompt_overrides."  # before an agent's key: what a layer says to it


def words_to(agent: str) -> str:
    """What a layer says to an agent, as people call it."""
    return f"What we say to the {AGENTS[agent].lower()} agent"


WRITE, SAY, SIGN, SEND, WORK, OWN = (
    "How we write", "What we say", "Who signs", "When we send", "How the agents work", "Our own settings",
)  # fmt: skip

BUILT_IN: tuple[Key, ...] = (
    Key("tone", "Tone", "choice", WRITE, choices=TONES, default="friendly"),
    Key(
        "custom_fields.emphasis", "Emphasis", "text", WRITE, longest=80,
        help="What every text should bring out, for example regulatory_compliance.",
    ),
    Key(
        "custom_fields.avoid_terms", "Words to avoid", "terms", WRITE, most=100, longest=60, merge="append_unique",
        help="One a line. Words of the layers below are avoided as well.",
    ),
    Key(
        "call_to_action_style", "How it asks", "choice", WRITE, choices=ASKS,
        help="The form of the one thing that an e-mail asks for. Nothing chosen: as the prompt says.",
    ),
    Key(
        "custom_fields.offer", "Offer", "text", SAY, longest=400,
        help="What the client offers, in one plain sentence.",
    ),
    Key(
        "custom_fields.proof_points", "Proof points", "terms", SAY, most=20, longest=200, merge="append_unique",
        help="One a line: facts about the client that an e-mail may state.",
    ),
    Key(
        "custom_fields.call_to_action", "Call to action", "text", SAY, longest=200,
        help="The one thing an e-mail asks for.",
    ),
    Key("custom_fields.sender_name", "Sender", "text", SIGN, longest=80),
    Key("custom_fields.sender_title", "Sender's title", "text", SIGN, longest=80),
    Key(
        "custom_fields.max_words", "Longest e-mail", "whole", WRITE, least=40, most=400, default=150, unit="words",
        tightens="down", help="40 to 400 words.",
    ),
    Key(
        "send_window.days", "Days", "choices", SEND, choices=DAYS, default=list(DAYS),
        tightens="down", help="E-mails leave on these days only.",
    ),
    Key(
        "send_window.from_hour", "From", "whole", SEND, least=0, most=23, default=0, unit="o'clock", tightens="up",
        help="The first hour of the day, in the system's time zone.",
    ),
    Key(
        "send_window.to_hour", "Until", "whole", SEND, least=1, most=24, default=24, unit="o'clock", tightens="down",
        help="The hour by which the last e-mail of a day has left.",
    ),
    Key(
        "enabled_agents", "Agents that work", "choices", WORK, choices=AGENTS, default=list(AGENTS), tightens="down",
        help="Only these agents work for the client.",
    ),
    Key(
        "confidence_floor", "Confidence floor", "number", WORK, least=0, most=1, default=0.5, tightens="up",
        help="Facts below this confidence (0 to 1) stay out of e-mails.",
    ),
    Key(
        "research_attributes", "Finds out about companies", "choices", WORK, choices=ATTRIBUTES, merge="union",
        help="Beside what the purpose of a request needs: research goes on until it is sure of these too.",
    ),
    Key("model_tier", "Model", "choice", WORK, choices=TIERS, default="usual", help="Which model the agents ask."),
    Key(
        "effort", "Effort", "choice", WORK, choices=EFFORTS,
        help="How long the model thinks. Nothing chosen: as the depth of the request asks.",
    ),
    Key(
        "run_budget_usd", "Budget of a run", "number", WORK, least=0.01, most=50, unit="US dollars", tightens="down",
        help="The most that one run may spend. Empty: as the depth of the request allows.",
    ),
)  # fmt: skip


def by_path(keys: Iterable[Key]) -> dict[str, Key]:
    return {key.path: key for key in keys}


def grouped(keys: Sequence[Key]) -> dict[str, list[Key]]:
    """The keys under their groups, in the order in which the groups first stand."""
    groups: dict[str, list[Key]] = {}
    for key in keys:
        groups.setdefault(key.group, []).append(key)
    return groups
