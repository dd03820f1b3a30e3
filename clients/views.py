"""The settings of one client: in force, in, and out."""

from collections.abc import Sequence
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
from clients.config.stored import Placed
from clients.forms import ImportForm, NewClientImportForm
from clients.models import Client, Settings

TINTS = {"client": "info", "industry": "ok", "size": "ok", "motion": "ok"}


class Source(NamedTuple):
    """A layer as a pill; `address` is where it is changed, "" for those who may not."""

    name: str
    tint: str
    address: str


@require_GET
def client_settings(request: HttpRequest, slug: str) -> HttpResponse:
    client, found = _client(request, slug), config.stand()
    placed = found.below(client)
    effective, sources = found.effective(client), _sources(request, client, placed)
    named = {name: source.name for name, source in sources.items()}
    rows = [
        {
            "setting": each,
            "entries": [(entry, named[layer]) for entry, layer in each.entries] if len(each.sources) > 1 else [],
            "sources": [sources[name] for name in each.sources],
            "overrode": [(word, sources[word.layer]) for word in each.overrode],
            "last": each.last,
            "locked_by": named.get(each.locked_by, ""),
        }
        for each in shown.settings(effective, found.keys, shown.touched_of(placed, client))
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
        "version": config.newest_version(client),
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
        changes = config.differences(config.export(client), config.nested(config.parse(document)))
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
        changes = config.differences(None, config.nested(config.parse(document)))
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


def _sources(request: HttpRequest, client: Client, placed: Sequence[Placed]) -> dict[str, Source]:
    """Each layer's pill. It leads to the page on which it is changed, for those who may."""
    names = shown.layer_names(client, placed)
    rows: dict[str, Settings | None] = {each.layer.name: each.row for each in placed} | {"client": client}
    found = {"built in": Source(names["built in"], "", "")}
    for layer, row in rows.items():
        table = row._meta.model_name if row else ""
        may = row is not None and request.user.has_perm(f"clients.change_{table}")
        address = reverse(f"admin:clients_{table}_change", args=[row.pk]) if may and row else ""
        found[layer] = Source(names[layer], TINTS.get(layer.partition(":")[0], ""), address)
    return found


def _import_page(request: HttpRequest, form: ImportForm, **found: Any) -> HttpResponse:
    page = {"form": form, "client": None, "changes": None, "problems": (), **found}
    return render(request, "clients/import.html", page, status=400 if page["problems"] or form.errors else 200)
