"""One setting of many clients: chosen, looked at, made."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from agents_app import versions
from clients import access, config
from clients.bulk_forms import EditForm, SettingForm
from clients.config import bulk, sets
from clients.keys import AGENTS, PROMPTS, Key, by_path, words_to
from clients.models import Client
from experiments import lifecycle


@require_http_methods(["GET", "HEAD", "POST"])
def client_bulk_edit(request: HttpRequest) -> HttpResponse:
    """`clients` in the address are the ids of the chosen ones, `setting` a path. POST shows what changes; with `apply`
    it makes the change, if that is still what was shown."""
    clients, keys = _chosen(request), config.known_keys()
    page: dict[str, Any] = {"clients": clients, "setting_form": SettingForm(keys, initial=request.GET.dict())}
    setting = _setting(request.GET.get("setting", ""), keys)
    if setting is None or not clients:
        return render(request, "clients/bulk.html", page)
    slots = versions.components() if isinstance(setting, str) else {}
    form = EditForm(setting, slots, request.POST if request.method == "POST" else None)
    page |= {"form": form, "label": _label(setting)}
    if request.method != "POST" or not form.is_valid():
        return render(request, "clients/bulk.html", page, status=400 if form.errors else 200)
    return _apply(request, page) if "apply" in request.POST else _look(request, page)


def _label(setting: Key | str) -> str:
    return setting.label if isinstance(setting, Key) else words_to(setting)


def _look(request: HttpRequest, page: dict[str, Any], *, status: int = 200) -> HttpResponse:
    form: EditForm = page["form"]
    looks = bulk.look(form.edit, page["clients"])
    groups = {
        "changing": [each for each in looks if each.changes],
        "left": [each for each in looks if each.problems],
        "same": [each for each in looks if each.stays],
    }
    running = lifecycle.running_at(each.client.pk for each in groups["changing"])
    page["experiments"] = set(running)
    page |= {"looks": looks, **groups, "form": form.shown_again(bulk.mark(looks)), "said": bulk.in_words(form.edit)}
    return render(request, "clients/bulk.html", page, status=status)


def _apply(request: HttpRequest, page: dict[str, Any]) -> HttpResponse:
    form: EditForm = page["form"]
    if not request.user.has_perm("clients.change_client"):
        raise PermissionDenied("Your role cannot change clients. Ask an account manager.")
    changing = [each.client for each in bulk.look(form.edit, page["clients"]) if each.changes]
    if sets.needs_reason(changing) and not form.cleaned_data["reason"]:
        form.add_error("reason", "Some of these clients are active. Say in a few words why their settings change.")
        return _look(request, page, status=400)
    author = config.Author(access.user_of(request), form.cleaned_data["reason"], timezone.now())
    ids = [client.pk for client in page["clients"]]
    try:
        made = bulk.apply(form.edit, ids, seen=form.cleaned_data["seen"], author=author)
    except sets.Moved:
        page["moved"] = True
        return _look(request, page, status=409)
    except sets.SetRefused as refused:
        form.add_error(None, str(refused))
        return _look(request, page, status=400)
    messages.success(request, f"{_counted(len(changing))} changed. You can take it back here, all at once.")
    return HttpResponseRedirect(reverse("admin:clients_changeset_change", args=[made.pk]))


def _chosen(request: HttpRequest) -> Sequence[Client]:
    """Of those in the address, the ones that the person may see."""
    ids = [int(each) for each in request.GET.get("clients", "").split(",") if each.isdecimal() and len(each) < 10]
    visible = access.visible_clients(request.user).select_related("industry")
    return list(visible.filter(pk__in=ids[: bulk.MOST_CLIENTS]).order_by("name", "pk")) if ids else []


def _setting(path: str, keys: Sequence[Key]) -> Key | str | None:
    """The key, or the agent to whom something is said. Secrets are set on their own pages only."""
    if path.startswith(PROMPTS):
        agent = path.removeprefix(PROMPTS)
        return agent if agent in AGENTS else None
    key = by_path(keys).get(path)
    return None if key is None or key.sensitive else key


def _counted(count: int) -> str:
    return "1 client is" if count == 1 else f"{count} clients are"
