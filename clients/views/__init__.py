"""The pages about a client's settings."""

from clients.views.bulk import client_bulk_edit
from clients.views.documents import client_clone, client_export, client_import, new_client_import
from clients.views.folder import clients_import_folder
from clients.views.prompts import client_prompts
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
    "connection_sync",
    "new_client_import",
    "setting_keys",
]
