"""Runs found again: by a number, a message's id, a person, a company, an error, a fact, or any word that was said.

What is said stands in a table of its own (`SearchText`), filled once a run is over. So nothing is indexed while a run
is at work, and the rows that engines write stay small. A run is found by its words within a minute of its end.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import User
from django.contrib.postgres.search import SearchQuery
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from agents_app.models import Draft, FlowRun, Request, SearchText, Send, StepKind, StepRun
from clients.access import scope
from clients.models import Contact

Kind = SearchText.Kind
# kinds of steps that say something of their own
SPEAKS = (StepKind.AGENT, StepKind.MAP, StepKind.TOOL, StepKind.PLANNER)
NAMES = frozenset({"rests_on", "key", "attribute", "source", "check"})  # what stands under these says nothing
LONGEST_TEXT = 50_000  # characters of one row
SHOWN = 10  # of a kind
LOOKED_AT = 60  # newest texts that say it
AT_ONCE = 10_000  # older runs that are kept in one go
EXCERPT = 160  # characters
LEAST = 3  # characters by which a run under way is found
LONGEST_NUMBER = 17  # digits
MANY = 5_000  # texts
MATCHING = """
    WITH found AS MATERIALIZED (
        SELECT id FROM agents_app_searchtext WHERE words @@ websearch_to_tsquery('simple', %s)
    ) SELECT id FROM found LIMIT %s
"""


@dataclass(frozen=True)
class Said:
    """A text that holds what was looked for, with the words around it."""

    text: SearchText
    excerpt: str

    @property
    def run(self) -> FlowRun:
        return self.text.run


@dataclass(frozen=True)
class Found:
    """The newest of each kind. `said` are answers, facts and errors."""

    requests: list[Request] = field(default_factory=list)
    runs: list[FlowRun] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    mails: list[Draft] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.requests or self.runs or self.said or self.mails)


# --- kept


def waiting(*, since: datetime | None = None) -> "QuerySet[FlowRun]":
    """Runs that have ended and whose words are not kept yet, those planned since then or all; the newest first."""
    ended = FlowRun.objects.filter(is_open=False)
    if since is not None:
        ended = ended.filter(planned_at__gte=since)
    return ended.filter(~Exists(SearchText.objects.filter(run=OuterRef("pk")))).order_by("-planned_at", "-pk")


@transaction.atomic
def keep(run: FlowRun) -> int:
    """The words of a run that has ended, once, however often this is called; how many texts. The rows they come from
    are held, so that an erasure either took its words out before, or finds them in what is written here."""
    if run.is_open:
        return 0
    held = StepRun.objects.select_for_update(no_key=True).filter(run=run, fence__gt=0).order_by("pk")
    steps = list(held.only("pk", "kind", "output", "error"))
    drafts = list(Draft.objects.select_for_update(no_key=True).filter(run=run).order_by("pk"))
    facts = list(run.facts.select_for_update(no_key=True).order_by("pk").values_list("attribute", "value"))
    said: dict[tuple[str, int | None], str] = {
        (Kind.ABOUT, None): _about(run.request),
        (Kind.FACTS, None): "\n".join(f"{name.replace('_', ' ')} {value}" for name, value in facts),
        (Kind.ERROR, None): run.error,
    }
    written = {draft.step_id for draft in drafts}
    said |= {(Kind.MAIL, draft.step_id): _mail(draft) for draft in drafts}
    said |= {(Kind.ANSWER, each.pk): _answer(each) for each in steps if each.kind in SPEAKS and each.pk not in written}
    said |= {(Kind.ERROR, each.pk): each.error for each in steps}
    rows = [
        SearchText(run=run, kind=kind, step_id=step, text=text[:LONGEST_TEXT])
        for (kind, step), text in said.items()
        if text or kind == Kind.ABOUT
    ]
    return len(_put(rows))


def keep_older() -> None:
    """The newest of the runs whose words nobody kept, however old they are."""
    for run in waiting().select_related("request")[:AT_ONCE]:
        keep(run)


def keep_mail(draft: Draft) -> None:
    """The words that went out, where a person had changed them."""
    if draft.was_edited:
        _put([SearchText(run_id=draft.run_id, kind=Kind.MAIL, step_id=draft.step_id, text=_mail(draft)[:LONGEST_TEXT])])


def _put(rows: list[SearchText]) -> list[SearchText]:
    return SearchText.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["run", "kind", "step"], update_fields=["text"]
    )


def _about(request: Request) -> str:
    """The company as it is called and as it is written in addresses, in single words too. A person is found by the
    contact's own row."""
    words = re.sub(r"[.-]+", " ", request.company_domain)
    return "\n".join(filter(None, (request.company_name, request.company_domain, words)))


def _mail(draft: Draft) -> str:
    return f"{draft.final_subject}\n{draft.final_body}"


def _answer(step: StepRun) -> str:
    return "\n".join(dict.fromkeys(_texts(step.output)))


