"""The forms in which a layer's settings are edited: a field a key, with what is inherited said beside it.

They are made from the keys, so that an agency's own settings stand in them like the built-in ones.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.conf import settings as deployment
from django.contrib.admin.widgets import AdminTextareaWidget
from django.core.exceptions import ValidationError

from clients import config, fields
from clients.config import ConfigRefused, checks, schema, shown
from clients.config.layers import Effective
from clients.keys import AGENTS, MODES, PROMPTS, Key, grouped, words_to
from clients.meeting_forms import BASE, WORDS, MeetingForm, places_for
from clients.models import Client

UNSAVED = "unsaved"  # posted by pages that carry what was typed back to the form
HEEDED = "heeded"  # which warnings the person has seen
MOST_PEERS = 200  # clients whose tone says what is usual


class SettingsForm(MeetingForm):
    """Any layer's settings. Empty means: as the layer below says. The form carries what stood there when it was opened,
    so that two people who edit at once find each other.

    After it is found valid, `said` is {path: what the layer says} and `secrets` {path: text, or None to forget it} of
    those that were typed or given up.
    """

    slots: ClassVar[checks.Prompts] = {}
    may_lock: ClassVar[bool] = False
    asked: Sequence[str] = ()  # what is unusual, and not wrong; once it is found so

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.below, self.names = self.inherits(self.instance)
        for key in self.keys:
            self._add(key)
        for agent in AGENTS:
            self._add_words(agent)
        if self.may_lock:
            self._add_locks()
        self.fields[HEEDED] = forms.CharField(required=False, widget=forms.HiddenInput)
        self.carry_base()

    @classmethod
    def inherits(cls, layer: Any) -> tuple[Effective, Mapping[str, str]]:  # noqa: ANN401 - each form has its own layer
        """What holds where this layer says nothing, and the names of the layers."""
        return config.built_in(cls.keys), {"built in": "Built in"}

    def full_clean(self) -> None:
        """A secret never goes back to a page, so whoever typed one is told to type it again."""
        super().full_clean()
        if self.is_bound and self.errors:
            typed = [key for key in self.keys if getattr(self, "secrets", {}).get(key.path)]
            for key in typed:
                self.add_error(key.field, "Type it again: what is typed here is never sent back to the page.")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        self.said = {key.path: fields.said_in(key, cleaned) for key in self.keys if not key.sensitive}
        self.said |= {f"{PROMPTS}{agent}": self._words(agent, cleaned) for agent in AGENTS}
        self.said = {path: value for path, value in self.said.items() if value is not None and value != []}
        self.secrets: dict[str, str | None] = {}
        for key in (key for key in self.keys if key.sensitive):
            try:
                self.secrets |= fields.secret_in(key, cleaned)
            except ValidationError as both:
                self.add_error(key.field, both)
        self._refuse_wrong()
        if met := self.met(cleaned):
            self.tell(met)
        elif not self.errors:
            self._look_over(cleaned)
        return cleaned

    def peers(self, cleaned: Mapping[str, Any]) -> checks.Peers:
        """Who else's settings say what is usual; nobody's here."""
        return checks.Peers()

    def reaches(self, cleaned: Mapping[str, Any]) -> list[str]:
        """Whose settings change beside this layer's own; of a client's own layer nobody's."""
        return []

    def _look_over(self, cleaned: Mapping[str, Any]) -> None:
        """What contradicts itself is refused; what is only unusual is asked about once."""
        for problem in checks.errors(self.said, self.below, self.names):
            self.add_error(None, problem)
        asked = [*checks.warnings(self.said, self.peers(cleaned), self.slots), *self.reaches(cleaned)]
        meant = [*asked, *sorted(self.secrets)]  # a secret that is not typed again is missed
        mark = hashlib.sha256("\n".join(meant).encode()).hexdigest()[:16]
        if asked and cleaned.get(HEEDED) != mark:
            self.asked = asked
            self.add_error(None, [*asked, "Save again if it is meant so."])
            data: Any = self.data.copy()  # type: ignore[attr-defined]
            data[HEEDED] = mark
            self.data = data

    @property
    def locked(self) -> list[str]:
        return list(self.cleaned_data.get("locked") or ()) if self.may_lock else list(self.instance.locks)

    def _add(self, key: Key) -> None:
        self.fields[key.field] = fields.field_of(key)
        said = self.instance.settings.get(key.path)
        self.fields |= fields.extras_of(key, self.below, said, keeps=key.path in self.instance.secrets)
        for name, value in fields.initial_of(key, said).items():
            self.initial.setdefault(name, value)
        self._say_what_is_inherited(self.fields[key.field], shown.hint(self.below, key, self.names))
        if locked_by := self.below.origins[key.path].locked_by:
            words = f"Locked by {self.names.get(locked_by, locked_by)}: it can only be tightened."
            self.fields[key.field].help_text = f"{self.fields[key.field].help_text} {words}".strip()

    def _add_words(self, agent: str) -> None:
        words = self.instance.settings.get(f"{PROMPTS}{agent}", [])
        names = {slot: slot.replace("_", " ").capitalize() for slot in self._slots(agent)}
        slots = [("", "The whole prompt"), *names.items()]
        for number in range(places_for(self.instance, agent, self.data)):
            word = words[number] if number < len(words) else {}
            for name, field in _word_fields(AGENTS[agent], slots).items():
                full = f"{WORDS}__{agent}__{number}__{name}"
                self.fields[full] = field
                self.initial.setdefault(full, word.get(name, "add" if name == "mode" else ""))

    def _slots(self, agent: str) -> list[str]:
        """The components of the agent's prompt, and those that this layer still names."""
        used = [word.get("slot", "") for word in self.instance.settings.get(f"{PROMPTS}{agent}", [])]
        return list(dict.fromkeys([*filter(None, self.slots.get(agent, ())), *(slot for slot in used if slot)]))

    def _add_locks(self) -> None:
        choices = [(key.path, key.label) for key in self.keys if key.lockable]
        self.fields["locked"] = forms.MultipleChoiceField(
            choices=choices,
            required=False,
            widget=forms.CheckboxSelectMultiple,
            help_text="What is ticked can be tightened by the layers above, never loosened.",
        )
        self.initial.setdefault("locked", self.instance.locks)

    def _say_what_is_inherited(self, field: forms.Field, words: str) -> None:
        if not words:
            return
        if isinstance(field.widget, forms.CheckboxSelectMultiple | forms.NumberInput):
            field.help_text = f"{field.help_text} {words[0].upper()}{words[1:]}."
        elif isinstance(field, forms.TypedChoiceField):
            field.choices = [("", words), *((key, label) for key, label in field.choices if key)]  # type: ignore[misc,union-attr]
        else:
            field.widget.attrs["placeholder"] = words

    def _words(self, agent: str, cleaned: Mapping[str, Any]) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        for number in range(places_for(self.instance, agent, self.data)):
            place = f"{WORDS}__{agent}__{number}"
            mode, slot, text = (str(cleaned.get(f"{place}__{name}") or "").strip() for name in ("mode", "slot", "text"))
            found += fields.words_in(mode, slot, text)
        return found

    def _refuse_wrong(self) -> None:
        """What the document's own rules say beyond each field's: nothing is kept that an import would refuse."""
        try:
            schema.parse({"industry": "any", **config.nested(self.said)}, self.keys)
        except ConfigRefused as refused:
            for problem in refused.problems:
                self.add_error(None, f"{problem.path}: {problem.message} {problem.hint}")


