"""What stands before the first week: clients with their settings, connections, campaigns and prompt versions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, NamedTuple

from django.contrib.auth.models import User

from agents_app import campaigns, versions
from agents_app.models import Campaign, RequestRule
from clients import config, connections
from clients.models import AgentKey, Client, Connection
from experiments import lifecycle
from experiments.models import Experiment
from gtm.demo import people
from gtm.demo.content import CLIENTS, DemoClient
from gtm.sandbox import world

FOLLOWED_UP = {("acme-fintech", 0), ("stackpilot", 1)}  # client and campaign: these write twice


@dataclass
class Account:
    """A client with what the weeks need of it. `to_meet` are those its CRM has yet to tell of, in order."""

    client: Client
    crm: Connection
    events: Connection
    campaigns: list[Campaign]
    sells_to: tuple[str, ...]
    to_meet: list[people.Person] = field(default_factory=list)


@dataclass(frozen=True)
class Agency:
    accounts: dict[str, Account]
    users: dict[str, User]


def open_agency(rng: Random, *, contacts: int, at: datetime) -> Agency:
    """`contacts`: people a client."""
    users = people.make_logins()
    versions.live(at=at)
    accounts = {told.slug: _open_account(told, users, at) for told in CLIENTS}
    for account in accounts.values():
        companies = [company for company in world.COMPANIES.values() if company.industry in account.sells_to]
        invented = people.invent(rng, companies)
        account.to_meet = [next(invented) for _ in range(contacts)]
    return Agency(accounts, users)


def _open_account(told: DemoClient, users: dict[str, User], at: datetime) -> Account:
    client = config.create_client(told.config, slug=told.slug, name=told.name, by=users["admin"], at=at)
    client.status, client.company_size = Client.Status.ACTIVE, told.company_size
    client.website = f"{told.slug}.example"
    client.postal_address = f"{told.name}, 1 Example Street, Springfield"
    client._history_date, client._history_user = at, users["admin"]  # type: ignore[attr-defined]
    client.save()
    if told.slug in {"acme-fintech", "carebridge", "stackpilot"}:
        client.managers.add(users["manager"])
    for source in (Connection.Party.PEOPLE_DATA_LABS, Connection.Party.NEWSAPI):
        _connect(client, source, at)
    RequestRule.objects.create(client=client, change=RequestRule.Change.CREATED)  # switched off, as every rule starts
    return Account(
        client,
        _connect(client, told.crm, at),
        _connect(client, Connection.Party.OUTCOMES, at),
        [
            campaigns.create(
                client, name=name, goal=goal, at=at, waits=(5,) if (told.slug, number) in FOLLOWED_UP else ()
            )
            for number, (name, goal) in enumerate(told.campaigns)
        ],
        told.sells_to,
    )


def _connect(client: Client, party: str, at: datetime) -> Connection:
    name = Connection.Party(party).label
    connection, _ = connections.create(client, party=party, name=name, mode=Connection.Mode.SANDBOX, at=at)
    return connection


class Trial(NamedTuple):
    """A change to try on the live e-mail prompt: lines put after its text. `lift` (fraction of 1) is worth finding."""

    name: str
    hypothesis: str
    lines: str
    lift: float


SHORT = Trial(
    "Shorter first mails",
    "At most 70 words and one question bring more replies.",
    "Length: at most 70 words\nAsk: question",
    0.35,
)
PROOF_TWICE = Trial(
    "Two proofs and material",
    "Two proof points and an offer of material bring more replies.",
    "Proof: two\nAsk: send material",
    0.1,
)


def start_experiment(account: Account, trial: Trial, *, by: User, at: datetime) -> Experiment:
    """Try the live e-mail prompt with the trial's lines against itself as it stands."""
    control = versions.live(at=at)[AgentKey.EMAIL]
    text = f"{control.text.strip()}\n\n{trial.lines}\n"
    experiment = lifecycle.create(
        account.client,
        name=trial.name,
        hypothesis=trial.hypothesis,
        agent=AgentKey.EMAIL,
        control=control,
        challenger=versions.create(AgentKey.EMAIL, text=text, note=trial.hypothesis, by=by, at=at),
        metric=Experiment.Metric.REPLIED,
        base_rate=0.1,
        smallest_lift=trial.lift,
        window_days=14,
        by=by,
        at=at,
    )
    return lifecycle.start(experiment, by=by, at=at)


def as_crm(party: str, arriving: Sequence[people.Person]) -> bytes:
    """The body that the CRM posts when these people are entered there; one of them comes without a list."""
    told = [_as_hubspot(person) if party == Connection.Party.HUBSPOT else _as_salesforce(person) for person in arriving]
    return json.dumps(told if len(told) > 1 else told[0]).encode()


def _as_hubspot(person: people.Person) -> dict[str, Any]:
    names = {"email": person.email, "firstname": person.first_name, "lastname": person.last_name}
    return {**names, "company": person.company_name, "jobtitle": person.title}


def _as_salesforce(person: people.Person) -> dict[str, Any]:
    name, account = f"{person.first_name} {person.last_name}", {"Name": person.company_name}
    return {"Email": person.email, "Name": name, "Account": account, "Title": person.title}
