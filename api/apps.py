"""The api app: management commands that need every domain, and the OpenAPI extensions."""

from core.apps import DomainAppConfig


class APIConfig(DomainAppConfig):
    default = True
    name = "api"
    verbose_name = "API"

    def ready(self) -> None:
        """Make the login schemes known to the schema generator."""
        from api import openapi_auth  # noqa: F401 - registers itself
