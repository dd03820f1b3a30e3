"""The admin's pages of what belongs to the frame: users, background jobs, the workers' signs of life."""

from datetime import datetime

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django_q import admin as stock
from django_q.models import OrmQ, Schedule, Task

from gtm.admin_site import WIDGETS, RecordAdmin, pill
from gtm.models import Heartbeat, RateLimit

# The stock pages of the queue let whoever may edit a schedule run any function of the program.
for model in stock.admin.site._registry.copy():
    if model._meta.app_label == "django_q":
        admin.site.unregister(model)
admin.site.unregister([User, Group])


@admin.register(User)
class PersonAdmin(UserAdmin):
    formfield_overrides = WIDGETS
    list_display = ("username", "email", "roles", "is_active", "last_login")
    list_filter = ("groups", "is_active")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        names = sorted(group.name for group in user.groups.all())
        return ", ".join(names) or ("Admin (superuser)" if user.is_superuser else "none: sees nothing")


@admin.register(Group)
class RoleAdmin(GroupAdmin):
    list_per_page = 50


@admin.register(Task)
class TaskAdmin(RecordAdmin):
    """What the workers did. Only the last few hundred are kept."""

    list_display = ("name", "func", "cluster", "started", "seconds", "state")
    list_filter = ("success", "cluster")
    search_fields = ("func", "name")
    ordering = ("-started",)
    fields = ("name", "func", "cluster", "group", "started", "stopped", "state", "outcome")
    readonly_fields = fields

    @admin.display(description="took")
    def seconds(self, task: Task) -> str:
        return f"{task.time_taken():.2f} s"

    @admin.display(description="state", ordering="success")
    def state(self, task: Task) -> SafeString:
        return pill("Done", "ok") if task.success else pill("Failed", "bad")

    @admin.display(description="result")
    def outcome(self, task: Task) -> str:
        return str(task.result)


@admin.register(Schedule)
class ScheduleAdmin(RecordAdmin):
    """The clock as gtm/schedules.py wound it: to be read, not changed."""

    list_display = ("name", "func", "cron", "cluster", "next_run")
    fields = ("name", "func", "schedule_type", "cron", "cluster", "next_run")


@admin.register(OrmQ)
class QueueAdmin(RecordAdmin):
    list_display = ("id", "key", "job", "lock")
    list_filter = ("key",)
    fields = ("id", "key", "job", "lock")
    readonly_fields = fields
    list_display_links = ("id",)

    @admin.display(description="job")
    def job(self, row: OrmQ) -> str:
        return str(row.func())


@admin.register(Heartbeat)
class HeartbeatAdmin(RecordAdmin):
    list_display = ("name", "at")


@admin.register(RateLimit)
class RateLimitAdmin(RecordAdmin):
    """What outside parties last said they still allow. Every process reads and lowers these rows."""

    list_display = ("name", "state", "requests", "input_tokens", "output_tokens", "updated_at")
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name", "state", "requests", "input_tokens", "output_tokens", "blocked_until", "updated_at")
    readonly_fields = fields

    @admin.display(description="state", ordering="blocked_until")
    def state(self, row: RateLimit) -> SafeString:
        is_blocked = row.blocked_until is not None and row.blocked_until > timezone.now()
        return pill("Nobody may ask", "warn") if is_blocked else pill("Open", "ok")

    @admin.display(description="requests left", ordering="requests_remaining")
    def requests(self, row: RateLimit) -> str:
        return _left(row.requests_remaining, row.requests_reset_at)

    @admin.display(description="input tokens left", ordering="input_tokens_remaining")
    def input_tokens(self, row: RateLimit) -> str:
        return _left(row.input_tokens_remaining, row.input_tokens_reset_at)

    @admin.display(description="output tokens left", ordering="output_tokens_remaining")
    def output_tokens(self, row: RateLimit) -> str:
        return _left(row.output_tokens_remaining, row.output_tokens_reset_at)


def _left(number: int | None, reset_at: datetime | None) -> str:
    """A number holds until its reset; after that the party has not said anything that still counts."""
    if number is None or reset_at is None or reset_at <= timezone.now():
        return "Not said"
    return f"{number:,} until {timezone.localtime(reset_at):%H:%M:%S}"
