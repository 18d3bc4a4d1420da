"""Encryption of values at rest (Fernet; FIELD_ENCRYPTION_KEYS, newest first) and keyed digests."""

import hashlib
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


@cache
def _box() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_ENCRYPTION_KEYS])


def encrypt(value: bytes) -> bytes:
    """Encrypt with the newest key."""
    return _box().encrypt(value)


def decrypt(value: bytes) -> bytes | None:
    """Decrypt with whichever key fits; None when none does (a key was retired)."""
    try:
        return _box().decrypt(value)
    except InvalidToken:
        return None


def reencrypt(value: bytes) -> bytes | None:
    """The same under the newest key, unchanged where it is already; None when no key fits."""
    try:
        Fernet(settings.FIELD_ENCRYPTION_KEYS[0]).decrypt(value)
    except InvalidToken:
        plain = decrypt(value)
        return None if plain is None else encrypt(plain)
    return value


def sha256(value: str | bytes) -> bytes:
    """The SHA-256 digest, 32 bytes."""
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).digest()
