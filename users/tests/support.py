"""What the tests of accounts share: the request's address, letters and their tokens, pictures, counted hashing."""

import io
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.test import Client
from PIL import Image

from core import context
from core.exceptions import LimitExceeded
from core.models import AuditEntry
from users.exceptions import InvalidCredentials
from users.models import User
from users.services import sessions

HERE = "198.51.100.7"
ELSEWHERE = "203.0.113.9"


def request_from(address: str | None = HERE, user_agent: str = "", via: str = "") -> None:
    """What follows in this thread happens as if in a request from `address`."""
    context.enter(context.RequestContext(request_id="test-request", ip_address=address, user_agent=user_agent, via=via))


def no_request() -> None:
    """What follows happens outside any request."""
    context.enter(context.RequestContext())


def signed_in(user: User) -> Client:
    """A browser with a session."""
    browser = Client()
    browser.force_login(user, backend="users.backends.UsernameOrEmailBackend")
    return browser


def fail(username="owner", password="wrong password", address=HERE):
    """One failed sign-in; the exception it raised."""
    request_from(address)
    with pytest.raises((InvalidCredentials, LimitExceeded)) as caught:
        sessions.sign_in(username=username, password=password)
    return caught.value


@contextmanager
def counted_hashing() -> Iterator[list[str]]:
    """The passwords that were hashed inside, one entry for each time."""
    hashed: list[str] = []
    original = MD5PasswordHasher.encode

    def encode(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return original(self, password, salt)

    with patch.object(MD5PasswordHasher, "encode", encode):
        yield hashed


def reset_token() -> str:
    """The password reset token in the last letter."""
    found = re.search(r"^token: (\S+)$", mail.outbox[-1].body, re.MULTILINE)
    assert found, mail.outbox[-1].body
    return found[1]


def verification_token_of_letter() -> str:
    """The token in the last confirmation letter."""
    found = re.search(r"to the API:\n(\S+)\n", mail.outbox[-1].body)
    assert found, mail.outbox[-1].body
    return found[1]


def subjects() -> list[str]:
    """The subjects of the letters sent so far."""
    return [letter.subject for letter in mail.outbox]


def picture(kind: str = "PNG", size: tuple[int, int] = (60, 40), mode: str = "RGB", **options: Any) -> bytes:
    """A real picture, red on the left and blue on the right."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 2, 0, size[0], size[1]))
    out = io.BytesIO()
    image.convert(mode).save(out, kind, **options)
    return out.getvalue()


def actions() -> list[str]:
    """The actions in the audit trail, oldest first."""
    return list(AuditEntry.objects.order_by("created_at", "id").values_list("action", flat=True))


def last_entry(action: str) -> AuditEntry:
    """The newest audit entry of an action."""
    return AuditEntry.objects.filter(action=action).latest("created_at")


def soon(condition: Callable[[], bool], within: float = 1.0) -> float:
    """Wait until `condition` holds; how long it took. Fails after `within` seconds."""
    started = time.monotonic()
    while True:
        if condition():
            return time.monotonic() - started
        waited = time.monotonic() - started
        assert waited < within, f"still not so after {waited:.2f} s"
        time.sleep(0.01)


def error_of(response: Any) -> tuple[int, str]:
    """The status and stable code of a refusal."""
    return response.status_code, response.json()["error"]["code"]


def fields_of(response: Any) -> dict[str, str]:
    """Field -> code of a 400."""
    assert response.status_code == 400, response.content
    return {item["field"]: item["code"] for item in response.json()["error"]["details"]}
