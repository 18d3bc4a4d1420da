"""What the Cloud API takes. Each check raises Wrong with all that is not as the contract says."""

import re
from collections.abc import Mapping
from typing import Any

from modules.whatsapp.tests.fake_server import Call, Wrong
from modules.whatsapp.tests.fake_waha_contract import Check, matching, wrong_fields

# httpx puts the first five there by itself.
HEADERS = frozenset(
    ["host", "user-agent", "accept-encoding", "connection", "content-length", "accept", "authorization", "content-type"]
)
NUMBER_FIELDS = frozenset(["display_phone_number", "verified_name", "id", "quality_rating"])
MIME_TYPES = {
    "image": frozenset(["image/jpeg", "image/png"]),
    "video": frozenset(["video/mp4", "video/3gpp"]),
    "audio": frozenset(["audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"]),
    "document": frozenset(["application/pdf", "text/plain", "application/msword", "image/jpeg", "image/png"]),
}
_PART = re.compile(rb'form-data; name="([^"]+)"(?:; filename="([^"]*)")?')
_WAMID = matching(r"wamid\..+")
Part = tuple[str, str, bytes]


def check_headers(call: Call, *, content_type: str = "") -> None:
    """`content_type` is how it must begin; empty: there may be none."""
    given = call.headers.get("content-type", "")
    found = [f"header {name} is unknown" for name in call.headers if name not in HEADERS]
    found += ["Authorization is not Bearer"] * (not call.headers.get("authorization", "").startswith("Bearer "))
    found += ["Accept is not application/json"] * (call.headers.get("accept") != "application/json")
    found += ["a compressed answer is asked for"] * (call.headers.get("accept-encoding") != "identity")
    found += [f"Content-Type is {given!r}"] * (not given.startswith(content_type) or (bool(given) and not content_type))
    if found:
        raise Wrong(found)


def check_message(body: Any, media: Mapping[str, str]) -> None:
    """A message; `media` tells the type of each file that was uploaded for the number."""
    kind = body.get("type") if isinstance(body, dict) else None
    if kind not in ("text", "template", *MIME_TYPES):
        raise Wrong([f"type {kind!r} is unknown"])
    needed: dict[str, Check] = {
        "messaging_product": matching("whatsapp"),
        "recipient_type": matching("individual"),
        "to": matching(r"[1-9][0-9]{6,14}"),
        "type": lambda value: True,
        kind: lambda value: isinstance(value, dict),
    }
    context: Check = lambda value: isinstance(value, dict) and set(value) == {"message_id"} and _WAMID(value["message_id"])  # noqa: E731
    check_fields(body, needed, {"biz_opaque_callback_data": _text(512), "context": context})
    if kind == "text":
        check_fields(body[kind], {"body": _text(4096)}, {"preview_url": lambda value: isinstance(value, bool)}, at=kind)
    elif kind == "template":
        check_fields(body[kind], _TEMPLATE, {"components": _components}, at=kind)
    else:
        optional = {"audio": {}, "document": {"caption": _text(1024), "filename": _text(240)}}
        uploaded: Check = lambda value: isinstance(value, str) and media.get(value) in MIME_TYPES[kind]  # noqa: E731
        check_fields(body[kind], {"id": uploaded}, optional.get(kind, {"caption": _text(1024)}), at=kind)


def check_upload(call: Call) -> Part:
    """An upload: its file's name, type and content."""
    parts = parts_of(call.headers["content-type"], call.body)
    plain = {name: part[2].decode() if name != "file" else "" for name, part in parts.items()}
    if "file" not in parts:
        raise Wrong(["the form has no file"])
    filename, mime_type, content = parts["file"]
    of_file: Check = lambda value: value == mime_type and any(value in some for some in MIME_TYPES.values())  # noqa: E731
    there: Check = lambda value: bool(filename and content)  # noqa: E731
    check_fields(plain, {"messaging_product": matching("whatsapp"), "type": of_file, "file": there}, at="form")
    return parts["file"]


def check_number(call: Call) -> list[str]:
    """Which fields of a number are asked for."""
    known: Check = lambda value: set(value.split(",")) <= NUMBER_FIELDS  # noqa: E731
    check_fields(call.query, {}, {"fields": known}, at="query")
    return call.query.get("fields", "display_phone_number,verified_name").split(",")


def check_fields(
    value: Any, required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, *, at: str = "body"
) -> None:
    """Exactly these."""
    if found := wrong_fields(value, required, optional, at=at):
        raise Wrong(found)


def parts_of(content_type: str, body: bytes) -> dict[str, Part]:
    """The parts of a form by name: (file name, type, content)."""
    main, _, boundary = content_type.partition("; boundary=")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode())
    if main != "multipart/form-data" or not boundary or pieces[0] or pieces[-1] not in (b"--", b"--\r\n"):
        raise Wrong(["the form is not whole"])
    found: dict[str, Part] = {}
    for piece in pieces[1:-1]:
        head, _, content = piece.partition(b"\r\n\r\n")
        lines = [line.partition(b": ") for line in head.split(b"\r\n") if line]
        headers = {name.lower(): value for name, _, value in lines}
        match = _PART.fullmatch(headers.get(b"content-disposition", b""))
        if match is None or match[1].decode() in found:
            raise Wrong(["a part without a name of its own"])
        found[match[1].decode()] = ((match[2] or b"").decode(), headers.get(b"content-type", b"").decode(), content)
    return found


def _text(most: int) -> Check:
    return lambda value: isinstance(value, str) and 0 < len(value) <= most


def _language(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"code"} and matching(r"[a-z]{2,3}(_[A-Z]{2,3})?")(value["code"])


def _components(value: Any) -> bool:
    """One body with at least one text."""
    if not isinstance(value, list) or len(value) != 1 or set(value[0]) != {"type", "parameters"} or value[0]["type"] != "body":
        return False
    parameters = value[0]["parameters"]
    return bool(parameters) and all(
        set(one) == {"type", "text"} and one["type"] == "text" and _text(1024)(one["text"]) for one in parameters
    )


_TEMPLATE: dict[str, Check] = {"name": matching(r"[a-z0-9_]{1,512}"), "language": _language}
