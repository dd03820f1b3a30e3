"""Every setting, with a value that works on a laptop; the environment (or a .env file) overrides each of them."""

import secrets
from decimal import Decimal
from pathlib import Path

import environ
from csp.constants import NONE, SELF

from gtm import database, revision

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent
env.read_env(BASE_DIR / ".env")
DATA_DIR = Path(env.str("GTM_DATA_DIR", default=str(BASE_DIR / ".data")))  # what a laptop run keeps, outside git


def _laptop_secret() -> str:
    """A random key of this checkout's own, so that no key stands in the code."""
    path = DATA_DIR / "secret_key"
    if not path.exists():
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text()


CODE_REVISION: str = env.str("GTM_REVISION", default="")[: revision.LONGEST] or revision.of(BASE_DIR)  # runs keep it
DEBUG: bool = env.bool("DEBUG", default=True)
SECRET_KEY: str = env.str("SECRET_KEY", default=_laptop_secret() if DEBUG else "")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
PUBLIC_URL: str = env.str(
    "PUBLIC_URL", default="http://localhost:8000"
)  # how the outside reaches us; no slash at the end

INSTALLED_APPS = [
    "gtm",
    "clients",
    "agents_app",
    "experiments",
    "insights",
    "gtm.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django_htmx",
    "django_q",
    "ninja",
    "simple_history",
]

MIDDLEWARE = [
    "gtm.logs.RequestId",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "gtm.roles.PageGuard",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
]

ROOT_URLCONF = "gtm.urls"
WSGI_APPLICATION = "gtm.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "gtm.navigation.context",
            ],
        },
    },
]

# PostgreSQL only. Without DATABASE_URL every command starts, or shares, a private server in DATA_DIR.
DATABASES = {"default": env.db("DATABASE_URL") if env.str("DATABASE_URL", default="") else database.embedded(DATA_DIR)}
DATABASES["default"]["CONN_MAX_AGE"] = (
    None  # one lasting connection a thread; a pool would not survive the workers' fork
)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# a process that freezes in the middle of a write gives its rows free after that long; the URL's own options go first
FREED = {
    "options": "-c idle_in_transaction_session_timeout=30s",
    "connect_timeout": 3,
}  # seconds; no caller waits longer
DATABASES["default"]["OPTIONS"] = FREED | DATABASES["default"].get("OPTIONS", {})
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Two clusters, so that a long run never holds up a webhook. Our rows carry the truth and are claimed with a lease,
# so a task is handed out once (max_attempts) and its failure acknowledged; `retry` stays well above `timeout`.
# gtm/checks.py refuses to start with values that contradict this.
Q_CLUSTER = {
    "name": "ingest",
    "orm": "default",
    "workers": 2,
    "queue_limit": 2,
    "timeout": 60,
    "retry": 300,
    "max_attempts": 1,
    "ack_failures": True,
    "poll": 0.2,
    "bulk": 1,
    "catch_up": False,
    "save_limit": 500,
    "label": "Background jobs",
    "ALT_CLUSTERS": {"runs": {"timeout": 900, "retry": 2700, "workers": 2, "queue_limit": 2}},
}

