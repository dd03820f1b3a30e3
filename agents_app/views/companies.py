"""What a client's research knows of a company, with the evidence; what people decide about it; how sources fare."""

from datetime import datetime, time
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_http_methods, require_safe

from agents_app import corrections, dossiers, entities
from agents_app.entities import drawing
from agents_app.models import Edge, Entity, SourceRecord, Statement
from agents_app.research import SOURCES
from agents_app.research.attributes import BY_KEY
from clients import access
from clients.models import Client

MAY_DECIDE = "agents_app.add_correction"


@require_safe
def client_companies(request: HttpRequest, slug: str) -> HttpResponse:
    """`q`: part of a domain."""
    client = get_object_or_404(access.visible_clients(request.user), slug=slug)
    search = request.GET.get("q", "").strip()[:80]
    page = {"client": client, "q": search, "companies": dossiers.companies(client, search=search)}
    return render(request, "agents_app/companies.html", page)


@require_http_methods(["GET", "HEAD", "POST"])
def company(request: HttpRequest, slug: str, domain: str) -> HttpResponse:
    """`past`: the attribute whose past is shown; `known`: a day (2026-11-16), to show what was known by its end. POST
    takes `attribute` with `value`, `other` and `note`, or `withdraw`."""
    client = get_object_or_404(access.visible_clients(request.user), slug=slug)
    if request.method == "POST":
        return _decide(request, client, domain)
    found = dossiers.dossier(client, domain)
    if found is None:
        raise Http404
    looked_at = BY_KEY.get(request.GET.get("past", ""))
    page = {
        "client": client,
        "dossier": found,
        "decided": [(BY_KEY[each.attribute].label, each) for each in corrections.standing(client.pk, domain)],
        "looked_at": looked_at,
        "actions": _told(found.search, "actions"),
        "not_asked": _told(found.search, "not_asked"),
        **_around(client, domain, looked_at.key if looked_at else "", request.GET.get("known", "")),
        "may_decide": request.user.has_perm(MAY_DECIDE),
        "ask_again": f"{reverse('plan')}?{urlencode({'client': client.pk, 'company_domain': domain})}",
    }
    return render(request, "agents_app/company.html", page)


def _around(client: Client, domain: str, attribute: str, known: str) -> dict[str, object]:
    """What the client's graph holds of the company and around it, now or on a day, and of one attribute over time."""
    entity = entities.of_company(client.pk, domain)
    if entity is None:
        return {}
    day = parse_date(known) if known else None
    known_at = timezone.make_aware(datetime.combine(day, time.max)) if day else None
    found = entities.neighbourhood(entity, known_at=known_at)
    names = {node.id: node for node in found.nodes}
    relations = dict(Edge.Relation.choices)
    return {
        "entity": entity,
        "past": entities.timeline(entity, attribute)[::-1] if attribute else [],
        "known_on": day,
        "picture": drawing.drawn(found),
        "ties": [(names[tie.subject], relations[tie.relation], names[tie.object]) for tie in found.ties],
        "held_then": _held(entity, known_at) if known_at else [],
    }


def _held(entity: Entity, known_at: datetime) -> list[tuple[str, Statement]]:
    rows = entities.as_known_on(entity, known_at)
    return [(BY_KEY[row.attribute].label, row) for row in rows if row.attribute in BY_KEY]


def _told(search: object, what: str) -> list[dict[str, object]]:
    """Each entry of a part of the search with its source's name."""
    entries = search.get(what, []) if isinstance(search, dict) else []
    return [{**each, "name": dossiers.name_of(str(each["source"]))} for each in entries]


def _decide(request: HttpRequest, client: Client, domain: str) -> HttpResponse:
    if not request.user.has_perm(MAY_DECIDE):
        raise PermissionDenied
    said, at = request.POST, timezone.now()
    spot = corrections.Spot(client, domain, said.get("withdraw") or said.get("attribute", ""))
    try:
        if "withdraw" in said:
            corrections.withdraw(spot, at=at)
            messages.success(request, "What the sources say counts again, from the next research on.")
        else:
            typed, note = said.get("other", "").strip() or said.get("value", ""), said.get("note", "").strip()
            run = dossiers.newest_run(client, domain)
            made = corrections.decide(spot, typed, by=access.person(request.user), at=at, note=note, run=run)
            messages.success(request, f"“{made.value}” holds for {client.name} from the next research on.")
    except corrections.CorrectionRefused as refused:
        messages.error(request, str(refused))
    return HttpResponseRedirect(reverse("company", args=[client.slug, domain]))


@require_safe
def research_sources(request: HttpRequest) -> HttpResponse:
    records = access.scope(SourceRecord.objects.all(), request.user, "run__client")
    page = {"fares": dossiers.fares(records, at=timezone.now()), "days": dossiers.DAYS, "sources": SOURCES.values()}
    return render(request, "agents_app/research_sources.html", page)
