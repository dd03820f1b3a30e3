"""The settings in force for a client, and where each comes from."""

from collections.abc import Sequence
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from agents_app import versions
from clients import config
from clients.config import described, shown
from clients.config.stored import Placed
from clients.keys import AGENTS, grouped
from clients.models import Client, Settings
from clients.views.finding import client_of
from experiments.models import SettingProposal

TINTS = {"client": "info", "industry": "ok", "size": "ok", "motion": "ok"}


class Source(NamedTuple):
    """A layer as a pill; `address` is where it is changed, "" for those who may not."""

    name: str
    tint: str
    address: str

    def at(self, field: str) -> "Source":
        """The same, leading to the very field."""
        return self._replace(address=f"{self.address}#id_{field}") if self.address else self


@require_GET
def client_settings(request: HttpRequest, slug: str) -> HttpResponse:
    client, found = client_of(request, slug), config.stand()
    placed = found.below(client)
    effective, sources = found.effective(client), _sources(request, client, placed)
    named = {name: source.name for name, source in sources.items()}
    fields, waiting = {key.path: key.field for key in found.keys}, _waiting(request, client)
    rows = [
        {
            "setting": each,
            "entries": [(entry, named[layer]) for entry, layer in each.entries] if len(each.sources) > 1 else [],
            "field": fields[each.path],
            "is_own": "client" in each.sources,
            "sources": [sources[name].at(fields[each.path]) for name in each.sources],
            "overrode": [(word, sources[word.layer].at(fields[each.path])) for word in each.overrode],
            "last": each.last,
            "locked_by": named.get(each.locked_by, ""),
            "proposal": waiting.get(each.path),
        }
        for each in shown.settings(effective, found.keys, shown.touched_of(placed, client))
    ]
    parts = versions.components(client)
    additions = [
        {
            "agent": AGENTS[each.agent],
            "how": each.how,
            "text": each.text,
            "source": sources[each.source].at(f"words__{each.agent}__{each.place}__text"),
            "is_homeless": bool(each.slot) and each.slot not in parts.get(each.agent, ()),
        }
        for each in shown.additions(effective)
    ]
    may_change = request.user.has_perm("clients.change_client")
    page = {
        "client": client,
        "rows": rows,
        "additions": additions,
        "may_change": may_change,
        "proposals": len(waiting),
        "sha256": effective.sha256,
        "version": config.newest_version(client),
    }
    return render(request, "clients/settings.html", page)


@require_GET
def setting_keys(request: HttpRequest) -> HttpResponse:
    """What can be set at all, in the groups of the forms."""
    found = [key for group in grouped(config.known_keys()).values() for key in group]
    return render(request, "clients/keys.html", {"rows": described.described(found)})


def _waiting(request: HttpRequest, client: Client) -> dict[str, int]:
    """{path: the proposal to change it that nobody has decided about}."""
    if not request.user.has_perm("experiments.view_settingproposal"):
        return {}
    rows = SettingProposal.objects.filter(client=client, status=SettingProposal.Status.OPEN)
    return dict(rows.values_list("path", "pk"))


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
