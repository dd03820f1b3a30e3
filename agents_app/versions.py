"""Prompt versions: numbered texts that never change, the label that moves between them, and pins for single clients.

Whatever touches one agent's versions takes that agent's lock first, so numbers have no gaps and the label no race. The
database holds the same rules by itself (one version a number, one live version an agent).
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, Unpack

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F, FilteredRelation, Q, QuerySet
from django.utils import timezone

from agents_app import agents, change_levels, contents, names, promising, prompts, releases
from agents_app.change_levels import Change, Content, Level, Reason, Semver
from agents_app.models import ClientPrompt, ModelPrice, PromptVersion
from clients import access
from clients.models import AgentKey, Client

Row = TypeVar("Row", PromptVersion, ClientPrompt)
ROLLED_BACK = "Rolled back"  # how the history tells a step back from a step forward

Label = PromptVersion.Label


class VersionRefused(Exception):
    """A version that may not be made, or a label that may not move, and how to mend it."""


class Asked(contents.Settings, total=False):
    """`parent` is the version that it was made from: without it the live one, else the newest. `at_least` is a level
    that a person raises it to."""

    parent: PromptVersion | None
    at_least: str


def models() -> list[str]:
    """Names of the models that can be paid, and so be chosen. The offline composer is nobody's choice."""
    priced = ModelPrice.objects.exclude(model__startswith=names.COMPOSER).order_by("model")
    return list(priced.values_list("model", flat=True).distinct())


@transaction.atomic
def create(agent: str, *, text: str, note: str, by: User | None, at: datetime, **asked: Unpack[Asked]) -> PromptVersion:
    """The next number, as a draft, with the semantic version that its change against its parent asks for. Line ends and
    space at the end of lines do not count as a change."""
    _lock(agent)
    check(agent, text, **asked)
    return _write(agent, _content(agent, text, asked), asked, note=note.strip(), by=by, at=at)


def check(agent: str, text: str, **asked: Unpack[Asked]) -> None:
    """Raises VersionRefused where `create` would."""
    if not text.strip():
        raise VersionRefused("The text is empty. Write the whole prompt: a version holds all of it, not only a change.")
    model, parent = asked.get("model", ""), asked.get("parent")
    if model and not ModelPrice.objects.filter(model=model).exists():
        raise VersionRefused(f"No price of {model} is known, so it could not be paid. Add one under Model prices.")
    if parent is not None and parent.agent != agent:
        raise VersionRefused(f"{parent} is a prompt of another agent. Choose a version of {AgentKey(agent).label}.")
    twin = _twin(agent, _content(agent, text, asked))
    if twin is not None:
        raise VersionRefused(
            f"The text is the same as that of {twin} ({twin.get_label_display().lower()}), so nothing was saved. "
            f"Change the text, or make v{twin.number} live."
        )


@transaction.atomic
def raise_to(version: PromptVersion, level: str, *, by: User | None, at: datetime, reason: str = "") -> PromptVersion:
    """A larger change than its text tells: because of how it behaves, or a person says so. Raises VersionRefused."""
    _lock(version.agent)
    version.refresh_from_db()
    if level not in may_rise_to(version) or version.parent is None:
        raise VersionRefused(
            f"{version.title} is a change of the level “{version.get_level_display()}”. That can only be raised, until "
            "it first goes live. Make a new version of it."
        )
    version.level = level
    _number(version, _semver(version.parent), Level[level.upper()])
    return _remember(version, by=by, at=at, reason=_told(f"Raised to {version.get_level_display().lower()}", reason))


def may_rise_to(version: PromptVersion) -> list[str]:
    """The levels above its own; none of a version that was ever live, or that has none before it."""
    is_open = version.label in {Label.DRAFT, Label.CANDIDATE} and version.parent_id is not None
    if not is_open or PromptVersion.history.filter(id=version.pk, label=Label.LIVE).exists():
        return []
    return [each.key for each in Level if each > Level[version.level.upper()]]


