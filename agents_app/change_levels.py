"""How large the change from one prompt version to another is: MAJOR, MINOR or PATCH, with the reasons in words. Pure.

The level comes from the structure (Semantic Versioning 2.0.0: MAJOR where what depends on it may break):

- MAJOR: a field of the answer is gone, renamed, of another type or no longer sure; the agent must be given something
  more; a tool or a promise is gone; a model of another family answers.
- MINOR: orders, negations, numbers, names in the material, examples, components, the answer's schema, effort or the
  longest answer changed; or a model of the same family; or more than 3 % of the text.
- PATCH: the same words, or a few that can alter nothing.

What was seen of its behaviour, or a person, may raise it; nothing lowers it.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

from agents_app import change_words, prompts

PATCH_AT_MOST = 0.03  # of the text
RAISES_TO_MINOR, RAISES_TO_MAJOR = 0.1, 0.3  # of the cases, those whose outcome changed
BLOCKS = frozenset({"config", "facts", "context", "variation"})  # what every prompt is given (`prompts.build`)
NAMED_FIELD = re.compile(r"`(\w+)`")
NAMED_BLOCK = re.compile(r"<(\w+)>")
OF_CONTEXT = re.compile(r"\bcontext\.(\w+)")

Semver = tuple[int, int, int]


class Level(IntEnum):
    PATCH = 1
    MINOR = 2
    MAJOR = 3

    @property
    def key(self) -> str:
        return self.name.lower()


class Reason(NamedTuple):
    """`where` is a component or a setting in words."""

    level: Level
    where: str
    what: str


@dataclass(frozen=True)
class Content:
    """All that decides what a version makes an agent answer. `max_tokens` None, `model` and `effort` "": left to
    others. `schema` {} and `inputs` () : not known, so not compared."""

    text: str
    model: str = ""
    effort: str = ""
    max_tokens: int | None = None
    schema: Mapping[str, Any] = field(default_factory=dict)
    inputs: Collection[str] = ()
    tools: Collection[str] = ()
    contracts: Collection[str] = ()


@dataclass(frozen=True)
class Change:
    level: Level
    reasons: tuple[Reason, ...]

    def document(self) -> list[dict[str, str]]:
        return [{"level": each.level.key, "where": each.where, "what": each.what} for each in self.reasons]


def between(old: Content, new: Content, *, usual_model: str = "") -> Change:
    """The largest of all reasons decides. `usual_model` answers where a version names none."""
    found = [
        *_answer(old, new),
        *_given(old, new),
        *_model(old.model, new.model, usual_model),
        *_settings(old, new),
        *_words(old.text, new.text),
    ]
    if not found:
        found = [Reason(Level.PATCH, "Text", _smallest(old.text, new.text))]
    reasons = sorted(found, key=lambda each: -each.level)
    return Change(reasons[0].level, tuple(reasons))


def raised(level: Level, share_of_changed_cases: float) -> Level:
    """By behaviour: `share_of_changed_cases` (0 to 1) had another outcome than with the version before."""
    if share_of_changed_cases >= RAISES_TO_MAJOR:
        return Level.MAJOR
    return max(level, Level.MINOR) if share_of_changed_cases >= RAISES_TO_MINOR else level


def following(parent: Semver, level: Level, taken: Collection[Semver]) -> Semver:
    """The next free version above `parent` at this level; two made from the same parent get one each."""
    major, minor, _ = parent
    known = {*taken, parent}
    if level is Level.MAJOR:
        return (max(each[0] for each in known) + 1, 0, 0)
    if level is Level.MINOR:
        return (major, max(each[1] for each in known if each[0] == major) + 1, 0)
    return (major, minor, max(each[2] for each in known if each[:2] == (major, minor)) + 1)


# --- what the answer is, and what the agent is given


def _answer(old: Content, new: Content) -> Iterator[Reason]:
    where = "Output schema"
    if old.schema and new.schema:
        before, after = fields_of(old.schema), fields_of(new.schema)
        for path in before.keys() - after.keys():
            yield Reason(Level.MAJOR, where, f"the field “{path}” is gone{_perhaps_as(path, before, after)}")
        for path in sorted(after.keys() - before.keys()):
            yield Reason(Level.MINOR, where, f"the field “{path}” is new")
        for path in sorted(before.keys() & after.keys()):
            yield from _field(where, path, before[path], after[path])
    kept = top_fields(old.schema).intersection(top_fields(new.schema))
    told = [kept.intersection(NAMED_FIELD.findall(text)) for text in (old.text, new.text)]
    for name in sorted(told[0] - told[1]):
        yield Reason(Level.MAJOR, "Text", f"it no longer says what “{name}” of the answer is to hold")


def _perhaps_as(path: str, before: Mapping[str, "Field"], after: Mapping[str, "Field"]) -> str:
    """A new field of the same type beside it is most likely the same one under another name."""
    parent = path.rpartition(".")[0]
    likely = [
        name for name in after if name not in before and name.rpartition(".")[0] == parent
        and after[name].type == before[path].type
    ]  # fmt: skip
    return f", perhaps renamed to “{likely[0]}”" if len(likely) == 1 else ""


def _field(where: str, path: str, old: "Field", new: "Field") -> Iterator[Reason]:
    if old.type != new.type:
        yield Reason(Level.MAJOR, where, f"“{path}” was {old.type} and is {new.type}")
    elif old.is_required and not new.is_required:
        yield Reason(Level.MAJOR, where, f"“{path}” may be missing now")
    elif old != new:
        yield Reason(Level.MINOR, where, f"what “{path}” may hold changed")


def _given(old: Content, new: Content) -> Iterator[Reason]:
    if old.inputs:
        for name in sorted(set(new.inputs) - set(old.inputs)):
            yield Reason(Level.MAJOR, "Input", f"the agent has to be given “{name}”")
        for name in sorted(set(old.inputs) - set(new.inputs)):
            yield Reason(Level.MINOR, "Input", f"the agent is no longer given “{name}”")
    for what, before, after in (("tool", old.tools, new.tools), ("promise", old.contracts, new.contracts)):
        for name in sorted(set(before) - set(after)):
            yield Reason(Level.MAJOR, what.capitalize(), f"the {what} “{name}” is gone")
        for name in sorted(set(after) - set(before)):
            yield Reason(Level.MINOR, what.capitalize(), f"the {what} “{name}” is new")
    yield from _asked_for(old, new)


def _asked_for(old: Content, new: Content) -> Iterator[Reason]:
    """What the text begins to ask for, and the agent is not given."""
    mentioned = set(re.findall(r"\w+", old.text))
    blocks = set(NAMED_BLOCK.findall(new.text)) - set(NAMED_BLOCK.findall(old.text)) - BLOCKS
    parts = set(OF_CONTEXT.findall(new.text)) - set(new.inputs) - mentioned if new.inputs else set[str]()
    for name in sorted(blocks | parts):
        yield Reason(Level.MAJOR, "Input", f"the text asks for “{name}”, which the agent is not given")


# --- settings


def _model(old: str, new: str, usual: str) -> Iterator[Reason]:
    if old == new:
        return
    families = [family(name or usual) for name in (old, new)]
    told = f"{old or 'the usual model'} becomes {new or 'the usual model'}"
    if families[0] != families[1]:
        yield Reason(Level.MAJOR, "Model", f"{told}, of another family")
    else:
        yield Reason(Level.MINOR, "Model", told)


def family(model: str) -> str:
    """A model's name without versions and dates: "claude-sonnet-5-5" → "claude-sonnet"."""
    return "-".join(part for part in re.split(r"[-_:@/.\s]+", model.casefold()) if part and not part[0].isdigit())


