"""What the rows know when a step begins: company, contact, facts, persona, peers, the mail before.

An agent declares what it needs (`agents/`); it is given exactly that, checked against its types, and nothing else.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from agents_app import routing
from agents_app.agents import Agent, chosen
from agents_app.agents import research as researcher
from agents_app.graph import nodes_of
from agents_app.models import Fact, FlowRun, Persona, Request, Send
from agents_app.research import FactValue
from agents_app.research.attributes import BY_KEY
from clients import scores
from clients.models import Contact

MOST_PEERS = 5
PEER_ATTRIBUTES = ("name", "headcount", "funding_total_usd")
Rows = list[dict[str, Any]]


@dataclass
class Recalled:
    """What a drive has read already: facts never change, so those of a run are read once until it adds some."""

    facts: dict[int, Rows] = field(default_factory=dict)
    source: dict[int, FlowRun | None] = field(default_factory=dict)

    def forget(self, run: FlowRun) -> None:
        self.facts.pop(run.pk, None)


@dataclass(frozen=True)
class Given:
    """`needs` is the agent's own dataclass; `facts_from` says whose research the facts are; `withheld` are facts too
    unsure to be used."""

    needs: Any
    facts_from: Mapping[str, Any] | None = None
    withheld: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class _Asking:
    """Who needs something in which run; a map's step speaks of its own contact."""

    run: FlowRun
    agent: Agent
    contact: Contact | None


def given(run: FlowRun, agent: Agent, contact: Contact | None, recalled: Recalled) -> Given:
    """Everything the agent declares, and only that. Research begins with no facts: it goes and gets them; for an agent
    that needs none, none are looked up."""
    asking = _Asking(run, agent, contact)
    needed = agent.needed()
    if agent.key == routing.RESEARCH or "facts" not in needed:
        return Given(agent.given({name: PARTS[name](asking, []) for name in needed}))
    used, withheld = sure_enough(known_facts(run, recalled), run.config)
    needs = agent.given({name: PARTS[name](asking, used) for name in needed})
    return Given(needs, _told(run, _source(run, recalled)), withheld)


def company(request: Request) -> dict[str, str]:
    contact = request.contact
    domain = request.company_domain or (contact.company_domain if contact else "")
    name = request.company_name or (contact.company_name if contact else "")
    return {"domain": domain, "name": name or domain}


def required(run: FlowRun) -> tuple[str, ...]:
    """The attributes that are wanted of the company: by the purpose, by the client's settings, by the flow."""
    own = run.config.get("research_attributes") or []
    return researcher.wanted(run.request.purpose, own, *(node.wants for node in nodes_of(run.nodes)))


def researched(request: Request) -> FlowRun | None:
    """The run whose facts on this company are to be used: the one the request starts from, else the newest."""
    if request.follows_id and Fact.objects.filter(run=request.follows_id).exists():
        return request.follows
    domain = company(request)["domain"]
    if not domain:
        return None
    return about(request, domain).order_by("-pk").first()


