"""Every page of the product. Who may see which stands in gtm/roles.py."""

from django.contrib import admin
from django.urls import path, register_converter
from django.urls.converters import StringConverter

from agents_app import views as agents
from clients import api as hooks
from clients import views as clients
from experiments import views as experiments
from gtm import health, views
from gtm.api import api
from insights import views as insights


class WeekConverter(StringConverter):
    """A Monday as 2026-11-16."""

    regex = r"\d{4}-\d{2}-\d{2}"


register_converter(WeekConverter, "week")

urlpatterns = [
    path("", views.home, name="home"),
    path("search/", views.search, name="search"),
    path("review/", insights.weekly_review, name="weekly_review"),
    path("review/rows/", insights.review_rows, name="review_rows"),
    path("review/<week:week>/v<int:version>/", insights.weekly_review_version, name="weekly_review_version"),
    path("approvals/", agents.approvals, name="approvals"),
    path("approvals/<int:draft_id>/", agents.approval, name="approval"),
    path("requests/<int:request_id>/trace/", agents.request_trace, name="request_trace"),
    path("plan/", agents.plan, name="plan"),
    path("questions/", agents.questions, name="questions"),
    path("questions/<int:gate_id>/", agents.gate, name="gate"),
    path("runs/<int:run_id>/", agents.run_page, name="run_page"),
    path("steps/<int:step_id>/written-by/", agents.written_by, name="written_by"),
    path("runs/<int:run_id>/progress/", agents.run_progress, name="run_progress"),
    path("runs/<int:run_id>/document/", agents.run_document, name="run_document"),
    path("runs/<int:run_id>/marks/", agents.run_marks, name="run_marks"),
    path("runs/<int:run_id>/steps/<int:step_id>/", agents.run_step, name="run_step"),
    path("runs/<int:run_id>/steps/<int:step_id>/again/", agents.run_again, name="run_again"),
    path("runs/<int:run_id>/steps/<int:step_id>/case/", agents.step_case, name="step_case"),
    path("runs/<int:run_id>/compare/", agents.run_compare, name="run_compare"),
    path("runs/<int:run_id>/compare/<int:other_id>/", agents.runs_compared, name="runs_compared"),
    path("prompts/performance/", experiments.prompt_performance, name="prompt_performance"),
    path("prompts/<int:version_id>/rehearse/", agents.rehearse, name="rehearse"),
    path("prompts/<int:version_id>/rollout/", agents.roll_out, name="roll_out"),
    path("rollouts/<int:rollout_id>/", agents.rollout, name="rollout"),
    path("rehearsals/<int:rehearsal_id>/", agents.rehearsal, name="rehearsal"),
    path("proposals/", experiments.proposals, name="proposals"),
    path("proposals/<int:proposal_id>/", experiments.proposal, name="proposal"),
    path("clients/import/", clients.new_client_import, name="new_client_import"),
    path("clients/keys/", clients.setting_keys, name="setting_keys"),
    path("clients/import/folder/", clients.clients_import_folder, name="clients_import_folder"),
    path("clients/bulk/", clients.client_bulk_edit, name="client_bulk_edit"),
    path("clients/<slug:slug>/settings/", clients.client_settings, name="client_settings"),
    path("clients/<slug:slug>/clone/", clients.client_clone, name="client_clone"),
    path("clients/<slug:slug>/settings/try/", agents.client_try, name="client_try"),
    path("trials/<int:trial_id>/", agents.trial, name="trial"),
    path("clients/<slug:slug>/settings/prompts/", clients.client_prompts, name="client_prompts"),
    path("clients/<slug:slug>/settings/versions/", clients.client_versions, name="client_versions"),
    path("clients/<slug:slug>/deployments/", agents.client_deployments, name="client_deployments"),
    path("clients/<slug:slug>/companies/", agents.client_companies, name="client_companies"),
    path("clients/<slug:slug>/companies/<str:domain>/", agents.company, name="company"),
    path("sources/", agents.research_sources, name="research_sources"),
    path("clients/<slug:slug>/settings/export/", clients.client_export, name="client_export"),
    path("clients/<slug:slug>/settings/import/", clients.client_import, name="client_import"),
    path("connections/<int:connection_id>/mapping/", clients.connection_mapping, name="connection_mapping"),
    path(
        "connections/<int:connection_id>/mapping/versions/",
        clients.connection_mapping_versions,
        name="connection_mapping_versions",
    ),
    path(
        "connections/<int:connection_id>/mapping/trial/",
        clients.connection_mapping_trial,
        name="connection_mapping_trial",
    ),
    path(
        "connections/<int:connection_id>/mapping/unread/",
        clients.connection_mapping_unread,
        name="connection_mapping_unread",
    ),
    path(
        "connections/<int:connection_id>/mapping/export/",
        clients.connection_mapping_export,
        name="connection_mapping_export",
    ),
    path(
        "connections/<int:connection_id>/mapping/import/",
        clients.connection_mapping_import,
        name="connection_mapping_import",
    ),
    path("contacts/quality/", clients.contact_quality, name="contact_quality"),
    path("contacts/reviews/", clients.contact_reviews, name="contact_reviews"),
    path("contacts/reviews/<int:item_id>/", clients.contact_review, name="contact_review"),
    path("quarantine/", clients.quarantine_page, name="quarantine"),
    path("quarantine/<int:delivery_id>/", clients.quarantined, name="quarantined"),
    path("connections/<int:connection_id>/sync/", clients.connection_sync, name="connection_sync"),
    path("health/", views.system_health, name="system_health"),
    path("u/<str:token>/", experiments.unsubscribe, name="unsubscribe"),
    path("healthz", health.alive, name="alive"),
    path("healthz/ready", health.ready, name="ready"),
    path("api/", api.urls),
    path("webhook/hubspot", hooks.flat_hubspot, name="flat_hubspot"),
    path("webhook/salesforce", hooks.flat_salesforce, name="flat_salesforce"),
    path("admin/", admin.site.urls),
]

handler403 = "gtm.views.forbidden"
