"""Every address of the product, made from the URL table and the admin's registry, for tests that walk all of them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

from django.contrib import admin
from django.db.models import Model
from django.urls import get_resolver, reverse

from agents_app.models import Draft, FlowRun, Gate, PromptVersion, Rehearsal, Request, Rollout, StepRun, Trial
from clients import suppression
from clients.models import Client, Connection, Contact, Delivery, ReviewItem
from experiments.models import SettingProposal
from insights import review
from tests.crowd import Rows
from tests.factories import AT

WEEK = AT.date() - timedelta(days=7)

ARGUMENTS: dict[str, Callable[[Rows, int], list[Any]]] = {
    "run_page": lambda rows, at: [rows[FlowRun][at].pk],
    "run_progress": lambda rows, at: [rows[FlowRun][at].pk],
    "written_by": lambda rows, at: [rows[StepRun][at].pk],
    "run_document": lambda rows, at: [rows[FlowRun][at].pk],
    "run_marks": lambda rows, at: [rows[FlowRun][at].pk],
    "run_again": lambda rows, at: [rows[FlowRun][at].pk, rows[StepRun][at].pk],
    "run_step": lambda rows, at: [rows[FlowRun][at].pk, rows[StepRun][at].pk],
    "step_case": lambda rows, at: [rows[FlowRun][at].pk, rows[StepRun][at].pk],
    "run_compare": lambda rows, at: [rows[FlowRun][at].pk],
    "runs_compared": lambda rows, at: [rows[FlowRun][at].pk, rows[FlowRun][at].pk],
    "gate": lambda rows, at: [rows[Gate][at].pk],
    "request_trace": lambda rows, at: [rows[Request][at].pk],
    "approval": lambda rows, at: [rows[Draft][at].pk],
    "client_settings": lambda rows, at: [rows[Client][at].slug],
    "client_import": lambda rows, at: [rows[Client][at].slug],
    "client_clone": lambda rows, at: [rows[Client][at].slug],
    "client_prompts": lambda rows, at: [rows[Client][at].slug],
    "client_try": lambda rows, at: [rows[Client][at].slug],
    "trial": lambda rows, at: [rows[Trial][at].pk],
    "connection_sync": lambda rows, at: [rows[Connection][at].pk],
    "client_versions": lambda rows, at: [rows[Client][at].slug],
    "client_deployments": lambda rows, at: [rows[Client][at].slug],
    "client_companies": lambda rows, at: [rows[Client][at].slug],
    "company": lambda rows, at: [rows[Client][at].slug, rows[Request][at].company_domain],
    "client_export": lambda rows, at: [rows[Client][at].slug],
    **{
        f"connection_mapping{page}": lambda rows, at: [rows[Connection][at].pk]
        for page in ("", "_versions", "_trial", "_unread", "_export", "_import")
    },
    "contact_review": lambda rows, at: [rows[ReviewItem][at].pk],
    "quarantined": lambda rows, at: [rows[Delivery][at].pk],
    "rehearse": lambda rows, at: [rows[PromptVersion][at].pk],
    "roll_out": lambda rows, at: [rows[PromptVersion][at].pk],
    "rollout": lambda rows, at: [rows[Rollout][at].pk],
    "rehearsal": lambda rows, at: [rows[Rehearsal][at].pk],
    "proposal": lambda rows, at: [rows[SettingProposal][at].pk],
    "weekly_review_version": lambda rows, at: [WEEK.isoformat(), 1],
    "unsubscribe": lambda rows, at: [suppression.token(rows[Contact][at])],
}


class AdminPage(NamedTuple):
    """`needs` are the actions of which one is needed: add, change, view."""

    name: str
    model: type[Model]
    needs: tuple[str, ...]
    url: str


def build_review() -> None:
    review.build(WEEK, at=AT)


def own_names() -> list[str]:
    """The names in gtm/urls.py outside the namespaces of the admin and the API."""
    return sorted(pattern.name for pattern in get_resolver().url_patterns if getattr(pattern, "name", None))


def own_url(name: str, rows: Rows, at: int = 0) -> str:
    return reverse(name, args=ARGUMENTS[name](rows, at) if name in ARGUMENTS else [])


def list_pages() -> list[AdminPage]:
    return [
        AdminPage(*_named(model, "changelist"), ("view", "change"), _url(model, "changelist"))
        for model in _registered()
    ]


def add_pages() -> list[AdminPage]:
    return [AdminPage(*_named(model, "add"), ("add",), _url(model, "add")) for model in _registered()]


def row_pages(rows: Rows, at: int = 0, kinds: tuple[str, ...] = ("change",)) -> list[AdminPage]:
    return [
        AdminPage(*_named(model, kind), ("view", "change"), _url(model, kind, rows[model][at].pk))
        for model in _registered()
        if model in rows
        for kind in kinds
    ]


def _registered() -> list[type[Model]]:
    return sorted(admin.site._registry, key=lambda model: model._meta.label)


def _named(model: type[Model], kind: str) -> tuple[str, type[Model]]:
    return f"{model._meta.label} {kind}", model


def _url(model: type[Model], kind: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{kind}", args=args)
