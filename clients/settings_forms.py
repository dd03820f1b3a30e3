"""The forms in which a layer's settings are edited: a field a key, with what is inherited said beside it.

They are made from the keys, so that an agency's own settings stand in them like the built-in ones.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.conf import settings as deployment
from django.contrib.admin.widgets import AdminTextareaWidget
from django.core import signing
from django.utils import timezone

from clients import config, fields
from clients.config import ConfigRefused, checks, schema, shown
from clients.config.layers import Effective
from clients.keys import AGENTS, MODES, PROMPTS, Key, by_path, grouped, words_to
from clients.models import Client

WORDS = "words"
BASE = "base"
UNSAVED = "unsaved"  # posted by pages that carry what was typed back to the form
HEEDED = "heeded"  # which warnings the person has seen
MOST_PEERS = 200  # clients whose tone says what is usual
SPARE = 1  # empty places for a further word to each agent


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """Any layer's settings. Empty means: as the layer below says.

    After it is found valid, `said` is {path: what the layer says} and `secrets` {path: text} of those that were typed.
    """

    keys: ClassVar[Sequence[Key]] = ()
    slots: ClassVar[Mapping[str, Sequence[str]]] = {}
    may_lock: ClassVar[bool] = False

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

    @classmethod
    def inherits(cls, layer: Any) -> tuple[Effective, Mapping[str, str]]:  # noqa: ANN401 - each form has its own layer
        """What holds where this layer says nothing, and the names of the layers."""
        return config.built_in(cls.keys), {"built in": "Built in"}

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        self.said = {key.path: fields.said_in(key, cleaned) for key in self.keys if not key.sensitive}
        self.said |= {f"{PROMPTS}{agent}": self._words(agent, cleaned) for agent in AGENTS}
        self.said = {path: value for path, value in self.said.items() if value is not None and value != []}
        self.secrets = {key.path: cleaned.get(key.field) or "" for key in self.keys if key.sensitive}
        self.secrets = {path: text for path, text in self.secrets.items() if text}
        self._refuse_wrong()
        if not self.errors:
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
        for problem in checks.errors(self.said, self.below):
            self.add_error(None, problem)
        asked = [*checks.warnings(self.said, self.peers(cleaned)), *self.reaches(cleaned)]
        mark = hashlib.sha256("\n".join(asked).encode()).hexdigest()[:16]
        if asked and cleaned.get(HEEDED) != mark:
            self.add_error(None, [*asked, "Save again if it is meant so."])
            data: Any = self.data.copy()  # type: ignore[attr-defined]
            data[HEEDED] = mark
            self.data = data

    @property
    def locked(self) -> list[str]:
        return list(self.cleaned_data.get("locked") or ()) if self.may_lock else list(self.instance.locks)

    def _add(self, key: Key) -> None:
        self.fields[key.field] = fields.field_of(key)
        self.fields |= fields.extras_of(key, self.below)
        for name, value in fields.initial_of(key, self.instance.settings.get(key.path)).items():
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
        return list(dict.fromkeys([*self.slots.get(agent, ()), *(slot for slot in used if slot)]))

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
        found = []
        for number in range(places_for(self.instance, agent, self.data)):
            place = f"{WORDS}__{agent}__{number}"
            mode, slot, text = (str(cleaned.get(f"{place}__{name}") or "").strip() for name in ("mode", "slot", "text"))
            if text:
                found.append({"mode": mode or "add", "text": text, **({"slot": slot} if slot else {})})
        return found

    def _refuse_wrong(self) -> None:
        """What the document's own rules say beyond each field's: nothing is kept that an import would refuse."""
        try:
            schema.parse({"industry": "any", **config.nested(self.said)}, self.keys)
        except ConfigRefused as refused:
            for problem in refused.problems:
                self.add_error(None, f"{problem.path}: {problem.message} {problem.hint}")


def _label(keys: Mapping[str, Key], path: str) -> str:
    if path in keys:
        return keys[path].label
    return words_to(path.removeprefix(PROMPTS))


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
    """With the settings that stood there when the form was opened: so two people who edit at once find each other."""

    reason = forms.CharField(
        max_length=200, required=False, label="Why", help_text="A few words, for whoever looks at the versions later."
    )
    base = forms.CharField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Client
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets choose
        widgets: ClassVar = {"postal_address": AdminTextareaWidget(attrs={"rows": 2})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if industry := self.fields.get("industry"):
            found = config.stand_of(self.instance).templates
            industry.choices = [(each.pk, each.name) for (kind, _), each in found.items() if kind == "industry"]  # type: ignore[attr-defined]
        stored = getattr(self.instance, "stored_settings", self.instance.settings)  # beside those of a trial
        self.initial[BASE] = signing.dumps(stored, compress=True)
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

    def clean_base(self) -> dict[str, Any]:
        """The settings on which the person's changes rest; those of now where the form does not say."""
        try:
            return dict(signing.loads(self.cleaned_data.get(BASE) or "", max_age=None))
        except signing.BadSignature:
            return dict(self.instance.settings)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        if cleaned.get(BASE) not in (None, self.instance.settings):
            self._meet(cleaned[BASE])
        if self.instance.status == Client.Status.ACTIVE and self._changes() and not cleaned.get("reason"):
            self.add_error("reason", "This client is active. Say in a few words why its settings change.")
        if UNSAVED in self.data:
            self.add_error(None, "Nothing is saved yet. This is what you typed: look it over, then save.")
        return cleaned

    def _meet(self, base: dict[str, Any]) -> None:
        """Somebody else saved meanwhile: what only they changed is taken over, what both changed stays as this person
        typed it, and nothing is saved before the person has seen that."""
        theirs = self.instance.settings
        changed = [path for path in dict.fromkeys((*base, *theirs)) if base.get(path) != theirs.get(path)]
        both = [path for path in changed if self.said.get(path) not in (base.get(path), theirs.get(path))]
        taken = [path for path in changed if path not in both]
        data: Any = self.data.copy()  # type: ignore[attr-defined]
        data[BASE] = signing.dumps(theirs, compress=True)
        for path in taken:
            self._show(data, path, theirs.get(path))
        self.data = data
        self.add_error(None, self._told(changed, both, taken))

    def _show(self, data: Any, path: str, said: Any) -> None:  # noqa: ANN401 a value, a word, or words to an agent
        if path.startswith(PROMPTS):
            agent = path.removeprefix(PROMPTS)
            for number in range(places_for(self.instance, agent, data)):
                word = said[number] if said and number < len(said) else {}
                for name in ("mode", "slot", "text"):
                    data[f"{WORDS}__{agent}__{number}__{name}"] = word.get(name, "")
            return
        for name, value in fields.initial_of(by_path(self.keys)[path], said).items():
            if name not in self.fields:
                continue
            if isinstance(self.fields[name], forms.MultipleChoiceField):
                data.setlist(name, value or [])
            elif isinstance(self.fields[name], forms.BooleanField):
                data.setlist(name, ["on"] if value else [])
            else:
                data[name] = self.fields[name].prepare_value("" if value is None else value)

    def _told(self, changed: Sequence[str], both: Sequence[str], taken: Sequence[str]) -> list[str]:
        keys, theirs = by_path(self.keys), self.instance.settings
        who, when = max((self.instance.touched.get(path, ("", "")) for path in changed), key=lambda each: each[1])
        at = f" at {timezone.localtime(datetime.fromisoformat(when)):%H:%M}" if when else ""
        said = [f"{who or 'Somebody'} saved other settings{at}, while you were editing. Nothing is saved yet."]
        for path in both:
            label = _label(keys, path)
            other = shown.said(keys[path], theirs.get(path)) if path in keys else "another text"
            said.append(f"{label}: they set it to “{other or 'inherited'}”. What you typed is kept below.")
        if taken:
            said.append(f"Taken over from them: {', '.join(_label(keys, path) for path in taken)}.")
        return [*said, "Look it over, then save again."]

    def _changes(self) -> bool:
        return self.said != self.instance.settings or bool(self.secrets)


