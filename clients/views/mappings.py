"""The mapping of a connection: its rows, a preview of what they make of a body, and the draft."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from clients import access, mapping_forms, mappings
from clients.mapping import Row
from clients.mapping.transforms import TRANSFORMS
from clients.mapping_forms import NoteForm, RowFormSet, SampleForm
from clients.mappings import previewing, reading
from clients.mappings.previewing import Sample
from clients.models import Connection, Delivery, Mapping

OFFERED = 25  # deliveries that a preview can be made of
MOVED = "Somebody else saved the draft since you opened this page. Nothing was written. Press save again to replace it."


def connection_of(request: HttpRequest, connection_id: int) -> Connection:
    """404 also for a connection of somebody else's client, and for one that sends no contacts."""
    visible = access.scope(Connection.objects.select_related("client"), request.user)
    connection = get_object_or_404(visible, pk=connection_id)
    if not reading.maps(connection):
        raise Http404(f"{connection.get_party_display()} sends no contacts, so there is nothing to map.")
    return connection


@require_http_methods(["GET", "HEAD", "POST"])
def connection_mapping(request: HttpRequest, connection_id: int) -> HttpResponse:
    """GET: the draft, or without one what is in force; `delivery` is the one to preview. POST: what the button says;
    with htmx, the preview of what is typed."""
    connection = connection_of(request, connection_id)
    if request.method == "POST":
        return _act(request, connection)
    draft = mappings.draft(connection)
    rows = mappings.rows_of(draft) if draft else mappings.in_force(connection)[0]
    asked = request.GET.get("delivery", "")
    offered = _offered(connection, asked)
    chosen = next((each.pk for each in offered if str(each.pk) == asked), offered[0].pk if offered else "")
    sample = SampleForm(offered, initial={"delivery": chosen})
    note = NoteForm(initial={"note": draft.note if draft else "", "seen": _mark(draft)})
    return _page(request, connection, mapping_forms.formset_of(rows), sample, note, previewed=rows)


def _act(request: HttpRequest, connection: Connection) -> HttpResponse:
    sample = SampleForm(_offered(connection, request.POST.get("delivery", "")), request.POST)
    note = NoteForm(request.POST)
    for action in ("add", "up", "down", "preset"):
        if action in request.POST:
            return _page(request, connection, _arranged(request, connection, action), sample, note)
    formset = mapping_forms.typed(request.POST)
    if "save" in request.POST and formset.is_valid() and note.is_valid():
        return _save(request, connection, formset, sample, note)
    formset.is_valid()
    if getattr(request, "htmx", False):
        page = {"connection": connection, **_preview(connection, sample, formset.rows), "formset": formset}
        return render(request, "clients/mapping_preview.html", page)
    status = 400 if "save" in request.POST else 200
    return _page(request, connection, formset, sample, note, previewed=formset.rows, status=status)


def _arranged(request: HttpRequest, connection: Connection, action: str) -> RowFormSet:
    if action == "preset":
        return mapping_forms.formset_of(mappings.preset(connection))
    pressed = request.POST.get(action, "")
    number = int(pressed) if pressed.isdecimal() and len(pressed) < 5 else -1
    if action == "up":
        return mapping_forms.rearranged(request.POST, up=number)
    if action == "down":
        return mapping_forms.rearranged(request.POST, down=number)
    return mapping_forms.rearranged(request.POST, adds=True)


def _save(
    request: HttpRequest, connection: Connection, formset: RowFormSet, sample: SampleForm, note: NoteForm
) -> HttpResponse:
    said = note.cleaned_data
    try:
        draft = mappings.save_draft(
            connection,
            formset.rows,
            by=access.user_of(request),
            at=timezone.now(),
            note=said["note"],
            seen=said["seen"],
        )
    except mappings.Moved:
        fresh = NoteForm({"note": said["note"], "seen": _mark(mappings.draft(connection))})
        return _page(request, connection, formset, sample, fresh, previewed=formset.rows, moved=MOVED, status=409)
    messages.success(request, f"{draft} is saved as a draft. Deliveries are read as before until it is activated.")
    if request.POST["save"] == "try":
        return HttpResponseRedirect(reverse("connection_mapping_trial", args=[connection.pk]))
    return HttpResponseRedirect(reverse("connection_mapping", args=[connection.pk]))


def _page(
    request: HttpRequest, connection: Connection, formset: RowFormSet, sample: SampleForm, note: NoteForm, **more: Any
) -> HttpResponse:
    status, previewed = more.pop("status", 200), more.pop("previewed", None)
    draft, active = mappings.draft(connection), mappings.in_force(connection)[1]
    page = {
        "connection": connection,
        "formset": formset,
        "sample": sample,
        "note": note,
        "draft": draft,
        "active": active,
        "has_preset": bool(mappings.preset(connection)),
        "transforms": TRANSFORMS.values(),
        "may_change": request.user.has_perm("clients.change_connection"),
        **(_preview(connection, sample, previewed) if previewed is not None else {}),
        **more,
    }
    return render(request, "clients/mapping.html", page, status=status)


def _preview(connection: Connection, sample: SampleForm, rows: Sequence[Row]) -> dict[str, Any]:
    found = _sample(connection, sample)
    if found is None:
        return {"previewed": None}
    shown, more = previewing.preview(connection, found, rows)
    return {"previewed": shown, "more": more}


def _sample(connection: Connection, form: SampleForm) -> Sample | None:
    """What is pasted, else the delivery that is chosen."""
    if form.is_bound and not form.is_valid():
        return None
    said = form.cleaned_data if form.is_bound else form.initial
    if said.get("payload", "").strip():
        return previewing.pasted(said["payload"], at=timezone.now())
    delivery = connection.deliveries.filter(pk=said["delivery"]).first() if said.get("delivery") else None
    return previewing.of_delivery(delivery) if delivery else None


def _offered(connection: Connection, number: str = "") -> list[Delivery]:
    """The last deliveries, and the one that was asked for, however old it is."""
    deliveries = connection.deliveries.defer("body").order_by("-received_at", "-pk")
    found = list(deliveries[:OFFERED])
    is_number = number.isdecimal() and len(number) < 19
    if is_number and int(number) not in {each.pk for each in found}:
        found += deliveries.filter(pk=number)
    return found


def _mark(draft: Mapping | None) -> str:
    return mappings.mark(mappings.rows_of(draft)) if draft else ""
