"""The one JSON parser: bounded in size and depth, UTF-8 only, refusing lone surrogates and NaN."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser, MultiPartParser

# Deeper values would exhaust Python's stack wherever one is shown in a message.
MAX_DEPTH = 32


class BodyTooLarge(APIException):
    """The body is larger than the operation takes."""

    status_code = 413
    default_detail = "The request body is too large."
    default_code = "body_too_large"


class UploadParser(MultiPartParser):
    """`multipart/form-data`, refused by its length before anything of it is read."""

    max_bytes = 6 * 1_048_576

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The form and its files. Raises BodyTooLarge (413) or ParseError (400)."""
        request = parser_context["request"] if parser_context else None
        length = request.META.get("CONTENT_LENGTH") or "0" if request is not None else "0"
        if length.isdecimal() and int(length) > self.max_bytes:
            raise BodyTooLarge
        return super().parse(stream, media_type, parser_context)


class JSONParser(BaseParser):
    """`application/json` up to MAX_JSON_BODY_BYTES."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The parsed body. Raises ParseError (400) or BodyTooLarge (413)."""
        limit = settings.MAX_JSON_BODY_BYTES
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not valid JSON: {error.msg} at character {error.pos}.", "malformed_json") from error
        # Brackets are counted first: almost no body has enough of them to need the walk.
        if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
            raise ParseError(f"The body is nested deeper than {MAX_DEPTH} levels.", "malformed_json")
        return value


def _is_deeper(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        containers = [item for item in level if isinstance(item, dict | list)]
        if not containers:
            return False
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
    return True
