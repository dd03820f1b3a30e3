"""What people think of runs and steps: good or bad, with a word why. Nothing is changed, only added."""

from datetime import datetime

from django.contrib.auth.models import User

from agents_app.models import FlowRun, RunMark, StepRun

Verdict = RunMark.Verdict


class MarkRefused(Exception):
    """It cannot be marked like that; the text says why."""


def mark(run: FlowRun, verdict: str, *, by: User, at: datetime, step: StepRun | None = None, note: str = "") -> RunMark:
    """Raises MarkRefused, and writes nothing."""
    if verdict not in Verdict.values:
        raise MarkRefused("Choose good or bad.")
    if step is not None and step.run_id != run.pk:
        raise MarkRefused(f"{step} is no step of {run}.")
    said = " ".join(note.split())[:500]
    return RunMark.objects.create(run=run, step=step, verdict=verdict, note=said, author=by, at=at)
