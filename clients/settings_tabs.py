"""A settings page in parts: which fields stand on which tab, and what is wrong on each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.contrib.admin.helpers import InlineAdminFormSet
from django.contrib.admin.utils import flatten
from django.utils.text import capfirst, slugify

from clients import keys

OVERVIEW, BOUNDS, COST, CHANGE = (
    "Overview", "What the layers above may only tighten", "What their runs may cost", "This change",
)  # fmt: skip
TABS: Mapping[str, Sequence[str]] = {
    OVERVIEW: ("", "At a glance"),
    "Who they are": ("Who they are", "Who looks after them"),
    "Writing": (keys.WRITE, keys.SAY),
    "Sending": (keys.SIGN, keys.SEND),
    "Agents": (keys.WORK, COST),
    "Words to agents": tuple(map(keys.words_to, keys.AGENTS)),
    keys.OWN: (keys.OWN,),
    "Locks": (BOUNDS,),
}
"""{tab: the fieldsets on it}. A fieldset that stands nowhere here gets a tab of its own."""


Fieldset = Any  # of django.contrib.admin.helpers


class Problem(NamedTuple):
    """`tab` is the name of the one it stands on, "" where it stands after all. `anchor` is the id of the field to mend,
    "" where it is none's alone."""

    tab: str
    anchor: str
    label: str
    says: str


class Tab(NamedTuple):
    slug: str
    name: str
    fieldsets: list[Fieldset]
    inlines: list[InlineAdminFormSet]
    problems: list[Problem]


class Parts(NamedTuple):
    """`closing` are the fieldsets after all tabs, whichever is open; `general` is what no
    single field is to blame for."""

    tabs: list[Tab]
    closing: list[Fieldset]
    problems: list[Problem]
    general: list[str]


def parts_of(
    form: Any,  # noqa: ANN401 a layer's form
    fieldsets: Iterable[Fieldset],
    inlines: Sequence[InlineAdminFormSet],
) -> Parts:
    found = {name: Tab(slugify(name), name, [], [], []) for name in (OVERVIEW, *map(_name_of, inlines), *TABS)}
    closing = []
    for fieldset in fieldsets:
        if fieldset.name == CHANGE:
            closing.append(fieldset)
            continue
        tab = _tab_of(fieldset, found)
        tab.fieldsets.append(fieldset)
        tab.problems.extend(_of_fieldset(tab.name, form, fieldset))
    for inline in inlines:
        found[_name_of(inline)].inlines.append(inline)
        found[_name_of(inline)].problems.extend(_of_inline(inline))
    tabs = [tab for tab in found.values() if tab.fieldsets or tab.inlines]
    problems = [problem for tab in tabs for problem in tab.problems]
    problems += [problem for fieldset in closing for problem in _of_fieldset("", form, fieldset)]
    return Parts(tabs, closing, problems, [str(each) for each in form.non_field_errors()])


def _name_of(inline: InlineAdminFormSet) -> str:
    return capfirst(str(inline.opts.verbose_name_plural))


def _tab_of(fieldset: Fieldset, found: dict[str, Tab]) -> Tab:
    name = str(fieldset.name or "")
    tab = next((tab for tab, names in TABS.items() if name in names), name)
    return found.setdefault(tab, Tab(slugify(tab), tab, [], [], []))


def _of_fieldset(tab: str, form: Any, fieldset: Fieldset) -> Iterator[Problem]:  # noqa: ANN401
    names = [name for name in flatten(fieldset.fields) if name in form.errors]
    bound = [(form[name], form.errors[name]) for name in names]
    return (Problem(tab, field.auto_id, str(field.label), says) for field, texts in bound for says in texts)


def _of_inline(inline: InlineAdminFormSet) -> Iterator[Problem]:
    formset: Any = inline.formset
    yield from (Problem(_name_of(inline), "", "", says) for says in formset.non_form_errors())
    for number, form in enumerate(formset.forms, start=1):
        row = f"{capfirst(str(inline.opts.verbose_name))} {number}"
        for name, texts in form.errors.items():
            field = form[name] if name in form.fields else None
            anchor, label = (field.auto_id, f"{row}, {str(field.label).lower()}") if field else ("", row)
            yield from (Problem(_name_of(inline), anchor, label, says) for says in texts)
