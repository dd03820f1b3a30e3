"""The forms of changes that are made to many clients at once."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Self

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget
from django.core import signing
from django.core.exceptions import ValidationError

from clients import fields
from clients.config import edits, importing, schema
from clients.config.checks import Prompts
from clients.config.edits import Edit
from clients.config.layers import is_set
from clients.keys import AGENTS, MODES, PROMPTS, Key, grouped, words_to

SALT = "clients.bulk"
KEPT_S = 24 * 3600  # what was uploaded is carried between two pages for so long
REASON = "A few words, for whoever looks at the versions later. Needed where a client is active."


def choices_of(keys: Sequence[Key]) -> list[Any]:
    """Every setting that can be changed of many clients, under its group. Secrets are typed one by one."""
    groups = [(group, [(key.path, key.label) for key in of]) for group, of in grouped(_open(keys)).items()]
    return [
        ("", "Choose a setting"),
        *groups,
        ("Words to the agents", [(f"{PROMPTS}{a}", words_to(a)) for a in AGENTS]),
    ]


def _open(keys: Sequence[Key]) -> list[Key]:
    return [key for key in keys if not key.sensitive]


class SettingForm(forms.Form):
    """Which setting: the first step."""

    clients = forms.CharField(widget=forms.HiddenInput)
    setting = forms.ChoiceField(label="Setting")

    def __init__(self, keys: Sequence[Key], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["setting"].choices = choices_of(keys)  # type: ignore[attr-defined]


class EditForm(forms.Form):
    """What becomes of the setting. After it is found valid, `edit` is the change."""

    how = forms.ChoiceField(label="What to do", widget=forms.RadioSelect)
    reason = forms.CharField(label="Why", max_length=200, required=False, help_text=REASON)
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, setting: Key | str, slots: Prompts, *args: Any, **kwargs: Any) -> None:
        """`setting` is a key, or the agent to whom something is said; `slots` are the live prompts' components."""
        super().__init__(*args, **kwargs)
        self.key = setting if isinstance(setting, Key) else None
        self.agent = setting if isinstance(setting, str) else ""
        ways = edits.ways(self.key)
        self.fields["how"].choices = list(ways.items())  # type: ignore[attr-defined]
        self.initial.setdefault("how", next(iter(ways)))
        self.fields |= _of_key(self.key) if self.key else _of_words(list(slots.get(self.agent, ())))
        self.order_fields(["how", "value", "names", "mode", "slot", "text", "reason", "seen"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        how = cleaned.get("how", "")
        value = None if how == edits.INHERIT else self._value(how, cleaned)
        if how and how != edits.INHERIT and not is_set(value) and not self.errors:
            named = "names" if "names" in self.fields and how == edits.TAKE else "value" if self.key else "text"
            self.add_error(named, f"“{edits.ways(self.key)[how]}” needs something here.")
        self.edit = Edit(self.key, how, value, self.agent)
        return cleaned

    def clean_seen(self) -> str:
        """The mark of what the person looked at; "" where nobody has."""
        try:
            return str(signing.loads(self.cleaned_data.get("seen") or "", salt=SALT))
        except signing.BadSignature:
            return ""

    def _value(self, how: str, cleaned: Mapping[str, Any]) -> Any:  # noqa: ANN401 a value of any key
        if self.key is None:
            return fields.words_in(*(str(cleaned.get(name) or "").strip() for name in ("mode", "slot", "text")))
        if how == edits.TAKE and edits.is_named(self.key):
            return cleaned.get("names")
        return fields.value_of(self.key, cleaned.get("value"))

    def shown_again(self, mark: str) -> Self:
        """The same form, which carries what the person is about to look at."""
        data: Any = self.data.copy()  # type: ignore[attr-defined]
        data["seen"] = signing.dumps(mark, salt=SALT)
        self.data = data
        return self


class ManyFiles(forms.FileField):
    """Any number of files; after it is found valid, a list of them."""

    class Widget(forms.ClearableFileInput):
        allow_multiple_selected = True

    widget = Widget

    def clean(self, data: Any, initial: Any = None) -> list[Any]:  # noqa: ANN401 - the signature is Django's
        given = data if isinstance(data, list | tuple) else [data] if data else []
        return [super(ManyFiles, self).clean(each, initial) for each in given]


class FolderForm(forms.Form):
    """The files of many clients. What was uploaded is carried, signed, so that nobody has to choose it twice."""

    uploads = ManyFiles(
        label="Files",
        required=False,
        widget=ManyFiles.Widget(attrs={"accept": ".json,.zip"}),
        help_text=f"Up to {importing.MOST_FILES} files named {importing.NAMES.replace('*', '<slug>')}, or one .zip.",
    )
    reason = forms.CharField(label="Why", max_length=200, required=False, help_text=REASON)
    carried = forms.CharField(required=False, widget=forms.HiddenInput)
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_carried(self) -> dict[str, bytes]:
        text = self.cleaned_data.get("carried")
        if not text:
            return {}
        try:
            kept: dict[str, str] = signing.loads(text, salt=SALT, max_age=KEPT_S)
        except signing.BadSignature:
            raise ValidationError("The files were uploaded too long ago. Choose them again.") from None
        return {name: b64decode(content) for name, content in kept.items()}

    def clean_seen(self) -> dict[str, str]:
        """{file: mark} of what the person looked at."""
        try:
            return dict(signing.loads(self.cleaned_data.get("seen") or "", salt=SALT))
        except signing.BadSignature:
            return {}

    def clean(self) -> dict[str, Any]:
        """`uploaded` becomes {file: content}; a file that is chosen anew takes the place of the one of its name."""
        cleaned = super().clean() or {}
        self.uploaded, given = cleaned.get("carried") or {}, cleaned.get("uploads") or []
        if self.errors:
            return cleaned
        try:
            new = importing.unpacked((each.name, each.read()) for each in given) if given else {}
            self.uploaded = importing.bounded({**self.uploaded, **new})
        except importing.FilesRefused as refused:
            self.add_error("uploads", str(refused))
        return cleaned

    def shown_again(self, files: Mapping[str, bytes], marks: Mapping[str, str]) -> Self:
        data: Any = self.data.copy()  # type: ignore[attr-defined]
        kept = {name: b64encode(content).decode() for name, content in files.items()}
        data["carried"] = signing.dumps(kept, salt=SALT, compress=True)
        data["seen"] = signing.dumps(dict(marks), salt=SALT, compress=True)
        self.data = data
        return self


def _of_key(key: Key) -> dict[str, forms.Field]:
    field = fields.field_of(key)
    field.label = key.label
    if isinstance(field, forms.TypedChoiceField):
        field.choices = [("", "Choose"), *((name, label) for name, label in field.choices if name)]  # type: ignore[misc,union-attr]
    if isinstance(field, forms.MultipleChoiceField):
        field.help_text = key.help
    if not edits.is_named(key):
        return {"value": field}
    field.help_text = f"{key.help} One a line: a name, a colon and a text.".strip()
    names = fields.Lines(longest=200, most=100, label="Names to take out", help_text="One a line.")
    return {"value": field, "names": names}


def _of_words(slots: Sequence[str]) -> dict[str, forms.Field]:
    places = [("", "The whole prompt"), *((slot, slot.replace("_", " ").capitalize()) for slot in slots if slot)]
    widget = AdminTextareaWidget(attrs={"rows": 4})
    return {
        "mode": forms.ChoiceField(choices=list(MODES.items()), required=False, initial="add", label="Where"),
        "slot": forms.ChoiceField(choices=places, required=False, label="Of what"),
        "text": forms.CharField(max_length=schema.LONGEST_WORD, required=False, label="What", widget=widget),
    }
