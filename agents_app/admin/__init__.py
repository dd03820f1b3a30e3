"""The admin's pages of how we write. What only records is read; each button calls one public function."""

from agents_app.admin import (
    accounts,
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
    watching,
)

__all__ = [
    "accounts",
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
    "watching",
]
