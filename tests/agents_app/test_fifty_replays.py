"""Fifty stored runs of every shape, each step of them done again from its row: the same to the byte."""

from itertools import cycle

import pytest

from agents_app import flow
from agents_app.flow import results
from agents_app.models import FlowRun, Request, StepRun
from tests.agents_app.flows_that import agent, answer, drawn_run, execute, gate, gate_of
from tests.agents_app.models_that import paid
from tests.agents_app.test_replaying import judged, sent_and_got
from tests.factories import AT, make_contact, make_ready_client, make_request, plan_run

pytestmark = [pytest.mark.django_db, pytest.mark.faults]
TONES = ("formal", "friendly", "direct")
TITLES = ("Chief Financial Officer", "Head of Risk", "Chief Technology Officer", "", "Head of Sales")
WORDS = (60, 90, 120, 150)


def clients():
    """Each with another tone, another length of its e-mails, and somebody else to write to."""
    for tone, title, most in zip(cycle(TONES), cycle(TITLES), cycle(WORDS), strict=False):
        client = make_ready_client(tone=tone, max_words=most)
        yield client, make_contact(client, title=title)


def asked(count, **values):
    """Runs of requests of this kind, each for another client."""
    return [
        execute(plan_run(make_request(contact, **values)))
        for _, (_, contact) in zip(range(count), clients(), strict=False)
    ]


def accounts(count):
    found = []
    for _, (client, contact) in zip(range(count), clients(), strict=False):
        make_contact(client, first_name="Ben", last_name="Ray", full_name="Ben Ray", title="Treasurer")
        company = {"company_domain": contact.company_domain, "company_name": contact.company_name}
        request = Request.objects.create(client=client, purpose="account", asked_at=AT, **company)
        found.append(execute(plan_run(request)))
    return found


def corrected(count):
    """Where a person put a fact right in the middle."""
    first = drawn_run(
        agent("research"), gate("check", "research"), agent("persona", "check"), agent("email", "persona")
    )
    more = [plan_run(make_request(contact)) for _, (_, contact) in zip(range(count - 1), clients(), strict=False)]
    for number, run in enumerate([first, *more]):
        execute(run)
        shown = gate_of(run, "check").shown
        facts = [
            {**fact, "value": f"{4000 + number}"} if fact["attribute"] == "headcount" else fact
            for fact in shown["facts"]
        ]
        answer(run, "check", "edited", edited={**shown, "facts": facts})
        execute(run)
    return [first, *more]


def bought(count, settings):
    with paid(settings, judged):
        return asked(count)


SHAPES = {
    "first e-mails": (12, lambda count, settings: asked(count)),
    "first e-mails with a vote": (8, lambda count, settings: asked(count, depth="comprehensive")),
    "deep research": (8, lambda count, settings: asked(count, purpose="deep_research")),
    "maps over the people of a company": (8, lambda count, settings: accounts(count)),
    "with a person's corrections": (7, lambda count, settings: corrected(count)),
    "paid": (7, bought),
}
assert sum(count for count, _ in SHAPES.values()) == 50


@pytest.mark.parametrize("shape", SHAPES)
def test_every_step_of_every_stored_run_comes_out_again_byte_for_byte(shape, settings):
    count, build = SHAPES[shape]
    runs = build(count, settings)

    steps = 0
    for run in runs:
        for found in flow.replays(FlowRun.objects.get(pk=run.pk)):
            row = StepRun.objects.get(pk=found.step.pk)
            assert (found.differences, found.reason) == ((), ""), f"{run} {row}"
            assert results.canonical(results.output(found.work)) == results.canonical(row.output)
            assert results.prompt_sent(found.work).encode() == row.prompt_sent.encode()
            assert sent_and_got(found.work.attempts) == sent_and_got(row.attempts)
            steps += 1
    assert (len(runs), steps >= 3 * count) == (count, True)