def _settings(old: Content, new: Content) -> Iterator[Reason]:
    if old.effort != new.effort:
        yield Reason(Level.MINOR, "Effort", f"{old.effort or 'as asked'} becomes {new.effort or 'as asked'}")
    if old.max_tokens != new.max_tokens:
        usual = [each if each is not None else "the usual" for each in (old.max_tokens, new.max_tokens)]
        yield Reason(Level.MINOR, "Longest answer", f"{usual[0]} becomes {usual[1]}")


# --- the words, component by component


def _words(old: str, new: str) -> Iterator[Reason]:
    before, after = prompts.components(old), prompts.components(new)
    for name in before.keys() - after.keys():
        yield Reason(Level.MINOR, prompts.title(name), "the component is gone")
    for name in after.keys() - before.keys():
        yield Reason(Level.MINOR, prompts.title(name), "the component is new")
    both = [name for name in before if name in after]
    if both != [name for name in after if name in before]:
        yield Reason(Level.MINOR, "Text", "the components stand in another order")
    known = change_words.in_both(old, new)
    for name in both:
        yield from _component(name, before[name], after[name], known)
    ratio = change_words.edit_ratio(old, new)
    if ratio >= PATCH_AT_MOST:
        yield Reason(Level.MINOR, "Text", f"{ratio:.0%} of it changed")


