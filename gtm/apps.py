import gc

from django.apps import AppConfig
from django.contrib.admin import apps


class GTMConfig(AppConfig):
    name = "gtm"
    default = True

    def ready(self) -> None:
        from gtm import checks  # noqa: F401 registering is what it is imported for

        gc.freeze()  # what is loaded by now stays for the life of the process: no collection need look at it again


class AdminConfig(apps.AdminConfig):
    default = False
    default_site = "gtm.admin_site.AdminSite"