LANGUAGE_CODE = "en-gb"
TIME_ZONE: str = env.str("GTM_TIME_ZONE", default="UTC")  # the agency's: weeks begin on its Monday
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(DATA_DIR / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG

LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "home"
SESSION_COOKIE_AGE = 60 * 60 * 12
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if not DEBUG:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_REDIRECT_EXEMPT = [r"^healthz"]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

DEFAULT_EXCEPTION_REPORTER_FILTER = "gtm.reports.Filter"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 250  # a folder of clients' settings has up to 200
WEBHOOK_MAX_BYTES: int = env.int("WEBHOOK_MAX_BYTES", default=1024 * 1024)
# Where webhook calls wait while the database is away; web and ingest share it. More than so many bytes it never takes.
SPOOL_DIR = Path(env.str("GTM_SPOOL_DIR", default=str(DATA_DIR / "spool")))
SPOOL_MAX_BYTES: int = env.int("GTM_SPOOL_MAX_BYTES", default=1_000_000_000)

# E-mail is a dry run: messages are written to files, nothing leaves the machine.
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
DEFAULT_FROM_EMAIL: str = env.str("DEFAULT_FROM_EMAIL", default="outreach@agency.example")
# Whom a party may write to about our calls, where it wants to know (the SEC does); goes out with each call to it.
CONTACT_EMAIL: str = env.str("GTM_CONTACT_EMAIL", default=env.str("DEFAULT_FROM_EMAIL", default=""))
EMAIL_FILE_PATH = Path(env.str("EMAIL_FILE_PATH", default=str(DATA_DIR / "mail")))

# The model. Without a key, the sandbox's composer answers the same Messages API in process.
ANTHROPIC_API_KEY: str = env.str("ANTHROPIC_API_KEY", default="")
ANTHROPIC_BASE_URL: str = env.str("ANTHROPIC_BASE_URL", default="")
MODEL: str = env.str("GTM_MODEL", default="claude-sonnet-5-5")
MODEL_CHEAPER: str = env.str("GTM_MODEL_CHEAPER", default="claude-haiku-5-5")  # where the budget runs short

# What a request's depth means: seconds for its run, and US dollars that the run may spend on the model.
RUN_SECONDS = {"quick": 5, "standard": 30, "comprehensive": 300}
RUN_BUDGET_USD: dict[str, Decimal] = {
    "quick": Decimal(env.str("GTM_BUDGET_QUICK_USD", default="0.25")),
    "standard": Decimal(env.str("GTM_BUDGET_STANDARD_USD", default="0.60")),
    "comprehensive": Decimal(env.str("GTM_BUDGET_COMPREHENSIVE_USD", default="3.00")),
}
RESEARCH_CREDITS: dict[str, float] = {
    "quick": env.float("GTM_RESEARCH_CREDITS_QUICK", default=6),
    "standard": env.float("GTM_RESEARCH_CREDITS_STANDARD", default=12),
    "comprehensive": env.float("GTM_RESEARCH_CREDITS_COMPREHENSIVE", default=40),
}  # of all sources together, each as it counts itself
RESEARCH_SURE = {"quick": 0.6, "standard": 0.8, "comprehensive": 0.9}  # a fact this sure is looked into no further
TEMPLATE_REACH_ALONE = env.int("GTM_TEMPLATE_REACH_ALONE", default=10)  # clients that one person may change at once
CLIENT_DAY_BUDGET_USD = Decimal(env.str("GTM_CLIENT_DAY_BUDGET_USD", default="25"))
REHEARSAL_BUDGET_USD = Decimal(env.str("GTM_REHEARSAL_BUDGET_USD", default="10"))  # of one rehearsal, the agency's own
REHEARSAL_MONTH_USD = Decimal(env.str("GTM_REHEARSAL_MONTH_USD", default="200"))  # of all rehearsals in a month (UTC)
REHEARSAL_IS_NEEDED = env.bool("GTM_REHEARSAL_IS_NEEDED", default=False)  # no version goes live without one that passed

# After so many days the recorded answers of finished runs go, with what only debugging needs; 0: they stay for good.
KEEP_CALLS_DAYS: int = env.int("GTM_KEEP_CALLS_DAYS", default=400)

# Where spans of runs go, over OTLP; nowhere while it is empty. Other OTEL_ variables are the library's own.
OTLP_ENDPOINT: str = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
OTLP_HEADERS: str = env.str("OTEL_EXPORTER_OTLP_HEADERS", default="")

# "127.0.0.1:PORT" of servers that only a test starts: the way out lets nothing else of ours be reached (gtm/http.py).
# Not read from the environment; the start is refused while something stands here.
LOOPBACK_ALLOWED: frozenset[str] = frozenset()

# Keys that encrypt stored credentials, newest first; on a laptop they derive from SECRET_KEY.
CREDENTIAL_KEYS: list[str] = env.list("GTM_CREDENTIAL_KEYS", default=[])
# Secrets that connections name instead of keeping them: files below this folder, and variables GTM_SECRET_….
SECRETS_DIR: str = env.str("GTM_SECRETS_DIR", default="/run/secrets")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "gtm.logs.JsonFormatter"}, "plain": {"format": "%(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain" if DEBUG else "json"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="WARNING")},
}
