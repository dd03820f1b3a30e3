"""The part of a crowd that runs leave: flows, runs with their steps, questions to people, what was found out."""

from datetime import timedelta
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model

from agents_app.models import (
    Anomaly,
    Brief,
    BudgetDay,
    Claim,
    ClientPrompt,
    Contract,
    Correction,
    Deployment,
    Edge,
    Entity,
    EntityId,
    EntityMerge,
    Fact,
    FlowRun,
    FlowTemplate,
    FlowVersion,
    Gate,
    GoldenCase,
    MergeProposal,
    ModelPrice,
    Persona,
    PlannedPrompt,
    PlanRevision,
    PromptVersion,
    Rehearsal,
    RehearsalAnswer,
    Release,
    Request,
    Rerun,
    Rollout,
    RolloutDecision,
    RolloutDraw,
    RoutingRule,
    RunMark,
    SearchText,
    SourceAccount,
    SourceRecord,
    Statement,
    StepContext,
    StepRun,
    TemplateStep,
    Trial,
)
from clients.models import Client
from tests.factories import AT

Rows = dict[type[Model], list[Any]]

SHA = "0" * 64
_numbers = count(100_000)


def a_number() -> int:
    """One that no other row of this process has."""
    return next(_numbers)


def numbers(size: int) -> list[int]:
    return [a_number() for _ in range(size)]


NODES = [{"key": "email", "kind": "agent", "agent": "email_agent", "after": [], "reason": "An e-mail was asked for."}]


def flows(size: int, rows: Rows) -> Rows:
    templates = [FlowTemplate(key=f"crowd-{n}", name=f"Flow {n}") for n in numbers(size)]
    FlowTemplate.objects.bulk_create(templates)
    rows[FlowTemplate] = templates
    return {
        TemplateStep: [
            TemplateStep(template=one, key="email", agent="email_agent", reason="An e-mail was asked for.") for one in templates
        ],
        RoutingRule: [
            RoutingRule(key=one.key, priority=60, condition=f"sequence_step == {n}", template=one, reason="Its turn.")
            for n, one in zip(numbers(size), templates, strict=True)
        ],
        FlowVersion: [
            FlowVersion(
                kind="template", key=one.key, number=1, sha256=SHA, created_at=AT,
                document={"key": one.key, "name": one.name, "goal": "draft", "allows_planner": False, "steps": NODES},
            )
            for one in templates
        ],
    }  # fmt: skip


def runs(size: int, rows: Rows) -> Rows:
    pairs = list(zip(rows[Client], rows[PromptVersion], strict=True))
    rows[ClientPrompt] = ClientPrompt.objects.bulk_create(
        [ClientPrompt(client=client, agent="email_agent", version=version) for client, version in pairs]
    )
    kept = [
        Deployment(
            client=client, number=1, config={}, config_sha256=SHA, prompts={"email_agent": version.pk}, sha256=SHA,
            cause="The first one", created_at=AT,
        )
        for client, version in pairs
    ]  # fmt: skip
    rows[Deployment] = Deployment.objects.bulk_create(kept)
    made = [
        FlowRun(
            request=one, client=one.client, idempotency_key=f"request:{one.pk}", route="default", nodes=NODES, config={}, revised=1,
            config_sha256=SHA, planned_at=AT, started_at=AT, finished_at=AT + timedelta(seconds=3), status="succeeded",
            template_version=version, deployment=deployment,
        )
        for one, version, deployment in zip(rows[Request], rows[FlowVersion], kept, strict=True)
    ]  # fmt: skip
    FlowRun.objects.bulk_create(made)
    contexts = [StepContext(sha256=f"{run.pk:064d}", document={"client_name": run.client.name}) for run in made]
    StepContext.objects.bulk_create(contexts)
    rows[FlowRun], rows[StepContext] = made, contexts
    versions = rows[PromptVersion]
    return {
        Release: [
            Release(version=one, level="minor", changes=[], reason="Won", going_back=["Roll back."], released_at=AT)
            for one in versions
        ],
        PlannedPrompt: [
            PlannedPrompt(run=run, agent="email_agent", version=one) for run, one in zip(made, versions, strict=True)
        ],
        PlanRevision: [
            PlanRevision(
                run=run, number=1, trigger="research", rule="short_of_time", reason="Time ran short.", nodes=NODES, seq=2, at=AT
            )
            for run in made
        ],
        StepRun: [
            StepRun(
                run=run, key="email", agent="email_agent", stage=0, status="done", fence=1, output={},
                confidence=0.8, prompt_version=version, generator="offline-composer/1", context=context, started_at=AT,
                finished_at=AT + timedelta(seconds=2),
            )
            for run, version, context in zip(made, versions, contexts, strict=True)
        ],
        Anomaly: [
            Anomaly(
                key=f"repaired:{run.pk}", run=run, client=run.client, tier="rule", kind="repaired", first_run=run,
                words="The model's answer to “E-mail” had not the shape it must have.", agent="email_agent", found_at=AT,
                metric="repairs", baseline=0, value=1, change={"before_run": None, "words": ["The first run."]},
            )
            for run in made
        ],
        BudgetDay: [
            BudgetDay(client=client, day=AT.date(), cap_usd=25, spent_usd=1, reserved_usd=0) for client in rows[Client]
        ],
    }  # fmt: skip


