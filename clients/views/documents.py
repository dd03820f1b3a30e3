"""A client's settings as a document: in, and out."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from clients import access, config
from clients.config import ConfigRefused, importing, sets
from clients.config.importing import FileLook
from clients.forms import ClientImportForm, CloneForm, ImportForm, NewClientImportForm
from clients.models import Client
from clients.views.finding import client_of


@require_GET
def client_export(request: HttpRequest, slug: str) -> HttpResponse:
    name, content = config.download([client_of(request, slug)])
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type="application/json", headers=headers)


@require_http_methods(["GET", "POST"])
def client_import(request: HttpRequest, slug: str) -> HttpResponse:
    """Compare shows the differences; apply makes them. What was typed stays in the form either way."""
    client = client_of(request, slug)
    if request.method == "GET":
        initial = {"text": config.as_text(config.export(client))}
        return _import_page(request, ClientImportForm(initial=initial), client=client)
    form = ClientImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return _import_page(request, form, client=client)
    try:
        return _import(request, client, form)
    except ConfigRefused as refused:
        return _import_page(request, form.kept(), client=client, problems=refused.problems)


@transaction.atomic
def _import(request: HttpRequest, client: Client, form: ClientImportForm) -> HttpResponse:
    """What is applied is what was looked at, of settings that nobody has changed since."""
    config.hold(client)
    document = config.read(form.cleaned_data["text"])
    said, changes = config.compare(document, client)
    seen = importing.mark(FileLook("", client, said, tuple(changes)))
    shown = form.kept(seen=seen)
    if "apply" not in request.POST:
        return _import_page(request, shown, client=client, changes=changes)
    if form.cleaned_data["seen"] != seen:
        return _import_page(request, shown, client=client, changes=changes, moved=True)
    reason = form.cleaned_data["reason"]
    if changes and sets.needs_reason([client]) and not reason:
        shown.add_error("reason", "This client is active. Say in a few words why its settings change.")
        return _import_page(request, shown, client=client, changes=changes)
    by = access.user_of(request)
    config.apply(document, client=client, by=by, reason=reason or "Imported from JSON", at=timezone.now())
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
        changes = config.compare(document, None).changes
        if "apply" not in request.POST:
            return _import_page(request, form.kept(), changes=changes)
        client = config.create_client(
            document, slug=typed["slug"], name=typed["name"], by=access.user_of(request), at=timezone.now()
        )
    except ConfigRefused as refused:
        return _import_page(request, form.kept(), problems=refused.problems)
    messages.success(request, config.made_in_words(client))
    return HttpResponseRedirect(reverse("admin:clients_client_change", args=[client.pk]))


@require_http_methods(["GET", "HEAD", "POST"])
def client_clone(request: HttpRequest, slug: str) -> HttpResponse:
    """A new client in draft with this one's settings, and nothing else of it."""
    if not request.user.has_perm("clients.add_client"):
        raise PermissionDenied("Your role cannot make clients. Ask an operator.")
    client = client_of(request, slug)
    form = CloneForm(request.POST or None, initial={"name": f"{client.name} (copy)", "slug": f"{client.slug}-copy"})
    if request.method == "POST" and form.is_valid():
        try:
            copy = config.clone(client, **form.cleaned_data, by=access.user_of(request), at=timezone.now())
        except ConfigRefused as refused:
            for problem in refused.problems:
                if problem.path in form.fields:
                    form.add_error(problem.path, f"{problem.message} {problem.hint}")
                else:
                    form.add_error(None, f"{problem} Mend it in the settings of {client} first.")
        else:
            told = f"{config.made_in_words(copy)} It cannot send before somebody sets it to active."
            messages.success(request, told)
            return HttpResponseRedirect(reverse("admin:clients_client_change", args=[copy.pk]))
    page = {"client": client, "form": form, "settings": config.differences(None, config.export(client))}
    return render(request, "clients/clone.html", page, status=400 if form.errors else 200)


def _import_page(request: HttpRequest, form: ImportForm, **found: Any) -> HttpResponse:
    page = {"form": form, "client": None, "changes": None, "problems": (), "moved": False, **found}
    status = 409 if page["moved"] else 400 if page["problems"] or form.errors else 200
    return render(request, "clients/import.html", page, status=status)
