"""What a client runs on, what it ran on before, and the way back. Prompt versions are pinned for it here too."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from agents_app import deployments, versions
from agents_app.deployments import Names, Pair, WithParts
from agents_app.models import Deployment, FlowRun, PromptVersion
from agents_app.versions import VersionRefused
from clients import access, config
from clients.keys import AGENTS
from clients.models import Connection
from experiments import assign
from gtm import standing

MOST = 50  # deployments on the page; older ones are compared by their number
MAY = "agents_app.return_deployment"


class Prompt(NamedTuple):
    """What one agent works with, and the versions that may be pinned for it."""

    agent: str
    label: str
    used: versions.InUse
    offered: list[PromptVersion]


@require_http_methods(["GET", "HEAD", "POST"])
def client_deployments(request: HttpRequest, slug: str) -> HttpResponse:
    """`left` and `right` are the numbers of two to compare; without them, the newest and the one before it. POST takes
    `back`, the number to return to; or `pin`, the id of a prompt version; or `unpin`, an agent."""
    client = get_object_or_404(deployments.with_parts(access.visible_clients(request.user)), slug=slug)
    if request.method == "POST":
        return _act(request, client)
    found, used, running = config.stand(), versions.in_use(client), assign.running(client.pk)
    ids = {agent: each.version.pk for agent, each in used.items()}
    state = deployments.state_of(client, found=found, prompts=ids, rollouts=assign.rollouts(running))
    rows = list(_kept(client)[:MOST])
    known = list(PromptVersion.objects.defer("text").order_by("agent", "-number"))
    names = _names(client, rows, known)
    newest = rows[0] if rows else None
    right = _numbered(client, request.GET.get("right")) or newest
    left = _numbered(client, request.GET.get("left")) or _before(client, right, rows)
    page = {
        "client": client,
        "rows": rows,
        "newest": newest,
        "has_changed": newest is None or newest.sha256 != state.sha256,
        "since": deployments.told(deployments.side_by_side(newest, state, keys=found.keys, names=names))
        if newest
        else [],
        "prompts": [Prompt(agent, AGENTS[agent], each, _offered(each, known)) for agent, each in used.items()],
        "rollouts": [(each, _shares(state, each.pk, names)) for each in running],
        "wires": [{**wire, "label": Connection.Party(wire["party"]).label} for wire in state.connections],
        "left": left,
        "right": right,
        "compared": _compared(left, right, found, names) if left and right and left != right else None,
        "may_return": request.user.has_perm(MAY) and request.user.has_perm("clients.change_client"),
    }
    return render(request, "agents_app/deployments.html", page)


def _kept(client: WithParts) -> QuerySet[Any]:
    """The newest first, each with how many runs were planned on it."""
    runs = FlowRun.objects.filter(deployment=OuterRef("pk")).order_by().values("deployment")
    count = Coalesce(Subquery(runs.annotate(n=Count("pk")).values("n")), 0, output_field=IntegerField())
    rows: QuerySet[Any] = Deployment.objects.filter(client=client).select_related("author", "config_version")
    rows = rows.annotate(run_count=count).order_by("-number")
    return rows  # noqa: RET504 - order_by() of an annotated one has no type


def _names(client: WithParts, rows: Sequence[Deployment], known: Sequence[PromptVersion]) -> Names:
    numbers = {row.config_version_id: row.config_version.number for row in rows if row.config_version}
    numbers[client.newest_version_id] = client.newest_version_number
    return Names({version.pk: version.number for version in known}, {pk: n for pk, n in numbers.items() if pk})


def _numbered(client: WithParts, number: str | int | None) -> Deployment | None:
    rows = Deployment.objects.filter(client=client, number=_number(str(number or "")))
    return rows.select_related("config_version").first() if number else None


def _before(client: WithParts, right: Deployment | None, rows: Sequence[Deployment]) -> Deployment | None:
    if right is None:
        return None
    found = next((row for row in rows if row.number == right.number - 1), None)
    return found or _numbered(client, right.number - 1)


def _offered(used: versions.InUse, known: Sequence[PromptVersion]) -> list[PromptVersion]:
    """What may be pinned: every version that a run may use, but the one that the client uses."""
    mine = [version for version in known if version.agent == used.live.agent and version != used.version]
    return [version for version in mine if version.label != PromptVersion.Label.DRAFT]


def _shares(state: deployments.State, experiment: int, names: Names) -> str:
    [rollout] = [each for each in state.rollouts if each["experiment"] == experiment]
    return deployments.shares(rollout, names)


def _compared(left: Deployment, right: Deployment, found: config.Stand, names: Names) -> dict[str, list[Pair]]:
    numbers = {each.config_version_id: each.config_version.number for each in (left, right) if each.config_version}
    whole = names._replace(versions={**names.versions, **{pk: n for pk, n in numbers.items() if pk}})
    pairs = deployments.side_by_side(left, right, keys=found.keys, names=whole)
    return {
        "changed": [pair for pair in pairs if pair.differs],
        "same": [pair for pair in pairs if not pair.differs],
    }


# --- what is pressed


def _act(request: HttpRequest, client: WithParts) -> HttpResponse:
    if not (request.user.has_perm(MAY) and request.user.has_perm("clients.change_client")):
        raise PermissionDenied("Your role cannot change what a client runs on. Ask an account manager or an operator.")
    if "pin" in request.POST or "unpin" in request.POST:
        _pin(request, client)
    else:
        _return(request, client)
    return HttpResponseRedirect(reverse("client_deployments", args=[client.slug]))


def _return(request: HttpRequest, client: WithParts) -> None:
    wanted = get_object_or_404(Deployment, client=client, number=_number(request.POST.get("back")))
    returned = standing.return_to(wanted, by=access.user_of(request), at=timezone.now())
    if returned.came_back:
        messages.success(
            request,
            f"{client} runs on {wanted} again, as {returned.deployment}. {'. '.join(returned.came_back)}. "
            f"To undo this, return to {returned.before}.",
        )
    else:
        messages.info(request, f"{client} runs on all of {wanted} that can come back already. Nothing was changed.")
    if returned.missed:
        messages.warning(request, f"What did not come back: {' '.join(returned.missed)}")


def _pin(request: HttpRequest, client: WithParts) -> None:
    by, at, reason = access.user_of(request), timezone.now(), request.POST.get("reason", "").strip()
    try:
        if "pin" in request.POST:
            version = get_object_or_404(PromptVersion, pk=_number(request.POST["pin"]))
            versions.pin(client, version, by=by, at=at, reason=reason)
            messages.success(
                request, f"{version} is pinned for {client}: its runs use it from now on, whichever is live."
            )
        else:
            versions.unpin(client, request.POST["unpin"], by=by, at=at, reason=reason)
            messages.success(request, f"{client} follows the live version again.")
    except VersionRefused as refusal:
        messages.error(request, str(refusal))
        return
    standing.keep(client.pk, by=by, at=at)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0
