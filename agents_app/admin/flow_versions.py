"""What flow templates and the table of rules said at each time, and how each version differs from the one before."""

from typing import Any

from django.contrib import admin
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString

from agents_app import flows
from agents_app.admin import drawing
from agents_app.admin.desk import FlowPages
from agents_app.admin.reading import narrowed
from agents_app.models import FlowVersion
from gtm.admin_site import RecordAdmin, pill

Kind = FlowVersion.Kind


@admin.register(FlowVersion)
class FlowVersionAdmin(FlowPages, RecordAdmin):
    list_display = ("name", "number", "what", "state", "who", "created_at", "runs")
    list_display_links = ("name",)
    list_filter = ("kind",)
    list_select_related = ("author",)
    search_fields = ("key",)
    ordering = ("-created_at", "-pk")
    fields = ("name", "number", "what", "state", "who", "created_at", "runs", "drawn", "changed", "text", "sha256")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        same = flows.versions_of(OuterRef("kind"), OuterRef("key"))
        rows: QuerySet[Any] = super().get_queryset(request).annotate(newest=Subquery(same.values("number")[:1]))
        return rows

    @admin.display(description="name", ordering="key")
    def name(self, version: FlowVersion) -> str:
        return str(version.document.get("name", "Routing rules"))

    @admin.display(description="of", ordering="kind")
    def what(self, version: FlowVersion) -> str:
        return version.get_kind_display()

    @admin.display(description="state", ordering=F("newest") - F("number"))
    def state(self, version: Any) -> SafeString:
        return pill("Live", "live") if version.newest == version.number else pill("Replaced")

    @admin.display(description="by", ordering="author")
    def who(self, version: FlowVersion) -> str:
        return str(version.author or "Comes with the product")

    @admin.display(description="runs")
    def runs(self, version: FlowVersion) -> SafeString:
        lookup = "template_version" if version.kind == Kind.TEMPLATE else "rules_version"
        return narrowed("Runs planned with it", "agents_app_flowrun", **{f"{lookup}__id__exact": version.pk})

    @admin.display(description="as it runs")
    def drawn(self, version: FlowVersion) -> SafeString | str:
        return drawing.plan(version.document["steps"]) if version.kind == Kind.TEMPLATE else "The rules stand below."

    @admin.display(description="what it says")
    def text(self, version: FlowVersion) -> SafeString:
        return drawing.block(drawing.lines(version.document))

    @admin.display(description="changed against the version before")
    def changed(self, version: FlowVersion) -> SafeString | str:
        before = flows.versions_of(version.kind, version.key).filter(number__lt=version.number).first()
        if before is None:
            return "It is the first."
        return drawing.difference(drawing.lines(before.document), drawing.lines(version.document))
