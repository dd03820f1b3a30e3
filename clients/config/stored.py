"""Rows as layers: where each layer's settings are kept, and the settings in force for a client."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models.functions import JSONObject

from clients import keys
from clients.config.layers import Effective, Layer, Override, merge
from clients.keys import PROMPTS, Key
from clients.models import AgencySettings, Client, ConfigKey, Settings, SettingsTemplate

AGENCY, CLIENT = "agency", "client"
CHOSEN_BY = {"industry": "industry", "size": "company_size", "motion": "sales_motion"}
"""{kind of template: the client's column that chooses it}, in the order of the layers."""


class TemplateCycle(Exception):
    """A template that would inherit from itself, directly or through others."""


@dataclass(frozen=True)
class Placed:
    """A layer with the row that it stands on; None for the layers of a run, which have no row to go to."""

    layer: Layer
    row: Settings | None


@dataclass(frozen=True)
class Stand:
    """Everything that settings are merged from, read once: two queries, however many clients are looked at then."""

    keys: tuple[Key, ...]
    agency: AgencySettings | None
    templates: Mapping[tuple[str, str], SettingsTemplate]

    def below(self, client: Client) -> list[Placed]:
        """The layers that a client inherits, the lowest first."""
        placed = [Placed(layer_of(AGENCY, self.agency), self.agency)] if self.agency else []
        for kind, column in CHOSEN_BY.items():
            key = client.industry_key if kind == "industry" else getattr(client, column)
            placed += [Placed(layer_of(template_name(each), each), each) for each in self.line_of(kind, key)]
        return placed

    def line_of(self, kind: str, key: str) -> list[SettingsTemplate]:
        """The template and those that it inherits from, the farthest first; each once, whatever stands in a circle."""
        by_id = {template.pk: template for template in self.templates.values()}
        line: list[SettingsTemplate] = []
        here = self.templates.get((kind, key))
        while here is not None and here not in line:
            line.insert(0, here)
            here = by_id.get(here.parent_id) if here.parent_id else None
        return line

    def is_in_circle(self, template: SettingsTemplate) -> bool:
        """Whether the template inherits from itself, directly or through others."""
        by_id = {each.pk: each.parent_id for each in self.templates.values()}
        here, seen = by_id.get(template.pk), set[int | None]()
        while here is not None and here != template.pk and here not in seen:
            seen.add(here)
            here = by_id.get(here)
        return here is not None and here == template.pk

    def effective(self, client: Client, *above: Layer) -> Effective:
        """The settings in force for the client; `above` are layers over its own: a campaign's, a run's."""
        layers = [placed.layer for placed in self.below(client)]
        return self._merged(client, [*layers, layer_of(CLIENT, client), *above])

    def inherited(self, client: Client) -> Effective:
        return self._merged(client, [placed.layer for placed in self.below(client)])

    def template_names(self) -> dict[str, str]:
        return {template_name(each): each.name for each in self.templates.values()}

    def _merged(self, client: Client, layers: Sequence[Layer]) -> Effective:
        return merge(layers, industry=client.industry_key, client_name=client.name, keys=self.keys)


def stand() -> Stand:
    templates = {(template.kind, template.key): template for template in SettingsTemplate.objects.order_by("pk")}
    rows = ConfigKey.objects.order_by("name").values(row=JSONObject(**{name: name for name in OWN_KEY}))
    agency = AgencySettings.objects.annotate(own_keys=ArraySubquery(rows)).first()
    own = [own_key(**row) for row in getattr(agency, "own_keys", [])]
    return Stand((*keys.BUILT_IN, *own) if own else keys.BUILT_IN, agency, templates)


def stand_of(layer: Any) -> Stand:  # noqa: ANN401 any layer's row
    """The same, read once as long as the row is in hand: a page looks at it in several places."""
    if not hasattr(layer, "stand"):
        layer.stand = stand()
    found: Stand = layer.stand
    return found


def effective(client: Client, *above: Layer) -> Effective:
    """The settings in force for the client, with the source of every value."""
    return stand().effective(client, *above)


def below_template(template: SettingsTemplate, found: Stand) -> Effective:
    """What holds where this template says nothing: the agency's settings and its parents'."""
    layers = [layer_of(AGENCY, found.agency)] if found.agency else []
    parent = next((each for each in found.templates.values() if each.pk == template.parent_id), None)
    if parent is not None:
        layers += [layer_of(template_name(each), each) for each in found.line_of(parent.kind, parent.key)]
    return merge(layers, industry="", client_name="", keys=found.keys)


def refuse_circle(template: SettingsTemplate) -> None:
    """Raises TemplateCycle where its parent inherits from it. Until the transaction ends no other template gets a
    parent, so that of two saves that make a circle together the second is refused."""
    if template.parent_id is None:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('parents of settings templates'))")
    parents = dict(SettingsTemplate.objects.values_list("pk", "parent_id")) | {template.pk: template.parent_id}
    seen: set[int | None] = {template.pk}
    here: int | None = template.parent_id
    while here is not None:
        if here in seen:
            raise TemplateCycle(f"{template.parent} inherits from this template already.")
        seen.add(here)
        here = parents.get(here)


def built_in(keys: Sequence[Key]) -> Effective:
    return merge([], industry="", client_name="", keys=keys)


def known_keys() -> tuple[Key, ...]:
    """The built-in keys and the agency's own."""
    own = [own_key(**row) for row in ConfigKey.objects.order_by("name").values(*OWN_KEY)]
    return (*keys.BUILT_IN, *own) if own else keys.BUILT_IN


OWN_KEY = (
    "name", "label", "kind", "help", "choices", "least", "most", "longest", "merge", "lockable", "tightens",
    "sensitive", "agents",
)  # fmt: skip


def own_key(*, name: str, choices: Sequence[str], agents: Sequence[str], **rest: Any) -> Key:
    """The key that a `ConfigKey` describes."""
    named = {choice: choice for choice in choices} or None
    return Key(path=f"custom_fields.{name}", group=keys.OWN, choices=named, agents=tuple(agents), **rest)


def layer_of(name: str, row: Settings | None) -> Layer:
    """An empty layer where there is no row."""
    if row is None:
        return Layer(name, {})
    secrets = dict.fromkeys(row.secrets, True)
    return made(name, row.settings | secrets, row.locks)


def made(name: str, settings: Mapping[str, Any], locks: Iterable[str] = ()) -> Layer:
    """A layer of {path: said}, the words to agents among them."""
    values = {path: said for path, said in settings.items() if not path.startswith(PROMPTS)}
    words = {path.removeprefix(PROMPTS): said for path, said in settings.items() if path.startswith(PROMPTS)}
    overrides = {agent: [Override(**each) for each in said] for agent, said in words.items()}
    return Layer(name, values, overrides, frozenset(locks))


def template_name(template: SettingsTemplate) -> str:
    """What its layer is called in origins: "industry:fintech"."""
    return f"{template.kind}:{template.key}"
