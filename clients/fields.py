"""A form's field for each kind of setting, and what a person typed into it as a layer's word."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget
from django.core.exceptions import ValidationError

from clients.config.layers import ADD, REMOVE, UNSET, Effective, Origin, is_set, joined, words_of
from clients.keys import LEAVE_OUT, Key

LONG = 120  # characters; a text that may be longer gets a box of several lines
BOUNDS = {"min_value": "Enter %(limit_value)s or more.", "max_value": "Enter %(limit_value)s or less."}
MANY = 10  # entries that may be taken out are shown as boxes to tick up to here


class Lines(forms.CharField):
    """A list, one entry a line. Blank lines and repetitions go."""

    widget = forms.Textarea(attrs={"rows": 4})

    def __init__(self, *, longest: int, most: int, **options: Any) -> None:
        super().__init__(required=False, **options)
        self.longest, self.most = longest, most

    def prepare_value(self, value: object) -> object:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: object) -> list[str]:  # type: ignore[override]
        lines = [" ".join(line.split()) for line in (super().to_python(value) or "").splitlines()]
        for number, line in enumerate(lines, start=1):
            if len(line) > self.longest:
                raise ValidationError(
                    f"Line {number} is longer than {self.longest} characters. Split it or shorten it."
                )
        found = joined([[line for line in lines if line]])
        if len(found) > self.most:
            raise ValidationError(f"There are {len(found)} lines. Keep the {self.most} most important ones.")
        return found

    def has_changed(self, initial: object, data: object) -> bool:
        return (initial or []) != self.to_python(data)


class Pairs(Lines):
    """Names and texts, one pair a line: "name: text"."""

    def prepare_value(self, value: object) -> object:
        return "\n".join(f"{name}: {text}" for name, text in value.items()) if isinstance(value, dict) else value

    def to_python(self, value: object) -> dict[str, str]:  # type: ignore[override]
        found: dict[str, str] = {}
        for number, line in enumerate(super().to_python(value), start=1):
            name, colon, text = (part.strip() for part in line.partition(":"))
            if not (colon and name and text):
                raise ValidationError(f"Line {number} is no pair. Write a name, a colon and a text.")
            if name in found:
                raise ValidationError(f"“{name}” stands twice. Keep one of the lines.")
            found[name] = text
        return found

    def has_changed(self, initial: object, data: object) -> bool:
        return (initial or {}) != self.to_python(data)


def field_of(key: Key) -> forms.Field:
    """Empty means in each of them: as the layer below says."""
    return _MAKERS[key.kind](key, {"label": key.label, "help_text": key.help, "required": False})


def extras_of(
    key: Key, inherited: Effective | None, said: object = None, *, keeps: bool = False
) -> dict[str, forms.Field]:
    """What takes back what a key inherits; nothing where nothing is inherited but what is built in, or it is locked.
    Of a secret, what forgets it where the layer keeps one.

    `said` is the layer's word: what it takes back already can be seen and kept, whatever is inherited by now."""
    if key.sensitive:
        words = f"Forget the {key.label.lower()} that is kept here"
        return {f"{key.field}__forget": forms.BooleanField(required=False, label=words)} if keeps else {}
    unset, removed, _ = words_of(said)
    origin = inherited.origins.get(key.path) if inherited else None
    if origin is not None and origin.locked_by:
        origin = None
    if key.is_list or key.kind == "table":
        return {**_out(key, origin, removed), **(_unset(key, "Counts where nothing is typed here.") if unset else {})}
    is_inherited = origin is not None and not set(origin.sources) <= {"built in"}
    return _unset(key) if is_inherited or unset else {}


def _out(key: Key, origin: Origin | None, removed: Sequence[str]) -> dict[str, forms.Field]:
    """The entries that may be left out, as the layer spells them where it does so already."""
    names = origin.entries if origin is not None and key.merge != "replace" else ()
    spelt = {name.casefold(): name for name in names} | {name.casefold(): name for name in removed}
    choices = [(name, (key.choices or {}).get(name, name)) for name in spelt.values()]
    widget = forms.CheckboxSelectMultiple if len(choices) <= MANY else forms.SelectMultiple
    out = forms.MultipleChoiceField(
        choices=choices,
        required=False,
        widget=widget,
        label=f"{key.label}: leave out",
        help_text="Inherited, and not wanted here.",
    )
    return {f"{key.field}__out": out} if choices else {}


def _unset(key: Key, help_text: str = "") -> dict[str, forms.Field]:
    words = f"Do not inherit the {key.label.lower()}"
    return {f"{key.field}__unset": forms.BooleanField(required=False, label=words, help_text=help_text)}


