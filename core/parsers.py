"""The one JSON parser: bounded, UTF-8 only, refusing lone surrogates, NaN and deep nesting (orjson's limit)."""

from collections.abc import Mapping
from typing import Any, BinaryIO

import orjson
from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser


class BodyTooLarge(APIException):
    """The body is larger than the operation takes."""

    status_code = 413
    default_detail = "The request body is too large."
    default_code = "body_too_large"


class JSONParser(BaseParser):
    """`application/json` up to MAX_JSON_BODY_BYTES."""

    media_type = "application/json"

    def parse(self, stream: BinaryIO, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The parsed body. Raises ParseError (400) or BodyTooLarge (413)."""
        limit = settings.MAX_JSON_BODY_BYTES
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not valid JSON: {error.msg} at character {error.pos}.", "malformed_json") from error
