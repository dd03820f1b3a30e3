"""Many clients' settings from JSON files: uploaded, looked at by client, made together."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from clients import access, config
from clients.bulk_forms import FolderForm
from clients.config import ConfigRefused, importing, sets
from clients.config.importing import FileLook
from clients.models import ChangeSet


@require_http_methods(["GET", "HEAD", "POST"])
def clients_import_folder(request: HttpRequest) -> HttpResponse:
    """POST with `uploads` shows what each would change; with `apply`, those named in `take` are made, if that is still
    what was shown."""
    if request.method != "POST":
        return render(request, "clients/folder.html", {"form": FolderForm()})
    form = FolderForm(request.POST, request.FILES)
    if form.is_valid():
        return _apply(request, form) if "apply" in request.POST else _look(request, form)
    if form.uploaded:
        return _look(request, form, status=400)
    return render(request, "clients/folder.html", {"form": form}, status=400)


def _look(request: HttpRequest, form: FolderForm, *, status: int = 200, moved: bool = False) -> HttpResponse:
    looks = importing.look(form.uploaded, **_allowed(request))
    taken, known = request.POST.getlist("take"), form.cleaned_data["seen"]
    page: dict[str, Any] = {
        "looks": looks,
        "ticked": [each.name for each in looks if each.name in taken or each.name not in known],
        "moved": moved,
        "wrong": sum(bool(each.problems) for each in looks),
        "makes": any(each.is_new for each in looks),
        "form": form.shown_again(form.uploaded, {each.name: importing.mark(each) for each in looks}),
    }
    return render(request, "clients/folder.html", page, status=status)


def _apply(request: HttpRequest, form: FolderForm) -> HttpResponse:
    files = {name: content for name, content in form.uploaded.items() if name in request.POST.getlist("take")}
    if not files:
        form.add_error(None, "No file is ticked. Tick those that should be imported.")
        return _look(request, form, status=400)
    looks = importing.look(files, **_allowed(request))
    reason = form.cleaned_data["reason"]
    if sets.needs_reason(each.client for each in looks if each.changes and each.client) and not reason:
        form.add_error("reason", "Some of these clients are active. Say in a few words why their settings change.")
        return _look(request, form, status=400)
    author = config.Author(access.user_of(request), reason or "Imported from JSON", timezone.now())
    try:
        made = importing.apply(files, **_allowed(request), seen=form.cleaned_data["seen"], author=author)
    except sets.Moved:
        return _look(request, form, status=409, moved=True)
    except (sets.SetRefused, ConfigRefused) as refused:
        form.add_error(None, str(refused))
        return _look(request, form, status=400)
    messages.success(request, _told(looks, made))
    return HttpResponseRedirect(reverse("admin:clients_changeset_change", args=[made.pk]))


def _allowed(request: HttpRequest) -> dict[str, Any]:
    return {
        "clients": access.visible_clients(request.user),
        "may_add": request.user.has_perm("clients.add_client"),
    }


def _told(looks: list[FileLook], made: ChangeSet) -> str:
    new = made.changes.filter(is_new=True).select_related("client__industry").order_by("client__name")
    told = importing.in_words([each for each in looks if each.changes])
    bases = config.bases_in_words(part.client for part in new)
    return " ".join(filter(None, (f"{told}.", bases, "You can take the changes back here.")))