def _texts(value: object) -> Iterator[str]:
    """Everything that is read as words, in its order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            if name not in NAMES:
                yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


# --- found


def find(user: User, text: str) -> Found:
    """What the user may see of it. A number is one of a request or run, as well as a word."""
    text = " ".join(text.replace("\0", "").split())
    if not text or not user.has_perm("agents_app.view_flowrun"):
        return Found()
    said, mails = _said(user, text)
    return Found(_requests(user, text), _runs(user, text, said), said, [*_sent(user, text), *mails][:SHOWN])


def _requests(user: User, text: str) -> list[Request]:
    """By number, by the address or name of the person, by the company's domain."""
    rows = scope(Request.objects.select_related("client", "contact"), user).order_by("-pk")
    people = Q(email_normalised__startswith=text.casefold()) | Q(full_name__icontains=text)
    known = scope(Contact.objects.filter(people), user).order_by("-pk").values_list("pk", flat=True)[:50]
    found = list(rows.filter(pk=number_of(text))) if number_of(text) else []
    found += rows.filter(contact__in=list(known))[:SHOWN]
    if re.fullmatch(r"[\w-]+(\.[\w-]+)+", text):
        found += rows.filter(company_domain=text.casefold())[:SHOWN]
    return list(dict.fromkeys(found))[:SHOWN]


def _runs(user: User, text: str, said: Iterable[Said]) -> list[FlowRun]:
    """By number, those about the company that was named, and those under way about it or with that trouble, whose words
    are not kept yet."""
    runs = scope(FlowRun.objects.select_related("client", "request__contact"), user).order_by("-pk")
    found = list(runs.filter(pk=number)) if (number := number_of(text)) else []
    found += [each.run for each in said if each.text.kind == Kind.ABOUT]
    if len(text) >= LEAST:
        says_it = (
            Q(error__icontains=text)
            | Q(request__company_name__icontains=text)
            | Q(request__company_domain__icontains=text)
            | Q(request__contact__company_name__icontains=text)
        )
        found += runs.filter(says_it, is_open=True)[:SHOWN]
    return list(dict.fromkeys(found))[:SHOWN]


def _said(user: User, text: str) -> tuple[list[Said], list[Draft]]:
    """Texts that hold all of the words, the newest first; of e-mails the drafts."""
    query = SearchQuery(text, config="simple", search_type="websearch")
    rare = _matching(text)
    held = SearchText.objects.filter(words=query) if rare is None else SearchText.objects.filter(pk__in=rare)
    rows = scope(held, user, "run__client").order_by("-pk")
    rows = rows.select_related("run__client", "run__request__contact", "step").defer("words", "step__attempts")
    found = list(rows[:LOOKED_AT])
    steps = [each.step_id for each in found if each.kind == Kind.MAIL]
    drafts = Draft.objects.filter(step__in=steps).select_related("contact", "run__client", "send").order_by("-pk")
    others = [each for each in found if each.kind != Kind.MAIL]
    return [Said(each, _excerpt(each.text, text)) for each in others], list(drafts[:SHOWN]) if steps else []


def _matching(text: str) -> list[int] | None:
    """The numbers of all texts that hold the words; None where there are too many: then the newest are soon met.

    Of a word that it has not counted PostgreSQL expects many texts, and would look for the newest of them from the end
    of the table, through all of it where there are few. What is materialised is planned for itself, by its index.
    """
    with connection.cursor() as cursor:
        cursor.execute(MATCHING, [text, MANY + 1])
        found = [number for [number] in cursor.fetchall()]
    return found if len(found) <= MANY else None


def _sent(user: User, text: str) -> list[Draft]:
    """The e-mail with this message id, with or without its brackets."""
    if "@" not in text:
        return []
    bare = text.strip("<>")
    sends = Send.objects.filter(message_id__in=[bare, f"<{bare}>"]).values("draft")
    drafts = Draft.objects.filter(pk__in=sends).select_related("contact", "run__client", "send")
    return list(scope(drafts, user, "run__client"))


def number_of(text: str) -> int:
    """“#123” and “123” as the number of a row; 0 of anything else."""
    bare = text.removeprefix("#")
    return int(bare) if bare.isdecimal() and len(bare) <= LONGEST_NUMBER else 0


def _excerpt(text: str, wanted: str) -> str:
    """The line that holds the first of the words, cut to a length around it."""
    words = re.findall(r"\w+", wanted.casefold())
    line = next((each for each in text.splitlines() if any(word in each.casefold() for word in words)), text)
    at = min((place for word in words if (place := line.casefold().find(word)) >= 0), default=0)
    start = max(0, min(at - EXCERPT // 3, len(line) - EXCERPT))
    ending = "…" if start + EXCERPT < len(line) else ""
    return f"{'…' if start else ''}{line[start : start + EXCERPT].strip()}{ending}"
