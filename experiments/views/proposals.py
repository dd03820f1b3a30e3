"""Proposed changes of settings as cards, and a person's decision about one. The pages read rows and call a function."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from agents_app.models import Draft
from clients import config
from clients.access import scope, user_of, visible_clients
from clients.config import Stand, shown
from clients.config.layers import at as value_at
from clients.config.layers import words_of
from clients.keys import Key, by_path
from experiments import effects
from experiments import proposals as deciding
from experiments.forms import EditProposalForm, ReasonForm
from experiments.models import SettingProposal

Status = SettingProposal.Status
MOST = 50
DRAFTS_SHOWN = 10
RULES = {
    "length": "People shorten the e-mails",
    "words": "People take the same words out",
    "too_long": "E-mails are longer than allowed",
    "ran_out": "Runs spend their budget before they end",
    "unsure_facts": "Unsure facts cost approvals",
    "choices": "Another choice did better",
    "days": "A day brings fewer replies",
    "hours": "A part of the day brings fewer replies",
}
TINTS = {Status.OPEN: "info", Status.APPROVED: "ok", Status.STALE: "warn"}


class Card(NamedTuple):
    """A proposal in words. `now` is what is in force at this moment, `moved` why it can be approved no more,
    or who took it back once it was; `is_held`: the setting is what was approved."""

    row: SettingProposal
    title: str
    label: str
    is_list: bool
    then: str
    sources: str
    proposed: str
    written: str
    now: str
    moved: str
    is_held: bool
    counts: list[tuple[str, dict[str, Any]]]
    measured: dict[str, Any] | None
    measured_from: datetime | None
    tint: str
    drafts_url: str
    runs_url: str


@require_safe
def proposals(request: HttpRequest) -> HttpResponse:
    """Those that wait as cards, then those that were decided, with what they brought."""
    rows = _visible(request)
    slug = request.GET.get("client", "")
    if slug:
        rows = rows.filter(client__slug=slug)
    found = config.stand()
    waiting = rows.filter(status=Status.OPEN).order_by("made_at", "pk")[:MOST]
    decided = rows.exclude(status=Status.OPEN).order_by("-decided_at", "-pk")[:MOST]
    page = {
        "cards": [_card(row, found) for row in waiting],
        "decided": [_card(row, found) for row in decided],
        "client": slug,
        "clients": list(visible_clients(request.user).order_by("name")),
        "may_decide": request.user.has_perm("clients.change_client"),
        "weeks": deciding.KEPT.days // 7,
        "at": timezone.now(),
    }
    return render(request, "experiments/proposals.html", page)


@require_http_methods(["GET", "HEAD", "POST"])
def proposal(request: HttpRequest, proposal_id: int) -> HttpResponseBase:
    """One proposal with what it rests on. A POST decides: `action` is a key of DECISIONS."""
    row = get_object_or_404(_visible(request), pk=proposal_id)
    decide = DECISIONS.get(request.POST.get("action", "")) if request.method == "POST" else None
    return decide(request, row) if decide else _page(request, row)


def _visible(request: HttpRequest) -> QuerySet[SettingProposal]:
    rows = SettingProposal.objects.select_related("client__industry", "decided_by", "undone_by", "effect")
    return scope(rows, request.user)


def _page(request: HttpRequest, row: SettingProposal, **forms: Any) -> HttpResponse:
    """`forms` are those that were refused, with what was typed in them."""
    found = config.stand()
    key = by_path(found.keys).get(row.path)
    drafts = Draft.objects.filter(pk__in=row.evidence["drafts"][:DRAFTS_SHOWN], run__client=row.client_id)
    page = {
        "card": _card(row, found),
        "is_open": row.status == Status.OPEN,
        "may_decide": request.user.has_perm("clients.change_client"),
        "drafts": drafts.select_related("contact").order_by("-pk"),
        "edit_form": EditProposalForm(row, key) if key else None,
        "dismiss_form": ReasonForm(auto_id="dismiss-%s"),
        "back_form": ReasonForm(auto_id="back-%s"),
        "at": timezone.now(),
        **forms,
    }
    return render(request, "experiments/proposal.html", page)


# --- decisions


def _approve(request: HttpRequest, row: SettingProposal) -> HttpResponseBase:
    return _taken(
        request,
        row,
        lambda: deciding.approve(row, by=user_of(request), at=timezone.now()),
        "Approved: it holds from now on.",
    )


def _edit(request: HttpRequest, row: SettingProposal) -> HttpResponseBase:
    key = by_path(config.known_keys()).get(row.path)
    if key is None:
        return _approve(request, row)  # which says that the setting is gone
    form = EditProposalForm(row, key, request.POST)
    if not form.is_valid():
        return _page(request, row, edit_form=form)
    said, reason = form.said, form.cleaned_data["reason"]
    return _taken(
        request,
        row,
        lambda: deciding.approve(row, by=user_of(request), at=timezone.now(), said=said, reason=reason),
        "Approved with your change: it holds from now on.",
        edit_form=form,
    )


def _dismiss(request: HttpRequest, row: SettingProposal) -> HttpResponseBase:
    form = ReasonForm(request.POST, auto_id="dismiss-%s")
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    return _taken(
        request,
        row,
        lambda: deciding.dismiss(row, by=user_of(request), at=timezone.now(), reason=reason),
        "Dismissed. The same comes again only with clearly more behind it.",
        dismiss_form=form,
    )


def _roll_back(request: HttpRequest, row: SettingProposal) -> HttpResponseBase:
    form = ReasonForm(request.POST, auto_id="back-%s")
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    return _taken(
        request,
        row,
        lambda: deciding.roll_back(row, by=user_of(request), at=timezone.now(), reason=reason),
        "Rolled back: the client's own setting is what it was before.",
        back_form=form,
    )


DECISIONS = {"approve": _approve, "edit": _edit, "dismiss": _dismiss, "roll_back": _roll_back}


def _taken(
    request: HttpRequest, row: SettingProposal, decide: Callable[[], object], done: str, **forms: Any
) -> HttpResponseBase:
    try:
        decide()
    except deciding.ProposalRefused as refusal:
        row = get_object_or_404(_visible(request), pk=row.pk)
        return _page(request, row, problem=str(refusal), **forms)
    messages.success(request, done)
    return redirect("proposal", row.pk)


# --- in words


def _card(row: SettingProposal, found: Stand) -> Card:
    key = by_path(found.keys).get(row.path)
    names = shown.layer_names(row.client, found.below(row.client))
    effect, moved = getattr(row, "effect", None), ""
    if row.status == Status.OPEN:
        moved = deciding.why_moved(row, row.client, found)
    elif row.status == Status.APPROVED:
        moved = deciding.moved_since(row, found.keys)
    return Card(
        row=row,
        title=RULES.get(row.rule, row.rule),
        label=key.label if key else row.path,
        is_list=bool(key and key.is_list),
        then=_words(key, row.in_force["value"]),
        sources=" and ".join(names.get(source, source) for source in row.in_force["sources"]),
        proposed=_proposed(key, row.proposed, row.in_force["value"]),
        written=_proposed(key, row.written, row.in_force["value"]) if row.written not in (None, row.proposed) else "",
        now=_words(key, value_at(found.effective(row.client).document, row.path)) if key else "",
        moved=moved,
        is_held=row.status == Status.APPROVED and row.client.settings.get(row.path) == row.written,
        counts=list(row.evidence["counts"].items()),
        measured=effect.result if effect else None,
        measured_from=effects.due(row) if row.status == Status.APPROVED and not moved else None,
        tint=TINTS.get(Status(row.status), ""),
        drafts_url=_listed("admin:agents_app_draft_changelist", row.evidence["drafts"]),
        runs_url=_listed("admin:agents_app_flowrun_changelist", row.evidence["runs"]),
    )


def _proposed(key: Key | None, said: Any, before: Any) -> str:  # noqa: ANN401 values of the key's type
    """Of a list what comes and what goes, because the rest of it is said already."""
    if key is None or key.kind not in ("terms", "choices"):
        return shown.said(key, said) if key else str(said)
    _, _, entries = words_of(said)
    comes = [each for each in entries or () if each not in before]
    goes = [each for each in before if each not in (entries or ())] if key.merge == "replace" else []
    parts = [("also", comes), ("no longer", goes)]
    return "; ".join(f"{how} {shown.readable(key, each)}" for how, each in parts if each) or shown.said(key, said)


def _words(key: Key | None, value: Any) -> str:  # noqa: ANN401 a value of the key's type
    return (shown.readable(key, value) or "not set") if key else str(value)


def _listed(url_name: str, ids: Iterable[int]) -> str:
    """The list of exactly these rows; "" where there are none."""
    numbers = ",".join(map(str, ids))
    return f"{reverse(url_name)}?id__in={numbers}" if numbers else ""
