"""Validators shared by models, serializers and services."""

import ipaddress
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import orjson
import phonenumbers
from django.core.exceptions import ValidationError
from django.utils.deconstruct import deconstructible

_REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{1,64}")


def is_request_id(value: str) -> bool:
    """Whether a client's X-Request-ID is safe to echo and log: 1 to 64 of letters, digits, dot, dash, underscore."""
    return _REQUEST_ID.fullmatch(value) is not None


# Who writes to a number writes to it again; telling whether one can exist takes as long as two statements of the database.
@lru_cache(maxsize=8192)
def normalize_phone_number(value: str) -> str:
    """The E.164 form of an international phone number (`+14155552671`).

    Raises ValidationError with code `invalid_phone`, `phone_not_international` or `phone_not_possible`.
    """
    text = value.strip()
    if len(text) > 32 or not text.startswith("+"):
        raise ValidationError(f"Use the international form{_meant(text)}.", code="phone_not_international")
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException as error:
        raise ValidationError("This is not a phone number.", code="invalid_phone") from error
    if not phonenumbers.is_valid_number(number):
        raise ValidationError("No such phone number can exist.", code="phone_not_possible")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _meant(text: str) -> str:
    """What a number without its plus most likely is, where that is one."""
    digits = "".join(char for char in text[:32] if char in "0123456789").lstrip("0")
    try:
        number = phonenumbers.parse(f"+{digits}", None)
    except phonenumbers.NumberParseException:
        return ", for example +14155552671"
    if not phonenumbers.is_valid_number(number):
        return ", for example +14155552671"
    return f"; this may be {phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)}"


def validate_e164(value: str) -> None:
    """Refuse anything but a valid number already in E.164."""
    if normalize_phone_number(value) != value:
        raise ValidationError("Use the E.164 form, for example +14155552671.", code="phone_not_e164")


def _network(value: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """IPv4 written as IPv6 becomes IPv4, as callers' addresses do; a zone means nothing beyond one host and is refused."""
    if "%" in value:
        raise ValueError("zone")
    network = ipaddress.ip_network(value, strict=False)
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped and network.prefixlen >= 96:
        return ipaddress.IPv4Network((network.network_address.ipv4_mapped, network.prefixlen - 96))
    return network


def parse_networks(values: list[str]) -> list[str]:
    """The canonical form of CIDR networks; a bare address becomes a network of one.

    Raises ValidationError with code `invalid_network`.
    """
    networks: list[str] = []
    for value in values:
        try:
            network = str(_network(value))
        except ValueError as error:
            raise ValidationError(f"{value!r} is not an address or CIDR network.", code="invalid_network") from error
        if network not in networks:
            networks.append(network)
    return networks


MAX_JSON_NUMBER = (1 << 63) - 1


def _numbers(value: Any) -> Iterator[int | float]:
    """Every number in a JSON value."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, int | float):
            yield item


@deconstructible
class JSONObjectValidator:
    """A flat-ish JSON object within bounds, storable as jsonb (which refuses NUL)."""

    def __init__(self, max_bytes: int = 4096, max_keys: int = 50) -> None:
        self.max_bytes = max_bytes
        self.max_keys = max_keys

    def __call__(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise ValidationError("Expected an object.", code="not_an_object")
        if len(value) > self.max_keys:
            raise ValidationError(f"At most {self.max_keys} keys.", code="too_many_keys")
        try:
            encoded = orjson.dumps(value)
        except TypeError as error:
            raise ValidationError("This cannot be stored as JSON.", code="invalid") from error
        if len(encoded) > self.max_bytes:
            raise ValidationError(f"At most {self.max_bytes} bytes of JSON.", code="too_long")
        # Without escaped backslashes, so that the six characters of an escape in a text are not taken for one.
        if b"\\u0000" in encoded.replace(b"\\\\", b""):
            raise ValidationError("Null characters are not allowed.", code="null_characters_not_allowed")
        # jsonb gives 1e30 back as a whole number, which then could not be answered.
        if any(abs(number) > MAX_JSON_NUMBER for number in _numbers(value)):
            raise ValidationError("A number is out of range.", code="out_of_range")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JSONObjectValidator) and (self.max_bytes, self.max_keys) == (other.max_bytes, other.max_keys)

    def __hash__(self) -> int:
        return hash((self.max_bytes, self.max_keys))


class MaximumLengthPasswordValidator:
    """Passwords end at a length, so that hashing one stays cheap."""

    def __init__(self, max_length: int = 128) -> None:
        self.max_length = max_length

    def validate(self, password: str, user: object | None = None) -> None:
        """Raise ValidationError when the password is longer than allowed."""
        if len(password) > self.max_length:
            raise ValidationError(f"At most {self.max_length} characters.", code="password_too_long")

    def get_help_text(self) -> str:
        """A sentence for forms."""
        return f"Your password may have at most {self.max_length} characters."
