"""drf-spectacular: OpenAPI 3.1 with the envelope, both login schemes and local Swagger and ReDoc files."""

SPECTACULAR_SETTINGS = {
    "TITLE": "Atelier API",
    "VERSION": "1.0.0",
    "DESCRIPTION": (
        "The backend a small studio would otherwise rebuild for every product.\n\n"
        "Every answer is an envelope: `success`, `data` or `error`, and `meta` with the `request_id`. "
        "Errors carry a stable `code`; send `Accept: application/problem+json` to get them as RFC 9457.\n\n"
        "Sign in with `Authorization: Bearer <access token>` or call with `Authorization: ApiKey <key>`. "
        "Each answer tells your limits in `RateLimit-Policy` and `RateLimit`."
    ),
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "APIKeyStatusEnum": ["active", "inactive", "expired", "revoked"],
        "ChatAdmissionStatusEnum": "modules.chat.choices.AdmissionStatus",
        "ChatFileKindEnum": "modules.chat.choices.FileKind",
        "ChatHistoryEnum": "modules.chat.choices.History",
        "ChatInvitedRoleEnum": [
            ("admin", "Administrator"),
            ("moderator", "Moderator"),
            ("member", "Member"),
            ("read_only", "Read only"),
        ],
        "ChatJoinRuleEnum": "modules.chat.choices.JoinRule",
        "ChatLevelEnum": "modules.chat.choices.Level",
        "ChatLinkRoleEnum": [("member", "Member"), ("guest", "Guest"), ("read_only", "Read only")],
        "ChatMadeRoomKindEnum": [
            ("public", "Public"),
            ("private", "Private"),
            ("group", "Group"),
            ("broadcast", "Broadcast"),
        ],
        "ChatReportReasonEnum": "modules.chat.choices.ReportReason",
        "ChatReportStatusEnum": "modules.chat.choices.ReportStatus",
        "ChatRoleEnum": "modules.chat.choices.Role",
        "ChatRoomKindEnum": "modules.chat.choices.RoomKind",
        "WebhookAttemptErrorEnum": "webhooks.choices.AttemptError",
        "WebhookDeliveryStatusEnum": "webhooks.choices.DeliveryStatus",
        "WhatsAppMessageTypeEnum": "modules.whatsapp.choices.MessageType",
        "WhatsAppFileKindEnum": "core.files.FileKind",
        "WhatsAppMessageStatusEnum": "modules.whatsapp.choices.MessageStatus",
        "WhatsAppBulkStatusEnum": "modules.whatsapp.choices.BulkStatus",
        "WhatsAppSessionStatusEnum": "modules.whatsapp.choices.SessionStatus",
        "WhatsAppFileStatusEnum": "modules.whatsapp.choices.MediaStatus",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "displayRequestDuration": True, "filter": True},
    "PREPROCESSING_HOOKS": ["api.openapi.only_versioned_paths"],
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "api.openapi.finish"],
}
