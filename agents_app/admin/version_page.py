"""What the page of a prompt version shows of it: its parts, what changed, how far it got."""

from typing import Any

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agents_app import releases
from agents_app.admin.reading import listed
from agents_app.agents import AGENTS
from agents_app.models import PromptVersion
from gtm.admin_site import link, pill, pretty

CHANGE_URL = "admin:agents_app_promptversion_change"


class VersionPage:
    """The columns that the list and the page have in common with nobody else."""

    @admin.display(description="version", ordering="number")
    def version(self, version: PromptVersion) -> str:
        return version.title

    @admin.display(description="label", ordering="label")
    def label_pill(self, version: PromptVersion) -> SafeString:
        return pill(version.get_label_display(), version.label)

    @admin.display(description="change", ordering="level")
    def change(self, version: PromptVersion) -> SafeString:
        return pill(version.get_level_display(), version.level)

    @admin.display(description="why so large")
    def reasons(self, version: PromptVersion) -> SafeString | str:
        if version.parent_id is None:
            return "It is the first one: there is nothing that it changes."
        return render_to_string("agents_app/change_reasons.html", {"changes": version.change_reasons})

    @admin.display(description="made from")
    def made_from(self, version: PromptVersion) -> SafeString | str:
        compare = link("Compare with…", "admin:agents_app_promptversion_compare", version.pk)
        if version.parent is None:
            return format_html("None. {}", compare)
        return format_html("{} · {}", link(version.parent.title, CHANGE_URL, version.parent_id), compare)

    @admin.display(description="components")
    def components(self, version: PromptVersion) -> SafeString:
        return render_to_string("agents_app/version_parts.html", {"parts": releases.parts(version.text, version.text)})

    @admin.display(description="what changed")
    def differences(self, version: PromptVersion) -> SafeString | str:
        if version.parent is None:
            return "Everything is new."
        compared = releases.compare(version.parent, version)
        return render_to_string("agents_app/version_differences.html", {"compared": compared, "is_told_above": True})

    @admin.display(description="settings")
    def settings_told(self, version: PromptVersion) -> SafeString:
        rows = ((pair.label, pair.right) for pair in releases.pairs(version, version))
        return format_html('<ul class="plain">{}</ul>', format_html_join("", "<li>{}: {}</li>", rows))

    @admin.display(description="output schema")
    def schema(self, version: PromptVersion) -> SafeString | str:
        if not version.output_schema:
            return "Not kept: it was made before schemas were."
        agent = AGENTS.get(version.agent)
        is_now = agent is not None and agent.schema.model_json_schema() == version.output_schema
        told = "" if is_now else "The agent's answer has another shape today than when this was written. "
        shown = pretty(version.output_schema)
        return format_html("{}<details><summary>As JSON schema</summary>{}</details>", told, shown)

    @admin.display(description="went live")
    def releases(self, version: PromptVersion) -> SafeString | str:
        rows = version.releases.select_related("replaced", "author").order_by("-pk")[:20]
        return render_to_string("agents_app/version_releases.html", {"rows": rows}) if rows else "Never."

    @admin.display(description="label's moves")
    def moves(self, version: Any) -> SafeString | str:
        rows = version.history.select_related("history_user").order_by("-history_id")[:20]
        return render_to_string("agents_app/version_moves.html", {"rows": rows})

    @admin.display(description="runs", ordering="planned_runs")
    def runs(self, version: Any) -> SafeString | str:
        if not version.planned_runs:
            return "0"
        where = {"prompts__version__exact": version.pk, "trial": "no"}
        return listed(version.planned_runs, "run", "agents_app_flowrun", **where)

    @admin.display(description="tried in")
    def tried_in(self, version: Any) -> SafeString | str:
        page = "admin:experiments_experiment_change"
        rows = ((link(each["name"], page, each["id"]), each["key"]) for each in version.tried)
        items = format_html_join("", "<li>{}, variant {}</li>", rows)
        return format_html('<ul class="plain">{}</ul>', items) if items else "No experiment."

    @admin.display(description="success")
    def success(self, version: PromptVersion) -> SafeString:
        return link("Compare", "prompt_performance")
