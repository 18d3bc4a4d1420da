"""The schema generator: the envelope around every answer, the errors an operation can give, tags and examples."""

from collections.abc import Mapping
from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from rest_framework.permissions import BasePermission

from api import openapi_components as components
from api import openapi_webhooks
from api.openapi_examples import add_examples
from core.permissions import HasScope

PREFIX = "/api/v1/"


def only_versioned_paths(endpoints: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Leave the schema's own endpoints out of it."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith(PREFIX)]


def finish(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the envelope's components and the webhooks, then an example to every body that has none."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    for name in [name for name in schemas if name.startswith("Paginated")]:
        del schemas[name]
    schemas.update(components.SCHEMAS)
    schemas.update(openapi_webhooks.payload_schemas())
    result["components"]["headers"] = components.HEADERS
    result["components"]["parameters"] = openapi_webhooks.PARAMETERS
    result["components"]["responses"] = components.error_responses()
    result["webhooks"] = openapi_webhooks.webhooks()
    add_examples(result)
    result["components"]["schemas"] = dict(sorted(schemas.items()))
    return result


class EnvelopeAutoSchema(AutoSchema):
    """One operation."""

    def get_tags(self) -> list[str]:
        """The API package: auth, users, api-keys, analytics, or a module's."""
        return [self.path.removeprefix(PREFIX).split("/")[0]]

    def is_deprecated(self) -> bool:
        """Whether the view is on its way out."""
        return bool(super().is_deprecated() or getattr(self.view, "retirement", None))

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """The operation, its description ending with the scope that a key needs (also where a view gives its own description)."""
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is not None and (who := self._who()):
            operation["description"] = f"{operation.get('description', '')}\n\n{who}".strip()
        return operation

    def _who(self) -> str:
        if scope := self._scope():
            return f"API keys need the scope `{scope}`."
        return "For signed-in people only; API keys get 403." if self._permissions(HasScope) else ""

    def get_override_parameters(self) -> list[Any]:
        """Idempotency-Key on POSTs that honour it."""
        parameters = list(super().get_override_parameters())
        if self.method == "POST" and getattr(self.view, "idempotent", False):
            parameters.append(components.IDEMPOTENCY_PARAMETER)
        return parameters

    def _scope(self) -> str | None:
        declared: Mapping[str, str] = getattr(self.view, "scopes", {})
        return declared.get(getattr(self.view, "action", None) or "") or declared.get(self.method) or declared.get("*")

    def _permissions(self, kind: type[BasePermission]) -> bool:
        return any(isinstance(permission, kind) for permission in self.view.get_permissions())

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for code, body in bodies.items():
            content = body.get("content", {}).get("application/json")
            if code.startswith("2") and content is not None:
                content["schema"] = self._enveloped(content.get("schema", {}))
            body["headers"] = {**body.get("headers", {}), **components.response_headers()}
        for status in self._error_codes():
            bodies.setdefault(str(status), {"$ref": f"#/components/responses/Error{status}"})
        return dict(sorted(bodies.items()))

    def get_paginated_name(self, serializer_name: str) -> str:
        """By the paging too: one shape may be listed in both ways."""
        return f"Paginated{serializer_name}By{type(self.view.paginator).__name__}"  # type: ignore[attr-defined]  # of a list

    def _enveloped(self, schema: dict[str, Any]) -> dict[str, Any]:
        """DRF's paginated list is a component of its own; here it is the plain list, and the paging goes into `meta`."""
        name = schema.get("$ref", "").rpartition("/")[2]
        if name.startswith("Paginated"):
            schema = dict(self.registry[(name, ResolvedComponent.SCHEMA)].schema)
        pagination = schema.pop("x-pagination", None)
        return components.envelope(schema, pagination, getattr(self.view, "meta_schema", "Meta"))

    def _error_codes(self) -> list[int]:
        codes = {400, 401, 403, 404, 429, 500, 503}
        if self.method in ("POST", "PUT", "PATCH", "DELETE"):
            codes |= {409, 413, 415}
        elif (getattr(self.view, "action", None) or self.method) in getattr(self.view, "conflicts", ()):
            codes.add(409)
        if self.method == "POST" and getattr(self.view, "idempotent", False):
            codes.add(422)
        return sorted(codes)
