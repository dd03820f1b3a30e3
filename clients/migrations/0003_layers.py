"""The two lower layers of settings as the agency starts: its own, and a template for each of six industries."""

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


def fill(apps, schema_editor):
    agency, _ = apps.get_model("clients", "AgencySettings").objects.get_or_create(singleton=True, defaults=AGENCY)
    _override(apps.get_model("clients", "AgencyPromptOverride"), agency, AGENCY_OVERRIDES)
    for key, name, values, overrides in INDUSTRIES:
        template, _ = apps.get_model("clients", "IndustryTemplate").objects.get_or_create(
            key=key, defaults={"name": name, **values}
        )
        _override(apps.get_model("clients", "IndustryPromptOverride"), template, overrides)


def _override(model, layer, texts):
    for agent, text in texts.items():
        model.objects.get_or_create(layer=layer, agent=agent, defaults={"text": text})


class Migration(migrations.Migration):
    dependencies = [("clients", "0002_guards")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
