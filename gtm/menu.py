"""The navigation as a table: what stands where, who sees it, and what waits there. No Django."""

from typing import NamedTuple


class Item(NamedTuple):
    """A link. `permission`: what one needs to see it ("": being signed in); `waits`: a count of `gtm.navigation`."""

    label: str
    url_name: str
    permission: str = ""
    waits: str = ""


class Section(NamedTuple):
    """A job. `models` are those ("app.model") that the admin's index lists under it."""

    key: str
    name: str
    items: tuple[Item, ...]
    models: tuple[str, ...] = ()


SECTIONS = (
    Section("home", "", (Item("Home", "home"),)),
    Section(
        "review",
        "Review",
        (
            Item("Weekly review", "weekly_review", "insights.view_weeklyreport"),
            Item("Tickets", "admin:insights_ticket_changelist", "insights.view_ticket", "open_tickets"),
            Item("Shared insights", "admin:insights_sharedinsight_changelist", "insights.view_sharedinsight"),
            Item("Satisfaction", "admin:insights_satisfactionscore_changelist", "insights.view_satisfactionscore"),
            Item("Support tickets", "admin:insights_supportticket_changelist", "insights.view_supportticket"),
        ),
        ("insights.",),
    ),
    Section(
        "clients",
        "Clients",
        (
            Item("Clients", "admin:clients_client_changelist", "clients.view_client"),
            Item("Templates", "admin:clients_settingstemplate_changelist", "clients.view_settingstemplate"),
            Item("Agency settings", "admin:clients_agencysettings_changelist", "clients.view_agencysettings"),
            Item("Proposals", "proposals", "experiments.view_settingproposal", "open_proposals"),
            Item("Changes that wait", "admin:clients_proposedchange_changelist", "clients.view_proposedchange"),
            Item("Changes of several clients", "admin:clients_changeset_changelist", "clients.view_changeset"),
            Item("Settings of our own", "admin:clients_configkey_changelist", "clients.view_configkey"),
            Item("Contacts", "admin:clients_contact_changelist", "clients.view_contact"),
            Item("Contact reviews", "contact_reviews", "clients.view_reviewitem", "open_reviews"),
            Item("Contact quality", "contact_quality", "clients.view_contactquality"),
            Item("Asked to be forgotten", "admin:clients_erasure_changelist", "clients.view_erasure"),
            Item("Connections", "admin:clients_connection_changelist", "clients.view_connection"),
            Item("Pushes to CRMs", "admin:clients_push_changelist", "clients.view_push"),
            Item("Comparisons with CRMs", "admin:clients_reconciliation_changelist", "clients.view_reconciliation"),
        ),
        ("clients.",),
    ),
    Section(
        "outreach",
        "Outreach",
        (
            Item("Approval queue", "approvals", "agents_app.view_draft", "waiting_drafts"),
            Item("Questions", "questions", "agents_app.view_gate", "open_gates"),
            Item("Ask for work", "plan", "agents_app.add_request"),
            Item("Campaigns", "admin:agents_app_campaign_changelist", "agents_app.view_campaign"),
            Item("Requests", "admin:agents_app_request_changelist", "agents_app.view_request"),
            Item("Messages sent", "admin:agents_app_send_changelist", "agents_app.view_send"),
            Item("Experiments", "admin:experiments_experiment_changelist", "experiments.view_experiment"),
        ),
        (
            "experiments.",
            "agents_app.campaign",
            "agents_app.campaigncontact",
            "agents_app.request",
            "agents_app.requestrule",
            "agents_app.draft",
            "agents_app.send",
        ),
    ),
    Section(
        "agents",
        "Agents",
        (
            Item("Runs", "admin:agents_app_flowrun_changelist", "agents_app.view_flowrun", "failed_runs"),
            Item("What was unusual", "admin:agents_app_anomaly_changelist", "agents_app.view_anomaly"),
            Item("Sources of research", "research_sources", "agents_app.view_sourcerecord"),
            Item("Flow templates", "admin:agents_app_flowtemplate_changelist", "agents_app.view_flowtemplate"),
            Item("Routing rules", "admin:agents_app_routingrule_changelist", "agents_app.view_routingrule"),
            Item("Prompt versions", "admin:agents_app_promptversion_changelist", "agents_app.view_promptversion"),
            Item("Prompt releases", "admin:agents_app_release_changelist", "agents_app.view_release"),
            Item("Contracts", "admin:agents_app_contract_changelist", "agents_app.view_contract"),
            Item("Rehearsals", "admin:agents_app_rehearsal_changelist", "agents_app.view_rehearsal"),
            Item("Rollouts", "admin:agents_app_rollout_changelist", "agents_app.view_rollout"),
            Item("Prompt performance", "prompt_performance", "agents_app.view_promptversion"),
            Item(
                "Agency's source accounts",
                "admin:agents_app_sourceaccount_changelist",
                "agents_app.change_sourceaccount",
            ),
            Item("Companies and people known", "admin:agents_app_entity_changelist", "agents_app.view_entity"),
            Item("Perhaps the same", "admin:agents_app_mergeproposal_changelist", "agents_app.view_mergeproposal"),
        ),
        ("agents_app.",),
    ),
    Section(
        "system",
        "System",
        (
            Item("Health", "system_health", "gtm.view_heartbeat"),
            Item("Quarantine", "quarantine", "clients.view_delivery", "quarantine"),
            Item("Webhook inbox", "admin:clients_delivery_changelist", "clients.view_delivery"),
            Item("Background jobs", "admin:django_q_task_changelist", "django_q.view_task"),
            Item("Users", "admin:auth_user_changelist", "auth.view_user"),
            Item("Everything", "admin:index"),
        ),
        ("django_q.", "auth.", "gtm.", "clients.delivery", "clients.event"),
    ),
)


def section_of(model: str) -> Section:
    """The section that lists `model` ("app.model"): the one that names it most exactly."""
    named = [
        (len(prefix), section)
        for section in SECTIONS
        for prefix in section.models
        if model == prefix or (prefix.endswith(".") and model.startswith(prefix))
    ]
    return max(named, key=lambda pair: pair[0])[1] if named else SECTIONS[-1]
