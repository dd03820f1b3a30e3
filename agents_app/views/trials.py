"""A client's settings tried before they are saved: what it would cost, and both e-mails side by side."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from agents_app import llm, requests, trial_results, trials, versions
from agents_app.models import Trial
from agents_app.views.reading import lasted
from clients import config, typed
from clients.access import scope, user_of, visible_clients
from clients.models import Client, Contact
from clients.typed import Typed
from gtm import loop
from insights import sharing

MOST_LOOKS = 100  # the page asks so often by itself: at first each second, then more seldom, four minutes in all
QUICK_LOOKS = 30
SHOWN = 20  # earlier trials
IN_FORM, CARRIED, ON_PAGE = "form", "carried", "page"  # where a result stands
OUR_OWN = {"csrfmiddlewaretoken", "try", "try_contact", "try_search", "try_quoted", "trial", "preview_agent", "unsaved"}
TRIALS = Trial.objects.select_related("client__industry", "contact", "author", "present", "proposed")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def client_try(request: HttpRequest, slug: str) -> HttpResponse:
    """POST with the client's form as typed says what a trial would cost, and starts it where `try` says so; to htmx, as
    a part of that form, else on a page that carries what was typed. GET lists earlier trials. Nothing is saved."""
    user = user_of(request)
    client = get_object_or_404(visible_clients(user).select_related("industry"), slug=slug)
    if not user.has_perm("clients.change_client"):
        raise PermissionDenied("Only who may change a client's settings can try them.")
    if request.method != "POST":
        newest = client.trials.select_related("contact", "author").order_by("-created_at", "-pk")[:SHOWN]
        return render(request, "agents_app/trials.html", {"client": client, "trials": newest})
    is_part = bool(request.htmx)  # type: ignore[attr-defined]
    context = _tried(request, client, IN_FORM if is_part else CARRIED)
    if not is_part:
        context |= _carried(request.POST, client)
    return render(request, "agents_app/try_part.html" if is_part else "agents_app/try.html", context)


@require_safe
@never_cache
def trial(request: HttpRequest, trial_id: int) -> HttpResponse:
    """Both sides; to htmx, as the part that asks again until both have ended."""
    found = get_object_or_404(scope(TRIALS, request.user), pk=trial_id)
    look, where = request.GET.get("look", ""), request.GET.get("in", "")
    place = where if where in (IN_FORM, CARRIED) else ON_PAGE
    context = _result(found, place, int(look) if look.isdecimal() and len(look) < 4 else 0)
    is_part = bool(request.htmx)  # type: ignore[attr-defined]
    response = render(request, "agents_app/trial_part.html" if is_part else "agents_app/trial.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _tried(request: HttpRequest, client: Client, where: str) -> dict[str, Any]:
    posted, at = request.POST, timezone.now()
    wanted = typed.read(client, posted, versions.components(client))
    people = trials.people(client, posted.get("try_search", ""))
    contact = _chosen(posted, client) or next(iter(people), None)
    context: dict[str, Any] = {
        "client": client,
        "typed": wanted,
        "people": people,
        "contact": contact,
        "search": posted.get("try_search", ""),
        "is_offline": llm.is_offline(),
        "where": where,
    }
    if (number := posted.get("trial", "")).isdecimal() and len(number) < 10:
        looked_at = scope(TRIALS, request.user).filter(client=client, pk=number).first()
        return context | (_result(looked_at, where, 0) if looked_at else {})
    if contact is None:
        return context
    try:
        quoted = f"{contact.pk}:{wanted.after.sha256}"
        is_start = posted.get("try") == "start"
        if is_start and posted.get("try_quoted") == quoted:
            return context | _asked(request, wanted, contact, where)
        quote = trials.quote(wanted, contact, hints=sharing.hints_for(client, at=at), at=at)
        return context | {"quote": quote, "quoted": quoted, "is_another": is_start}
    except (trials.TrialRefused, requests.RequestRefused) as refusal:
        return context | {"refusal": str(refusal)}


def _chosen(posted: QueryDict, client: Client) -> Contact | None:
    """One of the client's own; whether it may be written to is for `requests` to say."""
    number = posted.get("try_contact", "")
    if not number.isdecimal() or len(number) > 9 or posted.get("try") == "find":
        return None
    return Contact.objects.filter(client=client, pk=number).select_related("client__industry").first()


def _asked(request: HttpRequest, wanted: Typed, contact: Contact, where: str) -> dict[str, Any]:
    at = timezone.now()
    with transaction.atomic():
        hints = sharing.hints_for(contact.client, at=at)
        made = trials.ask(wanted, contact, by=user_of(request), hints=hints, at=at)
        for request_id in trials.unplanned(made):
            loop.later(loop.start_run, request_id)
    return _result(TRIALS.get(pk=made.pk), where, 0)


def _result(found: Trial, where: str, look: int) -> dict[str, Any]:
    result = trial_results.of(found)
    after = result.proposed.run.config_sha256 if result.proposed.run else ""
    return {
        "trial": found,
        "client": found.client,
        "result": result,
        "sides": [_side(result.present, result, "left"), _side(result.proposed, result, "right")],
        "is_in_force": bool(after) and config.effective(found.client).sha256 == after,
        "where": where,
        "next_look": look + 1,
        "looks_again": result.is_open and look < MOST_LOOKS,
        "wait_s": 1 if result.is_working and look < QUICK_LOOKS else 3,
    }


def _side(side: trial_results.Side, result: trial_results.Result, which: str) -> dict[str, Any]:
    """A side with its words marked that the other has not."""
    return {
        "side": side,
        "is_present": which == "left",
        "subject": getattr(result.subjects, which) if result.subjects else [(side.subject, False)],
        "text": getattr(result.texts, which) if result.texts else [(side.text, False)],
        "took": "" if side.seconds is None else lasted(side.seconds),
    }


def _carried(posted: QueryDict, client: Client) -> Mapping[str, Any]:
    """What was typed, to be sent on; a secret is not written into a page, but named, so that it is typed again."""
    secrets = {key.field: key.label for key in config.stand_of(client).keys if key.sensitive}
    fields = [(name, values) for name, values in posted.lists() if name not in OUR_OWN and not name.startswith("_")]
    return {
        "carried": [(name, value) for name, values in fields if name not in secrets for value in values],
        "again": [label for name, label in secrets.items() if posted.get(name)],
    }
