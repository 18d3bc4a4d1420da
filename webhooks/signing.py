"""Secrets and signatures as Standard Webhooks 1.0 has them.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from uuid import UUID

PREFIX = "whsec_"
MIN_BYTES, MAX_BYTES, NEW_BYTES = 24, 64, 32


def new_secret() -> bytes:
    """A secret of 256 random bits."""
    return secrets.token_bytes(NEW_BYTES)


def secret_text(secret: bytes) -> str:
    """A secret as its owner sees it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secret).decode()


def parse_secret(text: str) -> bytes:
    """The bytes of a secret. Raises ValueError unless it is `whsec_` and the base64 of 24 to 64 bytes."""
    if not text.startswith(PREFIX):
        raise ValueError("prefix")
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("base64") from error
    if not MIN_BYTES <= len(secret) <= MAX_BYTES:
        raise ValueError("length")
    return secret


def message_id(event_id: UUID) -> str:
    """`webhook-id`: the same for an event over all attempts and replays, so that receivers can drop what they have."""
    return f"msg_{event_id.hex}"


def headers(*, event_id: UUID, timestamp: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The three headers over `body`, signed with every key; `timestamp` in seconds since the epoch."""
    message = message_id(event_id)
    signed = f"{message}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
