"""`manage.py generate`: make one request and run it at once, in this process, through the functions the workers use."""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from agents_app import flow, requests, trace
from agents_app.models import Depth, Purpose, Request, SourceRecord
from agents_app.trace import RunTrace
from clients import contacts
from clients.models import Client, Contact
from gtm import loop

STEP = (
    "key", "kind", "agent", "tool", "contact", "stage", "attempt", "status", "prompt", "confidence", "checks",
    "generator", "cost_usd", "seconds", "gate", "error",
)  # fmt: skip  # what is printed of a step; `manage.py trace` prints all of it


class Command(BaseCommand):
    help = "Research a company or contact for a client and write the e-mail, at once; prints what happened."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--client", required=True, help="the client's short name, for example acme-fintech")
        parser.add_argument("--company", default="", help="a company's domain, for example northwind-bank.example")
        parser.add_argument("--contact", default="", help="the e-mail address of one of the client's contacts")
        parser.add_argument("--purpose", choices=Purpose.values, default=Purpose.OUTREACH)
        parser.add_argument("--depth", choices=Depth.values, default=Depth.STANDARD)
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: object, **options: Any) -> None:
        request = _ask(options)
        run = flow.execute(loop.plan_run(request.pk).pk)
        [found] = trace.of_request(request)
        document = _document(request, found)
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) if options["json"] else _text(document))
        if run.status in (run.Status.FAILED, run.Status.DEAD):
            raise CommandError(run.error)


def _ask(options: dict[str, Any]) -> Request:
    if bool(options["company"]) == bool(options["contact"]):
        raise CommandError("Name either --company DOMAIN or --contact EMAIL.")
    client = _client(options["client"])
    wanted: dict[str, Any] = {"purpose": options["purpose"], "depth": options["depth"]}
    if options["contact"]:
        wanted["contact"] = _contact(client, options["contact"])
    else:
        wanted["company_domain"] = options["company"]
    try:
        return requests.ask(client, at=timezone.now(), reason="Asked on the command line.", **wanted)
    except requests.RequestRefused as refused:
        raise CommandError(str(refused)) from None


def _client(slug: str) -> Client:
    client = Client.objects.filter(slug=slug).first()
    if client is None:
        known = list(Client.objects.order_by("slug").values_list("slug", flat=True)[:20])
        raise CommandError(f"There is no client “{slug}”. {_known('Clients', known)}")
    return client


def _contact(client: Client, email: str) -> Contact:
    try:
        address = contacts.normalise_email(email)
    except contacts.InvalidEmail as invalid:
        raise CommandError(str(invalid)) from None
    contact = contacts.at(client, address)
    if contact is None:
        known = list(Contact.objects.filter(client=client).order_by("-pk").values_list("email", flat=True)[:5])
        raise CommandError(f"{client.name} has no contact “{email}”. {_known('Its newest contacts', known)}")
    return contact


def _known(what: str, names: Sequence[str]) -> str:
    return f"{what}: {', '.join(names)}." if names else f"{what}: none yet."


def _document(request: Request, run: RunTrace) -> dict[str, Any]:
    whole = trace.document(run)
    last = {source.source: source for source in run.sources}  # a source may have been asked again
    failed = [source for source in last.values() if source.status != SourceRecord.Status.OK]
    return {
        "request": request.pk,
        "run": run.id,
        "status": run.status,
        "error": run.error,
        "route": {name: whole[name] for name in ("rule", "reason", "stages", "skipped", "revisions")},
        "steps": [_step(step) for step in whole["steps"]],
        "sources": {
            "used": [source.source for source in last.values() if source.status == SourceRecord.Status.OK],
            "failed": [{"source": source.source, "reason": source.reason} for source in failed],
            "not_asked": [
                each
                for step in whole["steps"]
                for each in step["input"].get("search", {}).get("not_asked", [])
                if each["source"] not in last
            ],
        },
        "cost_usd": whole["cost_usd"],
        "generator": ", ".join(run.generators),
        "drafts": whole["drafts"],
        "brief": whole["brief"],
        "personas": whole["personas"],
    }


def _step(step: dict[str, Any]) -> dict[str, Any]:
    return {name: step[name] for name in STEP}


def _step_line(step: dict[str, Any]) -> str:
    """One line a step: whose it is, how it ended, and how sure an agent is."""
    name = step["agent"] or step["tool"] or step["key"]
    whom = f" for {step['contact']}" if step["contact"] else ""
    sure = "" if step["confidence"] is None else f", confidence {step['confidence']:.2f}"
    asks = f", asks: {step['gate']['question']}" if step["gate"] and not step["gate"]["decision"] else ""
    return f"  {name}{whom}: {step['status']}{sure}{asks}"


def _text(document: dict[str, Any]) -> str:
    lines = [
        f"Request {document['request']}, run {document['run']}: {document['status']}. {document['error']}".strip(),
        f"Route {document['route']['rule']}: {document['route']['reason']}",
        *(f"  left out {each['agent'] or each['key']}: {each['reason']}" for each in document["route"]["skipped"]),
        *(f"  plan changed after {each['trigger']}: {each['reason']}" for each in document["route"]["revisions"]),
        *(_step_line(step) for step in document["steps"]),
        f"Sources used: {', '.join(document['sources']['used']) or 'none'}",
        *(f"  not used: {failed['source']}: {failed['reason']}" for failed in document["sources"]["failed"]),
        *(f"  not asked: {each['source']}: {each['reason']}" for each in document["sources"]["not_asked"]),
        f"Cost ${document['cost_usd']:.4f}, written by {document['generator'] or 'nobody'}",
        *(f"\n{draft['subject']}\n\n{draft['body']}" for draft in document["drafts"]),
        *(f"- {sentence['text']}" for sentence in document["brief"]),
    ]
    return "\n".join(lines)
