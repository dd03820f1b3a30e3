"""How sound a contact is: the rules, what they found, and the score. Pure.

A rule blocks (no e-mail to this contact), warns, or fixes (a better value is shown and written about; what the source
said stays as it is). The score is 100 less COSTS for each rule that found something, and never below 0.
"""

from collections.abc import Mapping
from typing import NamedTuple

from clients import quality_rules as rules
from clients.quality_rules import Facts, Setting

BLOCK, WARN, FIX = "block", "warn", "fix"
SEVERITIES = ((BLOCK, "Block: nobody writes to this contact"), (WARN, "Warn"), (FIX, "Fix what is shown and written"))
COSTS = {BLOCK: 60, WARN: 10, FIX: 3}


class Rule(NamedTuple):
    """`usual`: the severity where a client says nothing; `fixes`: whether it knows a better value; `takes`: which of a
    client's further settings it hears, "days" or "fine"."""

    label: str
    usual: str
    check: rules.Check
    fixes: bool = False
    takes: str = ""


class Finding(NamedTuple):
    """What one rule found in one field ("" where it is about the whole contact)."""

    rule: str
    severity: str
    field: str
    says: str
    mend: str
    better: str | None = None


RULES: Mapping[str, Rule] = {
    "email_syntax": Rule("The address cannot be one", BLOCK, rules.email_syntax),
    "throw_away": Rule("Throw-away mailbox", BLOCK, rules.throw_away, takes="fine"),
    "test_data": Rule("Test data", BLOCK, rules.test_data, takes="fine"),
    "role_address": Rule("Mailbox of several people", WARN, rules.role_address, takes="fine"),
    "free_domain": Rule("Private mail instead of a work address", WARN, rules.free_domain, takes="fine"),
    "email_script": Rule("Address outside ASCII", WARN, rules.email_script),
    "no_name": Rule("No name", WARN, rules.no_name),
    "name_is_email": Rule("An address as the name", FIX, rules.name_is_email, fixes=True),
    "all_caps": Rule("Written in capitals", FIX, rules.all_caps, fixes=True),
    "company_mismatch": Rule("Address and company differ", WARN, rules.company_mismatch, takes="fine"),
    "future_date": Rule("A date in the future that cannot be", WARN, rules.future_date),
    "length": Rule("Too long", WARN, rules.length),
    "picklist": Rule("Unknown country or lifecycle stage", WARN, rules.picklist, takes="fine"),
    "phone": Rule("No phone number", WARN, rules.phone),
    "phone_spelling": Rule("Phone number not in the international form", FIX, rules.phone_spelling, fixes=True),
    "stale": Rule("Nothing heard for long", WARN, rules.stale, takes="days"),
    "duplicate": Rule("May be a duplicate", WARN, rules.duplicate),
}
CHOICES = tuple((key, rule.label) for key, rule in RULES.items())


def setting(key: str, own: Mapping[str, Setting]) -> Setting:
    """How the rule holds where `own` is what the client says."""
    return own.get(key) or Setting(RULES[key].usual)


def look(facts: Facts, own: Mapping[str, Setting]) -> list[Finding]:
    """What is wrong with the contact, the worst first."""
    found = []
    for key, rule in RULES.items():
        wanted = setting(key, own)
        if wanted.is_on:
            found += [Finding(key, wanted.severity, *fault) for fault in rule.check(facts, wanted)]
    return sorted(found, key=lambda finding: -COSTS[finding.severity])


def score(findings: list[Finding]) -> int:
    """0 to 100; a rule counts once, however many fields it found."""
    return max(0, 100 - sum(COSTS[severity] for severity in worst(findings).values()))


def worst(findings: list[Finding]) -> dict[str, str]:
    """rule -> severity, of the rules that found something."""
    return {finding.rule: finding.severity for finding in findings}


def better(findings: list[Finding]) -> dict[str, str]:
    """field -> what to show and to write about, where a rule fixes it. The first rule that fixes a field counts."""
    fixed: dict[str, str] = {}
    for finding in findings:
        if finding.severity == FIX and finding.better is not None:
            fixed.setdefault(finding.field, finding.better)
    return fixed


def why_held(findings: list[Finding]) -> str:
    """Why nobody may write to the contact, "" where somebody may."""
    return next((f"{each.says} {each.mend}" for each in findings if each.severity == BLOCK), "")
