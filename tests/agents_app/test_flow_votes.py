"""Several independent proposals of one e-mail: checks first, then one vote, at most one revision, and the dissent is kept."""

import json
from datetime import timedelta

import pytest

from agents_app import llm, voters
from agents_app.flow import reliability
from agents_app.models import Draft, StepRun
from agents_app.voters import Candidate
from gtm.sandbox import messages
from tests.agents_app.flows_that import agent, composed, draw, execute, gate_of, states
from tests.agents_app.models_that import ATTEMPT, REAL_ASK, paid
from tests.factories import AT, make_contact, make_draft, make_ready_client, make_request, make_run, make_step, plan_run

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def run_with(depth="comprehensive", **client):
    return plan_run(make_request(make_contact(make_ready_client(**client)), depth=depth))


def email_of(run):
    return StepRun.objects.get(run=run, key="email")


class Writer:
    """The model; what it writes to the e-mail agent is changed by `change(document, variation)`, or raised."""

    def __init__(self, change=lambda document, variation: document):
        self.change = change
        self.asked = []

    def __call__(self, question, **options):
        answer = REAL_ASK(question, **options)
        if question.agent != "email_agent":
            return answer
        variation = int(question.user.rsplit("<variation>", 1)[1].partition("<")[0])
        self.asked.append((variation, question.user))
        document = self.change(answer.parsed.model_dump(), variation)
        return llm.Answer(**{**answer.__dict__, "parsed": question.schema.model_validate(document)})


def written(monkeypatch, run, change=lambda document, variation: document):
    writer = Writer(change)
    monkeypatch.setattr(llm, "ask", writer)
    return execute(run), writer


def breaks(document):
    return {**document, "subject": "A disruptive idea for you"}


# --- proposals and the election


def test_in_a_comprehensive_run_three_proposals_are_asked_for_apart(monkeypatch):
    run, writer = written(monkeypatch, run_with())

    assert run.status == "succeeded"
    assert sorted(variation for variation, _ in writer.asked) == [0, 1, 2]
    assert [user for _, user in writer.asked if "objections" in user] == []
    assert len({user.replace(f"<variation>{n}<", "<variation><") for n, user in writer.asked}) == 1  # none sees another


@pytest.mark.parametrize("depth", ["quick", "standard"])
def test_in_other_runs_there_is_one_proposal_and_no_vote(monkeypatch, depth):
    run, writer = written(monkeypatch, run_with(depth))

    assert (run.status, len(writer.asked), email_of(run).votes) == ("succeeded", 1, {})


def test_the_election_is_kept_with_every_proposal_and_vote(monkeypatch):
    run, _ = written(monkeypatch, run_with())

    row = email_of(run)
    votes = row.votes
    assert set(votes) == {
        "winner",
        "margin",
        "is_close",
        "totals",
        "votes",
        "dissent",
        "not_asked",
        "proposals",
        "broken",
    }
    assert (set(votes["proposals"]), votes["broken"]) == ({"proposal 1", "proposal 2", "proposal 3"}, 0)
    assert row.output == votes["proposals"][votes["winner"]]
    assert Draft.objects.get(run=run).subject == row.output["subject"]
    asked = [vote["voter"] for vote in votes["votes"]]
    assert [*asked, *votes["not_asked"]] == ["facts", "promises", "angle", "confidence", "brevity"]
    assert [vote for vote in votes["votes"] if not vote["why"].endswith(".")] == []


def test_dissent_is_kept_with_its_reasons(monkeypatch):
    split(monkeypatch, "proposal 2", "proposal 1", "proposal 1", "proposal 1", "proposal 1")

    run, _ = written(monkeypatch, run_with())

    votes = email_of(run).votes
    assert (votes["winner"], votes["not_asked"]) == ("proposal 1", ["rule 5"])  # it could change nothing any more
    assert [(vote["voter"], vote["choice"], vote["why"]) for vote in votes["dissent"]] == [
        ("rule 1", "proposal 2", "So it says.")
    ]


def test_the_prompts_and_attempts_of_all_proposals_are_kept(monkeypatch):
    run, _ = written(monkeypatch, run_with())

    row = email_of(run)
    assert len(row.attempts) == 3
    assert len({attempt["request_sha256"] for attempt in row.attempts}) == 3


