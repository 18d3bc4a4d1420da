"""Short words for the tests of the WhatsApp endpoints."""

import contextlib
import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.apps import apps
from PIL import Image

from analytics.models import UsageStats
from core.models import AuditEntry

SESSIONS = "/api/v1/sessions/"
MESSAGES = "/api/v1/messages/"
BULKS = "/api/v1/messages/bulks/"
MEDIA = "/api/v1/messages/media/"
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


def everything() -> dict[str, Any]:
    """All rows of the module, what was counted and what was noted for auditors."""
    models = [*apps.get_app_config("whatsapp").get_models(), UsageStats, AuditEntry]
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


def sent_today(user: Any) -> int:
    """How many messages count against the person's quota, over all days."""
    return sum(UsageStats.objects.filter(user=user).values_list("messages_sent", flat=True))


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 6), **options: Any) -> bytes:
    """A small picture."""
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind, **options)
    return out.getvalue()


def ids(response: Any) -> list[str]:
    """The ids a list shows, in order."""
    assert response.status_code == 200, response.json()
    return [row["id"] for row in response.json()["data"]]


@contextlib.contextmanager
def serving(settings: Any, content: bytes, status: int = 200) -> Iterator[str]:
    """A server on loopback that may be called and has one file: its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    settings.OUTGOING_ALLOWED_PRIVATE = settings.OUTGOING_ALLOWED_PRIVATE | {f"127.0.0.1:{server.server_port}"}
    try:
        yield f"http://127.0.0.1:{server.server_port}/file.png"
    finally:
        server.shutdown()
        server.server_close()
