"""`manage.py trace REQUEST`: what the agents did for one request, step by step.

With `--replay`, whether each answer of its last run still comes out the same from what is stored. With `--spans`, what
an export tells of it; with `--otlp`, that is sent to the configured collector, whether it was before or not.
"""

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents_app import exporting, flow, trace
from agents_app.models import FlowRun, Request
from agents_app.trace import DraftTrace, RunTrace, StepTrace
from experiments.outcomes import outcomes_of
from gtm import telemetry


class Command(BaseCommand):
    help = "Print a request's runs: route, steps with input, output, confidence and cost, facts, e-mails, outcomes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("request", type=int, help="the request's number")
        ways = parser.add_mutually_exclusive_group()
        ways.add_argument("--json", action="store_true", help="print everything as one JSON object")
        replaying = "do the last run's steps again from their recorded answers: nothing is sent, paid or written"
        ways.add_argument("--replay", action="store_true", help=replaying)
        ways.add_argument("--spans", action="store_true", help="print its spans as a JSON list, as they are exported")
        ways.add_argument("--otlp", action="store_true", help="send its spans to OTEL_EXPORTER_OTLP_ENDPOINT, again")

    def handle(self, *args: object, **options: Any) -> None:
        request = Request.objects.select_related("client", "contact").filter(pk=options["request"]).first()
        if request is None:
            raise CommandError(f"There is no request {options['request']}. {_newest()}")
        if options["replay"]:
            self.stdout.write("\n".join(_replayed(request)))
            return
        if options["spans"] or options["otlp"]:
            self.stdout.write(_spans(request.pk, is_sent=options["otlp"]))
            return
        runs = trace.of_request(request, outcomes_of)
        if options["json"]:
            document = {
                "request": request.pk,
                "client": request.client.slug,
                "runs": [trace.document(run) for run in runs],
            }
            self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))
            return
        self.stdout.write("\n".join(_request(request, runs)))


def _newest() -> str:
    newest = [str(pk) for pk in Request.objects.order_by("-pk").values_list("pk", flat=True)[:5]]
    return f"The newest: {', '.join(newest)}." if newest else "There are none yet."


def _replayed(request: Request) -> Iterator[str]:
    yield _heading(request)
    run = FlowRun.objects.filter(request=request).order_by("pk").last()
    if run is None:
        yield "  No run yet."
        return
    yield f"\nRun {run.pk} again, from its recorded answers:"
    yield f"  Research: {flow.rederive(run).told}"
    for each in flow.replays(run):
        whom = f" for {each.step.contact}" if each.step.contact else ""
        yield f"  {each.step.stage}. {each.step.agent or each.step.key}{whom}, attempt {each.step.attempt}: {each.told}"


def _spans(request_id: int, *, is_sent: bool) -> str:
    found = exporting.of_request(request_id)
    if not is_sent:
        return json.dumps([span.document() for span in found], indent=2)
    if not telemetry.is_on():
        raise CommandError(
            "No collector is configured. Set OTEL_EXPORTER_OTLP_ENDPOINT to its address, then try again."
        )
    try:
        telemetry.send(found)
    except telemetry.NotDelivered as error:
        raise CommandError(
            f"{telemetry.endpoint()} did not take them. Is it running, and is that its address?"
        ) from error
    return f"{len(found)} spans were sent to {telemetry.endpoint()}."


def _heading(request: Request) -> str:
    about = str(request.contact) if request.contact else request.company_domain
    return f"Request {request.pk} for {request.client}: {request.get_purpose_display()}, {about}, {request.depth}"


def _request(request: Request, runs: list[RunTrace]) -> Iterator[str]:
    yield _heading(request)
    if not runs:
        yield "  No run yet."
    for run in runs:
        yield from _run(run)
    for again in FlowRun.objects.filter(request__rerun__original__request=request).order_by("pk"):
        yield f"\nDone again as run {again.pk} (request {again.request_id}): {again.status}. {again.reason}"


