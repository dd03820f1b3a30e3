"""What tests of trials share: a client's form with changes, posted to be tried, and the words of an answer."""

import html
import re
from typing import Any

from django.test import Client as Browser
from django.urls import reverse

from agents_app.models import FlowRun, Trial
from clients.models import Client
from tests import queue
from tests.clients.test_admin import whole_form

DOMAIN = "northwind-bank.example"


def form_of(client: Client, **typed: Any) -> dict[str, Any]:
    """The client's form as it stands, with changes: `form_of(acme, tone="direct")`."""
    said: dict[str, Any] = {}
    for path, value in client.settings.items():
        root, _, name = path.rpartition(".")
        if root == "prompt_overrides":
            places = {f"words__{name}__{number}": word for number, word in enumerate(value)}
            said |= {f"{place}__{part}": text for place, word in places.items() for part, text in word.items()}
        else:
            said[name] = "\n".join(value) if isinstance(value, list) else value
    return whole_form(client, **{**said, **typed})


def post(browser: Browser, client: Client, *, htmx: bool = True, **typed: Any) -> Any:
    """Whoever starts a trial has been shown its cost."""
    headers = {"HX-Request": "true"} if htmx else {}
    if typed.get("try") == "start" and "try_quoted" not in typed:
        quote = post(browser, client, htmx=htmx, **{**typed, "try": "cost"})
        typed["try_quoted"] = (quote.context or {}).get("quoted", "")
    return browser.post(reverse("client_try", args=[client.slug]), form_of(client, **typed), headers=headers)


def start(browser: Browser, client: Client, **typed: Any) -> Trial:
    """Started and done by the workers."""
    post(browser, client, **{"try": "start", **typed})
    queue.drain()
    return Trial.objects.latest("pk")


def words(answer: Any) -> str:
    """What a person reads of it."""
    assert answer.status_code == 200
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def look(browser: Browser, trial: Trial, **query: Any) -> Any:
    return browser.get(reverse("trial", args=[trial.pk]), query, headers={"HX-Request": "true"})


def runs(trial: Trial) -> tuple[FlowRun, FlowRun]:
    """(of the settings in force, of the typed ones)."""
    return trial.present.runs.get(), trial.proposed.runs.get()
