"""The forms of what clients inherit: the agency's settings, templates, and settings that an agency describes itself."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings as deployment
from django.core.exceptions import ValidationError

from clients import config, fields
from clients.config import Effective, radius
from clients.keys import AGENTS
from clients.models import AgencySettings, Client, ConfigKey, SettingsTemplate
from clients.settings_forms import SettingsForm

MOST_TOLD = 20  # clients that a change of a lower layer is told of one by one
_TOO_MANY_AT_ONCE = (
    "A new template that changes {} clients at once is not saved: so many are changed only when a second person "
    "confirms it. Save it empty first, with no settings and no parent, then add them."
)


class LowerLayerForm(SettingsForm):
    """A layer that clients inherit: before it is saved, whom it changes is said."""

    may_lock = True
    reach = 0  # clients whose settings it changes, once it is found valid
    spared: Sequence[str] = ()  # who inherits from it and is not changed, and why

    @staticmethod
    def running(client_ids: Iterable[int]) -> Mapping[int, int]:
        """{client: how many experiments run there}; the page that makes the form knows it."""
        return {}

    @property
    def needs_second(self) -> bool:
        """So many clients change that another person has to confirm it."""
        alone: int = deployment.TEMPLATE_REACH_ALONE
        return self.reach > alone

    def reaches(self, cleaned: Mapping[str, Any]) -> list[str]:
        edited = self._edited(cleaned)
        clients = list(Client.objects.select_related("industry").order_by("name"))
        found = radius.reached(config.stand_of(self.instance), edited, clients)
        self.reach = len(found)
        self.spared = _first(radius.spared(config.stand_of(self.instance), edited, clients))
        if not found:
            return []
        if self.needs_second and self.instance.pk is None:
            self.add_error(None, _TOO_MANY_AT_ONCE.format(len(found)))
            return []
        if wrong := list(
            radius.contradictions(config.stand_of(self.instance), edited, [each.client for each in found])
        ):
            self.add_error(None, [_contradicted(len(wrong)), *_first(wrong)])
            return []
        running = self.running(each.client.pk for each in found)
        each_told = [told(each, running.get(each.client.pk, 0)) for each in found]
        second = ["So many are changed only when a second person confirms it."] if self.needs_second else []
        return [_counted(len(found), len(running)), *_first(each_told), *self.spared, *second]

    def _edited(self, cleaned: Mapping[str, Any]) -> Any:  # noqa: ANN401 a layer's row
        """The row as it would be, which is not saved."""
        edited = copy.copy(self.instance)
        edited.settings, edited.locks = self.said, list(cleaned.get("locked") or ())
        edited.secrets = config.with_sealed(self.instance.secrets, self.secrets)
        for name in ("parent", "kind", "key"):
            if name in cleaned:
                setattr(edited, name, cleaned[name])
        return edited


def _contradicted(count: int) -> str:
    once = "once" if count == 1 else f"{count} times"
    return f"Nothing is saved: it would contradict what clients say themselves, {once}. Mend it here, or at the client."


def _first(found: Sequence[object]) -> list[str]:
    """The first of them in words, and how many more there are."""
    rest = [f"And {len(found) - MOST_TOLD} more."] if len(found) > MOST_TOLD else []
    return [*map(str, found[:MOST_TOLD]), *rest]


def _counted(clients: int, running: int) -> str:
    if clients == 1:
        return f"This changes the settings of 1 client{', which has a running experiment' if running else ''}."
    some = f", {running} of them with a running experiment" if running else ""
    return f"This changes the settings of {clients} clients{some}."


def told(reached: radius.Reached, running: int) -> str:
    """How the client changes, and how many of its experiments run meanwhile."""
    if not running:
        return str(reached)
    return f"{reached} {'1 experiment runs' if running == 1 else f'{running} experiments run'} there."


class AgencySettingsForm(LowerLayerForm):
    class Meta:
        model = AgencySettings
        fields = ()


class SettingsTemplateForm(LowerLayerForm):
    class Meta:
        model = SettingsTemplate
        fields = ("kind", "key", "name", "parent")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "parent" in self.fields and config.stand_of(self.instance).is_in_circle(self.instance):
            self.fields["parent"].help_text = (
                "These templates inherit from one another in a circle, in which each is heard once. Choose another "
                "one here, or none."
            )

    @classmethod
    def inherits(cls, layer: Any) -> tuple[Effective, Mapping[str, str]]:  # noqa: ANN401 - as above
        found = config.stand_of(layer)
        below = config.below_template(layer, found)
        return below, {"built in": "Built in", "agency": "Agency", **found.template_names()}

    def clean_parent(self) -> SettingsTemplate | None:
        parent: SettingsTemplate | None = self.cleaned_data.get("parent")
        if parent is not None and parent.kind != self.cleaned_data.get("kind", self.instance.kind):
            raise ValidationError("A template inherits from one of its own kind only.")
        edited = copy.copy(self.instance)
        edited.parent = parent
        try:
            config.refuse_circle(edited)
        except config.TemplateCycle as circle:
            raise ValidationError(f"{circle} Choose another one, or none.") from None
        return parent


class ConfigKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    choices = fields.Lines(longest=60, most=50, help_text="One a line: what may be chosen.")
    agents = forms.MultipleChoiceField(
        choices=list(AGENTS.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Told to",
        help_text="These agents find it among their settings.",
    )

    class Meta:
        model = ConfigKey
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets choose

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        for name, says in config.key_problems(cleaned, self.instance):
            self.add_error(name, says)
        return cleaned
