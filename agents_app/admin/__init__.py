"""The admin's pages of how we write. What only records is read; each button calls one public function."""

from agents_app.admin import (
    accounts,
    cases,
    debugging,
    deployments,
    entities,
    flow_versions,
    flows,
    gates,
    knowledge,
    mail,
    money,
    outreach,
    prompts,
    rules,
    runs,
    trials,
)

__all__ = [
    "accounts",
    "cases",
    "debugging",
    "deployments",
    "entities",
    "flow_versions",
    "flows",
    "gates",
    "knowledge",
    "mail",
    "money",
    "outreach",
    "prompts",
    "rules",
    "runs",
    "trials",
]
