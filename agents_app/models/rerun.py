from django.conf import settings
from django.db import models

from gtm.records import Record


class Rerun(Record):
    """A run that was done again from one of its steps, with what was changed for it (`agents_app/reruns.py`).

    `request` is the new run's own, of the side AGAIN. `changes` is what differs from the original, in words:
    [{"label", "before", "after"}]. `edited` are parts of what the step was given, as somebody wrote them, {name:
    value}. `asks_sources`: research asks its sources again; otherwise it is given the facts of then. `breakpoints` are
    keys of steps before which the run asks a person.
    """

    recorded = (
        "request_id", "original_id", "step_id", "changes", "edited", "asks_sources", "breakpoints", "sha256",
        "author_id", "created_at",
    )  # fmt: skip

    request = models.OneToOneField("agents_app.Request", on_delete=models.PROTECT, related_name="rerun")
    original = models.ForeignKey("agents_app.FlowRun", on_delete=models.PROTECT, related_name="reruns")
    step = models.ForeignKey("agents_app.StepRun", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    changes = models.JSONField(default=list, blank=True)
    edited = models.JSONField(default=dict, blank=True)
    asks_sources = models.BooleanField(default=False)
    breakpoints = models.JSONField(default=list, blank=True)
    sha256 = models.CharField(max_length=64, help_text="Of all that was wanted: the same is not begun twice at once.")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "run again"
        verbose_name_plural = "runs again"

    def __str__(self) -> str:
        return f"Run {self.original_id} again, from step {self.step_id}"