# --- promises


def test_a_proposal_that_breaks_a_promise_stands_not_for_election(monkeypatch):
    run, writer = written(
        monkeypatch,
        run_with(avoid_terms=["disruptive"]),
        lambda document, variation: breaks(document) if variation == 1 else document,
    )

    votes = email_of(run).votes
    assert (run.status, len(writer.asked), votes["broken"], set(votes["proposals"])) == (
        "succeeded",
        3,
        1,
        {"proposal 1", "proposal 2"},
    )
    assert "disruptive" not in str(votes["proposals"])


def test_a_single_proposal_that_keeps_its_promises_is_elected_without_a_contest(monkeypatch):
    run, writer = written(
        monkeypatch,
        run_with(avoid_terms=["disruptive"]),
        lambda document, variation: document if variation == 2 else breaks(document),
    )

    votes = email_of(run).votes
    assert (run.status, len(writer.asked)) == ("succeeded", 3)
    assert (votes["winner"], votes["broken"], votes["margin"], votes["is_close"]) == ("proposal 1", 2, 1.0, False)


def test_where_none_keeps_its_promises_there_is_one_revision_that_carries_the_objections(monkeypatch):
    run, writer = written(
        monkeypatch,
        run_with(avoid_terms=["disruptive"]),
        lambda document, variation: document if variation == 3 else breaks(document),
    )

    row = email_of(run)
    assert (run.status, [variation for variation, _ in writer.asked][3:]) == ("succeeded", [3])
    assert [("Contains “disruptive”." in user) for _, user in sorted(writer.asked)] == [False, False, False, True]
    assert row.input["context"]["objections"] == ["Contains “disruptive”."]
    assert (row.votes, Draft.objects.get(run=run).status, len(row.attempts)) == ({}, "waiting", 4)


def test_a_revision_that_breaks_them_too_is_the_last_and_gives_words(monkeypatch):
    run, writer = written(
        monkeypatch, run_with(avoid_terms=["disruptive"]), lambda document, variation: breaks(document)
    )

    assert (run.status, len(writer.asked), Draft.objects.count()) == ("needs_input", 4, 0)
    assert run.error.startswith("The e-mail did not become a draft. Contains “disruptive”.")


# --- proposals that do not come


def failing_for(*variations, error=llm.ModelRefused):
    def change(document, variation):
        if variation in variations:
            raise error(f"No answer to variation {variation}.", llm.Tally(attempts=[dict(ATTEMPT)]))
        return document

    return change


def test_a_proposal_that_does_not_come_leaves_the_others(monkeypatch):
    run, _ = written(monkeypatch, run_with(), failing_for(1))

    row = email_of(run)
    assert (run.status, set(row.votes["proposals"])) == ("succeeded", {"proposal 1", "proposal 2"})
    assert [attempt["status"] for attempt in row.attempts] == [200, 200, 529]


def test_where_none_comes_the_step_fails_with_the_first_reason(monkeypatch):
    run, _ = written(monkeypatch, run_with(), failing_for(0, 1, 2))

    row = email_of(run)
    assert (run.status, row.status) == ("failed", "failed")
    assert run.error == "The e-mail step got no answer: No answer to variation 0."
    assert len(row.attempts) == 3


def test_where_the_model_is_busy_for_all_the_run_comes_back(monkeypatch):
    run, _ = written(monkeypatch, run_with(), failing_for(0, 1, 2, error=llm.ModelUnavailable))
    assert run.status == "retry"

    monkeypatch.setattr(llm, "ask", Writer())
    run = execute(run, AT + HOUR)

    assert (run.status, Draft.objects.filter(run=run).count()) == ("succeeded", 1)


# --- a close call


def test_a_close_call_on_the_answers_of_a_step_is_put_to_a_person_before_the_next_step(monkeypatch):
    draw(agent("research"), agent("persona", "research", proposals=2), agent("email", "persona"))
    split(monkeypatch, "proposal 1", "proposal 2")

    run = execute(run_with())

    asked = gate_of(run, "settle_persona")
    assert (run.status, states(run)) == (
        "waiting",
        {"research": "done", "persona": "done", "settle_persona": "waiting"},
    )
    assert asked.question == "Of the answers of the step persona none was clearly better. Is the chosen one right?"
    assert asked.shown == StepRun.objects.get(run=run, key="persona").output