def _component(name: str, old: str, new: str, known: Collection[str]) -> Iterator[Reason]:
    kind, where = prompts.kind_of(name), prompts.title(name)
    if kind == prompts.EXAMPLES and change_words.normalised(old) != change_words.normalised(new):
        yield Reason(Level.MINOR, where, "the examples changed")
    for each in change_words.touched(old, new, known, is_instruction=kind == prompts.CONSTRAINTS):
        yield Reason(Level.MINOR, where, each.told)


def _smallest(old: str, new: str) -> str:
    if change_words.normalised(old) == change_words.normalised(new):
        return "only signs, spaces or capitals changed" if old != new else "the text is the same"
    ratio = change_words.edit_ratio(old, new)
    return f"a few words changed that order nothing ({ratio:.1%} of it)"


# --- an answer's schema as flat fields


class Field(NamedTuple):
    """`bounds` are what else its schema says, such as lengths, without words for people."""

    type: str
    is_required: bool
    bounds: tuple[tuple[str, str], ...]


BOUNDS = (
    "enum", "const", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "pattern", "format",
)  # fmt: skip


def top_fields(schema: Mapping[str, Any]) -> set[str]:
    return set(schema.get("properties", {}))


def fields_of(schema: Mapping[str, Any]) -> dict[str, Field]:
    """{path: field} of a JSON schema, such as {"sentences[].text": …}; references within it are followed."""
    return dict(_flat(schema, schema, ""))


def _flat(node: Mapping[str, Any], whole: Mapping[str, Any], path: str) -> Iterator[tuple[str, Field]]:
    for name, part in node.get("properties", {}).items():
        said = _followed(part, whole)
        here = f"{path}.{name}" if path else name
        yield from _at(here, said, whole, is_required=name in node.get("required", ()))


def _at(
    path: str, said: Mapping[str, Any], whole: Mapping[str, Any], *, is_required: bool
) -> Iterator[tuple[str, Field]]:
    bounds = tuple((name, str(said[name])) for name in BOUNDS if name in said)
    yield path, Field(_type(said, whole), is_required, bounds)
    yield from _flat(said, whole, path)
    if "items" in said:
        yield from _at(f"{path}[]", _followed(said["items"], whole), whole, is_required=True)


def _type(said: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    either: Sequence[Mapping[str, Any]] = said.get("anyOf") or said.get("oneOf") or ()
    if either:
        return " or ".join(sorted(_type(_followed(each, whole), whole) for each in either))
    kind = said.get("type", "anything")
    return kind if isinstance(kind, str) else " or ".join(sorted(kind))


def _followed(part: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    """What "#/$defs/Name" stands for, with what is said beside it."""
    if "$ref" not in part:
        return part
    found: Any = whole
    for step in str(part["$ref"]).removeprefix("#/").split("/"):
        found = found[step]
    return {**found, **{name: said for name, said in part.items() if name != "$ref"}}
