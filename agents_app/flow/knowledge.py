"""What the rows know when a step begins: company, contact, facts, persona, peers, the mail before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Q, QuerySet

from agents_app import routing
from agents_app.agents import Known
from agents_app.models import Fact, FlowRun, Persona, Request, Send
from agents_app.research import FactValue

MOST_PEERS = 5
Recalled = dict[int, list[dict[str, Any]]]  # run id -> its facts as prompts carry them
PEER_ATTRIBUTES = ("name", "headcount", "funding_total_usd")


@dataclass(frozen=True)
class Given:
    """`facts_from` says whose research the facts are; `withheld` are facts too unsure to be used."""

    known: Known
    facts_from: Mapping[str, Any] | None = None
    withheld: tuple[Mapping[str, Any], ...] = ()


def gathered(run: FlowRun, agent: str, recalled: Recalled) -> Given:
    """Everything `agent` may draw on in this run. Research begins with no facts: it goes and gets them.

    Facts never change, so those of a run are read once a drive and kept in `recalled`.
    """
    known = _basics(run)
    if agent == routing.RESEARCH:
        return Given(known)
    source = _facts_of(run)
    if source is not None and source.pk not in recalled:
        recalled[source.pk] = fact_rows(source)
    rows = recalled[source.pk] if source else []
    used, withheld = sure_enough(rows, run.config)
    known = named(replace(known, facts=used))
    if agent == routing.COMPETITIVE:
        known = replace(known, peers=_peers(run, used))
    if agent == routing.EMAIL:
        known = replace(known, persona=_persona(run), previous=_previous(run.request))
    return Given(known, _told(run, source), tuple(withheld))


def company(request: Request) -> dict[str, str]:
    contact = request.contact
    domain = request.company_domain or (contact.company_domain if contact else "")
    name = request.company_name or (contact.company_name if contact else "")
    return {"domain": domain, "name": name or domain}


def researched(request: Request) -> FlowRun | None:
    """The run whose facts on this company are to be used: the one the request starts from, else the newest."""
    if request.follows_id and Fact.objects.filter(run=request.follows_id).exists():
        return request.follows
    domain = company(request)["domain"]
    if not domain:
        return None
    return _about(request, domain).order_by("-pk").first()


def named(known: Known) -> Known:
    """With the company's name from the facts, where the request knew only its domain."""
    name = next((str(fact["value"]) for fact in known.facts if fact["attribute"] == "name"), "")
    if not name or known.company["name"] not in ("", known.company["domain"]):
        return known
    return replace(known, company={**known.company, "name": name})


def fact_rows(run: FlowRun) -> list[dict[str, Any]]:
    """The run's facts as prompts carry them, with the id of each row."""
    facts = Fact.objects.filter(run=run).prefetch_related("claims__source_record").order_by("pk")
    return [_from_row(fact) for fact in facts]


def from_value(fact: FactValue) -> dict[str, Any]:
    """A fact that has no row yet, in the same shape."""
    as_of = fact.as_of.isoformat() if fact.as_of else ""
    return _shaped(fact.key, fact.attribute, fact.value, fact.confidence) | {"source": fact.source, "as_of": as_of}


def sure_enough(
    facts: Iterable[Mapping[str, Any]], config: Mapping[str, Any]
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """(facts at or above the client's confidence floor, the others with the reason)."""
    floor = float(config["confidence_floor"])
    used: list[Mapping[str, Any]] = []
    withheld: list[Mapping[str, Any]] = []
    for fact in facts:
        if fact["confidence"] >= floor:
            used.append(fact)
        else:
            reason = f"Its confidence {fact['confidence']:.2f} is below this client's floor of {floor:.2f}."
            withheld.append({"key": fact["key"], "attribute": fact["attribute"], "reason": reason})
    return used, withheld


def _basics(run: FlowRun) -> Known:
    request = run.request
    return Known(
        company=company(request),
        purpose=request.purpose,
        config=run.config,
        contact=_contact(request),
        hints=run.hints,
        goal=request.campaign.goal if request.campaign else "",
        sequence_step=request.sequence_step,
    )


def _contact(request: Request) -> dict[str, str] | None:
    names = ("first_name", "last_name", "full_name", "title")
    return {name: getattr(request.contact, name) for name in names} if request.contact else None


def _facts_of(run: FlowRun) -> FlowRun | None:
    own = any(choice["agent"] == routing.RESEARCH for stage in run.stages for choice in stage)
    return run if own else researched(run.request)


def _told(run: FlowRun, source: FlowRun | None) -> dict[str, Any] | None:
    if source is None:
        return {"run": None, "why": "No run of this client holds facts on this company."}
    if source.pk == run.pk:
        return {"run": run.pk, "why": "Researched in this run."}
    why = f"Not researched again: these are the facts of run {source.pk}, of {source.planned_at:%-d %B %Y}."
    return {"run": source.pk, "why": why}


def _about(request: Request, domain: str) -> QuerySet[FlowRun]:
    """This client's runs that hold facts on the company and were planned before this request's own."""
    same = Q(request__company_domain=domain) | Q(request__company_domain="", request__contact__company_domain=domain)
    runs = FlowRun.objects.filter(same, client=request.client_id, facts__isnull=False)
    return runs.filter(request_id__lt=request.pk).distinct()


def _persona(run: FlowRun) -> dict[str, Any] | None:
    """This run's persona, else the first of the brief it starts from."""
    runs = [run.pk, *([run.request.follows_id] if run.request.follows_id else [])]
    found = Persona.objects.filter(run__in=runs).order_by("-run_id", "pk").first()
    if found is None:
        return None
    angle = {"text": found.angle, "rests_on": found.rests_on}
    return {"role": found.role, "pains": found.pains, "angle": angle}


def _previous(request: Request) -> dict[str, str] | None:
    """The last mail this contact got, of the same campaign where the request belongs to one."""
    if request.contact_id is None or (request.purpose != "follow_up" and request.sequence_step == 1):
        return None
    sends = Send.objects.filter(contact=request.contact_id).select_related("draft")
    if request.campaign_id:
        sends = sends.filter(draft__run__request__campaign=request.campaign_id)
    last = sends.order_by("-sent_at").first()
    return {"subject": last.draft.final_subject, "sent_on": last.sent_at.date().isoformat()} if last else None


def _peers(run: FlowRun, facts: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Other companies of the same industry, each from this client's newest run on it."""
    industry = next((str(fact["value"]) for fact in facts if fact["attribute"] == "industry"), "")
    if not industry:
        return []
    alike = Fact.objects.filter(run__client=run.client_id, attribute="industry", value=industry, run__lt=run.pk)
    rows = alike.select_related("run__request__contact").order_by("-run_id")
    newest: dict[str, FlowRun] = {}
    for row in rows[:200]:
        newest.setdefault(company(row.run.request)["domain"], row.run)
    newest.pop(company(run.request)["domain"], None)
    return _described(list(newest.items())[:MOST_PEERS], industry)


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
