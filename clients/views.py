"""The settings of one client: in force, in, and out."""

from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from clients import access, config
from clients.config import ConfigRefused, shown
from clients.forms import ImportForm, NewClientImportForm
from clients.models import AgencySettings, Client

TINTS = {"client": "info", "industry": "ok"}


class Source(NamedTuple):
    """A layer as a pill; `address` is where it is changed, "" for those who may not."""

    name: str
    tint: str
    address: str


@require_GET
def client_settings(request: HttpRequest, slug: str) -> HttpResponse:
    client = _client(request, slug)
    effective, sources = config.effective(client), _sources(request, client)
    rows = [
        {
            "label": each.label,
            "value": each.value,
            "entries": each.value if isinstance(each.value, list) else (),
            "sources": [sources[name] for name in each.sources],
        }
        for each in shown.settings(effective)
    ]
    additions = [
        {"agent": each.agent, "how": each.how, "text": each.text, "source": sources[each.source]}
        for each in shown.additions(effective)
    ]
    may_change = request.user.has_perm("clients.change_client")
    page = {
        "client": client,
        "rows": rows,
        "additions": additions,
        "may_change": may_change,
        "sha256": effective.sha256,
    }
    return render(request, "clients/settings.html", page)


@require_GET
def client_export(request: HttpRequest, slug: str) -> HttpResponse:
    name, content = config.download([_client(request, slug)])
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type="application/json", headers=headers)


@require_http_methods(["GET", "POST"])
def client_import(request: HttpRequest, slug: str) -> HttpResponse:
    """Compare shows the differences; apply makes them. What was typed stays in the form either way."""
    client = _client(request, slug)
    if request.method == "GET":
        return _import_page(request, ImportForm(initial={"text": config.as_text(config.export(client))}), client=client)
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return _import_page(request, form, client=client)
    try:
        document = config.read(form.cleaned_data["text"])
        changes = config.differences(client, config.parse(document))
        if "apply" in request.POST:
            config.apply(
                document, client=client, by=access.user_of(request), reason="Imported from JSON", at=timezone.now()
            )
    except ConfigRefused as refused:
        return _import_page(request, form.kept(), client=client, problems=refused.problems)
    if "apply" not in request.POST:
        return _import_page(request, form.kept(), client=client, changes=changes)
    messages.success(request, f"{len(changes)} settings of {client} changed.")
    return HttpResponseRedirect(reverse("client_settings", args=[client.slug]))


@require_http_methods(["GET", "POST"])
def new_client_import(request: HttpRequest) -> HttpResponse:
    """A client from a document: compared with nothing first, then made, in draft."""
    if not request.user.has_perm("clients.add_client"):
        raise PermissionDenied("Your role cannot make clients. Ask an operator.")
    form = NewClientImportForm(request.POST or None, request.FILES or None)
    if request.method == "GET" or not form.is_valid():
        return _import_page(request, form)
    typed = form.cleaned_data
    try:
        document = config.read(typed["text"])
        changes = config.differences(None, config.parse(document))
        if "apply" not in request.POST:
            return _import_page(request, form.kept(), changes=changes)
        client = config.create_client(
            document, slug=typed["slug"], name=typed["name"], by=access.user_of(request), at=timezone.now()
        )
    except ConfigRefused as refused:
        return _import_page(request, form.kept(), problems=refused.problems)
    messages.success(request, f"{client} is made, in draft.")
    return HttpResponseRedirect(reverse("admin:clients_client_change", args=[client.pk]))


def _client(request: HttpRequest, slug: str) -> Client:
    """404 also for a client of somebody else: its existence is nobody's business."""
    return get_object_or_404(access.visible_clients(request.user).select_related("industry"), slug=slug)


def _sources(request: HttpRequest, client: Client) -> dict[str, Source]:
    agency = AgencySettings.objects.first()
    places = {
        "agency": ("clients.change_agencysettings", "admin:clients_agencysettings_change", agency),
        "industry": ("clients.change_industrytemplate", "admin:clients_industrytemplate_change", client.industry),
        "client": ("clients.change_client", "admin:clients_client_change", client),
    }
    names = shown.layer_names(client)
    found = {"built in": Source(names["built in"], "", "")}
    for layer, (permission, page, row) in places.items():
        may = row is not None and request.user.has_perm(permission)
        found[layer] = Source(names[layer], TINTS.get(layer, ""), reverse(page, args=[row.pk]) if may and row else "")
    return found


def _import_page(request: HttpRequest, form: ImportForm, **found: Any) -> HttpResponse:
    page = {"form": form, "client": None, "changes": None, "problems": (), **found}
    return render(request, "clients/import.html", page, status=400 if page["problems"] or form.errors else 200)
