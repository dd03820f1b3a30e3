"""The part of a settings form in which two people who edit one layer at once find each other."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.utils import timezone

from clients import access, fields, meeting
from clients.config import shown
from clients.keys import PROMPTS, Key, by_path, words_to

WORDS = "words"
BASE = "base"
SPARE = 1  # empty places for a further word to each agent


class MeetingForm(forms.ModelForm):  # type: ignore[type-arg]
    """It carries, signed, what stood there when it was opened."""

    keys: ClassVar[Sequence[Key]] = ()
    said: Mapping[str, Any]

    @property
    def locked(self) -> list[str]:
        return list(self.instance.locks)

    def carry_base(self) -> None:
        """Once all other fields are there."""
        self.fields[BASE] = forms.CharField(required=False, widget=forms.HiddenInput)
        self.initial[BASE] = meeting.packed(getattr(self.instance, "base", None) or self._theirs())

    @property
    def base(self) -> dict[str, Any]:
        """What stood there when the form was opened; what stands there now where it does not say."""
        return meeting.unpacked(self.cleaned_data.get(BASE) or "") or self._theirs()

    def _columns(self) -> list[str]:
        """The layer's own columns that stand in the form."""
        edited = {field.name for field in (*self._meta.model._meta.fields, *self._meta.model._meta.many_to_many)}
        return [name for name in self.fields if name in edited]

    def _theirs(self) -> dict[str, Any]:
        columns = {name: self.initial.get(name) for name in self._columns()} if self.instance.pk else {}
        return meeting.state(self.instance.settings, self.instance.locks, columns)

    def met(self, cleaned: Mapping[str, Any]) -> meeting.Meeting | None:
        """What somebody else saved since this form was opened; None: nothing."""
        base = meeting.unpacked(cleaned.get(BASE) or "")
        if base is None:
            return None
        typed = {name: cleaned[name] for name in self._columns() if name in cleaned}
        mine = meeting.state(self.said, self.locked, typed)
        unread = {what: base.get(what) for what in base if what.removeprefix(meeting.COLUMN) in self.errors}
        met = meeting.meet(base, self._theirs(), {**mine, **unread})
        return met if met.changed else None

    def tell(self, met: meeting.Meeting) -> None:
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
            return shown.words(said or ()) or "inherited"
        value = getattr(self.instance, what.removeprefix(meeting.COLUMN))
        rows = value.all() if hasattr(value, "all") else None
        if rows is not None:
            return ", ".join(str(each) for each in rows) or "nobody"
        display = getattr(self.instance, f"get_{what.removeprefix(meeting.COLUMN)}_display", lambda: value)()
        return {True: "yes", False: "no", None: "nothing", "": "nothing"}.get(display, str(display))


def _label(keys: Mapping[str, Key], path: str) -> str:
    if path in keys:
        return keys[path].label
    return words_to(path.removeprefix(PROMPTS))


def places_for(layer: Any, agent: str, posted: Mapping[str, Any]) -> int:  # noqa: ANN401 any layer
    """How many words to this agent a form has room for: those that stand there and a spare one, and all that came."""
    came = [int(name.split("__")[2]) for name in posted if name.startswith(f"{WORDS}__{agent}__")]
    return max(len(layer.settings.get(f"{PROMPTS}{agent}", [])) + SPARE, max(came, default=-1) + 1)
