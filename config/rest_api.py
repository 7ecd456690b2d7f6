"""How the REST API behaves, and what its schema says of itself. For `config.settings`."""

from typing import Any

FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "orgs.api_auth.PlatformKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["analytics.api.throttling.PerMinute"],
    "DEFAULT_RENDERER_CLASSES": ["analytics.renderers.ExactJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "analytics.renderers.OnlyJSON",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "analytics.api_errors.answer_error",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
# What /api/schema/ says of itself; what it says of the endpoints is in analytics/api/schema.
SCHEMA = {
    "TITLE": "AI Prompt Cost",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SORT_OPERATION_PARAMETERS": False,
}
