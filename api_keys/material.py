"""The form of a key: `atl_<live|test>_<43 base62><6 base62 of CRC32>`.

43 base62 characters carry 256 bits. The checksum lets scanners recognise a leaked key and lets us refuse garbage without asking
the database.
"""

import secrets
import zlib
from dataclasses import dataclass

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ALLOWED = frozenset(ALPHABET)
BODY, CHECKSUM = 43, 6
PREFIXES = {"live": "atl_live_", "test": "atl_test_"}
LENGTH = len(PREFIXES["live"]) + BODY + CHECKSUM


@dataclass(frozen=True, slots=True)
class Material:
    """A key just made: the raw text, shown once, and what may be kept for display."""

    raw: str
    prefix: str
    last_four: str


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, rest = divmod(number, 62)
        digits.append(ALPHABET[rest])
    return "".join(reversed(digits))


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode("ascii")), CHECKSUM)


def generate(environment: str) -> Material:
    """A new key of 256 random bits."""
    start = PREFIXES[environment]
    body = _base62(secrets.randbelow(1 << 256), BODY)
    raw = start + body
    raw += _checksum(raw)
    return Material(raw, raw[: len(start) + 4], raw[-4:])


def is_well_formed(raw: str) -> bool:
    """Whether a text has the form and checksum of a key."""
    if len(raw) != LENGTH or not raw.startswith(tuple(PREFIXES.values())):
        return False
    body, checksum = raw[:-CHECKSUM], raw[-CHECKSUM:]
    return _ALLOWED.issuperset(raw[len(PREFIXES["live"]) :]) and _checksum(body) == checksum
