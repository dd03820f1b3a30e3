"""The drafts that wait for a person. The pages read rows and call one function."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from agents_app import drafts, evidence, names, sending
from agents_app.forms import EditForm, RejectForm
from agents_app.models import Draft
from agents_app.views.reading import votes_of
from clients.access import scope, user_of, visible_clients
from gtm.admin_site import CappedPaginator

STATES = {
    "waiting": ("Waiting", [Draft.Status.WAITING]),
    "approved": ("Approved", [Draft.Status.APPROVED]),
    "stuck": ("Not sent", [Draft.Status.REFUSED, Draft.Status.SENDING]),
    "rejected": ("Rejected", [Draft.Status.REJECTED]),
    "sent": ("Sent", [Draft.Status.SENT]),
}


@require_safe
def approvals(request: HttpRequest) -> HttpResponse:
    """The queue with its first draft opened."""
    return _queue(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
def approval(request: HttpRequest, draft_id: int) -> HttpResponseBase:
    """One draft beside the queue. A POST decides: `action` is a key of DECISIONS."""
    draft = get_object_or_404(_visible_drafts(request), pk=draft_id)
    if request.method != "POST":
        return _queue(request, draft)
    decide = DECISIONS.get(request.POST.get("action", ""))
    return decide(request, draft) if decide else _queue(request, draft)


def _visible_drafts(request: HttpRequest) -> QuerySet[Draft]:
    drafts_of_all = Draft.objects.select_related(
        "contact",
        "decided_by",
        "send",
        "step__prompt_version",
        "step__context",
        "run__client__industry",
        "run__request__campaign",
    )
    return scope(drafts_of_all, request.user, "run__client")


def _queue(request: HttpRequest, draft: Draft | None, **forms: Any) -> HttpResponse:
    """The list left and one draft right; `forms` are those that were refused, with what was typed in them."""
    state = _state(request, draft)
    listed = scope(Draft.objects.filter(status__in=STATES[state][1]), request.user, "run__client")
    if client := request.GET.get("client", ""):
        listed = listed.filter(run__client__slug=client)
    order = ("written_at", "pk") if state == "waiting" else ("-written_at", "-pk")
    rows = listed.select_related("contact", "run__client", "run__request").order_by(*order)
    page = CappedPaginator(rows, 50).get_page(request.GET.get("page"))
    opened = draft or (get_object_or_404(_visible_drafts(request), pk=page[0].pk) if len(page) else None)
    context = {
        "page": page,
        "state": state,
        "states": [(key, label) for key, (label, _) in STATES.items()],
        "client": client,
        "clients": list(visible_clients(request.user).order_by("name")),
        "kept": urlencode({key: value for key, value in (("state", state), ("client", client)) if value}),
        "decided": _just_decided(request),
        **(_opened(opened, forms) if opened else {}),
    }
    return render(request, "agents_app/approvals.html", context)


def _state(request: HttpRequest, draft: Draft | None) -> str:
    asked = request.GET.get("state", "")
    if asked in STATES:
        return asked
    return next((key for key, (_, states) in STATES.items() if draft and draft.status in states), "waiting")


def _opened(draft: Draft, forms: Mapping[str, Any]) -> dict[str, Any]:
    given = evidence.materials(draft.step.input, draft.run.config)[0]
    is_open = draft.status in drafts.OPEN
    return {
        "draft": draft,
        "is_open": is_open,
        "votes": votes_of(draft.step),
        "explained": evidence.explain(draft.sentences, given),
        "hindrance": sending.refusal_of(draft) if is_open else "",
        "is_offline": names.is_composer(draft.generator),
        "is_stuck": draft.status == Draft.Status.SENDING and draft.pk in sending.unconfirmed(timezone.now()),
        "edit_form": EditForm.of(draft),
        "reject_form": RejectForm(),
        **forms,
    }


def _just_decided(request: HttpRequest) -> Draft | None:
    """The draft decided a moment ago, for the button that takes it back."""
    decided = request.GET.get("decided", "")
    return _visible_drafts(request).filter(pk=decided).first() if decided.isdecimal() and len(decided) < 10 else None


def _approve(request: HttpRequest, draft: Draft) -> HttpResponseBase:
    try:
        drafts.approve(draft, by=user_of(request), at=timezone.now())
    except drafts.DecisionRefused as refusal:
        return _refused(request, draft, refusal)
    return _decided(request, draft)


def _with_form(
    decide: Callable[..., Draft], form_class: type[forms.Form], name: str
) -> Callable[[HttpRequest, Draft], HttpResponseBase]:
    """A decision that says more than yes: what is refused stands on the page again under `name`, as it was typed."""

    def act(request: HttpRequest, draft: Draft) -> HttpResponseBase:
        form = form_class(request.POST)
        if not form.is_valid():
            return _queue(request, draft, **{name: form})
        try:
            decide(draft, by=user_of(request), at=timezone.now(), **form.cleaned_data)
        except drafts.DecisionRefused as refusal:
            form.add_error(None, list(refusal.problems))
            return _queue(request, draft, **{name: form})
        return _decided(request, draft)

    return act


def _undo(request: HttpRequest, draft: Draft) -> HttpResponseBase:
    try:
        drafts.undo(draft, by=user_of(request), at=timezone.now())
    except drafts.DecisionRefused as refusal:
        return _refused(request, draft, refusal)
    messages.success(request, f"“{draft}” waits for a decision again.")
    return redirect("approval", draft.pk)


def _settle(*, went_out: bool) -> Callable[[HttpRequest, Draft], HttpResponseBase]:
    def settle(request: HttpRequest, draft: Draft) -> HttpResponseBase:
        try:
            sending.settle(draft, went_out=went_out, at=timezone.now())
        except sending.NotUnconfirmed as refusal:
            messages.error(request, str(refusal))
        return redirect("approval", draft.pk)

    return settle


def _refused(request: HttpRequest, draft: Draft, refusal: drafts.DecisionRefused) -> HttpResponse:
    draft = get_object_or_404(_visible_drafts(request), pk=draft.pk)  # as it stands now: somebody else may have decided
    return _queue(request, draft, problems=refusal.problems)


def _decided(request: HttpRequest, draft: Draft) -> HttpResponseBase:
    kept = {key: request.GET[key] for key in ("state", "client") if request.GET.get(key)}
    return redirect(f"{reverse('approvals')}?{urlencode(kept | {'decided': str(draft.pk)})}")


DECISIONS: dict[str, Callable[[HttpRequest, Draft], HttpResponseBase]] = {
    "approve": _approve,
    "edit": _with_form(drafts.approve, EditForm, "edit_form"),
    "reject": _with_form(drafts.reject, RejectForm, "reject_form"),
    "undo": _undo,
    "went_out": _settle(went_out=True),
    "send_again": _settle(went_out=False),
}
