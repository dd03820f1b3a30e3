"""Who may do what: the four roles, the permission that each page needs, and the guard that asks for it."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import NamedTuple

from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django_htmx.http import HttpResponseClientRefresh


class Role(NamedTuple):
    """`grants` are patterns over "app.codename", as a shell reads them."""

    key: str
    name: str
    purpose: str
    grants: tuple[str, ...]


OPERATOR = "Operator"
ROLES = (
    Role("admin", "Admin", "Everything, users and roles included.", ("*",)),
    Role(
        "operator",
        OPERATOR,
        "Sees every client; keeps prompts, connections, runs and experiments in order.",
        (
            "clients.*",
            "agents_app.*",
            "experiments.*",
            "insights.*",
            "django_q.view_*",
            "gtm.view_*",
            "auth.view_user",
        ),
    ),
    Role(
        "manager",
        "Account manager",
        "Sees and works for the own clients only.",
        (
            "clients.view_*",
            "clients.add_client",
            "clients.change_client",
            "clients.add_contact",
            "clients.change_contact",
            "clients.add_connection",
            "clients.change_connection",
            "clients.*_fieldrule",
            "clients.change_delivery",
            "clients.change_reviewitem",
            "clients.*_qualityrule",
            "clients.change_push",
            "clients.add_erasure",
            "agents_app.view_*",
            "agents_app.add_request",
            "agents_app.*_requestrule",
            "agents_app.add_campaign",
            "agents_app.change_campaign",
            "agents_app.*_campaignstep",
            "agents_app.*_campaigncontact",
            "agents_app.change_draft",
            "agents_app.decide_draft",
            "agents_app.answer_gate",
            "agents_app.change_mergeproposal",
            "agents_app.change_entitymerge",
            "agents_app.change_anomaly",
            "agents_app.return_deployment",
            "agents_app.add_correction",
            "agents_app.add_contract",
            "agents_app.change_contract",
            "agents_app.add_runmark",
            "experiments.view_*",
            "experiments.add_experiment",
            "experiments.change_experiment",
            "insights.view_*",
            "insights.change_suggestion",
            "insights.*_ticket",
            "insights.*_satisfactionscore",
            "insights.*_supportticket",
        ),
    ),
    Role(
        "viewer",
        "Viewer",
        "Sees every client's work and results; changes nothing.",
        ("clients.view_*", "clients.see_all_clients", "agents_app.view_*", "experiments.view_*", "insights.view_*"),
    ),
)

PUBLIC = "public"
SIGNED_IN = ""


class Access(NamedTuple):
    """The permission to see a page, and the one to send its forms ("" where being signed in is enough)."""

    see: str
    act: str = SIGNED_IN


PAGES = {
    "home": Access(SIGNED_IN),
    "search": Access(SIGNED_IN),
    "run_page": Access("agents_app.view_flowrun", "agents_app.add_request"),
    "run_progress": Access("agents_app.view_flowrun"),
    "run_step": Access("agents_app.view_flowrun"),
    "written_by": Access("agents_app.view_flowrun"),
    "run_document": Access("agents_app.view_flowrun"),
    "run_marks": Access("agents_app.view_runmark", "agents_app.add_runmark"),
    "run_again": Access("agents_app.add_rerun", "agents_app.add_rerun"),
    "step_case": Access("agents_app.add_goldencase", "agents_app.add_goldencase"),
    "run_compare": Access("agents_app.view_flowrun"),
    "runs_compared": Access("agents_app.view_flowrun"),
    "plan": Access("agents_app.add_request", "agents_app.add_request"),
    "questions": Access("agents_app.view_gate"),
    "gate": Access("agents_app.view_gate", "agents_app.answer_gate"),
    "request_trace": Access("agents_app.view_flowrun"),
    "approvals": Access("agents_app.view_draft", "agents_app.decide_draft"),
    "approval": Access("agents_app.view_draft", "agents_app.decide_draft"),
    "prompt_performance": Access("agents_app.view_promptversion"),
    "rehearse": Access("agents_app.view_rehearsal", "agents_app.add_rehearsal"),
    "roll_out": Access("agents_app.view_rollout", "agents_app.move_label"),
    "rollout": Access("agents_app.view_rollout", "agents_app.move_label"),
    "rehearsal": Access("agents_app.view_rehearsal", "agents_app.approve_rehearsal"),
    "proposals": Access("experiments.view_settingproposal"),
    "proposal": Access("experiments.view_settingproposal", "clients.change_client"),
    "client_settings": Access("clients.view_client", "clients.change_client"),
    "setting_keys": Access("clients.view_client"),
    "client_clone": Access("clients.add_client", "clients.add_client"),
    "client_prompts": Access("clients.view_client"),
    "client_try": Access("agents_app.add_request", "agents_app.add_request"),
    "trial": Access("agents_app.view_trial"),
    "client_versions": Access("clients.view_client", "clients.change_client"),
    "client_deployments": Access("clients.view_client", "agents_app.return_deployment"),
    "client_companies": Access("agents_app.view_fact"),
    "company": Access("agents_app.view_fact", "agents_app.add_correction"),
    "research_sources": Access("agents_app.view_sourcerecord"),
    "client_export": Access("clients.view_client"),
    "client_import": Access("clients.change_client", "clients.change_client"),
    "client_bulk_edit": Access("clients.change_client", "clients.change_client"),
    "clients_import_folder": Access("clients.change_client", "clients.change_client"),
    "new_client_import": Access("clients.add_client", "clients.add_client"),
    "connection_mapping": Access("clients.view_connection", "clients.change_connection"),
    "connection_mapping_versions": Access("clients.view_connection", "clients.change_connection"),
    "connection_mapping_trial": Access("clients.view_connection"),
    "connection_mapping_unread": Access("clients.view_connection", "clients.change_connection"),
    "connection_mapping_export": Access("clients.view_connection"),
    "connection_mapping_import": Access("clients.change_connection", "clients.change_connection"),
    "connection_sync": Access("clients.view_connection", "clients.change_connection"),
    "weekly_review": Access("insights.view_weeklyreport", "insights.change_suggestion"),
    "weekly_review_version": Access("insights.view_weeklyreport", "insights.change_suggestion"),
    "review_rows": Access("insights.view_weeklyreport"),
    "contact_quality": Access("clients.view_contactquality"),
    "contact_reviews": Access("clients.view_reviewitem"),
    "contact_review": Access("clients.view_reviewitem", "clients.change_reviewitem"),
    "quarantine": Access("clients.view_delivery", "clients.change_delivery"),
    "quarantined": Access("clients.view_delivery", "clients.change_delivery"),
    "system_health": Access("gtm.view_heartbeat"),
    "unsubscribe": Access(PUBLIC),
    "alive": Access(PUBLIC),
    "ready": Access(PUBLIC),
    "flat_hubspot": Access(PUBLIC),
    "flat_salesforce": Access(PUBLIC),
}


class RolesOutOfStep(Exception):
    """A role names permissions that no model has."""


def grants(role: Role, permission: str) -> bool:
    """Whether the role holds `permission` ("app.codename")."""
    return any(fnmatchcase(permission, pattern) for pattern in role.grants)


def holders(permission: str) -> list[str]:
    """The names of the roles that hold `permission`."""
    return [role.name for role in ROLES if grants(role, permission)]


def sync() -> dict[str, int]:
    """Make the groups in the database equal to ROLES. Answers how many permissions each has."""
    known = {f"{p.content_type.app_label}.{p.codename}": p for p in Permission.objects.select_related("content_type")}
    return {role.name: _sync(role, known) for role in ROLES}


def _sync(role: Role, known: dict[str, Permission]) -> int:
    idle = [pattern for pattern in role.grants if not any(fnmatchcase(name, pattern) for name in known)]
    if idle:
        names = ", ".join(idle)
        raise RolesOutOfStep(f"{role.name}: no permission is called {names}. Run migrate, or mend gtm/roles.py.")
    group, _ = Group.objects.get_or_create(name=role.name)
    held = [permission for name, permission in known.items() if grants(role, name)]
    group.permissions.set(held)
    return len(held)


def name_of(user: User | AnonymousUser) -> str:
    """The user's role, in words."""
    if user.is_superuser:
        return ROLES[0].name
    return ", ".join(user.groups.order_by("name").values_list("name", flat=True)) or "No role yet"


class PageGuard:
    """Middleware: asks for the permission that PAGES names. The admin and the API guard their own namespaces."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponseBase | None:
        match = request.resolver_match
        if match is None or match.namespaces:
            return None
        access = _access(match.url_name)
        if access.see == PUBLIC:
            return None
        if not request.user.is_authenticated:
            if request.htmx:  # type: ignore[attr-defined]
                return HttpResponseClientRefresh()  # a login page within the page would be of no use
            return redirect_to_login(request.get_full_path())
        _require(request.user, access.see if request.method in ("GET", "HEAD") else access.act or access.see)
        return None


def _access(url_name: str | None) -> Access:
    try:
        return PAGES[url_name or ""]
    except KeyError:
        message = f"The page {url_name!r} is not in PAGES of gtm/roles.py. Say who may see it."
        raise ImproperlyConfigured(message) from None


def _require(user: User, permission: str) -> None:
    if permission and not user.has_perm(permission):
        raise PermissionDenied(f"Only {_listed(holders(permission))} may do this; your role is: {name_of(user)}.")


def _listed(names: list[str]) -> str:
    return " or ".join(names) or "a superuser"
