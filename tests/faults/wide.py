"""A flow with a wide middle, and what holds for every run of it, whatever befell its workers."""

from agents_app.models import BudgetDay, Claim, Draft, Fact, FlowRun, Persona, SourceRecord

WIDE = [
    {"key": "plan", "agent": "research_agent"},
    {"key": "competitive", "agent": "competitive_agent", "after": ["plan"]},
    {"key": "persona", "agent": "persona_agent", "after": ["plan"]},
    {"key": "email", "agent": "email_agent", "after": ["plan"]},
    {"key": "together", "kind": "join", "after": ["competitive", "persona", "email"]},
]
IN_TURN = {"competitive_agent": 2, "persona_agent": 3, "email_agent": 4}  # turns: each end has its own, so five in all


def ended(run):
    return {row["id"]: row for row in run.steps.exclude(status__in=["running", "waiting"]).values()}


def check_steps(run, diary, deaths, kept):
    """What had ended is as it was and was not done again; the rest was tried once more for each death at most."""
    assert {number: row for number, row in ended(run).items() if number in kept} == kept
    ran = diary.ran()
    for step in WIDE:
        tries = list(run.steps.filter(key=step["key"]).order_by("attempt"))
        assert [row.status for row in tries] == ["lost"] * (len(tries) - 1) + ["done"]
        assert len(tries) <= 1 + deaths
        assert max(ran[row.pk] for row in tries) == ran[tries[-1].pk] == bool(tries[-1].agent)


def check_results(run):
    """What a run leaves behind stands there once."""
    asked = list(SourceRecord.objects.filter(run=run).values_list("source", "question"))
    assert ({source for source, _ in asked}, len(asked)) == ({"newsapi", "people_data_labs"}, len(set(asked)))
    facts = list(Fact.objects.filter(run=run).order_by("pk").values_list("key", flat=True))
    assert facts == [f"f{number}" for number in range(1, len(facts) + 1)] != []
    said = list(Claim.objects.filter(source_record__run=run).values_list("source_record", "pointer", "attribute"))
    assert len(said) == len(set(said)) > 0
    assert (Persona.objects.filter(run=run).count(), Draft.objects.filter(run=run).count()) == (1, 1)


def check_money(run, diary):
    """Nothing is set aside any more, each answer is paid once, and what nobody recorded is covered by the worst case."""
    rows = list(run.steps.all())
    assert (run.reserved_usd, sum(row.reserved_usd for row in rows)) == (0, 0)
    assert run.spent_usd == sum(row.cost_usd + row.uncertain_usd for row in rows) <= run.budget_usd
    assert all(row.uncertain_usd > 0 for row in rows if row.agent and row.status == "lost")
    billed = diary.billed(run)
    recorded = [each["request_id"] for row in rows for each in row.attempts]
    assert len(recorded) == len(set(recorded))
    assert set(recorded) <= set(billed)
    assert sum(row.cost_usd for row in rows) == sum(billed[each] for each in recorded)
    assert sum(billed.values()) <= run.spent_usd


def check_day(runs):
    days = list(BudgetDay.objects.filter(client=runs[0].client))
    assert sum(day.reserved_usd for day in days) == 0
    assert sum(day.spent_usd for day in days) == sum(run.spent_usd for run in runs)


def rows_of(run):
    """Every row that belongs to the run, as it stands."""
    days = BudgetDay.objects.filter(client=run.client)
    tables = [
        FlowRun.objects.filter(pk=run.pk),
        run.steps,
        run.facts,
        run.source_records,
        run.personas,
        run.drafts,
        days,
    ]
    return [list(table.order_by("pk").values()) for table in tables]
