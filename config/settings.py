"""All settings, in headed blocks. Every value that an operator may set is read from the environment here.

`.env.example` lists every variable with its default; a test keeps the two together.
"""

from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from config import databases, env, logs, periodic, redaction, reporting, rest_api

BASE_DIR = Path(__file__).resolve().parent.parent

# --- How it runs: trial (SQLite, nothing else) or production (PostgreSQL and Redis) -----------------------------------

DATABASE_URL = env.read_text("DATABASE_URL")
REDIS_URL = env.read_text("REDIS_URL")
if bool(DATABASE_URL) != bool(REDIS_URL):
    raise ImproperlyConfigured(
        "DATABASE_URL and REDIS_URL go together: set both (PostgreSQL and Redis) or neither (trial mode on SQLite)."
    )
IS_TRIAL = not DATABASE_URL
databases.check_redis(REDIS_URL)
DEBUG = env.read_flag("DEBUG", default=False)
DATA_DIR = Path(env.read_text("DATA_DIR", str(BASE_DIR / "var" / "trial"))).absolute()
METRICS_DIR = Path(env.read_text("METRICS_DIR", str(DATA_DIR / "metrics"))).absolute()
METRICS_TOKEN = env.read_text("METRICS_TOKEN")
SENTRY_DSN = env.read_text("SENTRY_DSN")
OTEL_EXPORTER_OTLP_ENDPOINT = env.read_text("OTEL_EXPORTER_OTLP_ENDPOINT")
LOG_FORMAT = env.read_choice("LOG_FORMAT", ("text", "json"), "text")
LOG_LEVEL = env.read_choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")

# --- Addresses --------------------------------------------------------------------------------------------------------

if not IS_TRIAL and not env.read_text("PUBLIC_URL"):
    raise ImproperlyConfigured(
        "PUBLIC_URL is missing: set it to the address that browsers use, like https://example.com."
    )
PUBLIC_URL = env.read_http_url("PUBLIC_URL", "http://127.0.0.1:8000")
TRUSTED_PROXIES = env.read_list("TRUSTED_PROXIES")
_public = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS = [_public.hostname or "", *(["127.0.0.1", "localhost", "[::1]"] if IS_TRIAL else [])]
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]
if DEBUG and not env.is_this_machine(_public.hostname or ""):
    raise ImproperlyConfigured(
        "DEBUG shows code, settings and data to whoever meets an error. It is for PUBLIC_URL on this machine only, "
        "like http://127.0.0.1:8000: set DEBUG=false."
    )

# --- Secrets and cookies ----------------------------------------------------------------------------------------------


def _trial_secret_key() -> str:
    """A key of this installation's own, made at the first start."""
    file = DATA_DIR / "secret_key"
    if not file.exists():
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(get_random_secret_key())
    return file.read_text().strip()


SECRET_KEY = env.read_text("SECRET_KEY") or (_trial_secret_key() if IS_TRIAL else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY is missing: set it to a long random text and keep it.")
_IS_HTTPS = _public.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _IS_HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
if _IS_HTTPS:
    # Browsers take cookies of such names from this very host only, over https: no neighbour under the same domain can
    # plant one.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SECURE_SSL_REDIRECT = _IS_HTTPS
SECURE_HSTS_SECONDS = env.read_whole_number("HSTS_SECONDS", 31_536_000 if _IS_HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _IS_HTTPS
X_FRAME_OPTIONS = "DENY"
_GOOGLE = env.sign_in_application("GOOGLE", env.read_text("GOOGLE_CLIENT_ID"), env.read_text("GOOGLE_CLIENT_SECRET"))
_GITHUB = env.sign_in_application("GITHUB", env.read_text("GITHUB_CLIENT_ID"), env.read_text("GITHUB_CLIENT_SECRET"))
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        # Browsers hold the redirect to a sign-in provider, which follows a form of ours, against this list.
        "form-action": [
            "'self'",
            *(["https://accounts.google.com"] if _GOOGLE else []),
            *(["https://github.com"] if _GITHUB else []),
        ],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

# --- Django -----------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "accounts",
    "proxy",
    "prompts",
    "analytics",
    "orgs",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.github",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
]
MIDDLEWARE = [
    "config.middleware.PageHeaders",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "analytics.replica.ReadReplica",
]
if OTEL_EXPORTER_OTLP_ENDPOINT:
    MIDDLEWARE.insert(1, "config.tracing.TracedPages")
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
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
                "orgs.web.shell",
            ],
        },
    },
]
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "static-root"
STATICFILES_DIRS = [BASE_DIR / "static"]
SERVESTATIC_USE_FINDERS = True
LANGUAGE_CODE, FORMAT_MODULE_PATH = "en-us", "config.formats"
TIME_ZONE = "UTC"
USE_TZ = True

