"""A storm: three calls of ten to a paid model go wrong, in every way that we know, while runs go on side by side.

The model is the sandbox's, behind real sockets on loopback; it keeps a ledger of what it billed. 40 runs; with
GTM_FAULTS=full 300, which takes some minutes.
"""

import json
import os
import random
import re
import socket
import struct
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest
import tenacity
from django.db import connection
from django.utils import timezone

from agents_app import flow
from agents_app.flow.hand import DaySpent
from agents_app.llm import asking, wire
from agents_app.models import BudgetDay, FlowRun, Gate, StepRun
from gtm import loop
from gtm.sandbox import faults, messages, world
from gtm.sandbox.faults import HALF, HANG, RESET, Fault
from tests.factories import make_contact, make_ready_client, make_request, make_user

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

RUNS = 300 if os.environ.get("GTM_FAULTS") == "full" else 40
DRIVERS = 4  # runs that go on side by side
TIMEOUT_S = 4.0
MOST_ROUNDS = 2000
MOST_TRIES = 6  # of one step: three, and one more whenever a person says so
SHARE = 0.3  # of the calls go wrong
PRICES = {"claude-sonnet-5-5": (Decimal(2), Decimal(10)), "claude-haiku-5-5": (Decimal("0.5"), Decimal("2.5"))}
BUSY = b'{"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down."}}'
WEATHER = {
    "429": Fault(429, BUSY),
    "429, again soon": Fault(429, BUSY, {"retry-after": "0.1"}),
    "429, again in two minutes": Fault(429, BUSY, {"retry-after": "120"}),
    "529": Fault(529, BUSY),
    "500": Fault(500, b"oops"),
    "hang": HANG,
    "reset": RESET,
    "half an answer": HALF,
    "half a refusal to answer": Fault(529, BUSY, is_half=True),
    "refusal": Fault(200, messages.refusal("cyber")),
    "cut off": Fault(200, messages.cut_off()),
    "no JSON in the answer": Fault(200, messages.prose()),
    "no answer but a page": Fault(200, messages.not_json()),
    "a tool": Fault(200, messages.tool_use()),
}
LIKELY = [*WEATHER, *["no JSON in the answer", "cut off"] * 3]  # twice in a row, and a person is asked
FORBIDDEN = re.compile(
    r"Traceback|Exception|Error\b|Unavailable|Invalid\b(?! JSON)|Refused|None|object at|agents_app|anthropic|httpx|psycopg|pydantic"
    r"|\.py\b|__|0x[0-9a-f]|[{}<>\\\n]"
)


class PaidModel:
    """The Messages API on loopback. `ledger` {request id: US dollars} holds each answer that was given whole."""

    def __init__(self, rng):
        self.rng = rng
        self.ledger = {}
        self.met = Counter()
        self.calls = 0
        self._pack = []
        self._here = threading.local()
        self._lock = threading.Lock()

    def weather(self, call):
        """What the call meets; the sandbox asks for one call at a time."""
        name = self._drawn() if self.rng.random() < SHARE else ""
        self.met[name] += 1
        self._here.fault = WEATHER.get(name)
        return self._here.fault

    def _drawn(self):
        """As from a pack of cards, so that every weather comes."""
        if not self._pack:
            self._pack = self.rng.sample(LIKELY, len(LIKELY))
        return self._pack.pop()

    def answer(self, content):
        """(status, headers, body, whether it is only half of it); raises httpx2's errors where there is none."""
        body = json.loads(content)
        request = httpx2.Request(
            "POST", f"{wire.REAL_SERVICE}/v1/messages", content=content, headers={"x-api-key": "sk-test"},
            extensions={"timeout": {"read": 0.0}},
        )  # fmt: skip
        said = messages.answer(request)
        fault = getattr(self._here, "fault", None)
        with self._lock:
            self.calls += 1
            request_id = f"req_{self.calls}"
        headers = {name: value for name, value in said.headers.items() if name in ("retry-after", "content-type")}
        headers["request-id"] = request_id
        if fault and fault.is_half:
            return said.status_code, headers, said.content, True
        status, document = self._document(said, body)
        if status != 200 or document is None:
            return status, headers, said.content, False
        with self._lock:
            self.ledger[request_id] = usd(body["model"], document["usage"])
        return status, headers, json.dumps(document).encode(), False

    def _document(self, said, body):
        """The message under the name of the model that was asked; the composer does not judge, so that is done here."""
        if said.status_code == 400 and body["output_config"]["format"]["schema"]["title"] == "JudgeAnswer":
            text = json.dumps({"choice": "proposal 1", "why": "It is the shortest."})
            return 200, json.loads(messages.saying(text)) | {"model": body["model"]}
        try:
            return said.status_code, said.json() | {"model": body["model"]}
        except ValueError:
            return said.status_code, None


