"""The one renderer: orjson, and the envelope around whatever a view returned."""

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer

from core.responses import PROBLEM_TYPE, dumps, error_envelope, problem_document, success_envelope


class EnvelopeRenderer(BaseRenderer):
    """Wraps data in the envelope; errors become problem details when the exception handler chose that type."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """JSON bytes; nothing for an answer without a body."""
        response = renderer_context["response"] if renderer_context else None
        if response is not None and response.status_code == 204:
            return b""
        if response is not None and getattr(response, "exception", False):
            if response.content_type == PROBLEM_TYPE and renderer_context:
                return dumps(problem_document(response.status_code, data, renderer_context["request"].path))
            return dumps(error_envelope(data))
        return dumps(success_envelope(data, getattr(response, "pagination", None), getattr(response, "more_meta", None)))