def _run(run: RunTrace) -> Iterator[str]:
    yield f"\nRun {run.id}: {run.status}. {run.error}".rstrip()
    yield f"  route {run.rule}: {run.reason}"
    yield from (f"  left out {choice['agent'] or choice['key']}: {choice['reason']}" for choice in run.skipped)
    yield from (f"  plan changed after {each.trigger} ({each.rule}): {each.reason}" for each in run.revisions)
    for step in run.steps:
        yield from _step(step)
    for source in run.sources:
        told = f"{source.claims} claims" if source.status == "ok" else source.reason
        how = f"the answer of {source.answer_of:%Y-%m-%d}" if source.answer_of else f"{source.elapsed_ms} ms"
        yield f"  source {source.source}: {source.status}, {how}, {told}"
    for fact in run.facts:
        evidence = ", ".join(f"{each['source']}{each['pointer']}" for each in fact.evidence)
        yield f"  fact {fact.key} {fact.attribute} = {fact.value} ({fact.confidence:.2f}; {evidence})"
    for draft in run.drafts:
        yield from _draft(draft)
    yield f"  cost ${run.cost_usd:.6f}, by {', '.join(run.generators) or 'nobody'}"


def _draft(draft: DraftTrace) -> Iterator[str]:
    """With the text that goes out, which a person may have edited."""
    yield f"  draft {draft.id} ({draft.status}, {draft.generator}): {draft.final_subject}"
    yield from (f"    {line}" for line in draft.final_body.splitlines())
    if draft.decided_at:
        edited = ", with the text edited (--json prints both)" if draft.was_edited else ""
        yield f"    decided by {draft.decided_by} at {draft.decided_at:%Y-%m-%d %H:%M}{edited}"
    if draft.sent_at:
        yield f"    sent at {draft.sent_at:%Y-%m-%d %H:%M} as {draft.message_id}"
    yield from (f"    {each.kind} at {each.occurred_at:%Y-%m-%d %H:%M}, says {each.source}" for each in draft.outcomes)


def _step(step: StepTrace) -> Iterator[str]:
    sure = "–" if step.confidence is None else f"{step.confidence:.2f}"  # noqa: RUF001 a dash for nothing
    seconds = "…" if step.seconds is None else f"{step.seconds:.2f} s"
    tokens = f"{step.tokens['input']} + {step.tokens['output']} tokens"
    whom = f" for {step.contact}" if step.contact else ""
    name = step.agent or step.tool or step.key
    yield f"\n  {step.stage}. {name}{whom}, attempt {step.attempt}: {step.status}, {seconds}, confidence {sure}"
    if step.agent:
        yield f"     {step.prompt}, by {step.generator or 'nobody'}, {tokens}, ${step.cost_usd:.6f}"
    if step.gate:
        yield f"     asked: {step.gate['question']} {step.gate['decision'] or 'not answered yet'}"
    if step.error:
        yield f"     error: {step.error}"
    for rule in step.why.rules:
        yield f"     by {rule.name}: {rule.outcome}{_values(rule.values)}"
    for term in step.confidence_terms:
        yield f"     {term['value'] * term['weight']:+.2f} {term['term']}: {term['why']}"
    for each in step.why.alternatives:
        score = "" if each.score is None else f" ({each.score:.2f} {each.unit})"
        yield f"     not {each.what}{score}: {each.why}"
    yield from (f"     broken: {check['check']}: {check['detail']}" for check in step.checks if not check["passed"])
    yield f"     input  {_short(step.input)}"
    yield f"     output {_short(step.output)}"


def _values(values: Mapping[str, Any]) -> str:
    return f" [{', '.join(f'{name}: {value}' for name, value in values.items())}]" if values else ""


def _short(document: object) -> str:
    text = json.dumps(document, ensure_ascii=False)
    return text if len(text) <= 400 else f"{text[:400]}… (--json prints all of it)"
