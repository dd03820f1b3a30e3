"""The versions of a client's own settings: what changed, by whom and why; any two side by side; the way back."""

from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from clients import access, config
from clients.config import ConfigRefused, Difference, sets
from clients.forms import BackForm
from clients.models import Client, ConfigVersion
from clients.views.finding import client_of

MOST = 100  # versions on the page; older ones are reached by their number


class Row(NamedTuple):
    version: ConfigVersion
    changes: list[Difference]


@require_http_methods(["GET", "HEAD", "POST"])
def client_versions(request: HttpRequest, slug: str) -> HttpResponse:
    """The newest first. `left` and `right` are the numbers of two to compare; without them, the newest and the one
    before it. POST makes the version of the number in `back` hold again, as a new version."""
    client = client_of(request, slug)
    return _revert(request, client) if request.method == "POST" else _page(request, client)


def _page(request: HttpRequest, client: Client, **asked: Any) -> HttpResponse:
    """`asked` are the version that should hold again and the form that asks why, where there is something to mend."""
    found = list(client.versions.select_related("author").order_by("-number")[: MOST + 1])
    before = [*(version.document for version in found[1:]), None]
    pairs = zip(found[:MOST], before, strict=False)
    rows = [Row(version, config.differences(document, version.document)) for version, document in pairs]
    left, right = (_asked(request, client, side, found) for side in ("left", "right"))
    page: dict[str, Any] = {
        "client": client,
        "rows": rows,
        "newest": found[0] if found else None,
        "left": left,
        "right": right,
        "compared": _side_by_side(left, right) if left and right else [],
        "may_change": request.user.has_perm("clients.change_client"),
        **asked,
    }
    return render(request, "clients/versions.html", page, status=400 if asked else 200)


def _revert(request: HttpRequest, client: Client) -> HttpResponse:
    if not request.user.has_perm("clients.change_client"):
        raise PermissionDenied("Your role cannot change clients. Ask an account manager.")
    number = request.POST.get("back", "")
    version = get_object_or_404(ConfigVersion, client=client, number=number if number.isdecimal() else 0)
    form = BackForm(request.POST)
    form.is_active = sets.needs_reason([client]) and version.document != config.export(client)
    if not form.is_valid():
        return _page(request, client, back=version, form=form)
    reason = form.cleaned_data["reason"]
    try:
        changes = config.revert(version, by=access.user_of(request), at=timezone.now(), reason=reason)
    except ConfigRefused as refused:
        for problem in refused.problems:
            form.add_error(None, f"Version {number} cannot be used as it is any more: {problem}")
        return _page(request, client, back=version, form=form)
    if changes:
        messages.success(request, f"The settings of version {number} hold again: {len(changes)} changed.")
    else:
        messages.info(request, f"The settings are those of version {number} already. Nothing was changed.")
    return HttpResponseRedirect(reverse("client_versions", args=[client.slug]))


def _asked(request: HttpRequest, client: Client, side: str, found: list[ConfigVersion]) -> ConfigVersion | None:
    number = request.GET.get(side, "")
    if number.isdecimal() and len(number) < 10:
        return client.versions.select_related("author").filter(number=int(number)).first()
    return next(iter(found[1:2] if side == "left" else found[:1]), None)


class Pair(NamedTuple):
    """One setting of two versions; `differs` where they do not say the same."""

    label: str
    left: str
    right: str
    differs: bool


def _side_by_side(left: ConfigVersion, right: ConfigVersion) -> list[Pair]:
    old, new = config.flat(left.document), config.flat(right.document)
    changed = {each.path: each for each in config.differences(left.document, right.document)}
    pairs = []
    for path in dict.fromkeys((*old, *new)):
        each = changed.get(path) or Difference(path, old.get(path), new.get(path))
        pairs.append(Pair(each.label, each.before_shown, each.after_shown, path in changed))
    return pairs
