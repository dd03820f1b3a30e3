"""Changes of lower layers that reach many clients: written down by one person, applied or declined by another."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import transaction

from clients import access
from clients.config import radius, stored, writing
from clients.models import AgencySettings, Client, ProposedChange, SettingsTemplate

COLUMNS = ("kind", "key", "name", "parent_id")
Layer = AgencySettings | SettingsTemplate
Decision = ProposedChange.Decision
FEW = 5  # contradictions that are told one by one


class ChangeNotTaken(Exception):
    """A change that waits cannot be decided so; the text says why and what to do."""


class Wanted(NamedTuple):
    """What a layer would say. `secrets` is {path: in clear, or None to forget it}."""

    settings: Mapping[str, Any]
    locks: Iterable[str] = ()
    secrets: Mapping[str, str | None] = {}


def propose(edited: Layer, wanted: Wanted, *, reach: int, by: User, at: datetime) -> ProposedChange:
    """Write down what the layer would say, its secrets encrypted; the layer itself stays as it is. `edited` has its new
    columns already."""
    template = edited if isinstance(edited, SettingsTemplate) else None
    return ProposedChange.objects.create(
        agency=edited if isinstance(edited, AgencySettings) else None,
        template=template,
        settings=dict(wanted.settings),
        locks=sorted(wanted.locks),
        secrets=writing.seal(wanted.secrets),
        columns={name: getattr(template, name) for name in COLUMNS} if template else {},
        revision=edited.revision,
        reach=reach,
        author=by,
        created_at=at,
    )


@transaction.atomic
def apply(change: ProposedChange, *, by: User, at: datetime) -> Layer:
    """Make it hold. Raises ChangeNotTaken, and changes nothing: for its author, twice, when the layer was saved since,
    or when it would inherit from itself by now, or contradict what a client says."""
    change, layer = _held(change)
    if by == change.author:
        raise ChangeNotTaken("Another person has to confirm it: it is your own change.")
    if layer.revision != change.revision:
        raise ChangeNotTaken(f"{layer} was saved since, so what was looked at is no more. Make the change again.")
    for name, value in change.columns.items():
        setattr(layer, name, value)
    reason = f"By {access.called(change.author, otherwise='somebody')}, confirmed by {access.called(by, otherwise='')}"
    author = writing.Author(by, reason, at)
    writing.put(layer, change.settings, author, locks=change.locks)
    writing.put_sealed(layer, change.secrets, author)
    _refuse_contradictions(layer)
    try:
        writing.save(layer, author)
    except stored.TemplateCycle as circle:
        raise ChangeNotTaken(f"{circle} Nothing is changed. Decline this, and choose another parent.") from None
    _decide(change, Decision.APPLIED, by, at)
    return layer


@transaction.atomic
def decline(change: ProposedChange, *, by: User, at: datetime) -> None:
    """Its author may take it back as well. Raises ChangeNotTaken."""
    change, _ = _held(change)
    _decide(change, Decision.DECLINED, by, at)


def reaches(change: ProposedChange, clients: Iterable[Client]) -> Sequence[radius.Reached]:
    """Whom of these clients it would change as things stand now, and how."""
    layer = change.agency or change.template
    assert layer is not None
    layer.settings, layer.locks = change.settings, change.locks
    layer.secrets = writing.with_sealed(layer.secrets, change.secrets)
    for name, value in change.columns.items():
        setattr(layer, name, value)
    return radius.reached(stored.stand(), layer, clients)


def _held(change: ProposedChange) -> tuple[ProposedChange, Layer]:
    change = ProposedChange.objects.select_for_update(of=("self",)).get(pk=change.pk)
    if change.decision:
        who = access.called(change.decided_by, otherwise="Somebody")
        raise ChangeNotTaken(f"{who} was first: {change.get_decision_display().lower()}.")
    if change.agency_id:
        return change, AgencySettings.objects.select_for_update().get(pk=change.agency_id)
    assert change.template_id is not None  # the database's own rule: one of the two
    rows = SettingsTemplate.objects.select_for_update(of=("self",), no_key=True)  # others may name it as their parent
    return change, rows.get(pk=change.template_id)


def _refuse_contradictions(layer: Layer) -> None:
    """Clients may have changed since it was looked at."""
    clients = Client.objects.select_related("industry").order_by("name")
    if wrong := list(radius.contradictions(stored.stand(), layer, clients)):
        more = f" And {len(wrong) - FEW} more." if len(wrong) > FEW else ""
        raise ChangeNotTaken(f"It would contradict what clients say themselves by now. {' '.join(wrong[:FEW])}{more}")


def _decide(change: ProposedChange, decision: str, by: User, at: datetime) -> None:
    """Whatever was decided, its secrets wait no longer."""
    change.decision, change.decided_by, change.decided_at, change.secrets = decision, by, at, {}
    change.save(update_fields=["decision", "decided_by", "decided_at", "secrets"])
