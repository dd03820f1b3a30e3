"""The pages about a client's settings."""

from clients.views.documents import client_clone, client_export, client_import, new_client_import
from clients.views.prompts import client_prompts
from clients.views.settings import client_settings, setting_keys
from clients.views.versions import client_versions

__all__ = [
    "client_clone",
    "client_export",
    "client_import",
    "client_prompts",
    "client_settings",
    "client_versions",
    "new_client_import",
    "setting_keys",
]
