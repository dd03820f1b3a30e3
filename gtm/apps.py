from django.apps import AppConfig
from django.contrib.admin import apps


class GTMConfig(AppConfig):
    name = "gtm"
    default = True


class AdminConfig(apps.AdminConfig):
    default = False
    default_site = "gtm.admin_site.AdminSite"
