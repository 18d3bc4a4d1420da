"""The two login schemes in the schema, as Swagger's Authorize dialog shows them."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class GateScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Bearer tokens and API keys."""

    target_class = "api.authentication.GateAuthentication"
    name = ["BearerAuth", "ApiKeyAuth"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """Both schemes."""
        return [
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "The access token from /api/v1/auth/login/.",
            },
            {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "The word ApiKey, a space, and the key: `ApiKey atl_live_…`.",
            },
        ]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """Either of them."""
        return [{"BearerAuth": []}, {"ApiKeyAuth": []}]
