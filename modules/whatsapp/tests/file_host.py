"""Somebody's web server with a file that is to be sent, and what the tests of fetching share."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.utils import timezone

from analytics.models import UsageStats
from core.tests.file_samples import PDF
from core.tests.support import http_server
from modules.whatsapp.choices import MessageType
from modules.whatsapp.models import Media, Message
from modules.whatsapp.services import messages
from modules.whatsapp.services.media import Source
from modules.whatsapp.services.messages import Draft
from modules.whatsapp.tests.factories import ALICE, connected, fetch_all, reload

Step = Callable[[BaseHTTPRequestHandler], None]


class Host:
    """Somebody's web server: each request gets the next step, the last one again and again."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.over = threading.Event()
        self.port = 0
        self.seen: list[Any] = []

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.place}/file"

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        try:
            step(handler)
        except OSError:
            handler.close_connection = True


def reply(status: int = 200, body: bytes = PDF, **headers: str) -> Step:
    def step(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return step


def redirect(to: str) -> Step:
    return reply(302, b"", Location=to)


def broken_off(handler: BaseHTTPRequestHandler) -> None:
    reply(200, PDF, Content_Length=str(len(PDF) + 100))(handler)
    handler.close_connection = True


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Larger than it may be, without a word of how large."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(10_000):
        handler.wfile.write(PDF * 10)


@pytest.fixture
def host(settings) -> Iterator[Host]:
    """A host that may be called although it is on loopback."""
    made = Host()
    with http_server(made.take) as server:
        made.port, made.seen = server.server_port, server.seen
        settings.OUTGOING_ALLOWED_PRIVATE = frozenset([made.place])
        settings.WHATSAPP_MEDIA_TIMEOUT_SECONDS = 5.0
        made.steps = [reply()]
        yield made
        made.over.set()


def send_file(user, url: str, kind: MessageType = MessageType.DOCUMENT, filename: str = "") -> Message:
    draft = Draft(kind, "look", media=Source(kind, url=url, filename=filename))
    return messages.send(user_id=user.pk, environment="live", recipient=ALICE, draft=draft)


def wanted(user, url: str, kind: MessageType = MessageType.DOCUMENT) -> Media:
    """A file that is to be fetched, of a message that waits for it."""
    connected(user)
    return send_file(user, url, kind).media


def fetched(media: Media) -> tuple[str, str]:
    """How it stands after one look, and why."""
    fetch_all()
    found = reload(media)
    assert bool(found.file) is (found.status == "ready")
    return found.status, found.error_code


def later() -> None:
    Media.objects.update(due_at=timezone.now() - timedelta(seconds=1))


def used(user) -> tuple[int, int]:
    stats = UsageStats.objects.filter(user=user).first()
    return (stats.messages_sent, stats.media_sent) if stats else (0, 0)
