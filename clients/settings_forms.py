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
from django.utils import timezone

from clients import access, config, fields, meeting
from clients.config import ConfigRefused, checks, schema, shown
from clients.config.layers import Effective
from clients.keys import AGENTS, MODES, PROMPTS, Key, by_path, grouped, words_to
from clients.models import Client

WORDS = "words"
BASE = "base"
HEEDED = "heeded"  # which warnings the person has seen
MOST_PEERS = 200  # clients whose tone says what is usual
SPARE = 1  # empty places for a further word to each agent


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """Any layer's settings. Empty means: as the layer below says. The form carries what stood there when it was opened,
    so that two people who edit at once find each other.

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
        for name in (HEEDED, BASE):
            self.fields[name] = forms.CharField(required=False, widget=forms.HiddenInput)
        self.initial[BASE] = meeting.packed(self._theirs())

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
        if met := self._met(cleaned):
            self._tell(met)
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

    def _columns(self) -> list[str]:
        """The layer's own columns that stand in the form."""
        edited = {field.name for field in (*self._meta.model._meta.fields, *self._meta.model._meta.many_to_many)}
        return [name for name in self.fields if name in edited]

    def _theirs(self) -> dict[str, Any]:
        columns = {name: self.initial.get(name) for name in self._columns()} if self.instance.pk else {}
        return meeting.state(self.instance.settings, self.instance.locks, columns)

    def _met(self, cleaned: Mapping[str, Any]) -> meeting.Meeting | None:
        """What somebody else saved since this form was opened; None: nothing."""
        base = meeting.unpacked(cleaned.get(BASE) or "")
        if base is None:
            return None
        typed = {name: cleaned[name] for name in self._columns() if name in cleaned}
        mine = meeting.state(self.said, self.locked, typed)
        unread = {what: base.get(what) for what in base if what.removeprefix(meeting.COLUMN) in self.errors}
        met = meeting.meet(base, self._theirs(), {**mine, **unread})
        return met if met.changed else None

    def _tell(self, met: meeting.Meeting) -> None:
        """What only they changed is taken over, what both changed stays as this person typed it, and nothing is saved
        before the person has seen that."""
        theirs = self._theirs()
        data: Any = self.data.copy()  # type: ignore[attr-defined]
        data[BASE] = meeting.packed(theirs)
        for what in met.taken:
            self._show(data, what, theirs.get(what))
        self.data = data
        self.add_error(None, self._told(met, theirs))

    def _show(self, data: Any, what: str, said: Any) -> None:  # noqa: ANN401 a value, a word, or words to an agent
        if what.startswith(meeting.LOCK):
            path = what.removeprefix(meeting.LOCK)
            others = [each for each in data.getlist("locked") if each != path]
            data.setlist("locked", [*others, path] if said else others)
        elif what.startswith(meeting.COLUMN):
            self._fill(data, what.removeprefix(meeting.COLUMN), said)
        elif what.startswith(PROMPTS):
            agent = what.removeprefix(PROMPTS)
            for number in range(places_for(self.instance, agent, data)):
                word = said[number] if said and number < len(said) else {}
                for name in ("mode", "slot", "text"):
                    data[f"{WORDS}__{agent}__{number}__{name}"] = word.get(name, "")
        elif key := by_path(self.keys).get(what):
            for name, value in fields.initial_of(key, said).items():
                self._fill(data, name, value)

    def _fill(self, data: Any, name: str, value: Any) -> None:  # noqa: ANN401 any field's value
        field = self.fields.get(name)
        if isinstance(field, forms.MultipleChoiceField | forms.ModelMultipleChoiceField):
            data.setlist(name, value or [])
        elif isinstance(field, forms.BooleanField):
            data.setlist(name, ["on"] if value else [])
        elif field is not None:
            data[name] = field.prepare_value("" if value is None else value)

    def _told(self, met: meeting.Meeting, theirs: meeting.State) -> list[str]:
        who, when = self._last_touch(met)
        at = f" at {timezone.localtime(datetime.fromisoformat(when)):%H:%M}" if when else ""
        said = [f"{who or 'Somebody'} saved other settings{at}, while you were editing. Nothing is saved yet."]
        for what in met.both:
            other = self._words_of_theirs(what, theirs.get(what))
            said.append(f"{self._name(what)}: they set it to “{other}”. What you typed is kept below.")
        if met.taken:
            said.append(f"Taken over from them: {', '.join(self._name(what) for what in met.taken)}.")
        return [*said, "Look it over, then save again."]

    def _last_touch(self, met: meeting.Meeting) -> Sequence[str]:
        """(who, when) of what the other changed last; of columns the row's history knows."""
        touched = (self.instance.touched.get(what.removeprefix(meeting.LOCK), ("", "")) for what in met.changed)
        last: Sequence[str] = max(touched, key=lambda each: each[1])
        if last[1] or not hasattr(self.instance, "history"):
            return last
        row = self.instance.history.select_related("history_user").latest("history_id")
        return access.called(row.history_user, otherwise=""), row.history_date.isoformat()

    def _name(self, what: str) -> str:
        known = by_path(self.keys)
        if what.startswith(meeting.COLUMN):
            field = self.fields[what.removeprefix(meeting.COLUMN)]
            return str(field.label)
        if what.startswith(meeting.LOCK):
            return f"whether {_label(known, what.removeprefix(meeting.LOCK))} is locked"
        return _label(known, what)

    def _words_of_theirs(self, what: str, said: Any) -> str:  # noqa: ANN401 as above
        keys = by_path(self.keys)
        if what in keys:
            return shown.said(keys[what], said) or "inherited"
        if not what.startswith(meeting.COLUMN):
            return " / ".join(f"{shown.how(each)}: {each['text']}" for each in said or ()) or "inherited"
        value = getattr(self.instance, what.removeprefix(meeting.COLUMN))
        rows = value.all() if hasattr(value, "all") else None
        if rows is not None:
            return ", ".join(str(each) for each in rows) or "nobody"
        display = getattr(self.instance, f"get_{what.removeprefix(meeting.COLUMN)}_display", lambda: value)()
        return {True: "yes", False: "no", None: "nothing", "": "nothing"}.get(display, str(display))

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
    reason = forms.CharField(
        max_length=200, required=False, label="Why", help_text="A few words, for whoever looks at the versions later."
    )

    class Meta:
        model = Client
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets choose
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
        return cleaned

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
    found[-1][1]["fields"] += [HEEDED, BASE]  # hidden: they need no place of their own
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
