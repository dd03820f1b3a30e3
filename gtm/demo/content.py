"""The invented agency's clients, and the names its contacts are made of."""

from typing import Any, NamedTuple


class DemoClient(NamedTuple):
    slug: str
    name: str
    company_size: str
    config: dict[str, Any]
    campaigns: tuple[tuple[str, str], ...]  # name, goal
    crm: str
    sells_to: tuple[str, ...]  # industries of the invented companies


CLIENTS = (
    DemoClient(
        "acme-fintech",
        "Acme Fintech",
        "51-500",
        {
            "industry": "fintech",
            "tone": "formal",
            "prompt_overrides": {
                "research_agent": "Focus on compliance and security.",
                "persona_agent": "Target CFOs and risk managers.",
            },
            "custom_fields": {
                "emphasis": "regulatory_compliance",
                "avoid_terms": ["disruptive", "revolutionary"],
                "offer": "Acme Fintech turns regulatory reporting into a daily job of minutes",
                "proof_points": [
                    "Eleven banks file their capital reports with Acme Fintech",
                    "Acme Fintech keeps an audit trail of every figure it files",
                ],
                "call_to_action": "Would a call of twenty minutes next week suit you?",
                "sender_name": "Priya Raman",
                "sender_title": "Client Director",
            },
        },
        (
            ("Capital reporting, spring rules", "Book first meetings with finance chiefs about capital reporting."),
            ("Audit season", "Find risk managers who prepare an audit this quarter."),
            ("Branch security", "Talk to heads of security about evidence for their regulator."),
        ),
        "hubspot",
        ("fintech", "retail"),
    ),
    DemoClient(
        "ledgerline",
        "Ledgerline",
        "1-50",
        {
            "industry": "fintech",
            "tone": "direct",
            "custom_fields": {
                "emphasis": "faster_close",
                "avoid_terms": ["synergy"],
                "offer": "Ledgerline closes the monthly books in three working days",
                "proof_points": ["Forty finance teams close their month with Ledgerline"],
                "call_to_action": "Shall I send you the three-day plan?",
                "sender_name": "Tom Okafor",
                "sender_title": "Partner",
            },
        },
        (
            ("Three-day close", "Offer finance leaders the three-day plan."),
            ("Year end", "Reach controllers before the year-end rush."),
            ("Group reporting", "Meet groups that close in several currencies."),
        ),
        "salesforce",
        ("fintech", "retail", "logistics", "saas"),
    ),
    DemoClient(
        "carebridge",
        "Carebridge",
        "51-500",
        {
            "industry": "healthcare",
            "tone": "friendly",
            "custom_fields": {
                "emphasis": "patient_safety",
                "offer": "Carebridge hands every discharge letter to the next clinic within the hour",
                "proof_points": ["Nine hospital groups send their letters through Carebridge"],
                "call_to_action": "May I show you how it looks on one of your wards?",
                "sender_name": "Hannah Vogel",
                "sender_title": "Clinical Partnerships",
            },
        },
        (
            ("Discharge letters", "Meet operations leads who own the discharge process."),
            ("Winter wards", "Help clinics prepare for the winter load."),
            ("Referral speed", "Show referral times to medical directors."),
        ),
        "hubspot",
        ("healthcare",),
    ),
    DemoClient(
        "medora",
        "Medora Devices",
        "501+",
        {
            "industry": "healthcare",
            "tone": "formal",
            "custom_fields": {
                "emphasis": "device_uptime",
                "avoid_terms": ["cheap"],
                "offer": "Medora services imaging devices before they fail",
                "proof_points": ["Medora looks after 2,300 scanners in 14 countries"],
                "call_to_action": "Could we compare notes on downtime next week?",
                "sender_name": "Luis Ferreira",
                "sender_title": "Service Director",
            },
        },
        (
            ("Imaging uptime", "Open talks with heads of engineering on service contracts."),
            ("Spare parts", "Offer shared stock to groups with several sites."),
            ("New sites", "Reach companies that open new sites."),
        ),
        "salesforce",
        ("healthcare",),
    ),
    DemoClient(
        "stackpilot",
        "Stackpilot",
        "1-50",
        {
            "industry": "saas",
            "tone": "casual",
            "custom_fields": {
                "emphasis": "cloud_costs",
                "offer": "Stackpilot finds the servers nobody uses and shuts them down at night",
                "proof_points": ["Teams that use Stackpilot cut their cloud bill by a fifth in the first quarter"],
                "call_to_action": "Want me to run the numbers for you?",
                "sender_name": "Mia Larsen",
                "sender_title": "Founder",
            },
        },
        (
            ("Cloud bill check", "Offer engineering leaders a free look at their bill."),
            ("After the funding", "Reach companies shortly after a funding round."),
            ("Platform teams", "Meet heads of platform who grow their teams."),
        ),
        "hubspot",
        ("saas", "fintech", "retail"),
    ),
    DemoClient(
        "gearhall",
        "Gearhall Robotics",
        "501+",
        {
            "industry": "manufacturing",
            "tone": "direct",
            "custom_fields": {
                "emphasis": "line_downtime",
                "avoid_terms": ["game changer"],
                "offer": "Gearhall retrofits packing lines in one weekend",
                "proof_points": ["Gearhall has retrofitted 180 lines without a lost shift"],
                "call_to_action": "Can we look at one of your lines together?",
                "sender_name": "Jonas Weber",
                "sender_title": "Head of Sales",
            },
        },
        (
            ("Weekend retrofit", "Book line walks with plant managers."),
            ("Energy per pallet", "Talk energy use with operations leads."),
            ("Second shift", "Reach plants that add a shift."),
        ),
        "salesforce",
        ("manufacturing", "logistics", "retail"),
    ),
)