@transaction.atomic
def go_live(version: PromptVersion, *, by: User | None, at: datetime, reason: str = "") -> PromptVersion:
    """Put the label on this version and retire the one that had it. Planned runs keep what they planned with."""
    _lock(version.agent)
    version.refresh_from_db(fields=["label"])
    if version.label == Label.LIVE:
        return version
    old = live_of(version.agent)
    if old is not None:
        _move(old, Label.RETIRED, by=by, at=at, reason=f"Replaced by v{version.number}")
    releases.write(version, old, by=by, at=at, reason=reason or "Made live")
    return _move(version, Label.LIVE, by=by, at=at, reason=reason or "Made live")


def live_of(agent: str) -> PromptVersion | None:
    """The version with the label; None while nobody asked for the agent's first one."""
    return PromptVersion.objects.filter(agent=agent, label=Label.LIVE).first()


@transaction.atomic
def roll_back(agent: str, *, by: User | None, at: datetime, reason: str = "") -> PromptVersion:
    """Make the version live that was live before the present one. A second step back goes one further."""
    _lock(agent)
    way = way_back(agent)
    if way is None:
        raise VersionRefused(
            f"{AgentKey(agent).label}: no version was live before the present one, so there is nothing to go back to. "
            "Open an older version and make it live."
        )
    present = _went_live(agent)[-1]
    return go_live(way, by=by, at=at, reason=_told(f"{ROLLED_BACK} from v{present}", reason))


def way_back(agent: str) -> PromptVersion | None:
    """The version that `roll_back` would make live."""
    numbers = _went_live(agent)
    return PromptVersion.objects.get(agent=agent, number=numbers[-2]) if len(numbers) > 1 else None


@transaction.atomic
def try_out(version: PromptVersion, *, by: User | None, at: datetime, reason: str = "") -> PromptVersion:
    """An experiment begins to use it: a draft or retired version becomes a candidate; a live one stays live."""
    return _move_unless_live(version, Label.CANDIDATE, by=by, at=at, reason=reason or "On trial")


@transaction.atomic
def retire(version: PromptVersion, *, by: User | None, at: datetime, reason: str = "") -> PromptVersion:
    """No longer used, and kept; a live version stays live, because another has to take its place first."""
    return _move_unless_live(version, Label.RETIRED, by=by, at=at, reason=reason or "Retired")


class InUse(NamedTuple):
    """What a client's runs use of an agent's versions: the live one, or the one that is pinned for the client."""

    version: PromptVersion
    live: PromptVersion
    is_pinned: bool = False
    reason: str = ""


@transaction.atomic
def pin(client: Client, version: PromptVersion, *, by: User | None, at: datetime, reason: str = "") -> ClientPrompt:
    """From now on the client's runs use this version, whichever is live. Raises VersionRefused."""
    if version.agent not in AgentKey.values:
        raise VersionRefused(f"No agent is called {version.agent}, so nothing can be pinned for it.")
    version.refresh_from_db(fields=["label"])
    if version.label == Label.DRAFT:
        raise VersionRefused(
            f"{version} is a draft that no run ever used. Make it live, or try it in an experiment of {client} first."
        )
    _hold(client)
    row = ClientPrompt.objects.filter(client=client, agent=version.agent).first()
    if row is not None and row.version_id == version.pk:
        return row
    row = row or ClientPrompt(client=client, agent=version.agent)
    row.version, row.reason = version, reason[:200]
    return _remember(row, by=by, at=at, reason=reason or "Pinned")


@transaction.atomic
def unpin(client: Client, agent: str, *, by: User | None, at: datetime, reason: str = "") -> None:
    """From now on the client's runs use the live version again. Raises VersionRefused."""
    if agent not in AgentKey.values:
        raise VersionRefused(f"No agent is called {agent}.")
    _hold(client)
    row = ClientPrompt.objects.filter(client=client, agent=agent).first()
    if row is None:
        raise VersionRefused(f"{AgentKey(agent).label}: nothing is pinned for {client}, it uses the live version.")
    _sign(row, by=by, at=at, reason=reason or "Follows the live version again")
    row.delete()


