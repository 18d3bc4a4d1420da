"""Bodies of form uploads, for services that take files no other way."""

from collections.abc import Mapping

import httpx


def encode(fields: Mapping[str, str], *, name: str, filename: str, content: bytes, mime_type: str) -> tuple[bytes, str]:
    """A multipart/form-data body of some fields and one file, and its Content-Type with the boundary."""
    request = httpx.Request("POST", "http://form/", data=dict(fields), files={name: (filename, content, mime_type)})
    return request.read(), request.headers["content-type"]
