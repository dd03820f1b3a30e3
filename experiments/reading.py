"""Rows → the work done for one client in a span, as `figures.py` counts it: five queries, whatever the row count.

A row belongs to the span in which its run was planned, because that is when the settings were fixed. Runs under an
experiment stay out: they were written as the experiment says.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet
from django.db.models.fields import DateTimeField
from django.utils import timezone

from agents_app import llm
from agents_app.models import Draft, Fact, FlowRun, Send, StepRun
from clients.keys import DAYS
from clients.models import AgentKey, Client
from experiments.figures import Drafted, Mailed, Ran, Work, Written
from experiments.models import OutcomeEvent, OutcomeKind
from experiments.performance import WINDOW
from experiments.phrases import words_of
from experiments.tuning import MAX_WORDS, VALUES

MOST = 2000  # rows of a kind that are looked at, the newest: a look has to end
DECIDED = [each for each in Draft.Status.values if each != Draft.Status.WAITING]
NAMES = ("contact__first_name", "contact__last_name", "contact__full_name", "contact__company_name")
SAYS = ("offer", "call_to_action", "proof_points", "sender_name", "sender_title")
HARMS = (OutcomeKind.UNSUBSCRIBED, OutcomeKind.COMPLAINED)
_OF_THE_DAY = "daily budget"  # a call dearer than a whole day says nothing of the budget of a run


def read(client: Client, *, since: datetime, until: datetime, at: datetime) -> Work:
    """Of runs planned in [since, until), as far as it was known at `at`; those of trials are no work."""
    runs = FlowRun.objects.filter(client=client, planned_at__gte=since, planned_at__lt=until, variants={})
    runs = runs.filter(request__trial_side="")
    return Work(_drafts(runs, client), _mails(runs, at), _written(runs), _ran(runs))


def _valued(rows: QuerySet[Any], run: str, *names: str) -> Iterable[dict[str, Any]]:
    """The rows with what was in force in their run, under the paths' own names, the newest first."""
    config = f"{run}config"
    settings = {f"at_{at}": F(f"{config}__{path.replace('.', '__')}") for at, path in enumerate(VALUES)}
    found: Iterable[dict[str, Any]] = rows.annotate(**settings).order_by("-pk").values(*names, *settings)[:MOST]
    return found


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    return {path: row[f"at_{at}"] for at, path in enumerate(VALUES)}


def _drafts(runs: QuerySet[FlowRun], client: Client) -> list[Drafted]:
    rows = Draft.objects.filter(run__in=runs, status__in=DECIDED).annotate(says=F("run__config__custom_fields"))
    wanted = (
        "pk",
        "run_id",
        "status",
        "was_edited",
        "decided_by_id",
        "body",
        "final_body",
        "sentences",
        "says",
        *NAMES,
    )
    found = list(_valued(rows, "run__", *wanted))
    facts: dict[int, dict[str, tuple[float, str]]] = defaultdict(dict)
    known = Fact.objects.filter(run__in=[row["run_id"] for row in found])
    for run, key, confidence, value in known.values_list("run_id", "key", "confidence", "value"):
        facts[run][key] = (confidence, value)
    return [_drafted(row, facts[row["run_id"]], client) for row in found]


def _drafted(row: Mapping[str, Any], facts: Mapping[str, tuple[float, str]], client: Client) -> Drafted:
    cited = [facts[name][0] for each in row["sentences"] for name in each.get("rests_on", ()) if name in facts]
    said = [row["says"].get(name) or "" for name in SAYS] if isinstance(row["says"], dict) else []
    texts = [client.name, *(row[name] or "" for name in NAMES), *(value for _, value in facts.values()), *_flat(said)]
    decision = "rejected" if row["status"] == Draft.Status.REJECTED else "edited" if row["was_edited"] else "unchanged"
    return Drafted(
        row["pk"],
        decision,
        row["body"],
        row["final_body"],
        row["decided_by_id"],
        _values(row),
        words_of(texts),
        min(cited, default=None),
    )


def _flat(said: Iterable[str | list[str]]) -> Iterator[str]:
    for each in said:
        yield from [each] if isinstance(each, str) else each


def _mails(runs: QuerySet[FlowRun], at: datetime) -> list[Mailed]:
    """Of each contact the first e-mail that it ever got, once its answer would have come."""
    earlier = Send.objects.filter(contact=OuterRef("contact"), pk__lt=OuterRef("pk"))
    rows = Send.objects.filter(~Exists(earlier), draft__run__in=runs, sent_at__lte=at - WINDOW).annotate(
        replied=Exists(_answers(at).filter(kind=OutcomeKind.REPLIED)),
        harmed=Exists(_answers(at).filter(kind__in=HARMS)),
    )
    found = _valued(rows, "draft__run__", "draft_id", "sent_at", "replied", "harmed")
    return [_mailed(row, timezone.localtime(row["sent_at"])) for row in found]


def _mailed(row: Mapping[str, Any], sent: datetime) -> Mailed:
    day = list(DAYS)[sent.weekday()]
    return Mailed(row["draft_id"], day, sent.hour, row["replied"], row["harmed"], _values(row))


def _answers(at: datetime) -> QuerySet[OutcomeEvent]:
    """What became of a send within the window, as far as it was known."""
    end = ExpressionWrapper(OuterRef("sent_at") + WINDOW, output_field=DateTimeField())
    return OutcomeEvent.objects.filter(send=OuterRef("pk"), occurred_at__lte=end, received_at__lte=at)


def _written(runs: QuerySet[FlowRun]) -> list[Written]:
    """Of each run and contact the e-mail as its agent gave it in the end."""
    steps = StepRun.objects.filter(run__in=runs, agent=AgentKey.EMAIL, status=StepRun.Status.DONE)
    found = []
    for row in _valued(steps, "run__", "run_id", "output"):
        words, values = _words(row["output"] or {}), _values(row)
        if words and isinstance(limit := values[MAX_WORDS], int):
            found.append(Written(row["run_id"], words, words <= limit, values))
    return found


def _words(output: Mapping[str, Any]) -> int:
    """Of the body: greeting, sentences and closing, as `contracts.short_enough` counts them."""
    sentences = [str(each.get("text", "")) for each in output.get("sentences") or []]
    texts = [str(output.get("greeting") or ""), *sentences, str(output.get("closing") or "")]
    return sum(len(text.split()) for text in texts) if sentences else 0


def _ran(runs: QuerySet[FlowRun]) -> list[Ran]:
    spent = StepRun.objects.filter(run=OuterRef("pk"), error_class=llm.BudgetSpent.__name__)
    ended = runs.annotate(ran_out=Exists(spent.exclude(error__contains=_OF_THE_DAY))).filter(
        Q(status=FlowRun.Status.SUCCEEDED) | Q(status=FlowRun.Status.NEEDS_INPUT, ran_out=True)
    )
    rows = _valued(ended, "", "pk", "spent_usd", "budget_usd", "ran_out", "status")
    return [
        Ran(
            row["pk"],
            float(row["spent_usd"]),
            float(row["budget_usd"]),
            row["status"] != FlowRun.Status.SUCCEEDED,
            _values(row),
        )
        for row in rows
    ]
