"""Identifiers: UUIDv7 (RFC 9562), ordered by time, made in the process."""

import uuid

import uuid_utils


def uuid7() -> uuid.UUID:
    """A new UUIDv7."""
    return uuid.UUID(int=uuid_utils.uuid7().int)


def uuid7_text() -> str:
    """A new UUIDv7 as text, for where only its text is wanted: twice as fast."""
    return str(uuid_utils.uuid7())
