import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gtm.settings")
application = get_wsgi_application()
import_module(settings.ROOT_URLCONF)  # the views too, which would else be loaded with the first request
gc.collect()
gc.freeze()  # what was loaded stays: walking through it made one long page in ten 0.2 s slower
