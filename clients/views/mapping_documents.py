"""A connection's mapping as a document, and what its deliveries say that no row reads."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from clients import access, contact_fields, mappings
from clients.forms import ImportForm
from clients.mapping import Row
from clients.mappings import MappingRefused, comparing, documents, left_over
from clients.mappings.stored import in_words
from clients.models import Connection, Mapping
from clients.views.mappings import connection_of


@require_safe
def connection_mapping_export(request: HttpRequest, connection_id: int) -> HttpResponse:
    """The version of the number in `version`; without it what is in force."""
    connection = connection_of(request, connection_id)
    number = request.GET.get("version", "")
    if number:
        is_number = number.isdecimal() and len(number) < 9
        version: Mapping | None = get_object_or_404(connection.mappings, number=number if is_number else 0)
        rows = mappings.rows_of(version) if version else ()
    else:
        rows, version = mappings.in_force(connection)
    name = f"mapping-{connection.client.slug}-{connection.party}-{f'v{version.number}' if version else 'preset'}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(documents.export(connection, rows), content_type="application/json", headers=headers)


@require_http_methods(["GET", "HEAD", "POST"])
def connection_mapping_import(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Compare shows what differs from what is in force; `apply` makes it the draft."""
    connection = connection_of(request, connection_id)
    form = ImportForm(request.POST or None, request.FILES or None)
    form.fields["text"].label = "Mapping as JSON"
    if request.method != "POST" or not form.is_valid():
        return _import_page(request, connection, form, status=400 if form.errors else 200)
    try:
        rows = documents.read(form.cleaned_data["text"])
    except documents.Unreadable as unreadable:
        return _import_page(request, connection, form, problems=[str(unreadable)], status=400)
    except MappingRefused as refused:
        return _import_page(request, connection, form, problems=list(map(in_words, refused.problems)), status=400)
    if "apply" not in request.POST:
        changes = comparing.differences(mappings.in_force(connection)[0], rows)
        return _import_page(request, connection, form.kept(), changes=changes, rows=len(rows))
    draft = mappings.save_draft(
        connection, rows, by=access.user_of(request), at=timezone.now(), note="Imported from JSON"
    )
    messages.success(request, f"{draft} is a draft with these rows. Look at it, try it, then activate it.")
    return HttpResponseRedirect(reverse("connection_mapping", args=[connection.pk]))


def _import_page(
    request: HttpRequest, connection: Connection, form: ImportForm, *, status: int = 200, **found: Any
) -> HttpResponse:
    draft = mappings.draft(connection)
    page = {"connection": connection, "form": form, "draft": draft, "changes": None, "problems": (), **found}
    return render(request, "clients/mapping_import.html", page, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def connection_mapping_unread(request: HttpRequest, connection_id: int) -> HttpResponse:
    """What came and no row of the draft reads, without one of what is in force. POST puts a row for the path in `add`
    into the draft."""
    connection = connection_of(request, connection_id)
    draft = mappings.draft(connection)
    rows = mappings.rows_of(draft) if draft else mappings.in_force(connection)[0]
    if request.method == "POST":
        return _add(request, connection, rows, note=draft.note if draft else "")
    found = [(each, contact_fields.label(each.field)) for each in left_over.of(connection, rows)]
    page = {
        "connection": connection,
        "found": found,
        "draft": draft,
        "may_change": request.user.has_perm("clients.change_connection"),
    }
    return render(request, "clients/mapping_unread.html", page)


def _add(request: HttpRequest, connection: Connection, rows: tuple[Row, ...], *, note: str) -> HttpResponse:
    path = request.POST.get("add", "")
    row = left_over.row_for(path, rows)
    try:
        mappings.save_draft(connection, [*rows, row], by=access.user_of(request), at=timezone.now(), note=note)
    except MappingRefused as refused:
        messages.error(request, f"Nothing was added. {refused}")
    else:
        messages.success(request, f"The draft reads {contact_fields.label(row.field)} from {path} now.")
    return HttpResponseRedirect(reverse("connection_mapping_unread", args=[connection.pk]))
