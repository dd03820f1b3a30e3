"""What the pages of this app share: names, the fate of drafts, how votes read, what came before, who is signed in."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Q

from agents_app import evidence, flows
from agents_app.models import Draft, FlowRun, Request, StepKind, StepRun, Trial
from agents_app.names import in_words
from clients.models import AgentKey, Connection, Event
from experiments.outcomes import outcomes_of as outcomes_of

NAMES: dict[str, str] = {**dict(AgentKey.choices), **{tool: tool.capitalize() for tool in flows.TOOLS}}
SOURCES = {party: label.split(" (")[0] for party, label in Connection.Party.choices}
FACT = ("key", "attribute", "value", "confidence")
CLAIM = {
    "claims__pk": "pk",
    "claims__pointer": "pointer",
    "claims__as_of_date": "as_of_date",
    "claims__source_record": "source_record_id",
    "claims__source_record__source": "source",
}
NO_ANSWER = ("asked", "facts", "options", "close", "edits")  # parts of an output that are shown in another way


def name_of(worker: str, key: str) -> str:
    """What a step is called: as its agent or tool, which may be empty or unknown, or else by its key."""
    return NAMES.get(worker) or in_words(key)


def draft_of(steps: Sequence[StepRun]) -> Draft | None:
    return next((step.draft for step in reversed(steps) if hasattr(step, "draft")), None)


def facts_of(run: FlowRun) -> list[dict[str, Any]]:
    """[{"fact", "claims"}] in one query: each fact with the claims it rests on; what a person said rests on none."""
    found: dict[int, dict[str, Any]] = {}
    for row in run.facts.order_by("pk", "claims__pk").values("pk", *FACT, *CLAIM):
        entry = found.setdefault(row["pk"], {"fact": {name: row[name] for name in ("pk", *FACT)}, "claims": []})
        if row["claims__pk"]:
            claim = {name: row[path] for path, name in CLAIM.items()}
            entry["claims"].append(claim | {"source": _words(claim["source"])})
    return list(found.values())


def lasted(seconds: float) -> str:
    """“4.2 s”, “3 min 20 s”, “2 h 5 min”, “33 days”: a run may wait for a person for days."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days"


def said_by(step: StepRun) -> dict[str, Any]:
    """What a step said, by how it is read: an answer in sentences, facts, remarks in words. A gate's is its question's
    own page to show; a join says nothing."""
    output = step.output or {}
    if step.kind in (StepKind.GATE, StepKind.JOIN):
        return {"answer": {}, "facts": [], "remarks": []}
    remarks = [f"{_words(each['source'])}: {each['reason'] or each['status']}" for each in output.get("asked", [])]
    remarks += [f"{each['action'].capitalize()} {each['step']}: {each['reason']}" for each in output.get("edits", [])]
    answer = {name: value for name, value in output.items() if name not in NO_ANSWER}
    return {"answer": answer, "facts": output.get("facts", []), "remarks": remarks}


def _words(name: str) -> str:
    return SOURCES.get(name) or in_words(name)


def votes_of(step: StepRun) -> list[dict[str, Any]]:
    """The votes of a step: on its proposals, or on each attribute about which sources disagreed."""
    if "attributes" in step.votes:
        return [_vote(name.replace("_", " "), each) for name, each in step.votes["attributes"].items()]
    return [_vote("the proposals", step.votes)] if step.votes else []


def _vote(about: str, election: Mapping[str, Any]) -> dict[str, Any]:
    dissent = {vote["voter"] for vote in election["dissent"]}
    return {
        **election,
        "about": about,
        "margin_words": _margin(election),
        "votes": [
            {**vote, "voter": _words(vote["voter"]), "is_dissent": vote["voter"] in dissent}
            for vote in election["votes"]
        ],
        "has_reasons": any(vote["why"] for vote in election["votes"]),
        "proposals": [
            {"name": name, "text": list(_texts(text)), "is_winner": name == election["winner"]}
            for name, text in election.get("proposals", {}).items()
        ],
    }


def _margin(election: Mapping[str, Any]) -> str:
    """How sure the choice is; `margin` is the lead of the winner's probability over the second's."""
    points = f"{election['margin'] * 100:.0f} of 100 points"
    if len(election["totals"]) < 2:
        return "It stood alone: every other one broke a promise, so there was nothing to vote on."
    if election["is_close"]:
        return f"It is a close call: by the votes, it is more likely right than the second by {points}."
    return f"It is clear: by the votes, it is more likely right than the second by {points}."


def _texts(value: object) -> Iterator[str]:
    """The words of a proposal in the order in which they are read; what they rest on is left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name in sorted(value, key=evidence.place):
            if name not in ("rests_on", "missing"):
                yield from _texts(value[name])
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def trials_of(asked: Request) -> list[Trial]:
    """The trials in which the request is a side, newest first; no query for one in earnest."""
    if not asked.is_trial:
        return []
    return list(Trial.objects.filter(Q(present=asked) | Q(proposed=asked)).order_by("-pk")[:5])


def event_before(asked: Request) -> Event | None:
    """The last word from outside about the contact before the request was made."""
    if asked.contact_id is None:
        return None
    events = Event.objects.filter(contact=asked.contact_id, delivery__received_at__lte=asked.asked_at)
    return events.select_related("delivery__connection").order_by("-delivery__received_at", "-pk").first()
