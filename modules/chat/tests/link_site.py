"""Somebody's web site that messages link to: it may misbehave."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.utils import timezone

from core.tests.support import http_server
from modules.chat.models import LinkPreview
from modules.chat.previewing import LinkPreviewer

Step = Callable[[BaseHTTPRequestHandler], None]
PAGE = b"""<!DOCTYPE html><html><head><title>A boat</title><meta property="og:description" content="It floats.">
<meta property="og:site_name" content="Harbour news"></head><body><title>not this</title></body></html>"""


class Site:
    """Each request gets the next step, the last one again and again."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.over = threading.Event()
        self.port = 0
        self.seen: list[Any] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/boat"

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        try:
            step(handler)
        except OSError:
            handler.close_connection = True


def page(body: bytes = PAGE, status: int = 200, **headers: str) -> Step:
    def step(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": "text/html", "Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return step


def redirect(to: str) -> Step:
    return page(b"", 302, Location=to)


def without_end(first: bytes, then: bytes = b"") -> Step:
    """A page that does not end: it goes on with `then`, or says no more."""

    def step(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.end_headers()
        handler.wfile.write(first)
        for _ in range(10_000):
            if not then:
                handler.server.over.wait(20)
                return
            handler.wfile.write(then)

    return step


@pytest.fixture
def site(settings) -> Iterator[Site]:
    """A site that may be called although it is on loopback."""
    made = Site()
    with http_server(made.take) as server:
        made.port, made.seen, server.over = server.server_port, server.seen, made.over
        settings.OUTGOING_ALLOWED_PRIVATE = frozenset([f"127.0.0.1:{made.port}"])
        made.steps = [page()]
        yield made
        made.over.set()


def look_all() -> int:
    """Let the loop work until nothing is due; how many pages were looked at."""
    loop = LinkPreviewer()
    looked = loop.drain()
    loop.turn()
    loop.finish()
    return looked


def later(minutes: int = 10) -> None:
    LinkPreview.objects.filter(status="pending").update(due_at=timezone.now() - timedelta(minutes=minutes))
