"""The rows of a mapping as a form of dropdowns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.forms.formsets import ORDERING_FIELD_NAME

from clients import mapping
from clients.mapping import CUSTOM, Problem, Row, transforms
from clients.mapping.checking import MOST_ROWS, MOST_TRANSFORMS, ON_BLANK
from clients.mapping.row import DIRECTIONS
from clients.mapping.transforms import TRANSFORMS
from clients.mappings.comparing import chain, label
from clients.mappings.stored import FIELDS
from clients.models import ContactField, Delivery, FieldRule

OWN = "custom"  # the choice of a field that is none of ours
PREFIX = "rows"
MOST_TYPED = 200_000  # characters of a pasted body
PLACES = range(1, MOST_TRANSFORMS + 1)
RULES = (("", "As the client's rules say"), *FieldRule.Rule.choices)
STEPS = (("", "–"), *((name, each.label) for name, each in TRANSFORMS.items()))


class RowForm(forms.Form):
    field = forms.ChoiceField(
        label="Field", choices=[("", "Choose a field"), *ContactField.choices, (OWN, "A field of our own …")],
        error_messages={"required": "Choose which field of the contact this is."},
    )  # fmt: skip
    custom = forms.CharField(label="Name of our own field", required=False, max_length=60)
    path = forms.CharField(
        label="Path", max_length=500, error_messages={"required": "Name where the value stands, like jobtitle."},
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )  # fmt: skip
    on_blank = forms.ChoiceField(label="Where it is blank", choices=list(ON_BLANK.items()), initial="ignore")
    required = forms.BooleanField(label="Required", required=False)
    rule = forms.ChoiceField(label="Where sources differ", choices=RULES, required=False)
    direction = forms.ChoiceField(label="Direction", choices=list(DIRECTIONS.items()), initial="in")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for place in PLACES:
            name, more = f"transform_{place}", f"argument_{place}"
            self.fields[name] = forms.ChoiceField(label=f"Transform {place}", choices=STEPS, required=False)
            self.fields[more] = forms.CharField(label=f"What transform {place} needs", required=False, max_length=1000)

    def clean_custom(self) -> str:
        """ "Lead score" is kept as lead_score."""
        typed = str(self.cleaned_data["custom"]).strip().casefold()
        return "_".join("".join(sign if sign.isalnum() else " " for sign in typed).split())

    @property
    def row(self) -> Row:
        said = self.cleaned_data
        steps = [(said.get(f"transform_{place}"), said.get(f"argument_{place}")) for place in PLACES]
        return Row(
            field=f"{CUSTOM}{said['custom']}" if said["field"] == OWN else said["field"],
            path=said["path"],
            transforms=tuple(f"{name}:{more}" if more else name for name, more in steps if name),
            on_blank=said["on_blank"],
            required=said["required"],
            rule=said["rule"],
            direction=said["direction"],
        )

    @property
    def chosen(self) -> str:
        """The transforms as they are at present, in words."""
        steps = [(self[f"transform_{place}"].value(), self[f"argument_{place}"].value()) for place in PLACES]
        return chain([f"{name}:{more}" if more else name for name, more in steps if name])

    @property
    def called(self) -> str:
        field = self["field"].value() or ""
        return (self["custom"].value() or "its own field") if field == OWN else label(field) if field else "new row"

    @property
    def steps(self) -> list[tuple[Any, Any]]:
        return [(self[f"transform_{place}"], self[f"argument_{place}"]) for place in PLACES]

    @property
    def is_open(self) -> bool:
        """Whether something is wrong with what stands in the folded part."""
        shown = {"field", "custom", "path", "required"}
        return bool(self.errors) and not set(self.errors) <= shown

    def refuse(self, problem: Problem) -> None:
        """Put the problem beside what it is about."""
        part = problem.part
        if part == "field" and self.cleaned_data.get("field") == OWN:
            part = "custom"
        if part == "transforms":
            specs = self.row.transforms
            wrong = next((at for at, spec in enumerate(specs, start=1) if transforms.problem(spec)), 1)
            part = f"transform_{wrong}"
        self.add_error(part if part in self.fields else None, problem.words)


class RowFormSet(forms.BaseFormSet[RowForm]):
    """`rows` are what was typed, once it is valid; an empty row that was only added counts for nothing."""

    def initial_form_count(self) -> int:
        return 0 if self.is_bound else super().initial_form_count()

    def add_fields(self, form: RowForm, index: int | None) -> None:
        super().add_fields(form, index)
        form.fields["ORDER"].widget = forms.HiddenInput()
        form.fields["DELETE"].label = "Take out"

    def clean(self) -> None:
        found = [form for form in self._in_order() if form.is_valid()]
        for problem in mapping.check([form.row for form in found], FIELDS):
            if problem.number < len(found):
                found[problem.number].refuse(problem)
            else:
                raise forms.ValidationError(problem.words)
        if not found and not any(self.errors):
            raise forms.ValidationError("There is no row. Add one, or start from the preset.")

    @property
    def rows(self) -> list[Row]:
        """Those that can be used; all of them once the form is valid."""
        return [form.row for form in self._in_order() if form.is_valid() and not form.errors]

    def _in_order(self) -> list[RowForm]:
        forms_ = [form for form in self.forms if form.has_changed() and not self._should_delete_form(form)]
        return sorted(forms_, key=lambda form: _number(form.data.get(form.add_prefix(ORDERING_FIELD_NAME))))


RowForms = forms.formset_factory(
    RowForm, formset=RowFormSet, extra=0, can_order=True, can_delete=True, max_num=MOST_ROWS, absolute_max=MOST_ROWS + 1
)


class SampleForm(forms.Form):
    """What the preview reads: a stored delivery, or what is pasted."""

    delivery = forms.ModelChoiceField(
        Delivery.objects.none(), required=False, label="A stored delivery", empty_label="None of them"
    )
    payload = forms.CharField(
        label="or a body, pasted", required=False, max_length=MOST_TYPED, strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text="What is pasted counts before what is chosen. It is not kept.",
    )  # fmt: skip

    def __init__(self, deliveries: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 a queryset, typed by the stubs alone
        super().__init__(*args, **kwargs)
        self.fields["delivery"].queryset = deliveries  # type: ignore[attr-defined]
        self.fields["delivery"].label_from_instance = told  # type: ignore[attr-defined]


class NoteForm(forms.Form):
    note = forms.CharField(
        label="Why", required=False, max_length=200, help_text="A few words, for the list of versions."
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)


def told(delivery: Delivery) -> str:
    return f"{delivery.received_at:%d %b %Y, %H:%M:%S}, {delivery.get_status_display().lower()} (no. {delivery.pk})"


def formset_of(rows: Sequence[Row]) -> RowFormSet:
    return RowForms(initial=[initial(row) for row in rows], prefix=PREFIX)


def initial(row: Row) -> dict[str, Any]:
    """What the form of a row shows."""
    own = row.field.startswith(CUSTOM)
    steps = {}
    for place, spec in enumerate(row.transforms[:MOST_TRANSFORMS], start=1):
        steps[f"transform_{place}"], steps[f"argument_{place}"] = transforms.split(spec)
    return {
        **{name: getattr(row, name) for name in ("path", "on_blank", "required", "rule", "direction")},
        "field": OWN if own else row.field,
        "custom": row.field.removeprefix(CUSTOM) if own else "",
        **steps,
    }


def rearranged(data: Mapping[str, Any], *, up: int = -1, down: int = -1, added: Row | None = None) -> RowFormSet:
    """The form as it was typed, unchecked: one row moved by a place (its number in the form, from 0), or one added."""
    typed = [each for each in _typed(data) if not each.get("DELETE")]
    for number, step in ((up, -1), (down, 1)):
        at = next((place for place, each in enumerate(typed) if each["number"] == number), None)
        if at is not None and 0 <= at + step < len(typed):
            typed[at], typed[at + step] = typed[at + step], typed[at]
    more = [initial(added)] if added else []
    return RowForms(initial=[*typed, *more][:MOST_ROWS], prefix=PREFIX)


def _typed(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows as they were typed, in their order."""
    count = min(_number(data.get(f"{PREFIX}-TOTAL_FORMS")), MOST_ROWS)
    names = [*RowForm().fields, "DELETE"]
    found = [{name: data.get(f"{PREFIX}-{at}-{name}", "") for name in names} for at in range(count)]
    orders = [_number(data.get(f"{PREFIX}-{at}-{ORDERING_FIELD_NAME}")) for at in range(count)]
    for at in sorted(range(count), key=lambda at: orders[at]):
        yield {**found[at], "number": at}


def _number(text: object) -> int:
    """Rows without a place of their own come last."""
    return int(text) if isinstance(text, str) and text.isdecimal() and len(text) < 6 else 10_000
