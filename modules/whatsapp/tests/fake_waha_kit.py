"""What the tests of the WAHA driver share."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.utils import timezone

from modules.whatsapp.choices import MessageType, SessionStatus
from modules.whatsapp.gateways.base import Attachment, GatewayError, Link, Outgoing
from modules.whatsapp.gateways.waha import Waha
from modules.whatsapp.tests import fake_waha_hooks as hooks
from modules.whatsapp.tests.fake_waha import API_KEY, HMAC_KEY, FakeWaha, running

WAHA = Waha()
NAME = "atl_0001"
NUMBER = "+15550123456"
CHAT = "15550123456@c.us"
KEY = "3EB0A1B2C3D4E5F6A7B8"


@pytest.fixture
def fake(settings) -> Iterator[FakeWaha]:
    """The operator's server, on a private address."""
    with running(FakeWaha()) as made:
        settings.WHATSAPP_WAHA_URL = made.url + "/"
        settings.WHATSAPP_WAHA_API_KEY = API_KEY
        settings.WHATSAPP_WAHA_HMAC_KEY = HMAC_KEY
        settings.WHATSAPP_TIMEOUT_SECONDS = 10.0
        settings.WHATSAPP_MEDIA_TIMEOUT_SECONDS = 10.0
        yield made
        assert made.violations == []


@pytest.fixture
def linked(fake) -> FakeWaha:
    """The same with a session that is connected."""
    WAHA.start(link())
    fake.become(NAME, "WORKING", tell=False)
    return fake


def link(
    *, secrets: dict[str, str] | None = None, status: str = SessionStatus.CONNECTING, age: float = 0.0, pairing_number: str = ""
) -> Link:
    """A session as the driver sees it."""
    since = timezone.now() - timedelta(seconds=age)
    return Link(NAME, secrets or {}, {}, status, since, "http://127.0.0.1:9/hook", pairing_number)


def text(content: str = "hello", **more: Any) -> Outgoing:
    """A text to send."""
    return Outgoing(uuid.uuid4(), NUMBER, MessageType.TEXT, content, **more)


def media(kind: MessageType, mime_type: str, **more: Any) -> Outgoing:
    """A file to send."""
    return Outgoing(uuid.uuid4(), NUMBER, kind, "look", attachment=Attachment(b"\x00\xffbytes", mime_type, "näme.bin"), **more)


def refused(do: Callable[[], Any]) -> GatewayError:
    """How a call is refused; whatever it was, nothing of what was asked or answered is in it."""
    with pytest.raises(GatewayError) as caught:
        do()
    shown = f"{caught.value} {caught.value.code} {caught.value.message} {caught.value.args}"
    assert "SECRET" not in shown
    assert API_KEY not in shown
    return caught.value


def told(event: str, inner: Any, **more: Any) -> list[Any]:
    """What is read of a call, through the JSON of the inbox."""
    payload = {**hooks.envelope(event, "atl_1", inner), **more}
    parts = WAHA.split_hook(payload)
    return [word for part in parts for word in WAHA.read(orjson.loads(orjson.dumps(part.payload)))]
