from django.apps import AppConfig
from django.contrib.admin import apps


class GTMConfig(AppConfig):
    name = "gtm"
    default = True

    def ready(self) -> None:
        from gtm import checks  # noqa: F401 registering is what it is imported for


class AdminConfig(apps.AdminConfig):
    default = False
    default_site = "gtm.admin_site.AdminSite"