# --- Accounts ---------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "app"
LOGOUT_REDIRECT_URL = "/"
SIGNUP_OPEN = env.read_flag("SIGNUP_OPEN", default=True)
INVITATIONS_PER_DAY = env.read_whole_number("INVITATIONS_PER_DAY", 50)  # of an organization, and of a person
ADMIN_REQUIRES_2FA = env.read_flag("ADMIN_REQUIRES_2FA", default=False)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"accounts.passwords.{rule}"} for rule in ("NotLikeThePerson", "LongEnough", "NotCommon", "NotOnlyDigits")
]
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "signup": "accounts.forms.SignUpForm",
    "add_email": "accounts.forms.ChangeEmailForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.forms.NewPasswordForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "set_password": "accounts.forms.SetPasswordForm",
    "reauthenticate": "accounts.forms.PasswordAgainForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "optional"  # asked for by a banner, needed only to invite and to accept an invitation
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _public.scheme
SOCIALACCOUNT_ADAPTER = "accounts.adapters.SocialAccountAdapter"
SOCIALACCOUNT_PROVIDERS = {
    "google": {"APPS": _GOOGLE, "OAUTH_PKCE_ENABLED": True, "AUTH_PARAMS": {"prompt": "select_account"}},
    "github": {"APPS": _GITHUB, "OAUTH_PKCE_ENABLED": True, "SCOPE": ["read:user", "user:email"]},
}
SOCIALACCOUNT_FORMS = {"signup": "accounts.forms.SocialSignUpForm", "disconnect": "accounts.forms.DisconnectForm"}
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True  # see the adapter
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_ADAPTER = "accounts.adapters.TwoFactorAdapter"
MFA_FORMS = {
    "authenticate": "accounts.forms.CodeForm",
    "reauthenticate": "accounts.forms.CodeAgainForm",
    "activate_totp": "accounts.forms.ActivateCodeForm",
}
MFA_ALLOW_UNVERIFIED_EMAIL = True  # `accounts.views.profile.activate_totp` asks for the address in use only
MFA_TOTP_ISSUER = "AI Prompt Cost"
MFA_TOTP_TOLERANCE = 1

# --- Mail -------------------------------------------------------------------------------------------------------------

DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.read_text(
    "DEFAULT_FROM_EMAIL", f"AI Prompt Cost <noreply@{_public.hostname or 'localhost'}>"
)
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
if _mail := env.read_mail_server("EMAIL_URL"):
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
    EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.uses_starttls, _mail.uses_tls
    EMAIL_TIMEOUT = 10

# --- Pages ------------------------------------------------------------------------------------------------------------

TERMS_URL = env.read_text("TERMS_URL")
PRIVACY_URL = env.read_text("PRIVACY_URL")
SUPPORT_EMAIL = env.read_text("SUPPORT_EMAIL")
DOCS_DIR = BASE_DIR / "docs"

# --- Database ---------------------------------------------------------------------------------------------------------

DATABASE_POOL_SIZE = env.read_whole_number("DATABASE_POOL_SIZE", 10, least=2)
REPORTS_DATABASE_URL = env.read_text("REPORTS_DATABASE_URL")
REPORTS_MAX_LAG = env.read_seconds("REPORTS_MAX_LAG", 60)
DATABASE_POOLER = env.read_flag("DATABASE_POOLER", default=False)
DATABASES = databases.configure(
    DATA_DIR / "db.sqlite3", DATABASE_URL, REPORTS_DATABASE_URL, DATABASE_POOL_SIZE, has_pooler=DATABASE_POOLER
)
COLUMN_STORE_URL = env.read_text("COLUMN_STORE_URL")
COLUMN_STORE_ANSWERS = env.read_choice("COLUMN_STORE_ANSWERS", ("sums", "all"), "sums")
databases.check_column_store(COLUMN_STORE_URL, is_trial=IS_TRIAL)
DATABASE_ROUTERS = ["analytics.replica.Router"]

# --- The proxied call -------------------------------------------------------------------------------------------------

