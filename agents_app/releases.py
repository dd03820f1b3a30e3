"""What a release of a prompt version changes and how to go back, for a person to read before it and ever after."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth.models import User

from agents_app import contents, prompts, wording
from agents_app.change_levels import fields_of
from agents_app.models import ClientPrompt, PlannedPrompt, PromptVersion, Release

USUAL_MODEL, AS_ASKED, USUAL_LENGTH = "as the client's settings choose", "as settings or depth ask", "the agent's own"


class Part(NamedTuple):
    """A component on both sides. `state` is same, changed, new or gone; `lines` a unified difference."""

    name: str
    kind: str
    state: str
    text: str
    lines: list[str]


class Pair(NamedTuple):
    """A setting on both sides, in words."""

    label: str
    left: str
    right: str

    @property
    def differs(self) -> bool:
        return self.left != self.right


class Compared(NamedTuple):
    """Two versions side by side; `changes` is [{"level", "where", "what"}]."""

    left: PromptVersion
    right: PromptVersion
    level: str
    changes: list[dict[str, str]]
    parts: list[Part]
    settings: list[Pair]
    schema: list[Pair]

    @property
    def changed(self) -> list[Part]:
        return [part for part in self.parts if part.state != "same"]


def compare(left: PromptVersion, right: PromptVersion) -> Compared:
    change = contents.between(left, right)
    return Compared(
        left,
        right,
        change.level.key,
        change.document(),
        parts(left.text, right.text),
        pairs(left, right),
        list(_fields(left.output_schema, right.output_schema)),
    )


def parts(left: str, right: str) -> list[Part]:
    """The components of both, in the order of the right one; what is gone stands last."""
    old, new = prompts.components(left), prompts.components(right)
    return [_part(name, old.get(name), new.get(name)) for name in dict.fromkeys((*new, *old))]


def _part(name: str, old: str | None, new: str | None) -> Part:
    state = "new" if old is None else "gone" if new is None else "same" if old == new else "changed"
    lines = wording.difference(old or "", new or "") if state != "same" else []
    text = new if new is not None else old or ""
    return Part(prompts.title(name), prompts.kind_of(name), state, text, lines)


def pairs(left: PromptVersion, right: PromptVersion) -> list[Pair]:
    """What they decide beside the text."""
    both = (left, right)
    return [
        Pair("Model", *(each.model or USUAL_MODEL for each in both)),
        Pair("Effort", *(each.get_effort_display() or AS_ASKED for each in both)),
        Pair("Longest answer", *(f"{each.max_tokens:,} tokens" if each.max_tokens else USUAL_LENGTH for each in both)),
    ]


def _fields(left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[Pair]:
    """The fields of the answer in which they differ; of schemas that nobody kept, none."""
    if not left or not right:
        return
    old, new = fields_of(left), fields_of(right)
    for path in dict.fromkeys((*new, *old)):
        if old.get(path) != new.get(path):
            yield Pair(path, *(_field(side.get(path)) for side in (old, new)))


def _field(field: Any) -> str:  # noqa: ANN401 a field of the schema, or none
    if field is None:
        return "not there"
    bounds = ", ".join(f"{name} {value}" for name, value in field.bounds)
    return f"{field.type}{'' if field.is_required else ', may be missing'}{f' ({bounds})' if bounds else ''}"


# --- the changelog


def write(
    version: PromptVersion, replaced: PromptVersion | None, *, by: User | None, at: datetime, reason: str
) -> Release:
    """The entry of the changelog, in the transaction that moves the label."""
    change = contents.between(replaced, version) if replaced else None
    return Release.objects.create(
        version=version,
        replaced=replaced,
        level=change.level.key if change else PromptVersion.Level.FIRST,
        changes=change.document() if change else [],
        stays=[
            {"client": pin.client_id, "name": pin.client.name, "number": pin.version.number} for pin in staying(version)
        ],
        going_back=going_back(version, replaced),
        reason=reason[:200],
        author=by,
        released_at=at,
    )


def staying(version: PromptVersion) -> list[ClientPrompt]:
    """The pins of clients that keep another version."""
    others = ClientPrompt.objects.filter(agent=version.agent).exclude(version=version)
    return list(others.select_related("client", "version").order_by("client__name"))


def going_back(version: PromptVersion, replaced: PromptVersion | None) -> list[str]:
    """How to undo the release of `version`, as sentences."""
    if replaced is None:
        return [f"Nothing was live before {version.title}: to go back, make another version live."]
    under_way = PlannedPrompt.objects.filter(version=replaced, run__is_open=True).count()
    return [
        f"“Roll back” on the list of versions or on {version.title} makes {replaced.title} live again, at once.",
        "The next run that is planned uses it. Runs planned in between keep what they were planned with.",
        f"Runs under way with {replaced.title} when this one went live, which keep it to their end: {under_way:,}.",
        "Drafts that wait for approval stay as they are; reject those that you no longer want.",
    ]
