"""Whom a prompt version reaches other than as it is written: the layers that speak in its place, or to a component that
it has not."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from agents_app import prompts
from agents_app.models import Campaign, PromptVersion
from clients.keys import PROMPTS
from clients.models import AgencySettings, Client, Settings, SettingsTemplate


@dataclass(frozen=True)
class Said:
    """A layer's word to an agent: `slot` is the component it goes to, "" the whole prompt."""

    layer: Settings
    mode: str
    slot: str
    text: str

    @property
    def place(self) -> str:
        return f"the component “{self.slot.replace('_', ' ')}”" if self.slot else "the whole prompt"


def said_to(agent: str, clients: QuerySet[Client]) -> list[Said]:
    """Every layer's words to the agent, the lowest layers first: the agency's, the templates', and those of these
    clients and their campaigns that are not finished."""
    path = f"{PROMPTS}{agent}"
    campaigns = Campaign.objects.filter(client__in=clients).exclude(status=Campaign.Status.FINISHED)
    tables: Iterable[QuerySet[Settings]] = (
        AgencySettings.objects.all(),
        SettingsTemplate.objects.order_by("kind", "name"),
        clients.order_by("name"),
        campaigns.order_by("name"),
    )
    rows = [row for table in tables for row in table.filter(settings__has_key=path)]
    return [Said(row, word["mode"], word.get("slot", ""), word["text"]) for row in rows for word in row.settings[path]]


def replaced(words: Iterable[Said]) -> list[Said]:
    """Those that speak in the place of the prompt or of one of its components: what is new there stays unheard."""
    return [word for word in words if word.mode == "replace"]


def dropped(version: PromptVersion, live: PromptVersion | None, words: Iterable[Said]) -> list[Said]:
    """Words to a component that `version` has no more, and the live one has: they will stand at its end."""
    gone = set(prompts.components(live.text if live else "")) - set(prompts.components(version.text))
    return [word for word in words if word.slot in gone]