def usd(model, used):
    price_in, price_out = PRICES[model]
    return (used["input_tokens"] * price_in + used["output_tokens"] * price_out) / 1_000_000


def handler(model):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            content = self.rfile.read(int(self.headers["content-length"]))
            try:
                status, headers, body, is_half = model.answer(content)
            except httpx2.ReadTimeout:
                self.rfile.read(1)  # until the caller gives up
                return
            except httpx2.ReadError:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                return
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body) * (2 if is_half else 1))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def finish(self):
            if not self.wfile.closed and self.connection.fileno() != -1:
                super().finish()

        def log_message(self, *arguments):
            """Quiet."""

    return Handler


@pytest.fixture
def model(settings, monkeypatch, paid):
    """The paid model in its storm, asked with a short patience and without pauses between tries."""
    monkeypatch.setattr(wire, "TIMEOUT_S", TIMEOUT_S)
    monkeypatch.setattr(asking, "_jittered", tenacity.wait_none())
    made = PaidModel(random.Random(6))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(made))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    settings.ANTHROPIC_API_KEY = "sk-test"
    settings.ANTHROPIC_BASE_URL = f"http://127.0.0.1:{server.server_port}"
    settings.RUN_BUDGET_USD = settings.RUN_BUDGET_USD | {"quick": Decimal("0.07")}  # little enough to run out
    with faults.inject(messages.PARTY, made.weather):
        yield made
    server.shutdown()
    server.server_close()
    thread.join()


class Clock:
    """Goes on with the real one, and jumps where everybody only waits."""

    def __init__(self):
        self.ahead = timedelta()

    def __call__(self):
        return timezone.now() + self.ahead

    def jump(self, to):
        self.ahead += max(timedelta(), to - self()) + timedelta(seconds=1)


def ask_for_runs(rng, clock):
    """Requests of every purpose and depth for four clients, one of them with little money a day."""
    clients = [make_ready_client(daily_budget_usd=cap) for cap in (None, None, Decimal("0.12"), Decimal(5))]
    companies = sorted(world.COMPANIES)
    for _ in range(RUNS):
        purpose = rng.choices(["outreach", "deep_research", "account"], [6, 3, 1])[0]
        depth = rng.choices(["quick", "standard", "comprehensive"], [3, 5, 2])[0]
        domain = rng.choice(companies)
        contact = make_contact(rng.choice(clients), company_domain=domain, company_name="")
        request = make_request(contact, company_domain=domain, purpose=purpose, depth=depth, asked_at=clock())
        loop.plan_run(request.pk, at=clock())


def drive(clock):
    def one(run_id):
        try:
            return flow.execute(run_id, clock=clock)
        finally:
            connection.close()

    return one


def weather_it(rng, clock):
    """As the sweep would: whoever is due is executed, some gates are answered, and then it is later."""
    person = make_user("mia")
    with ThreadPoolExecutor(DRIVERS) as pool:
        list(pool.map(drive(clock), FlowRun.objects.values_list("pk", flat=True)))
        for _ in range(MOST_ROUNDS):
            answer_some(rng, person, clock())
            if due := flow.lost(clock()):
                list(pool.map(drive(clock), due))
            elif retry := FlowRun.objects.filter(status="retry").order_by("lease_until").first():
                clock.jump(retry.lease_until)
            else:
                return
    raise AssertionError("the storm does not come to an end")


def answer_some(rng, person, at):
    """A third of the gates is never answered."""
    for gate in Gate.objects.open().order_by("pk"):
        if gate.expires_at > at and gate.pk % 3:
            flow.answer(gate, rng.choice(["approved", "approved", "rejected"]), by=person, at=at)


def test_in_a_storm_every_run_ends_with_a_reason_and_no_answer_is_paid_twice(model):
    rng, clock = random.Random(7), Clock()
    ask_for_runs(rng, clock)

    weather_it(rng, clock)

    check_endings()
    check_bill(model.ledger)
    check_budgets()
    assert all(model.met[name] for name in WEATHER)