def questions(size: int, rows: Rows) -> Rows:
    """A second run for each request, which waits for a person."""
    made = [
        FlowRun(
            request=one, client=one.client, idempotency_key=f"request:{one.pk}:waits", route="checked", nodes=NODES, config={},
            config_sha256=SHA, planned_at=AT - timedelta(hours=1), status="waiting",
        )
        for one in rows[Request]
    ]  # fmt: skip
    FlowRun.objects.bulk_create(made)
    steps = [
        StepRun(run=run, key="check", kind="gate", stage=1, status="waiting", fence=1, started_at=AT) for run in made
    ]
    StepRun.objects.bulk_create(steps)
    later = AT + timedelta(days=36500)
    return {
        Gate: [
            Gate(
                step=step, question=f"Is this right for {step.run.client}?", shown={"sentences": []}, asked_at=AT, expires_at=later
            )
            for step in steps
        ]
    }  # fmt: skip


def cases(size: int, rows: Rows) -> Rows:
    """Test cases, marks, and requests that do a run again."""
    author, _ = User.objects.get_or_create(username="who-debugs")
    again = [
        Request(client=one.client, contact=one.contact, trial_side="again", asked_at=AT, asked_by=author)
        for one in rows[Request]
    ]
    Request.objects.bulk_create(again)
    return {
        Rerun: [
            Rerun(request=request, original=step.run, step=step, sha256=SHA, author=author, created_at=AT)
            for request, step in zip(again, rows[StepRun], strict=True)
        ],
        SearchText: [SearchText(run=step.run, step=step, kind="answer", text="It has 1,240 people.") for step in rows[StepRun]],
        RunMark: [RunMark(run=run, verdict="good", note="Reads well.", author=author, at=AT) for run in rows[FlowRun]],
        GoldenCase: [
            GoldenCase(agent="email_agent", client=step.run.client, step=step, title="E-mail for Northwind Bank", created_at=AT)
            for step in rows[StepRun]
        ]
    }  # fmt: skip


def rehearsals(size: int, rows: Rows) -> Rows:
    """Each version beside the next one, on a client's test case."""
    versions = rows[PromptVersion]
    made = Rehearsal.objects.bulk_create(
        Rehearsal(
            candidate=one,
            against=other,
            agent="email_agent",
            budget_usd=10,
            asked_at=AT,
            status="done",
            verdict="too_few",
        )
        for one, other in zip(versions, [*versions[1:], versions[0]], strict=True)
    )
    rows[Rehearsal] = made
    out = Rollout.objects.bulk_create(
        Rollout(
            candidate=one.candidate,
            control=one.against,
            agent="email_agent",
            seed=SHA[:32],
            started_at=AT,
            status="finished",
        )
        for one in made
    )
    rows[Rollout] = out
    return {
        RolloutDraw: [
            RolloutDraw(rollout=one, run=run, unit="contact:1", is_candidate=True, share=10)
            for one, run in zip(out, rows[FlowRun], strict=True)
        ],
        RolloutDecision: [
            RolloutDecision(rollout=one, step="go_on", share=10, reasons=["Its rehearsal passed."], at=AT) for one in out
        ],
        RehearsalAnswer: [
            RehearsalAnswer(rehearsal=one, case=case, side=side, status="done", text="Dear Ada,")
            for one, case in zip(made, rows[GoldenCase], strict=True)
            for side in ("old", "new")
        ],
    }  # fmt: skip


