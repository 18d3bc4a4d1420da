"""What the tests of the Cloud API's driver share."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from django.utils import timezone

from modules.whatsapp.choices import MessageType
from modules.whatsapp.gateways.base import Attachment, Link, Outgoing
from modules.whatsapp.tests.fake_cloud_api import APP_SECRET, NUMBER_ID, TOKEN, FakeCloudAPI, running

RECIPIENT = "+393331234567"
PDF = Attachment(b"%PDF-1.7\r\n\x00\r\n--\r\n%%EOF", "application/pdf", "Prüfung.pdf")


def serving(settings: Any) -> Iterator[FakeCloudAPI]:
    """A fake that the settings name as Meta's; at the end nothing may have been wrong with what it was asked."""
    with running(FakeCloudAPI()) as cloud:
        settings.WHATSAPP_CLOUD_API_URL = cloud.api
        settings.WHATSAPP_CLOUD_API_APP_SECRET = APP_SECRET
        settings.WHATSAPP_TIMEOUT_SECONDS = settings.WHATSAPP_MEDIA_TIMEOUT_SECONDS = 5.0
        yield cloud
        assert cloud.violations == []


def link(**secrets: str) -> Link:
    """A session with its number and token; others where named."""
    known = {"phone_number_id": NUMBER_ID, "access_token": TOKEN}
    return Link("shop", known | secrets, {}, "connected", timezone.now(), "https://example.com/hook")


def outgoing(content: str = "Hello", kind: MessageType = MessageType.TEXT, **more: Any) -> Outgoing:
    """A message to RECIPIENT."""
    return Outgoing(uuid4(), RECIPIENT, kind, content, **more)
