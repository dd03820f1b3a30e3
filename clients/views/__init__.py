"""The pages about clients' settings, and about what comes in for them and how it is read."""

from clients.views.bulk import client_bulk_edit
from clients.views.documents import client_clone, client_export, client_import, new_client_import
from clients.views.folder import clients_import_folder
from clients.views.mapping_documents import (
    connection_mapping_export,
    connection_mapping_import,
    connection_mapping_unread,
)
from clients.views.mapping_versions import connection_mapping_trial, connection_mapping_versions
from clients.views.mappings import connection_mapping
from clients.views.prompts import client_prompts
from clients.views.quality import contact_quality
from clients.views.quarantine import quarantine_page, quarantined
from clients.views.reviews import contact_review, contact_reviews
from clients.views.settings import client_settings, setting_keys
from clients.views.sync import connection_sync
from clients.views.versions import client_versions

__all__ = [
    "client_bulk_edit",
    "client_clone",
    "client_export",
    "client_import",
    "client_prompts",
    "client_settings",
    "client_versions",
    "clients_import_folder",
    "connection_mapping",
    "connection_mapping_export",
    "connection_mapping_import",
    "connection_mapping_trial",
    "connection_mapping_unread",
    "connection_mapping_versions",
    "connection_sync",
    "contact_quality",
    "contact_review",
    "contact_reviews",
    "new_client_import",
    "quarantine_page",
    "quarantined",
    "setting_keys",
]
