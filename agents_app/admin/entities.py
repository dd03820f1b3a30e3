"""What each client knows of companies and people, over time; which of them are one, and the questions about it."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from agents_app import entities
from agents_app.admin.reading import ReadOnly, narrowed
from agents_app.models import Edge, Entity, EntityId, EntityMerge, MergeProposal, Statement
from agents_app.research.attributes import BY_KEY
from clients import access
from gtm.admin_site import link, pill

PERIOD = ("valid_at", "invalid_at", "created_at", "expired_at")
Decide = Callable[[Any, Any, Any], object]


class HeldFilter(admin.SimpleListFilter):
    title = "held"
    parameter_name = "held"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("now", "Now"), ("before", "Before")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(expired_at__isnull=self.value() == "now") if self.value() else queryset


def _page(row: Entity) -> SafeString:
    return link(row.name, "admin:agents_app_entity_change", row.pk)


@admin.register(Entity)
class EntityAdmin(ReadOnly):
    client_path = "client"
    related = ("client", "within")
    list_display = ("name", "kind", "known_by", "within", "client", "created_at")
    list_filter = ("kind", "client")
    search_fields = ("name", "ids__value")
    ordering = ("-created_at", "-id")
    fields = ("name", "kind", "client", "known_by", "within", "one_with", "held_now", "edges", "created_at")
    readonly_fields = fields
    empty_hint = "They come from what runs find out."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("ids")

    @admin.display(description="known by")
    def known_by(self, entity: Entity) -> str:
        return ", ".join(str(each) for each in sorted(entity.ids.all(), key=lambda each: each.pk))

    @admin.display(description="is one with")
    def one_with(self, entity: Entity) -> SafeString | str:
        members = entities.together([entity.pk])[entity.pk]
        others = Entity.objects.filter(pk__in=members).exclude(pk=entity.pk).order_by("pk")
        return format_html_join(", ", "{}", ((_page(other),) for other in others)) or "No other"

    @admin.display(description="what is held of it")
    def held_now(self, entity: Entity) -> SafeString:
        rows = entities.as_known_on(entity, timezone.now())
        lines = ((_label(row), row.value, f"{row.confidence:.0%}") for row in rows)
        return format_html_join("", "<div>{}: {} ({})</div>", lines)

    @admin.display(description="its edges")
    def edges(self, entity: Entity) -> SafeString:
        out = narrowed("From here", "agents_app_edge", subject__id__exact=entity.pk)
        into = narrowed("to here", "agents_app_edge", object__id__exact=entity.pk)
        return format_html_join(", ", "{}", ((out,), (into,)))


def _label(row: Statement) -> str:
    known = BY_KEY.get(row.attribute)
    return known.label if known else row.attribute.replace("_", " ").capitalize()


@admin.register(EntityId)
class EntityIdAdmin(ReadOnly):
    client_path = "client"
    related = ("client", "entity", "claim__source_record")
    list_display = ("scheme", "value", "entity", "said_by", "client", "created_at")
    list_filter = ("scheme", "client")
    search_fields = ("value", "entity__name")
    ordering = ("-id",)
    fields = ("scheme", "value", "entity", "said_by", "client", "created_at")
    readonly_fields = fields

    @admin.display(description="said by")
    def said_by(self, row: EntityId) -> str:
        return row.claim.source_record.source if row.claim else "What was asked about"


@admin.register(Statement)
class StatementAdmin(ReadOnly):
    client_path = "entity__client"
    related = ("entity__client", "fact__run")
    list_display = ("entity", "attribute", "value", "confidence", "page", *PERIOD)
    list_filter = (HeldFilter, "attribute", "entity__client")
    search_fields = ("entity__name", "value")
    ordering = ("-created_at", "-id")
    fields = ("entity", "attribute", "value", "unit", "confidence", "fact", "page", *PERIOD)
    readonly_fields = fields

    @admin.display(description="run", ordering="fact__run")
    def page(self, row: Statement) -> SafeString:
        return link(row.fact.run, "run_page", row.fact.run_id)


@admin.register(Edge)
class EdgeAdmin(ReadOnly):
    client_path = "subject__client"
    related = ("subject__client", "object")
    list_display = ("subject", "relation", "object", *PERIOD)
    list_filter = (HeldFilter, "relation", "subject__client")
    search_fields = ("subject__name", "object__name")
    ordering = ("-created_at", "-id")
    fields = ("subject", "relation", "object", *PERIOD, "rests_on")
    readonly_fields = fields

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        own = lookup in ("subject__id__exact", "object__id__exact")
        return own or super().lookup_allowed(lookup, value, request)

    @admin.display(description="claims it rests on")
    def rests_on(self, edge: Edge) -> str:
        claims = edge.claims.select_related("source_record").order_by("pk")
        return "; ".join(f"{claim.source_record.source} at {claim.pointer}: {claim.value}" for claim in claims)


class Decided(ReadOnly):
    """Rows about which a person decides with an action of the list."""

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """An account manager decides for the own clients: other rows are not in the list."""
        return request.user.has_perm(f"agents_app.change_{self.opts.model_name}")

    def decide(self, request: HttpRequest, rows: QuerySet[Any], decide: Decide, done: str) -> None:
        """Each row by itself; one that is refused hides none of the others."""
        count = 0
        for row in rows.order_by("pk"):
            try:
                decide(row, access.user_of(request), timezone.now())
                count += 1
            except (entities.MergeRefused, entities.ProposalRefused) as refused:
                messages.warning(request, f"{row}: {refused}")
        if count:
            messages.success(request, f"{done}: {count}.")


@admin.register(EntityMerge)
class EntityMergeAdmin(Decided):
    client_path = "client"
    related = ("client", "loser", "winner", "by", "undone_by")
    list_display = ("pair", "why", "client", "at", "by", "state")
    list_filter = (("undone_at", admin.EmptyFieldListFilter), "scheme", "client")
    search_fields = ("loser__name", "winner__name", "value")
    ordering = ("-at", "-id")
    actions = ("split",)
    fields = ("loser", "winner", "why", "client", "at", "by", "state", "rests_on")
    readonly_fields = fields
    empty_hint = "Companies that share a strong id become one by themselves."

    @admin.action(description="Split them again", permissions=["decide"])
    def split(self, request: HttpRequest, queryset: QuerySet[EntityMerge]) -> None:
        self.decide(request, queryset, lambda row, by, at: entities.split(row, by=by, at=at), "Split")

    @admin.display(description="merge")
    def pair(self, merge: EntityMerge) -> str:
        return str(merge)

    @admin.display(description="why")
    def why(self, merge: EntityMerge) -> str:
        return f"{merge.get_scheme_display()} {merge.value}" if merge.scheme else "A person says so"

    @admin.display(description="state", ordering="undone_at")
    def state(self, merge: EntityMerge) -> SafeString:
        if merge.undone_at is None:
            return pill("One", "ok")
        who = access.called(merge.undone_by, otherwise="Somebody")
        return pill(f"Split by {who}, {timezone.localtime(merge.undone_at):%-d %b %Y, %H:%M}")

    @admin.display(description="claims it rests on")
    def rests_on(self, merge: EntityMerge) -> str:
        claims = merge.claims.select_related("source_record").order_by("pk")
        return "; ".join(f"{claim.source_record.source} at {claim.pointer}: {claim.value}" for claim in claims)


@admin.register(MergeProposal)
class MergeProposalAdmin(Decided):
    client_path = "client"
    related = ("client", "one", "other", "by")
    list_display = ("pair", "likeness", "why", "client", "state", "at", "by")
    list_filter = ("status", "client")
    search_fields = ("one__name", "other__name", "why")
    ordering = ("-at", "-score", "-id")
    actions = ("merge", "keep_apart")
    fields = ("one", "other", "likeness", "why", "client", "at", "state", "by", "decided_at")
    readonly_fields = fields
    empty_hint = "A pair is proposed where names are alike, or where ids contradict each other."

    @admin.action(description="Merge: they are the same", permissions=["decide"])
    def merge(self, request: HttpRequest, queryset: QuerySet[MergeProposal]) -> None:
        self.decide(request, queryset, lambda row, by, at: entities.accept(row, by=by, at=at), "Merged")

    @admin.action(description="Not the same", permissions=["decide"])
    def keep_apart(self, request: HttpRequest, queryset: QuerySet[MergeProposal]) -> None:
        self.decide(request, queryset, lambda row, by, at: entities.refuse(row, by=by, at=at), "Kept apart")

    @admin.display(description="the two")
    def pair(self, proposal: MergeProposal) -> str:
        return str(proposal)

    @admin.display(description="likeness of the names", ordering="score")
    def likeness(self, proposal: MergeProposal) -> str:
        return f"{proposal.score:.0%}"