def made_from(base: type[SettingsForm], keys: Iterable[Key], slots: Mapping[str, Sequence[str]]) -> type[SettingsForm]:
    """The form with these keys; `slots` {agent: components of its prompt} are what words to it may go to."""
    return type(base.__name__, (base,), {"keys": tuple(keys), "slots": dict(slots)})


def places_for(layer: Any, agent: str, posted: Mapping[str, Any]) -> int:  # noqa: ANN401 any layer
    """How many words to this agent a form has room for: those that stand there and a spare one, and all that came."""
    came = [int(name.split("__")[2]) for name in posted if name.startswith(f"{WORDS}__{agent}__")]
    return max(len(layer.settings.get(f"{PROMPTS}{agent}", [])) + SPARE, max(came, default=-1) + 1)


def fieldsets(
    form: type[SettingsForm],
    layer: Any,  # noqa: ANN401 any layer
    posted: Mapping[str, Any],
) -> list[tuple[str, dict[str, Any]]]:
    """The form's fields as the admin groups them: a group of keys each, then the words to each agent."""
    below, _ = form.inherits(layer)
    groups = grouped(form.keys)
    found = [(group, {"fields": [row for key in keys for row in _rows(key, below)]}) for group, keys in groups.items()]
    for agent in AGENTS:
        places = [f"{WORDS}__{agent}__{number}" for number in range(places_for(layer, agent, posted))]
        rows = [row for place in places for row in ((f"{place}__mode", f"{place}__slot"), f"{place}__text")]
        found.append((words_to(agent), {"fields": rows}))
    if form.may_lock:
        found.append(("What the layers above may only tighten", {"fields": ["locked"]}))
    found[-1][1]["fields"].append(HEEDED)  # hidden: it needs no place of its own
    return found


def _rows(key: Key, below: Effective) -> list[Any]:
    """A field with what takes back its inheritance: beside it, or below where the field takes all of the width."""
    extras = list(fields.extras_of(key, below))
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
