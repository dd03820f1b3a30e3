"""Test cases: a question that an agent was really asked, kept as it was, so that prompts can be tried on it."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from agents_app import evidence
from agents_app.models import FlowRun, GoldenCase, StepRun

ASKED = ("key", "attribute", "value", "confidence", "source", "as_of")  # what a model sees of a fact (flow/work.py)
LONGEST_TITLE = 160


class CaseRefused(Exception):
    """The step cannot become a test case; the text says why."""


@transaction.atomic
def copy(step: StepRun, *, by: User, at: datetime, title: str = "", note: str = "") -> list[GoldenCase]:
    """A case a question of the step: most steps were asked one. Those that the step has already, and that are active,
    are answered in place of new ones. Raises CaseRefused."""
    _check(step)
    run = step.run
    type(run).objects.select_for_update(no_key=True).get(pk=run.pk)  # of two clicks, the second finds the cases
    if there := list(GoldenCase.objects.filter(step=step, is_active=True).order_by("pk")):
        return there
    config = step.input["config"]
    materials = evidence.materials(step.input, config)
    named = " ".join(title.split()) or f"{step.label} for {_whom(step)}"
    return [
        GoldenCase.objects.create(
            agent=step.agent,
            client_id=run.client_id,
            step=step,
            config=config,
            facts=[{name: fact[name] for name in ASKED if name in fact} for fact in material.facts],
            context=material.context,
            title=_titled(named, number, len(materials)),
            note=note.strip(),
            author=by,
            created_at=at,
        )
        for number, material in enumerate(materials, start=1)
    ]


def _check(step: StepRun) -> None:
    if not step.agent:
        raise CaseRefused(f"{step.label} is no agent's step: it was asked nothing that a prompt could be tried on.")
    if step.status != StepRun.Status.DONE:
        raise CaseRefused(f"{step.label} did not end with an answer, so what it was given is not known whole.")
    if "config" not in step.input or not step.input.get("context"):
        raise CaseRefused(f"What {step.label} was given is no longer stored whole: {_gone(step.run)}")


def _gone(run: FlowRun) -> str:
    removed, contact = run.calls_removed_at, run.request.contact
    if removed and not (contact and contact.erased_at):
        on = f"{timezone.localtime(removed):%-d %B %Y}"
        return f"it was removed on {on}, as of every old run that no e-mail was sent of."
    return "somebody asked to be forgotten."


def _whom(step: StepRun) -> str:
    """The company, not the person: titles are read in lists."""
    company = step.input.get("company") or {}
    return str(company.get("name") or company.get("domain") or step.run.client)


def _titled(title: str, number: int, of: int) -> str:
    ending = f" ({number} of {of})" if of > 1 else ""
    return title[: LONGEST_TITLE - len(ending)] + ending
