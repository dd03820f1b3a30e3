"""What the models of this app hold of a person (gtm/personal.py says what the words mean)."""

from dataclasses import replace

from clients.personal import SETTINGS
from gtm.personal import Personal

OF_RUN = Personal(
    "",
    contact=("run__request__contact",),
    among=("run__drafts__contact",),
    company="run__request__company_domain",
    client="run__client",
)

DECLARED = (
    Personal("agents_app.ModelPrice", free=("model",)),
    Personal(
        "agents_app.Deployment",
        free=("config", "config_sha256", "prompts", "rollouts", "connections", "sha256", "cause"),
    ),
    Personal("agents_app.FlowTemplate", free=("key", "name", "description")),
    Personal("agents_app.TemplateStep", free=("key", "tool", "after", "condition", "reason", "otherwise", "question")),
    Personal("agents_app.RoutingRule", free=("key", "condition", "reason")),
    Personal("agents_app.FlowVersion", free=("key", "document", "sha256")),
    Personal("agents_app.PromptVersion", search=("text", "note"), free=("sha256",), scan=True),
    Personal("agents_app.ClientPrompt", search=("reason",), scan=True),
    Personal("agents_app.Campaign", search=("goal",), free=(*SETTINGS, "name"), client="client", scan=True),
    Personal(
        "agents_app.Request",
        contact=("contact",),
        company="company_domain",
        client="client",
        search=("reason",),
        free=("company_domain", "company_name", "settings"),
    ),
    Personal("agents_app.RequestRule", free=("field", "contains")),
    Personal("agents_app.Trial", free=("settings", "columns", "base", "differences")),
    Personal(
        "agents_app.FlowRun",
        contact=("request__contact",),
        among=("drafts__contact",),
        company="request__company_domain",
        client="client",
        blank=("facts_routed",),
        search=("reason", "nodes", "skipped", "hints", "error"),
        free=(
            "idempotency_key",
            "route",
            "code_revision",
            "config",
            "config_sources",
            "config_sha256",
            "variants",
        ),
    ),
    replace(OF_RUN, model="agents_app.PlanRevision", search=("reason", "nodes"), free=("trigger", "rule")),
    replace(
        OF_RUN,
        model="agents_app.StepRun",
        mine="contact_id",
        blank=("output", "votes", "prompt_sent", "attempts", "error", "decisions"),
        search=("confidence_terms", "checks"),
        free=("key", "tool", "planned_sha256", "generator", "provider_request_id", "error_class"),
    ),
    Personal(
        "agents_app.StepContext",
        through="agents_app.StepRun",
        through_columns=("context_id", "planned_sha256"),
        blank=("document",),
        free=("sha256",),
    ),
    Personal(
        "agents_app.Gate",
        contact=("step__run__request__contact",),
        among=("step__run__drafts__contact",),
        company="step__run__request__company_domain",
        client="step__run__client",
        blank=("shown", "answer", "comment"),
        search=("question",),
    ),
    Personal(
        "agents_app.SourceRecord",
        contact=("run__request__contact",),
        among=("used_again__run__request__contact",),
        company="company_domain",
        client="run__client",
        shown_to=("used_again__run__client",),
        search=("request_key", "question", "reason", "payload"),
        free=("source", "company_domain", "payload_sha256", "asked_with"),
    ),
    Personal("agents_app.SourceAccount", search=("note",), free=("credential", "credential_ref"), scan=True),
    Personal(
        "agents_app.Claim",
        contact=("source_record__run__request__contact",),
        company="source_record__company_domain",
        client="source_record__run__client",
        search=("value",),
        free=("attribute", "unit", "pointer", "extractor"),
    ),
    Personal(
        "agents_app.Correction",
        client="client",
        search=("value", "note"),
        free=("company_domain", "attribute"),
        scan=True,
    ),
    replace(OF_RUN, model="agents_app.Fact", search=("value", "confidence_terms"), free=("key", "attribute")),
    Personal(
        "agents_app.Persona",
        contact=("contact", "run__request__contact"),
        company="run__request__company_domain",
        client="run__client",
        blank=("role", "pains", "angle"),
        free=("rests_on",),
    ),
    replace(OF_RUN, model="agents_app.Brief", search=("sentences",)),
    # behind the facts they are made of: what is taken over meanwhile waits for those, and is found here
    Personal("agents_app.Entity", client="client", search=("name",), keys=("normalised",), scan=True),
    Personal("agents_app.EntityId", client="client", keys=("value",), scan=True),
    Personal("agents_app.Statement", client="entity__client", search=("value",), free=("attribute", "unit"), scan=True),
    Personal("agents_app.EntityMerge", client="client", search=("value",), scan=True),
    Personal("agents_app.MergeProposal", client="client", search=("why",), scan=True),
    Personal(
        "agents_app.Draft",
        contact=("contact",),
        company="run__request__company_domain",
        client="run__client",
        blank=("subject", "body", "sentences", "final_subject", "final_body", "comment", "refusal"),
        free=("generator",),
    ),
    Personal("agents_app.Send", free=("message_id", "generator")),
    replace(
        OF_RUN, model="agents_app.Anomaly", search=("words",), free=("key", "agent", "tier", "kind", "metric", "change")
    ),
    Personal("agents_app.RunMark", free=("job",)),
)