def initial_of(key: Key, said: object) -> dict[str, Any]:
    """{field: what it shows} for what the layer says."""
    unset, removed, value = words_of(said)
    if key.kind == "entries" and isinstance(value, list):
        value = {each["key"]: each["text"] for each in value}
    if isinstance(value, bool):
        value = "yes" if value else "no"
    return {key.field: value, f"{key.field}__out": removed, f"{key.field}__unset": unset}


def said_in(key: Key, cleaned: dict[str, Any]) -> Any:  # noqa: ANN401 a value, or a word about what is inherited
    """What was typed, as the layer's word; None where it says nothing."""
    value = value_of(key, cleaned.get(key.field))
    removed: Sequence[str] = cleaned.get(f"{key.field}__out") or ()
    if removed:
        return {REMOVE: list(removed), **({ADD: value} if is_set(value) else {})}
    if is_set(value):
        return value
    return {UNSET: True} if cleaned.get(f"{key.field}__unset") else None


def words_in(mode: str, slot: str, text: str) -> list[dict[str, str]]:
    """What was typed as a word to an agent. One that leaves out what is inherited has no text: what was typed beside it
    is added after that."""
    left_out = [{"mode": LEAVE_OUT, "text": ""}] if mode == LEAVE_OUT else []
    if not text:
        return left_out
    place = "add" if mode == LEAVE_OUT else mode or "add"
    return [*left_out, {"mode": place, "text": text, **({"slot": slot} if slot else {})}]


def secret_in(key: Key, cleaned: Mapping[str, Any]) -> dict[str, str | None]:
    """{path: what was typed, or None to forget what is kept}; empty where neither was asked for.

    Raises ValidationError for both."""
    typed, forget = cleaned.get(key.field) or "", cleaned.get(f"{key.field}__forget")
    if typed and forget:
        raise ValidationError("Type a new one, or forget the one that is kept; not both.")
    return {key.path: typed or None} if typed or forget else {}


def value_of(key: Key, typed: Any) -> Any:  # noqa: ANN401 a value of the key's type
    """What the key's own field gave, as layers hold it."""
    if key.kind == "flag":
        return {"yes": True, "no": False}.get(typed)
    if key.kind == "entries" and isinstance(typed, dict):
        return [{"key": name, "text": text} for name, text in typed.items()]
    if key.kind == "text" and isinstance(typed, str):
        return typed.strip()
    return typed


def _text(key: Key, usual: dict[str, Any]) -> forms.Field:
    if key.sensitive:
        usual |= {"widget": forms.PasswordInput(attrs={"autocomplete": "new-password"})}
        usual["help_text"] = f"{key.help} Kept encrypted and never shown again; empty keeps the present one.".strip()
    elif (key.longest or 0) > LONG:
        usual["widget"] = AdminTextareaWidget(attrs={"rows": 3 if (key.longest or 0) > 300 else 2})
    return forms.CharField(max_length=key.longest, **usual)


def _choice(key: Key, usual: dict[str, Any]) -> forms.Field:
    return forms.TypedChoiceField(choices=[("", "inherited"), *(key.choices or {}).items()], empty_value="", **usual)


def _flag(key: Key, usual: dict[str, Any]) -> forms.Field:
    return forms.TypedChoiceField(choices=[("", "inherited"), ("yes", "Yes"), ("no", "No")], empty_value="", **usual)


def _whole(key: Key, usual: dict[str, Any]) -> forms.Field:
    least, most = (None if each is None else int(each) for each in (key.least, key.most))
    return forms.IntegerField(min_value=least, max_value=most, error_messages=BOUNDS, **usual)


def _number(key: Key, usual: dict[str, Any]) -> forms.Field:
    return forms.FloatField(min_value=key.least, max_value=key.most, error_messages=BOUNDS, **usual)


def _lines(key: Key, usual: dict[str, Any]) -> forms.Field:
    usual.pop("required")
    kind = Lines if key.kind == "terms" else Pairs
    return kind(longest=key.longest or 200, most=int(key.most or 100), **usual)


def _choices(key: Key, usual: dict[str, Any]) -> forms.Field:
    usual["help_text"] = f"{key.help} Tick none to inherit.".strip()
    return forms.MultipleChoiceField(
        choices=list((key.choices or {}).items()), widget=forms.CheckboxSelectMultiple, **usual
    )


_MAKERS = {
    "text": _text, "choice": _choice, "flag": _flag, "whole": _whole, "number": _number, "terms": _lines,
    "table": _lines, "entries": _lines, "choices": _choices,
}  # fmt: skip