def named(company: Mapping[str, str], facts: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """With the company's name from the facts, where the request knew only its domain."""
    name = next((str(fact["value"]) for fact in facts if fact["attribute"] == "name"), "")
    if not name or company["name"] not in ("", company["domain"]):
        return dict(company)
    return {**company, "name": name}


def fact_rows(run: FlowRun) -> Rows:
    """The run's facts as prompts carry them, with the id of each row; of an attribute that has one value the newest."""
    facts = list(Fact.objects.filter(run=run).prefetch_related("claims__source_record").order_by("pk"))
    newest = {fact.attribute: fact for fact in facts if not _is_many(fact)}
    first_said = {(fact.attribute, fact.value.casefold()): fact for fact in reversed(facts) if _is_many(fact)}
    kept = {id(fact) for fact in [*newest.values(), *first_said.values()]}
    return [_from_row(fact) for fact in facts if id(fact) in kept]


def _is_many(fact: Fact) -> bool:
    known = BY_KEY.get(fact.attribute)
    return known is not None and known.is_many


def from_value(fact: FactValue) -> dict[str, Any]:
    """A fact that has no row yet, in the same shape."""
    as_of = fact.as_of.isoformat() if fact.as_of else ""
    return _shaped(fact.key, fact.attribute, fact.value, fact.confidence) | {"source": fact.source, "as_of": as_of}


def sure_enough(facts: Iterable[Mapping[str, Any]], config: Mapping[str, Any]) -> tuple[Rows, Rows]:
    """(facts at or above the client's confidence floor, the others with the reason)."""
    floor = float(config["confidence_floor"])
    used: Rows = []
    withheld: Rows = []
    for fact in facts:
        if fact["confidence"] >= floor:
            used.append(dict(fact))
        else:
            reason = f"Its confidence {fact['confidence']:.2f} is below this client's floor of {floor:.2f}."
            withheld.append({"key": fact["key"], "attribute": fact["attribute"], "reason": reason})
    return used, withheld


def known_facts(run: FlowRun, recalled: Recalled) -> Rows:
    """The facts that this run rests on: its own, or those of the run it starts from."""
    source = _source(run, recalled)
    if source is None:
        return []
    if source.pk not in recalled.facts:
        recalled.facts[source.pk] = fact_rows(source)
    return recalled.facts[source.pk]


def source_of(run: FlowRun) -> FlowRun | None:
    """The run's own research, or the one it leans on."""
    own = any(node.agent == routing.RESEARCH for node in nodes_of(run.nodes))
    return run if own else researched(run.request)


def _source(run: FlowRun, recalled: Recalled) -> FlowRun | None:
    if run.pk not in recalled.source:
        recalled.source[run.pk] = source_of(run)
    return recalled.source[run.pk]


def _told(run: FlowRun, source: FlowRun | None) -> dict[str, Any] | None:
    if source is None:
        return {"run": None, "why": "No run of this client holds facts on this company."}
    if source.pk == run.pk:
        return {"run": run.pk, "why": "Researched in this run."}
    why = f"Not researched again: these are the facts of run {source.pk}, of {source.planned_at:%-d %B %Y}."
    return {"run": source.pk, "why": why}


def asked_by(run: FlowRun) -> list[int]:
    """The runs whose sources' answers this one rests on: itself, and what it does again with the facts of then."""
    found = [run.pk]
    while run.request.is_again and not run.request.rerun.asks_sources:
        run = run.request.rerun.original
        found.append(run.pk)
    return found


def about(request: Request, domain: str) -> QuerySet[FlowRun]:
    """This client's runs that hold facts on the company and were planned before this request's own. A request names its
    company where that is known when it is asked (`requests.prepare`). What a trial found is for trials only."""
    known = Request.objects.all() if request.is_trial else Request.objects.in_earnest()
    same = known.filter(client=request.client_id, company_domain=domain)
    runs = FlowRun.objects.filter(Exists(Fact.objects.filter(run=OuterRef("pk"))), request__in=same)
    return runs.filter(request_id__lt=request.pk) if request.pk else runs


# --- the parts


def _company(asking: _Asking, facts: Rows) -> dict[str, str]:
    return named(company(asking.run.request), facts)


def _contact(asking: _Asking, facts: Rows) -> dict[str, str] | None:
    names = ("first_name", "last_name", "full_name", "title")
    said = scores.as_written(asking.contact) if asking.contact else None
    return {name: said[name] for name in names} if said else None


def _persona(asking: _Asking, facts: Rows) -> dict[str, Any] | None:
    """The persona of this contact, else one that names nobody: this run's newest (a person may have edited the one
    before at a gate), else the first of the brief it starts from. A side of a trial starts from facts alone."""
    run = asking.run
    brief = None if run.request.is_trial else run.request.follows_id
    runs = [run.pk, *([brief] if brief else [])]
    rows = list(Persona.objects.filter(run__in=runs).order_by("pk"))
    rows = [*(row for row in reversed(rows) if row.run_id == run.pk), *rows]
    own = [row for row in rows if asking.contact and row.contact_id == asking.contact.pk]
    nobodys = [row for row in rows if row.contact_id is None]
    found = next(iter([*own, *nobodys]), None)
    if found is None:
        return None
    return {"role": found.role, "pains": found.pains, "angle": {"text": found.angle, "rests_on": found.rests_on}}


def _previous(asking: _Asking, facts: Rows) -> dict[str, str] | None:
    """The last mail this contact got, of the same campaign where the request belongs to one."""
    request = asking.run.request
    if asking.contact is None or (request.purpose != "follow_up" and request.sequence_step == 1):
        return None
    sends = Send.objects.filter(contact=asking.contact).select_related("draft")
    if request.campaign_id:
        sends = sends.filter(draft__run__request__campaign=request.campaign_id)
    last = sends.order_by("-sent_at").first()
    return {"subject": last.draft.final_subject, "sent_on": last.sent_at.date().isoformat()} if last else None


def _peers(asking: _Asking, facts: Rows) -> list[dict[str, str]]:
    """Other companies of the same industry, each from this client's newest run on it."""
    run = asking.run
    industry = next((str(fact["value"]) for fact in facts if fact["attribute"] == "industry"), "")
    if not industry:
        return []
    alike = Fact.objects.filter(run__client=run.client_id, attribute="industry", value=industry, run__lt=run.pk)
    alike = alike.filter(run__request__trial_side="")
    rows = alike.select_related("run__request__contact").order_by("-run_id")
    newest: dict[str, FlowRun] = {}
    for row in rows[:200]:
        newest.setdefault(company(row.run.request)["domain"], row.run)
    newest.pop(company(run.request)["domain"], None)
    return _described(list(newest.items())[:MOST_PEERS], industry)


PARTS: Mapping[str, Callable[[_Asking, Rows], Any]] = {
    "company": _company,
    "contact": _contact,
    "purpose": lambda asking, facts: asking.run.request.purpose,
    "required": lambda asking, facts: list(required(asking.run)),
    "sequence_step": lambda asking, facts: asking.run.request.sequence_step,
    "goal": lambda asking, facts: asking.run.request.campaign.goal if asking.run.request.campaign else "",
    "config": lambda asking, facts: chosen(asking.run.config, asking.agent.settings, asking.agent.key),
    "facts": lambda asking, facts: facts,
    "persona": _persona,
    "previous": _previous,
    "peers": _peers,
    "hints": lambda asking, facts: list(asking.run.hints),
}


def _described(peers: list[tuple[str, FlowRun]], industry: str) -> list[dict[str, str]]:
    runs = [run.pk for _, run in peers]
    found: dict[tuple[int, str], str] = {}
    for fact in Fact.objects.filter(run__in=runs, attribute__in=PEER_ATTRIBUTES).order_by("confidence", "pk"):
        found[fact.run_id, fact.attribute] = fact.value
    return [
        {
            "key": f"p{number}",
            "domain": domain,
            "industry": industry,
            "name": found.get((run.pk, "name")) or company(run.request)["name"],
            "headcount": found.get((run.pk, "headcount"), ""),
            "funding_total_usd": found.get((run.pk, "funding_total_usd"), ""),
        }
        for number, (domain, run) in enumerate(peers, start=1)
    ]


def _from_row(fact: Fact) -> dict[str, Any]:
    claims = list(fact.claims.all())
    dates = [claim.as_of_date for claim in claims if claim.as_of_date]
    return _shaped(fact.key, fact.attribute, fact.value, fact.confidence) | {
        "source": ", ".join(sorted({claim.source_record.source for claim in claims})),
        "as_of": max(dates).isoformat() if dates else "",
        "fact_id": fact.pk,
    }


def _shaped(key: str, attribute: str, value: str, confidence: float) -> dict[str, Any]:
    return {"key": key, "attribute": attribute, "value": value, "confidence": round(confidence, 4)}
