"""What an agent would be told after a save, beside what it is told now: from the form as it is typed, no call made."""

import difflib
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from agents_app import prompts, versions
from agents_app.agents import AGENTS, chosen
from clients import config, typed
from clients.config import Effective
from clients.keys import AGENTS as NAMES
from clients.views.finding import client_of

FIRST = "email_agent"
AROUND = 2  # lines that stay as they are, shown before and after one that changes


class Line(NamedTuple):
    """One line of a prompt on both sides; `how` is "same", "gone", "new" or "changed"; "folded" stands for several that
    are the same, and `left` says how many."""

    left: str
    right: str
    how: str


@require_http_methods(["GET", "HEAD", "POST"])
def client_prompts(request: HttpRequest, slug: str) -> HttpResponse:
    """GET shows what is in use; POST the same beside what the posted form of the client would make of it. To htmx, the
    comparison alone."""
    client = client_of(request, slug)
    agent = request.POST.get("preview_agent") or request.GET.get("agent") or FIRST
    agent = agent if agent in AGENTS else FIRST
    texts = {name: version.text for name, version in versions.live(client).items()}
    now = config.stand_of(client).effective(client)
    found = typed.read(client, request.POST, versions.components(client)) if request.method == "POST" else None
    after = found.after if found else now
    words = after.document["prompt_overrides"].get(agent, [])
    lines = list(_side_by_side(_told(texts[agent], agent, now), _told(texts[agent], agent, after)))
    page: dict[str, Any] = {
        "client": client,
        "agent": agent,
        "agents": NAMES.items(),
        "name": NAMES[agent],
        "lines": lines,
        "shown": list(_folded(lines)) if request.method == "POST" else lines,
        "changed": sum(line.how != "same" for line in lines),
        "problems": found.refused if found else (),
        "orphaned": prompts.orphaned(texts[agent], words),
        "elsewhere": [NAMES[name] for name in NAMES if name != agent and _differs(texts[name], name, now, after)],
        "is_post": request.method == "POST",
    }
    is_part = bool(request.htmx)  # type: ignore[attr-defined]
    return render(request, "clients/prompt_lines.html" if is_part else "clients/prompts.html", page)


def _told(text: str, agent: str, effective: Effective) -> list[str]:
    """The lines that are alike for all contacts of the client: the prompt with every word to it, and the settings."""
    words = effective.document["prompt_overrides"].get(agent, [])
    given = chosen(effective.document, AGENTS[agent].settings, agent)
    settings = {name: value for name, value in given.items() if name != "prompt_overrides"}
    told = "\n\n".join(prompts.preview(text, words))
    return [*told.splitlines(), "", *json.dumps(settings, indent=1, ensure_ascii=False, sort_keys=True).splitlines()]


def _differs(text: str, agent: str, now: Effective, after: Effective) -> bool:
    return _told(text, agent, now) != _told(text, agent, after)


def _side_by_side(left: Sequence[str], right: Sequence[str]) -> Iterator[Line]:
    for tag, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (Line(line, line, "same") for line in left[a:b])
            continue
        for number in range(max(b - a, d - c)):
            old = left[a + number] if a + number < b else ""
            new = right[c + number] if c + number < d else ""
            how = "changed" if a + number < b and c + number < d else "gone" if a + number < b else "new"
            yield Line(old, new, how)


def _folded(lines: Sequence[Line]) -> Iterator[Line]:
    """What changes, with a little around it: a change far down in a long prompt is seen without scrolling."""
    changed = [at for at, line in enumerate(lines) if line.how != "same"]
    kept = {near for at in changed for near in range(at - AROUND, at + AROUND + 1)}
    for is_kept, run in itertools.groupby(range(len(lines)), key=kept.__contains__):
        places = list(run)
        if is_kept or len(places) == 1:
            yield from (lines[at] for at in places)
        else:
            yield Line(f"{len(places)} lines as before", "", "folded")
