"""Experiments as people plan, watch and end them; what they recorded can be read, and never changed."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from agents_app import versions
from agents_app.models import PromptVersion
from clients import access
from clients.scoped_admin import ScopedHistoryAdmin, ScopedRecordAdmin
from experiments import analysis, lifecycle, picture, results
from experiments.forms import PlanForm
from experiments.models import AnalysisSnapshot, Assignment, Decision, Experiment, OutcomeEvent
from gtm.admin_site import link, pill, pretty

Status = Experiment.Status
PROMOTES = "agents_app.move_label"
SNAPSHOTS_SHOWN = 10

PLAN = ("metric", "base_rate", "smallest_lift", "window_days")
FIXED = (*PLAN, "alpha", "power", "planned_per_variant", "created_at", "started_at", "ended_at")
ROWS = (
    ("metric", "window_days"),
    ("base_rate", "smallest_lift"),
    ("alpha", "power"),
    "planned_per_variant",
    FIXED[-3:],
)
WHAT = ("What is tried", {"fields": ("client", "name", "hypothesis", "agent")})
PLANNING = (WHAT, ("Against what", {"fields": ("control", "challenger")}), ("How big", {"fields": PLAN}))
READING = (WHAT, ("The plan, fixed when it was made", {"fields": ROWS}))


class Step(NamedTuple):
    """A button of the page and an action of the list; `take` does it, `done` says that it was done."""

    label: str
    take: Callable[[Experiment, Any, datetime], object]
    done: str
    statuses: tuple[str, ...]
    permission: str = "experiments.change_experiment"


STEPS = {
    "start": Step(
        "Start",
        lambda experiment, user, at: lifecycle.start(experiment, by=user, at=at),
        "“{}” runs: from now on, contacts are given one of the two versions.",
        (Status.DRAFT,),
    ),
    "analyse": Step(
        "Analyse now",
        lambda experiment, _, at: analysis.analyse(experiment, at=at),
        "“{}” was analysed. The result stands below, and in its history.",
        (Status.RUNNING, Status.STOPPED, Status.FINISHED),
    ),
    "stop": Step(
        "Stop without a decision",
        lambda experiment, user, at: lifecycle.stop(experiment, by=user, at=at),
        "“{}” was stopped. New contacts get the live version again.",
        (Status.RUNNING,),
    ),
    "promote": Step(
        "Make the winner live",
        lambda experiment, user, at: lifecycle.promote(lifecycle.decision_of(experiment), by=user, at=at),
        "The winner of “{}” is live now, for every client.",
        (Status.FINISHED,),
        PROMOTES,
    ),
}


@admin.register(Experiment)
class ExperimentAdmin(ScopedHistoryAdmin):
    change_form_template = "experiments/change_form.html"
    list_display = ("name", "client", "agent", "state", "progress", "started_at")
    list_filter = ("status", "agent", "client")
    list_select_related = ("client", "decision")
    search_fields = ("name", "hypothesis")
    ordering = ("-created_at", "-pk")
    actions = ("start", "analyse", "stop", "promote")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        exposed = Count("assignments", filter=Q(assignments__exposed_at__isnull=False))
        counted: QuerySet[Any] = super().get_queryset(request).annotate(exposed=exposed)
        return counted

    def get_form(
        self,
        request: HttpRequest,
        obj: Experiment | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[ModelForm]:
        return super().get_form(request, obj, change, **(kwargs if obj else {"form": PlanForm, **kwargs}))

    def get_fieldsets(self, request: HttpRequest, obj: Experiment | None = None) -> Any:
        return PLANNING if obj is None else READING

    def get_readonly_fields(self, request: HttpRequest, obj: Experiment | None = None) -> tuple[str, ...]:
        return ("client", "agent", *FIXED) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Experiment | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.status == Status.DRAFT)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without the bulk deletion, which would not ask whether an experiment is still a draft."""
        found = super().get_actions(request)
        return {name: action for name, action in found.items() if name != "delete_selected"}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        hint = "You say what you expect and what would matter; how many contacts that takes is computed"
        return super().changelist_view(request, {"empty_hint": hint, **(extra_context or {})})

    def save_model(self, request: HttpRequest, obj: Experiment, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        if not access.may_see(request.user, obj.client):
            raise PermissionDenied(f"{obj.client} belongs to another account manager. Nothing was saved.")
        made = lifecycle.create(obj.client, **form.setup(by=request.user, at=timezone.now()))
        obj.pk, obj._state.adding = made.pk, False
        obj.refresh_from_db()
        self.message_user(request, lifecycle.outlook(made, at=timezone.now()).sentence)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        experiment = self.get_object(request, object_id) if request.method == "GET" else None
        shown = _result_context(request, experiment) if experiment else {}
        return super().change_view(request, object_id, form_url, {**shown, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        step = path(
            "<int:pk>/<str:name>/step/", self.admin_site.admin_view(self.step), name="experiments_experiment_step"
        )
        return [step, *super().get_urls()]

    def step(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        """A button of the page. It has an address of its own, so that Enter in a text field never presses it."""
        experiment = self.get_object(request, str(pk))
        if request.method != "POST" or experiment is None or name not in STEPS:
            raise Http404
        self._take(request, name, experiment)
        return HttpResponseRedirect(reverse("admin:experiments_experiment_change", args=[pk]))

    def _take(self, request: HttpRequest, name: str, experiment: Experiment) -> None:
        step = STEPS[name]
        if not request.user.has_perm(step.permission):
            raise PermissionDenied(f"“{step.label}” needs the permission {step.permission}; an operator has it.")
        try:
            taken = step.take(experiment, request.user, timezone.now())
        except lifecycle.ExperimentRefused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        else:
            self.message_user(request, step.done.format(experiment), messages.SUCCESS)
            if isinstance(taken, PromptVersion) and (staying := versions.who_stays(taken, request.user)):
                self.message_user(request, staying, messages.WARNING)

    def _take_each(self, request: HttpRequest, name: str, chosen: QuerySet[Experiment]) -> None:
        for experiment in chosen:
            self._take(request, name, experiment)

    @admin.action(description="Start", permissions=["change"])
    def start(self, request: HttpRequest, chosen: QuerySet[Experiment]) -> None:
        self._take_each(request, "start", chosen)

    @admin.action(description="Analyse now", permissions=["change"])
    def analyse(self, request: HttpRequest, chosen: QuerySet[Experiment]) -> None:
        self._take_each(request, "analyse", chosen)

    @admin.action(description="Stop without a decision", permissions=["change"])
    def stop(self, request: HttpRequest, chosen: QuerySet[Experiment]) -> None:
        self._take_each(request, "stop", chosen)

    @admin.action(description="Make the winner live", permissions=["promote"])
    def promote(self, request: HttpRequest, chosen: QuerySet[Experiment]) -> None:
        self._take_each(request, "promote", chosen)

    def has_promote_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PROMOTES)

    @admin.display(description="State", ordering="status")
    def state(self, experiment: Experiment) -> SafeString:
        return pill(experiment.get_status_display(), experiment.status)

    @admin.display(description="How far")
    def progress(self, experiment: Experiment) -> str:
        if hasattr(experiment, "decision"):
            return experiment.decision.get_outcome_display()
        whole = 2 * experiment.planned_per_variant
        exposed: int = experiment.exposed  # type: ignore[attr-defined] # annotated by get_queryset
        return f"{exposed:,} of {whole:,} contacts written to ({100 * exposed // whole}%)"


@admin.register(Assignment)
class AssignmentAdmin(ScopedRecordAdmin):
    client_path = "experiment__client"
    list_display = ("contact", "experiment", "variant", "assigned_at", "exposed_at")
    list_filter = ("experiment", "variant__key", "exposed_at")
    list_select_related = ("contact", "experiment", "variant")
    search_fields = ("contact__email_normalised",)
    ordering = ("-assigned_at", "-pk")


@admin.register(OutcomeEvent)
class OutcomeEventAdmin(ScopedRecordAdmin):
    list_display = ("occurred_at", "kind_pill", "contact", "client", "run", "source")
    list_filter = ("kind", "source", "client", "occurred_at")
    list_select_related = ("contact", "client", "send__draft")
    search_fields = ("contact__email_normalised", "event_key")
    ordering = ("-occurred_at", "-pk")

    @admin.display(description="What happened", ordering="kind")
    def kind_pill(self, outcome: OutcomeEvent) -> SafeString:
        return pill(outcome.get_kind_display(), outcome.kind)

    @admin.display(description="The e-mail's run")
    def run(self, outcome: OutcomeEvent) -> SafeString | str:
        if outcome.send is None:
            return "not known"
        return link(f"Run {outcome.send.draft.run_id}", "run_page", outcome.send.draft.run_id)


@admin.register(AnalysisSnapshot)
class AnalysisSnapshotAdmin(ScopedRecordAdmin):
    client_path = "experiment__client"
    list_display = ("as_of", "experiment", "sentence")
    list_filter = ("experiment",)
    list_select_related = ("experiment",)
    fields = readonly_fields = ("experiment", "as_of", "sentence", "in_full")
    ordering = ("-as_of", "-pk")

    @admin.display(description="What it said")
    def sentence(self, snapshot: AnalysisSnapshot) -> str:
        return str(snapshot.result["sentence"])

    @admin.display(description="In full")
    def in_full(self, snapshot: AnalysisSnapshot) -> SafeString:
        return pretty(snapshot.result)


@admin.register(Decision)
class DecisionAdmin(ScopedRecordAdmin):
    client_path = "experiment__client"
    list_display = ("decided_at", "experiment", "outcome_pill", "winner", "reason", "promoted_at", "promoted_by")
    list_filter = ("outcome", "experiment__client")
    list_select_related = ("experiment", "winner", "promoted_by")
    ordering = ("-decided_at", "-pk")

    @admin.display(description="Outcome", ordering="outcome")
    def outcome_pill(self, decision: Decision) -> SafeString:
        return pill(decision.get_outcome_display(), decision.outcome)


def _result_context(request: HttpRequest, experiment: Experiment) -> dict[str, Any]:
    at = timezone.now()
    decision = Decision.objects.filter(experiment=experiment).select_related("snapshot", "promoted_by").first()
    result = decision.snapshot.result if decision else analysis.measure(experiment, at=at)
    return {
        "decision": decision,
        "result": result,
        "as_of": decision.snapshot.as_of if decision else at,
        "bars": picture.bars(result),
        "gap": results.gap(result),
        "margin": f"{100 * results.HARM_MARGIN:g}%",
        "outlook": lifecycle.outlook(experiment, at=at) if experiment.status == Status.DRAFT else None,
        "snapshots": experiment.snapshots.order_by("-as_of", "-pk")[:SNAPSHOTS_SHOWN],
        "steps": [(name, step.label) for name, step in STEPS.items() if _offers(request, experiment, decision, name)],
    }


def _offers(request: HttpRequest, experiment: Experiment, decision: Decision | None, name: str) -> bool:
    step = STEPS[name]
    if name == "promote" and (decision is None or decision.winner_id is None or decision.promoted_at):
        return False
    return experiment.status in step.statuses and request.user.has_perm(step.permission)