# --- judges


def judging(*choices, broken=()):
    """A service that bills. The judges choose these proposals, in the order in which they are asked."""
    asked = []

    def reply(body, number):
        if body["output_config"]["format"]["schema"]["title"] != "JudgeAnswer":
            return composed(body)
        asked.append(body["messages"][0]["content"])
        if len(asked) in broken:
            return 400, {}, b'{"type": "error", "error": {"type": "invalid_request_error", "message": "No."}}'
        text = json.dumps({"choice": choices[len(asked) - 1], "why": "It reads best."})
        return 200, {}, messages.saying(text, model=body["model"])

    return reply, asked


def split(monkeypatch, *choices):
    """Rules that vote for these proposals, instead of the usual ones."""
    votes = {
        f"rule {n}": (lambda candidates, choice=choice: (choice, "So it says.")) for n, choice in enumerate(choices, 1)
    }
    monkeypatch.setattr(voters, "VOTES", votes)


def test_offline_no_model_judges(monkeypatch):
    asked = []

    def ask(question, **options):
        asked.append(question.agent)
        return REAL_ASK(question, **options)

    split(monkeypatch, "proposal 1", "proposal 2")
    monkeypatch.setattr(llm, "ask", ask)

    run = execute(run_with())

    assert (run.status, "judge" in asked) == ("succeeded", False)
    assert [vote["voter"] for vote in email_of(run).votes["votes"]] == ["rule 1", "rule 2"]


def test_where_the_rules_are_split_judges_are_asked_until_it_is_settled(monkeypatch, settings):
    reply, asked = judging("proposal 2", "proposal 2", "proposal 1")
    split(monkeypatch, "proposal 1", "proposal 2")

    with paid(settings, reply):
        run = execute(run_with())

    row = email_of(run)
    assert (run.status, len(asked), row.votes["winner"], row.votes["not_asked"]) == (
        "succeeded",
        2,
        "proposal 2",
        ["judge 3"],
    )
    assert [vote["voter"] for vote in row.votes["votes"]] == ["rule 1", "rule 2", "judge 1", "judge 2"]
    assert len(row.attempts) == 5  # three proposals, two judges
    assert row.output == row.votes["proposals"]["proposal 2"]
    assert run.spent_usd == sum(step.cost_usd + step.uncertain_usd for step in run.steps.all())


def test_where_the_rules_agree_no_judge_is_paid(monkeypatch, settings):
    reply, asked = judging()
    split(monkeypatch, *["proposal 3"] * 4)

    with paid(settings, reply):
        run = execute(run_with())

    votes = email_of(run).votes
    assert (run.status, asked, votes["winner"]) == ("succeeded", [], "proposal 3")
    assert votes["not_asked"] == ["judge 1", "judge 2", "judge 3"]


def test_a_single_proposal_needs_no_judge(settings):
    reply, asked = judging()

    with paid(settings, reply):
        run = execute(run_with("standard"))

    assert (run.status, asked, email_of(run).votes) == ("succeeded", [], {})


def test_each_judge_sees_the_proposals_in_another_order_and_no_other_vote(monkeypatch, settings):
    reply, asked = judging("proposal 1", "proposal 2", "proposal 3")
    split(monkeypatch, "proposal 1", "proposal 2")

    with paid(settings, reply):
        execute(run_with())

    orders = [[user.index(f'"name": "proposal {n}"') for n in (1, 2, 3)] for user in asked]
    firsts = [order.index(min(order)) for order in orders]
    assert len(firsts) == len(set(firsts)) >= 2
    assert [user for user in asked if "So it says" in user or "It reads best" in user] == []


@pytest.mark.parametrize(
    ("choices", "broken", "why"),
    [
        (["proposal 2"], (1,), "It gave no answer: "),
        (["proposal 9", "proposal 2"], (), "It chose none of them: It reads best."),
    ],
)
def test_a_judge_that_gives_no_usable_answer_abstains(monkeypatch, settings, choices, broken, why):
    reply, asked = judging(*choices, "proposal 2", "proposal 2", broken=broken)
    split(monkeypatch, "proposal 1", "proposal 2")

    with paid(settings, reply):
        run = execute(run_with())

    votes = {vote["voter"]: vote for vote in email_of(run).votes["votes"]}
    assert (run.status, votes["judge 1"]["choice"]) == ("succeeded", "")
    assert votes["judge 1"]["why"].startswith(why)
    assert email_of(run).votes["winner"] == "proposal 2"
    assert len(asked) >= 2


