"""DRF: one parser, one renderer pair, one exception handler; authentication and limits are the request gate's."""

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.authentication.GateAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["core.permissions.IsActiveUser"],
    "DEFAULT_RENDERER_CLASSES": ["core.renderers.EnvelopeRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "core.negotiation.AlwaysJSON",
    "DEFAULT_PAGINATION_CLASS": "core.pagination.PageNumberPagination",
    "DEFAULT_FILTER_BACKENDS": [
        "core.filters.StrictFilterBackend",
        "core.filters.BoundedSearchFilter",
        "core.filters.StrictOrderingFilter",
    ],
    "DEFAULT_SCHEMA_CLASS": "api.openapi.EnvelopeAutoSchema",
    "EXCEPTION_HANDLER": "core.exception_handler.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "DATETIME_FORMAT": "iso-8601",
    "COERCE_DECIMAL_TO_STRING": True,
    # DRF's own throttles admitted 356 of 100 at 32 connections: limits are core.limits, through the gate.
    "DEFAULT_THROTTLE_CLASSES": [],
}
