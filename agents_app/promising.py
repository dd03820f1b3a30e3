"""Contracts as rows: which stand for a client now, and what may be written into one."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from django.db.models import F, Q

from agents_app.models import Contract
from agents_app.promises import KINDS, ParametersRefused, Promise, parameters_of

BUILT_IN = frozenset({
    "cited_values_stand", "claims_have_sources", "gaps_named", "gives_an_answer", "greets_the_contact", "names_peers",
    "no_avoided_words", "no_placeholders", "no_strange_addresses", "rests_on_known", "role_given",
    "says_what_is_missing", "short_enough", "subject_is_a_line", "writes_something",
})  # fmt: skip
"""The names of the checks that stand in code: two of one name could not be told apart beside an answer."""


def in_force(client_id: int, agents: Iterable[str]) -> list[dict[str, Any]]:
    """What stands for a client's runs now, as `Promise` documents, by agent and name; one query.

    One of the client speaks in the place of everybody's of the same name, also where it is switched off.
    """
    rows = Contract.objects.filter(Q(client=None) | Q(client=client_id), agent__in=list(agents))
    return _documents(rows.order_by("agent", "name", F("client").asc(nulls_last=True)))


def of_agent(agent: str) -> list[dict[str, Any]]:
    """What stands for all clients' answers of one agent, their own ones included."""
    rows = Contract.objects.filter(agent=agent).order_by("name", "client_id")
    return [asdict(_promise(row)) | {"is_active": row.is_active} for row in rows]


def musts(agent: str) -> tuple[str, ...]:
    """The names of what every client's answers of the agent have to keep, by the rows of now."""
    rows = Contract.objects.filter(client=None, agent=agent, severity=Contract.Severity.MUST, is_active=True)
    return tuple(rows.order_by("name").values_list("name", flat=True))


def for_client(documents: Iterable[Mapping[str, Any]], client_id: int) -> tuple[Promise, ...]:
    """Of what `of_agent` gave, what stands for one client."""
    said: dict[str, Mapping[str, Any]] = {}
    for each in sorted(documents, key=lambda each: each["client_id"] is not None):
        if each["client_id"] in (None, client_id):
            said[each["name"]] = each
    chosen = [said[name] for name in sorted(said) if said[name]["is_active"]]
    return tuple(Promise.of({key: value for key, value in each.items() if key != "is_active"}) for each in chosen)


def problems(contract: Contract) -> dict[str, str]:
    """{column, parameter or "": what stands against the row, in words}; empty where it may be saved."""
    found: dict[str, str] = {}
    if contract.name in BUILT_IN:
        found["name"] = f"{contract.name} is a check that stands in the code and is always on. Choose another name."
    kind = KINDS.get(contract.kind)
    if kind is not None and contract.severity == Contract.Severity.MUST and not kind.may_stop:
        found["severity"] = (
            f"“{kind.label}” cannot be a must: the agent would write once more for something that another text does "
            "not mend. Make it a should."
        )
    try:
        parameters_of(contract.kind, contract.parameters)
    except ParametersRefused as refused:
        found |= refused.problems
    return found


def _documents(rows: Iterable[Contract]) -> list[dict[str, Any]]:
    """Of one name the first row counts."""
    said: dict[tuple[str, str], Contract] = {}
    for row in rows:
        said.setdefault((row.agent, row.name), row)
    return [asdict(_promise(row)) for row in said.values() if row.is_active]


def _promise(row: Contract) -> Promise:
    must = row.severity == Contract.Severity.MUST
    return Promise(row.name, row.agent, row.kind, row.parameters, must, row.weight, row.client_id)