_FIRST = """
Ada Amir Anika Bruno Carla Chen Clara Dalia David Elena Emil Fatima Felix Grace Hugo Ines Ivan Jana Jules Kofi
Lara Leon Lucia Marek Marta Mei Nadia Nils Noor Olga Oscar Petra Quinn Rafael Rosa Sam Sara Simon Sofia Tariq
Tessa Theo Uma Vera Viktor Wanda Yara Zoe
"""
_LAST = """
Abbott Adeyemi Bauer Becker Castro Cohen Dahl Dubois Evans Fischer Fontaine Garcia Greco Haas Hansen Ibrahim
Ito Jansen Kaya Keller Kim Kovacs Laurent Lee Lindgren Marino Mbeki Meyer Nakamura Novak O'Brien Olsen Patel
Peeters Quist Rao Rossi Santos Schmidt Silva Tanaka Toth Urban Vance Wagner Wolff Yilmaz Zhang
"""
FIRST_NAMES, LAST_NAMES = _FIRST.split(), _LAST.split()
TITLES = (
    "Chief Financial Officer", "Head of Risk", "Finance Director", "Chief Operating Officer", "Head of Engineering",
    "VP Engineering", "Plant Manager", "Head of Compliance", "Chief Information Security Officer", "Medical Director",
    "Head of Operations", "Controller", "Chief Executive Officer", "Head of Marketing", "Procurement Manager",
    "Platform Lead",
)  # fmt: skip

SATISFACTION = (
    (9, "Clear reports, quick answers."),
    (10, ""),
    (5, "The personas should go deeper into technical detail: our buyers are engineers."),
    (6, "Two e-mails went out later than agreed."),
    (9, ""),
    (7, "We want to see more of the research behind each e-mail."),
    (10, "The Monday page saves us a meeting."),
    (8, "Good, though some drafts needed our edits this month."),
    (9, ""),
)
SUPPORT = (
    ("Please add our new brand words to the ones to avoid", "Legal asks for two more words."),
    ("Follow-up reached a contact on holiday", "Can follow-ups wait when an out-of-office came back?"),
    ("Personas: more technical detail", "Our buyers are engineers and expect numbers."),
    ("Question about a source", "Where does the headcount figure in the brief come from?"),
)