OPENAI_UPSTREAM_URL = env.read_http_url("OPENAI_UPSTREAM_URL", "https://api.openai.com/v1")
ANTHROPIC_UPSTREAM_URL = env.read_http_url("ANTHROPIC_UPSTREAM_URL", "https://api.anthropic.com/v1")
UPSTREAM_CLIENT = env.read_choice("UPSTREAM_CLIENT", ("lean", "aiohttp"), "lean")
UPSTREAM_CA_FILE = env.read_text("UPSTREAM_CA_FILE")
UNUSED_WEB_PROXIES = env.find_set("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
UPSTREAM_CONNECT_TIMEOUT = env.read_seconds("UPSTREAM_CONNECT_TIMEOUT", 10)
UPSTREAM_SILENCE_TIMEOUT = env.read_seconds("UPSTREAM_SILENCE_TIMEOUT", 600)
CLIENT_STALL_TIMEOUT = env.read_seconds("CLIENT_STALL_TIMEOUT", 120)
CLIENT_HEAD_TIMEOUT = env.read_seconds("CLIENT_HEAD_TIMEOUT", 30)
CLIENT_BODY_TIMEOUT = env.read_seconds("CLIENT_BODY_TIMEOUT", 120)
MAX_BODY_BYTES = env.read_whole_number("MAX_BODY_BYTES", 64 * 1024 * 1024, least=1024)
BODY_MEMORY_BYTES = env.read_whole_number("BODY_MEMORY_BYTES", 512 * 1024 * 1024, least=1024)
SHUTDOWN_GRACE = env.read_seconds("SHUTDOWN_GRACE", 120)
SHUTDOWN_NOTICE = env.read_whole_number("SHUTDOWN_NOTICE", 0)  # seconds for a load balancer
KEY_GRACE = env.read_seconds("KEY_GRACE", 900)
MAX_CALLS = env.read_whole_number("MAX_CALLS", 5000, least=1)
MAX_CALLS_PER_KEY = env.read_whole_number("MAX_CALLS_PER_KEY", 2000, least=1)

# --- From the journal to the ledger -----------------------------------------------------------------------------------

JOURNAL_DIR = Path(env.read_text("JOURNAL_DIR", str(DATA_DIR / "journal"))).absolute()
JOURNAL_SYNC = env.read_choice("JOURNAL_SYNC", ("interval", "always"), "interval")
JOURNAL_RETENTION_HOURS = env.read_whole_number("JOURNAL_RETENTION_HOURS", 26)
JOURNAL_MAX_BYTES = env.read_whole_number("JOURNAL_MAX_BYTES", 4 * 1024**3, least=64 * 1024)
QUEUE_LENGTH_CAP = env.read_whole_number("QUEUE_LENGTH_CAP", 1000, least=1)
NEW_VALUES_PER_DAY = env.read_whole_number("NEW_VALUES_PER_DAY", 1000, least=1)
LATE_USAGE_DAYS = env.read_whole_number("LATE_USAGE_DAYS", 60, least=1)
RECORD_RETENTION_DAYS = env.read_days_kept("RECORD_RETENTION_DAYS", 0, least=max(62, LATE_USAGE_DAYS + 2))
RECORD_RETENTION_BY = env.read_choice("RECORD_RETENTION_BY", ("month", "day"), "month")
RECEIPT_RETENTION_DAYS = env.read_days_kept("RECEIPT_RETENTION_DAYS", 0, least=max(90, JOURNAL_RETENTION_HOURS // 12))

# --- Celery: at least once (a task that dies with its worker comes back; posting is idempotent) -----------------------

CELERY_BROKER_URL = REDIS_URL or "memory://"
CELERY_TASK_ALWAYS_EAGER = IS_TRIAL
CELERY_TASK_EAGER_PROPAGATES = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "aipc"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = env.read_whole_number("WORKER_CONCURRENCY", 2, least=1)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {} if IS_TRIAL else databases.REDIS_AS_BROKER
CELERY_TASK_TIME_LIMIT = 240
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = periodic.SCHEDULE | (periodic.OF_COLUMN_STORE if COLUMN_STORE_URL else {})

# --- Cache ------------------------------------------------------------------------------------------------------------

CACHES = {
    "default": (
        {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
        if IS_TRIAL
        else {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 2},
        }
    )
}

# --- REST API ---------------------------------------------------------------------------------------------------------

API_REQUESTS_PER_MINUTE = env.read_whole_number("API_REQUESTS_PER_MINUTE", 1200)  # of a key; 0: as many as it likes
REST_FRAMEWORK = rest_api.FRAMEWORK
SPECTACULAR_SETTINGS = rest_api.SCHEMA

# --- Logs: never a body, a header or a key ----------------------------------------------------------------------------

LOGGING = logs.configure(
    LOG_LEVEL,
    secrets=[
        SECRET_KEY,
        METRICS_TOKEN,
        SENTRY_DSN,
        *redaction.passwords_of(
            DATABASE_URL, REPORTS_DATABASE_URL, COLUMN_STORE_URL, REDIS_URL, env.read_text("EMAIL_URL")
        ),
        *(application["secret"] for application in (*_GOOGLE, *_GITHUB)),
    ],
    form=LOG_FORMAT,
)
if SENTRY_DSN:
    reporting.require("sentry_sdk", "SENTRY_DSN")
if OTEL_EXPORTER_OTLP_ENDPOINT:
    reporting.require("opentelemetry.sdk", "OTEL_EXPORTER_OTLP_ENDPOINT")
if COLUMN_STORE_URL:
    reporting.require("clickhouse_connect", "COLUMN_STORE_URL")
DEFAULT_EXCEPTION_REPORTER = "config.logs.DiscreetReporter"
