"""What the pages of flow templates and of routing rules share: each change becomes a version, or is not kept at all."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from agents_app import flows
from agents_app.models import FlowVersion
from clients.access import user_of
from gtm.admin_site import HistoryAdmin, ModelAdmin


class FlowPages(ModelAdmin):
    """Lists of what a new installation begins with: it shows that, rather than nothing."""

    class Media:
        css = {"all": ("gtm/flows.css",)}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        flows.in_force(at=timezone.now())  # installs them where there are none
        answer: HttpResponse = super().changelist_view(request, extra_context)
        return answer


class DeskAdmin(FlowPages, HistoryAdmin):
    """Rows that an operator edits. Runs use versions of them, so a page that saves also publishes, in one transaction.

    What cannot be used is refused by the forms; where somebody else's change came in between, by `_whole`.
    """

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        view = partial(super().changeform_view, request, object_id, form_url, extra_context)
        return self._whole(request, view, back=request.get_full_path())

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponse:
        view = partial(super().history_form_view, request, object_id, version_id, extra_context)

        def gone_back() -> Any:
            answer = view()
            if answer.status_code == 302:
                self.publish(request, self.get_object(request, object_id))
            return answer

        answer: HttpResponse = self._whole(request, gone_back, back=request.get_full_path())
        return answer

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        view = partial(super().delete_view, request, object_id, extra_context)
        return self._whole(request, view, back=self.address("change", object_id))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        self.publish(request, form.instance)

    def publish(self, request: HttpRequest, row: Any) -> None:
        """Write what is saved as a version, and tell which is live. Raises FlowRefused."""
        at = timezone.now()
        self.tell(request, flows.publish_row(row, by=user_of(request), at=at), at=at)

    def get_actions(self, request: HttpRequest) -> Any:
        """Many at once are deleted on their own pages, where a refusal can say which one is needed and why."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self.response_change(request, obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """What became of it was said by `tell`; Django's own words would say it once more."""
        if "_addanother" in request.POST:
            return HttpResponseRedirect(self.address("add"))
        if "_continue" in request.POST:
            return HttpResponseRedirect(self.address("change", obj.pk))
        return self.after_saving(request, obj)

    def after_saving(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return HttpResponseRedirect(self.address("changelist"))

    def address(self, page: str, *args: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=args)

    def tell(self, request: HttpRequest, version: FlowVersion, *, at: datetime) -> None:
        """Which version runs use from now on; `at` is when it was published, if it is a new one."""
        is_template = version.kind == FlowVersion.Kind.TEMPLATE
        name = f"“{version.document['name']}”" if is_template else "the routing rules"
        if version.created_at == at:
            said = f"Version {version.number} of {name} is live. Runs planned from now on use it; others keep theirs."
            messages.success(request, said)
        else:
            said = f"Nothing changed in what runs use: version {version.number} of {name} stays live."
            messages.info(request, said)

    def _whole(self, request: HttpRequest, view: Callable[[], Any], *, back: str) -> Any:
        """All of what the view does, or nothing and the reasons."""
        if request.method != "POST":
            return view()
        try:
            with transaction.atomic():
                return view()
        except flows.FlowRefused as refused:
            refuse(request, refused)
            return HttpResponseRedirect(back)


def refuse(request: HttpRequest, refused: flows.FlowRefused) -> None:
    messages.error(request, f"Nothing was changed. {refused}")