def pinned(agent: str) -> QuerySet[ClientPrompt]:
    """The pins of an agent's versions, in the order of the clients' names."""
    return ClientPrompt.objects.filter(agent=agent).select_related("client", "version").order_by("client__name")


def pinned_for(client: Client, agent: str) -> PromptVersion | None:
    row = pinned(agent).filter(client=client).first()
    return row.version if row is not None else None


def who_stays(version: PromptVersion, user: access.AnyUser) -> str:
    """Which clients keep another version that is pinned for them, in a sentence; of those that the user may see."""
    pins = access.scope(pinned(version.agent).exclude(version=version), user)
    names = ", ".join(f"{pin.client} with v{pin.version.number}" for pin in pins)
    return f"Not for clients that have another version pinned: {names}." if names else ""


def live(client: Client | None = None, *, at: datetime | None = None) -> dict[str, PromptVersion]:
    """The live version of every agent; for a client, those that are pinned for it in their place."""
    return {agent: each.version for agent, each in in_use(client, at=at).items()}


def in_use(client: Client | None = None, *, at: datetime | None = None) -> dict[str, InUse]:
    """{agent: what its steps use}, one query. An agent without a live version gets the text that lies beside it."""
    rows = list(_live_or_pinned(client) if client else PromptVersion.objects.filter(label=Label.LIVE))
    pins = {row.agent: row for row in rows if getattr(row, "pinned_for", None) is not None}
    found = {row.agent: row for row in rows if row.label == Label.LIVE}
    for agent in AgentKey.values:
        if agent not in found:
            found[agent] = _first(agent, at or timezone.now())
    return {agent: _in_use(found[agent], pins.get(agent)) for agent in AgentKey.values}


def in_use_by_clients() -> Callable[[int], dict[str, int]]:
    """(id of a client) → {agent: id of the version that its runs use}; two queries for all of them."""
    usual = {agent: version.pk for agent, version in live().items()}
    own: dict[int, dict[str, int]] = {}
    for client, agent, version in ClientPrompt.objects.values_list("client", "agent", "version"):
        own.setdefault(client, {})[agent] = version
    return lambda client: usual | own.get(client, {})


def components(client: Client | None = None) -> dict[str, dict[str, str]]:
    """{agent: {component of its live prompt: text}}, to which a layer may say a word; for a client, of those that are
    pinned for it in their place."""
    rows = list(_live_or_pinned(client) if client else PromptVersion.objects.filter(label=Label.LIVE))
    in_turn = sorted(rows, key=lambda row: getattr(row, "pinned_for", None) is not None)  # a pin covers the live one
    return {row.agent: prompts.components(row.text) for row in in_turn}


def _live_or_pinned(client: Client) -> QuerySet[Any]:
    """`pinned_for` is why it is pinned for this client; None where it is not."""
    rows: QuerySet[Any] = PromptVersion.objects.all()
    rows = rows.annotate(pin=FilteredRelation("pins", condition=Q(pins__client=client)), pinned_for=F("pin__reason"))
    return rows.filter(Q(label=Label.LIVE) | Q(pin__isnull=False))


def _in_use(live: PromptVersion, pinned: Any) -> InUse:  # noqa: ANN401 a version with its pin
    return InUse(pinned, live, is_pinned=True, reason=pinned.pinned_for) if pinned is not None else InUse(live, live)


def _hold(client: Client) -> None:
    """Two who pin for one client at once do it one after the other."""
    Client.objects.select_for_update(no_key=True).get(pk=client.pk)


def _lock(agent: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"prompt versions of {agent}"])


def _twin(agent: str, content: Content) -> PromptVersion | None:
    """One that holds the same. Where nobody kept the shape of its answer, that counts as the same too."""
    same = PromptVersion.objects.filter(
        agent=agent, sha256=contents.sha256(content.text), model=content.model, effort=content.effort
    )
    found = same.filter(max_tokens=content.max_tokens).order_by("number")
    return next((each for each in found if each.output_schema in ({}, content.schema)), None)