def _word_fields(agent: str, slots: Sequence[tuple[str, str]]) -> dict[str, forms.Field]:
    return {
        "mode": forms.ChoiceField(choices=list(MODES.items()), required=False, label=f"To {agent}: where"),
        "slot": forms.ChoiceField(choices=slots, required=False, label=f"To {agent}: of what"),
        "text": forms.CharField(
            max_length=schema.LONGEST_WORD,
            required=False,
            label=f"To {agent}: what",
            widget=AdminTextareaWidget(attrs={"rows": 4}),
        ),
    }


class ClientForm(SettingsForm):
    reason = forms.CharField(
        max_length=200, required=False, label="Why", help_text="A few words, for whoever looks at the versions later."
    )

    class Meta:
        model = Client
        fields = "__all__"
        widgets: ClassVar = {"postal_address": AdminTextareaWidget(attrs={"rows": 2})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if industry := self.fields.get("industry"):
            found = config.stand_of(self.instance).templates
            industry.choices = [(each.pk, each.name) for (kind, _), each in found.items() if kind == "industry"]  # type: ignore[attr-defined]
        if budget := self.fields.get("daily_budget_usd"):
            budget.widget.attrs["placeholder"] = f"inherited: {deployment.CLIENT_DAY_BUDGET_USD:.2f}"

    @classmethod
    def inherits(cls, layer: Any) -> tuple[Effective, Mapping[str, str]]:  # noqa: ANN401 - as above
        found = config.stand_of(layer)
        return found.inherited(layer), shown.layer_names(layer, found.below(layer))

    def peers(self, cleaned: Mapping[str, Any]) -> checks.Peers:
        industry = cleaned.get("industry") or self.instance.industry
        found = config.stand_of(self.instance)
        others = Client.objects.filter(industry=industry).exclude(pk=self.instance.pk).select_related("industry")
        return checks.peers_of(
            industry.name, [found.effective(other).document["tone"] for other in others[:MOST_PEERS]]
        )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        if self.instance.status == Client.Status.ACTIVE and self._changes() and not cleaned.get("reason"):
            self.add_error("reason", "This client is active. Say in a few words why its settings change.")
        if UNSAVED in self.data:
            self.add_error(None, "Nothing is saved yet. This is what you typed: look it over, then save.")
        return cleaned

    def _changes(self) -> bool:
        return self.said != self.instance.settings or bool(self.secrets)


def made_from(base: type[SettingsForm], keys: Iterable[Key], slots: checks.Prompts) -> type[SettingsForm]:
    """The form with these keys; `slots` {agent: {component of its prompt: text}} are what words to it may go to."""
    return type(base.__name__, (base,), {"keys": tuple(keys), "slots": dict(slots)})


def fieldsets(
    form: type[SettingsForm],
    layer: Any,  # noqa: ANN401 any layer
    posted: Mapping[str, Any],
) -> list[tuple[str, dict[str, Any]]]:
    """The form's fields as the admin groups them: a group of keys each, then the words to each agent."""
    below, _ = form.inherits(layer)
    groups = grouped(form.keys)
    found = [
        (group, {"fields": [row for key in keys for row in _rows(key, below, layer)]}) for group, keys in groups.items()
    ]
    for agent in AGENTS:
        places = [f"{WORDS}__{agent}__{number}" for number in range(places_for(layer, agent, posted))]
        rows = [row for place in places for row in ((f"{place}__mode", f"{place}__slot"), f"{place}__text")]
        found.append((words_to(agent), {"fields": rows}))
    if form.may_lock:
        found.append(("What the layers above may only tighten", {"fields": ["locked"]}))
    found[-1][1]["fields"] += [HEEDED, BASE]  # hidden: they need no place of their own
    return found


def _rows(key: Key, below: Effective, layer: Any) -> list[Any]:  # noqa: ANN401 any layer
    """A field with what takes back its inheritance: beside it, or below where the field takes all of the width."""
    extras = list(fields.extras_of(key, below, layer.settings.get(key.path), keeps=key.path in layer.secrets))
    if not extras or key.is_list or (key.longest or 0) > fields.LONG:
        return [key.field, *extras]
    return [(key.field, *extras)]


class NewClientForm(forms.ModelForm):  # type: ignore[type-arg]
    """As little as a client needs to begin; the rest is inherited from the templates that these answers choose."""

    class Meta:
        model = Client
        fields = ("name", "slug", "industry", "company_size", "sales_motion")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("company_size", "sales_motion"):
            self.fields[name].required = False  # what is not said is as usual
