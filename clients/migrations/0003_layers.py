"""The lower layers of settings as the agency starts: its own, and templates for industries, sizes and sales motions."""

from django.db import migrations

AGENCY = {
    "tone": "friendly",
    "avoid_terms": [
        "game changer", "world-class", "cutting-edge", "synergy", "leverage", "circle back", "touch base", "act now",
        "limited time", "no obligation",
    ],
    "call_to_action": "Would a call of twenty minutes next week suit you?",
    "max_words": 130,
    "confidence_floor": 0.5,
    "enabled_agents": ["research_agent", "competitive_agent", "persona_agent", "email_agent"],
}  # fmt: skip
AGENCY_OVERRIDES = {
    "email_agent": "Write as one person to another: plain words, no praise of the reader, nothing that the facts do not carry.",
}

INDUSTRIES = [
    (
        "fintech",
        "Fintech",
        {
            "tone": "formal",
            "emphasis": "regulatory_compliance",
            "avoid_terms": ["guaranteed returns", "risk-free", "disrupt the banks", "bulletproof"],
        },
        {
            "research_agent": "Focus on regulation and funding. Say which supervisor or rule a piece of news concerns when the source names it.",
            "persona_agent": "Target CFOs and risk managers. They answer to auditors and a supervisor, so a claim without evidence costs trust.",
            "email_agent": "Never promise returns, savings in per cent or the outcome of an audit unless a proof point says so.",
        },
    ),
    (
        "healthcare",
        "Healthcare",
        {
            "tone": "formal",
            "emphasis": "patient_safety",
            "avoid_terms": ["cure", "miracle", "guaranteed outcomes", "patients like yours"],
        },
        {
            "research_agent": "Focus on patient safety and new sites. Leave out anything about single patients, even where a source prints it.",
            "persona_agent": "Target operations directors and clinical directors. Their time is short and their changes go through committees.",
            "email_agent": "Make no medical claim. Speak of processes and time, not of treatment.",
        },
    ),
    (
        "saas",
        "Software as a service",
        {
            "tone": "friendly",
            "emphasis": "time_to_value",
            "avoid_terms": ["10x", "rockstar", "growth hacking", "seamless", "frictionless"],
        },
        {
            "research_agent": "Focus on funding and hiring. A round or a new market says what the company has to deliver next.",
            "persona_agent": "Target heads of engineering and revenue leaders. They have seen many tools and ask what the first week looks like.",
            "email_agent": "Style: short sentences\nSay what happens in the first week rather than what the product is.",
        },
    ),
    (
        "manufacturing",
        "Manufacturing",
        {
            "tone": "direct",
            "emphasis": "line_uptime",
            "avoid_terms": ["smart factory", "industry 4.0 ready", "zero downtime", "lights-out"],
        },
        {
            "research_agent": "Focus on plants and capacity. A new line, a new site or a recall changes what matters there this year.",
            "persona_agent": "Target plant managers and operations directors. They trust numbers from a line like theirs.",
            "email_agent": "Speak of hours and units, not of transformation.",
        },
    ),
    (
        "logistics",
        "Logistics",
        {
            "tone": "direct",
            "emphasis": "delivery_reliability",
            "avoid_terms": ["last-mile revolution", "frictionless", "end-to-end visibility", "uberised"],
        },
        {
            "research_agent": "Focus on new routes and depots. Peaks of the season say when people have no time to read.",
            "persona_agent": "Target operations directors and heads of fleet. They count late deliveries and empty miles.",
            "email_agent": "Keep it short enough to read between two calls.\nLength: at most 100 words",
        },
    ),
    (
        "retail",
        "Retail",
        {
            "tone": "friendly",
            "emphasis": "customer_retention",
            "avoid_terms": ["omnichannel", "delight", "wow your customers", "must-have"],
        },
        {
            "research_agent": "Focus on new shops and product lines. Opening a market or a channel says where the attention is.",
            "persona_agent": "Target heads of e-commerce and marketing directors. Their year is planned around peak trading.",
            "email_agent": "Speak of returning customers and baskets. Leave discounts out unless the offer names one.",
        },
    ),
]


SIZES = [
    ("1-50", "1 to 50 people", {"tone": "friendly"}),
    ("51-500", "51 to 500 people", {}),
    ("501+", "More than 500 people", {"confidence_floor": 0.6}),
]
MOTIONS = [
    ("outbound", "Outbound", {}, {}),
    (
        "inbound",
        "Inbound",
        {"call_to_action_style": "time"},
        {"email_agent": "They asked first: begin with what they asked about."},
    ),
    (
        "product_led",
        "Product-led",
        {"custom_fields.max_words": 100},
        {"email_agent": "They use the product already: never explain what it is."},
    ),
    ("partner", "Through partners", {"call_to_action_style": "material"}, {}),
]
UNDER_CUSTOM = ("emphasis", "avoid_terms", "call_to_action", "max_words")


def fill(apps, schema_editor):
    agency = apps.get_model("clients", "AgencySettings")
    agency.objects.get_or_create(singleton=True, defaults={"settings": said(AGENCY, AGENCY_OVERRIDES)})
    template = apps.get_model("clients", "SettingsTemplate")
    rows = [("industry", *row) for row in INDUSTRIES]
    rows += [("size", *row, {}) for row in SIZES] + [("motion", *row) for row in MOTIONS]
    for kind, key, name, values, words in rows:
        template.objects.get_or_create(kind=kind, key=key, defaults={"name": name, "settings": said(values, words)})


def said(values, words):
    paths = {f"custom_fields.{name}" if name in UNDER_CUSTOM else name: value for name, value in values.items()}
    return paths | {f"prompt_overrides.{agent}": [{"mode": "add", "text": text}] for agent, text in words.items()}


class Migration(migrations.Migration):
    dependencies = [("clients", "0002_guards")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