def trials(size: int, rows: Rows) -> Rows:
    """Each beside a request that was written in earnest before."""
    author, _ = User.objects.get_or_create(username="who-tries")
    typed = [
        Request(client=one.client, contact=one.contact, trial_side="proposed", asked_at=AT, asked_by=author)
        for one in rows[Request]
    ]
    Request.objects.bulk_create(typed)
    return {
        Trial: [
            Trial(
                client=one.client, contact=one.contact, present=one, proposed=other, author=author, created_at=AT,
                settings={"tone": "direct"}, columns={"industry": "fintech", "company_size": "51-500", "sales_motion": "outbound"},
                differences=[{"label": "Tone", "before": "Formal", "after": "Direct"}],
            )
            for one, other in zip(rows[Request], typed, strict=True)
        ]
    }  # fmt: skip


def known(size: int, rows: Rows) -> Rows:
    """A company of each client, one that is the same, and one that may be."""
    named = {"kind": "company", "name": "Northwind Bank", "normalised": "northwind bank", "created_at": AT}
    companies, twins, others = (
        Entity.objects.bulk_create([Entity(client=client, **named) for client in rows[Client]]) for _ in range(3)
    )
    rows[Entity] = companies
    pairs = list(zip(companies, twins, strict=True))
    return {
        EntityId: [
            EntityId(client=one.client, entity=one, scheme="domain", value="northwind-bank.example", created_at=AT)
            for one in companies
        ],
        Edge: [Edge(subject=one, relation="parent_of", object=other, created_at=AT) for one, other in pairs],
        Statement: [
            Statement(entity=one, attribute="headcount", value="1,240", confidence=0.8, fact=fact, created_at=AT)
            for one, fact in zip(companies, rows[Fact], strict=True)
        ],
        EntityMerge: [EntityMerge(client=one.client, loser=other, winner=one, at=AT) for one, other in pairs],
        MergeProposal: [
            MergeProposal(client=one.client, one=one, other=other, score=1.0, why="Their names are alike.", at=AT)
            for one, other in zip(companies, others, strict=True)
        ],
    }


def knowledge(size: int, rows: Rows) -> Rows:
    sources = [
        SourceRecord(
            run=run, source="newsapi", company_domain="northwind-bank.example", request_key="GET /v2/everything", status="ok",
            payload={"status": "ok"}, fetched_at=AT,
        )
        for run in rows[FlowRun]
    ]  # fmt: skip
    SourceRecord.objects.bulk_create(sources)
    rows[SourceRecord] = sources
    facts = [Fact(run=run, key="f1", attribute="headcount", value="1,240", confidence=0.8) for run in rows[FlowRun]]
    rows[Fact] = Fact.objects.bulk_create(facts)
    sentence = {"text": "Northwind Bank has 1,240 people.", "rests_on": ["f1"]}
    return {
        SourceAccount: [SourceAccount(source="newsapi", is_active=False, created_at=AT) for _ in numbers(size)],
        Contract: [
            Contract(
                agent="email_agent",
                name=f"says_so_{a_number()}",
                kind="must_include",
                client=run.client,
                created_at=AT,
                parameters={"phrases": ["audit"]},
            )
            for run in rows[FlowRun]
        ],
        Claim: [
            Claim(source_record=source, attribute="headcount", value="1,240", pointer="/size") for source in sources
        ],
        Correction: [
            Correction(
                client=run.client, company_domain=f"c{run.pk}.example", attribute="headcount", value="1,240", at=AT
            )
            for run in rows[FlowRun]
        ],
        Persona: [Persona(run=run, role="CFO", pains=[sentence], angle="Close faster.") for run in rows[FlowRun]],
        Brief: [Brief(run=run, sentences=[sentence]) for run in rows[FlowRun]],
        ModelPrice: [
            ModelPrice(
                model=f"model-{n}",
                valid_from=AT.date(),
                input=1,
                output=2,
                cache_read=1,
                cache_write=1,
                cache_write_1h=1,
            )
            for n in numbers(size)
        ],
    }
