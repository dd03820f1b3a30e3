"""The admin page on which a layer's settings are edited, whatever else stands on it."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from clients import access, config, settings_forms, settings_tabs
from clients import keys as known
from clients.config import Author, shown
from clients.config.checks import Prompts
from clients.settings_forms import SettingsForm


class SettingsPage:
    """A change page with a field for each key, in their groups, for `HistoryAdmin`s of layers."""

    change_form_template: ClassVar[Any] = "clients/settings_form.html"
    form: Any
    columns: Sequence[Any] = ()
    last: Sequence[Any] = ()

    def slots(self, layer: Any) -> Prompts:
        """The components of the prompts, to which this layer may say a word."""
        return {}

    def settings_form(self, obj: Any) -> type[SettingsForm]:
        """Made once a page, with the keys and the components of the prompts as they are now."""
        if not hasattr(obj, "form_of_page"):
            obj.form_of_page = settings_forms.made_from(self.form, config.stand_of(obj).keys, self.slots(obj))
        form: type[SettingsForm] = obj.form_of_page
        return form

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """For a change it is held until it is written or refused."""
        if request.method == "POST" and connection.in_atomic_block:
            rows = self.model.objects.select_for_update(no_key=True)  # type: ignore[attr-defined]
            rows.filter(pk=object_id if object_id.isdecimal() else 0).first()
        return super().get_object(request, object_id, from_field)  # type: ignore[misc]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Django asks for every name in the fieldsets; those of settings are no columns of the model."""
        fields = [name for name in _flat(self.columns) if name not in self.get_readonly_fields(request, obj)]
        own = {"form": self.settings_form(obj or self.model()), "fields": fields}  # type: ignore[attr-defined]
        return super().get_form(request, obj, change=change, **{**kwargs, **own})  # type: ignore[misc]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):  # type: ignore[attr-defined]
            return (*self.columns, ("Its settings", {"fields": ("settings_shown",)}))
        obj = obj or self.model()  # type: ignore[attr-defined]
        return (*self.columns, *settings_forms.fieldsets(self.settings_form(obj), obj, request.POST), *self.last)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_readonly_fields(request, obj), "settings_shown")  # type: ignore[misc]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """In tabs for those who change something; what is wrong is told once, in the page's own words."""
        shown = context["adminform"]
        if isinstance(shown.form, SettingsForm) and self.has_change_permission(request, context["original"]):  # type: ignore[attr-defined]
            parts = settings_tabs.parts_of(shown.form, shown, context["inline_admin_formsets"])
            context |= {
                "parts": parts,
                "pressed": _pressed(request.POST),
                "errors": (),
                "show_save_and_add_another": False,
            }
        answer: HttpResponse = super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]
        return answer

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        author = Author(access.user_of(request), form.cleaned_data.get("reason") or "", timezone.now())
        config.put(obj, form.said, author, locks=form.locked)
        config.put_secrets(obj, form.secrets, author)
        config.save(obj, author)

    @admin.display(description="Set here")
    def settings_shown(self, layer: Any) -> SafeString:
        """For those who may read only."""
        keys = known.by_path(config.stand_of(layer).keys)
        own = {path: said for path, said in layer.settings.items() if path in keys}
        rows = [(keys[path].label, shown.said(keys[path], said)) for path, said in own.items()]
        to_agents = [(agent, layer.settings.get(f"{known.PROMPTS}{agent}", ())) for agent in known.AGENTS]
        words = [(known.words_to(agent), shown.word(each)) for agent, said in to_agents for each in said]
        items = format_html_join("", "<li><strong>{}</strong>: {}</li>", [*rows, *words])
        return format_html('<ul class="plain">{}</ul>', items) if items else SafeString("Nothing: all is inherited.")


def _pressed(posted: Mapping[str, Any]) -> str:
    """The button that sent the form, for the one that sends it again."""
    return next((name for name in ("_continue", "_addanother") if name in posted), "_save")


def _flat(fieldsets: Sequence[Any]) -> list[str]:
    rows = [row for _, options in fieldsets for row in options["fields"]]
    return [name for row in rows for name in ([row] if isinstance(row, str) else row)]
