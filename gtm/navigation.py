"""The frame around every page: navigation with what waits, the environment's badge, who is signed in."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from agents_app.models import Draft, FlowRun, Gate
from clients.access import scope
from clients.models import Delivery, ReviewItem
from experiments.models import SettingProposal
from gtm import menu, roles
from insights.models import Ticket

REMEMBERED_S = 30
FAILED_RUNS_WAIT_DAYS = 7

WAITING_FOR = {
    "open_tickets": ("open", "info"),
    "waiting_drafts": ("waiting for approval", "info"),
    "open_gates": ("waiting for an answer", "info"),
    "failed_runs": ("failed this week", "bad"),
    "quarantine": ("in quarantine", "bad"),
    "open_reviews": ("waiting for a decision", "info"),
    "open_proposals": ("waiting for a decision", "info"),
}


class Link(NamedTuple):
    label: str
    url: str
    is_current: bool
    waiting: int
    waiting_for: str
    tone: str


class Group(NamedTuple):
    key: str
    name: str
    links: list[Link]


class Environment(NamedTuple):
    name: str
    meaning: str
    tone: str


def context(request: HttpRequest) -> dict[str, Any]:
    """What the frame's templates need; each value is computed only when a template asks for it."""
    user = getattr(request, "user", None) or AnonymousUser()
    return {
        "navigation": partial(_groups, request, user),
        "environment": environment(),
        "role": partial(_role, user),
        "site_title": "GTM",
        "site_header": "GTM",
    }


def _role(user: User | AnonymousUser) -> str:
    return str(cache.get_or_set(f"role:{user.pk}", partial(roles.name_of, user), REMEMBERED_S))


def environment() -> Environment:
    """How real this installation is, for the badge at the top of every page."""
    if not settings.ANTHROPIC_API_KEY:
        return Environment(
            "Demo: offline composer" if settings.DEBUG else "Offline composer",
            "No key for the model is set. Texts come from the offline composer and go to invented addresses only.",
            "warn",
        )
    if settings.DEBUG:
        return Environment("Demo", "Runs on this machine, with DEBUG on.", "info")
    return Environment("Live", "Runs for real.", "ok")


def _groups(request: HttpRequest, user: User | AnonymousUser) -> list[Group]:
    if not isinstance(user, User):
        return []
    counts = waiting(user)
    groups = [Group(part.key, part.name, list(_links(part, request.path, user, counts))) for part in menu.SECTIONS]
    return [group for group in groups if group.links]


def _links(section: menu.Section, path: str, user: User, counts: dict[str, int]) -> Iterator[Link]:
    for item in section.items:
        if item.permission and not user.has_perm(item.permission):
            continue
        url = reverse(item.url_name)
        words, tone = WAITING_FOR.get(item.waits, ("", ""))
        yield Link(item.label, url, _is_current(url, path), counts.get(item.waits, 0), words, tone)


def _is_current(url: str, path: str) -> bool:
    """A page below a list counts as that list; everything lies below the start pages, which count only themselves."""
    return path == url if url in ("/", "/admin/") else path.startswith(url)


def waiting(user: User) -> dict[str, int]:
    """How much waits for `user`, at most REMEMBERED_S seconds old."""
    key = f"waiting:{user.pk}"
    counts: dict[str, int] | None = cache.get(key)
    if counts is None:
        counts = _count(user)
        cache.set(key, counts, REMEMBERED_S)
    return counts


GIVEN_UP = (FlowRun.Status.FAILED, FlowRun.Status.DEAD)


def _count(user: User) -> dict[str, int]:
    since = timezone.now() - timedelta(days=FAILED_RUNS_WAIT_DAYS)
    failed = FlowRun.objects.filter(request__trial_side="", status__in=GIVEN_UP, planned_at__gte=since)
    return {
        "open_tickets": scope(Ticket.objects.filter(status=Ticket.Status.OPEN), user).count(),
        "waiting_drafts": scope(Draft.objects.filter(status=Draft.Status.WAITING), user, "run__client").count(),
        "open_gates": scope(Gate.objects.open(), user, "step__run__client").count(),
        "failed_runs": scope(failed, user).count(),
        "open_proposals": scope(SettingProposal.objects.filter(status=SettingProposal.Status.OPEN), user).count(),
        "open_reviews": scope(ReviewItem.objects.filter(state=ReviewItem.State.OPEN), user).count(),
        "quarantine": scope(
            Delivery.objects.filter(status=Delivery.Status.QUARANTINED), user, "connection__client"
        ).count(),
    }