# --- how often voters were right


def decided(votes, *, winner="proposal 1", status="approved", **values):
    """A draft that came of such a vote ({voter: choice}) and was decided."""
    said = [{"voter": voter, "choice": choice, "why": "So."} for voter, choice in votes.items()]
    step = make_step(make_run(), values.pop("agent", "email_agent"), votes={"winner": winner, "votes": said})
    return make_draft(step=step, **{"status": status, "decided_at": AT - HOUR} | values)


def test_a_voter_nobody_decided_about_is_not_known():
    assert reliability.of_voters("email_agent", AT) == {}


@pytest.mark.parametrize(
    ("values", "for_it", "against_it"),
    [
        ({"status": "approved"}, 7 / 11, 6 / 11),
        ({"status": "sent"}, 7 / 11, 6 / 11),
        ({"status": "sending"}, 7 / 11, 6 / 11),
        ({"status": "rejected"}, 6 / 11, 7 / 11),
        ({"status": "approved", "was_edited": True}, 6 / 11, 7 / 11),
    ],
)
def test_a_voter_was_right_when_people_agreed_with_its_choice(values, for_it, against_it):
    decided({"facts": "proposal 1", "angle": "proposal 2"}, **values)

    assert reliability.of_voters("email_agent", AT) == {
        "facts": pytest.approx(for_it),
        "angle": pytest.approx(against_it),
    }


@pytest.mark.parametrize(
    "values",
    [
        {"status": "waiting"},
        {"status": "waiting", "decided_at": None},
        {"decided_at": AT},
        {"decided_at": AT + HOUR},
        {"agent": "persona_agent"},
    ],
)
def test_what_is_not_decided_yet_or_came_of_another_agent_teaches_nothing(values):
    decided({"facts": "proposal 1"}, **values)

    assert reliability.of_voters("email_agent", AT) == {}


def test_who_abstained_was_neither_right_nor_wrong():
    decided({"facts": "proposal 1", "judge 1": ""})

    assert set(reliability.of_voters("email_agent", AT)) == {"facts"}


def test_a_draft_that_came_of_no_vote_teaches_nothing():
    make_draft(status="approved", decided_at=AT - HOUR)

    assert reliability.of_voters("email_agent", AT) == {}


def test_voters_that_were_right_weigh_more_in_the_next_election(monkeypatch):
    split(monkeypatch, "proposal 1", "proposal 2")
    for _ in range(10):
        decided({"rule 2": "proposal 1", "rule 1": "proposal 2"})

    run = execute(run_with())

    [vote] = email_of(run).votes["votes"]
    assert (vote["voter"], vote["reliability"]) == (
        "rule 2",
        0.8,
    )  # right in ten of ten, beside six of ten that are assumed
    assert (email_of(run).votes["winner"], email_of(run).votes["not_asked"]) == ("proposal 2", ["rule 1"])


# --- what each voter looks at


def candidate(text="Words.", cited=None, broken=0, sure=0.5, angle="evidence is slow"):
    return Candidate(text=text, cited=cited or {}, broken=broken, sure=sure, angle=angle)


@pytest.mark.parametrize(
    ("voter", "better", "why"),
    [
        ("facts", candidate(cited={"f1": 0.9, "f2": 0.8}), "It cites 2 facts, 1.70 sure in all."),
        ("promises", candidate(broken=0), "0 of its lesser promises are broken."),
        ("brevity", candidate(text="Short."), "It says it in 1 words."),
        ("angle", candidate(text="Your evidence is slow."), "It takes up 100% of the angle's words."),
        ("confidence", candidate(sure=0.9), "Its own evidence makes it 90% sure."),
    ],
)
def test_each_voter_looks_at_one_thing(voter, better, why):
    worse = candidate(text="Many more words than that.", cited={"f1": 0.9}, broken=1, sure=0.4)

    said = {name: vote({"worse": worse, "better": better}) for name, vote in voters.VOTES.items()}

    assert said[voter] == ("better", why)