def test_while_the_model_is_shut_to_one_run_no_other_begins_a_step(model):
    clock, client = Clock(), make_ready_client()
    requests = [make_request(make_contact(client), asked_at=clock()) for _ in range(2)]
    first, second = [loop.plan_run(request.pk, at=clock()) for request in requests]

    with faults.inject(messages.PARTY, WEATHER["429, again in two minutes"]):
        first = flow.execute(first.pk, clock=clock)
        second = flow.execute(second.pk, clock=clock)

    assert (first.status, first.steps.count(), model.calls) == ("retry", 1, 1)
    assert (second.status, second.steps.count(), second.source_records.count()) == ("retry", 0, 0)
    assert second.error.startswith("The model takes no requests from us until ")
    assert abs(second.lease_until - first.lease_until) < timedelta(seconds=5)
    clock.jump(max(first.lease_until, second.lease_until))
    with faults.inject(messages.PARTY, Fault()):
        ends = [flow.execute(run.pk, clock=clock) for run in (first, second)]
    assert [(run.status, run.error) for run in ends] == [("succeeded", ""), ("succeeded", "")]
    assert sorted(second.steps.values_list("key", "attempt")) == [("email", 1), ("persona", 1), ("research", 1)]
    check_bill(model.ledger)
    check_budgets()


def test_a_step_that_a_person_lets_ask_again_fails_like_any_other(model):
    clock = Clock()
    request = make_request(make_contact(make_ready_client()), asked_at=clock())
    run = loop.plan_run(request.pk, at=clock())

    with faults.inject(messages.PARTY, *[WEATHER["no JSON in the answer"]] * 2, WEATHER["500"], times=8):
        run = flow.execute(run.pk, clock=clock)
        assert (run.status, run.error) == (
            "waiting",
            "A person is asked: The model's answer to the step research was invalid twice. Ask it once more?",
        )
        flow.answer(Gate.objects.get(), "approved", by=make_user("mia"), at=clock())
        run = flow.execute(run.pk, clock=clock)

    assert (run.status, run.error.split(" It is")[0]) == ("retry", "The model is busy (500, busy).")
    tries = run.steps.filter(key="research").order_by("attempt")
    assert [(step.error_class, len(step.attempts)) for step in tries] == [("AnswerInvalid", 2), ("ModelUnavailable", 3)]
    check_bill(model.ledger)
    check_budgets()


def check_endings():
    ends = Counter(FlowRun.objects.values_list("status", flat=True))
    assert set(ends) <= {"succeeded", "needs_input", "failed", "waiting", "dead"}
    assert ends["succeeded"] > RUNS // 3
    for status, error in FlowRun.objects.values_list("status", "error"):
        assert (error == "") == (status == "succeeded"), error
        assert not FORBIDDEN.search(error), error
        assert re.fullmatch(r"((mia|[A-Z]).*[.?”])?", error), error
    assert not StepRun.objects.filter(status="running").exists()
    tried = StepRun.objects.exclude(error_class=DaySpent.__name__)  # then the model was not asked
    assert max(Counter(tried.values_list("run", "key", "map_index")).values()) <= MOST_TRIES


def check_bill(ledger):
    """Every whole answer stands on one attempt of one step, for what it cost; nothing else has a price that is sure."""
    attempts = [each for attempts in StepRun.objects.values_list("attempts", flat=True) for each in attempts]
    answered = [
        each for each in attempts if each["status"] == 200 and each["outcome"] not in ("not readable", "broke off")
    ]
    assert Counter(each["request_id"] for each in answered) == Counter(list(ledger))
    assert {each["request_id"]: Decimal(each["cost_usd"]) for each in answered} == ledger
    paid = StepRun.objects.values_list("cost_usd", "uncertain_usd")
    assert sum(cost for cost, _ in paid) == sum(ledger.values())
    assert sum(uncertain for _, uncertain in paid) == sum(Decimal(each["uncertain_usd"]) for each in attempts)


def check_budgets():
    runs = FlowRun.objects.all()
    for run in runs:
        assert run.reserved_usd == 0
        assert run.spent_usd == sum(step.cost_usd + step.uncertain_usd for step in run.steps.all()) <= run.budget_usd
    days = BudgetDay.objects.all()
    assert all(day.reserved_usd == 0 and day.spent_usd <= day.cap_usd for day in days)
    assert sum(day.spent_usd for day in days) == sum(run.spent_usd for run in runs)
