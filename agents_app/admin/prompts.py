"""Prompt versions: written once, made live and rolled back with a button, with who and why."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.templatetags.admin_urls import admin_urlname
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import JSONObject
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from agents_app import llm, names, reach, rehearsals, releases, versions
from agents_app.admin.version_page import VersionPage
from agents_app.llm.question import CALLS_THAT_TELL
from agents_app.models import ClientPrompt, PromptVersion, StepRun
from clients.access import scope, user_of, visible_clients
from clients.models import AgentKey
from experiments.models import Variant
from gtm.admin_site import HistoryAdmin, link, pill

MAY_MOVE = "agents_app.move_label"
STEPS_LOOKED_AT = 200
CHANGE = SafeString("change")  # the admin's page of a row


def _models() -> list[tuple[str, str]]:
    return [("", "As the client's settings choose"), *((name, name) for name in versions.models())]


class VersionForm(forms.ModelForm):
    """Refused here, with everything typed kept, where `versions.create` would refuse it."""

    model = forms.ChoiceField(
        required=False, choices=_models, help_text="Empty: the one that the client's settings choose."
    )
    at_least = forms.ChoiceField(
        label="It changes at least",
        required=False,
        choices=[("", "What its text tells"), ("minor", "How it writes (minor)"), ("major", "What it gives (major)")],
        help_text="How large the change is follows from what you change. You can raise it here, never lower it.",
    )

    class Meta:
        model = PromptVersion
        fields = ("agent", "text", "note", "model", "effort", "max_tokens", "at_least", "parent")
        widgets = {
            "text": forms.Textarea(attrs={"rows": 28, "cols": 100, "spellcheck": "true"}),
            "parent": forms.HiddenInput,
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            parent = data["parent"]
            data["parent"] = parent if parent is not None and parent.agent == data["agent"] else None
            asked = {name: data[name] for name in ("model", "effort", "max_tokens", "parent")}
            try:
                versions.check(data["agent"], data["text"], **asked)
            except versions.VersionRefused as refusal:
                self.add_error("text", str(refusal))
        return data


@admin.register(PromptVersion)
class PromptVersionAdmin(VersionPage, HistoryAdmin):
    form = VersionForm
    change_form_template = "admin/agents_app/promptversion/change_form.html"
    list_display = ("version", "label_pill", "way", "change", "cache", "note", "runs", "author", "created_at")
    list_filter = ("agent", "label", "level")
    list_select_related = ("author",)
    search_fields = ("note", "text")
    ordering = ("agent", "-number")
    actions = ("make_live", "roll_back")
    history_list_display = ["label"]
    fields = (
        "version", "label_pill", "change", "reasons", "made_from", "note", "components", "differences", "settings_told",
        "schema", "author", "created_at", "releases", "moves", "runs", "pinned_for", "tried_in", "success", "cache",
        "cache_counts", "digest",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        in_earnest = Count("planned", filter=Q(planned__run__request__trial_side=""))
        rows = rows.annotate(planned_runs=in_earnest, cached=_cached(), lives=_lives())
        rows = rows.annotate(pinned_to=_pinned_to(request), tried=_tried(request))
        return rows  # noqa: RET504 - annotate() alone has no type

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else VersionForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        release = self.admin_site.admin_view(self.release)
        own = [
            path(f"<int:version_id>/{name}/", release, {"step": name}, f"agents_app_promptversion_{name}")
            for name in STEPS
        ]
        compare = path(
            "<int:version_id>/compare/",
            self.admin_site.admin_view(self.compare),
            name="agents_app_promptversion_compare",
        )
        return [*own, compare, *super().get_urls()]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Where a label may be moved stands only for who may move it."""
        return [name for name in self.list_display if name != "way" or request.user.has_perm(MAY_MOVE)]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new version starts from the text of the one it was opened from (`?from=`)."""
        old = PromptVersion.objects.filter(pk=_number(request.GET.get("from"))).first()
        if old is None:
            return {"agent": AgentKey.EMAIL}
        kept = {name: getattr(old, name) for name in ("agent", "text", "model", "effort", "max_tokens")}
        return kept | {"parent": old.pk}

    def save_model(self, request: HttpRequest, obj: PromptVersion, form: Any, change: bool) -> None:
        made = versions.create(**form.cleaned_data, by=user_of(request), at=timezone.now())
        for name in ("pk", "number", "label", "level", "major", "minor", "patch"):
            setattr(obj, name, getattr(made, name))

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        version = self.get_object(request, object_id)
        can_move = request.user.has_perm(MAY_MOVE)
        steps = {"can_move": can_move, **(_steps_from(version) if version and can_move else {})}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **steps})

    def release(self, request: HttpRequest, version_id: int, step: str) -> HttpResponseBase:
        """Shows what would change, and for whom; a POST does it."""
        version = self.get_object(request, str(version_id))
        if version is None or not request.user.has_perm(MAY_MOVE):
            raise PermissionDenied("Prompt versions are made live by operators and admins.")
        reason = request.POST.get("reason", "").strip()
        if request.method == "POST" and not (refusal := _unrehearsed(version, step, reason)):
            self._move(request, version, step, reason)
            return HttpResponseRedirect(reverse("admin:agents_app_promptversion_changelist"))
        if request.method == "POST":
            messages.error(request, refusal)
        return TemplateResponse(request, "agents_app/release.html", self._outlook(request, version, step))

    def _outlook(self, request: HttpRequest, version: PromptVersion, step: str) -> dict[str, Any]:
        """What would change, for whom, and how to go back."""
        live = versions.live_of(version.agent)
        coming = versions.way_back(version.agent) if step == "roll_back" else version
        words = reach.said_to(version.agent, visible_clients(request.user))
        return {
            **self.admin_site.each_context(request),
            "version": version,
            "live": live,
            "coming": coming,
            "step": step,
            "title": f"{STEPS[step]}: {version.title}",
            "compared": releases.compare(live, coming) if live and coming else None,
            "going_back": releases.going_back(coming, live) if coming and step == "make_live" else [],
            "replaced": _with_links(reach.replaced(words)),
            "dropped": _with_links(reach.dropped(coming, live, words)) if coming else [],
            "pins": _pinned_elsewhere(request, version, step),
            "warning": rehearsals.warning(version) if step == "make_live" else "",
            "rehearsal": rehearsals.newest(version),
            "is_stopped": rehearsals.must_pass(),
        }

    def compare(self, request: HttpRequest, version_id: int) -> HttpResponseBase:
        """Beside any other version of the agent; a POST raises how large the change counts."""
        version = self.get_object(request, str(version_id))
        if version is None or not self.has_view_permission(request, version):
            raise PermissionDenied("Prompt versions are shown to those who may see them.")
        if request.method == "POST":
            return self._raise(request, version)
        others = PromptVersion.objects.filter(agent=version.agent).exclude(pk=version.pk).order_by("-number")
        other = others.filter(pk=_number(request.GET.get("with"))).first() or _usual_other(version, others)
        context = {
            **self.admin_site.each_context(request),
            "version": version,
            "others": others.defer("text", "output_schema"),
            "compared": releases.compare(other, version) if other else None,
            "title": f"Compare {version.title}",
            "higher": versions.may_rise_to(version) if self.has_add_permission(request) else [],
        }
        return TemplateResponse(request, "agents_app/version_compare.html", context)

    def _raise(self, request: HttpRequest, version: PromptVersion) -> HttpResponseBase:
        if not self.has_add_permission(request):
            raise PermissionDenied("How large a change counts is raised by those who write prompt versions.")
        level, reason = request.POST.get("level", ""), request.POST.get("reason", "").strip()
        try:
            made = versions.raise_to(version, level, by=user_of(request), at=timezone.now(), reason=reason)
        except versions.VersionRefused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, f"It is {made.title} now.")
        return HttpResponseRedirect(reverse("admin:agents_app_promptversion_change", args=[version.pk]))

    @admin.action(description="Make live", permissions=["move"])
    def make_live(self, request: HttpRequest, queryset: QuerySet[PromptVersion]) -> None:
        for version in queryset:
            if refusal := _unrehearsed(version, "make_live", ""):
                messages.error(request, f"{version} was not made live. {refusal}")
            else:
                self._move(request, version, "make_live", "")

    @admin.action(description="Roll back to the version before", permissions=["move"])
    def roll_back(self, request: HttpRequest, queryset: QuerySet[PromptVersion]) -> None:
        for agent in dict.fromkeys(version.agent for version in queryset):
            self._move(request, PromptVersion(agent=agent), "roll_back", "")

    def has_move_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MAY_MOVE)

    def _move(self, request: HttpRequest, version: PromptVersion, step: str, reason: str) -> None:
        by, at = user_of(request), timezone.now()
        try:
            if step == "make_live":
                live = versions.go_live(version, by=by, at=at, reason=reason)
            else:
                live = versions.roll_back(version.agent, by=by, at=at, reason=reason)
        except versions.VersionRefused as refusal:
            messages.error(request, str(refusal))
            return
        messages.success(request, f"{live.title} is live. Runs planned from now on use it; planned ones keep theirs.")
        if staying := versions.who_stays(live, request.user):
            messages.warning(request, staying)

    @admin.display(description="move the label")
    def way(self, version: Any) -> SafeString | str:
        """The way to the page that moves the label: from the list, going back takes two clicks."""
        if version.label != PromptVersion.Label.LIVE:
            return link("Make live…", "admin:agents_app_promptversion_make_live", version.pk)
        return link("Roll back…", "admin:agents_app_promptversion_roll_back", version.pk) if version.lives > 1 else ""

    @admin.display(description="pinned for")
    def pinned_for(self, version: Any) -> SafeString | str:
        links = [(link(pin["name"], "client_deployments", pin["slug"]),) for pin in version.pinned_to]
        return format_html_join(", ", "{}", links) or "Nobody. To pin it, open a client's deployments."

    @admin.display(description="prompt cache")
    def cache(self, version: Any) -> SafeString:
        said = version.cached
        if said["steps"] < CALLS_THAT_TELL:
            return pill("Not known yet")
        if llm.cache_never_formed(said["steps"], said["written"], said["read"]):
            return pill("The cache never formed", "warn")
        return pill("In use", "ok") if said["read"] else pill("Written, never read", "warn")

    @admin.display(description="behind it")
    def cache_counts(self, version: Any) -> str:
        said = version.cached
        if not said["steps"]:
            return "No step asked a real model with this version. The offline composer caches nothing."
        steps = f"{said['steps']:,} step{'' if said['steps'] == 1 else 's'}"
        return (
            f"Its last {steps} on a real model: {said['written']:,} tokens written to the cache, {said['read']:,} read "
            f"from it, {said['plain']:,} sent at full price. This tells something from {CALLS_THAT_TELL} steps on. A "
            "cache never forms when the prompt's beginning is too short for the model, or changes from call to call."
        )


STEPS = {"make_live": "Make live", "roll_back": "Roll back"}


def _steps_from(version: PromptVersion) -> dict[str, bool]:
    is_live = version.label == PromptVersion.Label.LIVE
    return {"can_go_live": not is_live, "can_roll_back": is_live and versions.way_back(version.agent) is not None}


def _usual_other(version: PromptVersion, others: QuerySet[PromptVersion]) -> PromptVersion | None:
    """The one it was made from; of the first one, the one that is live."""
    return version.parent or others.filter(label=PromptVersion.Label.LIVE).first() or others.first()


def _lives() -> Subquery:
    """How often a version of the agent went live."""
    past = PromptVersion.history.filter(agent=OuterRef("agent"), label=PromptVersion.Label.LIVE)
    return Subquery(past.order_by().values("agent").annotate(times=Count("pk")).values("times"))


def _unrehearsed(version: PromptVersion, step: str, reason: str) -> str:
    """Why it cannot be made live like this: without a rehearsal that passed somebody says why, where that is enough."""
    warning = rehearsals.warning(version) if step == "make_live" else ""
    if not warning or (reason and not rehearsals.must_pass()):
        return ""
    if rehearsals.must_pass():
        return f"{warning} Here no version goes live without one that passed: open the version and rehearse it."
    return f"{warning} Open the version, and rehearse it or say why it goes live without."


def _cached() -> Subquery:
    """{"steps", "written", "read", "plain"} over the version's last steps on a real model; of none, sums are None.

    They are found by what was planned, which has an index; steps have none by version.
    """
    real = StepRun.objects.filter(fence__gt=0).exclude(generator="").exclude(generator__startswith=names.COMPOSER)
    planned = real.filter(run__prompts__version=OuterRef(OuterRef("pk")), agent=F("run__prompts__agent"))
    last = planned.order_by("-pk").values("pk")[:STEPS_LOOKED_AT]
    counts = JSONObject(
        steps=Count("pk"),
        written=Sum(F("tokens_cache_write") + F("tokens_cache_write_1h")),
        read=Sum("tokens_cache_read"),
        plain=Sum("tokens_input"),
    )
    rows = StepRun.objects.filter(pk__in=last).order_by().values(all_in_one=Value(1))
    return Subquery(rows.annotate(counts=counts).values("counts"))


def _pinned_to(request: HttpRequest) -> ArraySubquery:
    """[{"name", "slug"}] of the clients for which it is pinned and which the user may see."""
    pins = scope(ClientPrompt.objects.filter(version=OuterRef("pk")), request.user).order_by("client__name")
    return ArraySubquery(pins.values(row=JSONObject(name="client__name", slug="client__slug")))


def _tried(request: HttpRequest) -> ArraySubquery:
    """[{"id", "name", "key"}] of the experiments that try it and whose client the user may see."""
    rows = scope(Variant.objects.filter(prompt_version=OuterRef("pk")), request.user, "experiment__client")
    named = JSONObject(id="experiment_id", name="experiment__name", key="key")
    return ArraySubquery(rows.order_by("-pk").values(row=named))


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0


def _with_links(words: Iterable[reach.Said]) -> list[tuple[SafeString, reach.Said]]:
    return [(link(str(word.layer), admin_urlname(word.layer._meta, CHANGE), word.layer.pk), word) for word in words]


def _pinned_elsewhere(request: HttpRequest, version: PromptVersion, step: str) -> QuerySet[ClientPrompt]:
    """Clients that keep what is pinned for them: of a step back all of them, else those with another version."""
    pins = scope(versions.pinned(version.agent), request.user)
    return pins if step == "roll_back" else pins.exclude(version=version)