def _made_from(agent: str) -> PromptVersion | None:
    return live_of(agent) or PromptVersion.objects.filter(agent=agent).order_by("-number").first()


def _write(agent: str, content: Content, asked: Asked, *, note: str, by: User | None, at: datetime) -> PromptVersion:
    last = PromptVersion.objects.filter(agent=agent).order_by("-number").values_list("number", flat=True).first()
    version = PromptVersion(agent=agent, number=(last or 0) + 1, note=note, author=by, created_at=at)
    contents.put(content, version)
    version.parent = asked.get("parent") or _made_from(agent)
    if version.parent is not None:
        _measure(version, version.parent, asked.get("at_least", ""))
    return _remember(version, by=by, at=at, reason="Written")


def _measure(version: PromptVersion, parent: PromptVersion, at_least: str) -> None:
    change = contents.between(parent, version)
    wanted = Level[at_least.upper()] if at_least else change.level
    version.change_reasons = change.document()
    if wanted > change.level:
        by_hand = Reason(wanted, "By hand", "whoever wrote it says that it changes more")
        version.change_reasons = Change(wanted, (by_hand, *change.reasons)).document()
    level = max(wanted, change.level)
    version.level = level.key
    _number(version, _semver(parent), level)


def _number(version: PromptVersion, parent: Semver, level: Level) -> None:
    taken = PromptVersion.objects.filter(agent=version.agent).values_list("major", "minor", "patch")
    version.major, version.minor, version.patch = change_levels.following(parent, level, set(taken))


def _semver(version: PromptVersion) -> Semver:
    return (version.major, version.minor, version.patch)


def _content(agent: str, text: str, asked: Asked) -> Content:
    return contents.written(agent, contents.tidy(text), asked, contracts=promising.musts(agent))


@transaction.atomic
def _first(agent: str, at: datetime) -> PromptVersion:
    _lock(agent)
    if present := live_of(agent):
        return present  # another worker was quicker
    content = _content(agent, agents.first_prompt(agent), {})
    version = PromptVersion.objects.filter(agent=agent, sha256=contents.sha256(content.text)).first()
    if version is None:
        version = _write(agent, content, {}, note="The text that comes with the product.", by=None, at=at)
    releases.write(version, None, by=None, at=at, reason="The first live version")
    return _move(version, Label.LIVE, by=None, at=at, reason="The first live version")


def _move_unless_live(
    version: PromptVersion, label: str, *, by: User | None, at: datetime, reason: str
) -> PromptVersion:
    _lock(version.agent)
    version.refresh_from_db(fields=["label"])
    return version if version.label in {Label.LIVE, label} else _move(version, label, by=by, at=at, reason=reason)


def _move(version: PromptVersion, label: str, *, by: User | None, at: datetime, reason: str) -> PromptVersion:
    version.label = label
    return _remember(version, by=by, at=at, reason=reason)


def _remember(row: Row, *, by: User | None, at: datetime, reason: str) -> Row:
    _sign(row, by=by, at=at, reason=reason)
    row.save()
    return row


def _sign(row: Any, *, by: User | None, at: datetime, reason: str) -> None:  # noqa: ANN401 any model with history
    row._change_reason, row._history_user, row._history_date = reason[:100], by, at


def _told(what: str, reason: str) -> str:
    return f"{what}: {reason}" if reason else what


def _went_live(agent: str) -> list[int]:
    """Numbers in the order in which they went live, the present one last; a step back drops what it left."""
    rows = PromptVersion.history.filter(agent=agent, label=Label.LIVE).order_by("history_id")
    return _path(rows.values_list("number", "history_change_reason"))


def _path(moves: Iterable[tuple[int, str | None]]) -> list[int]:
    path: list[int] = []
    for number, reason in moves:
        if (reason or "").startswith(ROLLED_BACK) and number in path:
            del path[len(path) - path[::-1].index(number) :]
        elif path[-1:] != [number]:
            path.append(number)
    return path
