"""What a request would do, before anybody asks for it: its lanes, why each step is there, what it may cost."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods

from agents_app import estimates, flow, lanes, requests
from agents_app.forms import AskForm
from agents_app.models import FlowTemplate
from agents_app.views.reading import NAMES, name_of
from clients.access import user_of
from clients.models import Contact
from gtm import loop

SUGGESTED = 20  # contacts offered while an address is typed


@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: HttpRequest) -> HttpResponseBase:
    """GET shows the plan of what is typed, as far as it is complete; POST asks for it. To htmx, the plan alone."""
    is_post = request.method == "POST"
    typed = request.POST if is_post else request.GET
    is_enough = is_post or _is_enough(typed)
    form = AskForm(typed if is_enough else None, user=user_of(request), initial=dict(typed.items()))
    if is_post and form.is_valid() and (asked := _ask(request, form)):
        return redirect("request_trace", asked)
    edits_flows = user_of(request).has_perm("agents_app.change_flowtemplate")
    found = _preview(form, edits_flows=edits_flows) if form.is_valid() else {"people": _people(form, typed)}
    context = {"form": form, **found}
    is_part = bool(request.htmx)  # type: ignore[attr-defined]
    response = render(request, "agents_app/plan_preview.html" if is_part else "agents_app/plan.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _is_enough(typed: QueryDict) -> bool:
    """Whether there is enough to plan with; while somebody still types, nothing is called wrong."""
    return bool(typed.get("client") and (typed.get("email") or typed.get("company_domain")))


def _preview(form: AskForm, *, edits_flows: bool) -> dict[str, Any]:
    asked, at = form.asked, timezone.now()
    found = requests.settings_of(asked)
    preview = flow.preview(asked, config=found, at=at)
    route = preview.route
    return {
        "preview": preview,
        "asked": asked,
        "lanes": lanes.draw(route.nodes, NAMES),
        "steps": len(route.nodes),
        "skipped": [{"name": name_of(each.agent, each.key), "reason": each.reason} for each in route.skipped],
        "template_row": FlowTemplate.objects.filter(key=route.template).first() if edits_flows else None,
        "estimate": estimates.of(route.nodes, asked.depth, at=at),
        "budget_usd": flow.budget_of(asked, found),
        "time_budget_s": settings.RUN_SECONDS[asked.depth],
    }


def _people(form: AskForm, typed: QueryDict) -> list[Contact]:
    """Contacts of the chosen client to choose from, as far as what is typed fits."""
    client, text = form.clients.get(typed.get("client", "")), typed.get("email", "").strip().casefold()
    if client is None or "\0" in text:
        return []
    fits = Q(email_normalised__startswith=text) | Q(full_name__icontains=text)
    return list(Contact.objects.filter(fits, client=client).order_by("email_normalised", "pk")[:SUGGESTED])


def _ask(request: HttpRequest, form: AskForm) -> int | None:
    """The new request's number; None where it is refused after all, because something changed meanwhile."""
    wanted = dict(form.cleaned_data)
    try:
        with transaction.atomic():
            client, reason = wanted.pop("client"), wanted.pop("reason")
            asked = requests.ask(client, by=user_of(request), at=timezone.now(), reason=reason, **wanted)
            loop.later(loop.start_run, asked.pk)
    except requests.RequestRefused as refusal:
        form.add_error(None, str(refusal))
        return None
    messages.success(request, f"Request {asked.pk} is made. Its run starts within seconds.")
    return asked.pk
