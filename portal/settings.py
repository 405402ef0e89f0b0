"""Settings of Portico, all read from the environment with safe defaults (docs/configuration.md lists them)."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, urlsplit

import dj_database_url
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from portal import environment as env
from portal import mail_settings
from portal.broker import IN_DATABASE
from portal.secret_key import kept_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
PORTICO_HOME = env.folder("PORTICO_HOME", BASE_DIR / "var")
PORTICO_VERSION = "0.1.0"

# script/server leaves the embedded server's address here, so that manage.py finds it from any shell.
_EMBEDDED_ADDRESS = PORTICO_HOME / "run" / "database-url"
DATABASE_URL = env.text("DATABASE_URL") or (
    _EMBEDDED_ADDRESS.read_text().strip() if _EMBEDDED_ADDRESS.exists() else ""
)
PORTICO_EMBEDDED = not env.text("DATABASE_URL") or env.flag("PORTICO_EMBEDDED", False)
PORTICO_DEMO = env.flag("PORTICO_DEMO", PORTICO_EMBEDDED)
PORTICO_ORGANISATION = env.text(
    "PORTICO_ORGANISATION", "Halfmoon Books" if PORTICO_DEMO else "your organisation"
)

DEBUG = env.flag("PORTICO_DEBUG", False)
SECRET_KEY = env.text("SECRET_KEY")
if not SECRET_KEY:
    if not PORTICO_EMBEDDED:
        raise ImproperlyConfigured(
            "SECRET_KEY is missing. Set it to a long random text, kept between starts."
        )
    SECRET_KEY = kept_secret_key(PORTICO_HOME)
ALLOWED_HOSTS = env.words("PORTICO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("PORTICO_TRUSTED_ORIGINS")
PORTICO_URL = env.text("PORTICO_URL", f"http://localhost:{env.number('PORT', 8000)}")

INSTALLED_APPS = [
    "control",
    "catalog",
    "access",
    "scaffolder",
    "portal",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_htmx",
    "guardian",
    "lucide",
]
MIDDLEWARE = [
    "portal.middleware.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "portal.middleware.ReadableMiddleware",
    "control.token_middleware.TokenMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "control.middleware.RequestIdMiddleware",
    "portal.middleware.FragmentMiddleware",
    "portal.middleware.DomainErrorMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "portal.urls"
PORTICO_API_URLS = "portal.api_urls"  # what tokens reach, without looking through the addresses of pages
WSGI_APPLICATION = "portal.wsgi.application"
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
                "control.context.inbox_count",
                "control.context.bell_count",
                "portal.context.shell",
            ],
        },
    }
]

DATABASES = {
    "default": dj_database_url.parse(DATABASE_URL or "postgresql://localhost/portico", conn_max_age=600)
}
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# Of each process: counts of the catalogue, a few hundred bytes each.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 5_000},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "control.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "access.backends.TimedObjectPermissionBackend",
]
# access.backends asks guardian itself, together with the grants that hold now.
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
GUARDIAN_MONKEY_PATCH_USER = False
ANONYMOUS_USER_NAME = None
LOGIN_URL = "signin"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "signin"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_LOCKOUT_CALLABLE = "portal.views.locked"
AXES_CLIENT_IP_CALLABLE = "portal.views.client_address"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = env.text("PORTICO_TIME_ZONE", "UTC")
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATIC_ROOT = PORTICO_HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Behind TLS (PORTICO_URL begins with https) cookies and headers follow; on localhost they cannot.
_SECURE = PORTICO_URL.startswith("https://")
# Headers that only a proxy of one's own may set: the scheme, the client's address, the number of the request.
PORTICO_BEHIND_PROXY = env.flag("PORTICO_BEHIND_PROXY", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PORTICO_BEHIND_PROXY else None
SECURE_SSL_REDIRECT = _SECURE
SECURE_HSTS_SECONDS = 31_536_000 if _SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _SECURE
SECURE_HSTS_PRELOAD = _SECURE
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _SECURE
SESSION_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# Without a server, or a folder, nobody is told by mail; the demo writes files that mail programs open.
PORTICO_MAIL_URL = env.text(
    "PORTICO_MAIL_URL", f"file://{quote(str(PORTICO_HOME / 'mail'))}" if PORTICO_DEMO else ""
)
_MAIL = mail_settings.read(PORTICO_MAIL_URL, password=env.text("PORTICO_MAIL_PASSWORD"))
EMAIL_BACKEND = _MAIL.backend
EMAIL_HOST, EMAIL_PORT = _MAIL.host, _MAIL.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL.user, _MAIL.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL.starttls, _MAIL.tls
EMAIL_TIMEOUT = 10  # seconds
EMAIL_FILE_PATH = _MAIL.folder
DEFAULT_FROM_EMAIL = env.text(
    "PORTICO_MAIL_FROM", f"Portico <portico@{urlsplit(PORTICO_URL).hostname or 'localhost'}>"
)

CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", IN_DATABASE)
# Beat rings owed work this often; the bell of a lost message is never later than this.
PORTICO_SWEEP_SECONDS = env.number("PORTICO_SWEEP_SECONDS", 5, least=1)
# A worker that has not been heard of for this long is dead and its intents go to another.
PORTICO_LEASE_SECONDS = env.number("PORTICO_LEASE_SECONDS", 20, least=2)
PORTICO_REFRESH_SECONDS = env.number("PORTICO_REFRESH_SECONDS", 300, least=10)
# Files and folders; with :// a git repository, like https://git.example.com/team/rules.git//policy?ref=main
PORTICO_POLICY_PATHS = [
    text if "://" in text else Path(text).expanduser() for text in env.words("PORTICO_POLICY_PATHS")
]
# Which changes of rules need a second person: those that nobody reviewed elsewhere, all of them, or none on the server.
PORTICO_POLICY_SECOND_PERSON = env.one_of(
    "PORTICO_POLICY_SECOND_PERSON", "unreviewed", ("unreviewed", "always", "never")
)
# How long somebody else may decide while one is away; 0 switches deputies off.
PORTICO_DEPUTY_DAYS = env.number("PORTICO_DEPUTY_DAYS", 90, most=366)
# Outside systems that access is given in, by target. PostgreSQL without a `dsn` is the server of the portal's database.
PORTICO_CONNECTORS = env.mapping(
    "PORTICO_CONNECTORS",
    {"payments-logs": {"type": "postgresql", "database": "payments_logs"}} if PORTICO_DEMO else {},
)
# Hosts offered by the repository picker: name=remote pattern with {owner} and {repo}.
PORTICO_GIT_HOSTS = dict(
    pair.split("=", 1)
    for pair in env.words(
        "PORTICO_GIT_HOSTS",
        f"git.localhost=file://{PORTICO_HOME}/git/{{owner}}/{{repo}}.git" if PORTICO_EMBEDDED else "",
    )
)
# Parts of templates' forms that are marked `backstage:featureFlag` are asked only if their flag is named here.
PORTICO_FEATURE_FLAGS = frozenset(env.words("PORTICO_FEATURE_FLAGS"))
# Hosts of repositories and portals that are read with a token, and the secrets of their webhooks: a list of mappings
# with type, host, api, token and webhook_secret (docs/configuration.md). Only `catalog.hosts.integrations` reads it.
PORTICO_INTEGRATIONS = env.records("PORTICO_INTEGRATIONS")
# Hosts that steps of templates may send requests to (http:backstage:request): host[:port].
PORTICO_REQUEST_HOSTS = env.words("PORTICO_REQUEST_HOSTS")
# Private networks are closed to the URL reader unless named: host[:port].
PORTICO_READING_ALLOW = env.words("PORTICO_READING_ALLOW")
# Chats and systems that are told what happens: a list of mappings (docs/notifications.md), for `control.receivers`.
PORTICO_RECEIVERS = env.records("PORTICO_RECEIVERS")
# Private networks are closed to receivers too unless named: host[:port].
PORTICO_SENDING_ALLOW = env.words("PORTICO_SENDING_ALLOW")
# Folders that file locations and file:// remotes may lie in.
PORTICO_FILE_ROOTS = [
    Path(p).expanduser().resolve() for p in env.words("PORTICO_FILE_ROOTS", str(PORTICO_HOME / "git"))
]

# script/server puts the time and the process before each line itself.
_LINE = ("" if "PORTICO_SUPERVISOR" in os.environ else "%(asctime)s ") + "%(levelname)s %(name)s %(message)s"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": _LINE, "datefmt": "%H:%M:%S"}},
    "filters": {"routine": {"()": "portal.log.NotRoutine"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["routine"]}},
    # Told in full it would write addresses into the log, which for some receivers are the secret.
    "loggers": {"urllib3": {"level": "INFO"}},
    "root": {"handlers": ["console"], "level": env.text("PORTICO_LOG_LEVEL", "INFO")},
}
